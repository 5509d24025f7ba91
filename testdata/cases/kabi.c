// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Names that carry the prefix of --kabi_prefix: type, member, function.
//
// build: gcc-x86_64 5

struct __kabi_reserved_task {
	long __kabi_reserved_1;
	int used;
};
struct __kabi_reserved_task task;
int __kabi_reserved_call(struct __kabi_reserved_task *t) { return t->used; }
