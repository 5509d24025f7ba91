// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Members beyond what BTF can say: a bitfield above 2 MiB, a plain member above it in a struct
// with bitfields, and one far away in a struct without.
//
// build: gcc-x86_64 3,5
// build: clang-x86_64 5

struct far_bitfield {
	int near : 3;
	char gap[3 << 20];
	int far : 5;
	int plain;
};
struct far_plain {
	char gap[3 << 20];
	int far;
};
struct far_bitfield *bitfield;
struct far_plain *plain;
