// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Which classes are types of the base (spec dedup.md 7, stage F). A class of what has a name, of an INT, and of an anonymous
// struct, union or enum, is the type of the base that was found to be equal; of several the one with the lowest ID.
// A class of what only leads on, PTR or FUNC_PROTO, is the base's if its targets are and the base has
// just this: looking that up, record by record, also gives what is due to a FWD of the base that the module
// completes:
//
//	base:   struct F; struct A { struct F *f; };
//	module: struct F { int x; }; struct A { struct F *f; };   int g(struct F *f, struct A *a);
//
// Nominally all of the base's A equals the module's, and A is not worth a copy (AcceptFwds). But F is the module's own, so
// a pointer to it is too, and so the prototype of g, which sees a complete F.

package btf

import "slices"

// bind fills bound and hidden, and lists what the output needs.
func (d *Dedup) bind() {
	s := d.split
	s.bound = make([]ID, len(d.first), len(d.first)+len(d.first)/16)
	s.hidden = make([]bool, len(d.first), cap(s.bound))
	kept := d.keptApart()
	for i, class := range d.units[s.number] {
		r := &s.unit.Records[i]
		if i == 0 || looksUp(r.Kind) {
			continue
		}
		id := d.baseClass(i, class)
		if kept != nil && kept[i] && d.first[id] != noPlace {
			continue
		}
		if at := &s.bound[id]; *at == 0 || ID(r.Pos) < *at {
			*at = ID(r.Pos)
		}
	}
	b := binder{d: d, w: Writer{d: d, big: s.base.t.big, ids: s.bound}, state: make([]uint8, len(d.first))}
	for id := range d.first {
		if id := uint32(id); id < s.ownEnd || id >= uint32(len(s.least)) {
			b.settle(id)
		}
	}
	for id, is := range s.bound {
		s.hidden[id] = is != 0
	}
	d.hideParts()
	d.listNeeded()
}

// baseClass returns the class of record i of the base's unit: of a FWD the declaration of its tag.
func (d *Dedup) baseClass(i int, class uint32) uint32 {
	r := &d.split.unit.Records[i]
	if t := d.tags.of[class]; t != 0 && r.isFwd() {
		return d.tags.tags[t-1].fwd
	}
	return uint32(d.At(ClassID(class), basePlace+uint64(r.Pos)))
}

// keptApart returns, with StrictFwds, which records of the base are not equal to what they look like, as
// they lead to a FWD that the module defines. What the module itself only declares is the base's in any case.
func (d *Dedup) keptApart() []bool {
	s := d.split
	if s.policy != StrictFwds {
		return nil
	}
	kept := make([]bool, len(s.unit.Records))
	ids := d.units[s.number]
	var todo []uint32
	for i, class := range ids {
		r := &s.unit.Records[i]
		if r.Kind != KindFwd {
			continue
		}
		if def := uint32(d.At(ClassID(class), basePlace+uint64(r.Pos))); def >= uint32(len(s.least)) || !d.class(def).isFwd() && s.least[def] == 0 {
			kept[i] = true
			todo = append(todo, uint32(i))
		}
	}
	start, from := s.unit.referrers()
	for len(todo) > 0 {
		j := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, i := range from[start[j]:start[j+1]] {
			r := &s.unit.Records[i]
			if i == 0 || kept[i] || !isSoft(r.Kind) && d.first[d.baseClass(int(i), ids[i])] == noPlace {
				continue
			}
			kept[i] = true
			todo = append(todo, i)
		}
	}
	for i := range kept { // the declaration itself is what it is
		if s.unit.Records[i].Kind == KindFwd {
			kept[i] = false
		}
	}
	return kept
}

// binder looks up classes of what has no name, after those that they refer to.
type binder struct {
	d     *Dedup
	w     Writer // writes the records that the base may have
	state []uint8
	stack []uint32
	names numberMap // NameID -> offset in the base, noString
	buf   []byte
}

const noString = 1<<32 - 1

func looksUp(k Kind) bool { return isSoft(k) || k == KindDeclTag }

// settle binds class id and all that it needs.
func (b *binder) settle(id uint32) {
	if b.state[id] == stateDone || !looksUp(b.d.class(id).Kind) {
		return
	}
	for b.stack = append(b.stack, id); len(b.stack) > 0; {
		id := b.stack[len(b.stack)-1]
		before := len(b.stack)
		if b.state[id] == stateNew {
			b.state[id] = stateOpen
			b.pend(id)
		}
		if len(b.stack) == before {
			b.stack = b.stack[:before-1]
			if b.state[id] == stateOpen {
				b.state[id] = stateDone
				b.d.split.bound[id] = b.find(id)
			}
		}
	}
}

// pend pushes what class id refers to and is to be looked up first. What is open leads back to id, in a
// loop of prototypes without a name on the way, which no language can write: nothing in such a loop is found.
func (b *binder) pend(id uint32) {
	c := b.d.class(id)
	b.d.eachRef(id, func(_, ref uint32) {
		to := b.d.target(c, ref)
		if b.state[to] == stateNew && looksUp(b.d.class(to).Kind) {
			b.stack = append(b.stack, to)
		}
	})
}

// find returns the type of the base that is just like class id, 0 if there is none.
func (b *binder) find(id uint32) (found ID) {
	d, c := b.d, b.d.class(id)
	all := b.name(c.Name)
	d.eachRef(id, func(_, ref uint32) { all = all && (ref == 0 || d.split.bound[d.target(c, ref)] != 0) })
	if all && c.Kind == KindFuncProto {
		for _, m := range d.members(id) {
			all = all && b.name(m.Name)
		}
	}
	if !all {
		return 0
	}
	n := RecordSize(c.Kind, c.Count)
	b.buf = slices.Grow(b.buf[:0], n)[:n]
	b.w.put(b.buf, id)
	base := d.split.index
	base.exact.each(hashString(b.buf), func(id ID) bool {
		if string(base.t.Type(id).Raw()) == string(b.buf) {
			found = id
			return false
		}
		return true
	})
	return found
}

// name gives a name the offset that it has in the base, and tells whether it has one.
func (b *binder) name(id NameID) bool {
	if id == 0 {
		return true
	}
	off, ok := b.names.get(uint32(id))
	if !ok {
		off = noString
		if o, ok := b.d.split.index.strings.Find(b.d.nameBytes(id)); ok {
			off = uint32(o)
		}
		b.names.set(uint32(id), off)
		if off != noString {
			b.w.offs.set(uint32(id), off)
		}
	}
	return off != noString
}

// hideParts hides classes that are there only as parts of types that are the base's: a pointer to a definition for which the base has
// a FWD, if only such types have it.
func (d *Dedup) hideParts() {
	s := d.split
	part := make([]bool, len(d.first)) // types of the base lead to it
	var todo []uint32
	isPart := func(id uint32) bool {
		k := d.class(id).Kind
		return d.listed(id) && (isSoft(k) || k == KindFwd)
	}
	reach := func(id uint32, seen []bool) {
		c := d.class(id)
		d.eachRef(id, func(_, ref uint32) {
			if to := d.target(c, ref); !seen[to] && isPart(to) {
				seen[to] = true
				todo = append(todo, to)
			}
		})
	}
	walk := func(seen []bool) {
		for len(todo) > 0 {
			id := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			reach(id, seen)
		}
	}
	for id := range s.bound {
		if s.bound[id] != 0 && d.first[id] != noPlace {
			reach(uint32(id), part)
		}
	}
	if len(todo) == 0 {
		return
	}
	walk(part)
	kept := make([]bool, len(d.first)) // something else leads to it
	for id := range s.bound {
		if s.bound[id] == 0 && !part[id] && d.isOwn(uint32(id)) {
			reach(uint32(id), kept)
		}
	}
	walk(kept)
	for id := range part {
		s.hidden[id] = s.hidden[id] || part[id] && !kept[id]
	}
}

// isOwn tells whether a class is one of the module: not of the base alone, and not merged into another.
func (d *Dedup) isOwn(id uint32) bool {
	_, gone := d.into.get(id)
	return !gone && (id < d.split.ownEnd || id >= uint32(len(d.split.least)))
}

// latePlace is above the places of records, for classes that no unit lists.
const latePlace = 1 << 62

// listNeeded lists classes that are unlisted, as they were thought to be the base's, but are not, and that the output refers
// to. Functions and variables are the caller's to list, and prototypes of functions.
func (d *Dedup) listNeeded() {
	isNeeded := func(id uint32) bool {
		switch d.class(id).Kind {
		case KindVoid, KindFunc, KindVar, KindDatasec:
			return false
		}
		return d.first[id] == noPlace && d.split.bound[id] == 0
	}
	needs := func(id uint32, f func(to uint32)) {
		c := d.class(id)
		if c.Kind == KindFunc {
			return
		}
		d.eachRef(id, func(_, ref uint32) {
			if to := d.target(c, ref); isNeeded(to) {
				f(to)
			}
		})
	}
	any := false
	for id := range d.first {
		if d.listed(uint32(id)) {
			needs(uint32(id), func(uint32) { any = true })
		}
	}
	if !any {
		return
	}
	queue := d.All()
	late := uint64(latePlace)
	for ; len(queue) > 0; queue = queue[1:] {
		needs(uint32(queue[0]), func(to uint32) {
			d.first[to] = late
			late++
			queue = append(queue, ClassID(to))
		})
	}
}
