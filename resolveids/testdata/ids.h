// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What include/linux/btf_ids.h makes of its macros, for tests: words in .BTF_ids and a symbol for each that says what it is.

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define SECTION ".pushsection .BTF_ids,\"a\"\n"
#define END ".popsection\n"

#define SYMBOL_(name, flags) \
	asm(SECTION ".local " name "\n.type " name ", STT_OBJECT\n.size " name ", 4\n" name ":\n.zero 4\n" flags END)
#define SYMBOL(kind, name, unique, flags) SYMBOL_("__BTF_ID__" #kind "__" #name "__" TEXT(unique), flags)

/* Words of a list, or of a set. */
#define ID(kind, name) SYMBOL(kind, name, __COUNTER__, "")
#define ID_FLAGS(kind, name, flags) SYMBOL(kind, name, __COUNTER__, ".long " TEXT(flags) "\n")
#define UNUSED asm(SECTION ".zero 4\n" END)

#define LIST(name) asm(SECTION ".local " #name "\n" #name ":\n" END)
#define GLOBAL_LIST(name) asm(SECTION ".globl " #name "\n" #name ":\n" END)

#define SET(name) \
	asm(SECTION ".local __BTF_ID__set__" #name "\n__BTF_ID__set__" #name ":\n.zero 4\n" END)
#define SET_END(name) asm(SECTION ".size __BTF_ID__set__" #name ", .-__BTF_ID__set__" #name "\n" END)

#define SET8(name, flags) \
	asm(SECTION ".local __BTF_ID__set8__" #name "\n__BTF_ID__set8__" #name ":\n.zero 4\n.long " TEXT(flags) "\n" END)
#define SET8_END(name) asm(SECTION ".size __BTF_ID__set8__" #name ", .-__BTF_ID__set8__" #name "\n" END)
