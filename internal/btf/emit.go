// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/btfgen/btfgen/internal/parallel"
)

// ErrSameNames says that two NameIDs stand for the same string, so that types may have been
// kept apart that are equal. The run is to be repeated with names by content.
var ErrSameNames = errors.New("two name IDs stand for one string")

// errLongNames is about names of which each may be good.
var errLongNames = fmt.Errorf("names add up to more than %d bytes", maxNameBytes)

// Types returns the types of the output in the order of the places where each was first
// seen, without those that want places of their own: VAR, FUNC, DATASEC, and tags of these. It may be called
// after Resolve.
func (d *Dedup) Types() []ClassID {
	return d.inOrder(func(k, target Kind) bool {
		return k != KindVar && k != KindFunc && k != KindDatasec &&
			!(k == KindDeclTag && (target == KindVar || target == KindFunc))
	})
}

// All returns every type of the output in the order of the places where each was first seen.
// It may be called after Resolve.
func (d *Dedup) All() []ClassID {
	return d.inOrder(func(k, target Kind) bool { return true })
}

// Vars returns the VARs of the output and their tags, by place.
func (d *Dedup) Vars() []ClassID {
	return d.inOrder(func(k, target Kind) bool {
		return k == KindVar || k == KindDeclTag && target == KindVar
	})
}

func (d *Dedup) inOrder(want func(k, target Kind) bool) []ClassID {
	type placed struct {
		place uint64
		id    uint32
	}
	list := make([]placed, 0, len(d.first)/2)
	for id := range d.first {
		id := uint32(id)
		if d.first[id] == noPlace || !d.listed(id) {
			continue
		}
		c := d.class(id)
		target := KindVoid
		if c.Kind == KindDeclTag {
			target = d.class(c.Ref).Kind
		}
		if want(c.Kind, target) {
			list = append(list, placed{d.first[id], id})
		}
	}
	slices.SortFunc(list, func(a, b placed) int { return cmp.Compare(a.place, b.place) })
	ids := make([]ClassID, len(list))
	for i, p := range list {
		ids[i] = ClassID(p.id)
	}
	return ids
}

// Func is a class of FUNC records: functions of one name and prototype.
type Func struct {
	ID    ClassID
	Name  NameID
	Proto ClassID
	Aux   uint32 // what the source put there
	First uint64 // least place
	Count int    // parameters
}

// Funcs calls f with each class of kind FUNC, in no order.
func (d *Dedup) Funcs(f func(Func)) {
	for id := range d.first {
		c := d.class(uint32(id))
		if c.Kind == KindFunc && d.first[id] != noPlace {
			if _, gone := d.into.get(uint32(id)); !gone {
				f(Func{ClassID(id), c.Name, ClassID(d.target(c, c.Ref)), c.Aux, d.first[id], int(d.class(c.Ref).Count)})
			}
		}
	}
}

// Class returns the content of a class after Resolve: references are classes. members alias the
// Dedup's memory, and their references are as they were added: use Target.
func (d *Dedup) Class(id ClassID) (r Record, members []Member) {
	c := d.class(uint32(id))
	return c.Record, d.members(uint32(id))
}

// Target returns the class that ref, found in the content of id, leads to.
func (d *Dedup) Target(id ClassID, ref uint32) ClassID {
	return ClassID(d.target(d.class(uint32(id)), ref))
}

// NumClasses is one more than the highest ClassID so far.
func (d *Dedup) NumClasses() int { return len(d.first) }

// Place is the least place where a class was seen, the highest uint64 for one that was only added.
func (d *Dedup) Place(id ClassID) uint64 { return d.first[id] }

// FuncTags calls f with each DECL_TAG on a FUNC, by place.
func (d *Dedup) FuncTags(f func(tag, fn ClassID)) {
	tags := d.inOrder(func(k, target Kind) bool { return k == KindDeclTag && target == KindFunc })
	for _, tag := range tags {
		f(tag, ClassID(d.class(uint32(tag)).Ref))
	}
}

// AddClass adds a type after Resolve, whose references are classes of the output. Nothing is
// compared: the caller knows that it is new.
func (d *Dedup) AddClass(r Record, members []Member) ClassID {
	if len(d.blocks)<<blockBits <= len(d.first) {
		d.addBlock()
	}
	id := uint32(len(d.first))
	d.first = append(d.first, noPlace)
	d.tags.of = append(d.tags.of, 0)
	if d.split != nil && d.split.bound != nil {
		d.split.bound = append(d.split.bound, 0)
		d.split.hidden = append(d.split.hidden, false)
	}
	b := d.blocks[id>>blockBits]
	c := &b.classes[id&(blockSize-1)]
	c.Record, c.exact = r, true
	c.First, c.Count = uint32(len(b.members)), uint32(len(members))
	b.members = append(b.members, members...)
	return ClassID(id)
}

// SetAux changes the Aux of a class, from its meaning for the source to that for the output.
func (d *Dedup) SetAux(id ClassID, aux uint32) { d.class(uint32(id)).Aux = aux }

// Write numbers the classes of order and returns them as a blob: NewWriter, Append and Bytes in one.
func (d *Dedup) Write(order []ClassID, big, layout bool, jobs int) ([]byte, error) {
	w := d.NewWriter()
	if err := w.Append(order); err != nil {
		return nil, err
	}
	return w.Bytes(big, layout, jobs)
}

// Writer collects the types of a blob in their order. Append may run while others read the Dedup.
type Writer struct {
	d       *Dedup
	big     bool
	order   []ClassID
	ids     []ID // by class
	strings *StringTable
	offs    numberMap // NameID -> StrOff
	types   []byte
}

// NewWriter returns a writer of a standalone blob, or of one that is split against the base of d. It may be
// called after Resolve.
func (d *Dedup) NewWriter() *Writer {
	w := &Writer{d: d}
	if d.split != nil {
		w.strings = NewStringTable(d.split.index.strings)
	} else {
		w.strings = NewStringTable(nil)
	}
	w.offs.init(len(d.first) / 2)
	return w
}

// Append adds classes behind those that are there, and gives each new name its string offset. It passes over
// those that are the base's. The error is ErrSameNames, or tells that the strings are too long.
func (w *Writer) Append(order []ClassID) error {
	if w.d.split != nil {
		order = slices.DeleteFunc(slices.Clone(order), func(id ClassID) bool { return w.d.BaseID(id) != 0 })
	}
	w.order = append(w.order, order...)
	for _, id := range order {
		c := w.d.class(uint32(id))
		if err := w.intern(c.Name); err != nil {
			return err
		}
		if !hasNames(c.Kind) {
			continue
		}
		for _, m := range w.d.members(uint32(id)) {
			if err := w.intern(m.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// ID returns the ID of a class, after Bytes; 0 if it is not among those that were written.
func (w *Writer) ID(class ClassID) ID { return w.ids[class] }

// Len is how many types were appended that are not the base's.
func (w *Writer) Len() int { return len(w.order) }

// Bytes numbers the classes from 1 on, or behind the base, in the order in which they were appended, and returns the
// blob. Every class that one of them refers to must be among them, or the base's. A split blob is to have the byte
// order of its base.
func (w *Writer) Bytes(big, layout bool, jobs int) ([]byte, error) {
	w.big = big
	w.ids = make([]ID, len(w.d.first))
	next := ID(1)
	if s := w.d.split; s != nil {
		if big != s.base.t.big {
			return nil, fmt.Errorf("byte order is %s, that of the base is %s", orderName(big), orderName(s.base.t.big))
		}
		copy(w.ids, s.bound)
		next = ID(s.base.t.NumIDs())
	}
	if uint64(next)+uint64(len(w.order)) > maxOffset {
		return nil, fmt.Errorf("%d types behind the %d of the base: more than %d", len(w.order), next, maxOffset)
	}
	for i, id := range w.order {
		w.ids[id] = next + ID(i)
	}
	if err := w.fill(max(jobs, 1)); err != nil {
		return nil, err
	}
	var lay []byte
	if layout {
		lay = LayoutSection(big)
	}
	return Assemble(big, w.types, lay, w.strings.Strings()), nil
}

// hasNames tells whether the members of a kind have names.
func hasNames(k Kind) bool {
	switch k {
	case KindStruct, KindUnion, KindEnum, KindEnum64, KindFuncProto:
		return true
	}
	return false
}

// intern gives a name its string offset, unless it has one.
func (w *Writer) intern(id NameID) error {
	if id == 0 {
		return nil
	}
	if _, found := w.offs.get(uint32(id)); found {
		return nil
	}
	b := w.d.nameBytes(id)
	if !w.strings.hasRoom(b) {
		return errLongNames
	}
	end := w.strings.End()
	off := w.strings.Add(b)
	if off != end && off >= w.strings.start || len(b) == 0 { // below, it is a string of the base
		return ErrSameNames
	}
	w.offs.set(uint32(id), uint32(off))
	return nil
}

// fill writes the records: sizes first, then all of them in parallel.
func (w *Writer) fill(jobs int) error {
	const piece = 4096 // records
	starts := make([]int, 0, len(w.order)/piece+2)
	size := 0
	for i, id := range w.order {
		if i%piece == 0 {
			starts = append(starts, size)
		}
		c := w.d.class(uint32(id))
		size += RecordSize(c.Kind, c.Count)
	}
	if size > 1<<31-1 {
		return fmt.Errorf("type section of %d bytes: more than 2 GiB", size)
	}
	w.types = make([]byte, size)
	var next atomic.Int64
	var broken atomic.Value
	parallel.Workers(min(jobs, len(starts)), func(int) {
		defer func() { // the broken invariant is to end the run, not the process
			if x := recover(); x != nil {
				broken.Store(fmt.Errorf("internal error: %v", x))
			}
		}()
		for n := int(next.Add(1)) - 1; n < len(starts); n = int(next.Add(1)) - 1 {
			at := starts[n]
			for _, id := range w.order[n*piece : min((n+1)*piece, len(w.order))] {
				at += w.put(w.types[at:], uint32(id))
			}
		}
	})
	err, _ := broken.Load().(error)
	return err
}

// id returns the number of the type that a reference in c leads to.
func (w *Writer) id(c *class, ref uint32) uint32 {
	to := w.d.target(c, ref)
	id := w.ids[to]
	if id == 0 && to != 0 {
		panic(fmt.Sprintf("btf: %v refers to a %v that is not part of the output", c.Kind, w.d.class(to).Kind))
	}
	return uint32(id)
}

func (w *Writer) name(id NameID) StrOff {
	if id == 0 {
		return 0
	}
	off, _ := w.offs.get(uint32(id))
	return StrOff(off)
}

// put writes one record and returns its size.
func (w *Writer) put(b []byte, id uint32) int {
	c := w.d.class(id)
	vlen, word := c.Count, uint32(0)
	switch c.Kind {
	case KindInt, KindFloat, KindStruct, KindUnion, KindEnum, KindEnum64, KindDatasec:
		word = c.Size
	case KindArray, KindFwd:
	default:
		word = w.id(c, c.Ref)
	}
	if c.Kind == KindFunc {
		vlen = c.Aux
	}
	PutRecord(b, w.big, w.name(c.Name), c.Kind, c.Flags&Kflag != 0, vlen, word)
	b = b[12:]
	switch c.Kind {
	case KindInt:
		PutU32(b, w.big, intWord(c.Aux, c.Size))
	case KindArray:
		PutU32(b, w.big, w.id(c, c.Ref))
		PutU32(b[4:], w.big, w.id(c, c.Aux))
		PutU32(b[8:], w.big, c.Size)
	case KindVar, KindDeclTag:
		PutU32(b, w.big, c.Aux)
	}
	for _, m := range w.d.members(id) {
		switch c.Kind {
		case KindStruct, KindUnion:
			off := m.A
			if c.Flags&Kflag != 0 {
				off |= m.B << 24
			}
			PutU32(b, w.big, uint32(w.name(m.Name)))
			PutU32(b[4:], w.big, w.id(c, m.Ref))
			PutU32(b[8:], w.big, off)
			b = b[12:]
		case KindEnum:
			PutU32(b, w.big, uint32(w.name(m.Name)))
			PutU32(b[4:], w.big, m.A)
			b = b[8:]
		case KindEnum64:
			PutU32(b, w.big, uint32(w.name(m.Name)))
			PutU32(b[4:], w.big, m.A)
			PutU32(b[8:], w.big, m.B)
			b = b[12:]
		case KindFuncProto:
			PutU32(b, w.big, uint32(w.name(m.Name)))
			PutU32(b[4:], w.big, w.id(c, m.Ref))
			b = b[8:]
		case KindDatasec:
			PutU32(b, w.big, w.id(c, m.Ref))
			PutU32(b[4:], w.big, m.A)
			PutU32(b[8:], w.big, m.B)
			b = b[12:]
		}
	}
	return RecordSize(c.Kind, c.Count)
}
