// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"cmp"
	"slices"
)

// A graph of states with labelled transitions, to be minimised like a partial deterministic
// automaton: two states are equal if they start with equal colours and their
// transitions have the same labels and lead to equal states.
type graph struct {
	colour           []uint32 // by state
	tail, head, labl []uint32 // by transition
}

// minimize returns for each state the number of its block in the coarsest such partition,
// in O(m log n) for m transitions (Valmari, "Fast brief practical DFA minimization", 2012): blocks
// of states and cords of transitions are refined in turn, always by the smaller part of what was split.
func (g *graph) minimize() (block []uint32, blocks int) {
	n, m := len(g.colour), len(g.tail)
	b := newPartition(n, func(x, y uint32) int { return cmp.Compare(g.colour[x], g.colour[y]) })
	c := newPartition(m, func(x, y uint32) int { return cmp.Compare(g.labl[x], g.labl[y]) })
	// Transitions by the state they lead to.
	start := make([]uint32, n+1)
	for _, h := range g.head {
		start[h+1]++
	}
	for i := range n {
		start[i+1] += start[i]
	}
	into := make([]uint32, m)
	fill := slices.Clone(start)
	for t, h := range g.head {
		into[fill[h]] = uint32(t)
		fill[h]++
	}
	for bi, ci := 1, 0; ci < len(c.first); {
		for i := c.first[ci]; i < c.past[ci]; i++ {
			b.mark(g.tail[c.elems[i]])
		}
		b.split()
		ci++
		for ; bi < len(b.first); bi++ {
			for i := b.first[bi]; i < b.past[bi]; i++ {
				s := b.elems[i]
				for _, t := range into[start[s]:start[s+1]] {
					c.mark(t)
				}
			}
			c.split()
		}
	}
	return b.set, len(b.first)
}

// partition is a refinable partition of the numbers below n: each set is a run of elems.
type partition struct {
	elems, loc  []uint32 // loc[elems[i]] == i
	set         []uint32 // by element
	first, past []uint32 // by set
	marked      []uint32 // by set: its first elements that are marked
	touched     []uint32
}

// newPartition makes one set of each class of elements that compare as equal.
func newPartition(n int, compare func(x, y uint32) int) *partition {
	p := &partition{elems: make([]uint32, n), loc: make([]uint32, n), set: make([]uint32, n)}
	for i := range p.elems {
		p.elems[i] = uint32(i)
	}
	slices.SortStableFunc(p.elems, compare)
	for i, e := range p.elems {
		if i == 0 || compare(p.elems[i-1], e) != 0 {
			if i > 0 {
				p.past = append(p.past, uint32(i))
			}
			p.first = append(p.first, uint32(i))
		}
		p.loc[e], p.set[e] = uint32(i), uint32(len(p.first)-1)
	}
	if n > 0 {
		p.past = append(p.past, uint32(n))
	}
	p.marked = make([]uint32, len(p.first))
	return p
}

func (p *partition) mark(e uint32) {
	s, i := p.set[e], p.loc[e]
	j := p.first[s] + p.marked[s]
	if i < j {
		return
	}
	p.elems[i] = p.elems[j]
	p.loc[p.elems[i]] = i
	p.elems[j], p.loc[e] = e, j
	if p.marked[s] == 0 {
		p.touched = append(p.touched, s)
	}
	p.marked[s]++
}

// split makes the smaller of the marked and the unmarked part of each touched set a set of its own.
func (p *partition) split() {
	for _, s := range p.touched {
		j := p.first[s] + p.marked[s]
		if j == p.past[s] {
			p.marked[s] = 0
			continue
		}
		if p.marked[s] <= p.past[s]-j {
			p.first, p.past = append(p.first, p.first[s]), append(p.past, j)
			p.first[s] = j
		} else {
			p.first, p.past = append(p.first, j), append(p.past, p.past[s])
			p.past[s] = j
		}
		z := uint32(len(p.first) - 1)
		p.marked = append(p.marked, 0)
		p.marked[s] = 0
		for _, e := range p.elems[p.first[z]:p.past[z]] {
			p.set[e] = z
		}
	}
	p.touched = p.touched[:0]
}
