// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfview

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/testkit"
)

// Addresses of sections in these tests.
var testAddrs = []uint64{secText: 0x10000, secInit: 0x20000, 16: 0}

// relocated applies the relocations of .debug_info.
func relocated(t *testing.T, o *relocObject) ([]byte, error) {
	t.Helper()
	f := o.open(t)
	r := relocator(t, f, testAddrs)
	info := f.Section(".debug_info")
	if !r.Applies(info) || r.Applies(f.Section(".debug_str")) {
		t.Errorf("relocations: of .debug_info %v, of .debug_str %v", r.Applies(info), r.Applies(f.Section(".debug_str")))
	}
	data, err := f.Data(info)
	if err != nil {
		t.Fatal(err)
	}
	return data, r.Apply(info, data, 0, nil)
}

// number returns v in size bytes.
func number(big bool, size int, v uint64) []byte {
	b := make([]byte, size)
	for i := range b {
		at := i
		if big {
			at = size - 1 - i
		}
		b[at] = byte(v >> (8 * i))
	}
	return b
}

// TestAbsolute stores every kind of symbol with each machine's types for whole
// addresses, in the classes, byte orders and kinds of entry that it has.
func TestAbsolute(t *testing.T) {
	type format struct {
		mach     elf.Machine
		class    elf.Class
		big, rel bool
	}
	var formats []format
	for _, f := range []struct {
		mach   elf.Machine
		orders string
		rel32  bool
		rela32 bool
		rela64 bool
	}{
		{mach: elf.EM_X86_64, orders: "l", rela32: true, rela64: true}, // ELF32: the x32 ABI
		{mach: elf.EM_386, orders: "l", rel32: true},
		{mach: elf.EM_AARCH64, orders: "lb", rela64: true},
		{mach: elf.EM_ARM, orders: "lb", rel32: true},
		{mach: elf.EM_S390, orders: "b", rela32: true, rela64: true},
		{mach: elf.EM_RISCV, orders: "l", rela32: true, rela64: true},
		{mach: elf.EM_LOONGARCH, orders: "l", rela32: true, rela64: true},
		{mach: elf.EM_PPC, orders: "lb", rela32: true},
		{mach: elf.EM_PPC64, orders: "lb", rela64: true},
		{mach: elf.EM_MIPS, orders: "lb", rel32: true, rela32: true, rela64: true},
	} {
		for _, order := range f.orders {
			big := order == 'b'
			for _, c := range []struct {
				ok bool
				format
			}{
				{f.rel32, format{f.mach, elf.ELFCLASS32, big, true}},
				{f.rela32, format{f.mach, elf.ELFCLASS32, big, false}},
				{f.rela64, format{f.mach, elf.ELFCLASS64, big, false}},
			} {
				if c.ok {
					formats = append(formats, c.format)
				}
			}
		}
	}
	// The addend -4 is in the field too where the entry has none; elsewhere the
	// field holds what must not count.
	values := []struct{ sym, want uint64 }{
		{symNone, 0}, {symText, 0x10000 + textValue}, {symInit, 0x20000 + initValue}, {symStr, 0},
		{symUndef, 0}, {symAbs, absValue}, {symCommon, 0}, {symStrLabel, strLabelValue},
	}
	for _, f := range formats {
		t.Run(fmt.Sprintf("%v,%v,big=%v,rel=%v", f.mach, f.class, f.big, f.rel), func(t *testing.T) {
			abs32, abs64 := absTypes(f.mach)
			o := relocObject{mach: f.mach, class: f.class, big: f.big, rel: f.rel}
			var want []byte
			add := func(size int, typ uint32, sym, v uint64, addend int64) {
				o.entries = append(o.entries, testReloc{off: uint64(len(o.data)), sym: uint32(sym), typ: typ, addend: addend})
				old := uint64(0xa5a5a5a5a5a5a5a5)
				if f.rel {
					old = uint64(addend)
				}
				o.data = append(append(o.data, number(f.big, size, old)...), 0xee)
				want = append(append(want, number(f.big, size, v+uint64(addend))...), 0xee)
			}
			for _, v := range values {
				for _, addend := range []int64{0, -4, 0x77} {
					add(4, abs32, v.sym, v.want, addend)
					if f.class == elf.ELFCLASS64 {
						add(8, abs64, v.sym, v.want, addend)
					}
				}
			}
			got, err := relocated(t, &o)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(hex.Dump(want), hex.Dump(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRules applies entries of one machine each and compares the bytes.
func TestRules(t *testing.T) {
	const rv, la = elf.EM_RISCV, elf.EM_LOONGARCH
	e := func(off uint64, sym, typ uint32, addend int64) testReloc { return testReloc{off, sym, typ, addend} }
	const text = 0x10000 + textValue // the address of symText
	tests := []struct {
		name    string
		mach    elf.Machine
		class   elf.Class
		big     bool
		data    string
		entries []testReloc
		want    string
	}{
		{name: "none", mach: rv, data: "0102", entries: []testReloc{e(99, 99, 0, 0)}, want: "0102"},
		{name: "RISC-V differences", mach: rv,
			data: "01 0200 03000000 0400000000000000",
			entries: []testReloc{
				e(0, symText, uint32(elf.R_RISCV_ADD8), 8), e(0, symText, uint32(elf.R_RISCV_SUB8), 3),
				e(1, symText, uint32(elf.R_RISCV_ADD16), 0x107), e(1, symText, uint32(elf.R_RISCV_SUB16), 0),
				e(3, symInit, uint32(elf.R_RISCV_ADD32), 0), e(3, symText, uint32(elf.R_RISCV_SUB32), 0),
				e(7, symText, uint32(elf.R_RISCV_ADD64), 0), e(7, symText, uint32(elf.R_RISCV_SUB64), 5),
			},
			want: "06 0901 27000100 ffffffffffffffff"},
		{name: "RISC-V set", mach: rv,
			data: "c1 ff ffff ffffffff ff",
			entries: []testReloc{
				e(0, symText, uint32(elf.R_RISCV_SET6), 9), e(0, symText, uint32(elf.R_RISCV_SUB6), 2),
				e(1, symText, uint32(elf.R_RISCV_SET8), 9), e(1, symText, uint32(elf.R_RISCV_SUB8), 2),
				e(2, symText, uint32(elf.R_RISCV_SET16), 9), e(4, symText, uint32(elf.R_RISCV_SET32), 9),
			},
			want: "c7 07 2900 29000100 ff"},
		{name: "RISC-V ULEB128 keeps its length", mach: rv,
			data: "80808000 00 8100",
			entries: []testReloc{
				e(0, symText, riscvSetULEB128, 0x1234), e(0, symText, riscvSubULEB128, 0),
				e(4, symInit, riscvSetULEB128, 0x7f), e(4, symInit, riscvSubULEB128, 0),
				e(5, symText, riscvSetULEB128, 0x85), e(5, symText, riscvSubULEB128, 0),
			},
			want: "b4a48000 7f 8501"},
		{name: "LoongArch differences", mach: la,
			data: "c1 01 0200 030000 04000000 0500000000000000",
			entries: []testReloc{
				e(0, symText, uint32(elf.R_LARCH_ADD6), 5), e(0, symText, uint32(elf.R_LARCH_SUB6), 3),
				e(1, symText, uint32(elf.R_LARCH_ADD8), 5), e(1, symText, uint32(elf.R_LARCH_SUB8), 3),
				e(2, symText, uint32(elf.R_LARCH_ADD16), 0x500), e(2, symText, uint32(elf.R_LARCH_SUB16), 3),
				e(4, symText, uint32(elf.R_LARCH_ADD24), 0x50000), e(4, symText, uint32(elf.R_LARCH_SUB24), 3),
				e(7, symText, uint32(elf.R_LARCH_ADD32), 0x50000), e(7, symText, uint32(elf.R_LARCH_SUB32), 3),
				e(11, symText, uint32(elf.R_LARCH_ADD64), 0), e(11, symNone, uint32(elf.R_LARCH_SUB64), 5),
			},
			want: "c3 03 ff04 000005 01000500 2000010000000000"},
		{name: "LoongArch ULEB128, subtrahend first", mach: la,
			data: "8100 ff7f",
			entries: []testReloc{
				e(0, symText, uint32(elf.R_LARCH_SUB_ULEB128), 0), e(0, symText, uint32(elf.R_LARCH_ADD_ULEB128), 0x102),
				e(2, symText, uint32(elf.R_LARCH_ADD_ULEB128), 1), e(2, symText, uint32(elf.R_LARCH_SUB_ULEB128), 0),
			},
			want: "8302 8000"},
		{name: "ULEB128 of ten bytes", mach: la,
			data:    "80808080808080808000 ff",
			entries: []testReloc{e(0, symNone, uint32(elf.R_LARCH_SUB_ULEB128), 1)},
			want:    "ffffffffffffffffff01 ff"},
		{name: "thread-local", mach: elf.EM_X86_64, data: "0000000000000000 00000000",
			entries: []testReloc{e(0, symTLS, uint32(elf.R_X86_64_DTPOFF64), 1), e(8, symTLS, uint32(elf.R_X86_64_DTPOFF32), 0)},
			want:    "0900000000000000 08000000"},
		{name: "thread-local with a bias", mach: elf.EM_PPC64, big: true, data: "0000000000000000",
			entries: []testReloc{e(0, symTLS, uint32(elf.R_PPC64_DTPREL64), 0x8004)}, want: "000000000000000c"},
		{name: "ELF32 wraps", mach: elf.EM_386, class: elf.ELFCLASS32, data: "00000000",
			entries: []testReloc{e(0, symNone, uint32(elf.R_386_32), -1)}, want: "ffffffff"},
		{name: "last bytes", mach: elf.EM_X86_64, data: "00 00000000",
			entries: []testReloc{e(1, symText, uint32(elf.R_X86_64_32), 0)}, want: "00 20000100"},
		{name: "last bytes, 64 bits", mach: elf.EM_X86_64, data: "00 0000000000000000",
			entries: []testReloc{e(1, symText, uint32(elf.R_X86_64_64), 0)}, want: "00 2000010000000000"},
		{name: "greatest value", mach: elf.EM_X86_64, data: "00000000",
			entries: []testReloc{e(0, symText, uint32(elf.R_X86_64_32), 0xffffffff-text)}, want: "ffffffff"},
		{name: "least value", mach: elf.EM_AARCH64, data: "00000000",
			entries: []testReloc{e(0, symNone, uint32(elf.R_AARCH64_ABS32), -1<<31)}, want: "00000080"},
		{name: "last of two for one field", mach: elf.EM_X86_64, data: "00000000",
			entries: []testReloc{e(0, symText, uint32(elf.R_X86_64_32), 0), e(0, symAbs, uint32(elf.R_X86_64_32), 0)}, want: "34120000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			class := tt.class
			if class == 0 {
				class = elf.ELFCLASS64
			}
			o := relocObject{mach: tt.mach, class: class, big: tt.big, data: unhex(t, tt.data), entries: tt.entries}
			got, err := relocated(t, &o)
			if err != nil {
				t.Fatal(err)
			}
			if want := unhex(t, tt.want); !bytes.Equal(got, want) {
				t.Errorf("got % x, want % x", got, want)
			}
		})
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRelocErrors has a case for every way in which relocations are refused.
func TestRelocErrors(t *testing.T) {
	const x86, abs32, abs64 = elf.EM_X86_64, uint32(elf.R_X86_64_32), uint32(elf.R_X86_64_64)
	relaSection := func(edit func(s *testkit.Section)) func(e *testkit.ELF) {
		return func(e *testkit.ELF) { edit(&e.Sections[secRela-1]) }
	}
	one := func(off uint64, sym, typ uint32, addend int64) []testReloc {
		return []testReloc{{typ: uint32(elf.R_X86_64_NONE)}, {off, sym, typ, addend}}
	}
	tests := []struct {
		name string
		obj  relocObject
		err  string
	}{
		{"wrong type", relocObject{mach: x86, entries: one(4, symText, uint32(elf.R_X86_64_PLT32), 0)},
			".rela.debug_info+0x18: relocation type R_X86_64_PLT32 (4) at .debug_info+0x4 is not one that debug sections use"},
		{"unknown type", relocObject{mach: x86, entries: one(4, symText, 200, 0)},
			".rela.debug_info+0x18: relocation type 200 at .debug_info+0x4 is not one that debug sections use"},
		{"unknown type beyond the table", relocObject{mach: x86, entries: one(4, symText, 1<<31, 0)},
			".rela.debug_info+0x18: relocation type 2147483648 at .debug_info+0x4 is not one that debug sections use"},
		{"wrong type of RISC-V", relocObject{mach: elf.EM_RISCV, entries: one(4, symText, uint32(elf.R_RISCV_32_PCREL), 0)},
			".rela.debug_info+0x18: relocation type R_RISCV_32_PCREL (57) at .debug_info+0x4 is not one that debug sections use"},
		{"combined types", relocObject{mach: elf.EM_MIPS, big: true, entries: one(4, symText, 0x1202, 0)},
			".rela.debug_info+0x18: relocation type R_MIPS_32/R_MIPS_64 (4610) at .debug_info+0x4 is not one that debug sections use"},
		{"outside, 4 bytes", relocObject{mach: x86, entries: one(13, symText, abs32, 0)},
			".rela.debug_info+0x18: a field of 4 bytes at .debug_info+0xd, the section has 16 bytes"},
		{"outside, 8 bytes", relocObject{mach: x86, entries: one(9, symText, abs64, 0)},
			".rela.debug_info+0x18: a field of 8 bytes at .debug_info+0x9, the section has 16 bytes"},
		{"far outside", relocObject{mach: x86, entries: one(1<<64-1, symText, abs64, 0)},
			".rela.debug_info+0x18: a field of 8 bytes at .debug_info+0xffffffffffffffff, the section has 16 bytes"},
		{"no such symbol", relocObject{mach: x86, entries: one(0, symCount, abs32, 0)},
			".rela.debug_info+0x18: symbol 9, there are 9 symbols"},
		{"no symbol table", relocObject{mach: x86, entries: one(0, symText, abs32, 0), edit: func(e *testkit.ELF) { e.Symbols = nil }},
			".rela.debug_info+0x18: symbol 1, there are 1 symbols"},
		{"too large", relocObject{mach: x86, entries: one(8, symNone, abs32, 1<<32)},
			".rela.debug_info+0x18: value 0x100000000 does not fit the four bytes at .debug_info+0x8"},
		{"too small", relocObject{mach: x86, entries: one(8, symNone, abs32, -1<<31-1)},
			".rela.debug_info+0x18: value 0xffffffff7fffffff does not fit the four bytes at .debug_info+0x8"},
		{"ULEB128 outside", relocObject{mach: elf.EM_LOONGARCH, entries: one(16, symText, uint32(elf.R_LARCH_ADD_ULEB128), 0)},
			".rela.debug_info+0x18: a ULEB128 number at .debug_info+0x10, the section has 16 bytes"},
		{"ULEB128 cut short", relocObject{mach: elf.EM_RISCV, data: unhex(t, "0080ff"), entries: one(1, symText, riscvSetULEB128, 0)},
			".rela.debug_info+0x18: a ULEB128 number without an end at .debug_info+0x1"},
		{"ULEB128 too long", relocObject{mach: elf.EM_RISCV, data: bytes.Repeat([]byte{0x80}, 20), entries: one(1, symText, riscvSubULEB128, 0)},
			".rela.debug_info+0x18: a ULEB128 number without an end at .debug_info+0x1"},
		{"REL of a difference", relocObject{mach: elf.EM_RISCV, rel: true, entries: one(1, symText, uint32(elf.R_RISCV_ADD32), 0)},
			".rel.debug_info+0x10: relocation type R_RISCV_ADD32 (35) has no addend of its own"},
		{"REL of a ULEB128", relocObject{mach: elf.EM_RISCV, rel: true, entries: one(1, symText, riscvSetULEB128, 0)},
			".rel.debug_info+0x10: relocation type R_RISCV_SET_ULEB128 (60) has no addend of its own"},
		{"machine", relocObject{mach: elf.EM_H8_300, entries: one(0, symText, 1, 0)},
			".rela.debug_info+0x0: the relocation types of EM_H8_300 are not known"},
		{"cut short", relocObject{mach: x86, raw: make([]byte, 50)},
			".rela.debug_info+0x30: 50 bytes are not a multiple of the entry size 24"},
		{"entry size", relocObject{mach: x86, entries: one(0, symText, abs32, 0), edit: relaSection(func(s *testkit.Section) { s.EntSize = 16 })},
			".rela.debug_info+0x0: sh_entsize is 16, want 24"},
		{"symbol table", relocObject{mach: x86, entries: one(0, symText, abs32, 0), edit: relaSection(func(s *testkit.Section) { s.Link = 3 })},
			".rela.debug_info+0x0: sh_link is 3, but the symbol table is section 7"},
		{"two sections", relocObject{mach: x86, entries: one(0, symText, abs32, 0), edit: func(e *testkit.ELF) {
			second := e.Sections[secRela-1]
			second.Name, e.Sections[secTLS-1] = ".rela.second", e.Sections[secRela-1]
			e.Sections[secRela-1] = second
			e.Symbols[symTLS-1].Section = 0
		}}, ".rela.debug_info+0x0: second relocation section of .debug_info, after section 5"},
		{"CREL", relocObject{mach: x86, raw: []byte{1}, edit: relaSection(func(s *testkit.Section) { s.Type = shtCrel })},
			".rela.debug_info+0x0: SHT_CREL, compact relocations, are not supported"},
		{"compressed relocations", relocObject{mach: x86, entries: one(0, symText, abs32, 0),
			edit: relaSection(func(s *testkit.Section) { s.Flags |= elf.SHF_COMPRESSED })},
			".rela.debug_info+0x0: is compressed, it cannot be read in pieces"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := tt.obj
			o.class = elf.ELFCLASS64
			if o.data == nil {
				o.size = 16
			}
			_, err := relocated(t, &o)
			wantError(t, err, tt.err)
		})
	}
}

// TestRelocFileErrors has the errors that concern the file as a whole.
func TestRelocFileErrors(t *testing.T) {
	o := relocObject{mach: elf.EM_X86_64, class: elf.ELFCLASS64, size: 8}
	o.edit = func(e *testkit.ELF) { e.Sections[secRela-1].Type = shtRelr }
	f := o.open(t)
	r, err := f.NewRelocator(nil, nil)
	wantError(t, err, ".rela.debug_info+0x0: SHT_RELR in a relocatable file")
	if r != nil {
		t.Error("a relocator beside the error")
	}

	// The relocations of a linked file have been applied (ld --emit-relocs).
	o.entries = []testReloc{{sym: symText, typ: uint32(elf.R_X86_64_32)}}
	o.edit = func(e *testkit.ELF) { e.Type = elf.ET_EXEC }
	f = o.open(t)
	if r = relocator(t, f, nil); r != nil {
		t.Fatal("a relocator of a linked file")
	}
	data := make([]byte, 8)
	if r.Applies(f.Section(".debug_info")) || r.Apply(f.Section(".debug_info"), data, 0, nil) != nil || !bytes.Equal(data, make([]byte, 8)) {
		t.Error("a linked file was relocated")
	}

	// The file becomes shorter after it was opened.
	o.edit = nil
	img := o.image()
	if _, err := New(bytes.NewReader(img.Data[:img.ShOff]), int64(len(img.Data))); err == nil {
		t.Fatal("opened a file without section headers")
	}
	g, err := New(&cutReader{data: img.Data, cut: int64(len(img.Data))}, int64(len(img.Data)))
	if err != nil {
		t.Fatal(err)
	}
	r = relocator(t, g, nil)
	g.r.(*cutReader).cut = 10
	rel := g.Section(".rela.debug_info")
	wantError(t, r.Apply(g.Section(".debug_info"), data, 0, nil), fmt.Sprintf(
		".rela.debug_info+0x0: the file now ends at %d bytes, it had %d when it was opened", rel.Off, g.FileSize))
}

// cutReader is a file that ends at cut.
type cutReader struct {
	data []byte
	cut  int64
}

func (c *cutReader) ReadAt(b []byte, off int64) (int, error) {
	return bytes.NewReader(c.data[:c.cut]).ReadAt(b, off)
}

// TestCanon replaces the offsets of strings, and nothing else.
func TestCanon(t *testing.T) {
	for _, m := range []struct {
		mach     elf.Machine
		class    elf.Class
		big, rel bool
	}{
		{elf.EM_X86_64, elf.ELFCLASS64, false, false},
		{elf.EM_S390, elf.ELFCLASS64, true, false},
		{elf.EM_MIPS, elf.ELFCLASS64, true, false},
		{elf.EM_386, elf.ELFCLASS32, false, true},
	} {
		t.Run(fmt.Sprintf("%v", m.mach), func(t *testing.T) {
			abs32, abs64 := absTypes(m.mach)
			o := relocObject{mach: m.mach, class: m.class, big: m.big, rel: m.rel}
			var want []byte
			var calls []uint64
			add := func(size int, typ, sym uint32, addend, v uint64) {
				o.entries = append(o.entries, testReloc{off: uint64(len(o.data)), sym: sym, typ: typ, addend: int64(addend)})
				old := uint64(0)
				if m.rel {
					old = addend
				}
				o.data = append(o.data, number(m.big, size, old)...)
				want = append(want, number(m.big, size, v)...)
			}
			add(4, abs32, symStr, 8, 1008)
			add(4, abs32, symText, 8, 0x10000+textValue+8)
			add(4, abs32, symStrLabel, 2, 1000+strLabelValue+2)
			add(4, abs32, symUndef, 2, 2)
			calls = append(calls, 8, strLabelValue+2)
			if m.class == elf.ELFCLASS64 {
				add(8, abs64, symStr, 3, 1003)
				add(8, abs64, symText, 3, 0x10000+textValue+3)
				calls = append(calls, 3)
			}
			add(4, abs32, symStr, 4, 1004) // the last bytes
			calls = append(calls, 4)
			f := o.open(t)
			r := relocator(t, f, testAddrs)
			got := bytes.Clone(o.data)
			var seen []uint64
			err := r.Apply(f.Section(".debug_info"), got, secStr, func(offs []uint64) {
				seen = append(seen, offs...)
				for i := range offs {
					offs[i] += 1000
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got  % x\nwant % x", got, want)
			}
			if diff := cmp.Diff(calls, seen); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRelocPieces relocates more entries than are read at once, and stops at the
// right offset in a later piece.
func TestRelocPieces(t *testing.T) {
	for _, mach := range []elf.Machine{elf.EM_X86_64, elf.EM_MIPS} {
		abs32, _ := absTypes(mach)
		o := relocObject{mach: mach, class: elf.ELFCLASS64, size: 4 * 30000}
		for i := range uint64(30000) {
			o.entries = append(o.entries, testReloc{off: 4 * i, sym: symText, typ: abs32, addend: int64(3 * i)})
		}
		got, err := relocated(t, &o)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 30000 {
			if v := number(false, 4, uint64(0x10000+textValue+3*i)); !bytes.Equal(got[4*i:4*i+4], v) {
				t.Fatalf("%v: field %d: % x, want % x", mach, i, got[4*i:4*i+4], v)
			}
		}
		o.entries[25001].typ = 99
		_, err = relocated(t, &o)
		wantError(t, err, fmt.Sprintf(".rela.debug_info+%#x: relocation type 99 at .debug_info+%#x is not one that debug sections use",
			25001*24, 4*25001))
	}
}

// TestRelocCompressed relocates the contents of a compressed section: offsets
// count in what comes out.
func TestRelocCompressed(t *testing.T) {
	plain := bytes.Repeat([]byte{7}, 5000)
	o := relocObject{mach: elf.EM_X86_64, class: elf.ELFCLASS64,
		entries: []testReloc{{off: 4996, sym: symText, typ: uint32(elf.R_X86_64_32)}},
		edit: func(e *testkit.ELF) {
			e.Sections[secInfo-1].Flags = elf.SHF_COMPRESSED
			e.Sections[secInfo-1].Data = chdr(elf.ELFCLASS64, false, elf.COMPRESS_ZSTD, 5000, zstdOf(t, plain))
		}}
	got, err := relocated(t, &o)
	if err != nil {
		t.Fatal(err)
	}
	if want := append(plain[:4996:4996], 0x20, 0, 1, 0); !bytes.Equal(got, want) {
		t.Errorf("% x", got[4990:])
	}
}

// TestRelocManySections has the target, its relocations and a symbol's section
// beyond the 65,279 that 16 bits can number.
func TestRelocManySections(t *testing.T) {
	const first = 66000
	e := &testkit.ELF{Machine: elf.EM_X86_64}
	for range first - 1 {
		e.Sections = append(e.Sections, testkit.Section{Name: ".text.f", Flags: elf.SHF_ALLOC})
	}
	o := relocObject{mach: elf.EM_X86_64, class: elf.ELFCLASS64}
	e.Sections = append(e.Sections,
		testkit.Section{Name: ".text.last", Flags: elf.SHF_ALLOC, Data: make([]byte, 64)},
		testkit.Section{Name: ".debug_info", Data: make([]byte, 8)},
		testkit.Section{Name: ".rela.debug_info", Type: elf.SHT_RELA, Link: first + 3, Info: first + 1, EntSize: 24,
			Data: o.appendEntry(nil, testReloc{sym: 1, typ: uint32(elf.R_X86_64_64), addend: 2})})
	e.Symbols = []testkit.Symbol{{Name: "last", Section: first, Value: 5}}
	f := open(t, e.Assemble().Data)
	addrs, err := f.SyntheticAddrs()
	if err != nil {
		t.Fatal(err)
	}
	if addrs[first] <= addrs[first-1] || addrs[1] == 0 {
		t.Errorf("addresses %#x, %#x", addrs[first-1], addrs[first])
	}
	data := make([]byte, 8)
	if err := relocator(t, f, addrs).Apply(f.Section(".debug_info"), data, 0, nil); err != nil {
		t.Fatal(err)
	}
	if want := number(false, 8, addrs[first]+7); !bytes.Equal(data, want) {
		t.Errorf("got % x, want % x", data, want)
	}
}

func TestSyntheticAddrs(t *testing.T) {
	const alloc = elf.SHF_ALLOC
	tests := []struct {
		name     string
		class    elf.Class
		sections []testkit.Section
		want     []uint64
		err      string
	}{
		{name: "layout", sections: []testkit.Section{
			{Name: ".text", Flags: alloc, Data: make([]byte, 0x21)},
			{Name: ".debug_info", Data: make([]byte, 5)},
			{Name: ".empty", Flags: alloc},
			{Name: ".bss", Type: elf.SHT_NOBITS, Flags: alloc, MemSize: 0x1000, Align: 0x1000},
			{Name: ".tdata", Flags: alloc | elf.SHF_TLS, Data: make([]byte, 5)},
			{Name: ".odd", Flags: alloc, Data: make([]byte, 1), Align: 24},
			{Name: ".wide", Flags: alloc, Data: make([]byte, 1), Align: 1},
		}, want: []uint64{0, 0x10000, 0, 0x10040, 0x11000, 0, 0x12010, 0x12030}},
		{name: "huge", sections: []testkit.Section{{Name: ".bss", Type: elf.SHT_NOBITS, Flags: alloc, MemSize: 1<<64 - 1}},
			err: ".bss+0x0: sh_size is 0xffffffffffffffff, which leaves no address for the section"},
		{name: "two large", sections: []testkit.Section{
			{Name: ".bss", Type: elf.SHT_NOBITS, Flags: alloc, MemSize: 1 << 62},
			{Name: ".sbss", Type: elf.SHT_NOBITS, Flags: alloc, MemSize: 1 << 62}},
			err: ".sbss+0x0: sh_size is 0x4000000000000000, which leaves no address for the section"},
		{name: "ELF32", class: elf.ELFCLASS32, sections: []testkit.Section{
			{Name: ".bss", Type: elf.SHT_NOBITS, Flags: alloc, MemSize: 0xffff0000}},
			err: ".bss+0x0: sh_size is 0xffff0000, which leaves no address for the section"},
		{name: "ELF32, just fits", class: elf.ELFCLASS32, sections: []testkit.Section{
			{Name: ".bss", Type: elf.SHT_NOBITS, Flags: alloc, MemSize: 0xfffeffef}}, want: []uint64{0, 0x10000}},
		{name: "nothing left", class: elf.ELFCLASS32, sections: []testkit.Section{
			{Name: ".bss", Type: elf.SHT_NOBITS, Flags: alloc, MemSize: 0xfffeffef}, {Name: ".text", Flags: alloc}},
			err: ".text+0x0: sh_size is 0x0, which leaves no address for the section"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := open(t, (&testkit.ELF{Class: tt.class, Sections: tt.sections}).Assemble().Data)
			got, err := f.SyntheticAddrs()
			if tt.err != "" {
				wantError(t, err, tt.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := append(tt.want, 0) // of the section names
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
