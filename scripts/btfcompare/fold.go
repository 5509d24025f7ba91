// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"github.com/btfgen/btfgen/internal/btf"
)

// fold replaces own types by the ones of the base that they equal. An encoder that
// keeps such a copy says the same at greater length, and all that refers to the copy would differ
// from what refers to the original. What was folded is counted (see surplus); only the rest is compared.
//
//  1. Types with a name, by matcher, except functions and variables.
//  2. Other types that refer to nothing but types of the base, if the base has them
//     exactly: no forward declaration stands for a definition here, so that a
//     reference to a definition of the module's own stays what it is.
//  3. Nameless types that are there for folded ones only.
func (g *graph) fold() *matcher {
	m := &matcher{g: g, index: make(map[[2]node]int32)}
	g.rep = make([]node, g.len())
	g.part = make([]bool, g.len())
	for n := g.shared; n < node(g.len()); n++ {
		for _, y := range g.namesakes(n) {
			m.add(n, y)
		}
	}
	m.solve()
	for n := g.shared; n < node(g.len()); n++ {
		g.rep[n] = m.original(n)
	}
	g.foldExact()
	g.foldParts()
	for n := g.shared; n < node(g.len()); n++ {
		if g.rep[n] == 0 {
			g.redirect(n)
		}
	}
	return m
}

// folded tells whether a type no longer counts.
func (g *graph) folded(n node) bool { return g.rep != nil && (g.rep[n] != 0 || g.part[n]) }

// namesakes returns the types of the base that bear the name of an own one and are of
// its kind, by ID; none for a function, a variable or a tag.
func (g *graph) namesakes(n node) []node {
	if key, ok := g.pairKey(n); ok && g.kind[n] != btf.KindFunc && g.kind[n] != btf.KindVar && g.kind[n] != btf.KindDatasec {
		return g.trunk.named[key]
	}
	return nil
}

// original returns the type of the base that replaces an own one, or 0: the first
// that is equal and has the same record, or for a forward declaration the one definition.
// What the base only announces stays.
func (m *matcher) original(n node) node {
	var definitions []node
	for _, y := range m.g.namesakes(n) {
		if m.g.labels[n] == m.g.labels[y] && m.equal(n, y) {
			return y
		}
		if !m.g.forward(y) {
			definitions = append(definitions, y)
		}
	}
	if m.g.forward(n) && len(definitions) == 1 && m.equal(n, definitions[0]) {
		return definitions[0]
	}
	return 0
}

func (g *graph) foldExact() {
	var refs []node
	var key []byte
	for changed := true; changed; {
		changed = false
	types:
		for n := g.shared; n < node(g.len()); n++ {
			if g.rep[n] != 0 || g.kind[n] == btf.KindVar || g.kind[n] == btf.KindDatasec {
				continue
			}
			refs = refs[:0]
			for _, r := range g.refs(n) {
				if r >= g.shared {
					if r = g.rep[r]; r == 0 {
						continue types
					}
				}
				refs = append(refs, r)
			}
			key = exactKey(key[:0], g.labels[n], refs)
			if y, ok := g.trunk.exact[string(key)]; ok {
				g.rep[n] = y
				changed = true
			}
		}
	}
}

// foldParts finds nameless types that folded ones lead to and nothing else. A type
// that nothing refers to stays.
func (g *graph) foldParts() {
	used := make([]bool, g.len())
	for n := g.shared; n < node(g.len()); n++ {
		for _, r := range g.refs(n) {
			used[r] = used[r] || r != n
		}
	}
	spread := func(isRoot func(n node) bool) []bool {
		seen := make([]bool, g.len())
		var todo []node
		for n := g.shared; n < node(g.len()); n++ {
			if isRoot(n) {
				todo = append(todo, n)
			}
		}
		for len(todo) > 0 {
			n := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			for _, r := range g.refs(n) {
				if r >= g.shared && g.rep[r] == 0 && !g.named(r) && !seen[r] {
					seen[r] = true
					todo = append(todo, r)
				}
			}
		}
		return seen
	}
	forFolded := spread(func(n node) bool { return g.rep[n] != 0 })
	forOthers := spread(func(n node) bool { return g.rep[n] == 0 && (g.named(n) || !used[n]) })
	for n := range g.part {
		g.part[n] = forFolded[n] && !forOthers[n]
	}
}

// redirect lets the references of a type go to the base.
func (g *graph) redirect(n node) {
	refs := g.refs(n)
	for i, r := range refs {
		if g.rep[r] != 0 {
			refs[i] = g.rep[r]
		}
	}
}
