// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import "debug/elf"

// abi is what the function analysis knows of a machine's calling convention. Registers
// have their DWARF numbers. It is read-only once made.
type abi struct {
	addrSize uint64  // bytes of an address, and of an argument register
	numArgs  int     // how many argument registers there are
	regs     []uint8 // the argument registers in order, nil if they are not known
	twoRegs  bool    // a value of up to two words by value takes two registers
	evenPair bool    // one aligned to two words starts at an even argument register
	fpFirst  uint16  // floating-point and vector registers, fpFirst to fpLast;
	fpLast   uint16  // both 0 if they are not told apart
	fpSlot   bool    // a floating-point argument uses up argument registers too
	compat   bool    // without known registers, any register is an unexpected one
}

// abiRow is the convention of one machine, in two columns: what pahole's table holds
// (dwarf_loader.c), and what the ABI says.
type abiRow struct {
	machine elf.Machine
	addr    uint64 // bytes of an address for which the row holds, 0 for any

	paholeArgs int
	paholeRegs []uint8

	args     int
	regs     []uint8
	oneReg   bool // pahole's view too: larger values are passed by reference
	evenPair bool
	fpFirst  uint16
	fpLast   uint16
	fpSlot   bool
}

var (
	regs0to7     = []uint8{0, 1, 2, 3, 4, 5, 6, 7}
	regs3to10    = []uint8{3, 4, 5, 6, 7, 8, 9, 10}
	regs4to11    = []uint8{4, 5, 6, 7, 8, 9, 10, 11}
	regsX86_64   = []uint8{5, 4, 1, 2, 8, 9} // rdi rsi rdx rcx r8 r9
	regsRegparm3 = []uint8{0, 2, 1}          // eax edx ecx
	regsS390     = []uint8{2, 3, 4, 5, 6}
	regsRISCV    = []uint8{10, 11, 12, 13, 14, 15, 16, 17}
)

// abiTable: the first row that fits decides. The kernel compiles i386 with -mregparm=3.
// Machines without registers in the right column get no verdict (BETTER-20).
var abiTable = []abiRow{
	{machine: elf.EM_X86_64, paholeArgs: 6, paholeRegs: regsX86_64, args: 6, regs: regsX86_64, fpFirst: 17, fpLast: 40},
	{machine: elf.EM_AARCH64, paholeArgs: 8, paholeRegs: regs0to7, args: 8, regs: regs0to7, evenPair: true, fpFirst: 64, fpLast: 95},
	{machine: elf.EM_ARM, paholeArgs: 8, paholeRegs: regs0to7, args: 4, regs: regs0to7[:4], evenPair: true, fpFirst: 64, fpLast: 287},
	{machine: elf.EM_S390, paholeArgs: 5, paholeRegs: regsS390, args: 5, regs: regsS390, oneReg: true, fpFirst: 16, fpLast: 31},
	{machine: elf.EM_386, args: 3, regs: regsRegparm3, fpFirst: 11, fpLast: 36},
	{machine: elf.EM_PPC64, paholeArgs: 8, args: 8, regs: regs3to10, fpFirst: 32, fpLast: 63, fpSlot: true},
	{machine: elf.EM_PPC, paholeArgs: 8, args: 8, regs: regs3to10, evenPair: true, fpFirst: 32, fpLast: 63},
	{machine: elf.EM_RISCV, paholeArgs: 8, args: 8, regs: regsRISCV, fpFirst: 32, fpLast: 63},
	{machine: elf.EM_MIPS, addr: 4, paholeArgs: 8, args: 4, regs: regs4to11[:4], evenPair: true, fpFirst: 32, fpLast: 63, fpSlot: true},
	{machine: elf.EM_MIPS, paholeArgs: 8, args: 8, regs: regs4to11, fpFirst: 32, fpLast: 63, fpSlot: true},
	{machine: elf.EM_LOONGARCH, args: 8, regs: regs4to11, fpFirst: 32, fpLast: 63},
	{machine: elf.EM_SPARC, paholeArgs: 6, args: 6},
	{machine: elf.EM_SPARCV9, paholeArgs: 6, args: 6},
	{machine: elf.EM_ARC, paholeArgs: 8, args: 8},
	{machine: elf.EM_ARC_COMPACT, args: 8},
	{machine: elf.EM_ARC_COMPACT2, args: 8},
}

// abiFor returns the convention of a machine whose addresses have addrSize bytes; compat
// asks for pahole's numbers.
func abiFor(machine elf.Machine, addrSize uint8, compat bool) *abi {
	a := &abi{addrSize: uint64(addrSize), twoRegs: true, compat: compat}
	for i := range abiTable {
		row := &abiTable[i]
		if row.machine != machine || row.addr != 0 && row.addr != a.addrSize {
			continue
		}
		a.twoRegs = !row.oneReg
		if compat {
			a.numArgs, a.regs = row.paholeArgs, row.paholeRegs
		} else {
			a.numArgs, a.regs = row.args, row.regs
			a.evenPair, a.fpSlot = row.evenPair, row.fpSlot
			a.fpFirst, a.fpLast = row.fpFirst, row.fpLast
		}
		break
	}
	return a
}

// arg returns argument register r, or -1 if there is none or it is not known.
func (a *abi) arg(r int) int16 {
	if r < len(a.regs) {
		return int16(a.regs[r])
	}
	return -1
}

// isFP tells whether reg holds floating-point or vector values.
func (a *abi) isFP(reg int16) bool {
	return a.fpLast != 0 && reg >= int16(a.fpFirst) && reg <= int16(a.fpLast)
}

// slots returns how many argument registers a value of size bytes takes, at least 1.
func (a *abi) slots(size uint64) int {
	if size <= a.addrSize || !a.twoRegs {
		return 1
	}
	// Larger ones are in memory and not counted by slots; the bound keeps the sum small.
	return int(min((size-1)/a.addrSize+1, 1<<16))
}

// inMemory tells whether a value of size bytes is passed in memory.
func (a *abi) inMemory(size uint64) bool {
	if a.twoRegs {
		return size > 2*a.addrSize
	}
	return size > a.addrSize
}
