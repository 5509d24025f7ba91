// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"

	"github.com/btfgen/btfgen/internal/elfview"
)

// Target is what an object must have in common with a file to be linked into it.
type Target struct {
	Class   elf.Class // ELFCLASS32 or ELFCLASS64
	Big     bool      // big-endian
	Machine elf.Machine
	Flags   uint32 // e_flags: ABI variants, which linkers compare
}

// ReadTarget returns the target of the ELF file in the first size bytes of src.
func ReadTarget(src io.ReaderAt, size int64) (Target, error) {
	f, err := elfview.New(src, size)
	if err != nil {
		return Target{}, err
	}
	return Target{Class: f.Class, Big: f.Big, Machine: f.Machine, Flags: f.Flags}, nil
}

// Object returns a relocatable file with one section, .BTF: loaded, read-only,
// aligned to 4 bytes. There are no symbols; the kernel's linker script puts its
// own around the section (include/asm-generic/vmlinux.lds.h: BTF). It is what
// scripts/gen-btf.sh makes with a compiler and two runs of objcopy.
func Object(t Target, btf []byte) ([]byte, error) {
	if t.Class != elf.ELFCLASS32 && t.Class != elf.ELFCLASS64 {
		return nil, fmt.Errorf("unknown class %d", t.Class)
	}
	c := newCodec(t.Class, t.Big, t.Machine)
	const names = "\x00.BTF\x00.shstrtab\x00"
	start := alignUp(uint64(c.ehdr), btfAlign)
	namesAt := start + uint64(len(btf))
	shoff := alignUp(namesAt+uint64(len(names)), uint64(c.word))
	size := shoff + 3*uint64(c.shdr)
	if size > c.max() {
		return nil, fmt.Errorf(".BTF of %d bytes does not fit the class of the file", len(btf))
	}

	b := make([]byte, size)
	c.objectHeader(b, t)
	c.put(b, c.shoff, shoff)
	c.order.PutUint16(b[c.shnum:], 3)
	c.order.PutUint16(b[c.shstrndx:], 2)
	copy(b[start:], btf)
	copy(b[namesAt:], names)

	row := b[shoff+uint64(c.shdr):]
	c.put(row, c.name, uint64(bytes.IndexByte([]byte(names), '.')))
	c.put(row, c.typ, uint64(elf.SHT_PROGBITS))
	c.put(row, c.flags, uint64(elf.SHF_ALLOC))
	c.put(row, c.off, start)
	c.put(row, c.layout.size, uint64(len(btf)))
	c.put(row, c.align, btfAlign)

	row = row[c.shdr:]
	c.put(row, c.name, uint64(bytes.LastIndexByte([]byte(names), '.')))
	c.put(row, c.typ, uint64(elf.SHT_STRTAB))
	c.put(row, c.off, namesAt)
	c.put(row, c.layout.size, uint64(len(names)))
	c.put(row, c.align, 1)
	return b, nil
}

// objectHeader writes the fields of the ELF header that do not depend on the contents.
func (c *codec) objectHeader(b []byte, t Target) {
	data := elf.ELFDATA2LSB
	if t.Big {
		data = elf.ELFDATA2MSB
	}
	copy(b, elf.ELFMAG)
	b[elf.EI_CLASS], b[elf.EI_DATA], b[elf.EI_VERSION] = byte(t.Class), byte(data), byte(elf.EV_CURRENT)
	c.order.PutUint16(b[16:], uint16(elf.ET_REL))
	c.order.PutUint16(b[18:], uint16(t.Machine))
	c.order.PutUint32(b[20:], uint32(elf.EV_CURRENT))
	c.order.PutUint32(b[c.shoff.off+c.word:], t.Flags) // e_flags follows e_shoff,
	c.order.PutUint16(b[c.shoff.off+c.word+4:], uint16(c.ehdr))
	c.order.PutUint16(b[c.shnum-2:], uint16(c.shdr)) // and e_shentsize precedes e_shnum
}
