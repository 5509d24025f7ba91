// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Definitions without a prototype, without parameter names, and that do not return.
//
// build: gcc-x86_64 4,5 -std=gnu2x
// build: clang-x86_64 5 -std=gnu2x

int named(int a, int b) { return a + b; }
int unnamed(int, int b) { return b; }
_Noreturn void stop(void) { for (;;) ; }
int (*no_prototype)(void *);
