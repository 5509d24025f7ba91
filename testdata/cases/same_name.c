// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Two units with static functions of one name: equal prototypes but two addresses, different
// prototypes, and a weak definition beside the strong one (encode.md 11.2). zdup sorts last.
//
// units: 2
// build: gcc-x86_64 4,5
// build: gcc-aarch64,gcc-s390x,gcc-i686,gcc-powerpc,clang-x86_64,clang-aarch64 5

__attribute__((noinline, used)) static int dup(int x) { return x + UNIT; }
__attribute__((noinline, used)) static int zdup(int x) { return x * UNIT; }
#if UNIT == 1
__attribute__((noinline, used)) static int dupx(int x) { return x - UNIT; }
__attribute__((weak, noinline)) int wf(int weak_name) { return weak_name; }
int entry1(int n) { return dup(n) + dupx(n) + zdup(n) + wf(n); }
#else
__attribute__((noinline, used)) static int dupx(long x) { return (int)x - UNIT; }
int wf(int strong_name) { return strong_name + 1; }
int entry2(int n) { return dup(n) + dupx(n) + zdup(n); }
#endif

// Relocatable too; here, where it moves no line.
// build: gcc-x86_64,gcc-powerpc,clang-x86_64 5 as=rel link=r
