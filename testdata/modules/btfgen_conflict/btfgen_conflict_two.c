// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The unit that btfgen_conflict_one.c is in conflict with. */
#include <linux/types.h>

struct btfgen_conflict_item {
	struct btfgen_conflict_item *next;
	u32 key[2];
};

typedef u64 btfgen_conflict_key;

u32 btfgen_conflict_other(u32 a);

static noinline u32 btfgen_conflict_hash(u32 a)
{
	return a * 37;
}

struct btfgen_conflict_item btfgen_conflict_last;
btfgen_conflict_key btfgen_conflict_last_key;

u32 btfgen_conflict_other(u32 a)
{
	return btfgen_conflict_hash(a) + btfgen_conflict_last_key + btfgen_conflict_last.key[0];
}
