// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The first unit has arrays but no int: the index type must be made (encode.md 3.9).
//
// units: 2
// build: gcc-x86_64 4,5
// build: gcc-s390x,clang-x86_64 5

#if UNIT == 1
char first[3] = "ab";
unsigned long second[2][2] = {{1}};
#else
int third[4] = {1};
#endif
