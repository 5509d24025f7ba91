// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"iter"
	"math/bits"

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

// newBaseIndex indexes the types of t and its bases whose names pass a filter. It takes 4 ms for a kernel, 10 without a filter.
func newBaseIndex(t *Table, names *nameFilter) *baseIndex {
	x := &baseIndex{t: t, names: names, several: map[ID]struct{}{}, strings: indexSome(t, names)}
	named := t.NumIDs() / 8
	if names != nil {
		named = min(named, len(names.sums))
	}
	x.named.init(named)
	c := newCandidates(t, x.strings, names)
	for level := t; level != nil; level = level.base { // the last type first: those of one hash then come by ascending ID
		for i := range backward(level.sorts[sortNamed]) {
			if c.hasName(level, i) {
				id, r := level.firstID+ID(i), level.own(i)
				c.ids.set(uint32(id))
				x.addName(id, &r)
			}
		}
		c.ids.union(level.sorts[sortRef], uint32(level.firstID))
	}
	var refs []bitmap // by level
	n := 0
	for level := t; level != nil; level = level.base {
		r := bitmap(level.sorts[sortRef])
		if names != nil {
			r = c.reduce(level)
		}
		refs = append(refs, r)
		n += r.count()
	}
	x.exact.init(n)
	for level := t; level != nil; level = level.base {
		for i := range backward(refs[0]) {
			x.exact.add(hashString(level.record(i)), level.firstID+ID(i))
		}
		refs = refs[1:]
	}
	return x
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

// candidates knows which types of a base can be equal to one of those with the names of a filter, and may
// take others for such.
type candidates struct {
	names  *nameFilter
	ids    bitmap // by type
	starts bitmap // by 8 bytes of strings: one that passes the filter starts there
}

func newCandidates(t *Table, strings *StringTable, names *nameFilter) *candidates {
	c := &candidates{names: names, ids: newBitmap(t.NumIDs())}
	c.ids.set(0) // void
	if names == nil {
		return c
	}
	c.starts = newBitmap(int(t.StrEnd())/8 + 1)
	c.starts.set(0) // the empty string
	for s := strings; s != nil; s = s.base {
		for i := range s.index.entries {
			c.starts.set((uint32(s.start) + s.index.entries[i].pos - 1) / 8)
		}
	}
	return c
}

// hasName tells whether the name of own type i of t, or of the first of its elements that has one, passes the filter.
func (c *candidates) hasName(t *Table, i int) bool {
	if c.names == nil {
		return true
	}
	name := StrOff(getU32(t.types[t.offs[i]:], t.big))
	if name == 0 {
		r := t.own(i)
		for f, i := r.ElemNames(), 0; i < f.N && name == 0; i++ {
			name = StrOff(r.U32(f.At(i)))
		}
	}
	if c.starts.has(uint32(name) / 8) {
		return true
	}
	level := t
	for level.strBase > name {
		level = level.base
	}
	switch s := level.strs[name-level.strBase:]; {
	case s[0] == 0: // an empty string that is not the first one
		r := t.own(i)
		first := firstName(t, &r)
		return len(first) == 0 || c.names.has(nameSum(first))
	case name != level.strBase && level.strs[name-level.strBase-1] != 0: // the end of another string stands in no index of strings
		return c.names.has(nameSum(t.Str(name)))
	}
	return false
}

// reduce returns which own types of t that only refer to others are candidates: all that they refer to are, and their names are known. What
// is decided for one of them would be a coin's toss to a processor, so but for prototypes nothing branches on it.
func (c *candidates) reduce(t *Table) bitmap {
	refs := make(bitmap, len(t.sorts[sortRef]))
	types, big, ids, starts := t.types, t.big, c.ids, c.starts
	for i, word := range t.sorts[sortRef] {
		protos, arrays := t.sorts[sortProto][i], t.sorts[sortArray][i]
		kept := uint64(0)
		for ; word != 0; word &= word - 1 {
			bit := uint(bits.TrailingZeros64(word))
			n := i*64 + int(bit)
			rec := types[t.offs[n]:]
			at := 8 + 4*uint64(arrays>>bit&1) // an ARRAY has its element there, the index type is as common as can be
			keep := ids.bit(getU32(rec[at:], big)) & starts.bit(getU32(rec, big)/8)
			if keep&(protos>>bit) != 0 {
				keep = c.params(rec, big)
			}
			id := uint32(t.firstID) + uint32(n)
			ids[id/64] &^= (keep ^ 1) << (id % 64)
			kept |= keep << bit
		}
		refs[i] = kept
	}
	return refs
}

// params returns 1 if the parameters of a FUNC_PROTO are candidates, else 0.
func (c *candidates) params(rec []byte, big bool) uint64 {
	for vlen := getU32(rec[4:], big) & maxVlen; vlen > 0; vlen-- {
		rec = rec[8:]
		if c.starts.bit(getU32(rec[4:], big)/8)&c.ids.bit(getU32(rec[8:], big)) == 0 {
			return 0
		}
	}
	return 1
}

// bitmap is a set of numbers.
type bitmap []uint64

// newBitmap returns an empty set of numbers below n.
func newBitmap(n int) bitmap { return make(bitmap, n/64+1) }

func (b bitmap) set(i uint32)      { b[i/64] |= 1 << (i % 64) }
func (b bitmap) has(i uint32) bool { return b.bit(i) != 0 }

// bit is 1 if the set has i, else 0.
func (b bitmap) bit(i uint32) uint64 { return b[i/64] >> (i % 64) & 1 }

// union adds each number of another set, and first to it.
func (b bitmap) union(other bitmap, first uint32) {
	for i, word := range other {
		if word != 0 {
			at := uint32(i) + first/64
			b[at] |= word << (first % 64)
			if high := word >> 1 >> (63 - first%64); high != 0 {
				b[at+1] |= high
			}
		}
	}
}

func (b bitmap) count() (n int) {
	for _, word := range b {
		n += bits.OnesCount64(word)
	}
	return n
}

// forward iterates over a set, the lowest number first.
func forward(b bitmap) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, word := range b {
			for ; word != 0; word &= word - 1 {
				if !yield(i*64 + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}

// backward iterates over a set, the highest number first.
func backward(b bitmap) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := len(b) - 1; i >= 0; i-- {
			for word := b[i]; word != 0; {
				top := bits.Len64(word) - 1
				word &^= 1 << top
				if !yield(i*64 + top) {
					return
				}
			}
		}
	}
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
