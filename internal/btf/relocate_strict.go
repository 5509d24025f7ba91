// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

// strict decides by the meaning of the types.
func (m *matcher) strict(w *want) verdict {
	if len(w.found) == 0 {
		return verdict{doubt: noName}
	}
	switch w.Kind {
	case KindStruct, KindUnion:
		return m.strictComposite(w)
	case KindFwd:
		return m.strictFwd(w)
	}
	return m.only(w, func(c *candidate) bool {
		if c.SizeOrType != w.SizeOrType {
			return false
		}
		switch w.Kind {
		case KindInt:
			return c.Kind == KindInt && sameEncoding(w.Type, c.Type)
		case KindEnum:
			return c.Kind == KindEnum || c.Kind == KindEnum64
		}
		return c.Kind == w.Kind
	})
}

// strictComposite looks for a definition of the same size, then for the only one there is, then for a
// forward declaration; the last two only if no own type contains the type.
func (m *matcher) strictComposite(w *want) verdict {
	v := m.only(w, func(c *candidate) bool { return c.Kind == w.Kind && c.SizeOrType == w.SizeOrType })
	if v.doubt != noFit || w.uses&embedded != 0 {
		return v
	}
	v = m.only(w, func(c *candidate) bool { return c.Kind == w.Kind })
	if v.doubt != noFit {
		return v
	}
	return m.only(w, func(c *candidate) bool { return c.Kind == KindFwd && isUnion(c.Type) == isUnion(w.Type) })
}

// strictFwd looks for the definition, and for a forward declaration where there is none or several.
func (m *matcher) strictFwd(w *want) verdict {
	def := m.only(w, func(c *candidate) bool { return c.Kind == w.definition() })
	if def.target != 0 {
		return def
	}
	fwd := m.only(w, func(c *candidate) bool { return c.Kind == KindFwd && c.Kflag == w.Kflag })
	if fwd.target != 0 || def.doubt == noFit {
		return fwd
	}
	return def
}

// only returns the candidate that fits, the lowest if several fit that are all the same.
func (m *matcher) only(w *want, fits func(*candidate) bool) verdict {
	var first *candidate
	for i := range w.found {
		c := &w.found[i]
		switch {
		case !fits(c):
		case first == nil:
			first = c
		case !m.same.types(first.id, c.id):
			return verdict{doubt: ambiguous, other: c.id}
		}
	}
	if first == nil {
		return verdict{doubt: noFit}
	}
	return verdict{target: first.id, doubt: w.doubtOf(first)}
}

// sameness tells types of one table apart by their structure.
type sameness struct {
	t    *Table
	left int // words of records that may still be compared
	seen map[pair]struct{}
	todo []pair
}

type pair struct{ a, b ID }

// types tells whether two types are the same in all that can be reached from them. Names are compared
// by offset, as a string section holds a string once. Two types that refer to themselves are the same if nothing tells
// them apart. When the work runs out the answer is no.
func (s *sameness) types(a, b ID) bool {
	s.seen = map[pair]struct{}{}
	s.todo = append(s.todo[:0], pair{a, b})
	for len(s.todo) > 0 {
		p := s.todo[len(s.todo)-1]
		s.todo = s.todo[:len(s.todo)-1]
		if _, ok := s.seen[p]; ok || p.a == p.b {
			continue
		}
		s.seen[p] = struct{}{}
		if !s.records(s.t.Type(p.a), s.t.Type(p.b)) {
			return false
		}
	}
	return true
}

// records compares two records, and leaves the types they refer to for later.
func (s *sameness) records(a, b Type) bool {
	if len(a.rec) != len(b.rec) || a.Kind != b.Kind || !a.Kind.Known() {
		return false
	}
	if s.left -= len(a.rec) / 4; s.left < 0 {
		return false
	}
	f, next := a.IDs(), 0
	for off := 0; off < len(a.rec); off += 4 {
		x, y := a.U32(off), b.U32(off)
		switch {
		case next < f.N && off == f.At(next):
			next++
			if x != y {
				s.todo = append(s.todo, pair{ID(x), ID(y)})
			}
		case x != y:
			return false
		}
	}
	return true
}
