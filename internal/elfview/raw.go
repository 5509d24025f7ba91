// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfview

import (
	"debug/elf"
	"fmt"
)

// Segment is one entry of the program header table (gABI, "Program Header").
type Segment struct {
	Type     elf.ProgType
	Flags    elf.ProgFlag
	Off      uint64 // file offset
	Addr     uint64 // virtual address
	FileSize uint64 // bytes in the file
	MemSize  uint64 // bytes in memory
	Align    uint64
}

// RawHeader returns a copy of the ELF header as it stands in the file.
func (f *File) RawHeader() ([]byte, error) {
	b := make([]byte, f.ehdr().size)
	if err := f.pread(b, 0, "ELF header", 0); err != nil {
		return nil, err
	}
	return b, nil
}

// RawSections returns a copy of the section header table as it stands in the
// file: one entry of the class's size for each of Sections.
func (f *File) RawSections() ([]byte, error) {
	size := uint64(len(f.Sections)) * f.shdr().size // within the file, see readSections
	return f.whole(f.ShOff, size, "section header table", 0)
}

// Segments reads the program header table. It does not look at where the
// segments lie; a table outside the file is an error.
func (f *File) Segments() ([]Segment, error) {
	if f.PhNum == 0 {
		return nil, nil
	}
	size, sizeOff := uint64(32), uint64(42)
	if f.Is64() {
		size, sizeOff = 56, 54
	}
	head, err := f.RawHeader()
	if err != nil {
		return nil, err
	}
	if got := f.order.Uint16(head[sizeOff:]); uint64(got) != size {
		return nil, headerError(sizeOff, "e_phentsize is %d, want %d", got, size)
	}
	if n := uint64(f.PhNum); f.PhOff > f.FileSize || n > (f.FileSize-f.PhOff)/size {
		return nil, headerError(f.ehdr().phoff, "%d program headers at e_phoff %#x do not fit the file of %d bytes", n, f.PhOff, f.FileSize)
	}
	table, err := f.whole(f.PhOff, uint64(f.PhNum)*size, "program header table", 0)
	if err != nil {
		return nil, err
	}
	segs := make([]Segment, f.PhNum)
	for i := range segs {
		segs[i] = f.decodePhdr(table[uint64(i)*size:])
	}
	return segs, nil
}

func (f *File) decodePhdr(b []byte) Segment {
	s := Segment{Type: elf.ProgType(f.order.Uint32(b))}
	if f.Is64() {
		s.Flags = elf.ProgFlag(f.order.Uint32(b[4:]))
		s.Off, s.Addr = f.order.Uint64(b[8:]), f.order.Uint64(b[16:])
		s.FileSize, s.MemSize, s.Align = f.order.Uint64(b[32:]), f.order.Uint64(b[40:]), f.order.Uint64(b[48:])
		return s
	}
	s.Flags = elf.ProgFlag(f.order.Uint32(b[24:]))
	s.Off, s.Addr = f.addr(b[4:]), f.addr(b[8:])
	s.FileSize, s.MemSize, s.Align = f.addr(b[16:]), f.addr(b[20:]), f.addr(b[28:])
	return s
}

// String names the segment in errors.
func (s *Segment) String() string {
	return fmt.Sprintf("%v segment at file offset %#x", s.Type, s.Off)
}
