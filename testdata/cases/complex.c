// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// _Complex has no BTF form: the reference gives up on the whole file (encode.md 3.4).
//
// build: gcc-x86_64 4,5
// build: clang-x86_64 5

_Complex float cf = 1;
_Complex double cd = 1;
_Complex int ci = 1;
struct holder {
	int before;
	_Complex double z;
	int after;
} holder = {1, 2, 3};
