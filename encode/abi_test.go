// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"debug/elf"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestABITable(t *testing.T) {
	x86 := []uint8{5, 4, 1, 2, 8, 9}
	low8 := []uint8{0, 1, 2, 3, 4, 5, 6, 7}
	tests := []struct {
		machine    elf.Machine
		addrSize   uint8
		pahole     int
		paholeRegs []uint8
		real       int
		realRegs   []uint8
		twoRegs    bool
	}{
		{elf.EM_X86_64, 8, 6, x86, 6, x86, true},
		{elf.EM_AARCH64, 8, 8, low8, 8, low8, true},
		{elf.EM_ARM, 4, 8, low8, 4, low8[:4], true},
		{elf.EM_S390, 8, 5, []uint8{2, 3, 4, 5, 6}, 5, []uint8{2, 3, 4, 5, 6}, false},
		{elf.EM_SPARC, 4, 6, nil, 6, nil, true},
		{elf.EM_SPARCV9, 8, 6, nil, 6, nil, true},
		{elf.EM_ARC, 4, 8, nil, 8, nil, true},
		{elf.EM_MIPS, 8, 8, nil, 8, []uint8{4, 5, 6, 7, 8, 9, 10, 11}, true},
		{elf.EM_MIPS, 4, 8, nil, 4, []uint8{4, 5, 6, 7}, true},
		{elf.EM_PPC, 4, 8, nil, 8, []uint8{3, 4, 5, 6, 7, 8, 9, 10}, true},
		{elf.EM_PPC64, 8, 8, nil, 8, []uint8{3, 4, 5, 6, 7, 8, 9, 10}, true},
		{elf.EM_RISCV, 8, 8, nil, 8, []uint8{10, 11, 12, 13, 14, 15, 16, 17}, true},
		{elf.EM_386, 4, 0, nil, 3, []uint8{0, 2, 1}, true},
		{elf.EM_LOONGARCH, 8, 0, nil, 8, []uint8{4, 5, 6, 7, 8, 9, 10, 11}, true},
		{elf.EM_68K, 4, 0, nil, 0, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.machine.String(), func(t *testing.T) {
			for _, compat := range []bool{true, false} {
				n, regs := tt.real, tt.realRegs
				if compat {
					n, regs = tt.pahole, tt.paholeRegs
				}
				a := abiFor(tt.machine, tt.addrSize, compat)
				if diff := cmp.Diff(regs, a.regs); diff != "" || a.numArgs != n || a.twoRegs != tt.twoRegs || a.addrSize != uint64(tt.addrSize) {
					t.Errorf("compat %v: got %+v, want %d registers (-want +got):\n%s", compat, a, n, diff)
				}
				if a.regs != nil && len(a.regs) != a.numArgs {
					t.Errorf("compat %v: %d registers for %d arguments", compat, len(a.regs), a.numArgs)
				}
				for _, reg := range a.regs {
					if a.isFP(int16(reg)) {
						t.Errorf("compat %v: argument register %d counts as floating-point", compat, reg)
					}
				}
				if compat && (a.fpLast != 0 || a.evenPair) {
					t.Errorf("pahole's table knows nothing of floating-point registers and pairs: %+v", a)
				}
			}
		})
	}
}

func TestSlots(t *testing.T) {
	x86, s390 := abiFor(elf.EM_X86_64, 8, false), abiFor(elf.EM_S390, 8, false)
	for _, tt := range []struct {
		size       uint64
		x86, s390  int
		xMem, sMem bool
	}{
		{0, 1, 1, false, false},
		{1, 1, 1, false, false},
		{8, 1, 1, false, false},
		{9, 2, 1, false, true},
		{16, 2, 1, false, true},
		{17, 3, 1, true, true},
		{^uint64(0), 1 << 16, 1, true, true},
	} {
		if x, s := x86.slots(tt.size), s390.slots(tt.size); x != tt.x86 || s != tt.s390 {
			t.Errorf("size %d: slots %d and %d, want %d and %d", tt.size, x, s, tt.x86, tt.s390)
		}
		if x, s := x86.inMemory(tt.size), s390.inMemory(tt.size); x != tt.xMem || s != tt.sMem {
			t.Errorf("size %d: in memory %v and %v, want %v and %v", tt.size, x, s, tt.xMem, tt.sMem)
		}
	}
}
