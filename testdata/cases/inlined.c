// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Abstract origins: inlined everywhere, inlined and kept out of line, never used, split in
// hot and cold ranges. Parameters of the concrete instance come from the abstract one.
//
// build: gcc-x86_64 2,4,5
// build: gcc-aarch64,gcc-s390x,gcc-i686,gcc-powerpc,clang-x86_64,clang-aarch64 5

volatile int sink;
extern void slow(int) __attribute__((cold, noinline));
void slow(int n) { sink = n; }

static inline int never_used(int gone) { return gone; }
static inline int always_inlined(int x, int y) { return x * y + 1; }
int inlined_and_external(int left, int right)
{
	struct local_pair {
		int l, r;
	} p = {left, right};

	return p.l * 7 - p.r;
}
static int inlined_and_pointed(const int *restrict p) { return *p + 2; }
int (*pointed)(const int *) = inlined_and_pointed;

int hot_and_cold(int n)
{
	if (__builtin_expect(n < 0, 0)) {
		slow(n);
		slow(n + 1);
		return -1;
	}
	return always_inlined(n, 3) + inlined_and_external(n, 4);
}

int user(int n) { return always_inlined(n, n) + inlined_and_external(n, 2) + inlined_and_pointed(&n); }

// Relocatable too; here, where it moves no line.
// build: gcc-x86_64 4,5 as=rel link=no
// build: gcc-i686,gcc-powerpc,gcc-riscv64,clang-aarch64 5 as=rel link=no
