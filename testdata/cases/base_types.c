// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Every C base type: size and encoding of INT and FLOAT, signedness of plain char,
// pointers and void. long double differs between targets.
//
// build: gcc-x86_64 2,3,4,5
// build: gcc-x86_64 4,5 as=dwarf64 -gdwarf64
// build: gcc-aarch64,gcc-s390x,gcc-i686,gcc-powerpc 4,5
// build: clang-x86_64,clang-aarch64 4,5

_Bool v_bool = 1;
char v_char = 1;
signed char v_schar = 1;
unsigned char v_uchar = 1;
short v_short = 1;
unsigned short v_ushort = 1;
int v_int = 1;
unsigned int v_uint = 1;
long v_long = 1;
unsigned long v_ulong = 1;
long long v_llong = 1;
unsigned long long v_ullong = 1;
float v_float = 1;
double v_double = 1;
long double v_ldouble = 1;
__WCHAR_TYPE__ v_wchar = 1;
__CHAR16_TYPE__ v_char16 = 1;
void *v_ptr = &v_int;
void **v_ptr_ptr = &v_ptr;
