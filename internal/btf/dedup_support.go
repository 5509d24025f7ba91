// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Standards that are all wildcard (spec dedup.md 7, stage E).
//
//	a.c: struct T { int x; };   struct S { struct T *t; };
//	b.c: struct T { long y; };  struct S { struct T *t; };  struct user { struct S *s; };
//	c.c: struct S;                                          struct user { struct S *s; };
//
// With a.c as the default, struct user of b.c deviates, and that of c.c does not. But nothing in
// c.c says that it is another one, so it is that of b.c.

package btf

import (
	"cmp"
	"slices"
)

// giveUp redirects the standards of STRUCT, UNION and TYPEDEF classes that nothing supports, and returns the
// record that each was given up for.
func (r *refiner) giveUp(supported map[uint32]bool) (given map[uint32]uint32) {
	given = map[uint32]uint32{}
	instead := map[uint32]uint32{} // standard -> record
	moves := r.transitions()
	for id, list := range r.byClass {
		if !supported[id] && isHolder(r.d.class(id).Kind) {
			given[id] = r.preferred(list, moves)
			instead[r.standard[id]] = given[id]
		}
	}
	for t, h := range r.head {
		if s, ok := instead[h]; ok {
			r.head[t] = s
		}
	}
	return given
}

// preferred returns a record of a block that the base has, or else of the one that has most of the list; of several such blocks, the
// one that compares as least.
func (r *refiner) preferred(list []uint32, moves [][]uint32) uint32 {
	count := map[uint32]int{}
	for _, s := range list {
		if r.d.isBase(int(r.unit[s])) {
			count[r.block[s]] += len(list)
		} else {
			count[r.block[s]]++
		}
	}
	best := list[0]
	for _, s := range list[1:] {
		b, c := r.block[s], r.block[best]
		if b != c && (count[b] > count[c] || count[b] == count[c] && r.compare(s, best, moves) < 0) {
			best = s
		}
	}
	return best
}

// transitions returns the transitions of each node, by position.
func (r *refiner) transitions() [][]uint32 {
	moves := make([][]uint32, len(r.colour))
	for t, s := range r.tail {
		moves[s] = append(moves[s], uint32(t))
	}
	for _, m := range moves {
		slices.SortFunc(m, func(a, b uint32) int { return cmp.Compare(r.labl[a], r.labl[b]) })
	}
	return moves
}

// maxCompared bounds the differing pairs that compare looks at: in a kernel they are a handful.
const maxCompared = 100

// compare orders two nodes of one class by the first difference that is met when both are followed
// breadth first. The order of units plays no part. Nodes that are that much alike count as equal.
func (r *refiner) compare(a, b uint32, moves [][]uint32) int {
	type pair struct{ a, b uint32 }
	seen := map[pair]bool{}
	for queue := []pair{{a, b}}; len(queue) > 0 && len(seen) < maxCompared; queue = queue[1:] {
		p := queue[0]
		if r.block[p.a] == r.block[p.b] || seen[p] {
			continue
		}
		seen[p] = true
		if c := r.compareColours(r.colour[p.a], r.colour[p.b]); c != 0 {
			return c
		}
		x, y := moves[p.a], moves[p.b]
		for len(x) > 0 && len(y) > 0 && r.labl[x[0]] == r.labl[y[0]] {
			queue = append(queue, pair{r.head[x[0]], r.head[y[0]]})
			x, y = x[1:], y[1:]
		}
		switch { // one refers to what has no node: a default
		case len(x) == 0 && len(y) == 0:
		case len(y) == 0 || len(x) > 0 && r.labl[x[0]] < r.labl[y[0]]:
			return 1
		default:
			return -1
		}
	}
	return 0
}

// compareColours orders two nominal classes.
func (r *refiner) compareColours(a, b uint32) int {
	if a == b {
		return 0
	}
	if t := r.d.tags.of[a]; t != 0 && t == r.d.tags.of[b] {
		if i, ok := r.index[t-1]; ok {
			return cmp.Compare(r.rankOf(i, a), r.rankOf(i, b))
		}
	}
	return r.d.compareShape(a, b)
}

// rankOf returns what number a class has among the meanings of an ambiguous tag.
func (r *refiner) rankOf(i int, id uint32) int {
	if m, ok := r.number[id]; ok {
		return int(m)
	}
	return len(r.defs[i])
}

// support finds the classes with deviating records whose other records contradict these
// somewhere: a path along which the former deviate leads to a definition that is the default there.
func (r *refiner) support() map[uint32]bool {
	d := r.d
	along := map[uint64]bool{} // class and position at which a record deviates
	for t, s := range r.tail {
		if h := r.head[t]; h < byName || !r.isDefault(h&^byName) {
			along[uint64(r.colour[s])<<32|uint64(r.labl[t])] = true
		}
	}
	open := make([]bool, len(d.first)) // it is still to be found out
	for id := range r.byClass {
		open[id] = true
	}
	supported := map[uint32]bool{}
	count := make([]int, len(d.first)) // by class: records of the unit at hand that do not deviate
	records := 0
	for n := range r.units {
		own := records
		for records < len(r.unit) && r.unit[records] == uint32(n) {
			records++
		}
		if len(r.units[n].defs) == 0 {
			continue // no definition of an ambiguous tag, so nothing to contradict with
		}
		for _, id := range d.units[n] {
			count[id]++
		}
		for _, id := range r.colour[own:records] {
			count[id]--
		}
		var roots []uint32
		for _, id := range d.units[n] {
			if open[id] && count[id] > 0 {
				roots = append(roots, id)
			}
		}
		r.supportIn(roots, along, count, supported)
		for _, id := range roots {
			open[id] = !supported[id]
		}
		for _, id := range d.units[n] {
			count[id] = 0
		}
	}
	return supported
}

// isDefault tells whether a class is what references to its tag mean by default.
func (r *refiner) isDefault(id uint32) bool {
	t := r.d.tags.of[id]
	return t == 0 || r.d.tags.tags[t-1].meaning == id
}

// supportIn marks what is supported in a unit with the given classes: reverse reachability
// from default definitions along deviating positions.
func (r *refiner) supportIn(roots []uint32, along map[uint64]bool, here []int, supported map[uint32]bool) {
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
			if !along[uint64(id)<<32|uint64(pos)] {
				return
			}
			to := ref
			if t := d.tags.of[ref]; t != 0 {
				to = d.tags.tags[t-1].meaning
				if here[to] == 0 || d.class(to).isFwd() {
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
		if !done[id] {
			done[id], supported[id] = true, true
			good = append(good, ups[id]...)
		}
	}
}
