// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Bitfields: each DWARF version writes the position in another way, and big-endian counts from
// the other end; the bit offsets in BTF must follow the target's own layout.
//
// build: gcc-x86_64,gcc-s390x 2,3,4,5
// build: gcc-aarch64,gcc-i686,gcc-powerpc 3,5
// build: clang-x86_64 2,4,5
// build: clang-aarch64 4

struct flags {
	unsigned a : 1;
	unsigned b : 3;
	int c : 12;
	unsigned full : 32;
	unsigned : 5;
	unsigned d : 7;
};

struct mixed {
	char head;
	unsigned short x : 9;
	unsigned short : 0;
	unsigned long long y : 41;
	unsigned long long z : 23;
	int plain;
	_Bool on : 1;
	signed char s : 4;
};

struct __attribute__((packed)) tight {
	unsigned a : 3;
	unsigned b : 17;
	unsigned long long c : 50;
	char tail;
};

enum state { IDLE, BUSY, GONE };
typedef unsigned int flag_t;

union choice {
	struct {
		unsigned lo : 4, hi : 4;
	};
	unsigned char byte;
	unsigned bits : 6;
};

struct by_type {
	enum state st : 2;
	const flag_t typed : 5;
	union choice in;
	volatile unsigned long w : 20;
};

struct flags flags = {.a = 1};
struct mixed mixed = {.y = 1};
struct tight tight = {.b = 1};
union choice choice = {.byte = 1};
struct by_type by_type = {.st = BUSY};
