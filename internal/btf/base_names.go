// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"encoding/binary"
	"math/bits"
)

// nameFilter is a set of names of which only sums are kept: has is true for each of them, and for about one in forty others. A
// nil filter is the set of all names.
type nameFilter struct {
	sums  []uint32
	bits  []uint64 // a bit for the upper bits of each sum
	shift uint
}

// filterBits is how many bits a name has in a nameFilter, at least.
const filterBits = 32

func newNameFilter(sums []uint32) *nameFilter {
	log := max(6, uint(bits.Len(uint(filterBits*len(sums)))))
	f := &nameFilter{sums: sums, bits: make([]uint64, 1<<(log-6)), shift: 32 - log}
	for _, s := range sums {
		at := s >> f.shift
		f.bits[at/64] |= 1 << (at % 64)
	}
	return f
}

func (f *nameFilter) has(sum uint32) bool {
	if f == nil {
		return true
	}
	at := sum >> f.shift
	return f.bits[at/64]>>(at%64)&1 != 0
}

// covers tells whether all names of another filter are in f.
func (f *nameFilter) covers(other *nameFilter) bool {
	for _, s := range other.sums {
		if !f.has(s) {
			return false
		}
	}
	return true
}

// nameSum is what a nameFilter knows of a name: its length, the first and the last eight bytes. Names that share them
// cost a look at both, no more.
func nameSum(b []byte) uint32 {
	var first, last uint64
	switch n := len(b); {
	case n >= 8:
		first, last = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		first, last = uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[n-4:]))
	case n > 0:
		first, last = uint64(b[0]), uint64(b[n/2])<<8|uint64(b[n-1])
	}
	h := (first ^ uint64(len(b))) * 0x9e3779b97f4a7c15
	h = (h ^ h>>32 ^ last) * 0xc2b2ae3d27d4eb4f
	return uint32((h ^ h>>29) * 0x9e3779b97f4a7c15 >> 32)
}

// isTagDefinition tells whether a type with a name defines a tag.
func isTagDefinition(k Kind, vlen uint32) bool {
	return k == KindStruct || k == KindUnion || (k == KindEnum || k == KindEnum64) && vlen != 0
}

// What a name is the name of, apart from the classes of tags.
const (
	typedefName = enumTag + 1 + iota
	intName
	floatName
	anonymousName // and the kind above it
)

// nameGroup says which types share the name space of a record for nameHash.
func (r *Record) nameGroup() uint32 {
	switch r.Kind {
	case KindTypedef:
		return typedefName
	case KindInt:
		return intName
	case KindFloat:
		return floatName
	}
	if c := r.tagClass(); c != 0 {
		return c
	}
	return anonymousName + uint32(r.Kind)
}

// nameHash is where a type stands in Base.named; never 0. An anonymous STRUCT, UNION or ENUM goes by the name of
// its first member that has one, by its size, and by what the last member is about: a kernel has 858 times
// union { event; handler; }.
//
// name and about are hashes of the strings.
func nameHash(r *Record, name, about uint32) uint32 {
	group := r.nameGroup()
	h := name ^ group*0x9e3779b1
	if group >= anonymousName {
		h = (h^r.Size)*0x85ebca6b ^ r.Count
		h = h*0xc2b2ae35 ^ about
	}
	return max(h, 1)
}

// aboutSteps is how many references nameHash follows to find out what a member is about.
const aboutSteps = 4

// leadsTo tells whether a type of kind k without a name is about what it refers to.
func leadsTo(k Kind) bool {
	return k == KindPtr || k == KindConst || k == KindVolatile || k == KindRestrict || k == KindArray
}

// typeHash is nameHash of a type of t.
func typeHash(t *Table, r *Type) uint32 {
	rec := Record{Kind: r.Kind, Size: r.SizeOrType, Count: r.Vlen}
	name := t.Str(r.Name)
	if len(name) != 0 {
		rec.Name = 1 // any, as long as it is not empty
	}
	if r.Kflag {
		rec.Flags = Kflag
	}
	if rec.nameGroup() < anonymousName {
		return nameHash(&rec, hashString(name), 0)
	}
	name = firstName(t, r)
	var of []byte
	if (r.Kind == KindStruct || r.Kind == KindUnion) && r.Vlen != 0 {
		_, last, _, _ := r.Member(int(r.Vlen) - 1)
		of = about(t, last)
	}
	return nameHash(&rec, hashString(name), hashString(of))
}

// firstName returns the name of a type of t or, if it has none, of the first element that has one.
func firstName(t *Table, r *Type) []byte {
	name := t.Str(r.Name)
	for f, i := r.ElemNames(), 0; i < f.N && len(name) == 0; i++ {
		name = t.Str(StrOff(r.U32(f.At(i))))
	}
	return name
}

// about returns the name of the first type with one that is met from id on.
func about(t *Table, id ID) []byte {
	for range aboutSteps {
		r := t.Type(id)
		switch {
		case r.Kind == KindArray:
			id, _, _ = r.Array()
		case leadsTo(r.Kind):
			id = r.Ref()
		default:
			return t.Str(r.Name)
		}
	}
	return nil
}
