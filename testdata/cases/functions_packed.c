// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A packed struct on the stack, plain, const and behind a typedef: its place is uncertain
// (encode.md 4.5), an ordinary one's is not.
//
// build: gcc-x86_64 4,5
// build: gcc-aarch64,gcc-s390x,clang-x86_64 5

struct __attribute__((packed)) pk {
	char c;
	long l;
	short s[5];
};
typedef struct pk pk_t;
struct normal {
	long a, b, c;
};
union __attribute__((packed)) upk {
	char c[21];
	int i;
};

long packed_last(long a, long b, long c, long d, long e, long f, struct pk p) { return a + b + c + d + e + f + p.l; }
long packed_const(long a, long b, long c, long d, long e, long f, const struct pk p) { return a + f + p.l; }
long packed_typedef(long a, long b, long c, long d, long e, long f, pk_t p) { return a + f + p.l; }
long packed_union(long a, long b, long c, long d, long e, long f, union upk p) { return a + f + p.i; }
long packed_pointer(long a, long b, long c, long d, long e, long f, struct pk *p) { return a + f + p->l; }
long normal_last(long a, long b, long c, long d, long e, long f, struct normal n) { return a + f + n.b; }
long packed_first(struct pk p, long a) { return p.l + a; }
