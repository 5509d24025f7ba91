// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Floating types outside the standard set: half, quad and decimal.
//
// build: gcc-x86_64 4,5 -msse2

_Float16 half = 1;
_Float32 single = 1;
_Float64x extended = 1;
__float128 quad = 1;
_Decimal32 dec32 = 1;
_Decimal64 dec64 = 1;
_Decimal128 dec128 = 1;
