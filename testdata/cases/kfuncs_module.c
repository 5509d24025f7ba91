// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A module that offers functions to BPF programs, built out of tree: a set of kfuncs with flags, a list of IDs with a slot that
// nothing fills, types of the kernel (kfuncs_kernel.c) and of its own.
//
// build: gcc-x86_64,gcc-s390x,gcc-i686 5 link=r

typedef unsigned int u32;
typedef unsigned long long u64;

struct list_head {
	struct list_head *next, *prev;
};

struct task {
	int pid;
	char comm[16];
	u64 start;
	struct list_head tasks;
	struct task *parent;
	u32 exiting : 1;
	u32 traced : 1;
};

struct device;

// .BTF_ids: four bytes for each ID, with a symbol that says what of. A set of kfuncs begins with a count and flags, and its IDs
// have flags behind them (include/linux/btf_ids.h).
#define TEXT(x) #x
#define TEXT_OF(x) TEXT(x)
#define IDS(text) asm(".pushsection .BTF_ids,\"a\"\n" text ".popsection\n")
#define ID_SYMBOL(symbol) ".type " symbol ", %object\n.size " symbol ", 4\n" symbol ":\n.zero 4\n"
#define ID(kind, name) IDS(ID_SYMBOL("__BTF_ID__" #kind "__" #name "__" TEXT_OF(__COUNTER__) TEXT_OF(__LINE__)))
#define UNUSED_ID() IDS(".zero 4\n")
#define KFUNC(name, flags) ID(func, name); IDS(".long " #flags "\n")
#define KFUNCS_START(set) IDS("__BTF_ID__set8__" #set ":\n.zero 4\n.long 1\n")
#define KFUNCS_END(set) IDS(".size __BTF_ID__set8__" #set ", .-__BTF_ID__set8__" #set "\n")

typedef struct {
	int hits;
	u32 open : 1;
	u32 mode : 3;
	struct task *owner;
} counter;

struct session {
	struct list_head list;
	struct device *device;
	counter by_mode[2][4];
	enum { IDLE, BUSY = 7 } state;
};

__attribute__((section(".data..percpu"))) counter counters;
__attribute__((section(".data..percpu"))) struct session *current_session;

__attribute__((noinline)) int demo_open(struct session *session, u64 mode) { return session->by_mode[0][mode & 3].hits++; }
__attribute__((noinline)) struct task *demo_owner(struct session *session) { return session->by_mode[1][0].owner; }
__attribute__((noinline)) u64 demo_age(const struct task *task, u64 now) { return now - task->start; }

KFUNCS_START(demo_kfuncs);
KFUNC(demo_open, 0x20);
KFUNC(demo_owner, 0x3);
KFUNC(demo_age, 0x10);
KFUNCS_END(demo_kfuncs);

ID(struct, task);
UNUSED_ID();
ID(struct, session);
ID(func, demo_open);

__attribute__((section(".init.text"))) int init_module(void) { return demo_open(current_session, counters.mode); }
__attribute__((section(".exit.text"))) void cleanup_module(void) { current_session = 0; }

struct module {
	char name[56];
	int (*init)(void);
	void (*exit)(void);
};
__attribute__((section(".gnu.linkonce.this_module"))) struct module __this_module = {"demo", init_module, cleanup_module};

__attribute__((section(".modinfo"), aligned(1))) const char modinfo[] =
	"license=GPL\0description=for the tests of btfgen\0name=demo\0vermagic=7.2.0 SMP preempt mod_unload ";
