// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Names with several definitions (spec dedup.md 7, stages C to E), first half: what each unit means
// by such a name. A unit that has a definition means that one. A unit that only declares the name,
//
//	a.c: struct T { int x; };  struct user { struct T *t; };
//	b.c: struct T { long y; };
//	c.c: struct T;             struct user { struct T *t; };
//
// may mean any, so it means what units that share a type with it do: here struct user is only
// found with the T of a.c. Without such evidence the declaration stays. The meaning that most
// units share is the default: a kernel has some 25 such names, and all units but a few dozen agree.

package btf

import (
	"bytes"
	"cmp"
	"slices"
)

// meaning numbers what a tag can mean: its definitions by preference, then the bare declaration.
type meaning int

// refiner is the state of Dedup.refine.
type refiner struct {
	d         *Dedup
	ambiguous []uint32           // tags
	index     map[uint32]int     // tag -> index into ambiguous
	defs      [][]uint32         // by ambiguous tag: its definitions, the preferred first
	number    map[uint32]meaning // of a definition: its index in defs
	defaults  []meaning
	units     []unitTags
	holders   map[uint32][]int // STRUCT, UNION, TYPEDEF -> ambiguous tags it refers to, through pointers and the like

	states
}

// unitTags is what a unit has of ambiguous tags.
type unitTags struct {
	defs    []tagDef // by tag
	fwds    []int    // ambiguous tags that are declared, ascending
	holders []uint32 // classes that refer to an ambiguous tag
	means   map[int]meaning
}

type tagDef struct {
	tag   int
	class uint32
}

// isSoft tells whether a kind is only a step on the way to a type: what it means follows what it refers to.
func isSoft(k Kind) bool {
	switch k {
	case KindPtr, KindConst, KindVolatile, KindRestrict, KindTypeTag, KindArray, KindFuncProto:
		return true
	}
	return false
}

func isHolder(k Kind) bool { return k == KindStruct || k == KindUnion || k == KindTypedef }

// eachRef calls f with each reference in the content of a class: position 0 is Ref, 1 the index type
// of an ARRAY, 2+i member i.
func (d *Dedup) eachRef(id uint32, f func(pos, ref uint32)) {
	c := d.class(id)
	if c.Ref != 0 {
		f(0, c.Ref)
	}
	switch c.Kind {
	case KindArray:
		f(1, c.Aux)
	case KindStruct, KindUnion, KindFuncProto, KindDatasec:
		for i, m := range d.members(id) {
			if m.Ref != 0 {
				f(uint32(i)+2, m.Ref)
			}
		}
	}
}

// findHolders fills holders: first which ambiguous tags each soft class leads to, then who refers to these.
func (r *refiner) findHolders() {
	d := r.d
	n := uint32(len(d.first))
	reach := make([][]int, n) // by soft class: the ambiguous tags that it leads to
	var stack []uint32
	referrers := d.softReferrers()
	direct := func(set []int, ref uint32) []int {
		if t := d.tags.of[ref]; t != 0 {
			if i, ok := r.index[t-1]; ok {
				set = addTag(set, i)
			}
		}
		return set
	}
	for id := uint32(1); id < n; id++ {
		if d.class(id).leadsOn() {
			d.eachRef(id, func(_, ref uint32) { reach[id] = direct(reach[id], ref) })
			if reach[id] != nil {
				stack = append(stack, id)
			}
		}
	}
	for len(stack) > 0 { // each class comes back at most once per tag
		id := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, up := range referrers(id) {
			before := len(reach[up])
			for _, i := range reach[id] {
				reach[up] = addTag(reach[up], i)
			}
			if len(reach[up]) > before {
				stack = append(stack, up)
			}
		}
	}
	r.holders = map[uint32][]int{}
	for id := uint32(1); id < n; id++ {
		if !isHolder(d.class(id).Kind) {
			continue
		}
		var tags []int
		d.eachRef(id, func(_, ref uint32) {
			tags = direct(tags, ref)
			for _, i := range reach[ref] {
				tags = addTag(tags, i)
			}
		})
		if 0 < len(tags) && len(tags) <= maxTags {
			slices.Sort(tags)
			r.holders[id] = tags
		}
	}
}

// maxTags is how many ambiguous tags a type may refer to and still tell what they mean; a kernel
// has some 25 in all.
const maxTags = 64

// addTag adds to a set of tags, which stays as it is once it is too large.
func addTag(set []int, tag int) []int {
	if len(set) > maxTags || slices.Contains(set, tag) {
		return set
	}
	return append(set, tag)
}

// leadsOn tells whether what the class refers to is known: it is soft and in no loop.
func (c *class) leadsOn() bool { return isSoft(c.Kind) && !c.loop }

// softReferrers returns a function that lists the soft classes that refer to a soft class.
func (d *Dedup) softReferrers() func(id uint32) []uint32 {
	n := len(d.first)
	start := make([]uint32, n+1)
	each := func(f func(id, ref uint32)) {
		for id := uint32(1); id < uint32(n); id++ {
			if d.class(id).leadsOn() {
				d.eachRef(id, func(_, ref uint32) {
					if d.class(ref).leadsOn() {
						f(id, ref)
					}
				})
			}
		}
	}
	each(func(_, ref uint32) { start[ref+1]++ })
	for i := range n {
		start[i+1] += start[i]
	}
	from := make([]uint32, start[n])
	fill := slices.Clone(start)
	each(func(id, ref uint32) {
		from[fill[ref]] = id
		fill[ref]++
	})
	return func(id uint32) []uint32 { return from[start[id]:start[id+1]] }
}

// scanUnits notes what each unit has of the ambiguous tags.
func (r *refiner) scanUnits() {
	d := r.d
	marked := make([]bool, len(d.first))
	for _, t := range r.ambiguous {
		for _, c := range d.tags.tags[t].defs {
			marked[c] = true
		}
	}
	for id := range marked { // every forward declaration of the tag: enums may differ in size
		if t := d.tags.of[id]; t != 0 && !marked[id] {
			_, marked[id] = r.index[t-1]
		}
	}
	holds := make([]bool, len(d.first))
	for id := range r.holders {
		marked[id], holds[id] = true, true
	}
	r.units = make([]unitTags, len(d.units))
	d.inParallel(len(d.units), func(u int) {
		x := &r.units[u]
		for _, id := range d.units[u] {
			if !marked[id] {
				continue
			}
			if holds[id] {
				x.holders = append(x.holders, id)
			}
			t := d.tags.of[id]
			if t == 0 {
				continue
			}
			i, ok := r.index[t-1]
			switch {
			case !ok:
			case d.class(id).isFwd():
				x.fwds = append(x.fwds, i)
			default:
				x.defs = append(x.defs, tagDef{i, id})
			}
		}
		if d.split != nil && d.split.blobs && !d.isBase(u) {
			r.addBaseDefs(x)
		}
		slices.Sort(x.holders)
		slices.Sort(x.fwds)
		slices.SortFunc(x.defs, func(a, b tagDef) int { return cmp.Or(cmp.Compare(a.tag, b.tag), cmp.Compare(a.class, b.class)) })
		x.holders, x.fwds, x.defs = slices.Compact(x.holders), slices.Compact(x.fwds), slices.Compact(x.defs)
	})
}

// addBaseDefs adds to a unit that declares and defines a tag the definitions of the base: the declaration may mean one of these.
func (r *refiner) addBaseDefs(x *unitTags) {
	for _, i := range x.fwds {
		if !slices.ContainsFunc(x.defs, func(def tagDef) bool { return def.tag == i }) {
			continue
		}
		for _, id := range r.d.tags.tags[r.ambiguous[i]].defs {
			if r.d.split.least[id] != 0 {
				x.defs = append(x.defs, tagDef{i, id})
			}
		}
	}
}

// rank sorts the definitions of each ambiguous tag: those of the base first, then the one that most units have, then the
// smaller. The order of units plays no part.
func (r *refiner) rank() {
	count := map[uint32]int{}
	for u := range r.units {
		for _, x := range r.units[u].defs {
			count[x.class]++
		}
	}
	r.defs = make([][]uint32, len(r.ambiguous))
	r.number = map[uint32]meaning{}
	for i, t := range r.ambiguous {
		r.defs[i] = slices.Clone(r.d.tags.tags[t].defs)
		slices.SortFunc(r.defs[i], func(a, b uint32) int {
			return cmp.Or(cmp.Compare(r.d.notInBase(a), r.d.notInBase(b)), cmp.Compare(count[b], count[a]), r.d.compareShape(a, b),
				cmp.Compare(r.d.first[a], r.d.first[b]), cmp.Compare(r.d.baseFirst(a), r.d.baseFirst(b)))
		})
		for m, id := range r.defs[i] {
			r.number[id] = meaning(m)
		}
	}
}

// compareShape orders two classes by size, number of members, member by member, and then by the same of
// what they refer to, tags by their names. It returns 0 only for what is the same or in a loop
// that no tag cuts.
func (d *Dedup) compareShape(a, b uint32) int {
	type pair struct{ a, b uint32 }
	seen := map[pair]bool{}
	for queue := []pair{{a, b}}; len(queue) > 0; queue = queue[1:] {
		p := queue[0]
		if c := d.compareContent(p.a, p.b); c != 0 {
			return c
		}
		var refs []pair
		d.eachRef(p.a, func(pos, ref uint32) { refs = append(refs, pair{pos, ref}) })
		n, c := 0, 0
		d.eachRef(p.b, func(pos, y uint32) {
			if c != 0 {
				return
			}
			if n == len(refs) {
				c = 1
				return
			}
			if c = cmp.Compare(refs[n].a, pos); c != 0 { // one refers to void there
				return
			}
			x := pair{refs[n].b, y}
			n++
			if seen[x] || x.a == x.b {
				return
			}
			seen[x] = true
			var deeper bool
			if c, deeper = d.compareRefs(x.a, x.b); c == 0 && deeper {
				queue = append(queue, x)
			}
		})
		if c == 0 && n < len(refs) {
			c = -1
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// compareContent orders two classes by what they are apart from references.
func (d *Dedup) compareContent(a, b uint32) int {
	x, y := d.class(a), d.class(b)
	if c := cmp.Or(cmp.Compare(x.Size, y.Size), cmp.Compare(x.Count, y.Count), cmp.Compare(x.Kind, y.Kind),
		cmp.Compare(x.Flags&Kflag, y.Flags&Kflag), d.compareNames(x.Name, y.Name)); c != 0 {
		return c
	}
	if x.Kind != KindArray {
		if c := cmp.Compare(x.Aux, y.Aux); c != 0 {
			return c
		}
	}
	ma, mb := d.members(a), d.members(b)
	for i := range ma {
		x, y := &ma[i], &mb[i]
		if c := cmp.Or(d.compareNames(x.Name, y.Name), cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B)); c != 0 {
			return c
		}
	}
	return 0
}

// compareRefs orders two classes by what can be told of them as targets of a reference; deeper
// tells that the rest is to be looked at. Of a loop nothing else is the same for all its records.
func (d *Dedup) compareRefs(a, b uint32) (c int, deeper bool) {
	x, y := d.class(a), d.class(b)
	if c := cmp.Or(cmp.Compare(x.tagClass(), y.tagClass()), d.compareNames(x.Name, y.Name)); c != 0 || x.tagClass() != 0 {
		return c, false
	}
	if !x.loop && !y.loop {
		return 0, true
	}
	return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Flags&Kflag, y.Flags&Kflag), cmp.Compare(x.Size, y.Size), cmp.Compare(x.Count, y.Count)), false
}

func (d *Dedup) compareNames(a, b NameID) int {
	if a == b {
		return 0
	}
	return bytes.Compare(d.nameBytes(a), d.nameBytes(b))
}

func (d *Dedup) nameBytes(id NameID) []byte {
	if b, ok := id.Inline(nil); ok {
		return b
	}
	if id >= baseNames && d.split != nil {
		return d.split.base.t.Str(d.split.names[id-baseNames])
	}
	return d.names.Name(id)
}

// interpret decides what each unit means by each tag, and the defaults.
func (r *refiner) interpret() {
	found := map[uint32][][]meaning{} // holder -> what units with it mean by its tags
	for u := range r.units {
		x := &r.units[u]
		if len(x.defs) == 0 {
			continue
		}
		for _, h := range x.holders {
			if m := r.seenBy(x, h); m != nil && len(found[h]) < maxEvidence && !slices.ContainsFunc(found[h], func(o []meaning) bool { return slices.Equal(o, m) }) {
				found[h] = append(found[h], m)
			}
		}
	}
	votes := make([][]int, len(r.ambiguous))
	for i := range votes {
		votes[i] = make([]int, len(r.defs[i])+1)
	}
	for u := range r.units {
		x := &r.units[u]
		vote := 1
		if r.d.isBase(u) { // its records are at hand, while other units have to be read again where they deviate
			vote = 0
		}
		for _, def := range x.defs {
			votes[def.tag][r.number[def.class]] += vote
		}
		if len(x.fwds) == 0 {
			continue
		}
		x.means = make(map[int]meaning, len(x.fwds))
		for _, i := range x.fwds {
			x.means[i] = meaning(len(r.defs[i])) // the declaration
		}
		for _, h := range x.holders {
			r.evidence(found[h], x, h)
		}
		for _, i := range x.fwds {
			if own := x.only(i); own != 0 {
				x.means[i] = r.number[own]
			} else if int(x.means[i]) == len(r.defs[i]) && r.d.tags.tags[r.ambiguous[i]].class == enumTag {
				x.means[i] = 0 // as libbpf does: an enum is never left without values
			}
			votes[i][x.means[i]] += vote
		}
	}
	r.defaults = make([]meaning, len(r.ambiguous))
	for i := range votes {
		best := 0
		for m, n := range votes[i] {
			if n > votes[i][best] {
				best = m
			}
		}
		if r.d.split != nil && votes[i][len(r.defs[i])] > 0 { // what is only declared is then taken for the base's, where it can be
			best = len(r.defs[i])
		}
		r.defaults[i] = meaning(best)
		t := &r.d.tags.tags[r.ambiguous[i]]
		t.meaning = t.fwd
		if best < len(r.defs[i]) {
			t.meaning = r.defs[i][best]
		}
	}
}

// maxEvidence bounds how many different views of one holder are kept; a kernel has three at most.
const maxEvidence = 64

// unknown is the meaning of a tag that a unit only declares, or defines more than once.
const unknown = meaning(-1)

// seenBy returns what a unit means by each tag of a holder, nil if it defines none of them.
func (r *refiner) seenBy(x *unitTags, holder uint32) []meaning {
	tags := r.holders[holder]
	view := make([]meaning, len(tags))
	known := false
	for n, i := range tags {
		view[n] = unknown
		if own := x.only(i); own != 0 { // what the unit's own declaration means too
			view[n] = r.number[own]
			known = true
		}
	}
	if !known {
		return nil
	}
	return view
}

// evidence lowers what the tags of a holder that the unit declares mean to what they mean according to
// views of the holder that do not contradict what the unit itself defines.
func (r *refiner) evidence(views [][]meaning, x *unitTags, holder uint32) {
	if len(views) == 0 {
		return
	}
	tags := r.holders[holder]
	own := r.seenBy(x, holder)
	for _, v := range views {
		agrees := true
		for n := range own {
			agrees = agrees && (own[n] == unknown || v[n] == unknown || own[n] == v[n])
		}
		for n, i := range tags {
			if m, declared := x.means[i]; agrees && declared && v[n] != unknown {
				x.means[i] = min(m, v[n])
			}
		}
	}
}

// only returns the definition of a tag that the unit has, 0 if there is none or more than one.
func (x *unitTags) only(tag int) (class uint32) {
	n, ok := slices.BinarySearchFunc(x.defs, tag, func(d tagDef, tag int) int { return cmp.Compare(d.tag, tag) })
	if !ok || n+1 < len(x.defs) && x.defs[n+1].tag == tag {
		return 0
	}
	return x.defs[n].class
}

// odd tells whether a unit means something else than the default by some tag.
func (r *refiner) odd(u int) bool {
	x := &r.units[u]
	for _, def := range x.defs {
		if r.d.tags.tags[r.ambiguous[def.tag]].meaning != def.class {
			return true
		}
	}
	for i, m := range x.means {
		if m != r.defaults[i] {
			return true
		}
	}
	return false
}
