// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"encoding/binary"

	"github.com/btfgen/btfgen/internal/btf"
)

// trunk is the part that all graphs over one base have in common, made once: void
// and the types of the base, and where to find them.
type trunk struct {
	kind     []btf.Kind
	name     []string
	start    []uint32
	edges    []node
	labels   []uint32
	interned map[string]uint32 // labels

	orderB []node // see order; nil where B has the same base

	tags  map[tag]uint32     // numbered from 1
	cut   cuts               // of void and the base's types, to the tag's number
	named map[pairKey][]node // data types that have a name
	exact map[string]node    // by label and references: all but VAR and DATASEC
	texts map[string][]node  // see rendered; nil until asked for
}

// newTrunk prepares a base; nil stands for none.
func newTrunk(base *btf.Table) *trunk {
	g := &graph{a: base, b: base, shared: 1, start: []uint32{0}}
	if base != nil {
		g.shared = node(base.NumIDs())
	}
	g.firstB = g.shared
	tr := &trunk{interned: make(map[string]uint32), tags: make(map[tag]uint32), cut: make(cuts, g.shared),
		named: make(map[pairKey][]node), exact: make(map[string]node)}
	in := interner{of: tr.interned}
	var buf []byte
	for n := range g.shared {
		if base == nil {
			g.kind, g.name, g.start = append(g.kind, btf.KindVoid), append(g.name, ""), append(g.start, 0)
			tr.labels = append(tr.labels, in.label(nil))
			continue
		}
		g.addNode(n)
		buf = g.appendLabel(buf[:0], n, true)
		tr.labels = append(tr.labels, in.label(buf))
		tr.index(g, n)
	}
	tr.kind, tr.name, tr.start, tr.edges = g.kind, g.name, g.start, g.edges
	return tr
}

func (tr *trunk) index(g *graph, n node) {
	if t, ok := g.tagOf(n); ok {
		if tr.tags[t] == 0 {
			tr.tags[t] = uint32(len(tr.tags) + 1)
		}
		tr.cut[n] = tr.tags[t]
	}
	if g.kind[n] == btf.KindVoid || g.kind[n] == btf.KindVar || g.kind[n] == btf.KindDatasec {
		return
	}
	if key, ok := g.pairKey(n); ok && g.kind[n] != btf.KindFunc {
		tr.named[key] = append(tr.named[key], n)
	}
	key := string(exactKey(nil, tr.labels[n], g.refs(n)))
	if _, ok := tr.exact[key]; !ok {
		tr.exact[key] = n
	}
}

// exactKey appends what finds a type in trunk.exact.
func exactKey(b []byte, label uint32, refs []node) []byte {
	b = binary.LittleEndian.AppendUint32(b, label)
	for _, r := range refs {
		b = binary.LittleEndian.AppendUint32(b, uint32(r))
	}
	return b
}

// interner numbers labels, over the numbers of a base.
type interner struct {
	of, under map[string]uint32
}

func (in *interner) label(b []byte) uint32 {
	if id, ok := in.under[string(b)]; ok {
		return id
	}
	id, ok := in.of[string(b)]
	if !ok {
		id = uint32(len(in.under) + len(in.of))
		in.of[string(b)] = id
	}
	return id
}
