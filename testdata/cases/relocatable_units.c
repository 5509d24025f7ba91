// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Two objects joined by ld -r, as a kernel module is: strings twice, one name twice.
//
// units: 2
// build: gcc-x86_64 4,5 link=r
// build: gcc-aarch64,gcc-s390x,gcc-i686,gcc-riscv64,clang-x86_64 5 link=r

__attribute__((noinline, used)) static int dup(int x) { return x + UNIT; }
__attribute__((noinline, used)) static int zdup(int x) { return x * UNIT; }
#if UNIT == 1
__attribute__((noinline, used)) static int dupx(int x) { return x - UNIT; }
__attribute__((weak, noinline)) int wf(int weak_name) { return weak_name; }
#else
__attribute__((noinline, used)) static int dupx(long x) { return (int)x - UNIT; }
int wf(int strong_name) { return strong_name + 1; }
#endif
