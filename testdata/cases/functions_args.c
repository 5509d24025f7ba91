// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Where parameters lie: structs by value in registers, in two registers, on the stack; more
// parameters than registers; floating point; 16-byte integers.
//
// build: gcc-x86_64,gcc-aarch64,gcc-s390x 4,5
// build: gcc-i686,gcc-powerpc,clang-x86_64,clang-aarch64 5

struct one {
	long a;
};
struct two {
	long a, b;
};
struct big {
	long a, b, c;
};
struct small {
	char c[3];
};

long by_one(struct one s, long x) { return s.a + x; }
long by_two(struct two s, long x) { return s.a + s.b + x; }
long by_big(struct big s, long x) { return s.c + x; }
long by_small(struct small s, long x) { return s.c[1] + x; }
struct big give_big(long a) { return (struct big){a, a, a}; }
long eight(long a, long b, long c, long d, long e, long f, long g, long h) { return a + b + c + d + e + f + g + h; }
long two_at_end(long a, long b, long c, long d, long e, struct two s) { return a + b + c + d + e + s.a + s.b; }
long unused_two(struct two s, long x) { return x; }
int bytes(char a, signed char b, unsigned short c, _Bool d) { return a + b + c + d; }
double floats(double x, int n, float y) { return x + y + n; }
