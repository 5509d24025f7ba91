// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Declarations that never get a definition: FWD for struct and union, ENUM without values.
//
// build: gcc-x86_64 4,5
// build: gcc-s390x,gcc-i686,clang-x86_64 5

struct hidden;
union hidden_union;
enum hidden_enum;
typedef struct opaque opaque_t;

struct holder {
	struct hidden *s;
	union hidden_union *u;
	enum hidden_enum *e;
	opaque_t *o;
	struct later *l;
};

struct later {
	int now_known;
};

struct holder holder;

void *peek(struct hidden **h, const opaque_t *o) { return *h ? (void *)*h : (void *)o; }
