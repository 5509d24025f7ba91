// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// _BitInt: sizes that are no power of two, or too large, for an INT.
//
// build: clang-x86_64 4,5

_BitInt(7) b7 = 1;
_BitInt(37) b37 = 1;
unsigned _BitInt(64) b64 = 1;
_BitInt(128) b128 = 1;
struct holder {
	unsigned _BitInt(24) a;
	_BitInt(17) b;
} holder = {1, 2};
