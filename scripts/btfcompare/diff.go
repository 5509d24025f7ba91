// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"slices"

	"github.com/btfgen/btfgen/internal/btf"
)

// place says how a type differs between the blobs. The words are those of the
// allow-list.
type place string

const (
	onlyA   place = "only-a"   // the other side has no type for it
	onlyB   place = "only-b"   //
	differs place = "differs"  // same kind class and name on both sides, another content
	params  place = "params"   // a FUNC that differs in nothing but names of parameters
	copies  place = "copies"   // on both sides, but more often on the one named in the item
	copiesA place = "copies-a" // for rules: copies of A's
	copiesB place = "copies-b" //
	ownA    place = "own-a"    // the base has an equal one, which the other side uses
	ownB    place = "own-b"    //
)

// item is one type that the other side lacks.
type item struct {
	node    node
	partner node // of differs and params: the type compared with; else 0
	place   place
	nominal bool // the nominal shape is missing already, not just the variant (census)
	like    node // if it is not missing: a type of that shape on the other side
	derived bool // follows from another item
	orphan  bool // see orphans
	rule    string
}

// diff is the outcome of a comparison.
type diff struct {
	g       *graph
	nominal []uint32 // classes with each tagged reference cut
	variant []uint32 // classes with only references to unambiguous tags cut
	full    []uint32 // classes with nothing cut
	noArgs  []uint32 // as variant, without the names of FUNC_PROTO parameters
	cut     cuts     // of variant
	match   *matcher // of split BTF
	other   *matcher // of items with what the other side has, see variants
	items   []*item
	itemOf  []*item // by node; nil where there is none
}

// compare partitions the graph at each level and lists what is on one side only.
// With nominal, the nominal level takes the place of the variant level. Of split BTF
// it first folds what the base has.
func compare(g *graph, nominal bool) *diff {
	d := &diff{g: g, itemOf: make([]*item, g.len())}
	if g.shared > 1 {
		d.match = g.fold()
	}
	var nominalCut cuts
	nominalCut, d.cut = g.census()
	if nominal {
		d.cut = nominalCut
	}
	d.nominal = g.refine(g.labels, nominalCut)
	d.variant = g.refine(g.labels, d.cut)
	d.full = g.refine(g.labels, nil)
	d.noArgs = g.refine(g.anonArgs, d.cut)

	d.collect()
	d.pair()
	d.derive()
	d.surplus()
	d.variants()
	d.orphans()
	return d
}

// variants compares the items that are on both sides but for the variant of a tag
// they lead to, so that it can be named.
func (d *diff) variants() {
	d.other = &matcher{g: d.g, index: make(map[[2]node]int32)}
	first := [3]map[uint32]node{make(map[uint32]node), make(map[uint32]node), make(map[uint32]node)}
	for n := d.g.shared; n < node(d.g.len()); n++ {
		if m := first[d.g.side[n]]; !d.g.folded(n) && m[d.nominal[n]] == 0 {
			m[d.nominal[n]] = n
		}
	}
	for _, it := range d.items {
		if s := d.g.side[it.node]; !it.nominal && it.place != copies {
			it.like = first[sideA+sideB-s][d.nominal[it.node]]
			d.other.add(it.node, it.like)
		}
	}
	d.other.solve()
}

// tagMeant returns the tag that an item and its like on the other side use for different
// definitions; ok is false if that is not all, or the definitions are not on both sides.
func (d *diff) tagMeant(it *item) (name string, ok bool) {
	if it.like == 0 || d.other.equal(it.node, it.like) {
		return "", false
	}
	p, _ := d.other.leaf(it.node, it.like)
	x, ok := d.g.tagOf(p.own)
	y, ok2 := d.g.tagOf(p.base)
	if !ok || !ok2 || x != y || d.missing(p.own) || d.missing(p.base) {
		return "", false
	}
	return keyword(d.g, p.own) + x.name, true
}

// missing tells whether the other side has no type with the record of n.
func (d *diff) missing(n node) bool { return d.itemOf[n] != nil && d.itemOf[n].nominal }

// surplus makes items of the own types that the base has as well, if one side has
// more of them.
func (d *diff) surplus() {
	g := d.g
	if g.rep == nil {
		return
	}
	more := make(map[node]int) // of A than of B
	for n := g.shared; n < node(g.len()); n++ {
		switch r := g.rep[n]; {
		case r == 0:
		case g.side[n] == sideA:
			more[r]++
		default:
			more[r]--
		}
	}
	for n := node(g.len()) - 1; n >= g.shared; n-- {
		r := g.rep[n]
		it := &item{node: n, nominal: true}
		switch {
		case r == 0 || more[r] == 0:
			continue
		case g.side[n] == sideA && more[r] > 0:
			it.place = ownA
			more[r]--
		case g.side[n] == sideB && more[r] < 0:
			it.place = ownB
			more[r]++
		default:
			continue
		}
		d.items = append(d.items, it)
	}
}

// count returns how many nodes of each class a side has.
func (g *graph) count(class []uint32) [3][]uint32 {
	num := slices.Max(class) + 1
	var c [3][]uint32
	for s := range c {
		c[s] = make([]uint32, num)
	}
	for n, s := range g.side {
		if !g.folded(node(n)) {
			c[s][class[n]]++
		}
	}
	return c
}

// collect makes an item of each node whose class the other side lacks, and of
// the last ones of a class that the other side has less often.
func (d *diff) collect() {
	nominal := d.g.count(d.nominal)
	variant := d.g.count(d.variant)
	full := d.g.count(d.full)
	for n := d.g.len() - 1; n >= 0; n-- {
		us := d.g.side[n]
		if us == shared || d.g.folded(node(n)) {
			continue
		}
		them, p := sideB, onlyA
		if us == sideB {
			them, p = sideA, onlyB
		}
		c := d.variant[n]
		if ours, theirs := variant[us][c], variant[them][c]; theirs > 0 {
			if ours <= theirs {
				continue
			}
			p = copies
			variant[us][c]--
		}
		if d.g.inner != nil {
			// Dimensions multiplied out make types equal that were not.
			f := &full[us][d.full[n]]
			if *f--; d.g.inner[n] || p == copies && *f > 0 {
				continue
			}
		}
		it := &item{node: node(n), place: p, nominal: nominal[them][d.nominal[n]] == 0}
		d.items = append(d.items, it)
		d.itemOf[n] = it
	}
	slices.Reverse(d.items)
}

// pairKey is what types on both sides must share to be compared by member.
type pairKey struct {
	kind btf.Kind
	name string
}

func (g *graph) pairKey(n node) (pairKey, bool) {
	if t, ok := g.tagOf(n); ok {
		return pairKey{t.class, t.name}, true
	}
	return pairKey{g.kind[n], g.name[n]}, g.named(n) && g.kind[n] != btf.KindDeclTag
}

// pair joins the items of both sides that bear the same name, in order of their
// type IDs. What is left over stays only-a or only-b: a further variant of a name
// that the other side has less often.
func (d *diff) pair() {
	waiting := make(map[pairKey][]*item)
	for _, it := range d.items {
		if key, ok := d.g.pairKey(it.node); ok && it.place == onlyA {
			waiting[key] = append(waiting[key], it)
		}
	}
	for _, b := range d.items {
		key, ok := d.g.pairKey(b.node)
		if !ok || b.place != onlyB || len(waiting[key]) == 0 {
			continue
		}
		a := waiting[key][0]
		waiting[key] = waiting[key][1:]
		p := differs
		if key.kind == btf.KindFunc && d.noArgs[a.node] == d.noArgs[b.node] {
			p = params
		}
		a.partner, a.place = b.node, p
		b.partner, b.place = a.node, p
	}
}

// derive marks the items that follow from others: a nameless type because of the
// types that use it (it is there for no other reason) or because of one that it
// is made of and that the other side does not have; a named one whose only
// differences lie behind references to other items with a name. Items are settled
// from the roots on, so that items in a circle without a root stay roots.
func (d *diff) derive() {
	s := &settling{d: d, done: make([]bool, d.g.len())}
	s.users = make([][]*item, d.g.len())
	s.parts = make([][]*item, d.g.len())
	for _, it := range d.items {
		if d.g.named(it.node) {
			s.parts[it.node] = d.namedCauses(it)
		}
		for _, r := range d.g.refs(it.node) {
			c := d.itemOf[r]
			if c == nil {
				continue
			}
			if !d.g.named(r) {
				s.users[r] = append(s.users[r], it)
			}
			if !d.g.named(it.node) && (c.place == onlyA || c.place == onlyB) {
				s.parts[it.node] = append(s.parts[it.node], c)
			}
		}
	}
	// First what follows from names, then what hangs on a nameless root.
	for _, named := range []bool{true, false} {
		for _, it := range d.items {
			n := it.node
			if len(s.users[n]) == 0 && d.g.named(n) == named && (!named || len(s.parts[n]) == 0) {
				s.done[n] = true
			}
		}
		s.spread()
	}
}

// settling is the state of derive, by node.
type settling struct {
	d     *diff
	done  []bool
	users [][]*item // of a nameless item; any one settles it
	parts [][]*item // of a named item, all of them settle it; of a nameless, any one
}

// spread settles items by settled ones until there is no more.
func (s *settling) spread() {
	done := func(c *item) bool { return s.done[c.node] }
	open := func(c *item) bool { return !s.done[c.node] }
	for changed := true; changed; {
		changed = false
		for _, it := range s.d.items {
			n := it.node
			if s.done[n] {
				continue
			}
			if s.d.g.named(n) {
				it.derived = len(s.parts[n]) > 0 && !slices.ContainsFunc(s.parts[n], open)
			} else {
				it.derived = slices.ContainsFunc(s.users[n], done) || slices.ContainsFunc(s.parts[n], done)
			}
			if it.derived {
				s.done[n], changed = true, true
			}
		}
	}
}

// namedCauses returns the named items that explain all differences of a named
// item, or nil if it differs by itself.
func (d *diff) namedCauses(it *item) []*item {
	switch d.g.kind[it.node] {
	case btf.KindDeclTag: // goes with what it tags
		return d.itemsAmong(d.g.refs(it.node))
	case btf.KindDatasec: // goes with its variables
		out := d.itemsAmong(d.g.refs(it.node))
		if it.partner != 0 {
			out = append(out, d.itemsAmong(d.g.refs(it.partner))...)
		}
		return out
	}
	if it.partner == 0 {
		return nil
	}
	w := causeWalk{d: d, seen: make(map[[2]node]bool)}
	if !w.walk(it.node, it.partner) {
		return nil
	}
	return w.causes
}

func (d *diff) itemsAmong(nodes []node) []*item {
	var out []*item
	for _, n := range nodes {
		if it := d.itemOf[n]; it != nil {
			out = append(out, it)
		}
	}
	return out
}

// causeWalk compares two types side by side, through nameless types.
type causeWalk struct {
	d      *diff
	seen   map[[2]node]bool
	causes []*item
}

// walk reports whether all differences between a and b lie behind references to
// named items of a's side, which it adds to causes.
func (w *causeWalk) walk(a, b node) bool {
	g := w.d.g
	if w.seen[[2]node{a, b}] {
		return true
	}
	w.seen[[2]node{a, b}] = true
	ra, rb := g.refs(a), g.refs(b)
	if g.labels[a] != g.labels[b] {
		return false
	}
	for i, x := range ra {
		y := rb[i]
		if w.d.equalRef(x, y) {
			continue
		}
		if !g.named(x) {
			if !w.walk(x, y) {
				return false
			}
			continue
		}
		c := w.d.itemOf[x]
		if c == nil || g.name[x] != g.name[y] {
			return false
		}
		w.causes = append(w.causes, c)
	}
	return true
}

// equalRef reports whether two references count as equal at the variant level.
func (d *diff) equalRef(a, b node) bool {
	if d.cut[a]|d.cut[b] != 0 {
		return d.cut[a] == d.cut[b]
	}
	return d.variant[a] == d.variant[b]
}

// named reports whether a type has a name of its own. The name of a TYPE_TAG is
// an attribute of the pointer before it.
func (g *graph) named(n node) bool { return g.name[n] != "" && g.kind[n] != btf.KindTypeTag }
