// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Several symbols at one address: an alias is not ambiguous. Symbols that are no functions,
// and an indirect function, do not count.
//
// build: gcc-x86_64 5
// build: clang-x86_64 5

int real(int x) { return x + 1; }
int other_name(int x) __attribute__((alias("real")));
int weak_name(int x) __attribute__((weak, alias("real")));

static int chosen(int x) { return x - 1; }
static int (*resolve(void))(int) { return chosen; }
int indirect(int x) __attribute__((ifunc("resolve")));
