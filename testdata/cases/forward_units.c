// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Three units: names declared in one and defined in the others (encode.md 11.6). fs and fe
// resolve; two is defined twice, differently, so its forward declaration stays.
//
// units: 3
// build: gcc-x86_64 4,5
// build: gcc-aarch64,gcc-s390x,gcc-i686,gcc-powerpc,clang-x86_64 5

#if UNIT == 1
enum fe;
struct fs;
struct two;
struct holder {
	struct fs *p;
	enum fe *e;
};
struct holder holder;
struct two *two;
#elif UNIT == 2
enum fe { FE1 } fe = FE1;
struct fs {
	int a;
} fs = {1};
struct two {
	int x;
} two_int = {1};
#else
struct two {
	long y;
} two_long = {1};
#endif
