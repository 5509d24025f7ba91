// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"fmt"

	"github.com/btfgen/btfgen/internal/btf"
)

// difference says where two types of one name differ first, members before what they lead to; "" where that
// is too far away.
func difference(t *btf.Table, a, b btf.ID) string {
	d := differ{t: t, seen: map[[2]btf.ID]bool{}}
	return d.compare(a, b, "", 0)
}

// differ walks two types side by side.
type differ struct {
	t     *btf.Table
	seen  map[[2]btf.ID]bool
	steps int // types and members looked at
}

const (
	maxDepth = 32      // references that differ follows from the type on
	maxSteps = 1 << 16 // pairs of types and of members that it looks at
	maxShown = 100     // bytes of a name in a message
)

// compare returns where a and b differ, "" if they seem equal. path says where they are, for the message.
func (d *differ) compare(a, b btf.ID, path string, depth int) string {
	pair := [2]btf.ID{a, b}
	if a == b || depth > maxDepth || d.more() || d.seen[pair] {
		return ""
	}
	d.seen[pair] = true
	x, y := d.t.Type(a), d.t.Type(b)
	if x.Kind != y.Kind || d.name(x.Name) != d.name(y.Name) {
		return fmt.Sprintf("%s%s and %s", path, d.text(a, 0), d.text(b, 0))
	}
	switch x.Kind {
	case btf.KindStruct, btf.KindUnion:
		return d.members(&x, &y, path, depth)
	case btf.KindEnum, btf.KindEnum64:
		return d.values(&x, &y, path)
	case btf.KindFuncProto:
		return d.params(&x, &y, path, depth)
	case btf.KindArray:
		elemA, _, n := x.Array()
		elemB, _, m := y.Array()
		if n != m {
			return fmt.Sprintf("%s%s and %s", path, d.text(a, 0), d.text(b, 0))
		}
		return d.compare(elemA, elemB, path, depth+1)
	case btf.KindInt, btf.KindFloat:
		if x.SizeOrType != y.SizeOrType {
			return fmt.Sprintf("%s%s of %d and %d bytes", path, d.text(a, 0), x.SizeOrType, y.SizeOrType)
		}
		return ""
	case btf.KindFunc:
		if x.Vlen != y.Vlen {
			return fmt.Sprintf("%sone has linkage %d, the other %d", path, x.Vlen, y.Vlen)
		}
		return d.compare(x.Ref(), y.Ref(), path, depth+1)
	case btf.KindFwd, btf.KindDatasec:
		return ""
	}
	return d.compare(x.Ref(), y.Ref(), path, depth+1)
}

// more counts a step and tells whether it is one too many.
func (d *differ) more() bool {
	d.steps++
	return d.steps > maxSteps
}

// members compares two STRUCTs or UNIONs.
func (d *differ) members(x, y *btf.Type, path string, depth int) string {
	for i := range int(min(x.Vlen, y.Vlen)) {
		if d.more() {
			return ""
		}
		name, typ, off, bits := x.Member(i)
		name2, typ2, off2, bits2 := y.Member(i)
		at := fmt.Sprintf("%smember %d", path, i+1)
		if n := d.name(name); n != "" {
			at = fmt.Sprintf("%smember %s", path, n)
		}
		switch {
		case d.name(name) != d.name(name2):
			return fmt.Sprintf("%smember %d is %q and %q", path, i+1, d.name(name), d.name(name2))
		case off != off2:
			return fmt.Sprintf("%s is at bit %d and %d", at, off, off2)
		case bits != bits2:
			return fmt.Sprintf("%s has %d and %d bits", at, bits, bits2)
		}
		if s := d.compare(typ, typ2, at+": ", depth+1); s != "" {
			return s
		}
	}
	switch {
	case x.Vlen != y.Vlen:
		return fmt.Sprintf("%s%d and %d members", path, x.Vlen, y.Vlen)
	case x.SizeOrType != y.SizeOrType:
		return fmt.Sprintf("%s%d and %d bytes", path, x.SizeOrType, y.SizeOrType)
	}
	return ""
}

// values compares two ENUMs.
func (d *differ) values(x, y *btf.Type, path string) string {
	for i := range int(min(x.Vlen, y.Vlen)) {
		if d.more() {
			return ""
		}
		name, v := x.EnumValue(i)
		name2, v2 := y.EnumValue(i)
		if d.name(name) != d.name(name2) || v != v2 {
			return fmt.Sprintf("%svalue %d is %s=%d and %s=%d", path, i+1, d.name(name), int64(v), d.name(name2), int64(v2))
		}
	}
	if x.Vlen != y.Vlen || x.SizeOrType != y.SizeOrType {
		return fmt.Sprintf("%s%d values in %d bytes and %d in %d", path, x.Vlen, x.SizeOrType, y.Vlen, y.SizeOrType)
	}
	return ""
}

// params compares two FUNC_PROTOs.
func (d *differ) params(x, y *btf.Type, path string, depth int) string {
	for i := range int(min(x.Vlen, y.Vlen)) {
		if d.more() {
			return ""
		}
		name, typ := x.Param(i)
		name2, typ2 := y.Param(i)
		at := fmt.Sprintf("%sparameter %d", path, i+1)
		if s := d.compare(typ, typ2, at+": ", depth+1); s != "" {
			return s
		}
		if d.name(name) != d.name(name2) {
			return fmt.Sprintf("%s is called %q and %q", at, d.name(name), d.name(name2))
		}
	}
	if x.Vlen != y.Vlen {
		return fmt.Sprintf("%s%d and %d parameters", path, x.Vlen, y.Vlen)
	}
	return d.compare(x.Ref(), y.Ref(), path+"return value: ", depth+1)
}

// text returns a type roughly as C writes it.
func (d *differ) text(id btf.ID, depth int) string {
	r := d.t.Type(id)
	if depth > maxDepth {
		return "..."
	}
	name := d.name(r.Name)
	tag := func(word string) string {
		if name == "" {
			return word + " {...}"
		}
		return word + " " + name
	}
	switch r.Kind {
	case btf.KindVoid:
		return "void"
	case btf.KindPtr:
		return d.text(r.Ref(), depth+1) + " *"
	case btf.KindConst:
		return "const " + d.text(r.Ref(), depth+1)
	case btf.KindVolatile:
		return "volatile " + d.text(r.Ref(), depth+1)
	case btf.KindRestrict, btf.KindTypeTag:
		return d.text(r.Ref(), depth+1)
	case btf.KindArray:
		elem, _, n := r.Array()
		return fmt.Sprintf("%s[%d]", d.text(elem, depth+1), n)
	case btf.KindStruct:
		return tag("struct")
	case btf.KindUnion:
		return tag("union")
	case btf.KindEnum, btf.KindEnum64:
		return tag("enum")
	case btf.KindFwd:
		if r.Kflag {
			return tag("union") + " (declared only)"
		}
		return tag("struct") + " (declared only)"
	case btf.KindFuncProto:
		return "function"
	}
	return name
}

// name returns a name for a message; of a very long one, that it is.
func (d *differ) name(off btf.StrOff) string { return shown(d.t, off) }

// shown returns a string of t if it is short enough for a message.
func shown(t *btf.Table, off btf.StrOff) string {
	if s, ok := t.StrMax(off, maxShown); ok {
		return string(s)
	}
	return "(long name)"
}
