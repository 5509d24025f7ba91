// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Annotations: __attribute__((btf_type_tag)) and btf_decl_tag. clang writes them as children of what
// they belong to (DW_TAG_LLVM_annotation), gcc as a chain of DIEs that DW_AT_GNU_annotation
// leads to (encode.md 3.11, 3.12).

package encode

import (
	"slices"

	"github.com/btfgen/btfgen/encode/internal/dwarf"
	"github.com/btfgen/btfgen/internal/btf"
)

// tagText reads the text of an annotation of the given name; ok is false for another one.
func (w *walker) tagText(u *dwarf.Unit, d *dwarf.DIE, kind string) (text btf.NameID, ok bool, err error) {
	v, _ := d.Get(dwarf.AttrName)
	b, err := w.bytesOf(u, d.At, &v)
	if err != nil || string(b) != kind {
		return 0, false, err
	}
	if text, err = w.nameOf(u, d, dwarf.AttrConstValue); err != nil {
		return 0, false, err
	}
	if text == 0 {
		w.warn(warnTag, u, d.At)
	}
	return text, text != 0, nil
}

// annotation reads a DW_TAG_LLVM_annotation inside of cur.
func (w *walker) annotation(u *dwarf.Unit, d *dwarf.DIE, cur *frame) error {
	if cur.kind == inPointer {
		if !w.opt.features.typeTag || w.out.Records[cur.rec].Kind != btf.KindPtr {
			return nil
		}
		text, ok, err := w.tagText(u, d, "btf_type_tag")
		if !ok {
			return err
		}
		ptr := &w.out.Records[cur.rec] // the tag written last comes first
		target := ptr.Ref
		ptr.Ref = uint32(d.At)
		w.add(d.At, btf.KindTypeTag, text, target, 0)
		return nil
	}
	if !w.opt.features.declTag {
		return nil
	}
	text, ok, err := w.tagText(u, d, "btf_decl_tag")
	if !ok {
		return err
	}
	comp := int32(-1)
	if cur.kind == inMember || cur.kind == inParam {
		comp = cur.comp
	}
	w.addDeclTag(d.At, text, cur.rec, comp)
	return nil
}

// addDeclTag adds a tag on the record target. What belongs to a function is emitted only with it.
func (w *walker) addDeclTag(at int, text btf.NameID, target uint32, comp int32) {
	t := &w.out.Records[target]
	place := t.Pos
	switch t.Kind {
	case btf.KindFuncProto: // of a function: the FUNC stands right before it
		if target == 0 || w.out.Records[target-1].Kind != btf.KindFunc {
			return
		}
		place = w.out.Records[target-1].Pos
	case btf.KindStruct, btf.KindUnion, btf.KindTypedef, btf.KindVar:
	default:
		return
	}
	rec := w.add(at, btf.KindDeclTag, text, place, 0)
	w.out.Records[rec].Aux = uint32(comp)
	if w.opt.Compat {
		w.tagged = append(w.tagged, rec)
	}
}

// gnuTypeTags puts the type tags of a gcc pointer between it and what it points to. The
// chain is in order: its first tag is next to the pointer.
func (w *walker) gnuTypeTags(u *dwarf.Unit, d *dwarf.DIE, f *fields) error {
	if !w.opt.features.typeTag {
		return nil
	}
	end := d.Next
	texts, err := w.gnuChain(u, d, "btf_type_tag", nil)
	if err != nil {
		return err
	}
	if len(texts) == 0 {
		return nil
	}
	if d.At+len(texts) >= end { // the records' places are the bytes of the DIE
		w.warn(warnTag, u, d.At)
		return nil
	}
	w.add(d.At, btf.KindPtr, 0, uint32(d.At+1), 0)
	for i, text := range texts {
		next := uint32(d.At + i + 2)
		if i == len(texts)-1 {
			next = f.typ
		}
		w.add(d.At+i+1, btf.KindTypeTag, text, next, 0)
	}
	w.act = actNone
	return nil
}

// gnuChain appends the texts of the chain of annotations of one kind that a DIE leads to. The
// chain ends for type tags at the first annotation of another kind.
func (w *walker) gnuChain(u *dwarf.Unit, d *dwarf.DIE, kind string, texts []btf.NameID) ([]btf.NameID, error) {
	at, ok := d.Ref(dwarf.AttrGNUAnnotation)
	for n := 0; ok && n < maxChain; n++ {
		au := w.unitAt(at)
		if au == nil {
			w.warn(warnRef, u, d.At)
			break
		}
		if err := au.ReadDIE(at, &w.die2); err != nil {
			return nil, err
		}
		text, is, err := w.tagText(au, &w.die2, kind)
		if err != nil {
			return nil, err
		}
		if is {
			texts = append(texts, text)
		} else if kind == "btf_type_tag" {
			break
		}
		at, ok = w.die2.Ref(dwarf.AttrGNUAnnotation)
	}
	return texts, nil
}

// tagsOf appends the texts of the decl tags of the DIE at index at, on which the one at hand builds: a
// declaration that is not a record itself (encode.md 7.1, 12). Those that are there already are left out.
func (w *walker) tagsOf(at int) error {
	u := w.unitAt(at)
	if u == nil || !w.opt.features.declTag {
		return nil
	}
	d := &w.die3
	if err := u.ReadDIE(at, d); err != nil || d.Abbrev == nil {
		return err
	}
	texts, err := w.gnuChain(u, d, "btf_decl_tag", nil)
	if err != nil {
		return err
	}
	for p, depth := d.Next, 0; d.Abbrev.Children && p < u.End && w.detour(); p = w.die2.Next {
		c := &w.die2
		if err := u.ReadDIE(p, c); err != nil {
			return err
		}
		if c.Abbrev == nil {
			if depth--; depth < 0 {
				break
			}
			continue
		}
		if depth == 0 && c.Abbrev.Act == actAnnotation {
			text, ok, err := w.tagText(u, c, "btf_decl_tag")
			if err != nil {
				return err
			}
			if ok {
				texts = append(texts, text)
			}
		}
		if c.Abbrev.Children {
			depth++
		}
	}
	for _, t := range texts {
		if !slices.Contains(w.tags, t) {
			w.tags = append(w.tags, t)
		}
	}
	return nil
}

// gnuDeclTags adds the tags that slow found on the DIE at index at, whose values end at end; cur is
// what it stands in, child what its children will stand in.
func (w *walker) gnuDeclTags(u *dwarf.Unit, at, end int, cur, child *frame) {
	target, comp := child.rec, int32(-1)
	place := at + 1
	if w.opt.Compat && (child.kind == inTypedef || child.kind == inStruct && w.out.Records[target].Kind == btf.KindUnion) {
		w.tags = w.tags[:0]
		return
	}
	switch child.kind {
	case inMember, inParam:
		target, comp, place = cur.rec, child.comp, at
	case inProto, inFunction:
		place = at + 2
	}
	for _, text := range w.tags {
		if place >= end {
			w.warn(warnTag, u, at)
			break
		}
		w.addDeclTag(place, text, target, comp)
		place++
	}
	w.tags = w.tags[:0]
}
