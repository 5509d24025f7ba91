// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"debug/elf"
	"encoding/binary"
	"math"
)

// field is a number in a header: its offset, and its size, 4 bytes or that of an
// address of the class.
type field struct {
	off  int
	wide bool // as wide as an address
}

// layout gives the sizes and the places of the fields that edits change (gABI,
// "ELF Header", "Section Header", "Symbol Table", "Relocation").
type layout struct {
	ehdr, phdr, shdr, sym, rel, rela int // bytes of one
	word                             int // bytes of an address

	shoff           field // of the ELF header
	shnum, shstrndx int   // offsets of two half words of it

	name, typ, flags, addr, off, size, link, info, align, entsize field // of a section header

	shndx  int   // offset of the half word st_shndx
	relInf field // r_info
}

var (
	layout32 = layout{
		ehdr: 52, phdr: 32, shdr: 40, sym: 16, rel: 8, rela: 12, word: 4,
		shoff: field{32, true}, shnum: 48, shstrndx: 50,
		name: field{0, false}, typ: field{4, false}, flags: field{8, true}, addr: field{12, true}, off: field{16, true},
		size: field{20, true}, link: field{24, false}, info: field{28, false}, align: field{32, true}, entsize: field{36, true},
		shndx: 14, relInf: field{4, true},
	}
	layout64 = layout{
		ehdr: 64, phdr: 56, shdr: 64, sym: 24, rel: 16, rela: 24, word: 8,
		shoff: field{40, true}, shnum: 60, shstrndx: 62,
		name: field{0, false}, typ: field{4, false}, flags: field{8, true}, addr: field{16, true}, off: field{24, true},
		size: field{32, true}, link: field{40, false}, info: field{44, false}, align: field{48, true}, entsize: field{56, true},
		shndx: 6, relInf: field{8, true},
	}
)

// byteOrder is one of the two of package binary.
type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// codec reads and writes numbers of one class and byte order.
type codec struct {
	*layout
	order  byteOrder
	mips64 bool // little-endian r_info with the symbol first (MIPS ABI, 64-bit)
}

func newCodec(class elf.Class, big bool, machine elf.Machine) codec {
	c := codec{layout: &layout32, order: binary.LittleEndian}
	if class == elf.ELFCLASS64 {
		c.layout = &layout64
	}
	if big {
		c.order = binary.BigEndian
	}
	c.mips64 = machine == elf.EM_MIPS && class == elf.ELFCLASS64 && !big
	return c
}

func (c *codec) get(b []byte, f field) uint64 {
	if f.wide && c.word == 8 {
		return c.order.Uint64(b[f.off:])
	}
	return uint64(c.order.Uint32(b[f.off:]))
}

// put stores a number that fits the field: plans check offsets and sizes
// against max before they write any.
func (c *codec) put(b []byte, f field, v uint64) {
	if f.wide && c.word == 8 {
		c.order.PutUint64(b[f.off:], v)
		return
	}
	if v > math.MaxUint32 {
		panic("elfpatch: number too large for its field")
	}
	c.order.PutUint32(b[f.off:], uint32(v))
}

// max is the greatest file offset that headers can hold and the system can seek to.
func (c *codec) max() uint64 {
	if c.word == 8 {
		return math.MaxInt64
	}
	return math.MaxUint32
}

// relSym returns the symbol index in a relocation, and setRelSym replaces it.
func (c *codec) relSym(b []byte) uint32 {
	switch {
	case c.word == 4:
		return uint32(c.get(b, c.relInf) >> 8)
	case c.mips64:
		return uint32(c.get(b, c.relInf))
	}
	return uint32(c.get(b, c.relInf) >> 32)
}

func (c *codec) setRelSym(b []byte, sym uint32) {
	info := c.get(b, c.relInf)
	switch {
	case c.word == 4:
		info = info&0xff | uint64(sym)<<8
	case c.mips64:
		info = info&^math.MaxUint32 | uint64(sym)
	default:
		info = info&math.MaxUint32 | uint64(sym)<<32
	}
	c.put(b, c.relInf, info)
}
