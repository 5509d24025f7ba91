// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/btfgen/btfgen/internal/testkit"

	"github.com/btfgen/btfgen/internal/elfview"
)

func ref(a dwarf.Attr, form uint32, v any) Attr { return Attr{Attr: a, Form: form, Val: v} }

// chain nests n DIEs.
func chain(n int) *DIE {
	d := D(dwarf.TagLexDwarfBlock)
	for range n {
		d = D(dwarf.TagLexDwarfBlock, d)
	}
	return d
}

// unitOf is a file with one unit of which fields are set by hand.
func unitOf(u Unit) *DWARF {
	if u.Root == nil {
		u.Root = D(dwarf.TagCompileUnit, Name("x.c"), Base("int", 4))
	}
	return &DWARF{Units: []*Unit{&u}}
}

// abbrevs is a table in its encoded form.
func abbrevs(b ...byte) []byte { return b }

// TestMalformed: each defect has its exact message, with section and offset, and no output.
func TestMalformed(t *testing.T) {
	str := Attr{Attr: dwarf.AttrName, Form: FormStrp, Val: 0x7000}
	tests := []struct {
		name string
		in   *DWARF
		err  string
	}{
		{"unit longer than its section", unitOf(Unit{Length: 0x1000}), ".debug_info+0x0: unit length 0x1000, the section has 0x15 bytes left"},
		{"unit without a length", unitOf(Unit{Length: 1 << 32}), ".debug_info+0x0: unit length 0x0, the section has 0x15 bytes left"},
		{"reserved unit length", unitOf(Unit{Length: 0xfffffff5}), ".debug_info+0x0: unit length 0xfffffff5 is reserved"},
		{"unit shorter than its header", unitOf(Unit{Length: 5}), ".debug_info+0x0: unit of 9 bytes is shorter than its header"},
		{"units that overlap", unitOf(Unit{Length: 12}), ".debug_info+0x10: unit length 0x50200, the section has 0x5 bytes left"},
		{"version 6", unitOf(Unit{Version: 6}), ".debug_info+0x0: DWARF version 6 is not one of 2 to 5"},
		{"version 1", unitOf(Unit{Version: 1}), ".debug_info+0x0: DWARF version 1 is not one of 2 to 5"},
		{"unit type", unitOf(Unit{Type: 0x77}), ".debug_info+0x0: unit type 0x77 is unknown"},
		{"address size", &DWARF{AddrSize: 3, Units: []*Unit{CU()}}, ".debug_info+0x0: address size 3 is neither 4 nor 8"},
		{"abbreviation table outside", unitOf(Unit{AbbrevOff: 0x999}), ".debug_info+0x0: abbreviation table offset is past the end of .debug_abbrev"},
		{"abbreviation table without end", unitOf(Unit{Abbrev: abbrevs(1, 0x11, 1, 3)}), ".debug_abbrev+0x0: table ends in the middle of a declaration"},
		{"abbreviation number without end", unitOf(Unit{Abbrev: abbrevs(0xff, 0xff, 0xff)}), ".debug_abbrev+0x0: table ends in the middle of a declaration"},
		{"abbreviation declared twice", unitOf(Unit{Abbrev: abbrevs(1, 0x11, 0, 0, 0, 1, 0x11, 0, 0, 0, 0)}), ".debug_abbrev+0x5: abbreviation code is declared twice"},
		{"abbreviation not declared", unitOf(Unit{Abbrev: abbrevs(9, 0x11, 0, 0, 0, 0)}), ".debug_info+0xc: abbreviation code 1 is not declared"},
		{"abbreviation not declared, below", file(&DIE{Tag: dwarf.TagBaseType, Code: 77}), ".debug_info+0x15: abbreviation code 77 is not declared"},
		{"abbreviation table too wide", unitOf(Unit{Abbrev: append(abbrevs(1, 0x11, 0), bytes.Repeat([]byte{0x34, 0x19}, 5000)...)}), ".debug_abbrev+0x0: declaration has too many attributes"},
		{"code runs past the unit", unitOf(Unit{Tail: []byte{0xff}}), ".debug_info+0x19: abbreviation code runs past the end of the unit"},
		{"values run past the unit", unitOf(Unit{Tail: []byte{2, 1}}), ".debug_info+0x1a: values run past the end of the unit"},
		{"form that does not exist", file(D(dwarf.TagTypedef, ref(dwarf.AttrName, 0x7f, 1))), ".debug_info+0x16: attribute Name has the unknown form 0x7f"},
		{"unknown form of an attribute nobody asks for", file(D(dwarf.TagLabel, ref(0x3fff, 0x2d, 1))), ".debug_info+0x16: attribute Attr(16383) has the unknown form 0x2d"},
		{"indirect form of indirect forms", file(D(dwarf.TagTypedef, ref(dwarf.AttrType, FormIndirect, []byte{0x16, 0x16, 0x13}))), ".debug_info+0x16: attribute Type has the unknown form 0x16"},
		{"block longer than the unit", file(D(dwarf.TagVariable, ref(dwarf.AttrLocation, FormExprloc, 0x7f))), ".debug_info+0x16: attribute Location of form 0x18 runs past the end of the unit"},
		{"string without end", unitOf(Unit{Root: D(dwarf.TagCompileUnit), Abbrev: abbrevs(1, 0x11, 1, 0, 0, 2, 0x16, 0, 3, 8, 0, 0, 0), Tail: []byte("\x02abc")}), ".debug_info+0xe: string runs past the end of the unit"},
		{"string offset outside", file(D(dwarf.TagTypedef, str)), ".debug_info+0x16: string offset 0x7000 is past the end of .debug_str (0x8 bytes)"},
		{"string offset outside, member", file(D(dwarf.TagStructType, D(dwarf.TagMember, str))), ".debug_info+0x17: string offset 0x7000 is past the end of .debug_str (0x8 bytes)"},
		{"string index outside", file(D(dwarf.TagTypedef, ref(dwarf.AttrName, FormStrx1, 99))), ".debug_info+0x16: string index 99 is past the end of .debug_str_offsets (0x0 bytes)"},
		{"string index overflows", file(D(dwarf.TagTypedef, ref(dwarf.AttrName, FormStrx, uint64(1)<<62))), ".debug_info+0x16: string index 4611686018427387904 is past the end of .debug_str_offsets (0x0 bytes)"},
		{"name in a supplementary file", file(D(dwarf.TagTypedef, ref(dwarf.AttrName, FormGNUStrpAlt, 5))), ".debug_info+0x15: form 0x1f21 refers to a supplementary debug file (dwz), which is not supported"},
		{"type in a supplementary file", file(D(dwarf.TagPointerType, ref(dwarf.AttrType, FormGNURefAlt, 5))), ".debug_info+0x15: form 0x1f20 refers to a supplementary debug file (dwz), which is not supported"},
		{"DIEs too deep", file(chain(5000)), ".debug_info+0x1014: DIEs nest deeper than 4096"},
		{"origin outside the unit", file(D(dwarf.TagSubprogram, origin("int"), lowpc(1)), &DIE{Label: "int", Tag: dwarf.TagBaseType, Code: 66}), ".debug_info+0x22: abbreviation code 66 is not declared"},
		{"empty section", &DWARF{Extra: map[string][]byte{".debug_info": {}}}, ".debug_info is empty"},
		{"no section", &DWARF{}, "no .debug_info section: it was compiled without -g, or stripped"},
		{"no types", unitOf(Unit{Root: D(dwarf.TagCompileUnit, Name("a.S"))}), "no types: no unit of a wanted language has any"},
		{"no DIE", unitOf(Unit{Root: D(dwarf.TagCompileUnit), Length: 8}), ".debug_info+0xc: needs 4 bytes, 1 are left"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			res, err := encodeImage(t, test.in.ELF().Assemble().Data, Options{Jobs: 1})
			if err == nil || err.Error() != test.err {
				t.Errorf("error %v\nwant  %s", err, test.err)
			}
			if err != nil && res != nil {
				t.Error("there is a result besides the error")
			}
		})
	}
}

// TestTolerated: what can be described without what is broken is described, and counted.
func TestTolerated(t *testing.T) {
	fn := func(loc Attr) *DWARF {
		return file(Base("int", 4), D(dwarf.TagSubprogram, Name("func"), Type("int"), lowpc(0x1000), arg(Name("a"), Type("int"), loc)))
	}
	loc := func(form uint32, v any) Attr { return ref(dwarf.AttrLocation, form, v) }
	tests := []struct {
		name, want, warning string
		in                  *DWARF
	}{
		{"pointer to itself", "1 PTR 0\n", "types that refer to nothing but themselves became void", file(pointer("p", "p"))},
		{"typedef of itself", "1 TYPEDEF t 0\n", "types that refer to nothing but themselves became void", file(D(dwarf.TagTypedef, "t", Name("t"), Type("t")))},
		{"const of itself", "1 CONST 0\n", "types that refer to nothing but themselves became void", file(D(dwarf.TagConstType, "c", Type("c")))},
		{"atomic of itself", "1 PTR 0\n", "types that refer to nothing but themselves became void", file(D(dwarf.TagAtomicType, "a", Type("a")), pointer("p", "a"))},
		{"array of itself", " ARRAY ", "types that refer to nothing but themselves became void", file(Base("int", 4), D(dwarf.TagArrayType, "a", Type("a"), D(dwarf.TagSubrangeType, Num(dwarf.AttrCount, 3))))},
		{"struct that contains itself", "1 STRUCT s 4 m:1@0\n", "", file(D(dwarf.TagStructType, "s", Name("s"), Size(4), D(dwarf.TagMember, Name("m"), Type("s"), At(0))))},
		{"nameless struct that contains itself", " STRUCT - 4 m:1@0\n", "", file(D(dwarf.TagStructType, "s", Size(4), D(dwarf.TagMember, Name("m"), Type("s"), At(0))))},
		{"origin and specification in a circle", "1 INT int 4 s\n", "", file(Base("int", 4), D(dwarf.TagSubprogram, "a", origin("b"), lowpc(1)), D(dwarf.TagSubprogram, "b", spec("a"), lowpc(2)))},
		{"reference into the middle of nothing", "1 PTR 0\n", "references that lead to no type became void", file(D(dwarf.TagPointerType, ref(dwarf.AttrType, FormRef4, 3)))},
		{"reference past the unit", "1 PTR 0\n", "references that lead to no type became void", file(D(dwarf.TagPointerType, ref(dwarf.AttrType, FormRef4, 0xfffffff0)))},
		{"reference past the unit, 64 bits", "1 PTR 0\n", "references that lead to no type became void", file(D(dwarf.TagPointerType, ref(dwarf.AttrType, FormRef8, ^uint64(0)-8)))},
		{"type unit that is not there", "1 PTR 0\n", "references that lead to no type became void", file(D(dwarf.TagPointerType, ref(dwarf.AttrType, FormRefSig8, 0x1234)))},
		{"reference to another unit that is not there", "1 PTR 0\n", "references that lead to no type became void", file(D(dwarf.TagPointerType, ref(dwarf.AttrType, FormRefAddr, 0x123456)))},
		{"member with an unknown location", "1 STRUCT s 4\n", "members that cannot be placed were left out", file(D(dwarf.TagStructType, Name("s"), Size(4), D(dwarf.TagMember, Name("m"), ref(dwarf.AttrDataMemberLoc, FormExprloc, []byte{0x12}))))},
		{"member far away", "1 STRUCT s 4\n", "members that cannot be placed were left out", file(D(dwarf.TagStructType, Name("s"), Size(4), D(dwarf.TagMember, Name("m"), ref(dwarf.AttrDataMemberLoc, FormData8, uint64(1)<<60))))},
		{"bitfield of 300 bits", "1 STRUCT s 4\n", "members that cannot be placed were left out", file(D(dwarf.TagStructType, Name("s"), Size(4), D(dwarf.TagMember, Name("m"), At(0), Num(dwarf.AttrBitSize, 300))))},
		{"old bitfield at an absurd offset", " STRUCT s 4\n", "members that cannot be placed were left out", file(Base("int", 4), D(dwarf.TagStructType, Name("s"), Size(4), D(dwarf.TagMember, Name("m"), Type("int"), At(0), Num(dwarf.AttrBitSize, 3), ref(dwarf.AttrBitOffset, FormData8, uint64(1)<<62))))},
		{"absurd sizes", "2 STRUCT s 4294967295\n", "", file(D(dwarf.TagBaseType, Name("i"), ref(dwarf.AttrByteSize, FormUdata, ^uint64(0)), Enc(5)), D(dwarf.TagStructType, Name("s"), ref(dwarf.AttrByteSize, FormData4, 0xffffffff)))},
		{"absurd count", "ARRAY 1 1 4294967295\n", "", file(Base("int", 4), D(dwarf.TagArrayType, Type("int"), D(dwarf.TagSubrangeType, ref(dwarf.AttrCount, FormData4, 0xffffffff))))},
		{"location list outside", "FUNC func", "", fn(loc(FormSecOffset, 0x99999))},
		{"location list index outside", "FUNC func", "", fn(loc(FormLoclistx, uint64(1)<<62))},
		{"broken location expression", "FUNC func", "", fn(loc(FormExprloc, []byte{0x03, 1}))},
		{"location of an odd form", "FUNC func", "", fn(loc(FormFlagPresent, nil))},
		{"no end of children", "1 STRUCT s 0\n2 INT int 4 s\n", "", unitOf(Unit{Root: &DIE{Tag: dwarf.TagCompileUnit, Kids: []*DIE{D(dwarf.TagStructType, Name("s"), Base("int", 4))}}, Length: 0})},
		{"more ends than beginnings", "1 INT int 4 s\n", "", unitOf(Unit{Tail: []byte{0, 0, 0, 0}})},
		{"skeleton unit", "1 INT int 4 s\n", "skeleton units, whose types are in another file, were passed over",
			&DWARF{Units: []*Unit{CU(Base("int", 4)), {Type: 4, Root: D(dwarf.TagSkeletonUnit, Name("x"))}}}},
		{"name given twice", "1 TYPEDEF first 0\n", "", file(D(dwarf.TagTypedef, ref(dwarf.AttrName, FormString, "first"), Name("second")))},
		{"tags that lead in a circle", "1 PTR 0\n", "tags that cannot be placed were left out", file(D(dwarf.TagPointerType, annotation("g")), gnu("g", "btf_type_tag", "t", annotation("g")))},
		{"tag without a text", "1 PTR 0\n", "tags that cannot be placed were left out", file(D(dwarf.TagPointerType, D(0x6000, Name("btf_type_tag"))))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			res, err := encodeImage(t, test.in.ELF(fnSym("func", 0x1000)).Assemble().Data, Options{Jobs: 1})
			if err != nil {
				t.Fatal(err)
			}
			check(t, dump(t, res.BTF), test.want)
			warnings := strings.Join(res.Warnings, "\n")
			if !strings.Contains(warnings, test.warning) || test.warning == "" && warnings != "" {
				t.Errorf("warnings %q, want %q", warnings, test.warning)
			}
		})
	}
}

// TestTruncated cuts a file at every section boundary and at many other places. No prefix may be taken
// for a whole file, except where only padding is gone.
func TestTruncated(t *testing.T) {
	for _, name := range []string{"dedup.gcc-x86_64.dwarf5.elf", "functions.gcc-s390x.dwarf4.elf", "compressed.gcc-x86_64.dwarf5.zlib.elf"} {
		image, err := os.ReadFile(Object(t, name))
		if err != nil {
			t.Fatal(err)
		}
		f, err := elfview.New(bytes.NewReader(image), int64(len(image)))
		if err != nil {
			t.Fatal(err)
		}
		cuts := []int{1, 4, 16, 63, len(image) - 1}
		for _, s := range f.Sections {
			if s.Type != elf.SHT_NOBITS {
				cuts = append(cuts, int(s.Off), int(s.Off)+1, int(s.Off+s.FileSize)-1)
			}
		}
		rnd := rand.New(rand.NewPCG(1, 2))
		for range 200 {
			cuts = append(cuts, rnd.IntN(len(image)))
		}
		for _, n := range cuts {
			if n <= 0 || n >= len(image) {
				continue
			}
			if res, err := encodeImage(t, image[:n], Options{Jobs: 2}); err == nil || res != nil {
				t.Errorf("%s cut to %d bytes is accepted", name, n)
			}
		}
	}
}

// TestDamaged flips bytes of a file. Whatever comes out, it is an error without result, or BTF that holds up.
func TestDamaged(t *testing.T) {
	for _, name := range []string{"tags.clang-x86_64.dwarf5.elf", "functions_clones.gcc-s390x.dwarf5.elf", "type_units.gcc-i686.dwarf5.elf", "functions_args.gcc-x86_64.dwarf4.elf"} {
		image, err := os.ReadFile(Object(t, name))
		if err != nil {
			t.Fatal(err)
		}
		rnd := rand.New(rand.NewPCG(3, 4))
		for i := range 400 {
			bad := bytes.Clone(image)
			for range 1 + i%8 {
				bad[rnd.IntN(len(bad))] = byte(rnd.IntN(256))
			}
			res, err := encodeImage(t, bad, Options{Jobs: 1, Features: "all", Report: true, Compat: i%2 == 0})
			sane(t, fmt.Sprintf("%s, round %d", name, i), res, err)
		}
	}
}

// sane checks what holds of every run.
func sane(t testing.TB, what string, res *Result, err error) {
	t.Helper()
	switch {
	case err != nil && res != nil:
		t.Errorf("%s: a result besides the error %v", what, err)
	case err != nil && strings.Contains(err.Error(), "internal error"):
		t.Errorf("%s: %v", what, err)
	case err == nil:
		dump(t, res.BTF)
	}
}

// TestChanged: a file that is written while it is read gives no result.
func TestChanged(t *testing.T) {
	image, err := os.ReadFile(Object(t, "structs.gcc-x86_64.dwarf5.elf"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "file.elf")
	if err := os.WriteFile(path, image, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := elfview.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	res, err := Encode(f, Options{})
	if res != nil || err == nil || !strings.Contains(err.Error(), "changed while it was being read") {
		t.Errorf("result %v, error %v", res != nil, err)
	}
}

// TestLoopInOddUnit has a pointer to itself in a unit that is read a second time, because of its
// recursive typedef and because it means something else by struct t than the others: the
// loop must be gone then too.
func TestLoopInOddUnit(t *testing.T) {
	unit := func(prefix, member string, size int, more ...any) *Unit {
		l := func(s string) string { return prefix + s }
		args := []any{
			D(dwarf.TagBaseType, l("int"), Name("int"), Size(4), Enc(5)),
			D(dwarf.TagBaseType, l("long"), Name("long"), Size(8), Enc(5)),
			D(dwarf.TagStructType, l("t"), Name("t"), Size(size), D(dwarf.TagMember, Name("member"), Type(l(member)), At(0))),
			D(dwarf.TagPointerType, l("pt"), Type(l("t"))),
			D(dwarf.TagStructType, Name("user"), Size(8), D(dwarf.TagMember, Name("pointer"), Type(l("pt")), At(0))),
		}
		return CU(append(args, more...)...)
	}
	d := &DWARF{Version: 5, AddrSize: 8, Units: []*Unit{
		unit("a.", "int", 4), unit("b.", "int", 4),
		unit("c.", "long", 8, pointer("c.loop", "c.loop"), D(dwarf.TagTypedef, "c.rec", Name("rec"), Type("c.prec")), pointer("c.prec", "c.rec")),
	}}
	got := encodeDWARF(t, d, Options{})
	if !strings.Contains(got, "PTR 0\n") {
		t.Errorf("the loop is not a pointer to void in\n%s", got)
	}
	if n := strings.Count(got, "user"); n != 2 {
		t.Errorf("%d types user, want one for each struct t, in\n%s", n, got)
	}
}
