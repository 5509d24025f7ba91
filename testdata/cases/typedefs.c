// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Typedef chains and every order of const, volatile and restrict, on void as well.
//
// build: gcc-x86_64 3,4,5
// build: gcc-s390x,gcc-i686,clang-x86_64 5

typedef unsigned int u32;
typedef u32 counter_t;
typedef const counter_t frozen_t;
typedef struct node node_t;
typedef node_t *node_p;
typedef void nothing_t;
typedef int (*compare_t)(const void *, const void *);

struct node {
	node_p next;
	frozen_t stamp;
	volatile counter_t *const hits;
	const volatile void *raw;
	compare_t cmp;
};

counter_t counter = 1;
frozen_t frozen = 2;
const int read_only = 3;
volatile int hardware = 4;
const volatile long both = 5;
nothing_t *anything;
const void *const constant_pointer = &counter;
node_t node = {.stamp = 1};

void copy(char *restrict to, const char *restrict from, const u32 n)
{
	for (u32 i = 0; i < n; i++)
		to[i] = from[i];
}
