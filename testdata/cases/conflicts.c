// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A module that is not as it should be: its units (this one twice, and conflicts_other.c) and its kernel (kfuncs_kernel.c) have several
// definitions of names that .BTF_ids asks for, and functions that BTF cannot have, each for another reason.
//
// units: 2
// also: conflicts_other.c
// build: gcc-x86_64,gcc-s390x 5 link=r

#define GLUE2(a, b) a##b
#define GLUE(a, b) GLUE2(a, b)

struct list_head {
	struct list_head *next, *prev;
};

// The kernel's has more members.
struct device {
	const char *name;
	int minor;
};

// conflicts_other.c has another one.
struct session {
	struct list_head list;
	struct device *device;
	int users;
};
typedef int handle;

struct session GLUE(session, UNIT);
handle GLUE(handle, UNIT);

// Two at different addresses; one of which conflicts_other.c inlines another.
__attribute__((noinline, used)) static int twice(int x) { return x + UNIT; }
#if UNIT == 1
__attribute__((noinline, used)) int differs(int x) { return x * 2; }
#endif
// Called as it is not written.
__attribute__((noinline)) static int GLUE(shrunk, UNIT)(int unused, int x) { return x * x + UNIT; }
static inline int inlined(int x) { return x + 1; }

int GLUE(entry, UNIT)(int n) { return GLUE(shrunk, UNIT)(0, twice(n)) + GLUE(shrunk, UNIT)(1, n) + inlined(n); }

#if UNIT == 1
// .BTF_ids: as in kfuncs_module.c.
#define TEXT(x) #x
#define TEXT_OF(x) TEXT(x)
#define IDS(text) asm(".pushsection .BTF_ids,\"a\"\n" text ".popsection\n")
#define ID_SYMBOL(symbol) ".type " symbol ", %object\n.size " symbol ", 4\n" symbol ":\n.zero 4\n"
#define ID(kind, name) IDS(ID_SYMBOL("__BTF_ID__" #kind "__" #name "__" TEXT_OF(__COUNTER__) TEXT_OF(__LINE__)))

// Other definitions are told of as long as there are more symbols of a kind than names that were found.
ID(struct, session);
ID(struct, device);
ID(struct, list_head);
ID(struct, none);
ID(typedef, handle);
ID(typedef, none_either);
ID(func, twice);
ID(func, differs);
ID(func, shrunk1);
ID(func, inlined);
ID(func, assembled);
ID(func, nowhere);
ID(func, entry1);

asm(".text\n.type assembled, %function\nassembled: .long 0\n.size assembled, 4\n");

struct module {
	char name[56];
};
__attribute__((section(".gnu.linkonce.this_module"))) struct module __this_module = {"conflicts"};
__attribute__((section(".modinfo"), aligned(1))) const char modinfo[] =
	"license=GPL\0description=for the tests of btfgen\0name=conflicts\0vermagic=7.2.0 SMP preempt mod_unload ";
#endif
