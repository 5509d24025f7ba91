// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Functions that are kept: external, static, recursive, variadic, without parameters, with unused
// ones, address taken. A prototype alone gives nothing.
//
// build: gcc-x86_64 2,3,4,5
// build: gcc-x86_64 5 as=O0 -O0
// build: gcc-aarch64,gcc-s390x,gcc-i686,gcc-powerpc 4,5
// build: clang-x86_64 4,5
// build: clang-aarch64 5

struct arg {
	int a, b;
};

int declared_only(int never);

int external(int a, long b) { return a + (int)b; }
void nothing(void) {}
static __attribute__((noinline, used)) int local(struct arg *p) { return p->a + p->b; }
unsigned long fact(unsigned long n) { return n < 2 ? 1 : n * fact(n - 1); }
int unused(int a, int b, int c) { return b; }
const char *name(const char *const s) { return s + 1; }

long variadic(int n, ...)
{
	__builtin_va_list ap;
	long total = 0;

	__builtin_va_start(ap, n);
	while (n--)
		total += __builtin_va_arg(ap, int);
	__builtin_va_end(ap);
	return total;
}

static int called_by_address(int x) { return x * 3; }
int (*by_address)(int) = called_by_address;
int (*pick(int which))(int) { return which ? by_address : 0; }
