// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Names with several definitions, second half. In most units every reference to a tag
// leads to its default, and there a nominal class (dedup_hash.go) is what it seems. In the
// others the records that reach anything else deviate: they are not what others of their class
// are. These are few, 5,000 of 5.6 million in a kernel, and only they are looked at:
//
//  1. read the odd units again and find the deviating records (deviate)
//  2. which of them are equal to each other: a partition of the graph they form (partition.go)
//  3. each part becomes a class, with exact references (split, materialize)
//  4. a nominal class of which no other record is left goes; one that nowhere contradicts a
//     part of itself, because where it occurs the difference is hidden behind a forward
//     declaration, joins it (leftovers)
//
// Types in loops that no tag cuts (dedup_loops.go) are dealt with in the same way.

package btf

import (
	"cmp"
	"slices"
)

// states are the deviating records of all units, numbered through.
type states struct {
	graph
	place   []uint64 // by state; noPlace if unlisted
	kind    []Kind
	unit    []uint32
	byClass map[uint32][]uint32 // nominal class -> states
	fwdTo   map[uint32]uint32   // state of a declaration -> the definition that it stands for
	block   []uint32
	class   []uint32 // by block: the class that it became
}

func (d *Dedup) refine(ambiguous []uint32, reload Reload) error {
	r := &refiner{d: d, ambiguous: ambiguous, index: map[uint32]int{}, chosen: map[uint32]uint32{}}
	r.byClass, r.fwdTo = map[uint32][]uint32{}, map[uint32]uint32{}
	for i, t := range ambiguous {
		r.index[t] = i
	}
	r.findHolders()
	r.scanUnits()
	r.rank()
	r.interpret()
	var u Unit
	var h hasher
	for n := range r.units {
		loops := slices.Contains(d.loops, n)
		if !loops && !r.odd(n) {
			continue
		}
		d.Stats.OddUnits++
		u.Reset(0)
		if err := reload(n, &u); err != nil {
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
	d.Stats.Ambiguous = len(ambiguous)
	d.Stats.Deviating = len(r.colour)
	if len(r.colour) == 0 {
		return nil
	}
	r.redirect()
	r.block, d.Stats.Blocks = r.minimize()
	r.split()
	if err := r.leftovers(reload); err != nil {
		return err
	}
	r.materialize()
	return nil
}

// deviate adds the deviating records of a unit as states: definitions and declarations that
// are not the default, loops, and whatever refers to one of these.
func (r *refiner) deviate(n int, u *Unit, cyclic map[uint32]bool) {
	d := r.d
	ids := d.units[n]
	state := make([]uint32, len(u.Records)) // 1 + number of the state
	var todo []uint32
	add := func(i uint32) {
		if state[i] != 0 {
			return
		}
		rec := &u.Records[i]
		s := uint32(len(r.colour))
		state[i] = s + 1
		todo = append(todo, i)
		place := uint64(noPlace)
		if rec.Flags&Unlisted == 0 {
			place = u.Base + uint64(rec.Pos)
		}
		r.colour = append(r.colour, ids[i])
		r.place = append(r.place, place)
		r.kind = append(r.kind, rec.Kind)
		r.unit = append(r.unit, uint32(n))
		r.byClass[ids[i]] = append(r.byClass[ids[i]], s)
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
		at, ok := r.index[t-1]
		switch {
		case !ok:
		case !u.Records[i].isFwd():
			if d.tags.tags[t-1].meaning != ids[i] {
				add(i)
			}
		case r.units[n].means[at] != r.defaults[at]:
			add(i)
			if m := r.units[n].means[at]; int(m) < len(r.defs[at]) {
				r.fwdTo[state[i]-1] = r.defs[at][m]
			}
		}
	}
	// Who refers to record j: from[start[j]:start[j+1]].
	start := make([]uint32, len(u.Records)+1)
	for i := range u.Records {
		u.refs(uint32(i), func(j uint32) { start[j+1]++ })
	}
	for j := range u.Records {
		start[j+1] += start[j]
	}
	from := make([]uint32, start[len(u.Records)])
	fill := slices.Clone(start)
	for i := range u.Records {
		u.refs(uint32(i), func(j uint32) {
			from[fill[j]] = uint32(i)
			fill[j]++
		})
	}
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
			r.edges(u, uint32(i), state)
		}
	}
}

// edges adds the transitions of record i: the references to deviating records, by position.
func (r *refiner) edges(u *Unit, i uint32, state []uint32) {
	rec := &u.Records[i]
	add := func(pos, j uint32) {
		if j != 0 && state[j] != 0 {
			r.tail = append(r.tail, state[i]-1)
			r.head = append(r.head, state[j]-1)
			r.labl = append(r.labl, pos)
		}
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

// redirect leads what refers to a declaration that stands for a definition there.
func (r *refiner) redirect() {
	for t, h := range r.head {
		def, ok := r.fwdTo[h]
		if !ok {
			continue
		}
		if to, ok := r.first(def); ok {
			r.head[t] = to
		}
	}
}

// first returns the state of a class with the least place.
func (r *refiner) first(class uint32) (state uint32, ok bool) {
	for i, s := range r.byClass[class] {
		if i == 0 || r.place[s] < r.place[state] {
			state, ok = s, true
		}
	}
	return state, ok
}

// split gives each block a class. A block without transitions is its nominal class itself.
func (r *refiner) split() {
	d := r.d
	r.class = make([]uint32, d.Stats.Blocks)
	moves := make([]bool, d.Stats.Blocks)
	for _, s := range r.tail {
		moves[r.block[s]] = true
	}
	order := make([]uint32, len(r.colour))
	for s := range order {
		order[s] = uint32(s)
	}
	slices.SortFunc(order, func(a, b uint32) int { return cmp.Or(cmp.Compare(r.place[a], r.place[b]), cmp.Compare(a, b)) })
	for _, s := range order {
		b := r.block[s]
		if r.class[b] != 0 {
			continue
		}
		if !moves[b] {
			r.class[b] = r.colour[s]
			if d.class(r.colour[s]).Kind == KindFwd || d.class(r.colour[s]).isFwd() {
				if _, stands := r.fwdTo[s]; !stands {
					d.keepFwd[r.colour[s]] = true
				}
			}
			continue
		}
		c := d.class(r.colour[s])
		id := uint32(d.AddClass(c.Record, d.members(r.colour[s])))
		d.first[id] = r.place[s]
		r.class[b] = id
	}
	for s := range r.colour {
		d.instances[instanceKey{r.colour[s], r.place[s]}] = r.class[r.block[s]]
	}
}

// leftovers settles what stands for a nominal class where nothing deviates.
func (r *refiner) leftovers(reload Reload) error {
	d := r.d
	open := map[uint32]bool{} // nominal classes with a part that is not itself
	for id, list := range r.byClass {
		for _, s := range list {
			if r.class[r.block[s]] != id {
				open[id] = true
			}
		}
	}
	if err := r.moveFirst(open, reload); err != nil {
		return err
	}
	supported := r.support(open)
	for id := range open {
		if supported[id] {
			continue
		}
		to := r.preferred(id)
		d.first[to] = min(d.first[to], d.first[id])
		d.into[id] = to
		d.first[id] = noPlace
		if t := d.tags.of[id]; t != 0 && d.tags.tags[t-1].meaning == id {
			d.tags.tags[t-1].meaning = to
		}
	}
	return nil
}

// preferred returns the part of a nominal class that most of its deviating records belong to, the first of
// several.
func (r *refiner) preferred(id uint32) uint32 {
	count := map[uint32]int{}
	for _, s := range r.byClass[id] {
		count[r.class[r.block[s]]]++
	}
	best := uint32(0)
	for c, n := range count {
		if c == id {
			continue
		}
		if best == 0 || n > count[best] || n == count[best] && r.d.first[c] < r.d.first[best] {
			best = c
		}
	}
	return best
}

// moveFirst corrects the first places of classes whose first record deviates: what is left of
// them starts later, or nowhere.
func (r *refiner) moveFirst(open map[uint32]bool, reload Reload) error {
	d := r.d
	lost := make([]bool, len(d.first))
	left := 0
	deviates := make(map[instanceKey]bool, len(r.colour))
	for s, id := range r.colour {
		deviates[instanceKey{id, r.place[s]}] = true
		if open[id] && !lost[id] && d.first[id] != noPlace && d.first[id] == r.place[s] {
			lost[id] = true
			left++
		}
	}
	inUnit := make([]int, len(d.units)+1) // states by unit: they were added in that order
	for _, n := range r.unit {
		inUnit[n+1]++
	}
	for n := range d.units {
		inUnit[n+1] += inUnit[n]
	}
	for id, is := range lost {
		if is {
			d.first[id] = noPlace
		}
	}
	var u Unit
	count := make([]int, len(d.first)) // of records of a class in the unit at hand, less those that deviate
	for n := 0; n < len(d.units) && left > 0; n++ {
		own := r.colour[inUnit[n]:inUnit[n+1]]
		for _, id := range own {
			count[id]--
		}
		found := false
		for _, id := range d.units[n] {
			if lost[id] {
				count[id]++
				found = found || count[id] > 0
			}
		}
		for _, id := range own {
			count[id] = 0
		}
		for _, id := range d.units[n] {
			count[id] = 0
		}
		if !found {
			continue
		}
		u.Reset(0)
		if err := reload(n, &u); err != nil {
			return err
		}
		for i, id := range d.units[n] {
			rec := &u.Records[i]
			place := u.Base + uint64(rec.Pos)
			if lost[id] && rec.Flags&Unlisted == 0 && !deviates[instanceKey{id, place}] {
				d.first[id] = place
				lost[id] = false
				left--
			}
		}
	}
	return nil
}

// support finds the nominal classes that somewhere contradict every part of themselves: a
// path along which parts deviate leads to a definition that is the default there.
func (r *refiner) support(open map[uint32]bool) map[uint32]bool {
	d := r.d
	along := map[uint32][]uint32{} // nominal class -> positions at which a part deviates
	for t, s := range r.tail {
		id := r.colour[s]
		if !slices.Contains(along[id], r.labl[t]) {
			along[id] = append(along[id], r.labl[t])
		}
	}
	supported := map[uint32]bool{}
	wanted := make([]bool, len(d.first))
	for id := range open {
		wanted[id] = true
	}
	here := make([]uint32, len(d.first)) // 1 + number of the last unit looked at that has the class
	for n := range r.units {
		if len(r.units[n].defs) == 0 {
			continue // no definition of an ambiguous tag, so nothing to contradict with
		}
		var roots []uint32
		for _, id := range d.units[n] {
			here[id] = uint32(n + 1)
			if wanted[id] {
				roots = append(roots, id)
			}
		}
		if len(roots) == 0 {
			continue
		}
		r.supportIn(roots, along, func(id uint32) bool { return here[id] == uint32(n+1) }, supported)
		for _, id := range roots {
			wanted[id] = wanted[id] && !supported[id]
		}
	}
	return supported
}

// supportIn marks what is supported in one unit: reverse reachability from default
// definitions along deviating positions.
func (r *refiner) supportIn(roots []uint32, along map[uint32][]uint32, here func(id uint32) bool, supported map[uint32]bool) {
	d := r.d
	ups := map[uint32][]uint32{}
	seen := map[uint32]bool{}
	var good []uint32
	for len(roots) > 0 {
		id := roots[len(roots)-1]
		roots = roots[:len(roots)-1]
		if seen[id] {
			continue
		}
		seen[id] = true
		d.eachRef(id, func(pos, ref uint32) {
			if !slices.Contains(along[id], pos) {
				return
			}
			to := ref
			if t := d.tags.of[ref]; t != 0 {
				to = d.tags.tags[t-1].meaning
				if !here(to) || d.class(to).isFwd() {
					return
				}
				if _, ambiguous := r.index[t-1]; ambiguous {
					good = append(good, id)
					return
				}
			}
			ups[to] = append(ups[to], id)
			roots = append(roots, to)
		})
	}
	done := map[uint32]bool{}
	for len(good) > 0 {
		id := good[len(good)-1]
		good = good[:len(good)-1]
		if done[id] {
			continue
		}
		done[id] = true
		supported[id] = true
		good = append(good, ups[id]...)
	}
}

// materialize writes the exact references of the parts.
func (r *refiner) materialize() {
	d := r.d
	done := make([]bool, len(r.class))
	moves := map[uint32][]uint32{} // state that represents a block -> its transitions
	rep := make([]uint32, len(r.class))
	for s, b := range r.block {
		if !done[b] {
			done[b], rep[b] = true, uint32(s)
		}
	}
	for t, s := range r.tail {
		if rep[r.block[s]] == s {
			moves[s] = append(moves[s], uint32(t))
		}
	}
	for b, s := range rep {
		id := r.class[b]
		if id == r.colour[s] {
			continue
		}
		c := d.class(id)
		nominal := d.class(r.colour[s])
		c.Ref = d.target(nominal, nominal.Ref)
		if c.Kind == KindArray {
			c.Aux = d.target(nominal, nominal.Aux)
		}
		members := d.members(id)
		if c.Kind != KindEnum && c.Kind != KindEnum64 {
			for i, m := range d.members(r.colour[s]) {
				members[i].Ref = d.target(nominal, m.Ref)
			}
		}
		for _, t := range moves[s] {
			to := r.class[r.block[r.head[t]]]
			switch pos := r.labl[t]; pos {
			case 0:
				c.Ref = to
			case 1:
				c.Aux = to
			default:
				members[pos-2].Ref = to
			}
		}
	}
}

// instanceKey names a record: its nominal class and its place.
type instanceKey struct {
	class uint32
	place uint64
}

// At returns the class of the record that Add put into class and that stands at place.
func (d *Dedup) At(class ClassID, place uint64) ClassID {
	if id, ok := d.instances[instanceKey{uint32(class), place}]; ok {
		return ClassID(id)
	}
	return ClassID(d.merged(uint32(class)))
}
