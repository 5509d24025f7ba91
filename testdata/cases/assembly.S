/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The assembler half of mixed_language.c. */
	.text
	.globl from_assembly
	.type from_assembly, %function
from_assembly:
	.balign 4
	.long 0
	.size from_assembly, . - from_assembly
	.section .note.GNU-stack, "", %progbits
