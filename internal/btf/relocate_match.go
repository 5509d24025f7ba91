// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import "bytes"

// Which type of the target a type of a distilled base is.
//
// The target has 125,000 types (Debian's 7.2), the distilled base a hundred. So the names of the base go into
// a map, and the target is read once, the kind first: one type in eight is of a kind that can match. What
// has a name of the base becomes a candidate, sorted by name; both modes decide on the candidates alone.
// A module takes 2 to 3 ms (BenchmarkRelocateKernel).

const (
	maxPairs = 1 << 24 // types of one name in base and target, paired: bounds the work on hostile input
	maxSame  = 1 << 24 // words of records compared for being the same, in one call of Relocate
)

// matchable are the kinds of the target that can match.
const matchable uint32 = 1<<KindInt | 1<<KindFloat | 1<<KindEnum | 1<<KindEnum64 | 1<<KindFwd | 1<<KindStruct | 1<<KindUnion

// candidate is a type of the target that has the name of a type of the base.
type candidate struct {
	Type
	id      ID
	several bool // STRUCT or UNION, and not the only one with its name offset
}

type matcher struct {
	base, target *Table
	uses         []usage // by ID in base

	group   []uint32          // by ID in base: index of its name
	groups  map[string]uint32 // indexes of names
	longest int               // bytes of the longest name

	found []candidate // by name, then by ID
	ids   []ID        // of found
	start []int       // by name: its first candidate; one more at the end

	same sameness // for the strict mode
}

func newMatcher(base, target *Table, uses []usage) *matcher {
	m := &matcher{base: base, target: target, uses: uses, same: sameness{t: target, left: maxSame}}
	m.group = make([]uint32, base.NumIDs())
	m.groups = make(map[string]uint32, base.NumIDs())
	for id := ID(1); int(id) < base.NumIDs(); id++ {
		name := base.Name(id)
		g, ok := m.groups[string(name)]
		if !ok {
			g = uint32(len(m.groups))
			m.groups[string(name)] = g
			m.longest = max(m.longest, len(name))
		}
		m.group[id] = g
	}
	return m
}

// collect finds the candidates.
func (m *matcher) collect() error {
	var hits []candidate
	var groups []uint32 // of hits
	composites := map[StrOff]int{}
	for id := ID(1); int(id) < m.target.NumIDs(); id++ {
		k := m.target.Kind(id)
		if matchable>>k&1 == 0 {
			continue
		}
		r := m.target.Type(id)
		g, ok := m.groupOf(r.Name)
		if !ok {
			continue
		}
		if k == KindStruct || k == KindUnion {
			composites[r.Name]++
		}
		hits, groups = append(hits, candidate{Type: r, id: id}), append(groups, g)
	}

	m.start = make([]int, len(m.groups)+1)
	for _, g := range groups {
		m.start[g+1]++
	}
	for g := range len(m.groups) {
		m.start[g+1] += m.start[g]
	}
	m.found, m.ids = make([]candidate, len(hits)), make([]ID, len(hits))
	next := append([]int(nil), m.start...)
	for i, c := range hits {
		c.several = (c.Kind == KindStruct || c.Kind == KindUnion) && composites[c.Name] > 1
		at := next[groups[i]]
		m.found[at], m.ids[at] = c, c.id
		next[groups[i]]++
	}
	return m.checkWork()
}

// groupOf returns the index of the name at a string offset of the target, if the base has it.
func (m *matcher) groupOf(off StrOff) (group uint32, ok bool) {
	t := m.target
	for off < t.strBase {
		t = t.base
	}
	s := t.strs[off-t.strBase:]
	n := bytes.IndexByte(s[:min(len(s), m.longest+1)], 0)
	if n <= 0 {
		return 0, false
	}
	group, ok = m.groups[string(s[:n])]
	return group, ok
}

// checkWork refuses to decide between millions of types of one name.
func (m *matcher) checkWork() error {
	pairs := 0
	for id := ID(1); int(id) < len(m.group); id++ {
		g := m.group[id]
		if pairs += m.start[g+1] - m.start[g]; pairs > maxPairs {
			return m.base.ownErr(id, "more than %d pairs of types with one name in the distilled base and the target", maxPairs)
		}
	}
	return nil
}

// decide returns a Match for each type of the base; ok tells whether all have a target.
func (m *matcher) decide(mode RelocateMode) (matches []Match, ok bool) {
	matches, ok = make([]Match, len(m.group)-1), true
	taken := make(map[ID]ID, len(matches))
	for i := range matches {
		id := ID(i + 1)
		g := m.group[id]
		from, to := m.start[g], m.start[g+1]
		w := want{Type: m.base.Type(id), id: id, uses: m.uses[id], found: m.found[from:to:to]}
		var v verdict
		if mode == RelocateStrict {
			v = m.strict(&w)
		} else {
			v = w.kernel()
		}
		matches[i] = Match{ID: id, Target: v.target, Candidates: m.ids[from:to:to], Text: m.text(&w, v)}
		if v.target == 0 {
			ok = false
			continue
		}
		if other := taken[v.target]; other == 0 {
			taken[v.target] = id
		} else if matches[i].Text == "" || v.doubt == sizeDiffers {
			matches[i].Text = m.text(&w, verdict{target: v.target, doubt: shared, other: other})
		}
	}
	return matches, ok
}

// want is a type of the base that is looked for.
type want struct {
	Type
	id    ID
	uses  usage
	found []candidate
}

// verdict is what was decided on it.
type verdict struct {
	target ID // 0: none
	doubt  doubt
	other  ID // a second target that would do as well; for shared, a type of the base
}

// doubt is why there is no target, or what is odd about it.
type doubt uint8

const (
	certain     doubt = iota
	noName            // no type of the target has the name
	noFit             // none of those that have it fits
	ambiguous         // several fit
	sizeDiffers       // but is not relied on, or so the kernel thinks
	kindDiffers       // a thing of another kind, which only the kernel takes for the same
	fwdOnly           // a forward declaration takes the place of a definition
	shared            // another type of the base has the same target
)

// kernel decides as btf_relocate.c: btf_relocate_map_distilled_base does.
func (w *want) kernel() verdict {
	v := verdict{doubt: noFit}
	if len(w.found) == 0 {
		v.doubt = noName
	}
	for i := range w.found {
		c := &w.found[i]
		if !w.kernelFits(c) {
			continue
		}
		if v.target != 0 {
			return verdict{doubt: ambiguous, other: c.id}
		}
		v = verdict{target: c.id, doubt: w.doubtOf(c)}
	}
	return v
}

// kernelFits tells whether the kernel takes c for w. It compares the third word of both, which is a size
// or, for FWD, 0.
func (w *want) kernelFits(c *candidate) bool {
	sameSize := c.SizeOrType == w.SizeOrType
	switch c.Kind {
	case KindFwd:
	case KindStruct, KindUnion:
		if c.several && !sameSize {
			return false
		}
	default:
		if !sameSize {
			return false
		}
	}
	switch w.Kind {
	case KindInt:
		return c.Kind == KindInt && sameEncoding(w.Type, c.Type)
	case KindFloat:
		return c.Kind == KindFloat
	case KindEnum:
		return c.Kind == KindEnum || c.Kind == KindEnum64
	case KindFwd:
		// The kflag of a STRUCT or UNION says that it has bitfields; the kernel takes it for that of a FWD.
		switch c.Kind {
		case KindFwd:
			return c.Kflag == w.Kflag
		case KindStruct:
			return !c.Kflag
		case KindUnion:
			return c.Kflag
		}
		return false
	}
	return w.uses&embedded == 0 || sameSize // STRUCT, UNION: whatever the kind
}

// doubtOf returns what is odd about a match.
func (w *want) doubtOf(c *candidate) doubt {
	switch {
	case w.Kind == KindEnum || w.Kind == KindInt || w.Kind == KindFloat:
		return certain
	case w.Kind == KindFwd:
		if c.Kind != w.Kind && c.Kind != w.definition() {
			return kindDiffers
		}
		return certain
	case c.Kind == KindFwd && isUnion(c.Type) == isUnion(w.Type):
		return fwdOnly
	case c.Kind != w.Kind:
		return kindDiffers
	case c.SizeOrType != w.SizeOrType:
		return sizeDiffers
	}
	return certain
}

// definition returns the kind that defines what a STRUCT, UNION or FWD stands for.
func (w *want) definition() Kind {
	if isUnion(w.Type) {
		return KindUnion
	}
	return KindStruct
}

func isUnion(r Type) bool { return r.Kind == KindUnion || r.Kind == KindFwd && r.Kflag }

func sameEncoding(a, b Type) bool {
	x, _, _ := a.Int()
	y, _, _ := b.Int()
	return x == y
}
