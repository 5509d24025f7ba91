// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Link-time optimisation: references between units (DW_FORM_ref_addr), imported units.
//
// units: 3
// build: gcc-x86_64 4,5 -flto=1
// build: gcc-s390x 5 -flto=1
// build: clang-x86_64 5 -flto

struct shared {
	struct shared *next;
	int value;
};
typedef struct {
	struct shared *head;
} queue_t;

int second(struct shared *s, int unused);
int third(queue_t *q);
#if UNIT == 1
queue_t queue;
__attribute__((used, noinline)) int first(queue_t *q) { return second(q->head, 1) + third(q); }
#elif UNIT == 2
static int helper(struct shared *s) { return s->value * 2; }
__attribute__((used, noinline)) int second(struct shared *s, int unused) { return helper(s) + 1; }
#else
__attribute__((used)) int third(queue_t *q) { return q->head->value + second(q->head, 2); }
#endif
