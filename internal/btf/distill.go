// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"math"
	"slices"
)

// Distilled is a split blob on a small base of its own, .BTF and .BTF.base of a module that is built
// apart from its kernel.
type Distilled struct {
	Base  []byte // standalone: named INT, FLOAT, ENUM, FWD, and STRUCT and UNION without members
	Split []byte // split against Base
	IDs   []ID   // by old ID, of the old base or own: the new one, 0 if it is no longer there
}

// Distill replaces the base of a split blob, which may be a chain, by one that holds no more than is needed to
// find each type again by its name in another build of the base (libbpf btf.c: btf__distill_base). For
//
//	struct own { struct file *f; u32 n; };     // file and u32 are types of the base
//
// the new base holds STRUCT file, without members but with its size, and INT "unsigned int"; the PTR and the
// TYPEDEFs u32 and __u32 go behind the own types.
//
//  1. Mark what own types refer to in the base, then what that refers to, up to a STRUCT or UNION with a name.
//  2. Number the marked types, in the order of their IDs: those with a name of their own from 1 on as the new
//     base, then all own types, then the other marked ones.
//  3. Copy the records, with new IDs and strings.
//
// The time depends on the own types, not on the base. Byte order stays, layout sections are dropped, headers
// have 24 bytes. A base without types would confuse the kernel (7.3 btf.c: btf_add_type counts void with the
// first type only, so that each own ID would be off by one): it gets an INT of the old base, "int" if there is one.
//
// The error is a *FormatError: the blob is not split; it refers to a FUNC, VAR, DATASEC or DECL_TAG of the base,
// or to a nameless INT, FLOAT or FWD there, which nobody could find again; a kind is unknown.
func Distill(t *Table) (*Distilled, error) {
	if t.base == nil {
		return nil, failAt(0, "blob is not split, it has no base to distill")
	}
	if err := t.needKnown(); err != nil {
		return nil, err
	}
	d := &distiller{t: t, ids: make([]ID, t.NumIDs())}
	if err := d.mark(); err != nil {
		return nil, err
	}
	if len(d.base) == 0 {
		if err := d.addInt(); err != nil {
			return nil, err
		}
	}
	d.number()
	// Beyond this point no type is added and no ID changes.
	strings := &stringCopier{from: t, to: NewStringTable(nil)}
	base, err := d.writeBase(strings)
	if err != nil {
		return nil, err
	}
	out := &Distilled{Base: Assemble(t.big, base, nil, strings.to.Strings()), IDs: d.ids}

	strings = &stringCopier{from: t, to: NewStringTable(strings.to)}
	split, err := d.writeSplit(strings)
	if err != nil {
		return nil, err
	}
	out.Split = Assemble(t.big, split, nil, strings.to.Strings())
	return out, nil
}

type distiller struct {
	t     *Table
	ids   []ID // by old ID: marked, later the new ID
	base  []ID // marked types that go into the new base
	moved []ID // marked types that go behind the own ones
	todo  []ID // marked types whose references were not followed yet
}

const marked = math.MaxUint32 // in distiller.ids

// mark finds what the own types need of the base.
func (d *distiller) mark() error {
	t := d.t
	for id := t.firstID; int(id) < t.NumIDs(); id++ {
		if err := d.markRefs(id); err != nil {
			return err
		}
		for len(d.todo) > 0 {
			last := d.todo[len(d.todo)-1]
			d.todo = d.todo[:len(d.todo)-1]
			if err := d.markRefs(last); err != nil {
				return err
			}
		}
	}
	slices.Sort(d.base)
	slices.Sort(d.moved)
	return nil
}

func (d *distiller) markRefs(id ID) error {
	r := d.t.Type(id)
	f := r.IDs()
	for i := range f.N {
		ref := ID(r.U32(f.At(i)))
		if ref == 0 || ref >= d.t.firstID || d.ids[ref] == marked {
			continue
		}
		d.ids[ref] = marked
		if err := d.place(id, ref); err != nil {
			return err
		}
	}
	return nil
}

// place decides where a type of the base goes that the type by refers to.
func (d *distiller) place(by, id ID) error {
	r := d.t.Type(id)
	name := d.t.Str(r.Name)
	switch r.Kind {
	case KindInt, KindFloat, KindFwd:
		if len(name) == 0 {
			return d.t.unitErr(by, "%v refers to type %d of the base, %v without a name: it could not be found again", d.t.Kind(by), id, r.Kind)
		}
		if r.Kind == KindFwd && r.SizeOrType != 0 {
			return d.t.unitErr(id, "FWD: type is %d, only 0 means something", r.SizeOrType)
		}
		d.base = append(d.base, id)
	case KindStruct, KindUnion, KindEnum, KindEnum64:
		if len(name) > 0 {
			d.base = append(d.base, id)
			break
		}
		fallthrough
	case KindPtr, KindArray, KindTypedef, KindVolatile, KindConst, KindRestrict, KindFuncProto, KindTypeTag:
		d.moved = append(d.moved, id)
		d.todo = append(d.todo, id)
		return nil
	default:
		name = appendName(nil, name[:min(len(name), maxKernelName)])
		return d.t.unitErr(by, "%v refers to type %d of the base, %v %s: a distilled base cannot hold it", d.t.Kind(by), id, r.Kind, name)
	}
	return nil
}

// addInt puts an INT into a base that would be empty: the first "int" of 4 bytes with a sign, else
// the first INT that can be found by its name.
func (d *distiller) addInt() error {
	best := ID(0)
	for id := ID(1); id < d.t.firstID; id++ {
		if d.t.Kind(id) != KindInt {
			continue
		}
		r := d.t.Type(id)
		name := d.t.Str(r.Name)
		if enc, _, _ := r.Int(); string(name) == "int" && r.SizeOrType == 4 && enc == IntSigned {
			best = id
			break
		}
		if best == 0 && len(name) > 0 {
			best = id
		}
	}
	if best == 0 {
		return failAt(0, "nothing of the base is used, and it has no INT to keep the distilled base from being empty")
	}
	d.base = append(d.base, best)
	return nil
}

// number gives every type of the output its ID.
func (d *distiller) number() {
	next := ID(1)
	give := func(id ID) {
		d.ids[id] = next
		next++
	}
	for _, id := range d.base {
		give(id)
	}
	for id := d.t.firstID; int(id) < d.t.NumIDs(); id++ {
		give(id)
	}
	for _, id := range d.moved {
		give(id)
	}
}

// writeBase returns the types of the new base.
func (d *distiller) writeBase(strings *stringCopier) ([]byte, error) {
	types := make([]byte, 0, 16*len(d.base))
	for _, id := range d.base {
		r := d.t.Type(id)
		at := len(types)
		switch r.Kind {
		case KindInt, KindFloat, KindFwd:
			types = append(types, r.rec...)
		default:
			kind := r.Kind
			if kind == KindEnum64 {
				kind = KindEnum // what the kernel looks for, whatever the size
			}
			types = append(types, make([]byte, recordLen)...)
			PutRecord(types[at:], r.big, r.Name, kind, false, 0, r.SizeOrType)
		}
		if err := strings.rename(id, decodeType(types[at:], r.big)); err != nil {
			return nil, err
		}
	}
	return types, nil
}

// writeSplit returns the own types and those that moved.
func (d *distiller) writeSplit(strings *stringCopier) ([]byte, error) {
	size := uint64(len(d.t.types))
	for _, id := range d.moved {
		size += uint64(len(d.t.Type(id).rec))
	}
	if size > maxOffset {
		return nil, failAt(0, "types of %d bytes, the limit is %d", size, maxOffset)
	}
	types := make([]byte, 0, size)
	add := func(id ID) error {
		at := len(types)
		types = append(types, d.t.Type(id).rec...)
		r := decodeType(types[at:], d.t.big)
		r.mapIDs(d.ids)
		return strings.rename(id, r)
	}
	for id := d.t.firstID; int(id) < d.t.NumIDs(); id++ {
		if err := add(id); err != nil {
			return nil, err
		}
	}
	for _, id := range d.moved {
		if err := add(id); err != nil {
			return nil, err
		}
	}
	return types, nil
}

// stringCopier carries the strings of one blob over to the string section of another.
type stringCopier struct {
	from  *Table
	to    *StringTable
	known map[StrOff]StrOff // from old to new
}

// rename replaces each string offset of a record, which must be writable. id is the type's in the old
// blob, for errors.
func (s *stringCopier) rename(id ID, r Type) error {
	if err := s.put(id, r.rec, r.big); err != nil {
		return err
	}
	f := r.ElemNames()
	for i := range f.N {
		if err := s.put(id, r.rec[f.At(i):], r.big); err != nil {
			return err
		}
	}
	return nil
}

// put replaces the string offset at the start of b. Offsets into the middle of strings, of which there can
// be as many as bytes, do not make the output larger than what the kernel takes.
func (s *stringCopier) put(id ID, b []byte, big bool) error {
	old := StrOff(getU32(b, big))
	off, ok := s.known[old]
	if !ok {
		str := s.from.Str(old)
		if uint64(s.to.End())+uint64(len(str)) > maxKernelSID {
			return s.from.unitErr(id, "%v: strings of more than %d bytes", s.from.Kind(id), maxKernelSID+1)
		}
		off = s.to.Add(str)
		if s.known == nil {
			s.known = map[StrOff]StrOff{}
		}
		s.known[old] = off
	}
	PutU32(b, big, uint32(off))
	return nil
}
