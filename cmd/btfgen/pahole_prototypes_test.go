// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/testkit"
)

// What the script btf_functions.sh of dwarves asks of prototypes (encode.md 8): those in BTF are in DWARF, and those that
// are left out for being inconsistent are so there. DWARF is read by Go's own debug/dwarf.

// signature is a prototype without the name: "int (*const struct s, long int)".
func signature(ret string, params []string) string {
	return ret + " (" + strings.Join(params, ", ") + ")"
}

// cTypeOfBTF writes a type as cTypeOfDWARF does.
func cTypeOfBTF(t *btf.Table, id btf.ID) string {
	r := t.Type(id)
	switch {
	case id == 0:
		return "void"
	case r.Kind == btf.KindTypeTag:
		return cTypeOfBTF(t, r.Ref())
	case r.Kind == btf.KindPtr:
		return "*" + cTypeOfBTF(t, r.Ref())
	case r.Kind == btf.KindConst, r.Kind == btf.KindVolatile, r.Kind == btf.KindRestrict:
		return strings.ToLower(r.Kind.String()) + " " + cTypeOfBTF(t, r.Ref())
	case r.Kind == btf.KindFuncProto:
		return signatureOfBTF(t, r)
	case r.Kind == btf.KindStruct, r.Kind == btf.KindUnion:
		return strings.ToLower(r.Kind.String()) + " " + string(t.Name(id))
	case r.Kind == btf.KindFwd && r.Kflag:
		return "union " + string(t.Name(id))
	case r.Kind == btf.KindFwd:
		return "struct " + string(t.Name(id))
	case r.Kind == btf.KindEnum, r.Kind == btf.KindEnum64:
		return "enum " + string(t.Name(id))
	}
	return string(t.Name(id))
}

func signatureOfBTF(t *btf.Table, proto btf.Type) string {
	var params []string
	for i := range int(proto.Vlen) {
		name, typ := proto.Param(i)
		if typ == 0 && name == 0 {
			params = append(params, "...")
			continue
		}
		params = append(params, cTypeOfBTF(t, typ))
	}
	return signature(cTypeOfBTF(t, proto.Ref()), params)
}

func cTypeOfDWARF(typ dwarf.Type) string {
	switch typ := typ.(type) {
	case nil, *dwarf.VoidType:
		return "void"
	case *dwarf.PtrType:
		return "*" + cTypeOfDWARF(typ.Type)
	case *dwarf.QualType:
		return typ.Qual + " " + cTypeOfDWARF(typ.Type)
	case *dwarf.FuncType:
		var params []string
		for _, p := range typ.ParamType {
			params = append(params, cTypeOfDWARF(p))
		}
		return signature(cTypeOfDWARF(typ.ReturnType), params)
	case *dwarf.DotDotDotType:
		return "..."
	case *dwarf.StructType:
		return typ.Kind + " " + typ.StructName
	case *dwarf.EnumType:
		return "enum " + typ.EnumName
	case *dwarf.TypedefType:
		return typ.Name
	}
	return typ.Common().Name
}

// signaturesOfDWARF returns those of all subprograms, by name, each once.
func signaturesOfDWARF(t *testing.T, file string) map[string][]string {
	t.Helper()
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := f.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	// attr looks into what an instance is of, too.
	var attr func(e *dwarf.Entry, a dwarf.Attr) any
	attr = func(e *dwarf.Entry, a dwarf.Attr) any {
		if v := e.Val(a); v != nil {
			return v
		}
		for _, origin := range []dwarf.Attr{dwarf.AttrAbstractOrigin, dwarf.AttrSpecification} {
			if off, ok := e.Val(origin).(dwarf.Offset); ok {
				r := d.Reader()
				r.Seek(off)
				if o, err := r.Next(); err == nil && o != nil {
					return attr(o, a)
				}
			}
		}
		return nil
	}
	typeOf := func(e *dwarf.Entry) string {
		off, ok := attr(e, dwarf.AttrType).(dwarf.Offset)
		if !ok {
			return "void"
		}
		typ, err := d.Type(off)
		if err != nil {
			t.Fatal(err)
		}
		return cTypeOfDWARF(typ)
	}
	all := map[string][]string{}
	r := d.Reader()
	for {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if e == nil {
			return all
		}
		if e.Tag != dwarf.TagSubprogram {
			continue
		}
		name, _ := attr(e, dwarf.AttrName).(string)
		ret := typeOf(e)
		var params []string
		if e.Children {
			depth := 1
			for depth > 0 {
				c, err := r.Next()
				if err != nil || c == nil {
					t.Fatalf("%s: children of %s: %v", file, name, err)
				}
				switch {
				case c.Tag == 0:
					depth--
				case depth == 1 && c.Tag == dwarf.TagFormalParameter:
					params = append(params, typeOf(c))
				case depth == 1 && c.Tag == dwarf.TagUnspecifiedParameters:
					params = append(params, "...")
				}
				if c.Children {
					depth++
				}
			}
		}
		if s := signature(ret, params); !slices.Contains(all[name], s) {
			all[name] = append(all[name], s)
		}
	}
}

func TestPaholeBTFFunctionsAreOfDWARF(t *testing.T) {
	functions, leftOut := 0, 0
	for _, pattern := range []string{"functions*.elf", "func_pointers.*.elf", "inconsistent.*.elf", "same_name.*.elf", "inlined.*.elf", "many_units.*.elf"} {
		for _, file := range testkit.Objects(t, pattern) {
			known := signaturesOfDWARF(t, file)
			table, out := pahole(t, file, "-V", "--btf_features=default", "--lang_exclude=rust")
			object := filepath.Base(file)
			for id := table.FirstID(); int(id) < table.NumIDs(); id++ {
				if table.Kind(id) != btf.KindFunc {
					continue
				}
				functions++
				name, got := string(table.Name(id)), signatureOfBTF(table, table.Type(table.Type(id).Ref()))
				if !slices.ContainsFunc(known[name], func(s string) bool { return withoutConst(s) == withoutConst(got) }) {
					t.Errorf("%s: %s is %s, in DWARF %q", object, name, got, known[name])
				}
			}
			for line := range strings.Lines(out) {
				name, reason, ok := strings.Cut(strings.TrimSpace(line), " : skipping BTF encoding of function due to ")
				if !ok {
					continue
				}
				leftOut++
				if err := inconsistent(reason, known[name]); err != nil {
					t.Errorf("%s: %s: %v", object, name, err)
				}
			}
		}
	}
	if functions < 100 || leftOut < 20 {
		t.Errorf("%d functions and %d that were left out are too few to tell", functions, leftOut)
	}
}

func withoutConst(s string) string { return strings.ReplaceAll(s, "const ", "") }

// inconsistent returns an error if a function was left out for having several prototypes, or return types, and has not.
func inconsistent(reason string, signatures []string) error {
	different := map[string]bool{}
	for _, s := range signatures {
		if strings.HasPrefix(reason, "return type mismatch") {
			s, _, _ = strings.Cut(s, " (")
		}
		different[s] = true
	}
	switch {
	case !strings.Contains(reason, "mismatch") && reason != "inconsistet prototype":
		return nil
	case len(different) < 2:
		return fmt.Errorf("left out due to %s, and DWARF has %q", reason, signatures)
	}
	return nil
}
