// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"cmp"
	"debug/elf"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/pages"
)

// symAddr is where a symbol is. Functions are told apart by value alone, an address: in a relocatable file
// that which the section was given (relocatable.addrs) plus the offset there. Of a variable it is st_value, and the
// section counts: that of percpu variables is linked at an address that others have too.
type symAddr struct {
	section uint32 // index into the ELF file's sections
	value   uint64
}

// symFlags describe the symbols at one address of a group.
type symFlags uint8

const (
	symHere      symFlags = 1 << iota // there is one
	symDotted                         // one has a suffix
	symOptimized                      // one has a suffix with .constprop or .isra
)

// funcTable holds the function symbols of an ELF file, grouped by base name: the name up to
// the first dot. It is read-only once made and safe for concurrent use; the names it returns
// alias the string table.
type funcTable struct {
	groups    symGroups
	ambiguity []uint8 // by group: ambiguousCompat, ambiguousReal
	codeMask  uint64  // bits of st_value that are an address
	compat    bool
	offsets   bool // with compat: the file is relocatable, and values are offsets in sections
	last      int  // the group whose name sorts last, -1 if there is none

	syms    *elfview.SymbolTable
	objects func() *symGroups // made when first asked
}

const (
	ambiguousCompat = 1 << iota // two addresses; 0 is none
	ambiguousReal               // two addresses; undefined symbols have none
)

// newFuncTable builds the table of all STT_FUNC symbols, whatever their binding or section;
// those of cold and partial copies are left out. addrs gives the addresses of sections in a relocatable
// file, nil in others. With compat, addresses and ambiguity are pahole's.
func newFuncTable(syms *elfview.SymbolTable, machine elf.Machine, addrs []uint64, compat bool) *funcTable {
	t := &funcTable{syms: syms, compat: compat, offsets: compat && addrs != nil, last: -1, codeMask: ^uint64(0)}
	if !compat && (machine == elf.EM_ARM || machine == elf.EM_MIPS) {
		t.codeMask = ^uint64(1) // bit 0 selects the Thumb or MIPS16 instruction set
	}
	if compat {
		addrs = nil
	}
	t.objects = sync.OnceValue(t.collectObjects)
	t.groups.collect(syms, elf.STT_FUNC, addrs, false)
	entries := t.groups.entries
	t.ambiguity = make([]uint8, 0, len(entries))
	var block [symBlock]symKey
	for start := 0; start < len(entries); start += symBlock {
		n := min(symBlock, len(entries)-start)
		for i := range n {
			e := &entries[start+i]
			key := t.functionKey(e)
			block[i] = symKey{key, t.groups.hash(key)}
		}
		for i := range n {
			if len(block[i].name) != 0 {
				t.add(&block[i], int32(start+i))
			}
		}
	}
	t.groups.finish()
	return t
}

// functionKey completes the entry of a function symbol, and returns its base name, empty if
// the symbol does not count.
func (t *funcTable) functionKey(e *symEntry) []byte {
	e.addr.value &= t.codeMask
	e.flags = symHere
	base := t.syms.Name(e.nameOff)
	if dot := bytes.IndexByte(base, '.'); dot >= 0 {
		suffix := base[dot:]
		base = base[:dot:dot]
		switch {
		case bytes.Contains(suffix, dotCold), bytes.Contains(suffix, dotPart):
			return nil
		case bytes.Contains(suffix, dotConstprop), bytes.Contains(suffix, dotIsra):
			e.flags |= symOptimized
		}
		e.flags |= symDotted
	}
	if e.addr.section == elfview.ShnUndef && !t.compat {
		e.flags = 0 // the name is in use, but nothing stands at an address here
	}
	return base
}

// add puts entry at into its group.
func (t *funcTable) add(key *symKey, at int32) {
	g, added := t.groups.intern(key)
	if added {
		t.ambiguity = append(t.ambiguity, 0)
		if t.last < 0 || bytes.Compare(key.name, t.groups.groups[t.last].name) > 0 {
			t.last = g
		}
	} else {
		t.ambiguity[g] |= t.conflict(g, &t.groups.entries[at])
	}
	t.groups.push(g, at)
}

var (
	dotCold      = []byte(".cold")
	dotPart      = []byte(".part")
	dotConstprop = []byte(".constprop")
	dotIsra      = []byte(".isra")
)

// conflict compares a new symbol of group g with the one before it, and for the real rule with
// the last one that is defined. Addresses that are all equal to the one before are all equal.
func (t *funcTable) conflict(g int, e *symEntry) (c uint8) {
	group := &t.groups.groups[g]
	if prev := t.groups.entries[group.last].addr.value; prev != 0 && prev != e.addr.value {
		c = ambiguousCompat
	}
	if group.defined >= 0 && e.addr.section != elfview.ShnUndef &&
		t.groups.compare(t.groups.entries[group.defined].addr, e.addr) != 0 {
		c |= ambiguousReal
	}
	return c
}

// lookup returns the group of a function's name, or -1.
func (t *funcTable) lookup(name []byte) int { return t.groups.lookup(name) }

// len returns the number of groups.
func (t *funcTable) len() int { return len(t.groups.groups) }

// name returns the base name of group g, aliasing the string table.
func (t *funcTable) name(g int) []byte { return t.groups.groups[g].name }

// ambiguous tells whether the symbols of group g stand at different addresses. pahole takes 0
// for no address and never looks at the group that sorts last (BETTER-16, BETTER-17).
func (t *funcTable) ambiguous(g int) bool {
	if t.compat {
		return t.ambiguity[g]&ambiguousCompat != 0 && g != t.last
	}
	return t.ambiguity[g]&ambiguousReal != 0
}

// at describes the symbols of group g at an address, 0 if there is none. fullName is the first
// of their names in symbol table order that has a suffix, nil if there is none. In a relocatable file, pahole compares
// addresses with offsets, which are never equal.
func (t *funcTable) at(g int, addr uint64) (flags symFlags, fullName []byte) {
	e := t.groups.find(g, symAddr{value: addr & t.codeMask})
	if e == nil || t.offsets {
		return 0, nil
	}
	if e.flags&symDotted != 0 {
		fullName = t.syms.Name(e.nameOff)
	}
	return e.flags, fullName
}

// hasObject tells whether a variable's symbol stands at an address: section is an index, value
// as in st_value. LTO and clang rename static variables, so a suffix does not count.
func (t *funcTable) hasObject(name []byte, addr symAddr) bool {
	objects := t.objects()
	g := objects.lookup(t.objectKey(name))
	return g >= 0 && objects.find(g, addr) != nil
}

// hasObjectIn tells whether a symbol of the variable's name stands anywhere in a section.
func (t *funcTable) hasObjectIn(name []byte, section uint32) bool {
	objects := t.objects()
	g := objects.lookup(t.objectKey(name))
	if g < 0 {
		return false
	}
	entries := objects.of(g)
	i, _ := slices.BinarySearchFunc(entries, symAddr{section: section}, func(e symEntry, a symAddr) int {
		return objects.compare(e.addr, a)
	})
	return i < len(entries) && entries[i].addr.section == section
}

// objectKey is the part of a variable's name that has to match.
func (t *funcTable) objectKey(name []byte) []byte {
	if dot := bytes.IndexByte(name, '.'); dot > 0 && !t.compat {
		return name[:dot:dot]
	}
	return name
}

// collectObjects groups the STT_OBJECT symbols by name.
func (t *funcTable) collectObjects() *symGroups {
	objects := new(symGroups)
	objects.collect(t.syms, elf.STT_OBJECT, nil, true)
	for i := range objects.entries {
		e := &objects.entries[i]
		if e.addr.section == elfview.ShnUndef {
			continue
		}
		e.flags = symHere
		if name := t.objectKey(t.syms.Name(e.nameOff)); len(name) != 0 {
			g, _ := objects.intern(&symKey{name, objects.hash(name)})
			objects.push(g, int32(i))
		}
	}
	objects.finish()
	return objects
}

// symGroups is a set of names with the addresses of each. While it is filled, the entries of a
// group are a list; finish turns them into a sorted run with one entry for each address.
//
// The cost is cache misses: one for the name and one for the slot. So a slot has only four
// bytes, the group's number in the low bits and a piece of the hash in the others, and nearly
// all groups, those with one symbol, stay where they were put.
type symGroups struct {
	groups    []symGroup
	entries   []symEntry
	runs      []symEntry // after finish: the entries of groups with several
	slots     []uint32   // 0, or tag and group number plus 1; linear probing; a power of two, at most half full
	groupMask uint32     // bits of a slot that are the number
	seed      maphash.Seed
	bySection bool // addresses in different sections differ
}

type symGroup struct {
	name        []byte
	first, last int32 // indexes into entries; after finish, if several, the run [first, last) of runs
	defined     int32 // index of the last entry with a section, -1 if there is none
	several     bool
}

type symEntry struct {
	addr    symAddr
	nameOff uint32 // of the symbol; in runs of the first dotted one at the address, if any is
	flags   symFlags
	next    int32 // index into entries, -1 at the end
}

// symKey is a name on its way into a group.
type symKey struct {
	name []byte
	hash uint64
}

// symBlock is how many names are hashed before they are looked up, so that the misses of
// one step overlap.
const symBlock = 64

// collect makes an entry for each symbol of one type, none of them in a group yet. Values are relative to
// addrs of their sections, if it is not nil.
func (g *symGroups) collect(syms *elfview.SymbolTable, typ elf.SymType, addrs []uint64, bySection bool) {
	entries := make([]symEntry, 0, syms.Len())
	for i := range syms.Len() {
		s := syms.Sym(i)
		if s.Type() != typ {
			continue
		}
		if addrs != nil && s.InSection() {
			s.Value += addrs[s.Shndx]
		}
		entries = append(entries, symEntry{addr: symAddr{s.Shndx, s.Value}, nameOff: s.NameOff, next: -1})
	}
	size := 16
	for size < 2*len(entries) {
		size *= 2
	}
	*g = symGroups{
		groups:    make([]symGroup, 0, len(entries)),
		entries:   entries,
		slots:     pages.Touched[uint32](size),
		groupMask: uint32(size - 1),
		seed:      maphash.MakeSeed(), // chosen names cannot collide; no result depends on it
		bySection: bySection,
	}
}

func (g *symGroups) hash(name []byte) uint64 { return maphash.Bytes(g.seed, name) }

// probe returns the slot of a name, or the free slot where it belongs, and the tag for it.
func (g *symGroups) probe(key *symKey) (slot *uint32, tag uint32) {
	tag = uint32(key.hash>>32) &^ g.groupMask
	mask := uint64(len(g.slots) - 1)
	for i := key.hash & mask; ; i = (i + 1) & mask {
		s := &g.slots[i]
		if *s == 0 || *s&^g.groupMask == tag && bytes.Equal(g.groups[*s&g.groupMask-1].name, key.name) {
			return s, tag
		}
	}
}

// lookup returns the group of a name, or -1.
func (g *symGroups) lookup(name []byte) int {
	s, _ := g.probe(&symKey{name, g.hash(name)})
	return int(*s&g.groupMask) - 1
}

// intern returns the group of a name; added tells that it is new.
func (g *symGroups) intern(key *symKey) (group int, added bool) {
	s, tag := g.probe(key)
	if *s != 0 {
		return int(*s&g.groupMask) - 1, false
	}
	g.groups = append(g.groups, symGroup{name: key.name, first: -1, last: -1, defined: -1})
	*s = tag | uint32(len(g.groups))
	return len(g.groups) - 1, true
}

// push appends entry at to a group.
func (g *symGroups) push(group int, at int32) {
	list := &g.groups[group]
	if list.last >= 0 {
		g.entries[list.last].next = at
		list.several = true
	} else {
		list.first = at
	}
	list.last = at
	if g.entries[at].addr.section != elfview.ShnUndef {
		list.defined = at
	}
}

// finish sorts the entries of each group by address and unites those at the same one.
func (g *symGroups) finish() {
	for i := range g.groups {
		group := &g.groups[i]
		if !group.several {
			continue
		}
		start := len(g.runs)
		for at := group.first; at >= 0; at = g.entries[at].next {
			g.runs = append(g.runs, g.entries[at])
		}
		g.runs = g.runs[:start+g.unite(g.runs[start:])]
		group.first, group.last = int32(start), int32(len(g.runs))
	}
}

// unite sorts a run, keeping the order of entries at the same address, and returns its new length.
func (g *symGroups) unite(run []symEntry) int {
	slices.SortStableFunc(run, func(a, b symEntry) int { return g.compare(a.addr, b.addr) })
	n := 0
	for _, e := range run[1:] {
		kept := &run[n]
		if g.compare(kept.addr, e.addr) != 0 {
			n++
			run[n] = e
			continue
		}
		if kept.flags&symDotted == 0 {
			kept.nameOff = e.nameOff
		}
		kept.flags |= e.flags
	}
	return n + 1
}

// compare orders addresses.
func (g *symGroups) compare(a, b symAddr) int {
	if g.bySection && a.section != b.section {
		return cmp.Compare(a.section, b.section)
	}
	return cmp.Compare(a.value, b.value)
}

// of returns the entries of a group, sorted by address.
func (g *symGroups) of(group int) []symEntry {
	if list := &g.groups[group]; list.several {
		return g.runs[list.first:list.last]
	} else {
		return g.entries[list.first : list.first+1]
	}
}

// find returns the entry of a group at an address, or nil.
func (g *symGroups) find(group int, addr symAddr) *symEntry {
	entries := g.of(group)
	i, ok := slices.BinarySearchFunc(entries, addr, func(e symEntry, a symAddr) int {
		return g.compare(e.addr, a)
	})
	if !ok {
		return nil
	}
	return &entries[i]
}
