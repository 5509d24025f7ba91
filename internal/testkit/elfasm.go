// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package testkit builds inputs for tests and compares outputs. It imports the
// standard library only, so that the tests of every package can use it.
package testkit

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"math"
)

// ELF describes an ELF file without program headers. Its zero value, assembled,
// is a valid ELF64 little-endian ET_REL file.
//
// Sections are numbered from 1 in the order given; after them come the symbol
// table with its strings, if there are symbols, and the section names.
type ELF struct {
	Class    elf.Class   // zero: ELFCLASS64
	Big      bool        // big-endian
	Type     elf.Type    // zero: ET_REL
	Machine  elf.Machine // zero: EM_X86_64
	Sections []Section
	Symbols  []Symbol // without the null symbol, which is added
	Symtab   bool     // write a symbol table even if Symbols is empty

	// Extended forces extended section numbering, which a file with fewer than
	// 65,280 sections does not need, and a SHT_SYMTAB_SHNDX section.
	Extended bool
}

// Section is one section of an ELF. Numbers go to the header as they are.
type Section struct {
	Name    string
	Type    elf.SectionType // zero: SHT_PROGBITS
	Flags   elf.SectionFlag
	Addr    uint64
	Data    []byte
	MemSize uint64 // sh_size of SHT_NOBITS, which has no Data
	Link    uint32
	Info    uint32
	Align   uint64 // zero: 1
	EntSize uint64
}

// Symbol is one symbol of an ELF.
type Symbol struct {
	Name    string
	Type    elf.SymType
	Bind    elf.SymBind
	Other   uint8
	Section int              // index of its section; see Special
	Special elf.SectionIndex // a reserved st_shndx such as SHN_ABS, instead of Section
	Value   uint64
	Size    uint64
}

// Image is an assembled ELF. Tests patch Data to make it malformed.
type Image struct {
	Data  []byte
	ShOff int // of the section header table, into Data
	ShNum int

	is64  bool
	big   bool
	names map[string]int // index of the first section of a name
	offs  []int          // of the contents of each section, into Data
}

// Assemble returns the file. It panics if the description does not fit the
// format, such as an address too wide for ELFCLASS32: a mistake of the test.
func (e *ELF) Assemble() *Image {
	a := &assembler{is64: e.Class != elf.ELFCLASS32, order: binary.LittleEndian}
	if e.Big {
		a.order = binary.BigEndian
	}
	secs := append([]Section{{Type: elf.SHT_NULL}}, e.Sections...)
	for i := 1; i < len(secs); i++ {
		if secs[i].Type == elf.SHT_NULL {
			secs[i].Type = elf.SHT_PROGBITS
		}
		if secs[i].Align == 0 {
			secs[i].Align = 1
		}
	}
	if len(e.Symbols) > 0 || e.Symtab {
		secs = append(secs, a.symtab(e, len(secs))...)
	}
	shstrndx := len(secs)
	secs = append(secs, Section{Name: ".shstrtab", Type: elf.SHT_STRTAB, Align: 1})
	var names strtab
	nameOffs := make([]uint32, len(secs))
	for i := range secs {
		nameOffs[i] = names.add(secs[i].Name)
	}
	secs[shstrndx].Data = names.b

	extended := e.Extended || len(secs) >= int(elf.SHN_LORESERVE)
	img := &Image{ShNum: len(secs), is64: a.is64, big: e.Big, names: map[string]int{}, offs: make([]int, len(secs))}
	a.ehdr(e, len(secs), shstrndx, extended)
	for i := range secs {
		if _, ok := img.names[secs[i].Name]; !ok {
			img.names[secs[i].Name] = i
		}
		if i == 0 {
			continue
		}
		a.align(int(secs[i].Align))
		img.offs[i] = len(a.b)
		a.b = append(a.b, secs[i].Data...)
	}
	a.align(a.addrSize())
	img.ShOff, img.Data = len(a.b), a.b
	img.SetHeader(EShOff, uint64(img.ShOff))
	for i := range secs {
		s := &secs[i]
		size := uint64(len(s.Data))
		if s.Type == elf.SHT_NOBITS {
			size = s.MemSize
		}
		if i == 0 && extended {
			size, s.Link = uint64(len(secs)), uint32(shstrndx)
		}
		a.shdr(s, nameOffs[i], uint64(img.offs[i]), size)
	}
	img.Data = a.b
	return img
}

// Index returns the index of the first section of a name. It panics if there is
// none.
func (m *Image) Index(name string) int {
	i, ok := m.names[name]
	if !ok {
		panic(fmt.Sprintf("testkit: no section %q", name))
	}
	return i
}

// Contents returns the bytes of section i, aliasing Data, without an upper bound.
func (m *Image) Contents(i int) []byte { return m.Data[m.offs[i]:] }

// Field is a field of the ELF header or of a section header, or of an entry.
type Field struct{ off32, size32, off64, size64 int }

// Fields of the ELF header (gABI, "ELF Header") for SetHeader, and of a section
// header (gABI, "Section Header") for SetShdr.
var (
	EType      = Field{16, 2, 16, 2}
	EMachine   = Field{18, 2, 18, 2}
	EPhOff     = Field{28, 4, 32, 8}
	EShOff     = Field{32, 4, 40, 8}
	EPhNum     = Field{44, 2, 56, 2}
	EShEntSize = Field{46, 2, 58, 2}
	EShNum     = Field{48, 2, 60, 2}
	EShStrNdx  = Field{50, 2, 62, 2}

	ShName    = Field{0, 4, 0, 4}
	ShType    = Field{4, 4, 4, 4}
	ShFlags   = Field{8, 4, 8, 8}
	ShAddr    = Field{12, 4, 16, 8}
	ShOffset  = Field{16, 4, 24, 8}
	ShSize    = Field{20, 4, 32, 8}
	ShLink    = Field{24, 4, 40, 4}
	ShInfo    = Field{28, 4, 44, 4}
	ShAlign   = Field{32, 4, 48, 8}
	ShEntSize = Field{36, 4, 56, 8}

	StName  = Field{0, 4, 0, 4}
	StInfo  = Field{12, 1, 4, 1}
	StShndx = Field{14, 2, 6, 2}
	StValue = Field{4, 4, 8, 8}
	StSize  = Field{8, 4, 16, 8}
)

// SetHeader overwrites a field of the ELF header.
func (m *Image) SetHeader(f Field, v uint64) { m.set(0, f, v) }

// SetShdr overwrites a field of section header i.
func (m *Image) SetShdr(i int, f Field, v uint64) {
	size := 40
	if m.is64 {
		size = 64
	}
	m.set(m.ShOff+i*size, f, v)
}

// SetSymbol overwrites a field of symbol i; the null symbol is 0.
func (m *Image) SetSymbol(i int, f Field, v uint64) {
	m.set(m.offs[m.Index(".symtab")]+i*symSize(m.is64), f, v)
}

func (m *Image) set(at int, f Field, v uint64) {
	off, size := f.off32, f.size32
	if m.is64 {
		off, size = f.off64, f.size64
	}
	b := m.Data[at+off:][:size]
	for i := range b {
		shift := 8 * i
		if m.big {
			shift = 8 * (size - 1 - i)
		}
		b[i] = byte(v >> shift)
	}
}

func symSize(is64 bool) int {
	if is64 {
		return 24
	}
	return 16
}

// symtab returns the sections .symtab, .strtab and, if an index needs it,
// .symtab_shndx. The first of them gets the index next.
func (a *assembler) symtab(e *ELF, next int) []Section {
	var names strtab
	names.add("")
	syms := &assembler{is64: a.is64, order: a.order}
	words := &assembler{is64: a.is64, order: a.order}
	extended, locals := e.Extended, uint32(1)
	syms.b = make([]byte, symSize(a.is64)) // the null symbol
	words.u32(0)
	for _, s := range e.Symbols {
		shndx, word := uint16(s.Section), uint32(0)
		switch {
		case s.Special != 0:
			shndx = uint16(s.Special)
		case e.Extended && s.Section != 0 || s.Section >= int(elf.SHN_LORESERVE):
			shndx, word, extended = uint16(elf.SHN_XINDEX), uint32(s.Section), true
		}
		if s.Bind == elf.STB_LOCAL {
			locals++
		}
		info := uint8(s.Bind)<<4 | uint8(s.Type)&0xf
		syms.u32(names.add(s.Name))
		if !a.is64 {
			syms.addr(s.Value)
			syms.addr(s.Size)
		}
		syms.b = append(syms.b, info, s.Other)
		syms.u16(shndx)
		if a.is64 {
			syms.addr(s.Value)
			syms.addr(s.Size)
		}
		words.u32(word)
	}
	secs := []Section{
		{Name: ".symtab", Type: elf.SHT_SYMTAB, Data: syms.b, Link: uint32(next + 1), Info: locals,
			Align: uint64(a.addrSize()), EntSize: uint64(symSize(a.is64))},
		{Name: ".strtab", Type: elf.SHT_STRTAB, Data: names.b, Align: 1},
	}
	if extended {
		secs = append(secs, Section{Name: ".symtab_shndx", Type: elf.SHT_SYMTAB_SHNDX, Data: words.b,
			Link: uint32(next), Align: 4, EntSize: 4})
	}
	return secs
}

// assembler appends numbers in the class and byte order of the file.
type assembler struct {
	b     []byte
	is64  bool
	order binary.AppendByteOrder
}

func (a *assembler) u16(v uint16) { a.b = a.order.AppendUint16(a.b, v) }
func (a *assembler) u32(v uint32) { a.b = a.order.AppendUint32(a.b, v) }

func (a *assembler) addrSize() int {
	if a.is64 {
		return 8
	}
	return 4
}

// addr appends a number as wide as an address of the class.
func (a *assembler) addr(v uint64) {
	if a.is64 {
		a.b = a.order.AppendUint64(a.b, v)
		return
	}
	if v > math.MaxUint32 {
		panic(fmt.Sprintf("testkit: %#x does not fit ELFCLASS32", v))
	}
	a.u32(uint32(v))
}

func (a *assembler) align(n int) {
	for len(a.b)%n != 0 {
		a.b = append(a.b, 0)
	}
}

// ehdr appends the ELF header; e_shoff is filled in later.
func (a *assembler) ehdr(e *ELF, shnum, shstrndx int, extended bool) {
	class, data, size, shentsize := elf.ELFCLASS64, elf.ELFDATA2LSB, 64, 64
	if !a.is64 {
		class, size, shentsize = elf.ELFCLASS32, 52, 40
	}
	if e.Big {
		data = elf.ELFDATA2MSB
	}
	typ, machine := e.Type, e.Machine
	if typ == 0 {
		typ = elf.ET_REL
	}
	if machine == 0 {
		machine = elf.EM_X86_64
	}
	if extended {
		shnum, shstrndx = 0, int(elf.SHN_XINDEX)
	}
	a.b = append(a.b, elf.ELFMAG...)
	a.b = append(a.b, byte(class), byte(data), byte(elf.EV_CURRENT))
	a.b = append(a.b, make([]byte, elf.EI_NIDENT-len(a.b))...)
	a.u16(uint16(typ))
	a.u16(uint16(machine))
	a.u32(uint32(elf.EV_CURRENT))
	a.addr(0) // e_entry
	a.addr(0) // e_phoff
	a.addr(0) // e_shoff
	a.u32(0)  // e_flags
	a.u16(uint16(size))
	a.u16(0) // e_phentsize
	a.u16(0) // e_phnum
	a.u16(uint16(shentsize))
	a.u16(uint16(shnum))
	a.u16(uint16(shstrndx))
}

func (a *assembler) shdr(s *Section, nameOff uint32, off, size uint64) {
	a.u32(nameOff)
	a.u32(uint32(s.Type))
	a.addr(uint64(s.Flags))
	a.addr(s.Addr)
	a.addr(off)
	a.addr(size)
	a.u32(s.Link)
	a.u32(s.Info)
	a.addr(s.Align)
	a.addr(s.EntSize)
}

// strtab builds a string table; equal strings share one entry.
type strtab struct {
	b    []byte
	offs map[string]uint32
}

func (t *strtab) add(s string) uint32 {
	if t.offs == nil {
		t.b, t.offs = []byte{0}, map[string]uint32{"": 0}
	}
	off, ok := t.offs[s]
	if !ok {
		off = uint32(len(t.b))
		t.b = append(append(t.b, s...), 0)
		t.offs[s] = off
	}
	return off
}
