// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

// orphans marks the nameless types of B that nothing refers to and that the base
// has with a forward declaration in place of the definition, or the other way round: libbpf leaves
// them behind when a type that they were part of has become the base's.
func (d *diff) orphans() {
	g := d.g
	if g.rep == nil {
		return
	}
	used := make([]bool, g.len())
	for n := g.firstB; n < node(g.len()); n++ {
		for _, r := range g.refs(n) {
			used[r] = true
		}
	}
	m := &matcher{g: g, index: make(map[[2]node]int32)}
	wanted := make(map[*item][]node)
	for _, it := range d.items {
		if it.place != onlyB || g.named(it.node) || used[it.node] {
			continue
		}
		wanted[it] = g.trunk.rendered(g)[g.decl(it.node, "")]
		for _, y := range wanted[it] {
			m.add(it.node, y)
		}
	}
	m.solve()
	for it, list := range wanted {
		for _, y := range list {
			it.orphan = it.orphan || m.equal(it.node, y)
		}
	}
}

// rendered returns the nameless types of the base by their C rendering, which does not
// tell a forward declaration from a definition.
func (tr *trunk) rendered(g *graph) map[string][]node {
	if tr.texts == nil {
		tr.texts = make(map[string][]node)
		for n := range g.shared {
			if n > 0 && !g.named(n) {
				text := g.decl(n, "")
				tr.texts[text] = append(tr.texts[text], n)
			}
		}
	}
	return tr.texts
}
