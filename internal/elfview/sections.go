// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfview

import (
	"bytes"
	"debug/elf"
	"fmt"
	"strings"
)

// Section is one entry of the section header table, as it stands in the file
// (gABI, "Section Header").
type Section struct {
	Name     string
	Index    int // into File.Sections
	Type     elf.SectionType
	Flags    elf.SectionFlag
	Addr     uint64
	Off      uint64 // file offset
	FileSize uint64 // sh_size: bytes in the file, compressed or not; bytes in memory for SHT_NOBITS
	Link     uint32
	Info     uint32
	Align    uint64
	EntSize  uint64
}

// label names the section in errors.
func (s *Section) label() string {
	if s.Name == "" {
		return fmt.Sprintf("section %d", s.Index)
	}
	return s.Name
}

func (s *Section) errorf(off uint64, format string, args ...any) error {
	return &FormatError{s.label(), off, fmt.Sprintf(format, args...)}
}

// Section returns the first section of a name, or nil.
func (f *File) Section(name string) *Section {
	for i := range f.Sections {
		if f.Sections[i].Name == name {
			return &f.Sections[i]
		}
	}
	return nil
}

// DebugSection returns the first section of a name like ".debug_info", or else
// the first of the legacy compressed form, ".zdebug_info", or nil.
func (f *File) DebugSection(name string) *Section {
	if s := f.Section(name); s != nil {
		return s
	}
	return f.Section(".z" + strings.TrimPrefix(name, "."))
}

// Data returns the whole contents of a section, decompressed, in memory of its
// own, mostly with a capacity of some zero bytes more. SHT_NOBITS is an error.
func (f *File) Data(s *Section) ([]byte, error) {
	if f.Compressed(s) {
		return f.decompress(s)
	}
	if err := f.checkExtent(s); err != nil {
		return nil, err
	}
	return f.whole(s.Off, s.FileSize, s.label(), 0)
}

// Size returns the length of what Data returns, in bytes, without reading it:
// for a compressed section, what its header says. SHT_NOBITS is an error.
func (f *File) Size(s *Section) (uint64, error) {
	if f.Compressed(s) {
		h, err := f.compression(s)
		return h.size, err
	}
	return s.FileSize, f.checkExtent(s)
}

// ReadAt fills b from offset off of an uncompressed section. It does not
// allocate and is safe for concurrent use. A range outside the section and a
// file that has become shorter are a *FormatError.
func (f *File) ReadAt(s *Section, b []byte, off uint64) error {
	if f.Compressed(s) {
		return s.errorf(off, "is compressed, it cannot be read in pieces")
	}
	if err := f.checkExtent(s); err != nil {
		return err
	}
	if off > s.FileSize || uint64(len(b)) > s.FileSize-off {
		return s.errorf(off, "%d bytes are wanted, the section has %d", len(b), s.FileSize)
	}
	if len(b) == 0 {
		return nil // an empty section may lie anywhere, even outside the file
	}
	return f.pread(b, s.Off+off, s.label(), off)
}

// checkExtent returns an error unless the section has bytes in the file and
// they lie within it. It holds for an empty section wherever that points.
func (f *File) checkExtent(s *Section) error {
	switch {
	case s.Type == elf.SHT_NOBITS:
		return s.errorf(0, "SHT_NOBITS has no contents in the file")
	case s.Type == elf.SHT_NULL:
		return s.errorf(0, "SHT_NULL has no contents")
	case s.FileSize == 0:
		return nil
	case s.Off > f.FileSize || s.FileSize > f.FileSize-s.Off:
		return s.errorf(0, "%d bytes at file offset %#x do not fit the file of %d bytes", s.FileSize, s.Off, f.FileSize)
	}
	return nil
}

// shdr gives the offsets of the fields of a section header whose place depends
// on the class.
type shdr struct {
	size                                                        uint64
	flags, addr, off, fileSize, link, info, addralign, entryLen uint64
}

var (
	shdr32 = shdr{size: 40, flags: 8, addr: 12, off: 16, fileSize: 20, link: 24, info: 28, addralign: 32, entryLen: 36}
	shdr64 = shdr{size: 64, flags: 8, addr: 16, off: 24, fileSize: 32, link: 40, info: 44, addralign: 48, entryLen: 56}
)

func (f *File) shdr() *shdr {
	if f.Is64() {
		return &shdr64
	}
	return &shdr32
}

// decodeShdr decodes all of a section header but its name.
func (f *File) decodeShdr(b []byte, index int) Section {
	h := f.shdr()
	return Section{
		Index:    index,
		Type:     elf.SectionType(f.order.Uint32(b[4:])),
		Flags:    elf.SectionFlag(f.addr(b[h.flags:])),
		Addr:     f.addr(b[h.addr:]),
		Off:      f.addr(b[h.off:]),
		FileSize: f.addr(b[h.fileSize:]),
		Link:     f.order.Uint32(b[h.link:]),
		Info:     f.order.Uint32(b[h.info:]),
		Align:    f.addr(b[h.addralign:]),
		EntSize:  f.addr(b[h.entryLen:]),
	}
}

// readSections reads the section header table. shnum and shentsize are as in
// the ELF header; numbers too large for it stand in the first section header
// (gABI, "ELF Header", e_shnum and e_shstrndx).
func (f *File) readSections(shnum, shentsize uint64) error {
	h, sh := f.ehdr(), f.shdr()
	if f.ShOff == 0 {
		if shnum != 0 {
			return headerError(h.shnum, "e_shnum is %d, but e_shoff is 0", shnum)
		}
		f.ShStrNdx = 0
		return nil
	}
	if shentsize != sh.size {
		return headerError(h.shentsize, "e_shentsize is %d, want %d", shentsize, sh.size)
	}
	if f.ShOff > f.FileSize || sh.size > f.FileSize-f.ShOff {
		return headerError(h.shoff, "e_shoff %#x leaves no room for a section header in the file of %d bytes", f.ShOff, f.FileSize)
	}
	first := make([]byte, sh.size)
	if err := f.pread(first, f.ShOff, "section header 0", 0); err != nil {
		return err
	}
	zero := f.decodeShdr(first, 0)
	if shnum == 0 {
		shnum = zero.FileSize
	}
	if shnum > (f.FileSize-f.ShOff)/sh.size {
		return headerError(h.shnum, "%d section headers at file offset %#x do not fit the file of %d bytes", shnum, f.ShOff, f.FileSize)
	}
	if f.ShStrNdx == int(elf.SHN_XINDEX) {
		f.ShStrNdx = int(zero.Link)
	}
	if f.PhNum == pnXNum {
		f.PhNum = int(zero.Info)
	}
	table, err := f.whole(f.ShOff, shnum*sh.size, "section headers", 0)
	if err != nil {
		return err
	}
	f.Sections = make([]Section, shnum)
	for i := range f.Sections {
		f.Sections[i] = f.decodeShdr(table[uint64(i)*sh.size:], i)
	}
	return f.nameSections(table)
}

// pnXNum is PN_XNUM: the number of program headers is sh_info of section 0.
const pnXNum = 0xffff

// nameSections sets the names. They share the memory of one string, so a table
// of many headers that all point to one long name costs nothing.
func (f *File) nameSections(table []byte) error {
	if f.ShStrNdx == 0 {
		return nil
	}
	if f.ShStrNdx < 0 || f.ShStrNdx >= len(f.Sections) {
		return headerError(f.ehdr().shstrndx, "e_shstrndx is %d, there are %d sections", f.ShStrNdx, len(f.Sections))
	}
	tab := &f.Sections[f.ShStrNdx]
	raw, err := f.stringTable(tab)
	if err != nil {
		return err
	}
	names := string(raw)
	size := f.shdr().size
	for i := range f.Sections {
		off := f.order.Uint32(table[uint64(i)*size:])
		if off == 0 {
			continue
		}
		if uint64(off) >= uint64(len(names)) {
			return &FormatError{fmt.Sprintf("section header %d", i), 0,
				fmt.Sprintf("sh_name %#x is outside the section name table of %d bytes", off, len(names))}
		}
		rest := names[off:]
		f.Sections[i].Name = rest[:strings.IndexByte(rest, 0)]
	}
	return nil
}

// maxString bounds a name in a string table. Without a bound, a file whose
// symbols all point to the start of one huge name takes quadratic time.
const maxString = 64 << 10

// stringTable returns the contents of a SHT_STRTAB section. They are empty, or
// end with a NUL, and hold no string longer than maxString.
func (f *File) stringTable(s *Section) ([]byte, error) {
	if s.Type != elf.SHT_STRTAB {
		return nil, s.errorf(0, "used as a string table, but its type is %v", s.Type)
	}
	b, err := f.Data(s)
	if err != nil {
		return nil, err
	}
	if n := len(b); n > 0 && b[n-1] != 0 {
		return nil, s.errorf(uint64(n-1), "the string table does not end with a NUL")
	}
	// A window without a NUL is a string too long; else go on after the last
	// NUL in it. This looks at one or two bytes per window in a sane table.
	for pos := 0; len(b)-pos > maxString; {
		n := bytes.LastIndexByte(b[pos:pos+maxString+1], 0)
		if n < 0 {
			return nil, s.errorf(uint64(pos), "string of more than %d bytes", maxString)
		}
		pos += n + 1
	}
	return b, nil
}
