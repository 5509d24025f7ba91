// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfcheck

import (
	"cmp"
	"fmt"
	"slices"

	ebpf "github.com/cilium/ebpf/btf"

	"github.com/btfgen/btfgen/internal/btf"
)

// seen is a type as the independent reader has it, to be held against the record.
type seen struct {
	kind  btf.Kind
	name  string
	size  uint32
	word  uint32 // what stands in the record for neither of these: nelems, linkage, encoding
	refs  []ebpf.Type
	elems []elem
	tags  []tag
}

// tag is a DECL_TAG, which the independent reader shows at its target only.
type tag struct {
	component int32
	text      string
}

type elem struct {
	name     string
	value    uint64 // offset in bits of a member, value of an enum
	bitfield uint32
}

// compare holds the own types of both readings against each other.
func compare(t *btf.Table, spec *ebpf.Spec, c *Checker) error {
	tags := ownTags(t)
	for id := t.FirstID(); int(id) < t.NumIDs(); id++ {
		typ, err := spec.TypeByID(ebpf.TypeID(id))
		if err != nil {
			return fmt.Errorf("independent reader: type %d: %w", id, err)
		}
		got := view(typ)
		if err := compareType(t, id, got, spec, c); err != nil {
			return fmt.Errorf("type %d: %w", id, err)
		}
		if want := tags[id]; !slices.Equal(got.tags, want) {
			return fmt.Errorf("type %d: tags are %+v, independent reader: %+v", id, want, got.tags)
		}
	}
	if _, err := spec.TypeByID(ebpf.TypeID(t.NumIDs())); err == nil {
		return fmt.Errorf("independent reader: has more than %d types", t.NumIDs()-1)
	}
	return nil
}

// ownTags lists the DECL_TAGs by target, those of a whole type first.
func ownTags(t *btf.Table) map[btf.ID][]tag {
	tags := map[btf.ID][]tag{}
	for id := t.FirstID(); int(id) < t.NumIDs(); id++ {
		if r := t.Type(id); r.Kind == btf.KindDeclTag {
			tags[r.Ref()] = append(tags[r.Ref()], tag{r.ComponentIdx(), string(t.Str(r.Name))})
		}
	}
	for _, list := range tags {
		slices.SortStableFunc(list, func(a, b tag) int { return cmp.Compare(a.component, b.component) })
	}
	return tags
}

func compareType(t *btf.Table, id btf.ID, got seen, spec *ebpf.Spec, c *Checker) error {
	r := t.Type(id)
	kind := r.Kind
	if kind == btf.KindEnum64 {
		kind = btf.KindEnum
	}
	if got.kind != kind {
		return fmt.Errorf("kind is %v, independent reader: %v", r.Kind, got.kind)
	}
	if kind == btf.KindDeclTag {
		return nil // see ownTags
	}
	if want := string(t.Str(r.Name)); got.name != want {
		return fmt.Errorf("name is %q, independent reader: %q", want, got.name)
	}
	if size, word := sizeAndWord(r); got.size != size || got.word != word {
		return fmt.Errorf("size and detail are %d, %d, independent reader: %d, %d", size, word, got.size, got.word)
	}
	names := r.ElemNames()
	if names.N != len(got.elems) {
		return fmt.Errorf("%d elements, independent reader: %d", names.N, len(got.elems))
	}
	for i, g := range got.elems {
		want := elem{name: string(t.Str(btf.StrOff(r.U32(names.At(i)))))}
		switch kind {
		case btf.KindStruct, btf.KindUnion:
			_, typ, off, bits := r.Member(i)
			want.value, want.bitfield = uint64(off), bits
			if bits == 0 && isBitfield(t, typ) {
				continue // it makes a bitfield of the old style look like one of the new
			}
		case btf.KindEnum:
			_, want.value = r.EnumValue(i)
		}
		if g != want {
			return fmt.Errorf("element %d is %+v, independent reader: %+v", i, want, g)
		}
	}
	return compareRefs(r, got.refs, spec, c)
}

func compareRefs(r btf.Type, refs []ebpf.Type, spec *ebpf.Spec, c *Checker) error {
	ids := r.IDs()
	if r.Kind == btf.KindFwd {
		return nil // it has the field, but refers to nothing
	}
	if ids.N != len(refs) {
		return fmt.Errorf("%d references, independent reader: %d", ids.N, len(refs))
	}
	for i, ref := range refs {
		id, err := spec.TypeID(ref)
		if err != nil && c.spec != nil {
			id, err = c.spec.TypeID(ref)
		}
		if err != nil {
			return fmt.Errorf("reference %d: independent reader: %w", i, err)
		}
		if want := r.U32(ids.At(i)); uint32(id) != want {
			return fmt.Errorf("reference %d is to type %d, independent reader: %d", i, want, id)
		}
	}
	return nil
}

// isBitfield tells whether an INT has fewer bits than its bytes.
func isBitfield(t *btf.Table, id btf.ID) bool {
	r := t.Type(id)
	if r.Kind != btf.KindInt {
		return false
	}
	_, off, bits := r.Int()
	return off != 0 || uint32(bits) != 8*r.SizeOrType
}

// sizeAndWord returns what seen has under these names.
func sizeAndWord(r btf.Type) (size, word uint32) {
	switch r.Kind {
	case btf.KindInt:
		enc, _, _ := r.Int()
		return r.SizeOrType, uint32(enc)
	case btf.KindStruct, btf.KindUnion, btf.KindFloat:
		return r.SizeOrType, 0
	case btf.KindEnum, btf.KindEnum64:
		return r.SizeOrType, flag(r.Kflag)
	case btf.KindDatasec:
		return r.SizeOrType, secVars(int(r.Vlen), func(i int) (off, size uint32) {
			_, off, size = r.SecVar(i)
			return off, size
		})
	case btf.KindArray:
		_, _, n := r.Array()
		return 0, n
	case btf.KindFwd:
		return 0, flag(r.Kflag)
	case btf.KindFunc:
		return 0, r.Vlen
	case btf.KindVar:
		return 0, r.VarLinkage()
	}
	return 0, 0
}

func flag(set bool) uint32 {
	if set {
		return 1
	}
	return 0
}

// secVars sums up offsets and sizes of a DATASEC, in order (FNV-1a).
func secVars(n int, entry func(i int) (off, size uint32)) uint32 {
	h := uint32(2166136261)
	for i := range n {
		off, size := entry(i)
		h = (h ^ off) * 16777619
		h = (h ^ size) * 16777619
	}
	return h
}

// view takes a type of the independent reader apart.
func view(typ ebpf.Type) seen {
	s := seen{name: typ.TypeName()}
	switch v := typ.(type) {
	case *ebpf.Int:
		s.kind, s.size, s.word = btf.KindInt, v.Size, uint32(v.Encoding)
	case *ebpf.Pointer:
		s.kind, s.refs = btf.KindPtr, []ebpf.Type{v.Target}
	case *ebpf.Array:
		s.kind, s.word, s.refs = btf.KindArray, v.Nelems, []ebpf.Type{v.Type, v.Index}
	case *ebpf.Struct:
		s.kind, s.size = btf.KindStruct, v.Size
		s.members(v.Members, v.Tags)
	case *ebpf.Union:
		s.kind, s.size = btf.KindUnion, v.Size
		s.members(v.Members, v.Tags)
	case *ebpf.Enum:
		s.kind, s.size, s.word = btf.KindEnum, v.Size, flag(v.Signed)
		for _, x := range v.Values {
			s.elems = append(s.elems, elem{name: x.Name, value: x.Value})
		}
	case *ebpf.Fwd:
		s.kind, s.word = btf.KindFwd, uint32(v.Kind)
	case *ebpf.Typedef:
		s.kind, s.refs = btf.KindTypedef, []ebpf.Type{v.Type}
		s.addTags(-1, v.Tags)
	case *ebpf.Volatile:
		s.kind, s.refs = btf.KindVolatile, []ebpf.Type{v.Type}
	case *ebpf.Const:
		s.kind, s.refs = btf.KindConst, []ebpf.Type{v.Type}
	case *ebpf.Restrict:
		s.kind, s.refs = btf.KindRestrict, []ebpf.Type{v.Type}
	case *ebpf.Func:
		s.kind, s.word, s.refs = btf.KindFunc, uint32(v.Linkage), []ebpf.Type{v.Type}
		s.addTags(-1, v.Tags)
		for i, tags := range v.ParamTags {
			s.addTags(i, tags)
		}
	case *ebpf.FuncProto:
		s.kind, s.refs = btf.KindFuncProto, []ebpf.Type{v.Return}
		for _, p := range v.Params {
			s.refs = append(s.refs, p.Type)
			s.elems = append(s.elems, elem{name: p.Name})
		}
	case *ebpf.Var:
		s.kind, s.word, s.refs = btf.KindVar, uint32(v.Linkage), []ebpf.Type{v.Type}
		s.addTags(-1, v.Tags)
	case *ebpf.Datasec:
		s.kind, s.size = btf.KindDatasec, v.Size
		for _, x := range v.Vars {
			s.refs = append(s.refs, x.Type)
		}
		s.word = secVars(len(v.Vars), func(i int) (off, size uint32) { return v.Vars[i].Offset, v.Vars[i].Size })
	case *ebpf.Float:
		s.kind, s.size = btf.KindFloat, v.Size
	case *ebpf.TypeTag:
		s.kind, s.name, s.refs = btf.KindTypeTag, v.Value, []ebpf.Type{v.Type}
	default: // its type for them is not exported
		s.kind = btf.KindDeclTag
	}
	return s
}

func (s *seen) members(list []ebpf.Member, tags []string) {
	s.addTags(-1, tags)
	for i, m := range list {
		s.refs = append(s.refs, m.Type)
		s.elems = append(s.elems, elem{m.Name, uint64(m.Offset), uint32(m.BitfieldSize)})
		s.addTags(i, m.Tags)
	}
}

func (s *seen) addTags(component int, texts []string) {
	for _, text := range texts {
		s.tags = append(s.tags, tag{int32(component), text})
	}
}
