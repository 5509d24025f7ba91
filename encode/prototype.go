// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"fmt"

	"github.com/btfgen/btfgen/internal/btf"
)

// differ tells whether two functions of one name have different prototypes, and how. Names of
// parameters do not count (encode.md 4.6).
func (s *selector) differ(a, b *btf.Func) (how string, yes bool) {
	s.steps = 0
	pa, ma := s.d.Class(a.Proto)
	pb, mb := s.d.Class(b.Proto)
	if len(ma) != len(mb) {
		return fmt.Sprintf(mismatchParamCount, len(ma), len(mb)), true
	}
	if !s.match(s.d.Target(a.Proto, pa.Ref), s.d.Target(b.Proto, pb.Ref), 0) {
		return mismatchReturn, true
	}
	for i := range ma {
		x, y := s.d.Target(a.Proto, ma[i].Ref), s.d.Target(b.Proto, mb[i].Ref)
		if !s.match(x, y, 0) {
			return fmt.Sprintf(mismatchParam, i+1, s.kindOf(x), s.kindOf(y)), true
		}
	}
	return "", false
}

// maxMatchSteps bounds the comparison of two prototypes: function types that take each other
// twice, ten levels deep, would need a thousand steps, and forty levels never end.
const maxMatchSteps = 1 << 16

func (s *selector) kindOf(id btf.ClassID) btf.Kind {
	r, _ := s.d.Class(id)
	return r.Kind
}

// match compares two types as far as it matters for a prototype: named ones by kind and
// name, others by structure, const dropped where only one side has it.
func (s *selector) match(a, b btf.ClassID, depth int) bool {
	for ; depth < 4*maxChain; depth++ {
		if a == b {
			return true
		}
		if s.steps++; s.steps > maxMatchSteps {
			return false
		}
		if a == 0 || b == 0 {
			return false
		}
		ra, ma := s.d.Class(a)
		rb, mb := s.d.Class(b)
		ka, kb := aggregateKind(&ra), aggregateKind(&rb)
		if ka != kb {
			switch {
			case ka == btf.KindConst:
				a = s.d.Target(a, ra.Ref)
			case kb == btf.KindConst:
				b = s.d.Target(b, rb.Ref)
			default:
				return false
			}
			continue
		}
		switch ka {
		case btf.KindInt:
			return ra.Size == rb.Size && ra.Aux == rb.Aux && ra.Name == rb.Name
		case btf.KindFloat:
			return ra.Size == rb.Size && ra.Name == rb.Name
		case btf.KindTypedef, btf.KindStruct, btf.KindUnion, btf.KindEnum, btf.KindEnum64:
			return ra.Name == rb.Name
		case btf.KindPtr, btf.KindVolatile, btf.KindConst, btf.KindRestrict, btf.KindTypeTag:
		case btf.KindArray:
			if ra.Size != rb.Size {
				return false
			}
		case btf.KindFuncProto:
			if len(ma) != len(mb) {
				return false
			}
			for i := range ma {
				if !s.match(s.d.Target(a, ma[i].Ref), s.d.Target(b, mb[i].Ref), depth+1) {
					return false
				}
			}
		default:
			return false
		}
		a, b = s.d.Target(a, ra.Ref), s.d.Target(b, rb.Ref)
	}
	return false
}

// aggregateKind is the kind, with forward declarations as what they declare.
func aggregateKind(r *btf.Record) btf.Kind {
	switch {
	case r.Kind == btf.KindFwd && r.Flags&btf.Kflag != 0:
		return btf.KindUnion
	case r.Kind == btf.KindFwd:
		return btf.KindStruct
	}
	return r.Kind
}
