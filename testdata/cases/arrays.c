// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Arrays: one and more dimensions, unknown and zero length, flexible members, arrays of pointers,
// arrays behind typedefs, vectors.
//
// build: gcc-x86_64 2,4,5
// build: gcc-aarch64,gcc-s390x,gcc-i686,gcc-powerpc 5
// build: clang-x86_64 4,5

typedef int row_t[4];
typedef float vec4 __attribute__((vector_size(16)));

struct tail {
	unsigned n;
	short items[];
};

struct zero {
	int n;
	long none[0];
	char name[16];
};

int one[5] = {1};
int two[3][4] = {{1}};
unsigned char three[2][3][5] = {{{1}}};
row_t rows[6] = {{1}};
const char *names[2] = {"a", "b"};
int (*to_array)[7];
int (*handlers[2][2])(int (*)[3], row_t);
vec4 vector = {1, 2, 3, 4};
struct tail tail = {1};
struct zero zero = {1};
extern struct tail unknown[];
struct tail (*use_unknown)[] = &unknown;
struct tail unknown[1] = {{2}};

int sum(int n, int grid[n][n], int flat[static 3])
{
	int total = flat[0];

	for (int i = 0; i < n; i++)
		total += grid[i][i];
	return total;
}
