// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import "math/bits"

// NameID names a string. 0 is the empty name. A name of up to three bytes without NUL stands in the
// ID itself; any other ID means something only to the Names that gave it out. Two
// IDs of one Names should be equal whenever the strings are; Writer.Append reports where
// they are not.
type NameID uint32

const (
	nameInline = 1 << 31
	// MaxNameRef is the highest ID that a Names may give to a string that is not inline. Those above
	// are for names that only the base of a split blob has.
	MaxNameRef = 1<<30 - 1
)

// InlineName returns the ID of a name of one to three bytes.
func InlineName(b []byte) NameID {
	id := NameID(nameInline)
	for i, c := range b {
		id |= NameID(c) << (8 * i)
	}
	return id
}

// InlineNameWord is InlineName for bytes that are already in a word, the first one lowest.
func InlineNameWord(w uint32) NameID { return nameInline | NameID(w) }

// Inline reports whether the name stands in the ID, and appends it to b if so.
func (id NameID) Inline(b []byte) ([]byte, bool) {
	if id < nameInline {
		return b, id == 0
	}
	for v := uint32(id) &^ nameInline; v != 0; v >>= 8 {
		b = append(b, byte(v))
	}
	return b, true
}

// Names gives the bytes of names. Implementations are safe for concurrent use.
type Names interface {
	// Name returns the bytes of an ID that is neither 0 nor inline. They are not to be changed.
	Name(NameID) []byte
}

// Record is one type of a Unit. What the fields mean depends on Kind:
//
//	kind                     Ref            Size            Aux                 members
//	INT                      -              bytes           encoding (intAux)   -
//	FLOAT                    -              bytes           -                   -
//	PTR CONST VOLATILE
//	RESTRICT TYPEDEF
//	TYPE_TAG                 target         -               -                   -
//	ARRAY                    element        nelems          index type (a ref)  -
//	STRUCT UNION             -              bytes           -                   Ref type, A bit offset, B bitfield size in bits
//	ENUM ENUM64              -              bytes           -                   A, B low and high half of the value
//	FWD                      -              -               -                   -
//	FUNC_PROTO               return type    -               -                   Ref type
//	FUNC                     prototype      -               linkage             -
//	VAR                      type           -               linkage             -
//	DATASEC                  -              bytes           -                   Ref VAR, A offset, B size in bytes
//	DECL_TAG                 target         -               component index     -
//
// A ref is the index of another record of the unit, 0 for void. An ENUM or ENUM64 without
// members is a forward declaration. Kflag is the BTF kind_flag where it carries a meaning of
// its own: FWD of a union, signed ENUM, struct with bitfields, tag that is an attribute.
type Record struct {
	Pos   uint32 // ascending in the unit: DIE offset, or type ID
	Name  NameID
	Ref   uint32
	Size  uint32
	Aux   uint32
	First uint32 // index of the first member
	Count uint32 // of members
	Kind  Kind
	Flags RecordFlags
}

// RecordFlags of a Record.
type RecordFlags uint8

const (
	Kflag RecordFlags = 1 << iota
	// Unlisted: not part of the output for its own sake, only if something listed refers to it.
	Unlisted
)

// Member is a member, enumerator or parameter of a Record.
type Member struct {
	Name NameID
	Ref  uint32
	A, B uint32
}

// Unit is a graph of types as flat arrays: one compile unit, or one BTF blob. Records[0]
// is void. It is filled by one goroutine, handed to Dedup.Add, and then may be reused.
type Unit struct {
	Base    uint64 // added to Record.Pos for the place in the whole input
	Records []Record
	Members []Member
}

// Reset empties the unit, keeping its memory.
func (u *Unit) Reset(base uint64) {
	u.Base = base
	u.Records = append(u.Records[:0], Record{})
	u.Members = u.Members[:0]
}

// Rank maps the places where records start to their indexes: one bit for each place and a
// running count per 64 places, a quarter byte per byte of DWARF where a direct table would take 4.
type Rank struct {
	words []rankWord
}

type rankWord struct {
	bits   uint64
	before uint32 // records that start before this word, counting void
	hidden bool   // one of the records that start in it is not found by Index
}

// Reset clears the map and makes room for places below n.
func (r *Rank) Reset(n int) {
	words := n/64 + 1
	if cap(r.words) < words {
		r.words = make([]rankWord, words+words/4)
	}
	r.words = r.words[:words]
	clear(r.words)
}

// Set notes that a record starts at place p, below the n of Reset. Records are to be
// appended in the order of their places.
func (r *Rank) Set(p uint32) { r.words[p/64].bits |= 1 << (p % 64) }

// Hide makes Index blind for the records near place p, which At still finds: for one that most references must not lead to.
func (r *Rank) Hide(p uint32) { r.words[p/64].hidden = true }

// Seal counts; after it Index and At may be called.
func (r *Rank) Seal() {
	n := uint32(1)
	for i := range r.words {
		r.words[i].before = n
		n += uint32(bits.OnesCount64(r.words[i].bits))
	}
}

// Index returns the index of the record that starts at place p; 0 if none does, or if it may be one that is hidden.
func (r *Rank) Index(p uint32) uint32 {
	if w := p / 64; int(w) < len(r.words) && r.words[w].hidden {
		return 0
	}
	return r.At(p)
}

// At returns the index of the record that starts at place p; 0 if none does.
func (r *Rank) At(p uint32) uint32 {
	w := p / 64
	if int(w) >= len(r.words) {
		return 0
	}
	word, bit := &r.words[w], uint64(1)<<(p%64)
	if word.bits&bit == 0 {
		return 0
	}
	return word.before + uint32(bits.OnesCount64(word.bits&(bit-1)))
}
