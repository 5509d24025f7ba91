// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A variable of a discarded section keeps its DWARF with address 0, where the per-CPU section
// starts too: only the symbol table tells that it is not there (encode.md 5, rule 8).
//
// script: percpu.ld
// build: gcc-x86_64 4,5
// build: gcc-s390x 5

__attribute__((section(".data..percpu"), used)) int kept = 1;
__attribute__((section(".data..percpu"), used)) int kept_too = 2;
__attribute__((section(".discard"), used)) static int discarded = 3;
__attribute__((section(".discard"), used)) static long discarded_too = 4;
