// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfview

import (
	"debug/elf"
	"fmt"
	"strings"
)

// relocRule says what a relocation type does: the operation in the high four
// bits, the size of the field in bytes in the low four. The zero rule is that of
// a type which debug sections do not use.
type relocRule uint8

// The operations. S is the address of the symbol, A the addend, V what stands in
// the field. ULEB128 fields have no size of their own: they keep the one they have.
const (
	relocNone       relocRule = (iota + 1) << 4 // does nothing
	relocAbs                                    // S + A
	relocTLS                                    // S + A - the bias of the machine
	relocAdd                                    // V + S + A
	relocSub                                    // V - S - A
	relocSet                                    // S + A, truncated
	relocAdd6                                   // the low 6 bits of a byte: V + S + A
	relocSub6                                   // the low 6 bits of a byte: V - S - A
	relocSet6                                   // the low 6 bits of a byte: S + A
	relocAddULEB                                // a ULEB128 number: V + S + A
	relocSubULEB                                // a ULEB128 number: V - S - A
	relocSetULEB                                // a ULEB128 number: S + A
	relocOpMask     relocRule = 0xf0
	relocSizeMask   relocRule = 0x0f
	maxULEB128Bytes           = 10 // of a 64-bit number
)

func (r relocRule) op() relocRule { return r & relocOpMask }
func (r relocRule) size() int     { return int(r & relocSizeMask) }

// relocMachine is what is known of a machine's relocation types.
type relocMachine struct {
	rules   []relocRule // by type
	name    func(typ uint32) string
	tlsBias uint64 // what the addends of thread-local variables are too large by
}

// rule returns the rule of a type, 0 if debug sections do not use it.
func (m *relocMachine) rule(typ uint32) relocRule {
	if uint64(typ) < uint64(len(m.rules)) {
		return m.rules[typ]
	}
	return 0
}

// describe names a type for an error: "R_X86_64_PLT32 (4)", or "200" if it has
// no name.
func (m *relocMachine) describe(typ uint32) string {
	name := m.name(typ)
	// Package elf names an unknown type after the one below it, "R_X86_64_NONE+5".
	if !strings.HasPrefix(name, "R_") || strings.Contains(name, "+") {
		return fmt.Sprint(typ)
	}
	return fmt.Sprintf("%s (%d)", name, typ)
}

// relocMachines holds the types that compilers and assemblers use in debug
// sections, from the processor supplements of the System V ABI. Differences of
// addresses are relocations where the linker may delete instructions (RISC-V,
// LoongArch): a type that adds or sets, then one that subtracts, both for the same
// field. Types for thread-local variables store the offset in the module's block
// of them. S is one in their sections, but some machines point to the middle of the
// block, and have that as an addend in debug sections.
var relocMachines = map[elf.Machine]*relocMachine{
	elf.EM_X86_64: {
		name: func(t uint32) string { return elf.R_X86_64(t).String() },
		rules: []relocRule{
			elf.R_X86_64_NONE:     relocNone,
			elf.R_X86_64_32:       relocAbs | 4,
			elf.R_X86_64_64:       relocAbs | 8,
			elf.R_X86_64_DTPOFF32: relocTLS | 4,
			elf.R_X86_64_DTPOFF64: relocTLS | 8,
		},
	},
	elf.EM_386: {
		name: func(t uint32) string { return elf.R_386(t).String() },
		rules: []relocRule{
			elf.R_386_NONE:       relocNone,
			elf.R_386_32:         relocAbs | 4,
			elf.R_386_TLS_LDO_32: relocTLS | 4,
		},
	},
	elf.EM_AARCH64: {
		name: func(t uint32) string { return elf.R_AARCH64(t).String() },
		rules: []relocRule{
			elf.R_AARCH64_NONE:         relocNone,
			elf.R_AARCH64_NULL:         relocNone, // NONE of early drafts
			elf.R_AARCH64_ABS32:        relocAbs | 4,
			elf.R_AARCH64_ABS64:        relocAbs | 8,
			elf.R_AARCH64_TLS_DTPREL64: relocTLS | 8,
		},
	},
	// A Thumb function's symbol has bit 0 set; what refers to it here gets the bit too.
	elf.EM_ARM: {
		name: func(t uint32) string { return elf.R_ARM(t).String() },
		rules: []relocRule{
			elf.R_ARM_NONE:      relocNone,
			elf.R_ARM_ABS32:     relocAbs | 4,
			elf.R_ARM_TLS_LDO32: relocTLS | 4,
		},
	},
	elf.EM_S390: {
		name: func(t uint32) string { return elf.R_390(t).String() },
		rules: []relocRule{
			elf.R_390_NONE:      relocNone,
			elf.R_390_32:        relocAbs | 4,
			elf.R_390_64:        relocAbs | 8,
			elf.R_390_TLS_LDO32: relocTLS | 4,
			elf.R_390_TLS_LDO64: relocTLS | 8,
		},
	},
	elf.EM_RISCV: {name: riscvName, tlsBias: 0x800, rules: []relocRule{
		elf.R_RISCV_NONE:         relocNone,
		elf.R_RISCV_32:           relocAbs | 4,
		elf.R_RISCV_64:           relocAbs | 8,
		elf.R_RISCV_TLS_DTPREL32: relocTLS | 4,
		elf.R_RISCV_TLS_DTPREL64: relocTLS | 8,
		elf.R_RISCV_ADD8:         relocAdd | 1,
		elf.R_RISCV_ADD16:        relocAdd | 2,
		elf.R_RISCV_ADD32:        relocAdd | 4,
		elf.R_RISCV_ADD64:        relocAdd | 8,
		elf.R_RISCV_SUB8:         relocSub | 1,
		elf.R_RISCV_SUB16:        relocSub | 2,
		elf.R_RISCV_SUB32:        relocSub | 4,
		elf.R_RISCV_SUB64:        relocSub | 8,
		elf.R_RISCV_SUB6:         relocSub6 | 1,
		elf.R_RISCV_SET6:         relocSet6 | 1,
		elf.R_RISCV_SET8:         relocSet | 1,
		elf.R_RISCV_SET16:        relocSet | 2,
		elf.R_RISCV_SET32:        relocSet | 4,
		riscvSetULEB128:          relocSetULEB,
		riscvSubULEB128:          relocSubULEB,
	}},
	elf.EM_LOONGARCH: {
		name: func(t uint32) string { return elf.R_LARCH(t).String() },
		rules: []relocRule{
			elf.R_LARCH_NONE:         relocNone,
			elf.R_LARCH_32:           relocAbs | 4,
			elf.R_LARCH_64:           relocAbs | 8,
			elf.R_LARCH_TLS_DTPREL32: relocTLS | 4,
			elf.R_LARCH_TLS_DTPREL64: relocTLS | 8,
			elf.R_LARCH_ADD6:         relocAdd6 | 1,
			elf.R_LARCH_ADD8:         relocAdd | 1,
			elf.R_LARCH_ADD16:        relocAdd | 2,
			elf.R_LARCH_ADD24:        relocAdd | 3,
			elf.R_LARCH_ADD32:        relocAdd | 4,
			elf.R_LARCH_ADD64:        relocAdd | 8,
			elf.R_LARCH_ADD_ULEB128:  relocAddULEB,
			elf.R_LARCH_SUB6:         relocSub6 | 1,
			elf.R_LARCH_SUB8:         relocSub | 1,
			elf.R_LARCH_SUB16:        relocSub | 2,
			elf.R_LARCH_SUB24:        relocSub | 3,
			elf.R_LARCH_SUB32:        relocSub | 4,
			elf.R_LARCH_SUB64:        relocSub | 8,
			elf.R_LARCH_SUB_ULEB128:  relocSubULEB,
		},
	},
	elf.EM_PPC: {
		name:    func(t uint32) string { return elf.R_PPC(t).String() },
		tlsBias: 0x8000,
		rules: []relocRule{
			elf.R_PPC_NONE:     relocNone,
			elf.R_PPC_ADDR32:   relocAbs | 4,
			elf.R_PPC_UADDR32:  relocAbs | 4,
			elf.R_PPC_DTPREL32: relocTLS | 4,
		},
	},
	elf.EM_PPC64: {
		name:    func(t uint32) string { return elf.R_PPC64(t).String() },
		tlsBias: 0x8000,
		rules: []relocRule{
			elf.R_PPC64_NONE:     relocNone,
			elf.R_PPC64_ADDR32:   relocAbs | 4,
			elf.R_PPC64_UADDR32:  relocAbs | 4,
			elf.R_PPC64_ADDR64:   relocAbs | 8,
			elf.R_PPC64_UADDR64:  relocAbs | 8,
			elf.R_PPC64_DTPREL64: relocTLS | 8,
		},
	},
	elf.EM_MIPS: {name: mipsName, tlsBias: 0x8000, rules: []relocRule{
		elf.R_MIPS_NONE:         relocNone,
		elf.R_MIPS_32:           relocAbs | 4,
		elf.R_MIPS_64:           relocAbs | 8,
		elf.R_MIPS_TLS_DTPREL32: relocTLS | 4,
		elf.R_MIPS_TLS_DTPREL64: relocTLS | 8,
	}},
}

// Types of RISC-V that package elf does not have.
const (
	riscvSetULEB128 = 60
	riscvSubULEB128 = 61
)

func riscvName(t uint32) string {
	switch t {
	case riscvSetULEB128:
		return "R_RISCV_SET_ULEB128"
	case riscvSubULEB128:
		return "R_RISCV_SUB_ULEB128"
	}
	return elf.R_RISCV(t).String()
}

// mipsName names a type of ELF32, or the up to three in one entry of ELF64, the
// first in the low byte, each of which works on the result of the one before.
// Debug sections do not combine types, so there is no rule for any of those.
func mipsName(t uint32) string {
	name := elf.R_MIPS(t & 0xff).String()
	for t >>= 8; t != 0; t >>= 8 {
		name += "/" + elf.R_MIPS(t&0xff).String()
	}
	return name
}
