// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

// Editor appends types to a blob and gives FUNCs other prototypes: what the kernel's resolve_btfids does for kfuncs. IDs
// that are in use stay what they are, and nothing is compared with what is there: Deduplicate comes after.
//
// The table that it was made of does not change. It is not safe for concurrent use.
type Editor struct {
	t       Table // types and offs are copies
	strings *StringTable
	limit   int // bytes of types
}

// An edit that would make the types larger than editGrowth times what they were, and editSpare bytes, is refused: a
// forged prototype of a million parameters may be that of every function.
const (
	editGrowth = 4
	editSpare  = 1 << 20
)

// Param is a parameter of a FUNC_PROTO.
type Param struct {
	Name StrOff
	Type ID
}

// NewEditor returns an editor of t. base is NewBase of the table that t is split against, or nil if it stands alone.
func NewEditor(t *Table, base *Base) *Editor {
	e := &Editor{t: *t, limit: editGrowth*len(t.types) + editSpare}
	e.t.types = append(make([]byte, 0, len(t.types)+len(t.types)/64), t.types...)
	e.t.offs = append(make([]uint32, 0, len(t.offs)+len(t.offs)/64), t.offs...)
	e.t.sorts = [numSorts][]uint64{}
	if base != nil && t.base == base.t {
		e.strings = indexStrings(t, base.whole().strings)
	} else {
		e.strings = IndexStrings(t)
	}
	return e
}

// Table returns the types with the edits so far, for looking at them. It is valid until the next edit, and is not to be written.
func (e *Editor) Table() *Table { return &e.t }

// Done returns the edited blob. The editor is not to be used any more.
func (e *Editor) Done() *Table { return e.t.rebuilt(e.t.types, e.t.strs, e.t.offs) }

// Str returns the offset of a string, which contains no NUL and is added if it is new. The error is a *FormatError: the
// strings have become too long.
func (e *Editor) Str(s []byte) (StrOff, error) {
	if !e.strings.hasRoom(s) || uint64(e.strings.End())+uint64(len(s)) >= maxOffset {
		return 0, failAt(0, "strings end at %#x, there is no room for %d bytes more", e.strings.End(), len(s))
	}
	off := e.strings.Add(s)
	e.t.strs = e.strings.Strings()
	return off, nil
}

// Add appends a type whose third word is sizeOrType and that has no more than the 12 bytes of each record and the
// given words behind them. The caller keeps it a legal one. The error is a *FormatError: there is no room for it.
func (e *Editor) Add(name StrOff, kind Kind, kflag bool, vlen, sizeOrType uint32, words ...uint32) (ID, error) {
	at := len(e.t.types)
	switch size := recordLen + 4*len(words); {
	case at+size > e.limit:
		return 0, failAt(0, "edits have added %d bytes of types, no more than %d are believed", at, e.limit)
	case e.t.NumIDs() >= maxOffset:
		return 0, failAt(0, "more than %d types", maxOffset)
	}
	e.t.types = append(e.t.types, make([]byte, recordLen+4*len(words))...)
	b := e.t.types[at:]
	PutRecord(b, e.t.big, name, kind, kflag, vlen, sizeOrType)
	for i, w := range words {
		PutU32(b[recordLen+4*i:], e.t.big, w)
	}
	e.t.offs = append(e.t.offs, uint32(at))
	return ID(e.t.NumIDs() - 1), nil
}

// AddProto appends a FUNC_PROTO.
func (e *Editor) AddProto(result ID, params []Param) (ID, error) {
	words := make([]uint32, 0, 2*len(params))
	for _, p := range params {
		words = append(words, uint32(p.Name), uint32(p.Type))
	}
	return e.Add(0, KindFuncProto, false, uint32(len(params)), uint32(result), words...)
}

// SetParam gives a parameter of an own FUNC_PROTO another type.
func (e *Editor) SetParam(proto ID, i int, typ ID) {
	PutU32(e.own(proto)[recordLen+8*i+4:], e.t.big, uint32(typ))
}

// SetProto makes proto the prototype of an own FUNC.
func (e *Editor) SetProto(fn, proto ID) { PutU32(e.own(fn)[8:], e.t.big, uint32(proto)) }

// own returns the record of an own type and all that follows.
func (e *Editor) own(id ID) []byte { return e.t.types[e.t.offs[id-e.t.firstID]:] }

// indexStrings is IndexStrings for a table whose bases are indexed.
func indexStrings(t *Table, base *StringTable) *StringTable {
	own := *t
	own.base = nil
	s := IndexStrings(&own)
	s.base = base
	return s
}
