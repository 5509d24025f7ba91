// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One name, two prototypes, one symbol: unit 1 inlines its function everywhere, unit 2 keeps
// another one of that name. u32 against unsigned int and void against const void differ
// (encode.md 4.6); a declared struct against its definition does not.
//
// units: 2
// build: gcc-x86_64 5
// build: clang-x86_64,gcc-s390x 5

typedef unsigned int u32;
struct item {
	int a;
};
struct gone;
#if UNIT == 1
#define KIND static inline __attribute__((always_inline))
KIND int takes_ptr(void *p) { return p != 0; }
KIND u32 takes_u32(u32 n) { return n + 1; }
KIND int count(int a) { return a; }
KIND int takes_fwd(struct item *p, struct gone *g) { return p->a + (g != 0); }
int user(struct item *p, struct gone *g, u32 n) { return takes_ptr(p) + takes_u32(n) + count(p->a) + takes_fwd(p, g); }
#else
#define KIND __attribute__((noinline, used)) static
struct gone {
	int known_here;
};
KIND int takes_ptr(const void *p) { return p != 0; }
KIND unsigned int takes_u32(unsigned int n) { return n + 2; }
KIND int count(int a, int b) { return a + b; }
KIND int takes_fwd(struct item *p, struct gone *g) { return p->a - (g != 0) + g->known_here; }
#endif
