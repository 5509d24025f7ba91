// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// global_var: which variables have a fixed address and a type, and which are left out (register,
// thread-local, function static, only declared). An array's definition wins over its declaration.
//
// build: gcc-x86_64 3,4,5
// build: gcc-aarch64,gcc-s390x,gcc-i686,gcc-powerpc,clang-x86_64 5

struct point {
	int x, y;
};

extern int defined_later[];
extern struct point elsewhere __attribute__((weak));
int defined_later[4] = {1};
int initialised = 1;
int zeroed;
static int local = 2;
const int constant = 3;
static const int folded = 4;
struct point point = {1, 2};
const struct point *volatile where = &point;
__attribute__((weak)) int weak_variable = 5;
__attribute__((section(".my.section"))) int in_section = 6;
static __thread int thread_local;
static struct point unused_static;

int *bump(int n)
{
	static int counter;
	register int in_register = n * 2;

	counter += in_register + local + folded + thread_local;
	local = counter;
	thread_local++;
	return &elsewhere ? &elsewhere.x : &counter;
}

// Relocatable too; here, where it moves no line.
// build: gcc-x86_64,clang-x86_64 5 as=rel link=no
