// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"fmt"
)

// RelocateMode says how Relocate finds the types of a distilled base in its target.
type RelocateMode uint8

const (
	// RelocateKernel decides as the kernel and libbpf do, errors included: what it accepts, a kernel
	// loads, and with the same types (tools/lib/bpf/btf_relocate.c, which both compile).
	RelocateKernel RelocateMode = iota

	// RelocateStrict decides by what C says: a struct is no enum, whether a forward declaration is of a
	// union stands in its own flag, a definition wins over a forward declaration, equal types are no
	// ambiguity.
	RelocateStrict
)

// Relocated is a blob that was put onto another base.
type Relocated struct {
	Split   []byte  // split against the target
	IDs     []ID    // by ID in the distilled numbering, of the base or own: the ID in the new one
	Matches []Match // one for each type of the distilled base, in its order
}

// Match says what became of one type of a distilled base.
type Match struct {
	ID         ID     // in the distilled base
	Target     ID     // the type that takes its place; 0: there is none
	Candidates []ID   // types of the target that have its name, ascending
	Text       string // why there is none, or a doubt about the one there is; empty if all is well
}

// RelocateError says that types of a distilled base have no place in the target.
type RelocateError struct {
	Matches []Match // one for each type of the distilled base; in some of them Target is 0
}

// Error gives the first reason, and the number of others.
func (e *RelocateError) Error() string {
	text, more := "", 0
	for _, m := range e.Matches {
		switch {
		case m.Target != 0:
		case text == "":
			text = m.Text
		default:
			more++
		}
	}
	if more > 0 {
		text = fmt.Sprintf("%s (and %d more)", text, more)
	}
	return text
}

// Relocate puts a blob that is split against a distilled base onto target, the full base it is to be used
// with and may be a chain. Own types keep their order; those that distilling had moved stay, as duplicates of
// the target's.
//
//  1. Check that the base is a distilled one.
//  2. Mark the types of the base whose size own types rely on.
//  3. Find in the target, read once, all types that have the name of a type of the base.
//  4. Decide for each type of the base which of these it is.
//  5. Map IDs and string offsets.
//
// The error is a *RelocateError if types have no match, else a *FormatError: the blob is not split against a
// distilled base, the target has another byte order, a kind is unknown, a string of the base is no type's name
// (RelocateStrict copies it). The inputs are never changed. Header length and layout section are those of split.
func Relocate(split, target *Table, mode RelocateMode) (*Relocated, error) {
	base := split.base
	switch {
	case base == nil:
		return nil, failAt(0, "blob is not split, it has no base to relocate from")
	case base.base != nil:
		return nil, failAt(0, "base is split itself: it is no distilled base")
	case target == nil || target == base:
		return nil, failAt(0, "no target other than the base the blob is on")
	case target.big != split.big:
		return nil, failAt(0, "byte order is %s, that of the target is %s", orderName(split.big), orderName(target.big))
	}
	if err := checkDistilled(base); err != nil {
		return nil, err
	}
	if err := split.needKnown(); err != nil {
		return nil, err
	}
	uses, err := findUses(split)
	if err != nil {
		return nil, err
	}
	m := newMatcher(base, target, uses)
	if err := m.collect(); err != nil {
		return nil, err
	}
	matches, ok := m.decide(mode)
	if !ok {
		return nil, &RelocateError{matches}
	}
	r := relocator{split: split, target: target, matches: matches, mode: mode}
	blob, err := r.write()
	if err != nil {
		return nil, err
	}
	return &Relocated{blob, r.ids, matches}, nil
}

// checkDistilled makes sure that every type of a base can be looked for (btf_relocate.c:
// btf_relocate_validate_distilled_base).
func checkDistilled(base *Table) error {
	for id := ID(1); int(id) < base.NumIDs(); id++ {
		r := base.Type(id)
		switch r.Kind {
		case KindInt, KindFloat, KindEnum, KindStruct, KindUnion, KindFwd:
		default:
			return base.ownErr(id, "a distilled base holds no %v", r.Kind)
		}
		if len(base.Str(r.Name)) == 0 {
			return base.ownErr(id, "a type of a distilled base needs a name")
		}
	}
	return nil
}

// usage tells how own types use a type of the base.
type usage uint8

const (
	embedded usage = 1 << iota // a member, or the element of a member, is of this type
	byValue                    // a parameter, a result or a variable is
)

// findUses returns for each STRUCT and UNION of the base whether own types contain it. The kernel
// looks at embedded ones only (btf_relocate.c: btf_mark_embedded_composite_type_ids).
func findUses(split *Table) ([]usage, error) {
	uses := make([]usage, split.firstID)
	for id := split.firstID; int(id) < split.NumIDs(); id++ {
		r := split.Type(id)
		use := embedded
		switch r.Kind {
		case KindStruct, KindUnion:
		case KindFuncProto, KindVar:
			use = byValue
		default:
			continue
		}
		f := r.IDs()
		for i := range f.N {
			ref, ok := contained(split, ID(r.U32(f.At(i))))
			if !ok {
				return nil, split.ownErr(id, "refers to more than %d modifiers and arrays in a row", maxContained)
			}
			if ref < split.firstID {
				uses[ref] |= use
			}
		}
	}
	return uses, nil
}

// maxContained bounds the way through modifiers and arrays. The kernel takes maxKernelChain modifiers in a
// row; an array may come between two.
const maxContained = 256

// contained returns the STRUCT or UNION that a value of type id holds, 0 for none; ok is
// false if there are too many modifiers to tell, a cycle of them for one.
func contained(t *Table, id ID) (composite ID, ok bool) {
	for range maxContained {
		r := t.Type(id)
		switch {
		case r.IsModifier():
			id = r.Ref()
		case r.Kind == KindArray:
			id, _, _ = r.Array()
		case r.Kind == KindStruct || r.Kind == KindUnion:
			return id, true
		default:
			return 0, true
		}
	}
	return 0, false
}

// relocator rewrites a blob whose base is matched.
type relocator struct {
	split, target *Table
	matches       []Match
	mode          RelocateMode

	ids   []ID     // by old ID
	names []StrOff // by string offset in the distilled base: the offset in the output, 0 if there is none
	strs  []byte   // own strings
}

// write returns the blob on its new base.
func (r *relocator) write() ([]byte, error) {
	s := r.split
	r.ids = make([]ID, s.NumIDs())
	r.names = make([]StrOff, len(s.base.strs))
	for _, m := range r.matches {
		r.ids[m.ID] = m.Target
		r.names[s.base.Type(m.ID).Name] = r.target.Type(m.Target).Name
	}
	for id := s.firstID; int(id) < s.NumIDs(); id++ {
		r.ids[id] = id - s.firstID + ID(r.target.NumIDs())
	}
	// Beyond this point no ID changes.
	r.strs = s.strs[:len(s.strs):len(s.strs)]
	types := bytes.Clone(s.types)
	for i, at := range s.offs {
		id := s.firstID + ID(i)
		rec := decodeType(types[at:int(at)+len(s.Type(id).rec)], s.big)
		rec.mapIDs(r.ids)
		if err := r.rename(id, rec.rec); err != nil {
			return nil, err
		}
		f := rec.ElemNames()
		for j := range f.N {
			if err := r.rename(id, rec.rec[f.At(j):]); err != nil {
				return nil, err
			}
		}
	}
	if end := uint64(r.target.StrEnd()) + uint64(len(r.strs)); end > maxOffset {
		return nil, failAt(20, "strings end at offset %#x on the target, the limit is %#x", end, uint64(maxOffset))
	}
	return s.with(types, r.strs), nil
}

// rename replaces the string offset at the start of b, in the type id.
func (r *relocator) rename(id ID, b []byte) error {
	s := r.split
	off := StrOff(getU32(b, s.big))
	switch {
	case off >= s.strBase:
		off = off - s.strBase + r.target.StrEnd()
	case off != 0:
		if r.names[off] == 0 {
			if err := r.carry(id, off); err != nil {
				return err
			}
		}
		off = r.names[off]
	}
	PutU32(b, s.big, uint32(off))
	return nil
}

// carry makes an own string of one that the distilled base has, but not as the name of a type: distilling
// leaves no such string, so the kernel does not look for it.
func (r *relocator) carry(id ID, off StrOff) error {
	str := r.split.base.Str(off)
	if r.mode == RelocateKernel {
		return r.split.ownErr(id, "the string %q is in the distilled base, but is not the name of a type there", str[:min(len(str), maxKernelName)])
	}
	if len(r.strs)+len(str) > maxKernelSID {
		return r.split.ownErr(id, "strings of more than %d bytes", maxKernelSID+1)
	}
	r.names[off] = r.target.StrEnd() + StrOff(len(r.strs))
	r.strs = append(append(r.strs, str...), 0)
	return nil
}
