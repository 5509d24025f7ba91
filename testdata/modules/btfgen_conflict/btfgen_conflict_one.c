// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A module whose units (this one and btfgen_conflict_two.c), and whose kernel, have several definitions of names that its .BTF_ids
 * asks for, for scripts/check-chain.sh. It is never loaded. Compiles with headers from 6.12 on.
 */
#include <linux/btf_ids.h>
#include <linux/module.h>

struct btfgen_conflict_item {
	struct btfgen_conflict_item *next;
	u64 key;
};

typedef u32 btfgen_conflict_key;

/* The kernel has another one, of include/linux/pipe_fs_i.h. */
struct pipe_buffer {
	char *start, *end;
};

struct btfgen_conflict_item *btfgen_conflict_first;
btfgen_conflict_key btfgen_conflict_keys[4];
struct pipe_buffer btfgen_conflict_buffer;

/* The other unit has one too, at another address. */
static noinline u32 btfgen_conflict_hash(u32 a)
{
	return a * 31 + btfgen_conflict_keys[a & 3];
}

/* Those that are missing see to it that there are symbols left, without which resolvers are silent about second definitions. */
BTF_ID_LIST(btfgen_conflict_list)
BTF_ID(struct, btfgen_conflict_item)
BTF_ID(struct, btfgen_conflict_missing)
BTF_ID(struct, pipe_buffer)
BTF_ID(typedef, btfgen_conflict_key)
BTF_ID(typedef, btfgen_conflict_missing)
BTF_ID(func, btfgen_conflict_hash)

static int __init btfgen_conflict_init(void)
{
	return btfgen_conflict_hash(btfgen_conflict_list[0]) ? 0 : -EINVAL;
}

static void __exit btfgen_conflict_exit(void)
{
}

module_init(btfgen_conflict_init);
module_exit(btfgen_conflict_exit);
MODULE_DESCRIPTION("Names with several definitions, for btfgen's tests");
MODULE_LICENSE("Dual BSD/GPL");
