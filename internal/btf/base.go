// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"sync"

	"github.com/btfgen/btfgen/internal/pages"
)

// Base is the blob that others are split against, a vmlinux's, made ready to be asked for its types: by name
// for what has one, by content for what only refers to others. Nothing is hashed but names and small records, so
// that a process that encodes one small module pays 3 ms for it; the types themselves are
// looked at when a module asks for their names (dedup_base.go).
//
// It is immutable and safe for concurrent use: one serves all modules of a process.
type Base struct {
	t *Table

	named idIndex // INT FLOAT STRUCT UNION ENUM ENUM64 FWD TYPEDEF by nameHash
	exact idIndex // PTR CONST VOLATILE RESTRICT TYPE_TAG ARRAY FUNC_PROTO DECL_TAG by the hash of their record

	// Definitions of tags that have more than one. Two that share a hash of 32 bits are among them, which costs a
	// look at both and no more.
	several map[ID]struct{}

	nested   bool // an ARRAY has an ARRAY as element
	wideEnum bool // there is an ENUM64

	strings func() *StringTable
}

// NewBase indexes the types of t and its bases. The strings are indexed in the background, while the caller
// reads its first module: the bytes that t aliases are not to change, even if the Base is not used any more.
func NewBase(t *Table) *Base {
	b := newBase(t)
	go b.strings()
	return b
}

func newBase(t *Table) *Base {
	b := &Base{t: t, several: map[ID]struct{}{}, strings: sync.OnceValue(func() *StringTable { return IndexStrings(t) })}
	b.named.init(t.NumIDs()/8, t.NumIDs()/6)
	b.exact.init(t.NumIDs()/2, t.NumIDs()/2)
	for level := t; level != nil; level = level.base {
		b.index(level)
	}
	return b
}

// Table returns the table that NewBase was given.
func (b *Base) Table() *Table { return b.t }

// manyTypes is how many types a base has that would show its style.
const manyTypes = 1000

// NestedArrays tells how arrays of several dimensions are written: one ARRAY per dimension, as pahole does
// since 1.32, or a single one. What is split against the base is to follow it, or nothing that holds
// such an array is equal (encode.md 3.9). A base without any tells nothing, unless it is large.
func (b *Base) NestedArrays() bool { return b.nested || b.t.NumIDs() <= manyTypes }

// UsesEnum64 tells whether enums wider than 4 bytes are ENUM64s, which Linux before 6.0 does not know. A base without
// any tells nothing, unless it is large.
func (b *Base) UsesEnum64() bool { return b.wideEnum || b.t.NumIDs() <= manyTypes }

// index adds the own types of t, the last one first: the types of one hash then come by ascending ID.
func (b *Base) index(t *Table) {
	end := uint32(len(t.types))
	for i := len(t.offs) - 1; i >= 0; i-- {
		start := t.offs[i]
		id := t.firstID + ID(i)
		switch k := Kind(getU32(t.types[start+4:], t.big) >> 24 & maxKind); k {
		case KindInt, KindFloat, KindTypedef, KindStruct, KindUnion, KindFwd, KindEnum, KindEnum64:
			b.wideEnum = b.wideEnum || k == KindEnum64
			b.indexName(t, id, decodeType(t.types[start:end:end], t.big))
		case KindArray:
			b.nested = b.nested || b.t.Kind(ID(getU32(t.types[start+recordLen:], t.big))) == KindArray
			fallthrough
		case KindPtr, KindConst, KindVolatile, KindRestrict, KindTypeTag, KindFuncProto, KindDeclTag:
			b.exact.add(hashString(t.types[start:end]), id)
		}
		end = start
	}
}

func (b *Base) indexName(t *Table, id ID, r Type) {
	h := typeHash(t, &r)
	defines := r.Name != 0 && isTagDefinition(r.Kind, r.Vlen)
	if defines {
		b.named.each(h, func(other ID) bool {
			if o := b.t.Type(other); !isTagDefinition(o.Kind, o.Vlen) {
				return true
			}
			b.several[id], b.several[other] = struct{}{}, struct{}{}
			return false
		})
	}
	b.named.add(h, id)
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
	for f, i := r.ElemNames(), 0; i < f.N && len(name) == 0; i++ {
		name = t.Str(StrOff(r.U32(f.At(i))))
	}
	var of []byte
	if (r.Kind == KindStruct || r.Kind == KindUnion) && r.Vlen != 0 {
		_, last, _, _ := r.Member(int(r.Vlen) - 1)
		of = about(t, last)
	}
	return nameHash(&rec, hashString(name), hashString(of))
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

// init makes room for about n hashes and entries types.
func (x *idIndex) init(n, entries int) {
	size := 64
	for size < n {
		size *= 2
	}
	x.heads = pages.Touched[uint32](size)
	x.entries = make([]idEntry, 0, entries)
}

func (x *idIndex) add(h uint32, id ID) {
	head := &x.heads[h&uint32(len(x.heads)-1)]
	x.entries = append(x.entries, idEntry{h, id, *head})
	*head = uint32(len(x.entries))
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

// numberMap maps numbers other than 0 to numbers: open addressing, at most half full.
type numberMap struct {
	slots []numberSlot
	used  int
}

type numberSlot struct{ key, value uint32 }

func (m *numberMap) probe(key uint32) *numberSlot {
	mask := uint32(len(m.slots) - 1)
	for at := key * 0x9e3779b1 >> 7 & mask; ; at = (at + 1) & mask {
		if s := &m.slots[at]; s.key == key || s.key == 0 {
			return s
		}
	}
}

// init makes room for n keys.
func (m *numberMap) init(n int) {
	size := 256
	for size < 2*n {
		size *= 2
	}
	m.slots = pages.Touched[numberSlot](size)
}

func (m *numberMap) get(key uint32) (value uint32, ok bool) {
	if len(m.slots) == 0 {
		return 0, false
	}
	s := m.probe(key)
	return s.value, s.key == key
}

// set adds a key that is not there yet.
func (m *numberMap) set(key, value uint32) {
	if 2*m.used >= len(m.slots) {
		old := m.slots
		m.slots = pages.Touched[numberSlot](max(4*len(old), 256))
		for _, s := range old {
			if s.key != 0 {
				*m.probe(s.key) = s
			}
		}
	}
	*m.probe(key) = numberSlot{key, value}
	m.used++
}
