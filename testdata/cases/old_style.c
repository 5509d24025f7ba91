// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// K&R definitions and empty parameter lists: gcc writes unspecified_parameters.
//
// build: gcc-x86_64 3,5 -std=gnu89
// build: gcc-s390x 5 -std=gnu89

int empty() { return 1; }
int typed(a, b) int a; long b; { return a + (int)b; }
int (*pointer)() = empty;
implicit() { return 2; }
