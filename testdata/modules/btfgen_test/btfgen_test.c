// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A module whose BTF has something of everything that a kernel uses module BTF for. Built and
 * loaded by scripts/vmtest.sh; scripts/vmguest expects exactly these types, values and results.
 * Compiles with headers from 6.1 on.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/version.h>

#ifndef __bpf_kfunc /* before 6.3 */
#define __bpf_kfunc __used noinline
#endif
#ifndef __bpf_kfunc_start_defs /* before 6.7 */
#define __bpf_kfunc_start_defs() \
	_Pragma("GCC diagnostic push") \
	_Pragma("GCC diagnostic ignored \"-Wmissing-prototypes\"")
#define __bpf_kfunc_end_defs() _Pragma("GCC diagnostic pop")
#endif
#ifndef BTF_KFUNCS_START /* before 6.9 */
#define BTF_KFUNCS_START BTF_SET8_START
#define BTF_KFUNCS_END BTF_SET8_END
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0) /* there it asks for a reference, which programs have none of to the current task */
#undef KF_TRUSTED_ARGS
#endif
#ifndef KF_TRUSTED_ARGS /* true of all kfuncs from 7.0 on */
#define KF_TRUSTED_ARGS 0
#endif

/* Bit-fields: some share a byte, one is signed, one is wider than an int, a plain member follows. */
struct btfgen_test_bits {
	u32 low : 3;
	u32 middle : 17;
	s32 negative : 5;
	u64 wide : 40;
	u8 plain;
};

/* Types without a tag, which have only a typedef's name. */
typedef struct {
	s32 x;
	s64 y;
} btfgen_test_point_t;

typedef union {
	u32 word;
	struct {
		u16 low;
		u16 high;
	};
} btfgen_test_halves_t;

typedef enum {
	BTFGEN_TEST_LESS = -1,
	BTFGEN_TEST_SAME,
	BTFGEN_TEST_MORE,
} btfgen_test_order_t;

DEFINE_PER_CPU(u32, btfgen_test_calls);
DEFINE_PER_CPU(btfgen_test_point_t, btfgen_test_last);

__bpf_kfunc_start_defs();

/* A place to trace: with arguments whose types are the module's own. */
noinline btfgen_test_order_t btfgen_test_traced(struct btfgen_test_bits *bits, btfgen_test_halves_t *halves, u64 sum)
{
	barrier_data(bits);
	barrier_data(halves);
	return sum < bits->wide ? BTFGEN_TEST_LESS : sum == bits->wide ? BTFGEN_TEST_SAME : BTFGEN_TEST_MORE;
}

__bpf_kfunc u64 btfgen_test_sum(u32 a, u64 b)
{
	struct btfgen_test_bits bits = { .low = 5, .middle = 99999, .negative = -7, .wide = a, .plain = 0xa5 };
	btfgen_test_halves_t halves = { .low = 0x1234, .high = 0x5678 };
	u64 sum = a + b;

	this_cpu_inc(btfgen_test_calls);
	this_cpu_write(btfgen_test_last.x, a);
	this_cpu_write(btfgen_test_last.y, b);
	return btfgen_test_traced(&bits, &halves, sum) == BTFGEN_TEST_LESS ? 0 : sum;
}

__bpf_kfunc int btfgen_test_pid(struct task_struct *task)
{
	return task->pid;
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(btfgen_test_kfuncs)
BTF_ID_FLAGS(func, btfgen_test_sum)
BTF_ID_FLAGS(func, btfgen_test_pid, KF_TRUSTED_ARGS)
BTF_KFUNCS_END(btfgen_test_kfuncs)

/* The order counts here, and an unused place stays zero. */
BTF_ID_LIST(btfgen_test_ids)
BTF_ID(struct, task_struct)
BTF_ID_UNUSED
BTF_ID(typedef, btfgen_test_point_t)
BTF_ID(func, btfgen_test_sum)
BTF_ID(struct, btfgen_test_bits)

/*
 * A table of functions that BPF programs provide. The kernel finds it, and struct
 * bpf_struct_ops_btfgen_test_ops around it, by name in the module's BTF.
 */
struct btfgen_test_ops {
	u64 (*order)(struct task_struct *task, u64 limit);
	u64 limit;
};

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0) /* before, modules cannot have any */
static int btfgen_test_ops_init(struct btf *btf)
{
	return 0;
}

/* Members that are not functions are for the owner of the table to copy. */
static int btfgen_test_ops_init_member(const struct btf_type *t, const struct btf_member *member, void *kdata,
				       const void *udata)
{
	if (__btf_member_bit_offset(t, member) != offsetof(struct btfgen_test_ops, limit) * 8)
		return 0;
	((struct btfgen_test_ops *)kdata)->limit = ((const struct btfgen_test_ops *)udata)->limit;
	return 1;
}

static bool btfgen_test_ops_is_valid_access(int off, int size, enum bpf_access_type type, const struct bpf_prog *prog,
					    struct bpf_insn_access_aux *info)
{
	return bpf_tracing_btf_ctx_access(off, size, type, prog, info);
}

/* Runs the program, which must return the sum of the task's pid and the limit. */
static int btfgen_test_ops_reg(void *kdata, struct bpf_link *link)
{
	struct btfgen_test_ops *ops = kdata;

	return ops->order(current, ops->limit) == current->pid + ops->limit ? 0 : -EPROTO;
}

static void btfgen_test_ops_unreg(void *kdata, struct bpf_link *link)
{
}

static u64 btfgen_test_ops_order(struct task_struct *task, u64 limit)
{
	return 0;
}

static struct btfgen_test_ops btfgen_test_ops_stubs = {
	.order = btfgen_test_ops_order,
};

static const struct bpf_verifier_ops btfgen_test_ops_verifier = {
	.is_valid_access = btfgen_test_ops_is_valid_access,
};

static struct bpf_struct_ops btfgen_test_struct_ops = {
	.verifier_ops = &btfgen_test_ops_verifier,
	.init = btfgen_test_ops_init,
	.init_member = btfgen_test_ops_init_member,
	.reg = btfgen_test_ops_reg,
	.unreg = btfgen_test_ops_unreg,
	.cfi_stubs = &btfgen_test_ops_stubs,
	.owner = THIS_MODULE,
	.name = "btfgen_test_ops",
};

static int register_ops(void)
{
	return register_bpf_struct_ops(&btfgen_test_struct_ops, btfgen_test_ops);
}
#else
static int register_ops(void)
{
	return 0;
}
#endif

static const struct btf_kfunc_id_set btfgen_test_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &btfgen_test_kfuncs,
};

static int __init btfgen_test_init(void)
{
	int err = register_btf_kfunc_id_set(BPF_PROG_TYPE_SYSCALL, &btfgen_test_kfunc_set);

	/* Fails without BTF, which must not keep the module out: kfuncs only warn then. */
	if (!err && register_ops())
		pr_info("btfgen_test: no struct_ops\n");
	return err;
}

static void __exit btfgen_test_exit(void)
{
}

module_init(btfgen_test_init);
module_exit(btfgen_test_exit);
MODULE_DESCRIPTION("BTF of a module, for btfgen's tests");
MODULE_LICENSE("Dual BSD/GPL");
