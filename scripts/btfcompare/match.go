// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"github.com/btfgen/btfgen/internal/btf"
)

// matcher finds out which own types equal one of the base: bisimilar, where a
// forward declaration stands for its definition and the other way round, as does an
// enum without values. Pairs of an own type and one of the base are linked by their
// references; a pair whose records differ spoils all that lead to it, and what is
// left is equal.
type matcher struct {
	g     *graph
	index map[[2]node]int32 // into pairs
	pairs []pair
}

type pair struct {
	own, base node
	users     []int32 // pairs that refer to this one
	bad       bool
	cause     int32 // of a bad pair: the one it refers to, or itself
}

// add returns the number of a pair, noting all that it leads to.
func (m *matcher) add(own, base node) int32 {
	first, isNew := m.note(own, base)
	for todo := first; isNew && int(todo) < len(m.pairs); todo++ {
		p := &m.pairs[todo]
		equal, leaf := m.g.alike(p.own, p.base)
		p.bad = !equal
		if p.bad || leaf {
			continue
		}
		refs := m.g.refs(p.base)
		for i, x := range m.g.refs(p.own) {
			if x == refs[i] {
				continue
			}
			next, _ := m.note(x, refs[i])
			m.pairs[next].users = append(m.pairs[next].users, todo)
		}
	}
	return first
}

func (m *matcher) note(own, base node) (num int32, isNew bool) {
	key := [2]node{own, base}
	num, ok := m.index[key]
	if !ok {
		num = int32(len(m.pairs))
		m.index[key] = num
		m.pairs = append(m.pairs, pair{own: own, base: base, cause: num})
	}
	return num, !ok
}

// solve spreads what is bad. There are no more pairs to be added after it.
func (m *matcher) solve() {
	var todo []int32
	for i := range m.pairs {
		if m.pairs[i].bad {
			todo = append(todo, int32(i))
		}
	}
	for len(todo) > 0 { // breadth first, so that causes are near
		i := todo[0]
		todo = todo[1:]
		for _, u := range m.pairs[i].users {
			if p := &m.pairs[u]; !p.bad {
				p.bad, p.cause = true, i
				todo = append(todo, u)
			}
		}
	}
}

// equal tells of a pair that was added whether it is equal; after solve.
func (m *matcher) equal(own, base node) bool { return !m.pairs[m.index[[2]node{own, base}]].bad }

// alike compares two types without their references; leaf means that these do not count.
func (g *graph) alike(a, b node) (equal, leaf bool) {
	if g.labels[a] == g.labels[b] {
		return true, false
	}
	ta, ok := g.tagOf(a)
	tb, ok2 := g.tagOf(b)
	return ok && ok2 && ta == tb && (g.forward(a) || g.forward(b)), true
}

// forward tells whether a type announces one that is defined elsewhere.
func (g *graph) forward(n node) bool {
	switch g.kind[n] {
	case btf.KindFwd:
		return true
	case btf.KindEnum, btf.KindEnum64:
		_, typ := g.at(n)
		return typ.Vlen == 0
	}
	return false
}

// leaf returns the pair that makes a bad one bad, and the path there from the named
// type nearest to it.
func (m *matcher) leaf(own, base node) (p pair, path string) {
	g := m.g
	num := m.index[[2]node{own, base}]
	for p = m.pairs[num]; p.cause != num; p = m.pairs[num] {
		if g.named(p.own) {
			path = keyword(g, p.own) + g.name[p.own]
		}
		next := m.pairs[p.cause]
		for i, x := range g.refs(p.own) {
			if x == next.own && g.refs(p.base)[i] == next.base {
				path += g.slot(p.own, i)
				break
			}
		}
		num = p.cause
	}
	if g.named(p.own) && g.name[p.own] == g.name[p.base] {
		path = keyword(g, p.own) + g.name[p.own]
	}
	return p, path
}

// why tells where the types of a bad pair first differ, and how.
func (m *matcher) why(own, base node) string {
	p, path := m.leaf(own, base)
	heads := [2][]string{m.g.head(p.own), m.g.head(p.base)}
	for i := range max(len(heads[0]), len(heads[1])) {
		if x, y := part(heads[0], i), part(heads[1], i); x != y {
			return at(path) + "own has " + x + ", the base " + y
		}
	}
	return at(path) + "they differ"
}
