// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// gcc's clones: isra takes members in place of a pointer, constprop a constant, part and cold
// split a body in two. Which names may be kept depends on the suffix (encode.md 4.1, 4.6).
//
// build: gcc-x86_64,gcc-aarch64,gcc-s390x 5
// build: gcc-x86_64 4

struct pair {
	long a, b, c;
};

volatile long sink;
extern void cold_path(long) __attribute__((cold, noinline));
void cold_path(long n) { sink = n; }

static __attribute__((noinline)) long by_member(struct pair *p, int unused) { return p->a * 3 + p->b; }
static __attribute__((noinline)) long by_const(long x, int mode)
{
	for (int i = 0; i < mode; i++)
		sink = x * i;
	return x + mode;
}

static __attribute__((noinline)) long shifted(int unused, long x, long y) { return x - y * 2; }

long split(struct pair *p, long n)
{
	if (__builtin_expect(n > 100, 0)) {
		cold_path(n);
		sink = p->c;
		cold_path(n + 1);
		sink = p->b;
		return -1;
	}
	return p->a + n;
}

long entry(struct pair *p, long n)
{
	return by_member(p, 1) + by_member(p + 1, 2) + by_const(n, 7) + by_const(n + 1, 7) + shifted(1, n, p->a) +
	       shifted(2, p->b, n) + split(p, n);
}

// Relocatable too; here, where it moves no line.
// build: gcc-x86_64,gcc-aarch64,gcc-riscv64 5 as=rel link=no
