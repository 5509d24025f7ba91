// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfview

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"math/bits"
)

// Section indexes of a symbol that name no section. The 16-bit reserved range is
// moved to the top of 32 bits, so that it cannot be taken for a section of a file
// with more than 65,279 of them.
const (
	ShnUndef    uint32 = 0
	ShnReserved uint32 = 0xffffff00 // the first reserved index
	ShnAbs      uint32 = 0xfffffff1
	ShnCommon   uint32 = 0xfffffff2
)

// Sym is one symbol (gABI, "Symbol Table").
type Sym struct {
	NameOff uint32 // for SymbolTable.Name
	Info    uint8
	Other   uint8
	Shndx   uint32 // index into File.Sections, ShnUndef, or reserved; SHN_XINDEX is resolved
	Value   uint64 // an address, or in ET_REL an offset in the section
	Size    uint64 // bytes
}

// Type returns the type in st_info: elf.STT_FUNC and so on.
func (s *Sym) Type() elf.SymType { return elf.SymType(s.Info & 0xf) }

// Bind returns the binding in st_info: elf.STB_GLOBAL and so on.
func (s *Sym) Bind() elf.SymBind { return elf.SymBind(s.Info >> 4) }

// InSection reports whether Shndx is an index into File.Sections.
func (s *Sym) InSection() bool { return s.Shndx != ShnUndef && s.Shndx < ShnReserved }

// SymbolTable is a symbol table with its names, checked as a whole when it was
// loaded: no symbol in it has a name or a section that does not exist. It keeps
// the bytes of the file and decodes on access, without allocating. Read-only,
// safe for concurrent use.
type SymbolTable struct {
	Section *Section // the SHT_SYMTAB it was loaded from
	data    []byte   // of Section
	names   []byte   // empty, or NUL at the end
	xindex  []byte   // SHT_SYMTAB_SHNDX: 4 bytes for each symbol; nil if there is none
	n       int
	is64    bool
	big     bool
}

const (
	symSize32 = 16
	symSize64 = 24
)

// Symbols loads the symbol table: the last SHT_SYMTAB section, as the linker and
// the kernel's resolve_btfids take it. It returns nil, nil if there is none.
func (f *File) Symbols() (*SymbolTable, error) {
	var s *Section
	for i := range f.Sections {
		if f.Sections[i].Type == elf.SHT_SYMTAB {
			s = &f.Sections[i]
		}
	}
	if s == nil {
		return nil, nil
	}
	size := uint64(symSize32)
	if f.Is64() {
		size = symSize64
	}
	if s.EntSize != size {
		return nil, s.errorf(0, "sh_entsize is %d, want %d", s.EntSize, size)
	}
	if s.Link == 0 || uint64(s.Link) >= uint64(len(f.Sections)) {
		return nil, s.errorf(0, "sh_link %d is no string table, there are %d sections", s.Link, len(f.Sections))
	}
	data, err := f.Data(s)
	if err != nil {
		return nil, err
	}
	if uint64(len(data))%size != 0 {
		return nil, s.errorf(0, "%d bytes are not a multiple of the symbol size %d", len(data), size)
	}
	names, err := f.stringTable(&f.Sections[s.Link])
	if err != nil {
		return nil, err
	}
	t := &SymbolTable{
		Section: s, data: data, names: names,
		n: len(data) / int(size), is64: f.Is64(), big: f.Big,
	}
	if t.xindex, err = f.extendedIndexes(s, t.n); err != nil {
		return nil, err
	}
	if err := t.check(len(f.Sections)); err != nil {
		return nil, err
	}
	return t, nil
}

// extendedIndexes returns the contents of the SHT_SYMTAB_SHNDX section that
// belongs to symtab, nil if there is none. It has a word for each of n symbols.
func (f *File) extendedIndexes(symtab *Section, n int) ([]byte, error) {
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.Type != elf.SHT_SYMTAB_SHNDX || uint64(s.Link) != uint64(symtab.Index) {
			continue
		}
		b, err := f.Data(s)
		if err == nil && len(b)/4 < n {
			err = s.errorf(uint64(len(b)), "the section ends before the words of %d symbols", n)
		}
		return b, err
	}
	return nil, nil
}

// Len returns the number of symbols, the null symbol at index 0 included.
func (t *SymbolTable) Len() int { return t.n }

// Sym decodes symbol i, 0 <= i < Len().
func (t *SymbolTable) Sym(i int) (s Sym) {
	shndx := t.raw(i, &s)
	switch {
	case shndx < elf.SHN_LORESERVE:
		s.Shndx = uint32(shndx)
	case shndx == elf.SHN_XINDEX:
		s.Shndx = t.extended(i)
	default:
		s.Shndx = ShnReserved + uint32(shndx-elf.SHN_LORESERVE)
	}
	return s
}

// raw decodes symbol i into s but for the meaning of st_shndx, which it returns.
func (t *SymbolTable) raw(i int, s *Sym) elf.SectionIndex {
	var index uint16
	if t.is64 {
		b := t.data[i*symSize64:][:symSize64]
		s.NameOff = binary.LittleEndian.Uint32(b)
		s.Info, s.Other = b[4], b[5]
		index = binary.LittleEndian.Uint16(b[6:])
		s.Value = binary.LittleEndian.Uint64(b[8:])
		s.Size = binary.LittleEndian.Uint64(b[16:])
		if t.big {
			s.Value, s.Size = bits.ReverseBytes64(s.Value), bits.ReverseBytes64(s.Size)
		}
	} else {
		b := t.data[i*symSize32:][:symSize32]
		s.NameOff = binary.LittleEndian.Uint32(b)
		value := binary.LittleEndian.Uint32(b[4:])
		size := binary.LittleEndian.Uint32(b[8:])
		s.Info, s.Other = b[12], b[13]
		index = binary.LittleEndian.Uint16(b[14:])
		if t.big {
			value, size = bits.ReverseBytes32(value), bits.ReverseBytes32(size)
		}
		s.Value, s.Size = uint64(value), uint64(size)
	}
	if t.big {
		s.NameOff, index = bits.ReverseBytes32(s.NameOff), bits.ReverseBytes16(index)
	}
	return elf.SectionIndex(index)
}

// extended returns the section index of symbol i in SHT_SYMTAB_SHNDX.
func (t *SymbolTable) extended(i int) uint32 {
	v := binary.LittleEndian.Uint32(t.xindex[4*i:])
	if t.big {
		v = bits.ReverseBytes32(v)
	}
	return v
}

// Name returns the string at an offset of the string table, without the NUL. It
// aliases the table. It is nil for offset 0 and for one outside the table, which
// no symbol has.
func (t *SymbolTable) Name(off uint32) []byte {
	if off == 0 || uint64(off) >= uint64(len(t.names)) {
		return nil
	}
	rest := t.names[off:]
	n := bytes.IndexByte(rest, 0)
	return rest[:n:n]
}

// check verifies every name offset and section index. The file has n sections.
func (t *SymbolTable) check(n int) error {
	size, indexOff := uint64(symSize32), uint64(14)
	if t.is64 {
		size, indexOff = symSize64, 6
	}
	for i := range t.n {
		off := uint64(i) * size
		var s Sym
		shndx := t.raw(i, &s)
		if s.NameOff != 0 && uint64(s.NameOff) >= uint64(len(t.names)) {
			return t.Section.errorf(off, "st_name %#x is outside the string table of %d bytes", s.NameOff, len(t.names))
		}
		index := uint32(shndx)
		switch {
		case shndx == elf.SHN_XINDEX && t.xindex == nil:
			return t.Section.errorf(off+indexOff, "st_shndx is SHN_XINDEX, but no SHT_SYMTAB_SHNDX section belongs to the table")
		case shndx == elf.SHN_XINDEX:
			index = t.extended(i)
		case shndx >= elf.SHN_LORESERVE:
			continue
		}
		if uint64(index) >= uint64(n) {
			return t.Section.errorf(off+indexOff, "symbol in section %d, there are %d sections", index, n)
		}
	}
	return nil
}
