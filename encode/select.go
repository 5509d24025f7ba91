// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/pages"
)

// instance is a function with code, or one that an analysis had something to say about,
// collected from all units.
type instance struct {
	class   btf.ClassID // of its FUNC
	group   int32
	located bool
	addr    uint64
	place   uint64 // of its DIE
	marks   marks
}

// chosen is a function to be emitted.
type chosen struct {
	name  []byte
	class btf.ClassID // FUNC class that gives the prototype
	place uint64      // of the DIE that does
	full  bool        // name is a symbol's full name, with its suffix
}

// selector decides which functions are emitted, one symbol group at a time (encode.md 4.6).
type selector struct {
	in      *input
	opt     *Options
	d       *btf.Dedup
	funcs   []btf.Func // in no order
	insts   []instance // in no order
	omitted []Omission
	steps   int // of the comparison at hand
}

// run returns the functions to emit, sorted by name.
func (s *selector) run() []chosen {
	s.funcs = make([]btf.Func, 0, s.in.groups()*9/8)
	s.d.Funcs(func(f btf.Func) {
		if f.Aux != noGroup {
			s.funcs = append(s.funcs, f)
		}
	})
	groups := s.in.groups()
	funcs := byGroup(s.funcs, groups, func(f *btf.Func) uint32 { return f.Aux })
	insts := byGroup(s.insts, groups, func(x *instance) uint32 { return uint32(x.group) })
	out := make([]chosen, 0, len(s.funcs))
	for g := range groups {
		f, x := funcs(g), insts(g)
		if len(f) == 0 {
			continue
		}
		if len(f) > 1 {
			slices.SortFunc(f, func(a, b btf.Func) int { return cmp.Compare(a.First, b.First) })
		}
		if len(x) > 1 {
			slices.SortFunc(x, func(a, b instance) int { return cmp.Compare(a.place, b.place) })
		}
		if c, ok := s.choose(int32(g), f, x); ok {
			out = append(out, c)
		}
	}
	sortByName(out)
	slices.SortFunc(s.omitted, func(a, b Omission) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// byGroup sorts list by the number that group gives, below n, and returns a function that gives the
// part of a number.
func byGroup[T any](list []T, n int, group func(*T) uint32) func(g int) []T {
	start := pages.Touched[uint32](n + 1)
	for i := range list {
		start[group(&list[i])+1]++
	}
	for g := range n {
		start[g+1] += start[g]
	}
	sorted := make([]T, len(list))
	fill := slices.Clone(start)
	for i := range list {
		g := group(&list[i])
		sorted[fill[g]] = list[i]
		fill[g]++
	}
	return func(g int) []T { return sorted[start[g]:start[g+1]] }
}

// nameKey is the function list[i] with eight bytes of its name, as a number.
type nameKey struct {
	head uint64
	i    int32
}

// sortByName sorts functions bytewise by name: by eight bytes at once, and then, as many begin alike,
// by the next eight of those that do. No name holds a zero byte.
func sortByName(list []chosen) {
	keys := make([]nameKey, len(list))
	for i := range keys {
		keys[i].i = int32(i)
	}
	var sort func(keys []nameKey, at int)
	sort = func(keys []nameKey, at int) {
		if at >= 64 {
			slices.SortFunc(keys, func(a, b nameKey) int { return bytes.Compare(list[a.i].name[at:], list[b.i].name[at:]) })
			return
		}
		for k := range keys {
			var b [8]byte
			copy(b[:], list[keys[k].i].name[at:])
			keys[k].head = binary.BigEndian.Uint64(b[:])
		}
		slices.SortFunc(keys, func(a, b nameKey) int { return cmp.Compare(a.head, b.head) })
		for len(keys) > 0 {
			n := 1
			for n < len(keys) && keys[n].head == keys[0].head {
				n++
			}
			if n > 1 && byte(keys[0].head) != 0 {
				sort(keys[:n], at+8)
			}
			keys = keys[n:]
		}
	}
	sort(keys, 0)
	sorted := make([]chosen, len(list))
	for i, k := range keys {
		sorted[i] = list[k.i]
	}
	copy(list, sorted)
}

// choose decides about one group. funcs are its distinct FUNCs, insts its instances with code, both by place.
func (s *selector) choose(g int32, funcs []btf.Func, insts []instance) (chosen, bool) {
	name := s.in.groupName(g)
	if s.opt.features.trueSignature {
		if c, ok := s.optimizedCopy(g, insts); ok {
			return c, true
		}
	}
	var m groupMarks
	for i := range insts {
		im := &insts[i].marks
		m.unexpected = m.unexpected || im.unexpected
		m.uncertain = m.uncertain || im.uncertain
		m.reordered = m.reordered || im.reordered
	}
	detail := ""
	if !m.unexpected && !m.reordered {
		list := s.compared(funcs, insts)
		for i := 1; i < len(list) && !m.inconsistent; i++ {
			detail, m.inconsistent = s.differ(&list[0], &list[i])
		}
	}
	class, place := funcs[0].ID, funcs[0].First
	var canon *instance
	for i := range insts {
		x := &insts[i]
		if s.in.functions == nil || !x.located {
			continue
		}
		flags, _ := s.in.functions.at(int(g), x.addr)
		if flags == 0 {
			continue
		}
		skip := x.marks.optimizedSkip(s.opt.features.trueSignature, flags&symOptimized != 0)
		if canon == nil || !skip {
			canon, m.optimizedSkip = x, skip
		}
		if !skip {
			break
		}
	}
	if canon == nil { // one that is code somewhere says more than one that was only inlined; pahole agrees
		if i := slices.IndexFunc(insts, func(x instance) bool { return x.located }); i >= 0 {
			canon = &insts[i]
		}
	}
	if canon != nil {
		class, place = canon.class, canon.place
	}
	m.ambiguous = s.in.functions != nil && s.in.functions.ambiguous(int(g))
	if reason := m.skipReason(s.opt.features.consistentFunc); reason != "" {
		if reason != reasonInconsistent {
			detail = ""
		}
		s.omitted = append(s.omitted, Omission{Kind: "func", Name: string(name), Reason: reason, Offset: place, Detail: detail})
		return chosen{}, false
	}
	return chosen{name: name, class: class, place: place}, true
}

// optimizedCopy looks for an instance that a symbol with a suffix stands at: with true
// signatures it is emitted under that symbol's name (encode.md 4.7). pahole 1.32 does not ask for
// ambiguity, and passes over instances with movedReg.
func (s *selector) optimizedCopy(g int32, insts []instance) (chosen, bool) {
	if s.in.functions == nil {
		return chosen{}, false
	}
	for i := range insts {
		x := &insts[i]
		if !x.located || x.marks.unexpected || x.marks.uncertain {
			continue
		}
		flags, full := s.in.functions.at(int(g), x.addr)
		switch {
		case flags == 0 || full == nil:
			continue
		case s.opt.Compat && x.marks.movedReg:
			continue
		case !s.opt.Compat && s.in.functions.ambiguous(int(g)):
			return chosen{}, false
		}
		return chosen{name: full, class: x.class, place: x.place, full: true}, true
	}
	return chosen{}, false
}

// compared returns the functions of a group whose prototypes are to agree: all. With true
// signatures, pahole 1.32 looks at those with an address only, if there are any.
func (s *selector) compared(funcs []btf.Func, insts []instance) []btf.Func {
	if !s.opt.Compat || !s.opt.features.trueSignature || len(funcs) < 2 {
		return funcs
	}
	var placed []btf.Func
	for _, f := range funcs {
		if slices.ContainsFunc(insts, func(x instance) bool { return x.located && x.class == f.ID }) {
			placed = append(placed, f)
		}
	}
	return placed
}
