// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"debug/elf"
	"errors"
	"testing"

	"github.com/btfgen/btfgen/encode/internal/dwarf"
)

const (
	opLit0       = dwarf.OpLit0
	opReg        = dwarf.OpReg0
	opBreg       = dwarf.OpBreg0
	opPiece      = dwarf.OpPiece
	opFbreg      = dwarf.OpFbreg
	opStackValue = dwarf.OpStackValue
	opEntryValue = dwarf.OpEntryValue
)

func locatorFor(machine elf.Machine, addrSize uint8, compat bool) *locator {
	return &locator{
		abi:    abiFor(machine, addrSize, compat),
		format: dwarf.ExprFormat{AddrSize: addrSize, RefSize: 4},
		pieces: true,
	}
}

// TestLocationShapes follows the table of shapes. want is what entry 0 says, later what the
// same expression says as entry 1.
func TestLocationShapes(t *testing.T) {
	type facts struct {
		reg          int16
		stack, konst bool
		mask1, mask2 uint64
	}
	none := facts{reg: -1}
	tests := []struct {
		name        string
		size        uint64
		in          []byte
		want, later facts
	}{
		{"empty", 8, nil, none, none},
		{"reg0", 8, []byte{opReg}, facts{reg: 0}, none},
		{"reg31", 8, []byte{opReg + 31}, facts{reg: 31}, none},
		{"reg, stack_value", 8, []byte{opReg + 5, opStackValue}, facts{reg: 5}, none},
		{"breg alone is memory", 8, []byte{opBreg + 5, 0}, none, none},
		{"breg, stack_value", 8, []byte{opBreg + 5, 0, opStackValue}, facts{reg: 5}, none},
		{"fbreg", 8, []byte{opFbreg, 0x70}, facts{reg: -1, stack: true}, none},
		{"fbreg and more", 8, []byte{opFbreg, 0x70, 0x23, 8, opStackValue}, none, none},
		{"lit0", 4, []byte{opLit0}, facts{reg: -1, konst: true}, none},
		{"lit31, stack_value", 4, []byte{opLit0 + 31, opStackValue}, facts{reg: -1, konst: true}, none},
		{"constu", 4, []byte{0x10, 0x80, 1, opStackValue}, facts{reg: -1, konst: true}, none},
		{"consts", 4, []byte{0x11, 0x7f, opStackValue}, facts{reg: -1, konst: true}, none},
		{"const1u is not looked at", 4, []byte{0x08, 1, opStackValue}, none, none},
		{"entry_value", 8, []byte{opEntryValue, 1, opReg + 4}, facts{reg: 4}, facts{reg: 4}},
		{"entry_value, stack_value", 8, []byte{opEntryValue, 1, opReg + 4, opStackValue}, facts{reg: 4}, facts{reg: 4}},
		{"GNU_entry_value", 8, []byte{0xf3, 1, opReg + 4, opStackValue}, facts{reg: 4}, facts{reg: 4}},
		{"entry_value of two operations", 8, []byte{opEntryValue, 2, opBreg + 4, 0}, none, none},
		{"entry_value and more", 8, []byte{opEntryValue, 1, opReg + 4, 0x23, 8, opStackValue}, none, none},
		{"several, constant first", 4, []byte{opLit0 + 1, opBreg + 5, 0, 0x22, opStackValue}, facts{reg: -1, konst: true}, none},
		{"several, constant first, aggregate", 16, []byte{opLit0 + 1, opStackValue, opPiece, 8}, facts{reg: -1, konst: true}, none},
		{"several, reg first", 8, []byte{opReg + 5, opPiece, 4, opReg + 4, opPiece, 4}, facts{reg: 5}, none},
		{"several, breg first", 8, []byte{opBreg + 5, 1, 0x08, 0xff, 0x1a, opStackValue}, facts{reg: 5}, none},
		{"several, breg first, memory", 8, []byte{opBreg + 5, 1, 0x06, 0x23, 8}, none, none},
		{"aggregate in two registers", 16, []byte{opReg + 5, opPiece, 8, opReg + 4, opPiece, 8},
			facts{reg: 5, mask1: 1, mask2: 1}, facts{reg: 5, mask1: 1, mask2: 1}},
		{"aggregate, only its second word", 16, []byte{opPiece, 8, opReg + 4, opPiece, 8},
			facts{reg: 4, mask2: 1}, facts{reg: 4, mask2: 1}},
		{"aggregate, a member of the first word", 16, []byte{opPiece, 4, opReg + 5, opPiece, 2},
			facts{reg: 5, mask1: 1 << 4}, facts{reg: 5, mask1: 1 << 4}},
		{"aggregate, two registers in the first word", 16, []byte{opReg + 5, opPiece, 4, opReg + 4, opPiece, 4},
			facts{reg: 4, mask1: 0x11}, facts{reg: 4, mask1: 0x11}},
		{"adjacent pieces", 16, []byte{opReg + 5, opPiece, 8, opPiece, 8},
			facts{reg: 5, mask1: 1, mask2: 1}, facts{reg: 5, mask1: 1, mask2: 1}},
		{"bits beyond 64", 16, []byte{opPiece, 72, opReg + 5, opPiece, 1}, facts{reg: 5}, facts{reg: 5}},
		{"piece without end", 16, []byte{opPiece, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, opReg + 5, opPiece, 8},
			facts{reg: 5}, facts{reg: 5}},
		{"regx", 8, []byte{dwarf.OpRegx, 5}, none, none},
		{"regx of a vector register", 8, []byte{dwarf.OpRegx, 17}, facts{reg: 17}, none},
		{"addr", 8, []byte{0x03, 1, 2, 3, 4, 5, 6, 7, 8}, none, none},
		{"operation that is not known", 8, []byte{opReg + 5, 0x01}, none, none},
		{"operand that is cut off", 8, []byte{opFbreg}, none, none},
	}
	l := locatorFor(elf.EM_X86_64, 8, false)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for n, want := range []facts{tt.want, tt.later} {
				p := newParamFacts(tt.size, l.abi)
				p.addLocation(n, tt.in, l)
				if got := (facts{p.reg, p.locStack, p.locConst, p.mask1, p.mask2}); got != want {
					t.Errorf("entry %d: got %+v, want %+v", n, got, want)
				}
			}
		})
	}
}

// TestLocationOfOneRegisterMachine: without aggregates in two registers, all sizes count as
// small (s390x).
func TestLocationOfOneRegisterMachine(t *testing.T) {
	l := locatorFor(elf.EM_S390, 8, true)
	p := newParamFacts(16, l.abi)
	p.addLocation(0, []byte{opReg + 2, opPiece, 8, opReg + 3, opPiece, 8}, l)
	if p.reg != 2 || p.mask1|p.mask2 != 0 || !p.inMemory {
		t.Errorf("got %+v, want register 2, no pieces, in memory", p)
	}
}

func TestLocationKeepsFirstRegister(t *testing.T) {
	l := locatorFor(elf.EM_X86_64, 8, false)
	p := newParamFacts(8, l.abi)
	p.addLocation(0, []byte{opLit0, opStackValue}, l)
	p.addLocation(1, []byte{opReg + 3}, l)
	p.addLocation(2, []byte{opEntryValue, 1, opReg + 5, opStackValue}, l)
	p.addLocation(3, []byte{opEntryValue, 1, opReg + 4, opStackValue}, l)
	if p.reg != 5 || !p.locConst {
		t.Errorf("got register %d, constant %v, want 5 and true", p.reg, p.locConst)
	}
}

func TestRegxOnlyForVectors(t *testing.T) {
	for _, compat := range []bool{false, true} {
		l := locatorFor(elf.EM_AARCH64, 8, compat)
		p := newParamFacts(8, l.abi)
		p.addLocation(0, []byte{dwarf.OpRegx, 64}, l) // v0
		if want := map[bool]int16{false: 64, true: -1}[compat]; p.reg != want {
			t.Errorf("compat %v: register %d, want %d", compat, p.reg, want)
		}
	}
}

// TestLocationList reads lists of .debug_loclists through windows of all sizes.
func TestLocationList(t *testing.T) {
	list := []byte{
		4, 0, 8, 4, opReg + 5, opPiece, 8, opPiece, // too short a piece: cut operand, says nothing
		4, 8, 9, 4, opEntryValue, 1, opReg + 4, opStackValue,
		4, 9, 10, 5, opPiece, 8, opReg + 1, opPiece, 8,
		0,
	}
	for _, tt := range []struct {
		name   string
		size   uint64
		pieces bool
		reg    int16
		mask2  uint64
		needs  int // bytes of the list
	}{
		{"one word: nothing behind the register counts", 8, true, 4, 0, 16},
		{"two words: all pieces count", 16, true, 4, 1, len(list)},
		{"two words, without pieces", 16, false, 4, 0, 16},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := locatorFor(elf.EM_X86_64, 8, false)
			l.pieces = tt.pieces
			p := newParamFacts(tt.size, l.abi)
			for n := range len(list) + 1 {
				ll := dwarf.NewLocList(dwarf.Cursor{Section: ".debug_loclists", Data: list[:n]}, 5, 8)
				err := p.addList(&ll, l) // again and again on the same facts
				if n < tt.needs && !errors.Is(err, dwarf.ErrWindow) || n >= tt.needs && err != nil {
					t.Errorf("window of %d bytes: error %v", n, err)
				}
			}
			if p.reg != tt.reg || p.mask1 != 0 || p.mask2 != tt.mask2 {
				t.Errorf("got register %d, masks %#x %#x, want %d, 0, %#x", p.reg, p.mask1, p.mask2, tt.reg, tt.mask2)
			}
		})
	}
}

func TestMemberOffset(t *testing.T) {
	a := abiFor(elf.EM_X86_64, 8, false)
	for _, tt := range []struct {
		mask1, mask2 uint64
		want         uint64
		ok           bool
	}{
		{0, 0, 0, false},
		{1, 0, 0, true},
		{1 << 4, 0, 4, true},
		{0, 1, 8, true},
		{0, 1 << 4, 12, true},
		{0x11, 0, 0, false},
		{1, 1, 0, false},
		{0, 3, 0, false},
	} {
		p := paramFacts{mask1: tt.mask1, mask2: tt.mask2}
		if got, ok := p.memberOffset(a); got != tt.want || ok != tt.ok {
			t.Errorf("masks %#x %#x: got %d, %v, want %d, %v", tt.mask1, tt.mask2, got, ok, tt.want, tt.ok)
		}
	}
}

func BenchmarkAddLocation(b *testing.B) {
	l := locatorFor(elf.EM_X86_64, 8, false)
	exprs := [][]byte{
		{opReg + 5},
		{opEntryValue, 1, opReg + 5, opStackValue},
		{opReg + 5, opPiece, 8, opReg + 4, opPiece, 8},
	}
	b.ReportAllocs()
	for b.Loop() {
		p := newParamFacts(16, l.abi)
		for n, expr := range exprs {
			p.addLocation(n, expr, l)
		}
	}
}

func FuzzAddLocation(f *testing.F) {
	f.Add([]byte{opReg + 5, opPiece, 8, opReg + 4, opPiece, 8}, uint64(16), uint16(elf.EM_X86_64))
	f.Add([]byte{opEntryValue, 1, opReg + 4}, uint64(8), uint16(elf.EM_S390))
	f.Fuzz(func(t *testing.T, expr []byte, size uint64, machine uint16) {
		l := locatorFor(elf.Machine(machine), 8, false)
		p := newParamFacts(size, l.abi)
		p.addLocation(0, expr, l)
		again := p
		again.addLocation(0, expr, l)
		if again != p {
			t.Errorf("adding the entry twice changes %+v to %+v", p, again)
		}
		if p.reg < -1 || p.reg > 31 && !l.abi.isFP(p.reg) {
			t.Errorf("register %d", p.reg)
		}
	})
}
