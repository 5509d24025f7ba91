// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"debug/elf"
	"fmt"
	"sync"

	"github.com/btfgen/btfgen/encode/internal/dwarf"
	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/parallel"
)

// input is the ELF file and what of it all workers share, read-only while they run.
type input struct {
	file *elfview.File
	big  bool
	abi  *abi
	rel  *relocatable // nil for a linked image

	info       section // .debug_info, or with merged units all of .debug_types and .debug_info
	abbrev     []byte
	strOffsets []byte
	addr       []byte
	loc        section // .debug_loc
	loclists   section
	ranges     section // .debug_ranges
	rnglists   section
	str        []byte // .debug_str
	names      *names

	units      []dwarf.Header
	merged     bool           // all units are one graph: they refer to each other
	infoBase   uint64         // merged: bytes of .debug_types before .debug_info
	signatures map[uint64]int // merged: type unit signature -> index of the type's DIE

	functions *funcTable // nil without a symbol table
	data      []dataRange
	intName   func() btf.NameID // "int" in .debug_str, 0 if it is not there

	extMu     sync.Mutex
	externals map[string]int32 // without a symbol table: groups by name
	extNames  []string
}

// section is a section that is read in pieces, or whole if it is compressed.
type section struct {
	name string
	size uint64
	data []byte
	file *elfview.File
	elf  *elfview.Section
}

func (s *section) readAt(b []byte, off uint64) error { return s.file.ReadAt(s.elf, b, off) }

// dataRange is a section that variables are looked for in.
type dataRange struct {
	index      int // of the ELF file's sections
	start, end uint64
}

// openSection finds a debug section. A missing one is empty.
func (in *input) openSection(name string) (section, error) {
	s := section{name: name, file: in.file, elf: in.file.DebugSection(name)}
	if s.elf == nil {
		return s, nil
	}
	var err error
	if in.rel != nil {
		s.data, err = in.openData(name)
		s.size = uint64(len(s.data))
		return s, err
	}
	if s.size, err = in.file.Size(s.elf); err != nil {
		return s, err
	}
	if in.file.Compressed(s.elf) || s.size < smallSection {
		if s.data, err = in.file.Data(s.elf); err != nil {
			return s, err
		}
		s.size = uint64(len(s.data))
		s.data = withSlack(s.data)
	}
	return s, nil
}

// smallSection is the size in bytes below which a section is read whole, not in pieces.
const smallSection = 8 << 20

// openData reads a whole debug section. A missing one is empty.
func (in *input) openData(name string) ([]byte, error) {
	if in.rel != nil {
		return in.rel.data(name, namesStrings(name))
	}
	s := in.file.DebugSection(name)
	if s == nil {
		return nil, nil
	}
	return in.file.Data(s)
}

// namesStrings tells whether a section holds offsets in .debug_str.
func namesStrings(name string) bool {
	return name == ".debug_info" || name == ".debug_types" || name == ".debug_str_offsets"
}

// NoDWARFError says that a file has no debug information to encode.
type NoDWARFError struct{ Msg string }

func (e *NoDWARFError) Error() string { return e.Msg }

// openInput reads what is needed before the walk: section by section, independent ones at once.
func openInput(f *elfview.File, opt *Options) (*input, error) {
	in := &input{file: f, big: f.Big, externals: map[string]int32{}}
	if f.DebugSection(".debug_info") == nil {
		return nil, &NoDWARFError{"no .debug_info section: it was compiled without -g, or stripped"}
	}
	g := parallel.NewGroup(opt.Jobs)
	load := func(name string, to *[]byte) func() error {
		return func() (err error) {
			*to, err = in.openData(name)
			return err
		}
	}
	if f.Type == elf.ET_REL {
		syms, err := f.Symbols()
		if err == nil {
			in.rel, err = newRelocatable(f, syms)
		}
		if err != nil {
			return nil, err
		}
		// In this order, for each decides on the contents of the next, and one after the other, so that the
		// offset that stands for a string does not depend on the schedule.
		g.Go(serially(load(".debug_str", &in.str), in.canonStrings, in.openInfo, load(".debug_str_offsets", &in.strOffsets)))
		if syms != nil {
			g.Go(func() error {
				in.functions = newFuncTable(syms, f.Machine, in.rel.addrs, opt.Compat)
				return nil
			})
		}
	} else {
		// The symbols first: they take as long as all the others together.
		g.Go(func() error {
			syms, err := f.Symbols()
			if err != nil || syms == nil {
				return err
			}
			in.functions = newFuncTable(syms, f.Machine, nil, opt.Compat)
			return nil
		})
		g.Go(in.openInfo)
		g.Go(load(".debug_str", &in.str))
		g.Go(load(".debug_str_offsets", &in.strOffsets))
	}
	var lineStr []byte
	g.Go(load(".debug_abbrev", &in.abbrev))
	g.Go(load(".debug_line_str", &lineStr))
	g.Go(load(".debug_addr", &in.addr))
	for name, to := range map[string]*section{".debug_loc": &in.loc, ".debug_loclists": &in.loclists,
		".debug_ranges": &in.ranges, ".debug_rnglists": &in.rnglists} {
		g.Go(func() (err error) {
			*to, err = in.openSection(name)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	in.names = newNames(in.str, lineStr)
	if in.rel != nil {
		in.names.canon = &in.rel.canon
	}
	in.intName = sync.OnceValue(func() btf.NameID {
		if off, ok := in.names.offset("int"); ok {
			return btf.NameID(off + 1)
		}
		return 0
	})
	in.abi = abiFor(f.Machine, addrSize(f), opt.Compat)
	in.findData(opt)
	return in, nil
}

// serially returns a function that calls others until one fails.
func serially(steps ...func() error) func() error {
	return func() error {
		for _, step := range steps {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	}
}

// canonStrings makes .debug_str known to what relocates other sections.
func (in *input) canonStrings() error {
	in.rel.canon.Reset(in.str)
	return nil
}

// openInfo opens .debug_info and finds its units.
func (in *input) openInfo() (err error) {
	if in.info, err = in.openSection(".debug_info"); err != nil {
		return err
	}
	if in.info.size == 0 {
		return &NoDWARFError{".debug_info is empty"}
	}
	return in.scanUnits()
}

// findData lists the sections that variables are looked for in.
func (in *input) findData(opt *Options) {
	for i := range in.file.Sections {
		s := &in.file.Sections[i]
		wanted := opt.features.globalVar || opt.features.vars && s.Name == percpuSection
		if start, ok := in.address(i); wanted && ok && holdsData(s) {
			in.data = append(in.data, dataRange{i, start, start + s.FileSize})
		}
	}
}

// address returns where a section is loaded. In a relocatable file, many are not, and no data can be there.
func (in *input) address(i int) (addr uint64, ok bool) {
	s := &in.file.Sections[i]
	if in.rel == nil {
		return s.Addr, true
	}
	return in.rel.addrs[i], s.Flags&elf.SHF_ALLOC != 0
}

const percpuSection = ".data..percpu"

func addrSize(f *elfview.File) uint8 {
	if f.Is64() {
		return 8
	}
	return 4
}

// symBase is what the values of symbols in a section count from.
func (in *input) symBase(i int) uint64 {
	if in.rel != nil {
		return 0
	}
	return in.file.Sections[i].Addr
}

// dataSection returns the section that an address lies in, if variables there are of interest:
// the first in the file's order, eligible or not (encode.md 5, rule 5).
func (in *input) dataSection(addr uint64) (index int, off uint32, ok bool) {
	for _, r := range in.data {
		if addr < r.start || addr >= r.end {
			continue
		}
		for i := range in.file.Sections[:r.index] {
			s := &in.file.Sections[i]
			if start, ok := in.address(i); ok && holdsData(s) && addr >= start && addr-start < s.FileSize {
				return 0, 0, false
			}
		}
		if addr-r.start > 0xffffffff {
			return 0, 0, false
		}
		return r.index, uint32(addr - r.start), true
	}
	return 0, 0, false
}

// scanUnits reads the unit headers of .debug_info.
func (in *input) scanUnits() error {
	return in.scan(&in.info, 0, in.info.size, false)
}

func (in *input) scan(s *section, start, size uint64, types bool) error {
	var buf [dwarf.MaxHeader]byte
	for off := uint64(0); off < size; {
		b := buf[:min(uint64(len(buf)), size-off)]
		if s.data != nil {
			copy(b, s.data[start+off:])
		} else if err := s.readAt(b, off); err != nil {
			return err
		}
		h, err := dwarf.ParseHeader(&dwarf.Cursor{Section: s.name, Data: b, Base: off, Big: in.big}, size, types)
		if err != nil {
			return err
		}
		off += h.Size
		h.Off += start
		in.units = append(in.units, h)
		in.merged = in.merged || h.UnitType == dwarf.UnitType || h.UnitType == dwarf.UnitPartial
	}
	return nil
}

// merge makes one buffer of all units, for files in which units refer to each other: link-time
// optimisation, type units, partial units of dwz.
func (in *input) merge() error {
	in.merged = true
	types, err := in.openData(".debug_types")
	if err != nil {
		return err
	}
	info := in.info.data
	if info == nil {
		if info, err = in.file.Data(in.info.elf); err != nil {
			return err
		}
	}
	all := make([]byte, 0, len(types)+len(info)+dwarf.Slack)
	all = append(append(all, types...), info...)
	in.infoBase = uint64(len(types))
	if uint64(len(all)) > 0xffffff00 {
		return fmt.Errorf("units refer to each other, and have %d bytes: more than 4 GiB are not supported", len(all))
	}
	in.units = nil
	all = all[:cap(all)]
	sec := section{name: ".debug_types", data: all}
	if err := in.scan(&sec, 0, in.infoBase, true); err != nil {
		return err
	}
	sec.name = ".debug_info"
	if err := in.scan(&sec, in.infoBase, uint64(len(info)), false); err != nil {
		return err
	}
	in.info.data, in.info.size = all[:len(types)+len(info)], uint64(len(types)+len(info))
	in.signatures = map[uint64]int{}
	for i := range in.units {
		h := &in.units[i]
		if h.UnitType == dwarf.UnitType && h.TypeOff < h.Size {
			in.signatures[h.Signature] = int(h.Off + h.TypeOff)
		}
	}
	return nil
}

// group returns the number of a function's symbol group, -1 if there is no such symbol. Without a
// symbol table every name gets one.
func (in *input) group(name []byte) int32 {
	if in.functions != nil {
		return int32(in.functions.lookup(name))
	}
	in.extMu.Lock()
	defer in.extMu.Unlock()
	g, ok := in.externals[string(name)]
	if !ok {
		g = int32(len(in.extNames))
		in.externals[string(name)] = g
		in.extNames = append(in.extNames, string(name))
	}
	return g
}

// groupName is the name of a symbol group, which is what a function is emitted as.
func (in *input) groupName(g int32) []byte {
	if in.functions != nil {
		return in.functions.name(int(g))
	}
	return []byte(in.extNames[g])
}

// groups is the number of symbol groups.
func (in *input) groups() int {
	if in.functions != nil {
		return in.functions.len()
	}
	return len(in.extNames)
}
