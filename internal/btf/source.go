// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"math/bits"
	"slices"
)

// NameTable gives the names of any number of blobs IDs that are equal if and only if the
// strings are, whatever the string sections do: hold a string twice, or share its tail. It copies
// what it keeps. Name may be called concurrently, as long as nobody fills a Unit.
type NameTable struct {
	strings *StringTable
	full    bool // a name had no room
}

// NewNameTable returns a table without names.
func NewNameTable() *NameTable { return &NameTable{strings: NewStringTable(nil)} }

// Name implements Names.
func (n *NameTable) Name(id NameID) []byte {
	b := n.strings.buf[id:]
	return b[:bytes.IndexByte(b, 0)]
}

// ID returns the ID of a name, which contains no NUL; 0 if there is no room for it.
func (n *NameTable) ID(name []byte) NameID {
	if n.full = n.full || !n.strings.hasRoom(name); n.full {
		return 0
	}
	return NameID(n.strings.Add(name))
}

// err is about what a unit that was filled got for its names.
func (n *NameTable) err() error {
	if n.full {
		return errLongNames
	}
	return nil
}

// Unit fills u with all types of t, those of its bases first: a record for each type, whose
// index and Pos are the type's ID. place is the Unit's Base; units of one Dedup need
// ranges of NumIDs that do not overlap, and the lower one wins where types are equal. Nothing of t is
// aliased. The error is a *FormatError for what a Record cannot say: a kind that is
// known by its layout only, a vlen or third word where the kernel wants 0; or it tells that the names are too long.
func (t *Table) Unit(u *Unit, place uint64, names *NameTable) error {
	u.Reset(place)
	u.Records = slices.Grow(u.Records, t.NumIDs())
	known := make([]NameID, t.StrEnd()) // by string offset: the name that starts there, 0 if it was not asked for yet
	s := source{t: t, u: u, name: func(off StrOff) NameID {
		if known[off] == 0 {
			known[off] = names.ID(t.Str(off))
		}
		return known[off]
	}}
	for id := ID(1); int(id) < t.NumIDs(); id++ {
		if err := s.add(id); err != nil {
			return err
		}
	}
	return names.err()
}

// Merge returns the types of all tables, each meaning once, as one standalone blob in the byte
// order of the first table. Types keep the order in which they first occur. The result is the same for any
// number of workers, and Merge of it alone gives it back. Errors are *FormatError, *LoopError, and those
// of Dedup.Write.
func Merge(tables []*Table, layout bool, jobs int) ([]byte, error) {
	names := NewNameTable()
	places := make([]uint64, len(tables))
	next, types := uint64(0), 0
	for i, t := range tables {
		places[i] = next
		next += uint64(t.NumIDs())
		types = max(types, t.NumIDs())
	}
	reload := func(n int, u *Unit) error { return tables[n].Unit(u, places[n], names) }
	d := NewDedup(names, len(tables), types)
	w := d.NewWorker()
	var u Unit
	for n := range tables {
		if err := reload(n, &u); err != nil {
			return nil, err
		}
		if _, err := w.Add(n, &u); err != nil {
			return nil, err
		}
	}
	if err := d.Resolve(reload); err != nil {
		return nil, err
	}
	return d.Write(d.All(), len(tables) > 0 && tables[0].big, layout, jobs)
}

// MergeSplit returns the own types of all tables, which are split against one base, as one blob split against it: each
// meaning once, and none that the base has. Types keep the order in which they first occur. For one table it is the
// dedup of a split blob. The result is the same for any number of workers, and MergeSplit of it gives it back, unless it defines in two
// ways what the base only declares. Errors are
// *FormatError, *LoopError, and those of Dedup.Write; a base may hold no FUNC, VAR or DATASEC that an own type refers to.
func MergeSplit(base *Base, tables []*Table, policy FwdPolicy, jobs int) ([]byte, error) {
	d, err := mergeSplit(base, tables, policy, false)
	if err != nil {
		return nil, err
	}
	return d.Write(d.All(), base.t.big, false, jobs)
}

// mergeSplit resolves the types of all tables; whole enters all of the base.
func mergeSplit(base *Base, tables []*Table, policy FwdPolicy, whole bool) (*Dedup, error) {
	names := NewNameTable()
	places := make([]uint64, len(tables))
	next, types := uint64(0), 0
	for i, t := range tables {
		if t.base != base.t {
			return nil, failAt(0, "blob is split against another base than the one to merge it with")
		}
		places[i] = next
		next += uint64(len(t.offs)) + 1
		types += len(t.offs)
	}
	reload := func(n int, u *Unit) error { return tables[n].ownUnit(u, base, places[n], names) }
	d := NewSplitDedup(base, names, len(tables), types, policy)
	d.split.whole, d.split.blobs = whole, true
	w := d.NewWorker()
	var u Unit
	for n := range tables {
		if err := reload(n, &u); err != nil {
			return nil, err
		}
		if _, err := w.Add(n, &u); err != nil {
			return nil, err
		}
	}
	return d, d.Resolve(reload)
}

// ownUnit fills u with the own types of t, and unlisted copies of what they lead to in the base, up to the next tag: as a compile unit of the
// module would have them. A tag that stands for more than one type, in the base or with those of t, is
// copied as well, so that each reference means what it did.
func (t *Table) ownUnit(u *Unit, base *Base, place uint64, names *NameTable) error {
	u.Reset(place)
	l := newLoader(base.whole(), u, len(t.offs), func(b []byte, _ StrOff) NameID { return names.ID(b) })
	l.s.t = t
	own := map[uint32]bool{} // hashes of tags that are defined here
	for id := t.firstID; int(id) < t.NumIDs(); id++ {
		l.enter(id)
		if r := t.Type(id); r.Name != 0 && isTagDefinition(r.Kind, r.Vlen) {
			own[typeHash(t, &r)] = true
		}
	}
	l.full = func(id ID) bool {
		r := base.t.Type(id)
		return own[typeHash(t, &r)]
	}
	l.own = true
	if err := l.fill(); err != nil {
		return err
	}
	for i := range u.Records[1:] {
		r := &u.Records[i+1]
		if ID(r.Pos) >= t.firstID {
			r.Pos -= uint32(t.firstID) - 1
		} else {
			r.Pos, r.Flags = uint32(len(t.offs)), r.Flags|Unlisted
		}
	}
	return names.err()
}

// source turns types of t into records of u.
type source struct {
	t    *Table
	u    *Unit
	name func(StrOff) NameID
}

// add appends the record of one type, whose references are the IDs of types.
func (s *source) add(id ID) error {
	typ := s.t.Type(id)
	if !typ.Kind.Known() || typ.Kind == KindVoid {
		return s.t.unitErr(id, "kind %d is unknown, its references cannot be followed", typ.Kind)
	}
	r := Record{Pos: uint32(id), Name: s.name(typ.Name), Kind: typ.Kind, First: uint32(len(s.u.Members))}
	if typ.Kflag {
		r.Flags = Kflag
	}
	if shapes[typ.Kind].elem != 0 {
		r.Count = typ.Vlen
	} else if typ.Vlen != 0 && typ.Kind != KindFunc {
		return s.t.unitErr(id, "%v: vlen is %d, only 0 means something", typ.Kind, typ.Vlen)
	}
	switch typ.Kind {
	case KindInt:
		r.Size, r.Aux = typ.SizeOrType, intAux(typ.U32(recordLen), typ.SizeOrType)
	case KindFloat, KindStruct, KindUnion, KindEnum, KindEnum64, KindDatasec:
		r.Size = typ.SizeOrType
	case KindArray, KindFwd:
		if typ.SizeOrType != 0 {
			return s.t.unitErr(id, "%v: size or type is %d, only 0 means something", typ.Kind, typ.SizeOrType)
		}
	default:
		r.Ref = typ.SizeOrType
	}
	switch typ.Kind {
	case KindArray:
		elem, index, n := typ.Array()
		r.Ref, r.Aux, r.Size = uint32(elem), uint32(index), n
	case KindFunc:
		r.Aux = typ.Vlen
	case KindVar, KindDeclTag:
		r.Aux = typ.U32(recordLen)
	}
	s.u.Records = append(s.u.Records, r)
	for i := range int(r.Count) {
		s.u.Members = append(s.u.Members, s.member(&typ, i))
	}
	return nil
}

func (s *source) member(typ *Type, i int) (m Member) {
	var name StrOff
	var id ID
	switch typ.Kind {
	case KindStruct, KindUnion:
		name, id, m.A, m.B = typ.Member(i)
	case KindEnum, KindEnum64:
		var v uint64
		name, v = typ.EnumValue(i)
		m.A = uint32(v)
		if typ.Kind == KindEnum64 {
			m.B = uint32(v >> 32)
		}
	case KindFuncProto:
		name, id = typ.Param(i)
	case KindDatasec:
		id, m.A, m.B = typ.SecVar(i)
	}
	m.Name, m.Ref = s.name(name), uint32(id)
	return m
}

// unitErr returns an error at a type of t or of one of its bases.
func (t *Table) unitErr(id ID, format string, args ...any) error {
	for id < t.firstID {
		t = t.base
	}
	return t.typeErr(id, int(t.offs[id-t.firstID]), format, args...)
}

// intAux turns the last word of an INT, encoding<<24 | bit offset<<16 | bits, into the Aux of its
// Record: the encoding alone for a value that fills its size, something else for any other.
func intAux(word, size uint32) uint32 { return bits.RotateLeft32(word^size*8&0xff, 8) }

// intWord is the inverse of intAux.
func intWord(aux, size uint32) uint32 { return bits.RotateLeft32(aux, -8) ^ size*8&0xff }
