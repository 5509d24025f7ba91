// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A C unit and an assembler unit in one image: the second has no types.
//
// also: assembly.S
// build: gcc-x86_64 4,5
// build: gcc-aarch64,gcc-s390x 5

int from_assembly(void);
int call(int n) { return n + from_assembly(); }
