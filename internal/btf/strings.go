// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"hash/maphash"
	"slices"

	"github.com/btfgen/btfgen/internal/pages"
)

// StringTable builds a string section: each distinct string once, in order of first
// use, behind the strings of a base if there is one.
//
// It is an open-addressed hash set of positions in the section itself, so a string
// costs its bytes and one 8-byte slot, and Add allocates only to grow. Strings that were
// there from the start are in an index of their own (string_index.go). The hash is
// seeded per process; offsets depend on the order of the calls alone.
//
// Concurrent calls of Find are safe, as long as nobody calls Add.
type StringTable struct {
	base  *StringTable
	start StrOff // offset of buf[0]: where the strings of the base end
	buf   []byte // own section, each string followed by a NUL
	index stringIndex
	slots []stringSlot // of strings that are not in index
	used  int
}

// maxNameBytes bounds what names may add up to where they are copied or sorted: four times what the kernel takes. Those of a
// kernel have 2 MB; offsets into the middle of long strings, as many as there are bytes, may have any number.
const maxNameBytes = 4 * (maxKernelSID + 1)

// hasRoom tells whether a string may be added.
func (s *StringTable) hasRoom(str []byte) bool { return len(s.buf)+len(str) < maxNameBytes }

// stringSlot is empty when pos is 0.
type stringSlot struct {
	hash uint32
	pos  uint32 // index into buf, plus 1
}

var stringSeed = maphash.MakeSeed()

// NewStringTable returns a table for a standalone blob (base nil), which begins
// with the empty string, or for one split against a blob with the strings of base.
// The base must not change any more.
func NewStringTable(base *StringTable) *StringTable {
	if base == nil {
		return &StringTable{buf: []byte{0}}
	}
	return &StringTable{base: base, start: base.End()}
}

// IndexStrings returns a table with the strings of t and its bases at the offsets
// they have there. Of equal strings in one section the first counts; a string that
// is only the tail of another one is not found. Strings aliases the input until the
// first Add.
func IndexStrings(t *Table) *StringTable { return indexSome(t, nil) }

// indexSome is IndexStrings for a caller who mostly looks for strings that pass a filter: others take the time to
// read all of them.
func indexSome(t *Table, names *nameFilter) *StringTable {
	s := &StringTable{start: t.strBase, buf: t.strs[:len(t.strs):len(t.strs)]}
	if t.base != nil {
		s.base = indexSome(t.base, names)
	}
	s.index = newStringIndex(s.buf, names)
	return s
}

// Add returns the offset of a string, which it copies if it is new both here and in
// the base. It panics when a string contains a NUL or the section outgrows the 31
// bits of an offset.
func (s *StringTable) Add(str []byte) StrOff {
	if len(str) == 0 {
		return 0
	}
	h := hashString(str)
	if s.base != nil {
		if off, ok := s.base.find(str, h); ok {
			return off
		}
	}
	if pos, ok := s.index.find(s.buf, str, h); ok {
		return s.start + StrOff(pos)
	}
	if s.used >= len(s.slots)/4*3 {
		s.grow()
	}
	slot, found := s.probe(str, h)
	if found {
		return s.start + StrOff(slot.pos-1)
	}
	switch {
	case bytes.IndexByte(str, 0) >= 0:
		panic("btf: string contains a NUL")
	case uint64(s.start)+uint64(len(s.buf))+uint64(len(str)) >= maxOffset:
		panic("btf: strings exceed 2 GiB")
	}
	pos := len(s.buf)
	if cap(s.buf)-pos <= len(str) {
		s.buf = slices.Grow(s.buf, pos+len(str)+1) // append itself would grow by a quarter
	}
	s.buf = append(append(s.buf, str...), 0)
	*slot = stringSlot{h, uint32(pos) + 1}
	s.used++
	return s.start + StrOff(pos)
}

// Find returns the offset of a string, own or of a base; ok is false if it has none.
func (s *StringTable) Find(str []byte) (off StrOff, ok bool) {
	if len(str) == 0 {
		return 0, true
	}
	return s.find(str, hashString(str))
}

// Strings returns the own string section, aliasing the table until the next Add.
func (s *StringTable) Strings() []byte { return s.buf }

// End returns the first offset past the own strings.
func (s *StringTable) End() StrOff { return s.start + StrOff(len(s.buf)) }

// find looks in the lowest base first: a string that several sections hold has the
// offset every table above agrees on.
func (s *StringTable) find(str []byte, h uint32) (StrOff, bool) {
	if s.base != nil {
		if off, ok := s.base.find(str, h); ok {
			return off, true
		}
	}
	if pos, ok := s.index.find(s.buf, str, h); ok {
		return s.start + StrOff(pos), true
	}
	if len(s.slots) == 0 {
		return 0, false
	}
	slot, found := s.probe(str, h)
	if !found {
		return 0, false
	}
	return s.start + StrOff(slot.pos-1), true
}

// probe returns the slot of a string, or the empty one where it belongs.
func (s *StringTable) probe(str []byte, h uint32) (slot *stringSlot, found bool) {
	mask := uint32(len(s.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		slot = &s.slots[i]
		if slot.pos == 0 {
			return slot, false
		}
		if slot.hash == h && isString(s.buf[slot.pos-1:], str) {
			return slot, true
		}
	}
}

func (s *StringTable) grow() {
	old := s.slots
	s.slots = pages.Touched[stringSlot](max(4*len(old), slotsFor(0)))
	mask := uint32(len(s.slots) - 1)
	for _, o := range old {
		if o.pos == 0 {
			continue
		}
		i := o.hash & mask
		for s.slots[i].pos != 0 {
			i = (i + 1) & mask
		}
		s.slots[i] = o
	}
}

// isString tells whether b starts with str and a NUL.
func isString(b, str []byte) bool {
	return len(b) > len(str) && b[len(str)] == 0 && string(b[:len(str)]) == string(str)
}

// slotsFor returns a power of two that keeps n strings below the load at which Add
// grows.
func slotsFor(n int) int {
	size := 1024
	for size/4*3 <= n {
		size *= 2
	}
	return size
}

func hashString(str []byte) uint32 { return uint32(maphash.Bytes(stringSeed, str)) }
