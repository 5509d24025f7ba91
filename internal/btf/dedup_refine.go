// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Names with several definitions, second half. In most units every reference to a tag
// leads to its default, and there a nominal class (dedup_hash.go) is what it seems. In the
// others the records that reach anything else deviate: they are not what others of their class
// are. These are few, 5,000 of 5.6 million in a kernel, and only they are looked at:
//
//  1. read the odd units again and find the deviating records (deviate)
//  2. make a graph of them and of the standards of their classes, a standard being what a
//     record of the class is where nothing deviates (connect)
//  3. which nodes of the graph are equal: partition.go
//  4. a standard may be all wildcard: where its records occur, nothing but declarations stands
//     where others of its class differ. It is given up for one of these (dedup_support.go), and 3 is repeated
//  5. each part without a standard becomes a class with exact references (classify, materialize)
//
// Types in loops that no tag cuts (dedup_loops.go) are dealt with in the same way.

package btf

import (
	"cmp"
	"math"
	"slices"
)

// states are the nodes of the graph: the deviating records of all units, numbered through, then
// the standards of classes.
type states struct {
	graph
	place    []uint64            // by record; noPlace if unlisted
	unit     []uint32            // by record
	kept     []uint32            // forward declarations that stay what they are although this is not the default
	byClass  map[uint32][]uint32 // nominal class -> its deviating records
	standard map[uint32]uint32   // nominal class -> its standard
	block    []uint32            // by node
	class    []uint32            // by block: the class that it became
}

// byName in a head of the graph tells that the rest is a class, and that its standard is meant.
const byName = 1 << 31

// noPosition is the label of a transition that is no reference.
const noPosition = math.MaxUint32

func (d *Dedup) refine(ambiguous []uint32, reload Reload) error {
	r := &refiner{d: d, ambiguous: ambiguous, index: map[uint32]int{}}
	r.byClass, r.standard = map[uint32][]uint32{}, map[uint32]uint32{}
	for i, t := range ambiguous {
		r.index[t] = i
	}
	r.findHolders()
	r.scanUnits()
	r.rank()
	r.interpret()
	slices.Sort(d.loops)
	if err := r.readOddUnits(reload); err != nil {
		return err
	}
	d.Stats.Ambiguous = len(ambiguous)
	d.Stats.Deviating = len(r.colour)
	if len(r.colour) == 0 && len(r.kept) == 0 {
		return nil
	}
	supported := r.support()
	r.connect()
	r.block, _ = r.minimize()
	given := r.giveUp(supported)
	var blocks int
	r.block, blocks = r.minimize()
	r.classify(blocks, given)
	if err := r.moveFirst(reload); err != nil {
		return err
	}
	r.settleFirst(given)
	r.materialize()
	return nil
}

// readOddUnits finds the deviating records.
func (r *refiner) readOddUnits(reload Reload) error {
	d := r.d
	var u Unit
	var h hasher
	for n := range r.units {
		_, loops := slices.BinarySearch(d.loops, n)
		if !loops && !r.odd(n) {
			continue
		}
		d.Stats.OddUnits++
		u.Reset(0)
		if err := d.reload(n, &u, reload); err != nil {
			return err
		}
		var cyclic map[uint32]bool
		if loops {
			if err := h.run(&u); err != nil {
				return err
			}
			cyclic = h.cyclic
		}
		r.deviate(n, &u, cyclic)
	}
	slices.Sort(r.kept)
	r.kept = slices.Compact(r.kept)
	return nil
}

// deviate adds the deviating records of a unit: definitions that are not the default, loops, and
// whatever refers to one of these or to a declaration that does not mean the default.
func (r *refiner) deviate(n int, u *Unit, cyclic map[uint32]bool) {
	d := r.d
	ids := d.units[n]
	state := make([]uint32, len(u.Records)) // 1 + number of the node
	var todo []uint32
	add := func(i uint32) {
		rec := &u.Records[i]
		if state[i] != 0 || rec.isFwd() && rec.Name != 0 {
			return
		}
		state[i] = uint32(len(r.colour)) + 1
		todo = append(todo, i)
		place := uint64(noPlace)
		if rec.Flags&Unlisted == 0 || d.isBase(n) {
			place = u.Base + uint64(rec.Pos)
		}
		r.byClass[ids[i]] = append(r.byClass[ids[i]], uint32(len(r.colour)))
		r.colour = append(r.colour, ids[i])
		r.place = append(r.place, place)
		r.unit = append(r.unit, uint32(n))
	}
	for i := range u.Records {
		i := uint32(i)
		if cyclic[i] {
			add(i)
		}
		t := d.tags.of[ids[i]]
		if t == 0 {
			continue
		}
		if _, ok := r.index[t-1]; !ok {
			continue
		}
		to := r.meant(n, ids[i])
		if to == d.tags.tags[t-1].meaning {
			continue
		}
		add(i)
		if u.Records[i].isFwd() {
			todo = append(todo, i)
			d.instances[instanceKey{ids[i], u.Base + uint64(u.Records[i].Pos)}] = to
			if d.class(to).isFwd() {
				r.kept = append(r.kept, to)
			}
		}
	}
	start, from := u.referrers()
	for len(todo) > 0 {
		j := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, i := range from[start[j]:start[j+1]] {
			if i != 0 && j != 0 {
				add(i)
			}
		}
	}
	for i := range u.Records {
		if state[i] != 0 {
			r.edges(n, u, uint32(i), state)
		}
	}
}

// meant returns the class that a reference to a record of class id in unit n means, as
// long as the record does not deviate.
func (r *refiner) meant(n int, id uint32) uint32 {
	d := r.d
	t := d.tags.of[id]
	if t == 0 || !d.class(id).isFwd() {
		return id
	}
	tag := &d.tags.tags[t-1]
	at, ok := r.index[t-1]
	if !ok {
		return tag.meaning
	}
	if m := r.units[n].means[at]; int(m) < len(r.defs[at]) {
		return r.defs[at][m]
	}
	return tag.fwd
}

// referrers returns who refers to record j: from[start[j]:start[j+1]].
func (u *Unit) referrers() (start, from []uint32) {
	start = make([]uint32, len(u.Records)+1)
	for i := range u.Records {
		u.refs(uint32(i), func(j uint32) { start[j+1]++ })
	}
	for j := range u.Records {
		start[j+1] += start[j]
	}
	from = make([]uint32, start[len(u.Records)])
	fill := slices.Clone(start)
	for i := range u.Records {
		u.refs(uint32(i), func(j uint32) {
			from[fill[j]] = uint32(i)
			fill[j]++
		})
	}
	return start, from
}

// edges adds the transitions of record i: its references, by position.
func (r *refiner) edges(n int, u *Unit, i uint32, state []uint32) {
	rec := &u.Records[i]
	ids := r.d.units[n]
	add := func(pos, j uint32) {
		switch {
		case j == 0:
			return
		case state[j] != 0:
			r.head = append(r.head, state[j]-1)
		default:
			r.head = append(r.head, byName|r.meant(n, ids[j]))
		}
		r.tail = append(r.tail, state[i]-1)
		r.labl = append(r.labl, pos)
	}
	add(0, rec.Ref)
	switch rec.Kind {
	case KindArray:
		add(1, rec.Aux)
	case KindStruct, KindUnion, KindFuncProto, KindDatasec:
		for m := range rec.Count {
			add(m+2, u.Members[rec.First+m].Ref)
		}
	}
}

// connect adds the standards of all classes that have deviating records, and of the declarations that are
// kept. Transitions to other standards are dropped: they say no more than the colour does.
func (r *refiner) connect() {
	d := r.d
	classes := slices.Clone(r.kept)
	for id := range r.byClass {
		classes = append(classes, id)
	}
	slices.Sort(classes)
	for _, id := range classes {
		r.standard[id] = uint32(len(r.colour))
		r.colour = append(r.colour, id)
	}
	keep := 0
	for t, h := range r.head {
		if h >= byName {
			to, ok := r.standard[h&^byName]
			if !ok {
				continue
			}
			h = to
		}
		r.tail[keep], r.head[keep], r.labl[keep] = r.tail[t], h, r.labl[t]
		keep++
	}
	r.tail, r.head, r.labl = r.tail[:keep], r.head[:keep], r.labl[:keep]
	for _, id := range classes {
		c := d.class(id)
		if d.reachesLoop(id) { // no record is like this: equal to itself alone
			r.tail = append(r.tail, r.standard[id])
			r.head = append(r.head, r.standard[id])
			r.labl = append(r.labl, noPosition)
			continue
		}
		d.eachRef(id, func(pos, ref uint32) {
			if to, ok := r.standard[d.target(c, ref)]; ok {
				r.tail = append(r.tail, r.standard[id])
				r.head = append(r.head, to)
				r.labl = append(r.labl, pos)
			}
		})
	}
}

// reachesLoop tells whether the content of a class is that of one record among many that differ
// further on, in loops that no tag cuts.
func (d *Dedup) reachesLoop(id uint32) bool {
	loop := d.class(id).loop
	d.eachRef(id, func(_, ref uint32) { loop = loop || d.class(ref).loop })
	return loop
}

// classify gives each block a class: the nominal one if the standard is in it, else a new one.
func (r *refiner) classify(blocks int, given map[uint32]uint32) {
	d := r.d
	r.class = make([]uint32, blocks)
	for id, s := range r.standard {
		if _, gone := given[id]; !gone {
			r.class[r.block[s]] = id
		}
	}
	for _, id := range r.kept {
		d.keepFwd[id] = true
	}
	order := make([]uint32, len(r.place))
	filled := make([]bool, blocks)
	for s := range order {
		order[s] = uint32(s)
		if b := r.block[s]; !filled[b] { // that is, not by standards alone
			filled[b] = true
			d.Stats.Blocks++
		}
	}
	slices.SortFunc(order, func(a, b uint32) int { return cmp.Or(cmp.Compare(r.place[a], r.place[b]), cmp.Compare(a, b)) })
	for _, s := range order {
		b, id := r.block[s], r.colour[s]
		if r.class[b] == 0 {
			r.class[b] = uint32(d.AddClass(d.class(id).Record, d.members(id)))
		}
		d.instances[instanceKey{id, r.place[s]}] = r.class[b]
	}
	for id, s := range given {
		to := r.class[r.block[s]]
		d.into.set(id, to)
		if t := d.tags.of[id]; t != 0 && d.tags.tags[t-1].meaning == id {
			d.tags.tags[t-1].meaning = to
		}
	}
}

// settleFirst gives each class the first place of what became of it.
func (r *refiner) settleFirst(given map[uint32]uint32) {
	d := r.d
	for s, place := range r.place {
		if c := r.class[r.block[s]]; place < basePlace {
			d.first[c] = min(d.first[c], place)
		}
	}
	for id := range given {
		to, _ := d.into.get(id)
		d.first[to] = min(d.first[to], d.first[id])
		d.first[id] = noPlace
	}
}

// moveFirst corrects the first places of classes whose first record became another one: what is
// left of them starts later, or nowhere.
func (r *refiner) moveFirst(reload Reload) error {
	d := r.d
	lost := make([]bool, len(d.first))
	left := 0
	for id := range r.byClass {
		if to, ok := d.instances[instanceKey{id, d.first[id]}]; ok && to != id && d.first[id] != noPlace {
			lost[id] = true
			left++
			d.first[id] = noPlace
		}
	}
	if left == 0 {
		return nil
	}
	has := make([]bool, len(d.units)) // by unit: it has a record of such a class
	d.inParallel(len(d.units), func(n int) {
		for _, id := range d.units[n] {
			if lost[id] {
				has[n] = true
				return
			}
		}
	})
	var u Unit
	count := make([]int, len(d.first)) // by lost class: records of the unit at hand, less those that deviate
	var touched []uint32
	records := 0
	for n := 0; n < len(d.units) && left > 0; n++ {
		for ; records < len(r.unit) && r.unit[records] == uint32(n); records++ {
			count[r.colour[records]]--
			touched = append(touched, r.colour[records])
		}
		if !has[n] { // then none of them is lost either
			for _, id := range touched {
				count[id] = 0
			}
			touched = touched[:0]
			continue
		}
		found := false
		for _, id := range d.units[n] {
			if lost[id] {
				count[id]++
				touched = append(touched, id)
				found = found || count[id] > 0
			}
		}
		for _, id := range touched {
			count[id] = 0
		}
		touched = touched[:0]
		if !found {
			continue
		}
		u.Reset(0)
		if err := d.reload(n, &u, reload); err != nil {
			return err
		}
		for i, id := range d.units[n] {
			rec := &u.Records[i]
			place := u.Base + uint64(rec.Pos)
			if !lost[id] || rec.Flags&Unlisted != 0 {
				continue
			}
			if _, deviates := d.instances[instanceKey{id, place}]; !deviates {
				d.first[id] = place
				lost[id] = false
				left--
			}
		}
	}
	return nil
}

// materialize writes the exact references of the new classes.
func (r *refiner) materialize() {
	d := r.d
	rep := make([]uint32, len(r.class)) // 1 + a record of the block
	for s := range r.place {
		if b := r.block[s]; r.class[b] != r.colour[s] {
			rep[b] = uint32(s) + 1
		}
	}
	for b, s := range rep {
		if s == 0 {
			continue
		}
		nominal := d.class(r.colour[s-1])
		c := d.class(r.class[b])
		c.Ref = d.target(nominal, nominal.Ref)
		if c.Kind == KindArray {
			c.Aux = d.target(nominal, nominal.Aux)
		}
		members := d.members(r.class[b])
		for i, m := range d.members(r.colour[s-1]) {
			members[i].Ref = d.target(nominal, m.Ref)
		}
	}
	for t, s := range r.tail {
		b := r.block[s]
		if rep[b] != s+1 {
			continue
		}
		c, to := d.class(r.class[b]), r.class[r.block[r.head[t]]]
		switch pos := r.labl[t]; pos {
		case 0:
			c.Ref = to
		case 1:
			c.Aux = to
		default:
			d.members(r.class[b])[pos-2].Ref = to
		}
	}
}

// instanceKey names a record: its nominal class and its place.
type instanceKey struct {
	class uint32
	place uint64
}

// At returns the class of the record that Add put into class and that stands at place: of the
// definition, if it is a declaration that stands for one.
func (d *Dedup) At(class ClassID, place uint64) ClassID {
	id, ok := d.instances[instanceKey{uint32(class), place}]
	if !ok {
		id = uint32(class)
		if t := d.tags.of[id]; t != 0 && d.class(id).isFwd() {
			id = d.tags.tags[t-1].meaning
		}
	}
	return ClassID(d.merged(id))
}
