// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/btfgen/btfgen/internal/btf"
)

// instance is a function with code, or one that an analysis had something to say about,
// collected from all units.
type instance struct {
	class   btf.ClassID // of its FUNC
	group   int32
	located bool
	addr    codeAddr
	place   uint64 // of its DIE
	marks   marks
}

// Omission is a function or variable that was left out, for reports.
type Omission struct {
	Kind   string `json:"kind"` // "func" or "var"
	Name   string `json:"name"`
	Reason string `json:"reason"`
	Unit   string `json:"unit,omitempty"`   // name of the unit of the instance that decided
	Offset uint64 `json:"offset"`           // of its DIE in .debug_info
	Detail string `json:"detail,omitempty"` // for inconsistent prototypes: what differs
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
	funcs   []btf.Func // by group, then by place
	insts   []instance // by group, then by place
	omitted []Omission
}

// run returns the functions to emit, sorted by name.
func (s *selector) run() []chosen {
	s.d.Funcs(func(f btf.Func) {
		if f.Aux != noGroup {
			s.funcs = append(s.funcs, f)
		}
	})
	slices.SortFunc(s.funcs, func(a, b btf.Func) int {
		return cmp.Or(cmp.Compare(a.Aux, b.Aux), cmp.Compare(a.First, b.First))
	})
	slices.SortFunc(s.insts, func(a, b instance) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.place, b.place))
	})
	var out []chosen
	insts := s.insts
	for i := 0; i < len(s.funcs); {
		g := int32(s.funcs[i].Aux)
		j := i + 1
		for j < len(s.funcs) && s.funcs[j].Aux == uint32(g) {
			j++
		}
		for len(insts) > 0 && insts[0].group < g {
			insts = insts[1:]
		}
		n := 0
		for n < len(insts) && insts[n].group == g {
			n++
		}
		if c, ok := s.choose(g, s.funcs[i:j], insts[:n]); ok {
			out = append(out, c)
		}
		i = j
	}
	slices.SortFunc(out, func(a, b chosen) int { return bytes.Compare(a.name, b.name) })
	slices.SortFunc(s.omitted, func(a, b Omission) int { return cmp.Compare(a.Name, b.Name) })
	return out
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
		for i := 1; i < len(funcs) && !m.inconsistent; i++ {
			detail, m.inconsistent = s.differ(&funcs[0], &funcs[i])
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
// signatures it is emitted under that symbol's name (encode.md 4.7). pahole 1.32 takes the instance
// at a plain symbol the same way, whatever the others say, and asks for ambiguity only there.
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
		ambiguous := s.in.functions.ambiguous(int(g))
		switch {
		case flags == 0:
		case s.opt.Compat && (x.marks.reordered || full == nil && ambiguous):
		case full != nil && (s.opt.Compat || !ambiguous):
			return chosen{name: full, class: x.class, place: x.place, full: true}, true
		case s.opt.Compat:
			return chosen{name: s.in.groupName(g), class: x.class, place: x.place}, true
		}
	}
	return chosen{}, false
}
