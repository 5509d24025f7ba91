// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A static function that the optimiser gives fewer parameters: gcc names the clone
// foo.constprop.0, clang keeps the name (encode.md 11.1).
//
// build: gcc-x86_64 4,5
// build: gcc-aarch64,gcc-s390x,gcc-i686,gcc-powerpc 5
// build: clang-x86_64,clang-aarch64 5

__attribute__((noinline)) int bar(int a, int b) { return a + 1; }
__attribute__((noinline)) static int foo(int a, int b, int c) { return a * b - a - b; }
int a, b, c;
int entry(void) { return bar(a, c) + foo(a, b, c); }

// Relocatable too; here, where it moves no line.
// build: gcc-x86_64,gcc-i686 5 as=rel link=no
// build: gcc-riscv64 4,5 as=rel link=no
// build: clang-x86_64 5 as=rel link=no
