// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"fmt"

	"github.com/btfgen/btfgen/internal/btf"
)

// side is one of two types that are compared.
type side struct {
	t  *btf.Table
	id btf.ID
}

// difference says where two types of one name differ first, members before what they lead to; "" where that
// is too far away.
func difference(a, b side) string {
	text, _ := compare(a, b, maxSteps)
	return text
}

// compare is difference with a limit on the pairs of types and of members that it looks at. steps is how many it did.
func compare(a, b side, limit int) (text string, steps int) {
	d := differ{a: a.t, b: b.t, seen: map[[2]btf.ID]bool{}, limit: limit}
	return d.compare(a.id, b.id, "", 0), d.steps
}

// differ walks two types side by side, one of table a, one of table b.
type differ struct {
	a, b  *btf.Table
	seen  map[[2]btf.ID]bool
	steps int // types and members looked at
	limit int // of steps
}

const (
	maxDepth = 32      // references that differ follows from the type on
	maxSteps = 1 << 16 // usual limit of a differ
	maxShown = 100     // bytes of a name in a message
)

// compare returns where a and b differ, "" if they seem equal. path says where they are, for the message.
func (d *differ) compare(a, b btf.ID, path string, depth int) string {
	pair := [2]btf.ID{a, b}
	if d.same(a, b) || depth > maxDepth || d.more() || d.seen[pair] {
		return ""
	}
	d.seen[pair] = true
	x, y := d.a.Type(a), d.b.Type(b)
	if nameOnly(d.a, a, &x) || nameOnly(d.b, b, &y) {
		return d.heads(a, b, path)
	}
	if x.Kind != y.Kind || shown(d.a, x.Name) != shown(d.b, y.Name) {
		return d.both(a, b, path)
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
			return d.both(a, b, path)
		}
		return d.compare(elemA, elemB, path, depth+1)
	case btf.KindInt, btf.KindFloat:
		if x.SizeOrType != y.SizeOrType {
			return fmt.Sprintf("%s%s of %d and %d bytes", path, text(d.a, a, 0), x.SizeOrType, y.SizeOrType)
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

// same tells whether two IDs are of one type.
func (d *differ) same(a, b btf.ID) bool {
	return a == b && (d.a == d.b || a == 0 || d.a.Base() != nil && d.a.Base() == d.b.Base() && a < d.a.FirstID())
}

// nameOnly tells whether a type is one of a distilled base, of which only name and size are left.
func nameOnly(t *btf.Table, id btf.ID, r *btf.Type) bool {
	switch r.Kind {
	case btf.KindStruct, btf.KindUnion, btf.KindEnum:
		return t.Base() != nil && id < t.FirstID() && r.Vlen == 0 && r.Name != 0
	}
	return false
}

// heads compares what a type in a distilled base still has.
func (d *differ) heads(a, b btf.ID, path string) string {
	x, y := d.a.Type(a), d.b.Type(b)
	kind := func(k btf.Kind) btf.Kind {
		if k == btf.KindEnum64 {
			return btf.KindEnum // which stands for both there
		}
		return k
	}
	switch {
	case kind(x.Kind) != kind(y.Kind) || shown(d.a, x.Name) != shown(d.b, y.Name):
		return d.both(a, b, path)
	case x.SizeOrType != y.SizeOrType:
		return fmt.Sprintf("%s%s of %d and %d bytes", path, text(d.a, a, 0), x.SizeOrType, y.SizeOrType)
	}
	return ""
}

// both says that there is one type here and another one there.
func (d *differ) both(a, b btf.ID, path string) string {
	return fmt.Sprintf("%s%s and %s", path, text(d.a, a, 0), text(d.b, b, 0))
}

// more counts a step and tells whether it is one too many.
func (d *differ) more() bool {
	d.steps++
	return d.steps > d.limit
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
		if n := shown(d.a, name); n != "" {
			at = fmt.Sprintf("%smember %s", path, n)
		}
		switch {
		case shown(d.a, name) != shown(d.b, name2):
			return fmt.Sprintf("%smember %d is %q and %q", path, i+1, shown(d.a, name), shown(d.b, name2))
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
		if shown(d.a, name) != shown(d.b, name2) || v != v2 {
			return fmt.Sprintf("%svalue %d is %s=%d and %s=%d", path, i+1, shown(d.a, name), int64(v), shown(d.b, name2), int64(v2))
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
		if shown(d.a, name) != shown(d.b, name2) {
			return fmt.Sprintf("%s is called %q and %q", at, shown(d.a, name), shown(d.b, name2))
		}
	}
	if x.Vlen != y.Vlen {
		return fmt.Sprintf("%s%d and %d parameters", path, x.Vlen, y.Vlen)
	}
	return d.compare(x.Ref(), y.Ref(), path+"return value: ", depth+1)
}

// text returns a type roughly as C writes it.
func text(t *btf.Table, id btf.ID, depth int) string {
	r := t.Type(id)
	if depth > maxDepth {
		return "..."
	}
	name := shown(t, r.Name)
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
		return text(t, r.Ref(), depth+1) + " *"
	case btf.KindConst:
		return "const " + text(t, r.Ref(), depth+1)
	case btf.KindVolatile:
		return "volatile " + text(t, r.Ref(), depth+1)
	case btf.KindRestrict, btf.KindTypeTag:
		return text(t, r.Ref(), depth+1)
	case btf.KindArray:
		elem, _, n := r.Array()
		return fmt.Sprintf("%s[%d]", text(t, elem, depth+1), n)
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

// shown returns a string of t if it is short enough for a message.
func shown(t *btf.Table, off btf.StrOff) string {
	if s, ok := t.StrMax(off, maxShown); ok {
		return string(s)
	}
	return "(long name)"
}
