// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"encoding/binary"
	"fmt"

	"github.com/btfgen/btfgen/internal/btf"
)

// node is an index into the arrays of a graph.
type node uint32

// side says which blob a node belongs to.
type side uint8

const (
	shared side = iota // void and the types of the base
	sideA
	sideB
)

// graph holds the types of both blobs as one array of nodes: void and the types
// of the base (if any) first, then A's own types, then B's. One array for both
// makes "equal" a matter of equal class numbers after refinement. Types of the base
// stand for themselves: a reference to one equals no other reference.
type graph struct {
	trunk  *trunk
	a, b   *btf.Table
	shared node // number of shared nodes; at least 1, void
	firstB node
	ownB   btf.ID // first of B's own types; shared if both have one base

	side  []side
	kind  []btf.Kind
	name  []string // empty for what has no name
	start []uint32 // start[n]..start[n+1] are n's edges
	edges []node   // in the order of btf.md 2.3

	labels   []uint32 // all of a type but its references, interned
	anonArgs []uint32 // the same without the names of FUNC_PROTO parameters
	arrays   []flatArray
	inner    []bool // with flat: only an inner dimension, need not occur on the other side

	rep  []node // after fold: the type of the base that an own type equals; else 0
	part []bool // after fold: a nameless type that is there for folded ones only
}

// flatArray replaces the record of an ARRAY when dimensions are multiplied out.
type flatArray struct {
	elem   node
	nelems uint32
}

// maxDims bounds the walk from an array to its innermost element: the encoders
// stop at 64 dimensions, a hostile blob may hold a cycle.
const maxDims = 64

// newGraph puts two blobs (b may be nil) into one graph: split ones over the trunk's base, or any if
// it has none, which are then compared with the bases they bring. With flat, directly
// nested ARRAYs count as one ARRAY of all elements, as pahole up to v1.31 wrote
// them, and an array that is only an inner dimension may be missing on the other side;
// not for a trunk with a base.
func newGraph(tr *trunk, a, b *btf.Table, flat bool) *graph {
	g := &graph{trunk: tr, a: a, b: b, shared: node(len(tr.kind))}
	g.firstB = node(a.NumIDs())
	g.ownB = btf.ID(g.shared)
	if tr.orderB != nil {
		g.ownB = btf.ID(len(tr.orderB))
	}
	total := int(g.firstB)
	if b != nil {
		total += b.NumIDs() - int(g.ownB)
	}
	g.side = make([]side, total)
	g.kind = append(make([]btf.Kind, 0, total), tr.kind...)
	g.name = append(make([]string, 0, total), tr.name...)
	g.start = append(make([]uint32, 0, total+1), tr.start...)
	g.edges = append(make([]node, 0, len(tr.edges)+4*(total-int(g.shared))), tr.edges...)
	for n := g.shared; n < node(total); n++ {
		g.side[n] = sideA
		if n >= g.firstB {
			g.side[n] = sideB
		}
		g.addNode(n)
	}
	if flat {
		g.flatten()
	}
	g.label()
	return g
}

// addNode appends the type of a node that is next in the arrays.
func (g *graph) addNode(n node) {
	t, typ := g.at(n)
	g.kind = append(g.kind, typ.Kind)
	g.name = append(g.name, string(t.Str(typ.Name)))
	g.addEdges(n, typ)
	g.start = append(g.start, uint32(len(g.edges)))
}

func (g *graph) len() int { return len(g.kind) }

// refs returns the nodes n refers to, in record order.
func (g *graph) refs(n node) []node { return g.edges[g.start[n]:g.start[n+1]] }

// at returns the record behind a node and the table its string offsets refer to.
func (g *graph) at(n node) (*btf.Table, btf.Type) {
	if n < g.firstB {
		return g.a, g.a.Type(btf.ID(n))
	}
	return g.b, g.b.Type(g.id(n))
}

// id returns the type ID of a node in its own blob.
func (g *graph) id(n node) btf.ID {
	if n < g.firstB {
		return btf.ID(n)
	}
	return btf.ID(n-g.firstB) + g.ownB
}

// nodeOf is the inverse of id for a reference found in n's blob.
func (g *graph) nodeOf(n node, id btf.ID) node {
	switch {
	case n < g.firstB:
	case id >= g.ownB:
		return node(id-g.ownB) + g.firstB
	case g.trunk.orderB != nil:
		return g.trunk.orderB[id]
	}
	return node(id)
}

func (g *graph) addEdges(n node, typ btf.Type) {
	add := func(id btf.ID) { g.edges = append(g.edges, g.nodeOf(n, id)) }
	switch typ.Kind {
	case btf.KindPtr, btf.KindConst, btf.KindVolatile, btf.KindRestrict, btf.KindTypedef,
		btf.KindFunc, btf.KindVar, btf.KindDeclTag, btf.KindTypeTag:
		add(btf.ID(typ.SizeOrType))
	case btf.KindArray:
		elem, index, _ := typ.Array()
		add(elem)
		add(index)
	case btf.KindStruct, btf.KindUnion:
		for i := range int(typ.Vlen) {
			_, id, _, _ := typ.Member(i)
			add(id)
		}
	case btf.KindFuncProto:
		add(btf.ID(typ.SizeOrType))
		for i := range int(typ.Vlen) {
			_, id := typ.Param(i)
			add(id)
		}
	case btf.KindDatasec:
		for i := range int(typ.Vlen) {
			id, _, _ := typ.SecVar(i)
			add(id)
		}
	}
}

// flatten multiplies the dimensions of nested arrays and notes the arrays that
// only serve as inner dimension of others.
func (g *graph) flatten() {
	g.inner = make([]bool, g.len())
	other := make([]bool, g.len())
	g.arrays = make([]flatArray, g.len())
	for n := range node(g.len()) {
		isArray := g.kind[n] == btf.KindArray
		for i, r := range g.refs(n) {
			if isArray && i == 0 && g.kind[r] == btf.KindArray {
				g.inner[r] = true
			} else {
				other[r] = true
			}
		}
		if isArray {
			g.arrays[n] = g.flatArray(n)
		}
	}
	for n := range node(g.len()) {
		g.inner[n] = g.inner[n] && !other[n]
		if g.kind[n] == btf.KindArray {
			g.edges[g.start[n]] = g.arrays[n].elem
		}
	}
}

func (g *graph) flatArray(n node) flatArray {
	f := flatArray{n, 1}
	for dims := 0; g.kind[f.elem] == btf.KindArray && dims < maxDims; dims++ {
		_, typ := g.at(f.elem)
		elem, _, nelems := typ.Array()
		f = flatArray{g.nodeOf(n, elem), f.nelems * nelems}
	}
	return f
}

// nelems returns the number of elements of an ARRAY as it is compared.
func (g *graph) nelems(n node) uint32 {
	if g.arrays != nil {
		return g.arrays[n].nelems
	}
	_, typ := g.at(n)
	_, _, nelems := typ.Array()
	return nelems
}

// label labels the own types; those of the base come from the trunk.
func (g *graph) label() {
	g.labels = append(make([]uint32, 0, g.len()), g.trunk.labels...)
	g.anonArgs = append(make([]uint32, 0, g.len()), g.trunk.labels...)
	in := interner{of: make(map[string]uint32), under: g.trunk.interned}
	var buf []byte
	for n := g.shared; n < node(g.len()); n++ {
		buf = g.appendLabel(buf[:0], n, true)
		l := in.label(buf)
		g.labels = append(g.labels, l)
		if g.kind[n] == btf.KindFuncProto {
			l = in.label(g.appendLabel(buf[:0], n, false))
		}
		g.anonArgs = append(g.anonArgs, l)
	}
}

// appendLabel appends everything that tells a type from another, except where
// its references point. Numbers have a fixed width and strings end in NUL, so
// that two labels are equal only if all fields are.
func (g *graph) appendLabel(b []byte, n node, argNames bool) []byte {
	t, typ := g.at(n)
	u32 := binary.LittleEndian.AppendUint32
	str := func(off btf.StrOff) { b = append(append(b, t.Str(off)...), 0) }
	b = append(b, byte(typ.Kind), bit(typ.Kflag))
	b = append(append(b, g.name[n]...), 0)
	b = u32(b, typ.Vlen) // of a FUNC: the linkage
	switch typ.Kind {
	case btf.KindInt:
		enc, off, bits := typ.Int()
		b = append(u32(b, typ.SizeOrType), enc, off, bits)
	case btf.KindFloat:
		b = u32(b, typ.SizeOrType)
	case btf.KindArray:
		b = u32(b, g.nelems(n))
	case btf.KindStruct, btf.KindUnion:
		b = u32(b, typ.SizeOrType)
		for i := range int(typ.Vlen) {
			name, _, off, bits := typ.Member(i)
			str(name)
			b = u32(u32(b, off), bits)
		}
	case btf.KindEnum, btf.KindEnum64:
		b = u32(b, typ.SizeOrType)
		for i := range int(typ.Vlen) {
			name, value := typ.EnumValue(i)
			str(name)
			b = binary.LittleEndian.AppendUint64(b, uint64(value))
		}
	case btf.KindFuncProto:
		for i := range int(typ.Vlen) {
			if name, _ := typ.Param(i); argNames {
				str(name)
			}
		}
	case btf.KindVar:
		b = u32(b, typ.VarLinkage())
	case btf.KindDatasec:
		b = u32(b, typ.SizeOrType)
		for i := range int(typ.Vlen) {
			_, off, size := typ.SecVar(i)
			b = u32(u32(b, off), size)
		}
	case btf.KindDeclTag:
		b = u32(b, uint32(typ.ComponentIdx()))
	default:
		if !typ.Kind.Known() {
			b = append(b, typ.Raw()...)
		}
	}
	return b
}

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// tag is the key under which a reference to a struct, union or enum finds its
// definition in C. A FWD has the key of what it announces, and ENUM and ENUM64
// share theirs, as the deduplication has it (dedup.md 7, stage B).
type tag struct {
	class btf.Kind // KindStruct, KindUnion or KindEnum
	name  string
}

// tagOf returns the tag of a named struct, union, enum or forward declaration.
func (g *graph) tagOf(n node) (tag, bool) {
	if g.name[n] == "" {
		return tag{}, false
	}
	switch k := g.kind[n]; k {
	case btf.KindStruct, btf.KindUnion:
		return tag{k, g.name[n]}, true
	case btf.KindEnum, btf.KindEnum64:
		return tag{btf.KindEnum, g.name[n]}, true
	case btf.KindFwd:
		if _, typ := g.at(n); typ.Kflag {
			return tag{btf.KindUnion, g.name[n]}, true
		}
		return tag{btf.KindStruct, g.name[n]}, true
	}
	return tag{}, false
}

func (s side) String() string {
	return [...]string{"shared", "A", "B"}[s]
}

// where names a node for messages: side and type ID.
func (g *graph) where(n node) string { return fmt.Sprintf("%v:%d", g.side[n], g.id(n)) }
