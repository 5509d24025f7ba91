// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/btfgen/btfgen/internal/testkit"
)

// TestFeatures turns each feature on alone, and everything else on.
func TestFeatures(t *testing.T) {
	tests := []struct {
		feature, object string
		on, off         []string // lines that are there (or "!" not) with only this feature, and with all others
	}{
		{"var", "percpu.gcc-x86_64.dwarf5", []string{"DATASEC .data..percpu"}, nil}, // global_var includes it
		{"global_var", "variables.gcc-x86_64.dwarf5", []string{" VAR ", "DATASEC .data "}, []string{"!DATASEC .data "}},
		{"float", "float_kinds.gcc-x86_64.dwarf5", []string{" FLOAT _Float32 4"}, []string{"!FLOAT", " INT _Float32 4 -"}},
		{"decl_tag", "tags.clang-x86_64.dwarf5", []string{"DECL_TAG on_struct", "!TYPE_TAG"}, []string{"!DECL_TAG", "TYPE_TAG rcu"}},
		{"type_tag", "tags.clang-x86_64.dwarf5", []string{"TYPE_TAG rcu", "!DECL_TAG"}, []string{"!TYPE_TAG", "DECL_TAG on_struct"}},
		{"enum64", "enums.gcc-x86_64.dwarf5", []string{"ENUM64"}, []string{"!ENUM64", "!=-1"}},
		{"consistent_func", "inconsistent.gcc-x86_64.dwarf5", []string{"!FUNC count "}, []string{"FUNC count "}},
		{"decl_tag_kfuncs,decl_tag", "kfuncs.gcc-x86_64.dwarf5", []string{"DECL_TAG bpf_kfunc"}, nil},
		{"attributes,decl_tag_kfuncs", "kfuncs_arena.gcc-x86_64.dwarf5", []string{"TYPE_TAG address_space(1)", "!DECL_TAG"}, nil},
		{"decl_tag_kfuncs", "kfuncs_arena.gcc-x86_64.dwarf5", []string{"!DECL_TAG", "!address_space"}, []string{"!bpf_kfunc", "!address_space"}},
		{"true_signature", "functions_clones.gcc-x86_64.dwarf5", []string{"FUNC by_const.constprop.0 "}, []string{"!.constprop"}},
	}
	for _, test := range tests {
		t.Run(test.feature, func(t *testing.T) {
			var others []string
			for _, name := range FeatureNames() {
				if !strings.Contains(","+test.feature+",", ","+name+",") {
					others = append(others, name)
				}
			}
			check(t, quoteless(object(t, test.object, Options{Features: test.feature})), test.on...)
			check(t, quoteless(object(t, test.object, Options{Features: strings.Join(others, ",")})), test.off...)
		})
	}
}

func quoteless(s string) string { return strings.ReplaceAll(s, `"`, "") }

// TestEncodeForce: a variable that cannot be described ends the run without encode_force.
func TestEncodeForce(t *testing.T) {
	d := file(testkit.Base("int", 4), testkit.D(0x34, testkit.Name("not-a-name"), testkit.Type("int"), addrOf(8)))
	image := d.ELF(varSym("not-a-name", 0x2008)).Assemble().Data
	res, err := encodeImage(t, image, Options{Features: "var", Jobs: 1})
	const want = `.debug_info+0x1c: variable "not-a-name" cannot be encoded: its name is no identifier`
	if res != nil || err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	res, err = encodeImage(t, image, Options{Report: true})
	if err != nil {
		t.Fatal(err)
	}
	if o := omitted(t, res); len(o) != 1 || o[0].Name != "not-a-name" || o[0].Unit != "unit.c" || len(res.Warnings) != 1 {
		t.Errorf("omissions %v, warnings %v", o, res.Warnings)
	}
}

// TestOmissionUnits: each omission has the name of its unit, also where units share their abbreviations.
func TestOmissionUnits(t *testing.T) {
	bad := func(unit, name string, off byte) *testkit.Unit {
		u := testkit.CU(testkit.Base("int", 4), testkit.D(0x34, testkit.Name(name), testkit.Type("int"), addrOf(off)))
		u.Root.Attrs[0] = testkit.Name(unit)
		return u
	}
	d := &testkit.DWARF{Units: []*testkit.Unit{bad("a.c", "a-name", 8)}}
	var table uint64 // bytes of the abbreviations, the same for each
	for _, s := range d.Sections() {
		if s.Name == ".debug_abbrev" {
			table = uint64(len(s.Data))
		}
	}
	d.Units = append(d.Units, bad("b.c", "b-name", 12), bad("c.c", "c-name", 16))
	d.Units[2].AbbrevOff = table // those of b.c
	res, err := encodeImage(t, d.ELF(varSym("a-name", 0x2008), varSym("b-name", 0x200c), varSym("c-name", 0x2010)).Assemble().Data, Options{Report: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range omitted(t, res) {
		got = append(got, o.Name+" of "+o.Unit)
	}
	if want := []string{"a-name of a.c", "b-name of b.c", "c-name of c.c"}; !slices.Equal(got, want) {
		t.Errorf("omissions %q, want %q", got, want)
	}
}

func TestParseFeatures(t *testing.T) {
	def, all := features{}, features{}
	def.setDefaults()
	all.setAll()
	with := func(f features, change func(*features)) features { change(&f); return f }
	for list, want := range map[string]features{
		"": def, "default": def, "+": def, ",default,": def, "all": all, "+all": all,
		"float": {float: true}, "float,layout": {float: true, layout: true},
		"+layout":        with(def, func(f *features) { f.layout = true }),
		"layout,default": with(def, func(f *features) { f.layout = true }),
	} {
		if got, err := parseFeatures(list); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", list, got, err, want)
		}
	}
	for _, list := range []string{"nope", "float,nope", "float,+layout", "Float"} {
		var unknown *UnknownFeatureError
		if _, err := parseFeatures(list); !errors.As(err, &unknown) {
			t.Errorf("%q: error %v", list, err)
		}
	}
}

// TestFeatureNames: the order is that of pahole's list, which its command line prints.
func TestFeatureNames(t *testing.T) {
	const def = "encode_force,var,float,decl_tag,type_tag,enum64,optimized_func,consistent_func,decl_tag_kfuncs"
	const all = def + ",reproducible_build,distilled_base,global_var,attributes,true_signature,layout,force_cu_merging"
	if got := strings.Join(FeatureNames(), ","); got != all {
		t.Errorf("names %s, want %s", got, all)
	}
	if got := strings.Join(DefaultFeatures(), ","); got != def {
		t.Errorf("defaults %s, want %s", got, def)
	}
}

// TestLangExclude leaves units of a language out.
func TestLangExclude(t *testing.T) {
	const cpp = "cplusplus.gcc-x86_64.dwarf5"
	if res, err := encodeFile(t, testkit.Object(t, cpp+".elf"), Options{LangExclude: "c++14"}); res != nil || !errors.Is(err, ErrNoTypes) {
		t.Errorf("result %v, error %v, want %v", res, err, ErrNoTypes)
	}
	check(t, object(t, cpp, Options{}), " STRUCT ")
	rust := &testkit.DWARF{Units: []*testkit.Unit{
		{Root: testkit.D(0x11, testkit.Name("a.rs"), testkit.Num(0x13, 0x1c), testkit.Base("i32", 4))},
		testkit.CU(testkit.Base("int", 4)),
	}}
	check(t, encodeDWARF(t, rust, Options{}), "1 INT int 4 s\n", "!i32")
	check(t, encodeDWARF(t, rust, Options{LangExclude: "none"}), "INT i32 4 s", "INT int 4 s")
	check(t, encodeDWARF(t, rust, Options{LangExclude: "C11"}), "1 INT i32 4 s\n", "!INT int")
	if _, err := encodeImage(t, rust.ELF().Assemble().Data, Options{LangExclude: "rust,c11"}); !errors.Is(err, ErrNoTypes) {
		t.Errorf("error %v, want %v", err, ErrNoTypes)
	}
}
