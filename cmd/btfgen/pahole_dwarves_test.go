// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/btfcheck"
	"github.com/btfgen/btfgen/internal/testkit"
)

// These tests ask for what the test scripts of pahole's package dwarves ask of an encoder (encode.md 8). The name of each
// is that of the script. The scripts default_vmlinux_btf, flexible_arrays and prettify_perf.data are about printing, which is
// refused (testdata/script/pahole_usage.txtar).

// pahole encodes a file as pahole does and returns the BTF with what was printed.
func pahole(t *testing.T, file string, args ...string) (*btf.Table, string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "btf")
	var stdout, stderr bytes.Buffer
	args = append(append([]string{"pahole", "-J", "--btf_encode_detached=" + out}, args...), file)
	if code := run(args, &stdout, &stderr); code != 0 {
		t.Fatalf("%q: exit code %d, %s", args, code, stderr.String())
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := btfcheck.Check(b); err != nil {
		t.Fatal(err)
	}
	table, err := btf.Read(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	return table, stdout.String()
}

// typeName writes a type as C does, pointers and their tags in front: "*inner outer struct s".
func typeName(t *btf.Table, id btf.ID) string {
	r := t.Type(id)
	switch {
	case id == 0:
		return "void"
	case r.Kind == btf.KindPtr:
		return "*" + typeName(t, r.Ref())
	case r.Kind == btf.KindTypeTag:
		return string(t.Name(id)) + " " + typeName(t, r.Ref())
	case r.Kind == btf.KindStruct, r.Kind == btf.KindUnion:
		return strings.ToLower(r.Kind.String()) + " " + string(t.Name(id))
	}
	return string(t.Name(id))
}

// prototypes writes all functions, sorted: "foo(int a, struct s b)".
func prototypes(t *btf.Table) []string {
	var all []string
	for id := t.FirstID(); int(id) < t.NumIDs(); id++ {
		if t.Kind(id) != btf.KindFunc {
			continue
		}
		proto := t.Type(t.Type(id).Ref())
		var params []string
		for i := range int(proto.Vlen) {
			name, typ := proto.Param(i)
			params = append(params, fmt.Sprintf("%s %s", typeName(t, typ), t.Str(name)))
		}
		all = append(all, fmt.Sprintf("%s(%s)", t.Name(id), strings.Join(params, ", ")))
	}
	slices.Sort(all)
	return all
}

// declTags writes the tags of functions and their parameters, sorted: "foo: tag", "foo:0: tag of the first parameter".
func declTags(t *btf.Table) []string {
	var all []string
	for id := t.FirstID(); int(id) < t.NumIDs(); id++ {
		r := t.Type(id)
		if r.Kind != btf.KindDeclTag || t.Kind(r.Ref()) != btf.KindFunc {
			continue
		}
		where := string(t.Name(r.Ref()))
		if i := r.ComponentIdx(); i >= 0 {
			where = fmt.Sprintf("%s:%d", where, i)
		}
		all = append(all, fmt.Sprintf("%s: %s", where, t.Name(id)))
	}
	slices.Sort(all)
	return all
}

func objectFile(t *testing.T, name string) string { return testkit.Object(t, name+".elf") }

// TestPaholeBTFFunctions: what -V says to be left out is not there, and the reason is right.
func TestPaholeBTFFunctions(t *testing.T) {
	for object, want := range map[string][]string{
		"functions_packed.gcc-x86_64.dwarf5":    {"packed_last : uncertain parameter location"},
		"functions_optimized.gcc-x86_64.dwarf5": {"foo : optimized parameters"},
		"same_name.gcc-x86_64.dwarf5": {
			"dup : ambiguous address",
			"dupx : ambiguous address",
		},
		"inconsistent.gcc-x86_64.dwarf5": {
			"count : inconsistet prototype",
			"count : param count mismatch; 1 params != 2 params",
			"takes_ptr : inconsistet prototype",
			"takes_ptr : param type mismatch for param#1 PTR != PTR",
			"takes_u32 : inconsistet prototype",
			"takes_u32 : return type mismatch",
		},
		"functions.gcc-x86_64.dwarf5": nil,
	} {
		t.Run(object, func(t *testing.T) {
			table, out := pahole(t, objectFile(t, object), "-V", "--btf_features=default", "--lang_exclude=rust")
			protos := prototypes(table)
			var got []string
			for _, line := range strings.Split(strings.TrimSuffix(out, "\n"), "\n") {
				name, reason, ok := strings.Cut(line, " : skipping BTF encoding of function due to ")
				if !ok {
					continue
				}
				got = append(got, name+" : "+reason)
				if slices.ContainsFunc(protos, func(p string) bool { return strings.HasPrefix(p, name+"(") }) {
					t.Errorf("%s is said to be left out, but is there: %q", name, protos)
				}
			}
			slices.Sort(got)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s, of\n%s", d, out)
			}
			if len(protos) == 0 {
				t.Error("no functions at all")
			}
		})
	}
}

func TestPaholeReproducibleBuild(t *testing.T) {
	for _, object := range []string{"many_units.gcc-x86_64.dwarf5", "dedup.gcc-x86_64.dwarf5", "functions.gcc-s390x.dwarf5"} {
		serial, _ := pahole(t, objectFile(t, object), "--btf_features=default")
		for _, jobs := range []string{"-j", "-j1", "-j2", "-j3", "-j16"} {
			parallel, _ := pahole(t, objectFile(t, object), jobs, "--btf_features=+reproducible_build")
			if !bytes.Equal(serial.Data(), parallel.Data()) {
				t.Errorf("%s: %s gives other bytes than one worker", object, jobs)
			}
		}
	}
}

func TestPaholeGCCOptimizedDefault(t *testing.T) {
	for _, dwarf := range []string{"dwarf4", "dwarf5"} {
		table, _ := pahole(t, objectFile(t, "functions_optimized.gcc-x86_64."+dwarf), "--btf_features=default")
		if d := cmp.Diff([]string{"bar(int a, int b)", "entry()"}, prototypes(table)); d != "" {
			t.Error(d)
		}
	}
}

// TestPaholeGCCTrueSignatures: the first parameter of by_member has become a member and the second a constant, so that the
// function is there under the name of its clone, and unlike the source. What was not changed is as in the source.
func TestPaholeGCCTrueSignatures(t *testing.T) {
	object := objectFile(t, "functions_clones.gcc-x86_64.dwarf5")
	plain, out := pahole(t, object, "-V", "--btf_features=default")
	real, _ := pahole(t, object, "--btf_features=default,true_signature")
	unchanged := []string{"cold_path(long int n)", "entry(*struct pair p, long int n)", "split(*struct pair p, long int n)"}
	if d := cmp.Diff(unchanged, prototypes(plain)); d != "" {
		t.Error(d)
	}
	const skipped = "by_member : skipping BTF encoding of function due to optimized parameters\n"
	if !strings.Contains(out, skipped) {
		t.Errorf("no line %q in\n%s", skipped, out)
	}
	clones := []string{"by_const.constprop.0(long int x, int mode)", "by_member.constprop.0.isra.0()"}
	if d := cmp.Diff(append(clones, unchanged...), prototypes(real)); d != "" {
		t.Error(d)
	}
}
