// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/encode"
	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
)

// compile compiles a file of testdata and returns its image and its BTF, without tags of kfuncs.
func compile(t *testing.T, name string) (f *elfview.File, path string, blob []byte) {
	t.Helper()
	gcc := needTool(t, "gcc")
	path = filepath.Join(t.TempDir(), name+".o")
	if out, err := exec.Command(gcc, "-g", "-O0", "-c", "-o", path, filepath.Join("testdata", name)).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := elfview.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	res, err := encode.Encode(f, encode.Options{Jobs: 1, Features: "var,float,enum64,decl_tag,type_tag"})
	if err != nil {
		t.Fatal(err)
	}
	return f, path, res.BTF
}

// TestObjects resolves what a compiler makes of the macros, and says what each word of .BTF_ids means then.
func TestObjects(t *testing.T) {
	tests := []struct {
		file    string
		lists   []string // what is asked for: what the word holds
		sets    []string // elements and flags in their order
		missing int      // warnings
	}{
		{
			file: "lists.c",
			lists: []string{"struct outer: struct outer", "struct inner: struct inner", "struct declared: -", "union either: union either",
				"typedef named: typedef named", "func second: func second", "func second: func second", "func missing__with__underscores: -", "func first: func first"},
			sets:    []string{"sorted: -, func first, func second", "empty: "},
			missing: 2,
		},
		{
			file: "kfuncs.c",
			sets: []string{
				"two: func arena 0xe000, func both 0x11000, func by_name 0x0, func legacy 0x10000, func plain 0x4, func quick 0x1000, func supplied 0x10005",
				"one: - 0x20, func arena 0xe000, func both 0x11000, func by_name 0x0, func legacy 0x10000, func plain 0x4, func quick 0x1000, func supplied 0x10005",
				"nothing: ",
				"hooks: struct other 0x3, func shares_its_type 0x10000",
			},
			missing: 2,
		},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			f, path, blob := compile(t, tt.file)
			ids, err := ReadIDs(f)
			if err != nil {
				t.Fatal(err)
			}
			res, err := Resolve(ids, Input{BTF: blob}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			tab := mustRead(t, res.BTF, nil)
			checkWords(t, ids, tab, res.IDs, tt.lists, tt.sets)
			if len(res.Warnings) != tt.missing {
				t.Errorf("warnings %v", texts(res.Warnings))
			}
			for _, p := range btf.Validate(tab, btf.ValidateOptions{Max: 10}) {
				t.Error(p)
			}
			image, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			o := runOriginal(t, image, blob, nil, false)
			if o.err != nil {
				t.Fatal(o.err)
			}
			o.compare(t, res, nil)
		})
	}
}

// checkWords compares what the words of lists and sets mean.
func checkWords(t *testing.T, ids *IDs, tab *btf.Table, data []byte, wantLists, wantSets []string) {
	t.Helper()
	mean := func(w uint32) string {
		id := ids.word(data, w)
		if id == 0 {
			return "-"
		}
		r := tab.Type(btf.ID(id))
		return strings.ToLower(r.Kind.String()) + " " + string(tab.Str(r.Name))
	}
	inSet := map[uint32]bool{}
	var sets, lists []string
	for i := range ids.sets {
		s := &ids.sets[i]
		var elements []string
		for n := range s.count {
			inSet[s.at(n)] = true
			e := mean(s.at(n))
			if s.pairs {
				e += fmt.Sprintf(" %#x", ids.word(data, s.at(n)+1))
			}
			elements = append(elements, e)
		}
		if got := ids.word(data, s.word); got != s.count {
			t.Errorf("set %s says that it has %d elements, not %d", s.name, got, s.count)
		}
		sets = append(sets, s.name+": "+strings.Join(elements, ", "))
	}
	for i := range ids.requests {
		r := &ids.requests[i]
		for _, w := range r.words {
			if !inSet[w] {
				lists = append(lists, fmt.Sprintf("%s %s: %s", strings.ToLower(r.kind.String()), r.name, mean(w)))
			}
		}
	}
	if d := cmp.Diff(wantLists, lists); d != "" {
		t.Errorf("lists, -want +got\n%s", d)
	}
	if d := cmp.Diff(wantSets, sets); d != "" {
		t.Errorf("sets, -want +got\n%s", d)
	}
}
