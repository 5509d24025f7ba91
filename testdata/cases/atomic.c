// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// DW_TAG_atomic_type has no BTF form: it is skipped and the type under it used.
//
// build: gcc-x86_64 4,5
// build: clang-x86_64 5

_Atomic int counter = 1;
_Atomic unsigned long *_Atomic where;
struct guarded {
	_Atomic char flag;
	const _Atomic short state;
} guarded = {1, 2};

int next(void) { return ++counter; }
