// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A unit without a single type or function.
//
// build: gcc-x86_64 5
// build: clang-x86_64 5

__asm__("");
