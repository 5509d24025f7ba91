// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// An object as the compiler leaves it (ET_REL): two functions at offset 0 of two sections.
//
// build: gcc-x86_64 4,5 link=no
// build: gcc-aarch64,gcc-s390x,gcc-i686,gcc-powerpc,gcc-riscv64,clang-x86_64 5 link=no

struct state {
	int now;
	struct state *next;
};
__attribute__((section(".init.text"))) int init(struct state *s) { return s->now; }
int work(struct state *s, long n) { return s->now + (int)n; }
__attribute__((section(".data..percpu"))) int percpu = 1;
struct state state = {1, &state};
