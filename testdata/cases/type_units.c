// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Types in units of their own, found by signature: .debug_types in DWARF 4, DW_UT_type in DWARF 5.
//
// units: 2
// build: gcc-x86_64 4,5 -fdebug-types-section
// build: gcc-s390x,gcc-i686 4,5 -fdebug-types-section
// build: clang-x86_64 4,5 -fdebug-types-section

#define GLUE2(a, b) a##b
#define GLUE(a, b) GLUE2(a, b)

enum color { RED = -1, GREEN, BLUE };
struct node {
	struct node *next;
	struct payload {
		enum color color;
		union {
			long l;
			char c[8];
		} u;
	} payload;
};
union both {
	struct node n;
	struct payload p;
};

struct node GLUE(node, UNIT);
union both GLUE(both, UNIT);
enum color GLUE(paint, UNIT)(struct node *n, union both *b) { return n->payload.color + b->p.color; }

// Relocatable too; here, where it moves no line.
// build: gcc-x86_64 4,5 as=rel link=r -fdebug-types-section
// build: clang-x86_64 5 as=rel link=r -fdebug-types-section
