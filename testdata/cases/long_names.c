// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Names above 127 bytes: of a type, a member, a parameter, a function and an enumerator.
//
// build: gcc-x86_64 4,5
// build: gcc-powerpc,clang-x86_64 5

#define LONG_(p) p##_0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789_0123456789012345678901234567890123456789
#define LONG(p) LONG_(p)

struct LONG(type) {
	int LONG(member);
};
enum LONG(choices) { LONG(CHOICE) = 1 };

struct LONG(type) variable = {1};
enum LONG(choices) choice = LONG(CHOICE);
int LONG(function)(int LONG(parameter)) { return LONG(parameter) + variable.LONG(member); }
int short_name(int LONG(parameter)) { return LONG(parameter) * 2; }
