// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Variables of .data..percpu become VAR and DATASEC: external, static, arrays, structs, at
// offset 0, of size 0. Those of other sections only with global_var.
//
// script: percpu.ld
// build: gcc-x86_64 4,5
// build: gcc-x86_64 5 as=dwarf64 -gdwarf64
// build: gcc-aarch64,gcc-s390x,gcc-i686,gcc-powerpc,clang-x86_64 5

#define PERCPU __attribute__((section(".data..percpu"), used))

struct stat {
	unsigned long hits, misses;
};
struct empty {
};

PERCPU int first = 1;
PERCPU static long second = 2;
PERCPU struct stat stats[2] = {{1, 2}};
PERCPU static const char *label = "x";
PERCPU struct empty zero_sized;
PERCPU int __UNIQUE_ID_skipped = 3;
PERCPU int __exitcall_skipped = 4;
extern PERCPU int declared_first;
PERCPU int declared_first = 5;
int ordinary = 6;
static int bss[4] __attribute__((used));

long read(int n) { return first + second + stats[n].hits + (label != 0) + declared_first + ordinary; }

// Relocatable too; here, where it moves no line.
// build: gcc-x86_64 4,5 as=rel link=no
// build: gcc-s390x,gcc-powerpc,gcc-riscv64,clang-x86_64 5 as=rel link=no
