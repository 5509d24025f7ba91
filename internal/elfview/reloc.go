// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfview

import (
	"debug/elf"
	"fmt"
	"math"
)

// Relocator relocates debug sections of a relocatable file (ET_REL): a kernel
// module or a compiler's output (gABI, "Relocation"; processor supplements).
// Read-only once made, safe for concurrent use. A nil Relocator is that of a
// linked file, in which nothing is left to do.
type Relocator struct {
	file    *File
	machine *relocMachine // nil if its relocation types are not known
	symtab  *SymbolTable  // nil if there is none
	symbols []relocSymbol // by symbol index
	mips64  bool          // r_info has the layout of 64-bit MIPS
}

// relocSymbol is what relocations need to know of a symbol.
type relocSymbol struct {
	addr  uint64 // address of the section, if it has one, plus st_value; 0 if the symbol is undefined
	shndx uint32 // as Sym.Shndx
}

// NewRelocator returns the relocator of a file, nil if the file is not ET_REL.
// syms is the file's symbol table, nil if it has none. addrs gives the address
// of each section; it comes from SyntheticAddrs, or is nil for addresses that
// are offsets in their sections.
func (f *File) NewRelocator(syms *SymbolTable, addrs []uint64) (*Relocator, error) {
	if f.Type != elf.ET_REL {
		return nil, nil
	}
	for i := range f.Sections {
		if s := &f.Sections[i]; s.Type == shtRelr {
			return nil, s.errorf(0, "SHT_RELR in a relocatable file")
		}
	}
	r := &Relocator{
		file:    f,
		machine: relocMachines[f.Machine],
		symtab:  syms,
		mips64:  f.Machine == elf.EM_MIPS && f.Is64(),
	}
	if syms == nil {
		r.symbols = make([]relocSymbol, 1) // the null symbol, which needs no table
		return r, nil
	}
	r.symbols = make([]relocSymbol, syms.Len())
	for i := range r.symbols {
		s := syms.Sym(i)
		to := &r.symbols[i]
		to.shndx = s.Shndx
		switch {
		case s.InSection():
			to.addr = s.Value
			if addrs != nil {
				to.addr += addrs[s.Shndx]
			}
		case s.Shndx == ShnAbs:
			to.addr = s.Value
		}
		// Undefined symbols, and common ones, whose value is an alignment, have no address yet.
	}
	return r, nil
}

// Section types that package elf does not name.
const (
	shtRelr elf.SectionType = 19         // relative relocations of a linked image
	shtCrel elf.SectionType = 0x40000014 // compact relocations of LLVM, experimental
)

// Applies reports whether a section has relocations, so that its bytes in the
// file are not its contents.
func (r *Relocator) Applies(target *Section) bool {
	if r == nil {
		return false
	}
	for i := range r.file.Sections {
		if r.file.Sections[i].relocates(target) {
			return true
		}
	}
	return false
}

// relocates reports whether s holds relocations of target.
func (s *Section) relocates(target *Section) bool {
	switch s.Type {
	case elf.SHT_REL, elf.SHT_RELA, shtCrel:
		return uint64(s.Info) == uint64(target.Index) && s.FileSize != 0
	}
	return false
}

// relocations returns the section with the relocations of target, nil if there
// is none. There can be only one: a forged file could otherwise have the same
// bytes of it applied once for each of its section headers.
func (r *Relocator) relocations(target *Section) (*Section, error) {
	var found *Section
	for i := range r.file.Sections {
		s := &r.file.Sections[i]
		if !s.relocates(target) {
			continue
		}
		if found != nil {
			return nil, s.errorf(0, "second relocation section of %s, after section %d", target.label(), found.Index)
		}
		found = s
	}
	if found == nil {
		return nil, nil
	}
	if found.Type == shtCrel {
		return nil, found.errorf(0, "SHT_CREL, compact relocations, are not supported")
	}
	if r.machine == nil {
		return nil, found.errorf(0, "the relocation types of %v are not known", r.file.Machine)
	}
	size := uint64(r.layout(found).size)
	if found.EntSize != size {
		return nil, found.errorf(0, "sh_entsize is %d, want %d", found.EntSize, size)
	}
	if n := found.FileSize; n%size != 0 {
		return nil, found.errorf(n-n%size, "%d bytes are not a multiple of the entry size %d", n, size)
	}
	if r.symtab != nil && uint64(found.Link) != uint64(r.symtab.Section.Index) {
		return nil, found.errorf(0, "sh_link is %d, but the symbol table is section %d", found.Link, r.symtab.Section.Index)
	}
	return found, nil
}

const (
	// syntheticBase is where SyntheticAddrs starts, so that no function is at
	// address 0, which much of DWARF takes for none.
	syntheticBase = 1 << 16

	// syntheticGap is the least alignment of a section, and the room behind it: the
	// address after its last byte belongs to no other section.
	syntheticGap = 16

	// maxSyntheticAlign is the greatest alignment that is kept, a page of 64 KiB.
	maxSyntheticAlign = 1 << 16
)

// SyntheticAddrs gives each SHF_ALLOC section of a relocatable file an address,
// as if the file were linked: ascending in the order of the sections, aligned up
// to 64 KiB, not 0, and with a gap behind each, so that an address tells the
// section, also that of a section's end. Other sections have address 0, and so do
// thread-local ones, which are told apart by nothing but their offsets. The result
// is indexed by section. It is an error if the address space of the class
// does not hold the sections.
func (f *File) SyntheticAddrs() ([]uint64, error) {
	limit := uint64(math.MaxUint32)
	if f.Is64() {
		limit = math.MaxInt64
	}
	addrs := make([]uint64, len(f.Sections))
	next := uint64(syntheticBase)
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.Flags&(elf.SHF_ALLOC|elf.SHF_TLS) != elf.SHF_ALLOC || s.Type == elf.SHT_NULL {
			continue
		}
		align := max(syntheticGap, min(s.Align, maxSyntheticAlign))
		if align&(align-1) != 0 {
			align = syntheticGap
		}
		addr := (next + align - 1) &^ (align - 1)
		if addr+syntheticGap > limit || s.FileSize > limit-addr-syntheticGap {
			return nil, &FormatError{s.label(), 0, fmt.Sprintf("sh_size is %#x, which leaves no address for the section", s.FileSize)}
		}
		addrs[i] = addr
		next = addr + s.FileSize + syntheticGap
	}
	return addrs, nil
}
