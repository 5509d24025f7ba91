// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// 16-byte integers, alone and as struct members.
//
// build: gcc-x86_64,gcc-aarch64,gcc-s390x,clang-x86_64 5

__int128 wide = 1;
unsigned __int128 uwide = 1;
struct regs {
	__int128 v[2];
	unsigned __int128 mask;
} regs = {{1, 2}, 3};

unsigned long low(unsigned __int128 x) { return (unsigned long)x; }
