// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"github.com/btfgen/btfgen/internal/pages"
)

// baseIndex finds types of a base: by name what has one, by content what only refers to others. Nothing is hashed but names and
// small records; the types themselves are looked at when somebody asks for their names (dedup_base.go).
//
// Of a kernel's 150,000 types a module can equal a few thousand. With a filter the index holds those whose names
// pass it, of a composite without a name the first one in it, and what refers to such types alone: the rest
// is passed over at 10 ns a type. It is immutable and safe for concurrent use.
type baseIndex struct {
	t     *Table
	names *nameFilter // nil: all names

	named idIndex // INT FLOAT STRUCT UNION ENUM ENUM64 FWD TYPEDEF by nameHash
	exact idIndex // PTR CONST VOLATILE RESTRICT TYPE_TAG ARRAY FUNC_PROTO DECL_TAG by the hash of their record

	// Definitions of tags that have more than one. Two that share a hash of 32 bits are among them, which costs a
	// look at both and no more.
	several map[ID]struct{}

	strings *StringTable
}

// newBaseIndex indexes the types of t and its bases whose names pass a filter. It takes 2 ms for a kernel's, 10 without a filter.
func newBaseIndex(t *Table, names *nameFilter) *baseIndex {
	x := &baseIndex{t: t, names: names, several: map[ID]struct{}{}, strings: indexSome(t, names)}
	named, exact := t.NumIDs()/8, t.NumIDs()/2
	if names != nil {
		named, exact = min(named, len(names.sums)/2), min(exact, len(names.sums)*2)
	}
	x.named.init(named)
	x.exact.init(exact)
	var may *candidates
	if names != nil {
		may = newCandidates(t, x.strings)
	}
	for level := t; level != nil; level = level.base {
		x.addNamed(level, may)
	}
	for level := t; level != nil; level = level.base {
		x.addExact(level, may)
	}
	return x
}

// addNamed adds own types of t with names, the last one first: the types of one hash then come by ascending ID.
func (x *baseIndex) addNamed(t *Table, may *candidates) {
	end := uint32(len(t.types))
	for i := len(t.offs) - 1; i >= 0; i-- {
		start := t.offs[i]
		id := t.firstID + ID(i)
		switch k := Kind(getU32(t.types[start+4:], t.big) >> 24 & maxKind); k {
		case KindInt, KindFloat, KindTypedef, KindStruct, KindUnion, KindFwd, KindEnum, KindEnum64:
			r := decodeType(t.types[start:end:end], t.big)
			if name := firstName(t, &r); len(name) == 0 || x.names == nil || x.names.has(nameSum(name)) {
				may.add(id)
				x.addName(id, &r)
			}
		case KindPtr, KindConst, KindVolatile, KindRestrict, KindTypeTag, KindArray, KindFuncProto, KindDeclTag:
			may.add(id)
		}
		end = start
	}
}

func (x *baseIndex) addName(id ID, r *Type) {
	h := typeHash(x.t, r)
	if r.Name != 0 && isTagDefinition(r.Kind, r.Vlen) {
		x.named.each(h, func(other ID) bool {
			if o := x.t.Type(other); !isTagDefinition(o.Kind, o.Vlen) {
				return true
			}
			x.several[id], x.several[other] = struct{}{}, struct{}{}
			return false
		})
	}
	x.named.add(h, id)
}

// addExact adds own types of t that only refer to others.
func (x *baseIndex) addExact(t *Table, may *candidates) {
	end := uint32(len(t.types))
	for i := len(t.offs) - 1; i >= 0; i-- {
		start := t.offs[i]
		switch k := Kind(getU32(t.types[start+4:], t.big) >> 24 & maxKind); k {
		case KindPtr, KindConst, KindVolatile, KindRestrict, KindTypeTag, KindArray, KindFuncProto, KindDeclTag:
			id := t.firstID + ID(i)
			if rec := t.types[start:end:end]; may.keeps(id, k, rec, t.big) {
				x.exact.add(hashString(rec), id)
			}
		}
		end = start
	}
}

// candidates knows which types of a base can be equal to one of those with the names of a filter, and may
// take others for such. A nil one takes all.
type candidates struct {
	ids   []uint64 // by type: one bit
	names []uint64 // by 8 bytes of strings: a bit, if a string that passes the filter starts there
}

func newCandidates(t *Table, strings *StringTable) *candidates {
	c := &candidates{ids: make([]uint64, t.NumIDs()/64+1), names: make([]uint64, t.StrEnd()/(8*64)+1)}
	c.ids[0] = 1 // void
	for s := strings; s != nil; s = s.base {
		for i := range s.index.entries {
			at := (uint32(s.start) + s.index.entries[i].pos - 1) / 8
			c.names[at/64] |= 1 << (at % 64)
		}
	}
	c.names[0] |= 1 // the empty one
	return c
}

func (c *candidates) add(id ID) {
	if c != nil {
		c.ids[id/64] |= 1 << (id % 64)
	}
}

// keeps tells whether a type that only refers to others remains a candidate: all that it refers to are, and its names are known.
func (c *candidates) keeps(id ID, k Kind, rec []byte, big bool) bool {
	if c == nil {
		return true
	}
	has := func(field int) bool {
		to := getU32(rec[field:], big)
		return c.ids[to/64]>>(to%64)&1 != 0
	}
	known := func(field int) bool {
		at := getU32(rec[field:], big) / 8
		return c.names[at/64]>>(at%64)&1 != 0
	}
	keeps := true
	switch k {
	case KindArray:
		keeps = has(12) && has(16)
	case KindFuncProto:
		keeps = has(8)
		for p := recordLen; keeps && p < len(rec); p += 8 {
			keeps = known(p) && has(p+4)
		}
	case KindTypeTag, KindDeclTag:
		keeps = known(0) && has(8)
	default:
		keeps = has(8)
	}
	if !keeps {
		c.ids[id/64] &^= 1 << (id % 64)
	}
	return keeps
}

// idIndex is a multimap from hashes to type IDs. Adding takes constant time, also where all hashes are the same.
type idIndex struct {
	heads   []uint32 // by the low bits of the hash: 1 + index into entries
	entries []idEntry
}

type idEntry struct {
	hash uint32
	id   ID
	next uint32 // like heads
}

// init makes room for about n types.
func (x *idIndex) init(n int) {
	size := 64
	for size < n {
		size *= 2
	}
	x.heads = pages.Touched[uint32](size)
	x.entries = make([]idEntry, 0, n)
}

func (x *idIndex) add(h uint32, id ID) {
	if len(x.entries) == 4*len(x.heads) {
		x.heads = pages.Touched[uint32](8 * len(x.heads))
		for i := range x.entries {
			x.link(i)
		}
	}
	x.entries = append(x.entries, idEntry{hash: h, id: id})
	x.link(len(x.entries) - 1)
}

func (x *idIndex) link(i int) {
	e := &x.entries[i]
	head := &x.heads[e.hash&uint32(len(x.heads)-1)]
	e.next = *head
	*head = uint32(i) + 1
}

// each calls f with the IDs of a hash, the last added first, until f returns false.
func (x *idIndex) each(h uint32, f func(ID) bool) {
	for at := x.heads[h&uint32(len(x.heads)-1)]; at != 0; {
		e := &x.entries[at-1]
		if e.hash == h && !f(e.id) {
			return
		}
		at = e.next
	}
}
