// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"debug/dwarf"
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/btf"
	. "github.com/btfgen/btfgen/internal/testkit"
)

// Test scripts of the package dwarves that need a compiler newer than those of testdata: clang 21, which tells of changed
// signatures (DW_CC_nocall), or gcc 16, which describes tags. The DWARF is what these write.

// location of a parameter (DWARF 5, 7.7.1): 0x50 and up are registers.
func location(ops ...byte) Attr {
	return Attr{Attr: dwarf.AttrLocation, Form: FormExprloc, Val: ops}
}

// piece is a location of 8 bytes in a register, part of a larger value.
func piece(register byte) []byte { return []byte{register, 0x93, 8} }

// param is a formal parameter; without ops it was not passed.
func param(name, typ string, ops ...byte) *DIE {
	if ops == nil {
		return D(dwarf.TagFormalParameter, Name(name), Type(typ))
	}
	return D(dwarf.TagFormalParameter, Name(name), Type(typ), location(ops...))
}

// function is one at an address; changed says that its signature is not that of the source.
func function(name string, addr int, changed bool, args ...any) *DIE {
	d := D(dwarf.TagSubprogram, append([]any{name, Name(name), Type("int"), Flag(dwarf.AttrPrototyped),
		Attr{Attr: dwarf.AttrLowpc, Form: FormAddr, Val: addr}, Num(dwarf.AttrHighpc, 16)}, args...)...)
	if changed {
		d.Attrs = append(d.Attrs, Attr{Attr: dwarf.AttrCalling, Form: FormData1, Val: 3})
	}
	return d
}

// image writes an executable of one unit with functions at 0x1000, 0x1010 and so on, and returns its name.
func image(t *testing.T, machine elf.Machine, producer string, dies []*DIE, functions ...*DIE) string {
	t.Helper()
	args := []any{Attr{Attr: dwarf.AttrProducer, Form: FormStrp, Val: producer}, Base("int", 4), Base("long", 8)}
	for _, d := range slices.Concat(dies, functions) {
		args = append(args, d)
	}
	var symbols []Symbol
	for i, f := range functions {
		symbols = append(symbols, Symbol{Name: f.Label, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Section: 1, Value: 0x1000 + 16*uint64(i), Size: 16})
	}
	e := (&DWARF{Units: []*Unit{CU(args...)}}).ELF(symbols...)
	e.Machine = machine
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, e.Assemble().Data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const clang = "clang version 21.1.0"

// TestPaholeClangParms: with true_signature a function is as it is called, else it is left out if that is not as in
// the source.
func TestPaholeClangParms(t *testing.T) {
	types := []*DIE{
		D(dwarf.TagStructType, "t", Name("t"), Size(16), D(dwarf.TagMember, Name("f1"), Type("long"), At(0)),
			D(dwarf.TagMember, Name("f2"), Type("long"), At(8))),
		D(dwarf.TagUnionType, "u", Name("u"), Size(24), D(dwarf.TagMember, Name("a"), Type("long"), At(0)),
			D(dwarf.TagMember, Name("b"), Type("three"), At(0))),
		D(dwarf.TagArrayType, "three", Type("long"), D(dwarf.TagSubrangeType, Type("long"), Num(dwarf.AttrUpperBound, 2))),
	}
	const stack = 0x91 // DW_OP_fbreg
	both := func(first, second byte) []byte { return append(piece(first), piece(second)...) }
	nine := func(dropped bool) []any {
		args := []any{param("a", "long", 0x55), param("b", "long", 0x54), param("c", "long", 0x51), param("d", "long", 0x52),
			param("e", "long", 0x58), param("f", "long", 0x59), param("g", "long", stack, 8), param("h", "long", stack, 16), param("i", "long", stack, 24)}
		if dropped { // what is behind moves up
			args = []any{args[0], param("b", "long"), param("c", "long", 0x54), param("d", "long", 0x51), param("e", "long", 0x52),
				param("f", "long", 0x58), param("g", "long", 0x59), param("h", "long"), param("i", "long", stack, 8)}
		}
		return args
	}
	firstRegister := map[elf.Machine]byte{elf.EM_X86_64: 0x55, elf.EM_AARCH64: 0x50}
	tests := []struct {
		script  string
		machine elf.Machine
		changed bool
		args    []any
		want    string // with true_signature
		source  string // without
	}{
		{"clang_parm_optimized", elf.EM_X86_64, true,
			[]any{param("a", "int", 0x55), param("b", "int"), param("c", "int", 0x54)}, "foo(int a, int c)", ""},
		{"clang_parm_optimized_stack_1", elf.EM_X86_64, true, nine(true),
			"foo(long a, long c, long d, long e, long f, long g, long i)", ""},
		{"clang_parm_optimized_stack_2", elf.EM_X86_64, false, nine(false),
			"foo(long a, long b, long c, long d, long e, long f, long g, long h, long i)",
			"foo(long a, long b, long c, long d, long e, long f, long g, long h, long i)"},
		{"clang_parm_aggregate_1", elf.EM_X86_64, true,
			[]any{param("a", "t", piece(0x55)...), param("b", "t", both(0x54, 0x51)...), param("i", "int", 0x52)},
			"foo(long a__f1, struct t b, int i)", "foo(struct t a, struct t b, int i)"},
		{"clang_parm_aggregate_1", elf.EM_AARCH64, false, // where the changed signature is not told
			[]any{param("a", "t", piece(0x50)...), param("b", "t", both(0x51, 0x52)...), param("i", "int", 0x53)},
			"foo(struct t a, struct t b, int i)", "foo(struct t a, struct t b, int i)"},
		{"clang_parm_aggregate_2", elf.EM_X86_64, true,
			[]any{param("a", "t", piece(0x55)...), param("unused", "int"), param("b", "t", both(0x54, 0x51)...), param("i", "int", 0x52)},
			"foo(long a__f1, struct t b, int i)", ""},
		{"clang_parm_aggregate_2", elf.EM_AARCH64, true,
			[]any{param("a", "t", both(0x50, 0x51)...), param("unused", "int"), param("b", "t", both(0x52, 0x53)...), param("i", "int", 0x54)},
			"foo(struct t a, struct t b, int i)", ""},
		{"clang_parm_memory", elf.EM_X86_64, true,
			[]any{param("a", "u", stack, 8), param("unused", "int"), param("i", "int", 0x55)}, "foo(union u a, int i)", ""},
	}
	for _, test := range tests {
		t.Run(test.script+"_"+test.machine.String(), func(t *testing.T) {
			caller := function("caller", 0x1010, false, param("n", "int", firstRegister[test.machine]))
			file := image(t, test.machine, clang, types, function("foo", 0x1000, test.changed, test.args...), caller)
			for features, want := range map[string]string{"default,true_signature": test.want, "default": test.source} {
				protos := []string{"caller(int n)"}
				if want != "" {
					protos = append(protos, want)
				}
				table, _ := pahole(t, file, "--btf_features="+features)
				if d := cmp.Diff(protos, prototypes(table)); d != "" {
					t.Errorf("%s: %s", features, d)
				}
			}
		})
	}
}

// annotation is a tag as clang writes it, below what it tags.
func annotation(kind, text string) *DIE {
	return D(0x6000, Name(kind), Attr{Attr: dwarf.AttrConstValue, Form: FormStrp, Val: text})
}

// gnuAnnotation is a tag as gcc writes it, followed by the next one.
func gnuAnnotation(label, kind, text, next string) *DIE {
	d := annotation(kind, text)
	d.Tag, d.Label = 0x6001, label
	if next != "" {
		d.Attrs = append(d.Attrs, gnuAnnotations(next))
	}
	return d
}

func gnuAnnotations(first string) Attr { return Attr{Attr: 0x2139, Form: FormRef4, Val: first} }

// TestPaholeTypeTagOrder: of struct s __tag(outer) __tag(inner) *p the tag inner is next to the pointer.
func TestPaholeTypeTagOrder(t *testing.T) {
	s := D(dwarf.TagStructType, "s", Name("s"), Size(4), D(dwarf.TagMember, Name("a"), Type("int"), At(0)))
	for compiler, dies := range map[string][]*DIE{
		clang: {s, D(dwarf.TagPointerType, "p", Type("s"), annotation("btf_type_tag", "outer"), annotation("btf_type_tag", "inner"))},
		"GNU C17 16.1.0": {s, gnuAnnotation("outer", "btf_type_tag", "outer", ""), gnuAnnotation("inner", "btf_type_tag", "inner", "outer"),
			D(dwarf.TagPointerType, "p", Type("s"), gnuAnnotations("inner"))},
	} {
		file := image(t, elf.EM_X86_64, compiler, dies, function("foo", 0x1000, false, param("p", "p", 0x55)))
		table, _ := pahole(t, file, "--btf_features=default")
		if d := cmp.Diff([]string{"foo(*inner outer struct s p)"}, prototypes(table)); d != "" {
			t.Errorf("%s: %s", compiler, d)
		}
		table, _ = pahole(t, file, "--skip_encoding_btf_type_tag")
		if d := cmp.Diff([]string{"foo(*struct s p)"}, prototypes(table)); d != "" {
			t.Errorf("%s, skipped: %s", compiler, d)
		}
	}
}

// TestPaholeDeclTags is pfunct-btf-decl-tags: tags a, b, c on one function, a, b on the next, and so on, and one on a
// parameter.
func TestPaholeDeclTags(t *testing.T) {
	tags := func(texts ...string) (clang []any) {
		for _, text := range texts {
			clang = append(clang, annotation("btf_decl_tag", text))
		}
		return clang
	}
	parameter := func(more ...any) *DIE {
		return D(dwarf.TagFormalParameter, append(more, Name("n"), Type("int"), location(0x55))...)
	}
	byClang := []*DIE{
		function("abc", 0x1000, false, append(tags("a", "b", "c"), parameter(tags("p")...))...),
		function("ab", 0x1010, false, append(tags("a", "b"), parameter())...),
		function("just_a", 0x1020, false, append(tags("a"), parameter())...),
	}
	byGCC := []*DIE{
		function("abc", 0x1000, false, gnuAnnotations("c"), parameter(gnuAnnotations("p"))),
		function("ab", 0x1010, false, gnuAnnotations("b"), parameter()),
		function("just_a", 0x1020, false, gnuAnnotations("a"), parameter()),
	}
	chain := []*DIE{gnuAnnotation("a", "btf_decl_tag", "a", ""), gnuAnnotation("b", "btf_decl_tag", "b", "a"),
		gnuAnnotation("c", "btf_decl_tag", "c", "b"), gnuAnnotation("p", "btf_decl_tag", "p", "")}
	want := []string{"ab: a", "ab: b", "abc: a", "abc: b", "abc: c", "abc:0: p", "just_a: a"}
	for compiler, file := range map[string]string{
		clang: image(t, elf.EM_X86_64, clang, nil, byClang...),
		"gcc": image(t, elf.EM_X86_64, "GNU C17 16.1.0", chain, byGCC...),
	} {
		table, _ := pahole(t, file)
		if d := cmp.Diff(want, declTags(table)); d != "" {
			t.Errorf("%s: %s", compiler, d)
		}
		table, _ = pahole(t, file, "--skip_encoding_btf_decl_tag")
		if d := cmp.Diff([]string(nil), declTags(table)); d != "" {
			t.Errorf("%s, skipped: %s", compiler, d)
		}
	}
}

// TestPaholeArrayStyle: dimensions are those of the version that is reported.
func TestPaholeArrayStyle(t *testing.T) {
	file := objectFile(t, "arrays.gcc-x86_64.dwarf5")
	nested := func(t *btf.Table) (n int) {
		for id := t.FirstID(); int(id) < t.NumIDs(); id++ {
			if r := t.Type(id); r.Kind == btf.KindArray {
				if elem, _, _ := r.Array(); t.Kind(elem) == btf.KindArray {
					n++
				}
			}
		}
		return n
	}
	if table, _ := pahole(t, file); nested(table) == 0 {
		t.Error("no array of arrays")
	}
	if table, _ := pahole(t, file, "--btfgen_pahole_version=1.31"); nested(table) != 0 {
		t.Error("arrays of arrays, as 1.31 does not write them")
	}
	t.Setenv("BTFGEN_PAHOLE_VERSION", "1.25")
	if table, _ := pahole(t, file); nested(table) != 0 {
		t.Error("arrays of arrays, as 1.25 does not write them")
	}
}
