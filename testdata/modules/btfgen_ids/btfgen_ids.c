// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A module whose .BTF_ids has every shape that include/linux/btf_ids.h can make, for scripts/check-chain.sh. It is never
 * loaded: nothing here is registered. Compiles with headers from 6.12 on.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/module.h>

/* What a kernel does not know yet is no flag. */
#ifndef KF_FASTCALL /* before 6.12 */
#define KF_FASTCALL 0
#endif
#ifndef KF_ARENA_RET /* before 6.17 */
#define KF_ARENA_RET 0
#define KF_ARENA_ARG1 0
#define KF_ARENA_ARG2 0
#endif
#ifndef KF_IMPLICIT_ARGS /* before 7.0 */
#define KF_IMPLICIT_ARGS 0
#endif

struct btfgen_ids_item {
	struct btfgen_ids_item *next;
	u64 key;
};

union btfgen_ids_word {
	u32 whole;
	u8 bytes[4];
};

typedef struct {
	union btfgen_ids_word word;
	struct btfgen_ids_item *first;
} btfgen_ids_table_t;

/* Pointed to and not defined, so that BTF has a FWD of it, which no ID is given for. */
struct btfgen_ids_hidden;

btfgen_ids_table_t btfgen_ids_table;
struct btfgen_ids_hidden *btfgen_ids_hidden;

__bpf_kfunc_start_defs();

__bpf_kfunc u32 btfgen_ids_plain(u32 a)
{
	return a + btfgen_ids_table.word.whole;
}

__bpf_kfunc struct btfgen_ids_item *btfgen_ids_get(u64 key)
{
	return btfgen_ids_table.first;
}

__bpf_kfunc void btfgen_ids_put(struct btfgen_ids_item *item)
{
	btfgen_ids_table.first = item;
}

__bpf_kfunc u64 btfgen_ids_fast(void)
{
	return btfgen_ids_table.word.bytes[1];
}

__bpf_kfunc void *btfgen_ids_arena(void *from, void *to, u32 size)
{
	return from == to ? NULL : to + size;
}

/* A pointer into an arena by its name. */
__bpf_kfunc int btfgen_ids_named(u64 *value__arena)
{
	return !value__arena;
}

/* Behind the hidden argument nothing is left of the prototype. */
__bpf_kfunc int btfgen_ids_supplied(u32 a, struct bpf_prog_aux *aux, u32 lost)
{
	return a + lost + !aux;
}

__bpf_kfunc_end_defs();

/* The same kfuncs in two sets, in opposite order: IDs sort them, and the flags go along. */
BTF_KFUNCS_START(btfgen_ids_all)
BTF_ID_FLAGS(func, btfgen_ids_supplied, KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, btfgen_ids_put, KF_RELEASE)
BTF_ID_FLAGS(func, btfgen_ids_plain)
BTF_ID_FLAGS(func, btfgen_ids_named)
BTF_ID_FLAGS(func, btfgen_ids_get, KF_ACQUIRE | KF_RET_NULL)
BTF_ID_FLAGS(func, btfgen_ids_fast, KF_FASTCALL)
BTF_ID_FLAGS(func, btfgen_ids_arena, KF_ARENA_RET | KF_ARENA_ARG1 | KF_ARENA_ARG2)
BTF_KFUNCS_END(btfgen_ids_all)

BTF_KFUNCS_START(btfgen_ids_some)
BTF_ID_FLAGS(func, btfgen_ids_fast, KF_FASTCALL)
BTF_ID_FLAGS(func, btfgen_ids_get, KF_ACQUIRE | KF_RET_NULL)
BTF_ID_FLAGS(func, btfgen_ids_put, KF_RELEASE)
BTF_KFUNCS_END(btfgen_ids_some)

BTF_KFUNCS_START(btfgen_ids_none)
BTF_KFUNCS_END(btfgen_ids_none)

/* With flags, and not of kfuncs. */
BTF_SET8_START(btfgen_ids_flagged)
BTF_ID_FLAGS(func, btfgen_ids_plain, KF_SLEEPABLE)
BTF_ID_FLAGS(func, btfgen_ids_get, KF_ACQUIRE)
BTF_SET8_END(btfgen_ids_flagged)

BTF_SET_START(btfgen_ids_sorted)
BTF_ID(func, btfgen_ids_put)
BTF_ID(struct, btfgen_ids_item)
BTF_ID(func, btfgen_ids_missing)
BTF_ID(func, btfgen_ids_get)
BTF_SET_END(btfgen_ids_sorted)

/* The kernel's types, its own, some that there are not, of two, and places for which nothing is asked. */
BTF_ID_LIST(btfgen_ids_list)
BTF_ID(struct, task_struct)
BTF_ID_UNUSED
BTF_ID(struct, module)
BTF_ID(union, btfgen_ids_word)
BTF_ID(typedef, btfgen_ids_table_t)
BTF_ID(struct, btfgen_ids_hidden)
BTF_ID_UNUSED
BTF_ID(struct, btfgen_ids__missing__too)
BTF_ID(func, schedule)

BTF_ID_LIST_GLOBAL(btfgen_ids_global, 2)
BTF_ID(struct, btfgen_ids_item)
BTF_ID(struct, task_struct)

BTF_ID_LIST_SINGLE(btfgen_ids_single, func, btfgen_ids_plain)

static int __init btfgen_ids_init(void)
{
	return btfgen_ids_list[0] + btfgen_ids_all.cnt + btfgen_ids_some.cnt + btfgen_ids_none.cnt + btfgen_ids_flagged.cnt +
	       btfgen_ids_sorted.cnt + btfgen_ids_single[0] ? 0 : -EINVAL;
}

static void __exit btfgen_ids_exit(void)
{
}

module_init(btfgen_ids_init);
module_exit(btfgen_ids_exit);
MODULE_DESCRIPTION("IDs of a module's BTF, for btfgen's tests");
MODULE_LICENSE("Dual BSD/GPL");
