// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"debug/dwarf"
	"debug/elf"
	"strings"
	"testing"

	. "github.com/btfgen/btfgen/internal/testkit"
)

func column(n int) Attr { return Attr{Attr: dwarf.AttrDeclColumn, Form: FormUdata, Val: n} }

func cross(to string) *DIE {
	return D(dwarf.TagTypedef, Name("cross"), Attr{Attr: dwarf.AttrType, Form: FormRefAddr, Val: to})
}

// TestMergedReferences: in a unit that is not the first of those that are read together, references of
// every form lead to the type of that unit.
func TestMergedReferences(t *testing.T) {
	got := encodeDWARF(t, &DWARF{Units: []*Unit{
		CU(Base("int", 4), D(dwarf.TagTypedef, "first", Name("first"), Type("int"))),
		CU(Base("long", 8),
			D(dwarf.TagTypedef, Name("fixed"), Type("long")),
			D(dwarf.TagTypedef, Name("varying"), Type("long"), column(3)),
			D(dwarf.TagTypedef, Name("udata"), Attr{Attr: dwarf.AttrType, Form: FormRefUdata, Val: "long"}),
			cross("int")),
	}}, Options{})
	for _, want := range []string{"1 INT int ", "3 INT long ", "TYPEDEF fixed 3\n", "TYPEDEF varying 3\n", "TYPEDEF udata 3\n", "TYPEDEF cross 1\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// TestMergedProducer: what compiled a function decides about its signature, not what compiled
// the unit that happens to be last.
func TestMergedProducer(t *testing.T) {
	emitted := func(last string) bool {
		d := &DWARF{Units: []*Unit{
			CU(producer("clang version 21"), Base("int", 4),
				D(dwarf.TagSubprogram, Name("f"), lowpc(0x1000), Attr{Attr: dwarf.AttrCalling, Form: FormData1, Val: 3},
					arg(Name("b"), Type("int"), expr(0x55)), arg(Name("a"), Type("int")))),
			CU(producer(last), cross("int")),
		}}
		return strings.Contains(encodeDWARF(t, d, Options{}, fnSym("f", 0x1000)), "FUNC f ")
	}
	if emitted("clang version 21") || emitted("GNU AS 2.44") {
		t.Error("a function that clang changed is emitted with the signature of its source")
	}
}

// TestMergedOffset: errors count from the start of the section, also where .debug_types stands before it.
func TestMergedOffset(t *testing.T) {
	d := &DWARF{Version: 4, Units: []*Unit{
		{Signature: 7, TypeLabel: "s", Root: D(dwarf.TagTypeUnit, D(dwarf.TagStructType, "s", Name("s"), Size(4)))},
		CU(Base("int", 4), D(dwarf.TagTypedef, Name("t"), Attr{Attr: dwarf.AttrType, Form: FormRefSig8, Val: 7}),
			D(dwarf.TagTypedef, "bad", Name("bad"), Attr{Attr: dwarf.AttrType, Form: 0x55, Val: []byte{0}})),
	}}
	_, err := encodeImage(t, d.ELF().Assemble().Data, Options{})
	if want := ".debug_info+0x2d: attribute Type has the unknown form 0x55"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s; the DIE is at %#x", err, want, d.Offset("bad"))
	}
}

// TestBoundByReference: an array bound that is another DIE's value is not a number, whatever
// the form of the reference.
func TestBoundByReference(t *testing.T) {
	for _, form := range []uint32{FormRef4, FormRefUdata} {
		got := encodeDWARF(t, file(Base("int", 4), D(dwarf.TagVariable, "n", Name("n"), Type("int")),
			D(dwarf.TagArrayType, "a", Type("int"), D(dwarf.TagSubrangeType, Attr{Attr: dwarf.AttrUpperBound, Form: form, Val: "n"}))), Options{})
		if !strings.Contains(got, "ARRAY 1 1 0\n") {
			t.Errorf("form %#x: no array of 0 elements in\n%s", form, got)
		}
	}
}

// TestHugeStruct: a size that BTF cannot hold is not cut to one that it can.
func TestHugeStruct(t *testing.T) {
	d := file(Base("int", 4), D(dwarf.TagStructType, Name("big"), Attr{Attr: dwarf.AttrByteSize, Form: FormData8, Val: 1<<32 + 4}))
	res, err := encodeImage(t, d.ELF().Assemble().Data, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := dump(t, res.BTF); strings.Contains(got, "big") || len(res.Warnings) != 1 {
		t.Errorf("warnings %q and\n%s", res.Warnings, got)
	}
}

// TestOverlappingTables: units that refer to each other and name tables of which each is the rest
// of one large table end in an error, not in a copy of it per unit.
func TestOverlappingTables(t *testing.T) {
	abbrev := []byte{1, 0x11, 0, 0x49, 0x10, 0, 0} // code 1: compile unit with a DW_AT_type of DW_FORM_ref_addr
	var starts []int
	for code := 2; code < 6000; code++ {
		starts = append(starts, len(abbrev))
		abbrev = append(abbrev, byte(code&0x7f|0x80), byte(code>>7|0x80), 0, 0x24, 0, 0, 0)
	}
	abbrev = append(abbrev, 0)
	var info []byte
	unit := func(table int, die ...byte) {
		info = append(info, byte(8+len(die)), 0, 0, 0, 5, 0, 1, 8, byte(table), byte(table>>8), byte(table>>16), 0)
		info = append(info, die...)
	}
	unit(0, 1, 12, 0, 0, 0)
	for i, at := range starts[:4000] {
		unit(at, byte((i+2)&0x7f|0x80), byte((i+2)>>7|0x80), 0)
	}
	f := &ELF{Class: elf.ELFCLASS64, Type: elf.ET_EXEC, Machine: elf.EM_X86_64, Sections: []Section{
		{Name: ".debug_info", Type: elf.SHT_PROGBITS, Data: info}, {Name: ".debug_abbrev", Type: elf.SHT_PROGBITS, Data: abbrev}}}
	_, err := encodeImage(t, f.Assemble().Data, Options{})
	if err == nil || !strings.HasSuffix(err.Error(), ": tables overlap, or are named by too many units") {
		t.Errorf("got %v", err)
	}
}
