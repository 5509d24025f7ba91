// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"github.com/btfgen/btfgen/encode/internal/dwarf"
	"github.com/btfgen/btfgen/internal/btf"
)

// slow reads a DIE with attributes that the plan does not place. It fills f, leaves in w.act
// what the walk is to do with it, and returns the index behind the DIE.
func (w *walker) slow(u *dwarf.Unit, at int, act uint8, cur *frame, f *fields) (next int, err error) {
	d := &w.die
	if err := u.ReadDIE(at, d); err != nil {
		return 0, err
	}
	next = d.Next
	w.act = act
	if act != actPointer && w.opt.features.declTag && d.Has(dwarf.AttrGNUAnnotation) {
		if w.tags, err = w.gnuChain(u, d, "btf_decl_tag", w.tags[:0]); err != nil {
			return 0, err
		}
	}
	switch act {
	case actSubprogram:
		return next, w.concrete(u, d)
	case actParam:
		return next, w.slowParam(u, d, cur, f)
	case actVariable:
		w.act = actNone
		w.child = frame{kind: inVariable}
		return next, w.variable(u, d)
	case actAnnotation:
		w.act = actNone
		return next, w.annotation(u, d, cur)
	case actImportedUnit: // what it imports is read with the unit that holds it
		w.act = actNone
		return next, nil
	}
	if f.name, err = w.nameOf(u, d, dwarf.AttrName); err != nil {
		return 0, err
	}
	if f.typ, err = w.typeOf(u, d, dwarf.AttrType); err != nil {
		return 0, err
	}
	switch act {
	case actMember:
		w.slowMember(u, d, f)
		return next, nil
	case actEnumerator:
		v, ok := d.Const(dwarf.AttrConstValue)
		if !ok {
			w.warn(warnEnum, u, at)
		}
		f.size = v
		return next, nil
	case actSubrange:
		if cur.kind == inArray {
			w.slowDimension(u, d, cur, f)
			w.act = actNone
		}
		return next, nil
	case actBase:
		f.more, _ = d.Const(dwarf.AttrEncoding)
	case actStruct, actUnion, actEnum:
		if err := w.slowComposite(u, d, f); err != nil {
			return 0, err
		}
	}
	if n, ok := d.Const(dwarf.AttrByteSize); ok {
		f.size = n
	}
	if act == actPointer && d.Has(dwarf.AttrGNUAnnotation) {
		return next, w.gnuTypeTags(u, d, f)
	}
	return next, nil
}

// slowComposite fills in what a struct, union or enum has from elsewhere: its name from the declaration
// it completes, or all from a type unit (DWARF 4, 5.5.7).
func (w *walker) slowComposite(u *dwarf.Unit, d *dwarf.DIE, f *fields) error {
	if d.Flag(dwarf.AttrDeclaration) {
		f.more = 1
	}
	if v, ok := d.Get(dwarf.AttrSignature); ok && v.Form == dwarf.FormRefSig8 {
		to, err := w.typeOf(u, d, dwarf.AttrSignature)
		if err != nil {
			return err
		}
		if to != 0 {
			w.alias(d.At, to)
			w.act = actNone
			return nil
		}
	}
	if f.name != 0 {
		return nil
	}
	if at, ok := d.Ref(dwarf.AttrSpecification); ok {
		su := w.unitAt(at)
		if su == nil || su.ReadDIE(at, &w.die2) != nil {
			w.warn(warnRef, u, d.At)
			return nil
		}
		var err error
		f.name, err = w.nameOf(su, &w.die2, dwarf.AttrName)
		return err
	}
	return nil
}

// slowMember places a member by what DWARF 2 to 4 say of it (encode.md 3.7).
func (w *walker) slowMember(u *dwarf.Unit, d *dwarf.DIE, f *fields) {
	loc, located := d.Get(dwarf.AttrDataMemberLoc)
	bits, isBits := d.Const(dwarf.AttrDataBitOffset)
	if !located && !isBits && (d.Flag(dwarf.AttrExternal) || d.Flag(dwarf.AttrDeclaration)) {
		w.act = actInheritance // a static member: it only counts (encode.md 7.1, 9)
		return
	}
	switch {
	case !located:
	case loc.IsBlock():
		f.size = w.memberOffset(u, d, loc.B)
	case loc.IsConst():
		f.size = loc.U
	}
	f.more, _ = d.Const(dwarf.AttrBitSize)
	f.bits = bits
	old, ok := d.Const(dwarf.AttrBitOffset)
	if !ok || isBits || f.more == 0 {
		return
	}
	storage, ok := d.Const(dwarf.AttrByteSize)
	if !ok {
		storage = w.storageSize(f.typ)
	}
	off := int64(old)
	if !w.in.big {
		off = int64(8*storage) - int64(old) - int64(f.more)
	}
	if off < 0 {
		off += int64(8 * storage)
		f.size -= storage
	}
	f.bits = 8*f.size + uint64(off)
	if f.bits == 0 {
		f.size = 0
	}
}

// memberOffset evaluates the one form of location that compilers write for members.
func (w *walker) memberOffset(u *dwarf.Unit, d *dwarf.DIE, expr []byte) uint64 {
	const opConstu, opPlusUconst = 0x10, 0x23
	if len(expr) > 1 && (expr[0] == opPlusUconst || expr[0] == opConstu) {
		if v, next := dwarf.Uleb(expr, 1, len(expr)); next > 0 {
			return v
		}
	}
	return ^uint64(0) >> 4 // left out as misplaced
}

// storageSize is the size of the type at a place, through typedefs and qualifiers, in bytes.
func (w *walker) storageSize(place uint32) uint64 {
	for range maxChain {
		u := w.unitAt(int(place))
		if place == 0 || u == nil || u.ReadDIE(int(place), &w.die2) != nil || w.die2.Abbrev == nil {
			return 0
		}
		if n, ok := w.die2.Const(dwarf.AttrByteSize); ok {
			return n
		}
		at, ok := w.die2.Ref(dwarf.AttrType)
		if !ok {
			return 0
		}
		place = uint32(at)
	}
	return 0
}

// maxChain bounds how many DIEs a chain of references between them may have.
const maxChain = 64

// slowDimension adds a dimension whose bound is not simply a constant: an upper bound that is a
// variable counts as none, and then the count does not matter either (encode.md 3.9).
func (w *walker) slowDimension(u *dwarf.Unit, d *dwarf.DIE, cur *frame, f *fields) {
	n := uint32(0)
	if v, ok := d.Get(dwarf.AttrUpperBound); ok {
		if v.IsConst() {
			n = uint32(v.U) + 1
		}
	} else if v, ok := d.Get(dwarf.AttrCount); ok && v.IsConst() {
		n = uint32(v.U)
	}
	w.addDimension(cur, d.At, n)
}

// declare adds a forward declaration.
func (w *walker) declare(u *dwarf.Unit, at int, kind btf.Kind, f *fields) {
	if f.name == 0 {
		w.warn(warnNameless, u, at)
		return
	}
	i := w.add(at, btf.KindFwd, f.name, 0, 0)
	if kind == btf.KindUnion {
		w.out.Records[i].Flags = btf.Kflag
	}
}

// opaque adds a type of which only the size can be said (encode.md 3.16).
func (w *walker) opaque(at int, size uint64) {
	if size == 0 || size > 1<<31 {
		w.alias(at, 0)
		return
	}
	w.add(at, btf.KindStruct, 0, 0, uint32(size))
}

// base adds a base type (encode.md 3.4).
func (w *walker) base(u *dwarf.Unit, at int, f *fields) {
	r := btf.Record{Kind: btf.KindInt, Name: f.name, Size: uint32(min(f.size, 0xffffffff))}
	switch f.more {
	case dwarf.EncSigned, dwarf.EncSignedChar:
		r.Aux = uint32(btf.IntSigned)
	case dwarf.EncBoolean:
		r.Aux = uint32(btf.IntBool)
	case dwarf.EncFloat:
		if !w.opt.features.float {
			break
		}
		switch f.size {
		case 2, 4, 8, 12, 16:
			r.Kind = btf.KindFloat
		default:
			w.warn(warnOpaque, u, at)
			w.opaque(at, f.size)
			return
		}
	case dwarf.EncComplexFloat, dwarf.EncImaginaryFloat:
		if w.opt.features.float {
			w.warn(warnOpaque, u, at)
			w.opaque(at, f.size)
			return
		}
	}
	if r.Kind == btf.KindInt && (r.Size == 0 || r.Size&(r.Size-1) != 0 || r.Size > 16) {
		r.Name, r.Size = w.in.names.intern([]byte("__SANITIZED_FAKE_INT__")), 4
	}
	if r.Name == 0 {
		w.warn(warnNameless, u, at)
		w.opaque(at, f.size)
		return
	}
	i := w.add(at, r.Kind, r.Name, 0, r.Size)
	w.out.Records[i].Aux = r.Aux
	if w.intRec == 0 && r.Kind == btf.KindInt && w.isInt(r.Name) {
		w.intRec = i
	}
}

// isInt tells whether a name is "int".
func (w *walker) isInt(id btf.NameID) bool {
	if id == nameInt {
		return true
	}
	if b, ok := id.Inline(nil); ok || b != nil {
		return false
	}
	return string(w.in.names.Name(id)) == "int"
}

var nameInt = btf.InlineName([]byte("int"))

// closeEnum finishes an enum (encode.md 3.8).
func (w *walker) closeEnum(cur *frame) {
	r := &w.out.Records[cur.rec]
	values := w.out.Members[cur.first : cur.first+cur.count]
	place := w.out.Base + uint64(r.Pos)
	typ := r.Ref
	r.Ref = 0
	if r.Size != 1 && r.Size != 2 && r.Size != 4 && r.Size != 8 {
		w.warnAt(warnEnum, place)
		r.Size = 4
	}
	switch {
	case !w.opt.features.enum64:
		for i := range values {
			values[i].B = 0
		}
	case r.Size > 4:
		r.Kind = btf.KindEnum64
		if w.signed(typ) {
			r.Flags |= btf.Kflag
		}
	default:
		if cur.flags&frameNegative != 0 {
			r.Flags |= btf.Kflag
		}
		kept := values[:0]
		for _, v := range values {
			if v.B == 0 || v.B == 0xffffffff && int32(v.A) < 0 {
				v.B = 0 // 32 bits are the value, whatever its form; a base has no more either
				kept = append(kept, v)
			} else {
				w.warnAt(warnEnum, place)
			}
		}
		values = kept
	}
	r.First, r.Count = cur.first, uint32(len(values))
}

// signed tells whether the type at a place is itself a signed base type.
func (w *walker) signed(place uint32) bool {
	u := w.unitAt(int(place))
	if place == 0 || u == nil || u.ReadDIE(int(place), &w.die2) != nil {
		return false
	}
	enc, _ := w.die2.Const(dwarf.AttrEncoding)
	return enc == dwarf.EncSigned || enc == dwarf.EncSignedChar
}
