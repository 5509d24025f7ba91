// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Structs and unions: nested, anonymous, self-referring, packed, over-aligned and empty ones.
//
// build: gcc-x86_64 2,3,4,5
// build: gcc-aarch64,gcc-s390x,gcc-i686,gcc-powerpc 4,5
// build: clang-x86_64 4,5
// build: clang-aarch64 5

struct list {
	struct list *next, *prev;
};

struct empty {
};

struct outer {
	int id;
	struct {
		int q;
		union {
			int w;
			long e;
		};
	};
	struct inner {
		char tag;
		struct list link;
	} in;
	union {
		void *ptr;
		struct inner *peer;
		unsigned char raw[8];
	} u;
	struct empty nothing;
	struct outer *self;
};

struct __attribute__((packed)) packed {
	char c;
	int i;
	long long l;
};

struct aligned {
	char c;
	int i __attribute__((aligned(32)));
};

union value {
	long long l;
	double d;
	struct packed p;
	struct {
		short lo, hi;
	} half;
};

typedef struct {
	int only_a_typedef;
} unnamed_t;

struct outer outer = {.id = 1};
struct packed packed = {1, 2, 3};
struct aligned aligned = {1, 2};
union value value = {1};
unnamed_t unnamed = {1};
