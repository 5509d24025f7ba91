// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"debug/elf"
	"fmt"
	"strings"

	"github.com/btfgen/btfgen/encode/internal/dwarf"
	"github.com/btfgen/btfgen/internal/elfview"
)

// relocatable is what a file that no linker has finished (ET_REL: a kernel module, a compiler's output)
// needs to be read like a linked image. Each section with code or data gets an address of its own, so
// that from then on an address says section and offset; debug sections are relocated in memory; and
// offsets of strings, which nobody has merged, are replaced with those of the first equal string.
type relocatable struct {
	file      *elfview.File
	relocator *elfview.Relocator

	// By section: the address of one that is loaded; where a debug section starts among those of its
	// name, as groups (COMDAT) bring their own .debug_types or .debug_info.
	addrs []uint64

	libdw []libdwPlace // by section

	canon    stringCanon
	strIndex int // of .debug_str
}

// maxSameName bounds how many debug sections may have one name. Each costs a search for its relocations.
const maxSameName = 1 << 12

// newRelocatable lays the sections of an ET_REL file out. syms is its symbol table, nil if there is none.
func newRelocatable(f *elfview.File, syms *elfview.SymbolTable) (*relocatable, error) {
	addrs, err := f.SyntheticAddrs()
	if err != nil {
		return nil, err
	}
	ends := map[string]uint64{}
	for i := range f.Sections {
		s := &f.Sections[i]
		name, ok := debugName(s.Name)
		if !ok {
			continue
		}
		addrs[i] = ends[name]
		if size, err := f.Size(s); err == nil { // else reading it says what is wrong
			ends[name] += size
		}
	}
	r := &relocatable{file: f, addrs: addrs, libdw: libdwPlaces(f)}
	if s := f.DebugSection(".debug_str"); s != nil {
		r.strIndex = s.Index
	}
	r.relocator, err = f.NewRelocator(syms, addrs)
	return r, err
}

// debugName returns the name of a debug section without regard to its compression.
func debugName(name string) (string, bool) {
	if rest, ok := strings.CutPrefix(name, ".zdebug_"); ok {
		return ".debug_" + rest, true
	}
	return name, strings.HasPrefix(name, ".debug_")
}

// data returns the contents of the debug sections of a name, one behind the other and relocated, with
// at least dwarf.Slack bytes of capacity more; nil if there are none. With canon it is not safe for concurrent
// use, and offsets in .debug_str become those of the first equal string.
func (r *relocatable) data(name string, canon bool) ([]byte, error) {
	parts, err := r.parts(name)
	if err != nil || len(parts) == 0 {
		return nil, err
	}
	var all []byte
	for i, s := range parts {
		b, err := r.file.Data(s)
		if err != nil {
			return nil, err
		}
		replace := r.canon.Canon
		if !canon {
			replace = nil
		}
		if err := r.relocator.Apply(s, b, r.strIndex, replace); err != nil {
			return nil, err
		}
		if i == 0 {
			all = b
		} else {
			all = append(all, b...)
		}
	}
	return withSlack(all), nil
}

// withSlack returns b with at least dwarf.Slack bytes of capacity behind it.
func withSlack(b []byte) []byte {
	if cap(b)-len(b) < dwarf.Slack {
		b = append(b, make([]byte, dwarf.Slack)...)[:len(b)]
	}
	return b
}

// parts returns the sections of a name.
func (r *relocatable) parts(name string) (list []*elfview.Section, err error) {
	total := uint64(0)
	for i := range r.file.Sections {
		s := &r.file.Sections[i]
		if n, _ := debugName(s.Name); n != name {
			continue
		}
		list = append(list, s)
		if len(list) > maxSameName {
			return nil, fmt.Errorf("more than %d sections are named %s", maxSameName, name)
		}
		// No two share bytes, or one of many would stand for all of them.
		if s.FileSize > r.file.FileSize || total > r.file.FileSize-s.FileSize {
			return nil, fmt.Errorf("sections named %s, %d up to number %d, have more bytes than the file", name, len(list), s.Index)
		}
		total += s.FileSize
	}
	return list, nil
}

// libdwBase is where elfutils lays out the first section of a relocatable file.
const libdwBase = 1 << 16

// libdwPlace is where elfutils sees a section of a relocatable file.
type libdwPlace struct {
	addr   uint64
	hidden uint64 // addresses below this one are, as elfutils sees it, also in a section before it that is not loaded
}

func libdwPlaces(f *elfview.File) []libdwPlace {
	places := make([]libdwPlace, len(f.Sections))
	next, hidden := uint64(libdwBase), uint64(0)
	for i := range f.Sections {
		s := &f.Sections[i]
		places[i] = libdwPlace{alignUp(next, s.Align), hidden}
		switch {
		case s.Flags&elf.SHF_ALLOC != 0:
			next = places[i].addr + s.FileSize
		case holdsData(s):
			hidden = max(hidden, s.FileSize)
		}
	}
	return places
}

// hiddenFromPahole tells whether pahole takes the data at an offset of section index for part of another
// section: it looks for the first one that has the address, also among those that are not loaded, which
// all start at 0. In a module, .debug_info may stand before .data..percpu and be larger than the
// addresses there.
func (r *relocatable) hiddenFromPahole(index int, off uint64) bool {
	p := &r.libdw[index]
	return p.addr+off < p.hidden
}

// alignUp rounds an address up to an alignment, which 0 means none.
func alignUp(addr, align uint64) uint64 {
	if align == 0 {
		return addr
	}
	return (addr + align - 1) & -align
}

// holdsData tells whether a section is of a type that variables may be in.
func holdsData(s *elfview.Section) bool {
	return s.Type == elf.SHT_PROGBITS || s.Type == elf.SHT_NOBITS
}
