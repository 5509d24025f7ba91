// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"strings"

	"github.com/btfgen/btfgen/internal/btf"
)

const (
	maxDepth = 8    // of nested anonymous types and declarators in a rendering
	maxText  = 4000 // bytes of one rendering
)

// printer renders types the way C declares them. It stops at maxDepth and, for
// the sake of hostile input, after a number of steps.
type printer struct {
	g     *graph
	steps int
}

// decl returns a C declaration of name with the type n; an empty name gives the
// type alone.
func (g *graph) decl(n node, name string) string {
	p := &printer{g: g, steps: maxText / 4}
	return clip(p.decl(n, name, 0))
}

// define returns the declaration that a type stands for, with the members of a
// struct, union or enum.
func (g *graph) define(n node) string {
	p := &printer{g: g, steps: maxText / 4}
	switch g.kind[n] {
	case btf.KindStruct, btf.KindUnion, btf.KindEnum, btf.KindEnum64:
		return clip(p.aggregate(n, 0))
	case btf.KindTypedef:
		return clip("typedef " + p.decl(g.refs(n)[0], g.name[n], 0))
	case btf.KindFunc, btf.KindVar:
		return clip(p.decl(g.refs(n)[0], g.name[n], 0))
	case btf.KindDeclTag:
		_, typ := g.at(n)
		r := g.refs(n)[0]
		return fmt.Sprintf("%q on %v %s, component %d", g.name[n], g.kind[r], g.name[r], typ.ComponentIdx())
	case btf.KindDatasec:
		_, typ := g.at(n)
		return fmt.Sprintf("section %s, size %d, %d variables", g.name[n], typ.SizeOrType, typ.Vlen)
	case btf.KindInt:
		_, typ := g.at(n)
		enc, off, bits := typ.Int()
		return fmt.Sprintf("%s, size %d, encoding %d, offset %d, bits %d", g.name[n], typ.SizeOrType, enc, off, bits)
	case btf.KindFloat:
		_, typ := g.at(n)
		return fmt.Sprintf("%s, size %d", g.name[n], typ.SizeOrType)
	}
	return g.decl(n, "")
}

func clip(s string) string {
	if len(s) > maxText {
		return s[:maxText] + " ..."
	}
	return s
}

func (p *printer) decl(n node, inner string, depth int) string {
	g := p.g
	if p.steps--; depth > 2*maxDepth || p.steps < 0 {
		return join("...", inner)
	}
	target := func() node { return g.refs(n)[0] }
	switch g.kind[n] {
	case btf.KindVoid:
		return join("void", inner)
	case btf.KindPtr:
		inner = "*" + inner
		if k := g.kind[target()]; k == btf.KindArray || k == btf.KindFuncProto {
			inner = "(" + inner + ")"
		}
		return p.decl(target(), inner, depth+1)
	case btf.KindConst, btf.KindVolatile, btf.KindRestrict, btf.KindTypeTag:
		q := map[btf.Kind]string{btf.KindConst: "const", btf.KindVolatile: "volatile", btf.KindRestrict: "restrict"}[g.kind[n]]
		if q == "" {
			q = fmt.Sprintf("__tag(%q)", g.name[n])
		}
		if g.kind[target()] == btf.KindPtr {
			return p.decl(target(), join(q, inner), depth+1)
		}
		return join(q, p.decl(target(), inner, depth+1))
	case btf.KindArray:
		return p.decl(target(), fmt.Sprintf("%s[%d]", inner, g.nelems(n)), depth+1)
	case btf.KindFuncProto:
		return p.decl(target(), inner+"("+p.params(n, depth+1)+")", depth+1)
	case btf.KindStruct, btf.KindUnion, btf.KindEnum, btf.KindEnum64:
		if g.name[n] == "" {
			return join(p.aggregate(n, depth+1), inner)
		}
	}
	return join(keyword(g, n)+g.name[n], inner)
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " " + b
}

// keyword returns what C writes before the name of a type.
func keyword(g *graph, n node) string {
	t, ok := g.tagOf(n)
	if !ok {
		return ""
	}
	switch t.class {
	case btf.KindStruct:
		return "struct "
	case btf.KindUnion:
		return "union "
	}
	return "enum "
}

func (p *printer) params(n node, depth int) string {
	t, typ := p.g.at(n)
	var out []string
	for i := range int(typ.Vlen) {
		name, id := typ.Param(i)
		if id == 0 && name == 0 && i == int(typ.Vlen)-1 {
			out = append(out, "...")
			continue
		}
		out = append(out, p.decl(p.g.nodeOf(n, id), string(t.Str(name)), depth))
	}
	return strings.Join(out, ", ")
}

// aggregate renders a struct, union or enum with its size and members.
func (p *printer) aggregate(n node, depth int) string {
	g := p.g
	t, typ := g.at(n)
	var b strings.Builder
	switch g.kind[n] {
	case btf.KindStruct:
		b.WriteString("struct ")
	case btf.KindUnion:
		b.WriteString("union ")
	default:
		b.WriteString("enum ")
	}
	b.WriteString(join(g.name[n], "{"))
	for i := range int(typ.Vlen) {
		if p.steps--; depth > maxDepth || p.steps < 0 || b.Len() > maxText {
			b.WriteString(" ...")
			break
		}
		if g.kind[n] == btf.KindEnum || g.kind[n] == btf.KindEnum64 {
			b.WriteString(" " + enumerator(t, typ, i) + ",")
			continue
		}
		name, id, off, bits := typ.Member(i)
		b.WriteString(" " + p.decl(g.nodeOf(n, id), string(t.Str(name)), depth+1))
		if bits != 0 {
			fmt.Fprintf(&b, ":%d", bits)
		}
		fmt.Fprintf(&b, "@%d;", off)
	}
	fmt.Fprintf(&b, " } /*%d*/", typ.SizeOrType)
	return b.String()
}

func enumerator(t *btf.Table, typ btf.Type, i int) string {
	name, value := typ.EnumValue(i)
	if typ.Kflag {
		return fmt.Sprintf("%s=%d", t.Str(name), int64(value))
	}
	return fmt.Sprintf("%s=%d", t.Str(name), uint64(value))
}

// head lists the parts of a type's label in words, one per difference that is
// worth telling, then one per member, enumerator, parameter or variable.
func (g *graph) head(n node) []string {
	t, typ := g.at(n)
	out := []string{"kind " + typ.Kind.String(), "name " + g.name[n]}
	switch typ.Kind {
	case btf.KindPtr, btf.KindConst, btf.KindVolatile, btf.KindRestrict, btf.KindTypedef, btf.KindTypeTag, btf.KindFuncProto:
	case btf.KindArray:
		return append(out, fmt.Sprintf("elements %d", g.nelems(n)))
	case btf.KindInt:
		return append(out, g.define(n))
	case btf.KindFunc:
		return append(out, fmt.Sprintf("linkage %d", typ.Vlen))
	case btf.KindVar:
		return append(out, fmt.Sprintf("linkage %d", typ.VarLinkage()))
	case btf.KindDeclTag:
		return append(out, fmt.Sprintf("component %d", typ.ComponentIdx()))
	default:
		out = append(out, fmt.Sprintf("size %d", typ.SizeOrType))
	}
	out = append(out, fmt.Sprintf("kflag %v", typ.Kflag))
	for i := range int(typ.Vlen) {
		switch typ.Kind {
		case btf.KindStruct, btf.KindUnion:
			name, _, off, bits := typ.Member(i)
			s := fmt.Sprintf("member %d %s@%d", i, t.Str(name), off)
			if bits != 0 {
				s += fmt.Sprintf(":%d", bits)
			}
			out = append(out, s)
		case btf.KindEnum, btf.KindEnum64:
			out = append(out, fmt.Sprintf("value %d %s", i, enumerator(t, typ, i)))
		case btf.KindFuncProto:
			name, _ := typ.Param(i)
			out = append(out, fmt.Sprintf("param %d %s", i, t.Str(name)))
		case btf.KindDatasec:
			id, off, size := typ.SecVar(i)
			out = append(out, fmt.Sprintf("variable %d %s@%d size %d", i, g.name[g.nodeOf(n, id)], off, size))
		}
	}
	return out
}

// slot names the i-th reference of a type in a path.
func (g *graph) slot(n node, i int) string {
	t, typ := g.at(n)
	switch typ.Kind {
	case btf.KindStruct, btf.KindUnion:
		name, _, off, _ := typ.Member(i)
		if name == 0 {
			return fmt.Sprintf(".<%d>", off)
		}
		return fmt.Sprintf(".%s", t.Str(name))
	case btf.KindFuncProto:
		if i == 0 {
			return " returns"
		}
		name, _ := typ.Param(i - 1)
		return fmt.Sprintf(" param %d %s", i-1, t.Str(name))
	case btf.KindDatasec:
		return fmt.Sprintf(" variable %d", i)
	case btf.KindArray:
		return [...]string{"[]", " index"}[i]
	case btf.KindPtr:
		return "->"
	}
	return ""
}

// firstDifference tells where two types first differ, and how, in one line. It
// goes down through types that are not cut, and tells differing references to
// named types by their text.
func (d *diff) firstDifference(a, b node) string {
	g := d.g
	path := ""
	for range maxDims {
		ha, hb := g.head(a), g.head(b)
		for i := range max(len(ha), len(hb)) {
			x, y := part(ha, i), part(hb, i)
			if x != y {
				return at(path) + fmt.Sprintf("A has %s, B has %s", x, y)
			}
		}
		ra, rb := g.refs(a), g.refs(b)
		i := 0
		for i < min(len(ra), len(rb)) && d.equalRef(ra[i], rb[i]) {
			i++
		}
		if i == min(len(ra), len(rb)) {
			return at(path) + "no difference of its own"
		}
		path += g.slot(a, i)
		x, y := ra[i], rb[i]
		if g.named(x) || g.named(y) || g.kind[x] != g.kind[y] {
			tx, ty := g.decl(x, ""), g.decl(y, "")
			if tx == ty {
				tx += " (" + g.where(x) + ")"
				ty += " (" + g.where(y) + ")"
			}
			return at(path) + fmt.Sprintf("A has %s, B has %s", tx, ty)
		}
		a, b = x, y
	}
	return at(path) + "too deep to tell"
}

func at(path string) string {
	if path = strings.TrimSpace(path); path != "" {
		path += ": "
	}
	return path
}

func part(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "nothing"
}
