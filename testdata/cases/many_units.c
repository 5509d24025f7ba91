// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Sixteen small units for the tests that vary the number of workers and the order of units.
//
// units: 16
// build: gcc-x86_64 5
// build: gcc-s390x,clang-x86_64 5

#define GLUE2(a, b) a##b
#define GLUE(a, b) GLUE2(a, b)
#define NAME(x) GLUE(x##_, UNIT)

typedef unsigned long size;
struct shared {
	struct shared *next;
	size n;
	struct NAME(own) *own;
};
struct NAME(own) {
	char pad[UNIT];
	struct shared *s;
};
struct clash {
	char c[UNIT / 4 + 1];
	struct clash *next;
};
enum NAME(e) { NAME(E_A) = UNIT, NAME(E_B) = -UNIT };

struct NAME(own) NAME(own_var);
struct clash NAME(clash_var);
enum NAME(e) NAME(e_var) = NAME(E_A);

__attribute__((noinline, used)) static int helper(struct shared *s, int n) { return s->n + n * UNIT; }
#if UNIT % 3 == 0
__attribute__((noinline, used)) static int third(struct clash *c) { return c->c[0] + UNIT; }
#endif
int NAME(entry)(struct shared *s, struct clash *c) { return helper(s, UNIT) + c->c[0]; }
