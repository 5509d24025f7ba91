// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/btfcheck"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/testkit"
)

// dump renders a blob, after checking it with code that is not ours.
func dump(t testing.TB, blob []byte) string {
	t.Helper()
	if err := btfcheck.Check(blob); err != nil {
		t.Fatalf("the result does not verify: %v", err)
	}
	table, err := btf.Read(blob, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := btf.Dump(&b, table); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func encodeFile(t testing.TB, path string, opt Options) (*Result, error) {
	t.Helper()
	f, err := elfview.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return Encode(f, opt)
}

// omitted returns the omissions of a small file, which need not be open any more.
func omitted(t testing.TB, res *Result) []Omission {
	t.Helper()
	list, err := res.Omissions()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// sameResult returns how two results and their omissions differ.
func sameResult(t testing.TB, a, b *Result) string {
	t.Helper()
	return cmp.Diff(a, b, cmpopts.IgnoreUnexported(Result{})) + cmp.Diff(omitted(t, a), omitted(t, b))
}

// object encodes an object of testdata and returns its dump.
func object(t testing.TB, name string, opt Options) string {
	t.Helper()
	res, err := encodeFile(t, testkit.Object(t, name+".elf"), opt)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return dump(t, res.BTF)
}

// objects lists the objects that have types.
func objects(t testing.TB, pattern string) (names []string) {
	t.Helper()
	for _, path := range testkit.Objects(t, pattern) {
		name := strings.TrimSuffix(filepath.Base(path), ".elf")
		if !strings.HasPrefix(name, "empty.") && !strings.HasSuffix(name, ".split") {
			names = append(names, name)
		}
	}
	return names
}

// TestGolden compares every object with its golden text: all features, both the default and the compatible choice.
func TestGolden(t *testing.T) {
	for _, name := range objects(t, "*") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := testkit.Object(t, name+".elf")
			text := ""
			for _, opt := range []Options{{Features: "+global_var", Report: true}, {Compat: true, Report: true}} {
				res, err := encodeFile(t, path, opt)
				if err != nil {
					t.Fatal(err)
				}
				title := "default, with global_var"
				if opt.Compat {
					title = "compat pahole"
				}
				text += "# " + title + "\n" + dump(t, res.BTF)
				for _, o := range omitted(t, res) {
					text += fmt.Sprintf("# no %s %s: %s%s\n", o.Kind, o.Name, o.Reason, strings.TrimRight(" "+o.Detail, " "))
				}
				for _, w := range res.Warnings {
					text += "# warning: " + offset.ReplaceAllString(w, "OFFSET") + "\n"
				}
			}
			testkit.Golden(t, name+".btf.txt", text)
		})
	}
}

var offset = regexp.MustCompile(`\+0x[0-9a-f]+`)

// TestEmpty: a file without DWARF is told from one without types: in the latter they are in .dwo files.
func TestEmpty(t *testing.T) {
	for _, path := range testkit.Objects(t, "empty.*.elf") {
		var no *NoDWARFError
		if res, err := encodeFile(t, path, Options{}); res != nil || !errors.As(err, &no) {
			t.Errorf("%s: result %v, error %v", filepath.Base(path), res, err)
		}
	}
	if res, err := encodeFile(t, testkit.Object(t, "compressed.gcc-x86_64.dwarf5.split.elf"), Options{}); res != nil || !errors.Is(err, ErrNoTypes) {
		t.Errorf("split DWARF: result %v, error %v", res, err)
	}
}

// TestJobs: the bytes, warnings and omissions do not depend on the number of workers.
func TestJobs(t *testing.T) {
	for _, name := range objects(t, "*") {
		path := testkit.Object(t, name+".elf")
		var first *Result
		for _, jobs := range []int{1, 2, 7} {
			res, err := encodeFile(t, path, Options{Jobs: jobs, Features: "all", Report: true})
			if err != nil {
				t.Fatalf("%s, %d jobs: %v", name, jobs, err)
			}
			if first == nil {
				first = res
			} else if d := sameResult(t, first, res); d != "" {
				t.Errorf("%s: 1 job and %d jobs differ: %s", name, jobs, d)
			}
		}
	}
}

// variants of one source that must give the same text.
func TestSameForAll(t *testing.T) {
	tests := []struct {
		name    string
		objects []string
		opt     Options
	}{
		{"compression", []string{"compressed.gcc-x86_64.dwarf5", "compressed.gcc-x86_64.dwarf5.zlib",
			"compressed.gcc-x86_64.dwarf5.zstd", "compressed.gcc-x86_64.dwarf4.zdebug"}, Options{}},
		{"64-bit format, DWARF 4", []string{"base_types.gcc-x86_64.dwarf4", "base_types.gcc-x86_64.dwarf4.dwarf64"}, Options{}},
		{"64-bit format, DWARF 5", []string{"base_types.gcc-x86_64.dwarf5", "base_types.gcc-x86_64.dwarf5.dwarf64"}, Options{}},
		{"64-bit format, many units", []string{"dedup.gcc-x86_64.dwarf5", "dedup.gcc-x86_64.dwarf5.dwarf64"}, Options{}},
		{"bitfields", []string{"bitfields.gcc-x86_64.dwarf2", "bitfields.gcc-x86_64.dwarf3", "bitfields.gcc-x86_64.dwarf4",
			"bitfields.gcc-x86_64.dwarf5"}, Options{}},
		{"bitfields, clang", []string{"bitfields.clang-x86_64.dwarf2", "bitfields.clang-x86_64.dwarf4", "bitfields.clang-x86_64.dwarf5"}, Options{}},
		{"bitfields, big-endian", []string{"bitfields.gcc-s390x.dwarf2", "bitfields.gcc-s390x.dwarf3", "bitfields.gcc-s390x.dwarf4",
			"bitfields.gcc-s390x.dwarf5"}, Options{}},
		{"bitfields, big-endian, 32 bits", []string{"bitfields.gcc-powerpc.dwarf3", "bitfields.gcc-powerpc.dwarf5"}, Options{}},
		{"arrays", []string{"arrays.gcc-x86_64.dwarf2", "arrays.gcc-x86_64.dwarf4", "arrays.gcc-x86_64.dwarf5"}, Options{}},
		{"arrays, flat", []string{"arrays.gcc-x86_64.dwarf2", "arrays.gcc-x86_64.dwarf4", "arrays.gcc-x86_64.dwarf5"}, Options{Flat: true}},
		{"structs", []string{"structs.gcc-x86_64.dwarf2", "structs.gcc-x86_64.dwarf3", "structs.gcc-x86_64.dwarf4", "structs.gcc-x86_64.dwarf5"}, Options{}},
		{"enums", []string{"enums.gcc-x86_64.dwarf4", "enums.gcc-x86_64.dwarf5"}, Options{}},
		{"typedefs", []string{"typedefs.gcc-x86_64.dwarf3", "typedefs.gcc-x86_64.dwarf4", "typedefs.gcc-x86_64.dwarf5"}, Options{}},
		{"functions", []string{"functions.gcc-x86_64.dwarf4", "functions.gcc-x86_64.dwarf5"}, Options{}},
		{"functions, clang", []string{"functions.clang-x86_64.dwarf4", "functions.clang-x86_64.dwarf5"}, Options{}},
		{"big-endian against little", []string{"enums.gcc-s390x.dwarf5", "enums.gcc-x86_64.dwarf5"}, Options{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := object(t, test.objects[0], test.opt)
			for _, name := range test.objects[1:] {
				if d := cmp.Diff(lines(want), lines(object(t, name, test.opt))); d != "" {
					t.Errorf("%s and %s differ:\n%s", test.objects[0], name, d)
				}
			}
		})
	}
}

func lines(s string) []string { return strings.Split(s, "\n") }

// content makes dumps comparable that number types differently: the lines without IDs, sorted, each once. References
// are lost, so it serves only to say that the same things are there.
func content(dump string) []string {
	all := lines(dump)
	for i, l := range all {
		_, l, _ = strings.Cut(l, " ")
		all[i] = references.ReplaceAllString(l, "")
	}
	slices.Sort(all)
	return slices.Compact(all)
}

var references = regexp.MustCompile(`:\d+|(PTR|CONST|VOLATILE|RESTRICT|ARRAY|FUNC_PROTO|TYPEDEF \S+|FUNC \S+|VAR \S+|TAG \S+)( \d+)+`)

// TestTypeUnits: the types of type units are those of the same source without them (BETTER-4), and those
// that dwz moved to partial units too (BETTER-5). Copies do not count: a type unit stands for all units'
// structs of one name, whatever their pointers lead to.
func TestTypeUnits(t *testing.T) {
	for _, pair := range [][2]string{
		{"dedup.gcc-x86_64.dwarf5", "dedup.gcc-x86_64.dwarf5.types"},
		{"dedup.gcc-x86_64.dwarf4", "dedup.gcc-x86_64.dwarf4.types"},
	} {
		if d := cmp.Diff(content(object(t, pair[0], Options{})), content(object(t, pair[1], Options{}))); d != "" {
			t.Errorf("%s and %s differ:\n%s", pair[0], pair[1], d)
		}
	}
	for _, name := range objects(t, "dwz.*") {
		d := object(t, name, Options{})
		for _, want := range []string{"STRUCT ", "FUNC ", "TYPEDEF "} {
			if !strings.Contains(d, " "+want) {
				t.Errorf("%s has no %s:\n%s", name, want, d)
			}
		}
	}
}

// TestByteOrder: the output has the file's byte order.
func TestByteOrder(t *testing.T) {
	for arch, magic := range map[string][]byte{"x86_64": {0x9f, 0xeb}, "s390x": {0xeb, 0x9f}, "powerpc": {0xeb, 0x9f}, "i686": {0x9f, 0xeb}} {
		res, err := encodeFile(t, testkit.Object(t, "structs.gcc-"+arch+".dwarf5.elf"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(res.BTF, magic) {
			t.Errorf("%s: starts with % x, want % x", arch, res.BTF[:2], magic)
		}
		dump(t, res.BTF)
	}
}

// TestNoSymbolTable: types and external functions are there all the same (BETTER-3).
func TestNoSymbolTable(t *testing.T) {
	with := object(t, "compressed.gcc-x86_64.dwarf5", Options{})
	without := object(t, "compressed.gcc-x86_64.dwarf5.nosymtab", Options{})
	if d := cmp.Diff(content(with), content(without)); d != "" {
		t.Errorf("the functions of the case are all external, yet:\n%s", d)
	}
}
