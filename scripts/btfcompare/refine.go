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
	have := make([][3]int, len(g.trunk.tags)+1) // by number of the tag
	numbers := make(map[tag]uint32)             // of tags that the base lacks
	nominal = append(make(cuts, 0, g.len()), g.trunk.cut...)
	for n := g.shared; n < node(g.len()); n++ {
		t, ok := g.tagOf(n)
		if !ok || g.folded(n) {
			nominal = append(nominal, 0)
			continue
		}
		num, ok := g.trunk.tags[t]
		if !ok {
			num, ok = numbers[t]
		}
		if !ok {
			num = uint32(len(have))
			numbers[t] = num
			have = append(have, [3]int{})
		}
		have[num][g.side[n]]++
		nominal = append(nominal, num)
	}
	variant = make(cuts, g.len())
	for n := g.shared; n < node(g.len()); n++ {
		// A tag of the base's that stays after folding is another variant of it.
		if num := nominal[n]; int(num) > len(g.trunk.tags) && max(have[num][sideA], have[num][sideB]) == 1 {
			variant[n] = num
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
//
// Types of the base are no matter of refinement: each is a class of its own, with
// its node as number.
func (g *graph) refine(labels []uint32, cut cuts) []uint32 {
	own := g.start[g.shared]
	refs := make([]uint32, len(g.edges)-int(own))
	for i, r := range g.edges[own:] {
		refs[i] = uint32(r)
		if cut != nil && cut[r] != 0 {
			refs[i] = cut[r] | cutMark
		}
	}
	size := 1 << bits.Len(uint(2*(g.len()-int(g.shared))))
	p := &partition{
		shared: int(g.shared),
		start:  g.start,
		own:    own,
		refs:   refs,
		slots:  make([]slot, size),
		shift:  64 - bits.Len(uint(size-1)),
	}
	class := make([]uint32, g.len())
	for n := range class {
		class[n] = uint32(n)
		if n >= p.shared {
			class[n] = uint32(p.shared) + labels[n]
		}
	}
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
	shared int // nodes of the base
	start  []uint32
	own    uint32   // where the references of own types start
	refs   []uint32 // of own types: a node, or the number of a tag with cutMark
	slots  []slot   // open addressing, a power of two larger than twice the own nodes
	shift  int
}

func (p *partition) of(n int) []uint32 { return p.refs[p.start[n]-p.own : p.start[n+1]-p.own] }

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
	num := uint32(p.shared)
	copy(next, class[:p.shared])
	mask := uint64(len(p.slots) - 1)
	for n := p.shared; n < len(class); n++ {
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
	for _, r := range p.of(n) {
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
	ra, rb := p.of(a), p.of(b)
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
