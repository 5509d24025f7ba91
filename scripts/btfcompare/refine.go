// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import "math/bits"

// cuts says, per node, whether a reference to it counts by its tag alone: 0 for
// no, else the number of its tag.
type cuts []uint32

// cutMark tells the number of a tag from a node in an array of references.
const cutMark = 1 << 31

// census numbers the tags of both blobs.
//
// In nominal every tagged node is cut. In variant a tag is cut only if either
// side has at most one type of it, so that only references to a tag with several
// definitions (or with a definition and a forward declaration left over) are
// followed: a type that hangs on another variant of such a tag than its
// counterpart differs here and nowhere before, while the difference does not
// spread to all that reaches it through types known by one definition.
func (g *graph) census() (nominal, variant cuts) {
	type counts struct {
		num  uint32
		have [3]int
	}
	tags := make(map[tag]*counts)
	of := make([]*counts, g.len())
	for n := range node(g.len()) {
		t, ok := g.tagOf(n)
		if !ok {
			continue
		}
		c := tags[t]
		if c == nil {
			c = &counts{num: uint32(len(tags) + 1)}
			tags[t] = c
		}
		c.have[g.side[n]]++
		of[n] = c
	}
	nominal = make(cuts, g.len())
	variant = make(cuts, g.len())
	for n, c := range of {
		if c == nil {
			continue
		}
		nominal[n] = c.num
		if c.have[shared]+max(c.have[sideA], c.have[sideB]) == 1 {
			variant[n] = c.num
		}
	}
	return nominal, variant
}

// refine returns the class of each node in the coarsest partition where two
// nodes share a class only if their labels are equal and their references go,
// one by one, to the same class, or, where cut says so, to the same tag. Both
// blobs are partitioned together, hence a class number means the same in both.
//
// This is Moore's minimisation of automata: start from the labels, split by the
// classes of the references, until no class splits. A kernel takes 7 to 45
// rounds. Cycles need no rule of their own. Nothing rests on hashes being
// unique: a node joins a class after comparison with the node that opened it.
func (g *graph) refine(labels []uint32, cut cuts) []uint32 {
	refs := make([]uint32, len(g.edges))
	for i, r := range g.edges {
		refs[i] = uint32(r)
		if cut != nil && cut[r] != 0 {
			refs[i] = cut[r] | cutMark
		}
	}
	size := 1 << bits.Len(uint(2*g.len()))
	p := &partition{
		start: g.start,
		refs:  refs,
		slots: make([]slot, size),
		shift: 64 - bits.Len(uint(size-1)),
	}
	class := labels
	for num := -1; ; {
		next, n := p.split(class)
		if n == num {
			return class
		}
		class, num = next, n
	}
}

// partition is the state kept between rounds.
type partition struct {
	start []uint32
	refs  []uint32 // a node, or the number of a tag with cutMark
	slots []slot   // open addressing, a power of two larger than twice the nodes
	shift int
}

// slot holds the hash and the first node of a class of the round, plus 1.
type slot struct {
	hash  uint64
	first uint32
	class uint32
}

// split makes one round. It returns the new class of each node, numbered in the
// order of their first nodes, and their number.
func (p *partition) split(class []uint32) ([]uint32, int) {
	clear(p.slots)
	next := make([]uint32, len(class))
	num := uint32(0)
	mask := uint64(len(p.slots) - 1)
	for n := range class {
		h := p.hash(class, n)
		for i := h >> p.shift; ; i = (i + 1) & mask {
			s := &p.slots[i]
			if s.first == 0 {
				*s = slot{h, uint32(n) + 1, num}
				next[n] = num
				num++
				break
			}
			if s.hash == h && p.same(class, int(s.first-1), n) {
				next[n] = s.class
				break
			}
		}
	}
	return next, int(num)
}

func (p *partition) hash(class []uint32, n int) uint64 {
	const k0, k1 = 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93
	h := (uint64(class[n]) + 1) * k0
	for _, r := range p.refs[p.start[n]:p.start[n+1]] {
		if r&cutMark == 0 {
			r = class[r]
		}
		hi, lo := bits.Mul64(h^uint64(r), k1)
		h = hi ^ lo + k0
	}
	hi, lo := bits.Mul64(h, k0)
	return hi ^ lo
}

// same reports whether two nodes stay in one class.
func (p *partition) same(class []uint32, a, b int) bool {
	ra := p.refs[p.start[a]:p.start[a+1]]
	rb := p.refs[p.start[b]:p.start[b+1]]
	if class[a] != class[b] || len(ra) != len(rb) {
		return false
	}
	for i, x := range ra {
		y := rb[i]
		if x == y {
			continue
		}
		if (x|y)&cutMark != 0 || class[x] != class[y] {
			return false
		}
	}
	return true
}
