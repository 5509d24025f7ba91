// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Enumerations: negative values, 64 bits, small storage, forward declaration, anonymous, one value twice.
//
// build: gcc-x86_64 2,3,4,5
// build: gcc-aarch64,gcc-s390x,gcc-i686,gcc-powerpc 5
// build: clang-x86_64 4,5

enum plain { P_ZERO, P_ONE, P_SAME = 1, P_BIG = 0x7fffffff };
enum negative { N_MINUS = -1, N_MIN = -2147483647 - 1, N_MAX = 2147483647 };
enum top { T_TOP = 0xffffffff, T_ONE = 1 };
enum wide { W_BIG = 0x123456789abcdefULL, W_TOP = 0xffffffffffffffffULL };
enum wide_negative { WN_MINUS = -1, WN_BIG = 0x7fffffffffffffffLL, WN_MIN = -0x7fffffffffffffffLL - 1 };
enum __attribute__((packed)) byte_sized { B_A = 1, B_B = 200 };
enum __attribute__((packed)) short_sized { S_A = -1, S_B = 300 };
enum forward;
typedef enum { ANON_A, ANON_B } anon_t;

enum { LOOSE_A = 5, LOOSE_B } loose = LOOSE_A;
enum plain plain = P_ONE;
enum negative negative = N_MINUS;
enum top top = T_TOP;
enum wide wide = W_BIG;
enum wide_negative wide_negative = WN_MINUS;
enum byte_sized byte_sized = B_A;
enum short_sized short_sized = S_A;
enum forward *forward;
anon_t anon = ANON_B;
