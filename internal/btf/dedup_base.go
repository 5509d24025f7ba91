// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Deduplication against a base (spec dedup.md 7, stage F). The base takes part as one more unit, which Resolve enters
// when all others are in; what is found to be equal to a type of the base is that type (dedup_bind.go).
// A vmlinux has 150,000 types, and a module asks for a few thousand: only those are entered
// that the module's own types can equal. These are
//
//  1. the types of each name that a STRUCT, UNION, ENUM, ENUM64, TYPEDEF, INT or FLOAT of the module has, and of
//     anonymous composites those that look alike from outside; of each name that the module only declares, where there
//     are several in the base;
//  2. what these lead to, up to the next tag;
//  3. the definitions of a tag met there that the base has more than one of, and so on from these.
//
// Any other tag is entered as a declaration of its name. With that the result is the same as if all of the base were
// entered: Let x be a record of the module and y one of the base that hash alike. Everything that y leads
// to up to the next tags, and the names of these, x leads to as well; so the module has these names, and by 1 and
// 2 they are entered too, and so on: y stands in the unit with everything that it can be told apart by. If y is
// not equal to x after all, then because somewhere on the way a name has several definitions (dedup_refine.go). Those of
// the module are there; those of the base are by 1, or, where the module only declares the
// name that leads there, by 3: two types of one name in the base that hash alike and differ lead to two others of another name.
// Types that only refer to others, such as PTR and FUNC_PROTO, have no name to ask for.
// Whether the base has one is looked up when it is known what their targets are.

package btf

import (
	"slices"

	"github.com/btfgen/btfgen/internal/pages"
)

// FwdPolicy says what becomes of types of the base that lead to a FWD of the base which the module
// defines.
type FwdPolicy uint8

const (
	// AcceptFwds makes STRUCT, UNION and TYPEDEF types of the module the base's although they see a definition where the base has
	// the FWD. Only the definition stays the module's own, with the PTR, ARRAY, FUNC_PROTO and the like that lead to it.
	AcceptFwds FwdPolicy = iota
	// StrictFwds keeps every type that leads to the definition.
	StrictFwds
)

// basePlace marks places that are IDs of the base. They come behind all places of a unit, and never are the first of a class.
const basePlace = 1 << 63

// baseNames is the first of the NameIDs for names that only the base has.
const baseNames = MaxNameRef + 1

// split is what a Dedup knows of its base.
type split struct {
	base   *Base
	index  *baseIndex // set when the names of the units are known
	policy FwdPolicy
	whole  bool // enter all types of the base: for tests
	blobs  bool // units are split blobs, which keep a declaration only if it may mean a definition of the base

	names  []StrOff // by NameID less baseNames
	number int      // of the base's unit
	unit   Unit
	least  []ID   // by class: its first type of the base, as far as hashes tell
	ownEnd uint32 // classes from here on were not there before the base was entered

	// Valid after Resolve.
	bound  []ID   // by class: the type of the base that it is, 0 for a class of the module
	hidden []bool // by class: it is bound, or part of such types only
}

// NewSplitDedup is NewDedup for a run whose output is split against a base: its types are those that
// the base does not have. Place is below 1<<63. Resolve waits until the base's strings are indexed, and then
// may return ErrSameNames; it does so whenever two NameIDs of the units stand for the same string.
func NewSplitDedup(base *Base, names Names, units, types int, policy FwdPolicy) *Dedup {
	d := NewDedup(names, units, types)
	d.split = &split{base: base, policy: policy}
	return d
}

// BaseID returns the ID of the base's type that a class is, 0 if it is none. It may be called after Resolve.
func (d *Dedup) BaseID(id ClassID) ID {
	if d.split == nil || int(id) >= len(d.split.bound) {
		return 0
	}
	return d.split.bound[id]
}

// enterBase adds the base's unit.
func (d *Dedup) enterBase() error {
	s := d.split
	s.ownEnd = uint32(len(d.blocks) << blockBits)
	names, err := d.indexNames()
	if err != nil {
		return err
	}
	s.index = s.base.index(newNameFilter(names.sums))
	l := newLoader(s.index, &s.unit, int(s.ownEnd), func(b []byte, off StrOff) NameID {
		id, ok := names.find(b)
		if !ok {
			id = baseNames + NameID(len(s.names))
			s.names = append(s.names, off)
		}
		return id
	})
	s.unit.Reset(basePlace)
	s.unit.Records = slices.Grow(s.unit.Records, int(s.ownEnd))
	s.unit.Members = slices.Grow(s.unit.Members, 2*int(s.ownEnd))
	if s.whole {
		l.needAll()
	} else {
		d.ask(l, names)
	}
	if err := l.fill(); err != nil {
		return err
	}
	for i := range s.unit.Records {
		s.unit.Records[i].Flags |= Unlisted
	}
	s.number = len(d.units)
	d.units = append(d.units, nil)
	w := d.NewWorker()
	w.slab = make([]uint32, len(s.unit.Records))
	if _, err := w.Add(s.number, &s.unit); err != nil {
		if loop, ok := err.(*LoopError); ok {
			id := ID(s.unit.Records[loop.Records[0]].Pos)
			err = s.base.t.unitErr(id, "refers to itself through %d reference types", len(loop.Records))
		}
		return err
	}
	d.Stats.Loaded = len(s.unit.Records) - 1
	return nil
}

// setLeast fills least.
func (d *Dedup) setLeast() {
	s := d.split
	s.least = make([]ID, len(d.blocks)<<blockBits)
	for i, c := range d.units[s.number] {
		if id := ID(s.unit.Records[i].Pos); s.least[c] == 0 || id < s.least[c] {
			s.least[c] = id
		}
	}
}

// ask has the loader enter the types whose name a class of the module has.
func (d *Dedup) ask(l *loader, names *nameIndex) {
	var declared []uint32 // hashes
	loops := false
	for id := uint32(1); id < d.split.ownEnd; id++ {
		c := d.class(id)
		switch c.Kind {
		case KindInt, KindFloat, KindTypedef, KindStruct, KindUnion, KindFwd, KindEnum, KindEnum64:
			switch {
			case c.nameGroup() >= anonymousName && c.loop: // its content may be that of another one
				loops = true
			case c.nameGroup() >= anonymousName:
				l.ask(names.anonymousHash(id))
			case c.isFwd():
				declared = append(declared, nameHash(&c.Record, names.hash(c.Name), 0))
			default:
				l.ask(nameHash(&c.Record, names.hash(c.Name), 0))
			}
		}
	}
	if loops {
		l.askAnonymous()
	}
	for _, h := range declared {
		l.askDeclared(h)
	}
}

// anonymousHash is nameHash of an anonymous class.
func (x *nameIndex) anonymousHash(id uint32) uint32 {
	d := x.d
	c, members := d.class(id), d.members(id)
	name, about := NameID(0), NameID(0)
	for i := 0; i < len(members) && name == 0; i++ {
		name = members[i].Name
	}
	if c.Count != 0 && (c.Kind == KindStruct || c.Kind == KindUnion) {
		at := members[c.Count-1].Ref
		for range aboutSteps {
			if r := d.class(at); leadsTo(r.Kind) {
				at = r.Ref
				continue
			}
			about = d.class(at).Name
			break
		}
	}
	return nameHash(&c.Record, x.hash(name), x.hash(about))
}

// reload fills u with the records of a unit once more.
func (d *Dedup) reload(n int, u *Unit, reload Reload) error {
	if d.split == nil || n != d.split.number {
		return reload(n, u)
	}
	s := &d.split.unit
	u.Base = s.Base
	u.Records = append(u.Records[:0], s.Records...)
	u.Members = append(u.Members[:0], s.Members...)
	return nil
}

// isBase tells whether a unit is the base's.
func (d *Dedup) isBase(unit int) bool { return d.split != nil && unit == d.split.number }

// baseFirst orders classes: the base's first, by ID.
func (d *Dedup) baseFirst(id uint32) uint32 {
	if d.split == nil {
		return 0
	}
	return uint32(d.split.least[id]) - 1
}

// nameIndex finds NameIDs by what they say.
type nameIndex struct {
	d     *Dedup
	known numberMap // NameID -> hash
	slots []nameSlot
	sums  []uint32 // nameSum of each name
	bytes int      // of the names
}

type nameSlot struct {
	hash uint32
	id   NameID // 0 is a free slot
}

// indexNames indexes the names of all classes. The error is ErrSameNames, or tells that they are too long.
func (d *Dedup) indexNames() (*nameIndex, error) {
	n := len(d.blocks) << blockBits
	x := &nameIndex{d: d}
	x.known.init(n)
	x.slots = pages.Touched[nameSlot](len(x.known.slots)) // a power of two
	for _, b := range d.blocks {
		for i := range b.classes {
			if err := x.add(b.classes[i].Name); err != nil {
				return nil, err
			}
		}
		for i := range b.members {
			if err := x.add(b.members[i].Name); err != nil {
				return nil, err
			}
		}
	}
	return x, nil
}

func (x *nameIndex) add(id NameID) error {
	if id == 0 {
		return nil
	}
	if _, ok := x.known.get(uint32(id)); ok {
		return nil
	}
	if 2*len(x.sums) >= len(x.slots) {
		old := x.slots
		x.slots = pages.Touched[nameSlot](4 * len(old))
		for _, s := range old {
			if s.id != 0 {
				at := s.hash & uint32(len(x.slots)-1)
				for x.slots[at].id != 0 {
					at = (at + 1) & uint32(len(x.slots)-1)
				}
				x.slots[at] = s
			}
		}
	}
	b := x.d.nameBytes(id)
	if x.bytes += len(b); x.bytes > maxNameBytes {
		return errLongNames
	}
	h := hashString(b)
	x.known.set(uint32(id), h)
	slot, found := x.probe(b, h)
	if found || len(b) == 0 {
		return ErrSameNames
	}
	*slot = nameSlot{h, id}
	x.sums = append(x.sums, nameSum(b))
	return nil
}

// hash returns the hash of a name that is in the index, or empty.
func (x *nameIndex) hash(id NameID) uint32 {
	if id == 0 {
		return hashString(nil)
	}
	h, _ := x.known.get(uint32(id))
	return h
}

func (x *nameIndex) probe(b []byte, h uint32) (slot *nameSlot, found bool) {
	mask := uint32(len(x.slots) - 1)
	for at := h & mask; ; at = (at + 1) & mask {
		s := &x.slots[at]
		if s.id == 0 {
			return s, false
		}
		if s.hash == h && string(x.d.nameBytes(s.id)) == string(b) {
			return s, true
		}
	}
}

func (x *nameIndex) find(b []byte) (NameID, bool) {
	s, ok := x.probe(b, hashString(b))
	return s.id, ok
}

// loader fills a unit with types of a base.
type loader struct {
	base  *baseIndex
	s     source
	ids   []ID             // by record: the type, with onlyDeclared
	at    numberMap        // type -> record
	asked numberMap        // hashes that were looked up
	full  func(id ID) bool // tags that are not to be declared only; nil for none
	own   bool             // the unit is not the base's, and must not hold its functions and variables
	err   error
}

// onlyDeclared marks a type that is entered as a declaration of its name.
const onlyDeclared = 1 << 31

// newLoader returns a loader of about n types whose unit gets names from name, which is called once for each offset.
func newLoader(b *baseIndex, u *Unit, n int, name func(b []byte, off StrOff) NameID) *loader {
	var known numberMap
	known.init(2 * n)
	l := &loader{base: b, ids: []ID{0}}
	l.at.init(n)
	l.s = source{t: b.t, u: u, name: func(off StrOff) NameID {
		if off == 0 {
			return 0
		}
		if id, ok := known.get(uint32(off)); ok {
			return NameID(id)
		}
		id := NameID(0)
		if str := l.s.t.Str(off); len(str) != 0 {
			id = name(str, off)
		}
		known.set(uint32(off), uint32(id))
		return id
	}}
	return l
}

// ask enters the types of the base that a hash of nameHash stands for.
func (l *loader) ask(h uint32) {
	if _, ok := l.asked.get(h); ok {
		return
	}
	l.asked.set(h, 0)
	l.base.named.each(h, func(id ID) bool {
		if _, ok := l.at.get(uint32(id)); !ok {
			l.enter(id)
		}
		return true
	})
}

// askAnonymous enters all types without a name that have members.
func (l *loader) askAnonymous() {
	for i := range l.base.named.entries {
		id := l.base.named.entries[i].id
		if _, ok := l.at.get(uint32(id)); !ok && len(l.base.t.Name(id)) == 0 {
			l.enter(id)
		}
	}
}

// askDeclared enters what a declaration stands for: if it is one definition, nothing can be equal to this, so that it
// is enough to know where it is.
func (l *loader) askDeclared(h uint32) {
	n, only := 0, ID(0)
	l.base.named.each(h, func(id ID) bool {
		n++
		only = id
		return n < 2
	})
	if _, ok := l.at.get(uint32(only)); n != 1 || ok {
		l.ask(h)
		return
	}
	if r := l.base.t.Type(only); isTagDefinition(r.Kind, r.Vlen) {
		only |= onlyDeclared
	}
	l.enter(only)
}

func (l *loader) enter(id ID) (record uint32) {
	record = uint32(len(l.ids))
	l.at.set(uint32(id&^onlyDeclared), record)
	l.ids = append(l.ids, id)
	return record
}

// needAll enters all types but functions, variables and what is about these.
func (l *loader) needAll() {
	t := l.base.t
	for id := ID(1); int(id) < t.NumIDs(); id++ {
		switch t.Kind(id) {
		case KindFunc, KindVar, KindDatasec, KindDeclTag:
		default:
			l.enter(id)
		}
	}
}

// need returns the record of a type that another one refers to.
func (l *loader) need(id ID) uint32 {
	if id == 0 {
		return 0
	}
	if r, ok := l.at.get(uint32(id)); ok {
		return r
	}
	r := l.base.t.Type(id)
	switch r.Kind {
	case KindFunc, KindVar, KindDatasec:
		if l.own && l.err == nil {
			l.err = l.base.t.unitErr(id, "%v of the base is referred to from outside", r.Kind)
		}
	}
	if l.s.name(r.Name) == 0 || !isTagDefinition(r.Kind, r.Vlen) || l.full != nil && l.full(id) {
		return l.enter(id)
	}
	if _, ok := l.base.several[id]; !ok {
		return l.enter(id | onlyDeclared)
	}
	l.ask(typeHash(l.base.t, &r))
	record, _ := l.at.get(uint32(id))
	return record
}

// fill makes the records of all types that were entered, and enters what they lead to.
func (l *loader) fill() error {
	u := l.s.u
	for i := 1; i < len(l.ids); i++ {
		id := l.ids[i]
		if id&onlyDeclared != 0 {
			l.declare(id &^ onlyDeclared)
			continue
		}
		if err := l.s.add(id); err != nil {
			return err
		}
		r := &u.Records[i]
		r.Ref = l.need(ID(r.Ref))
		if r.Kind == KindArray {
			r.Aux = l.need(ID(r.Aux))
		}
		members := u.Members[r.First:]
		for m := range members {
			members[m].Ref = l.need(ID(members[m].Ref))
		}
	}
	return l.err
}

// declare adds a declaration of a tag.
func (l *loader) declare(id ID) {
	t := l.base.t.Type(id)
	r := Record{Pos: uint32(id), Name: l.s.name(t.Name), Kind: KindFwd, First: uint32(len(l.s.u.Members))}
	switch t.Kind {
	case KindUnion:
		r.Flags = Kflag
	case KindEnum, KindEnum64:
		r.Kind, r.Size = KindEnum, 4
	}
	l.s.u.Records = append(l.s.u.Records, r)
}

// notInBase orders classes: those that the base has first.
func (d *Dedup) notInBase(id uint32) int {
	if d.split == nil || d.split.least[id] == 0 {
		return 1
	}
	return 0
}
