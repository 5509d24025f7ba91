// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/testkit"
)

// variant is a class, a byte order and a way to number sections.
type variant struct {
	class    elf.Class
	big      bool
	extended bool
}

func (v variant) String() string {
	return fmt.Sprintf("%v,big=%v,extended=%v", v.class, v.big, v.extended)
}

func (v variant) order() byteOrder {
	if v.big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// variants calls f with every variant, as a subtest.
func variants(t *testing.T, f func(t *testing.T, v variant)) {
	for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
		for _, big := range []bool{false, true} {
			for _, extended := range []bool{false, true} {
				v := variant{class, big, extended}
				t.Run(v.String(), func(t *testing.T) { f(t, v) })
			}
		}
	}
}

var le64 = variant{class: elf.ELFCLASS64}

// reloc encodes a relocation with addend 0.
func (v variant) reloc(off, sym uint32) []byte {
	o := v.order()
	if v.class == elf.ELFCLASS32 {
		b := o.AppendUint32(nil, off)
		return o.AppendUint32(o.AppendUint32(b, elf.R_INFO32(sym, 1)), 0)
	}
	b := o.AppendUint64(nil, uint64(off))
	return o.AppendUint64(o.AppendUint64(b, elf.R_INFO(sym, 1)), 0)
}

// relas is a section of relocations of section info.
func (v variant) relas(name string, symtab, info uint32, relocs ...[]byte) testkit.Section {
	s := testkit.Section{Name: name, Type: elf.SHT_RELA, Flags: elf.SHF_INFO_LINK, Link: symtab, Info: info,
		Data: bytes.Join(relocs, nil), Align: 8, EntSize: 24}
	if v.class == elf.ELFCLASS32 {
		s.EntSize, s.Align = 12, 4
	}
	return s
}

// words encodes numbers of 4 bytes.
func (v variant) words(ns ...uint32) []byte {
	var b []byte
	for _, n := range ns {
		b = v.order().AppendUint32(b, n)
	}
	return b
}

// Symbols of sample.
const (
	symFile     = 1 + iota // source file
	symText                // section symbol
	symDebug               // section symbol of .debug_info
	symRodata              // section symbol
	symLabel               // in .debug_info
	symSigned              // in the group of .debug_types
	symKept                // in the group of .text.f
	symF                   // global, in .text
	symExternal            // undefined
)

// sample is a relocatable file with everything that indexes point from: two
// groups, one of debug data alone, relocations of code and of debug data, a
// section linked to another.
func sample(v variant) *testkit.ELF {
	const symtab = 14
	alloc := elf.SHF_ALLOC
	return &testkit.ELF{
		Class: v.class, Big: v.big, Extended: v.extended,
		Sections: []testkit.Section{
			1:  {Name: ".debug_info", Data: bytes.Repeat([]byte("info"), 25)},
			2:  v.relas(".rela.debug_info", symtab, 2, v.reloc(0, symDebug), v.reloc(8, symLabel)),
			0:  {Name: ".text", Flags: alloc | elf.SHF_EXECINSTR, Data: bytes.Repeat([]byte("text"), 16), Align: 16},
			3:  v.relas(".rela.text", symtab, 1, v.reloc(4, symRodata), v.reloc(8, symExternal), v.reloc(12, symF)),
			4:  {Name: ".group", Type: elf.SHT_GROUP, Link: symtab, Info: symSigned, Data: v.words(1, 6), Align: 4, EntSize: 4},
			5:  {Name: ".debug_types", Flags: elf.SHF_GROUP, Data: []byte("types")},
			6:  {Name: ".group", Type: elf.SHT_GROUP, Link: symtab, Info: symKept, Data: v.words(0, 6, 8), Align: 4, EntSize: 4},
			7:  {Name: ".text.f", Flags: alloc | elf.SHF_EXECINSTR | elf.SHF_GROUP, Data: []byte("function"), Align: 8},
			8:  {Name: ".bss", Type: elf.SHT_NOBITS, Flags: alloc | elf.SHF_WRITE, MemSize: 4096, Align: 32},
			9:  {Name: ".rodata", Flags: alloc, Data: []byte("read only"), Align: 4},
			10: {Name: "__order", Flags: alloc | elf.SHF_LINK_ORDER, Link: 8, Data: []byte("linked"), Align: 1},
			11: {Name: ".BTF_ids", Flags: alloc, Data: bytes.Repeat([]byte{0}, 12), Align: 4},
			12: {Name: ".comment", Flags: elf.SHF_MERGE | elf.SHF_STRINGS, Data: []byte("made by hand\x00"), EntSize: 1},
		},
		Symbols: []testkit.Symbol{
			{Name: "sample.c", Type: elf.STT_FILE, Special: elf.SHN_ABS},
			{Type: elf.STT_SECTION, Section: 1},
			{Type: elf.STT_SECTION, Section: 2},
			{Type: elf.STT_SECTION, Section: 10},
			{Name: ".Llabel", Section: 2},
			{Name: "signature", Section: 5},
			{Name: "kept", Section: 7},
			{Name: "f", Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Section: 1, Value: 4, Size: 4},
			{Name: "external", Bind: elf.STB_GLOBAL},
		},
	}
}

// content is what must be the same in a section whatever its place and index.
type content struct {
	typ   elf.SectionType
	flags elf.SectionFlag
	align uint64
	data  string
}

// parsed is a file as debug/elf reads it, which shares no code with ours.
type parsed struct {
	names    []string
	sections []content
	offs     []uint64
}

func parse(t *testing.T, b []byte) parsed {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(plainNumbers(t, b)))
	if err != nil {
		t.Fatal(err)
	}
	var p parsed
	for _, s := range f.Sections {
		c := content{typ: s.Type, flags: s.Flags, align: s.Addralign}
		if s.Type != elf.SHT_NOBITS && s.Type != elf.SHT_NULL {
			data := make([]byte, s.FileSize)
			if n, err := s.ReaderAt.ReadAt(data, 0); n != len(data) {
				t.Fatalf("%s: %v", s.Name, err)
			}
			c.data = string(data)
		}
		p.names = append(p.names, s.Name)
		p.sections = append(p.sections, c)
		p.offs = append(p.offs, s.Offset)
	}
	return p
}

// plainNumbers undoes extended numbering where it is not needed, which debug/elf does not
// read.
func plainNumbers(t *testing.T, b []byte) []byte {
	t.Helper()
	f, err := elfview.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	c := newCodec(f.Class, f.Big, f.Machine)
	if c.order.Uint16(b[c.shnum:]) != 0 || len(f.Sections) >= int(elf.SHN_LORESERVE) {
		return b
	}
	b = bytes.Clone(b)
	c.order.PutUint16(b[c.shnum:], uint16(len(f.Sections)))
	c.order.PutUint16(b[c.shstrndx:], uint16(f.ShStrNdx))
	c.put(b[f.ShOff:], c.layout.size, 0)
	return b
}

// one returns the only section of a name.
func (p *parsed) one(t *testing.T, name string) content {
	t.Helper()
	found := -1
	for i, n := range p.names {
		if n != name {
			continue
		}
		if found >= 0 {
			t.Fatalf("two sections %s", name)
		}
		found = i
	}
	if found < 0 {
		t.Fatalf("no section %s in %q", name, p.names)
	}
	return p.sections[found]
}

// edit returns the result of edits that must work, made once more to see that it
// stays the same.
func edit(t *testing.T, b []byte, edits ...Edit) []byte {
	t.Helper()
	out := editOnce(t, b, edits...)
	if again := editOnce(t, out, edits...); !bytes.Equal(out, again) {
		t.Errorf("edited again, the file of %d bytes has %d and differs", len(out), len(again))
	}
	if again := editOnce(t, b, edits...); !bytes.Equal(out, again) {
		t.Error("the same edits of the same file give other bytes")
	}
	return out
}

func editOnce(t *testing.T, b []byte, edits ...Edit) []byte {
	t.Helper()
	p, err := NewPlan(bytes.NewReader(b), int64(len(b)), edits...)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(out)) != p.Size() {
		t.Fatalf("%d bytes of a plan of %d", len(out), p.Size())
	}
	return out
}

// symbolNames returns the symbols with the names of their sections.
func symbolNames(t *testing.T, b []byte) []string {
	t.Helper()
	f, err := elfview.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	syms, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i := 1; i < syms.Len(); i++ {
		s := syms.Sym(i)
		name := string(syms.Name(s.NameOff))
		if s.InSection() {
			name += "@" + f.Sections[s.Shndx].Name
		}
		out = append(out, name)
	}
	return out
}
