// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/encode/internal/dwarf"
	"github.com/btfgen/btfgen/internal/btf"
	. "github.com/btfgen/btfgen/internal/testkit"
)

// TestDefinitions: each type is the one that the BTF has there, and the units are those that have it, also where a
// difference lies deep below: of the four of dedup.c, unit 3 has another varies, and by it another task and mm.
func TestDefinitions(t *testing.T) {
	tests := []struct {
		object string
		opt    Options
		kind   btf.Kind
		name   string
		want   []string // size and units
	}{
		{"conflicts.gcc-x86_64.dwarf5", Options{}, btf.KindStruct, "session", []string{"32: conflicts.c and 1 more unit", "24: conflicts_other.c"}},
		{"conflicts.gcc-x86_64.dwarf5", Options{}, btf.KindTypedef, "handle", []string{"int: conflicts.c and 1 more unit", "long int: conflicts_other.c"}},
		{"conflicts.gcc-s390x.dwarf5", Options{}, btf.KindStruct, "session", []string{"32: conflicts.c and 1 more unit", "24: conflicts_other.c"}},
		{"conflicts.gcc-x86_64.dwarf5", Options{}, btf.KindFunc, "entry1", []string{"-: conflicts.c"}},
		{"conflicts.gcc-x86_64.dwarf5", Options{}, btf.KindUnion, "session", nil},
		{"conflicts.gcc-x86_64.dwarf5", Options{}, btf.KindStruct, "nothing", nil},
		{"conflicts.gcc-x86_64.dwarf5", Options{}, btf.KindFunc, "twice", nil}, // is left out
		{"dedup.gcc-x86_64.dwarf5", Options{}, btf.KindStruct, "task", []string{"48: dedup.c and 2 more units", "48: dedup.c"}},
		{"dedup.gcc-x86_64.dwarf5", Options{}, btf.KindStruct, "mm", []string{"24: dedup.c and 2 more units", "24: dedup.c"}},
		{"dedup.gcc-x86_64.dwarf5.rel", Options{}, btf.KindStruct, "varies", []string{"16: dedup.c and 2 more units", "16: dedup.c"}},
		{"dedup.gcc-x86_64.dwarf5", Options{Jobs: 3}, btf.KindTypedef, "lock_t", []string{"struct: dedup.c and 2 more units", "struct: dedup.c"}},
		// Units that refer to each other are one graph: only the first is known.
		{"dedup.gcc-x86_64.dwarf4.types", Options{}, btf.KindStruct, "varies", []string{"16: the unit at .debug_types+0x103", "16: the unit at .debug_types+0x387"}},
	}
	for _, tt := range tests {
		tt.opt.Report = true
		res, err := encodeFile(t, Object(t, tt.object+".elf"), tt.opt)
		if err != nil {
			t.Fatal(err)
		}
		table, err := btf.Read(res.BTF, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range res.Definitions(tt.kind, tt.name) {
			r := table.Type(d.ID)
			if r.Kind != tt.kind || string(table.Str(r.Name)) != tt.name {
				t.Errorf("%s: %v %s is %v %s", tt.object, tt.kind, tt.name, r.Kind, table.Str(r.Name))
			}
			size := fmt.Sprint(r.SizeOrType)
			switch tt.kind {
			case btf.KindTypedef:
				if size = string(table.Name(r.Ref())); size == "" {
					size = strings.ToLower(table.Kind(r.Ref()).String())
				}
			case btf.KindFunc:
				size = "-"
			}
			got = append(got, size+": "+d.Where())
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: %v %s: -want +got\n%s", tt.object, tt.kind, tt.name, d)
		}
	}
}

// TestDefinitionsSplit: types of the base have no definitions here, own ones do.
func TestDefinitionsSplit(t *testing.T) {
	kernel, err := encodeFile(t, Object(t, "kfuncs_kernel.gcc-x86_64.dwarf5.elf"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	table, err := btf.Read(kernel.BTF, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, distill := range []bool{false, true} {
		res, err := encodeFile(t, Object(t, "conflicts.gcc-x86_64.dwarf5.elf"), Options{Base: btf.NewBase(table), Report: true, Distill: distill})
		if err != nil {
			t.Fatal(err)
		}
		base := res.Definitions(btf.KindStruct, "list_head")
		own := res.Definitions(btf.KindStruct, "device")
		want := 1
		if distill { // its IDs would be others
			want = 0
		}
		if len(base) != 0 || len(own) != want || want == 1 && int(own[0].ID) < table.NumIDs() {
			t.Errorf("distil %v: definitions %v of the base, %v of its own", distill, base, own)
		}
	}
}

// TestDefinitionsMany: of a name with more definitions than anybody reads, the first few are told.
func TestDefinitionsMany(t *testing.T) {
	d := &DWARF{}
	for i := range 20 {
		d.Units = append(d.Units, CU(D(dwarf.TagStructType, Name("s"), Size(i+1))))
	}
	res, err := encodeImage(t, d.ELF().Assemble().Data, Options{Report: true})
	if err != nil {
		t.Fatal(err)
	}
	if list := res.Definitions(btf.KindStruct, "s"); len(list) != maxDefinitions || list[15].ID != 16 {
		t.Errorf("%d definitions: %v", len(list), list)
	}
	if res, err = encodeImage(t, d.ELF().Assemble().Data, Options{}); err != nil {
		t.Fatal(err)
	}
	if list := res.Definitions(btf.KindStruct, "s"); list != nil || res.WhyNoFunc("f") != "" {
		t.Errorf("without Report: %v, %q", list, res.WhyNoFunc("f"))
	}
}

func TestWhyNoFunc(t *testing.T) {
	const shrunk = " (conflicts.c): the compiler does not call it as it is written, which __bpf_kfunc, or noinline and __noclone, prevent"
	tests := []struct{ name, want, compat string }{ // compat: "" for the same
		{"twice", "it was left out of BTF: ambiguous address (conflicts.c and 1 more unit): several functions have the name, it needs one of its own",
			"DWARF has it (conflicts.c), and whoever made the BTF left it out"},
		{"differs", "it was left out of BTF: inconsistent prototype, param type mismatch for param#1 INT != INT (conflicts.c, conflicts_other.c): functions of one name must have one prototype", ""},
		{"shrunk1", "it was left out of BTF: optimized parameters" + shrunk, "it was left out of BTF: reordered parameters" + shrunk},
		{"inlined", "there is no symbol of it: it is inlined wherever it is called, or not configured", ""},
		{"nowhere", "there is no symbol of it: it is inlined wherever it is called, or not configured", ""},
		{"assembled", "there is a symbol of it, and no DWARF: it is assembly, an alias, of another language or compiled without -g", ""},
	}
	for _, compat := range []bool{false, true} {
		res, err := encodeFile(t, Object(t, "conflicts.gcc-x86_64.dwarf5.elf"), Options{Report: true, Compat: compat})
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range tests {
			want := tt.want
			if compat && tt.compat != "" {
				want = tt.compat
			}
			if got := res.WhyNoFunc(tt.name); got != want {
				t.Errorf("%s, compat %v: %q, want %q", tt.name, compat, got, want)
			}
		}
	}
}
