// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/testkit"
)

// idTypes has, in this order, int s f FUNC_PROTO g FUNC_PROTO, or the functions in another order.
func idTypes(swapped bool) (*blob, map[string]uint32) {
	b := newBlob()
	id := map[string]uint32{"int": uint32(b.int("int", 4))}
	names := []string{"f", "g"}
	if swapped {
		names = []string{"g", "f"}
	}
	for _, name := range names {
		id[name] = uint32(b.fn(name, btf.ID(id["int"]), field{"arg_of_" + name, btf.ID(id["int"])}))
	}
	id["s"] = uint32(b.structure(btf.KindStruct, "s", field{"x", btf.ID(id["int"])}))
	return b, id
}

// idFile is an ELF file with .BTF and .BTF_ids: a list of two, a set of two at word 2 and one of pairs at word 5.
func idFile(b *blob, words ...uint32) []byte {
	var data []byte
	for _, w := range words {
		data = binary.LittleEndian.AppendUint32(data, w)
	}
	const addr = 0x1000
	e := testkit.ELF{
		Type:     elf.ET_EXEC,
		Sections: []testkit.Section{{Name: ".BTF", Data: b.bytes()}, {Name: ".BTF_ids", Addr: addr, Data: data}},
		Symbols: []testkit.Symbol{
			{Name: "__BTF_ID__struct__s__1", Section: 2, Value: addr},
			{Name: "__BTF_ID__set8__pairs", Section: 2, Value: addr + 20},
			{Name: "__BTF_ID__set__plain", Section: 2, Value: addr + 8},
			{Name: "__BTF_ID__func__f__2", Section: 2, Value: addr + 12},
			{Name: "__BTF_ID__set__elsewhere", Section: 1, Value: 0},
		},
	}
	return e.Assemble().Data
}

func TestIDs(t *testing.T) {
	x, a := idTypes(false)
	y, b := idTypes(true)
	good := []uint32{a["s"], 0, 2, a["f"], a["g"], 2, 0, a["f"], 7, a["g"], 8}
	// On the other side g comes first, so it does in the sets.
	same := []uint32{b["s"], 0, 2, b["g"], b["f"], 2, 0, b["g"], 8, b["f"], 7}
	with := func(words []uint32, changes ...uint32) []uint32 {
		words = append([]uint32(nil), words...)
		for i := 0; i < len(changes); i += 2 {
			words[changes[i]] = changes[i+1]
		}
		return words
	}
	tests := []struct {
		name string
		b    []uint32
		want []string
	}{
		{"same", same, nil},
		{"list", with(same, 0, b["int"]), []string{"word 0: A has STRUCT s, B has INT int"}},
		{"unresolved", with(same, 0, 0), []string{"word 0: A has STRUCT s, B has nothing"}},
		{"resolved", with(same, 1, b["s"]), []string{"word 1: A has nothing, B has STRUCT s"}},
		{"no type", with(same, 0, 99), []string{"word 0: A has STRUCT s, B has 99, which is no type"}},
		{"order of a set", with(same, 3, b["f"], 4, b["g"]), []string{"set plain: not sorted in B"}},
		{"flags", with(same, 8, 9), []string{"set pairs: B lacks FUNC g with flags 0x8", "set pairs: A lacks FUNC g with flags 0x9"}},
		{"other element", with(same, 4, b["s"]), []string{"set plain: B lacks FUNC f with flags 0x0", "set plain: A lacks STRUCT s with flags 0x0"}},
		{"fewer", with(same, 2, 1), []string{"set plain: A has 2 elements, B 1"}},
		{"absurd count", with(same, 5, 1<<31), []string{"set pairs: 2147483648 elements leave the section"}},
		{"length", same[:10], []string{"A has 11 words with 2 sets, B 10 with 2, or the sets are others"}},
	}
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	fileA := write("a", idFile(x, good...))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fileB := write("b", idFile(y, tt.b...))
			d := compare(newGraph(newTrunk(nil), x.table(t), y.table(t), false), false)
			var ids idReport
			if err := ids.add("", fileA, fileB, d, &config{ids: true}); err != nil {
				t.Fatal(err)
			}
			got := ids.wrong
			if len(tt.want) > 0 && strings.HasPrefix(tt.want[0], "set pairs: 2147483648") {
				got = got[:1] // what follows are the words of the set, taken for a list
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}

			var out strings.Builder
			open, err := run([]string{"-ids", fileA, fileB}, &out)
			if err != nil {
				t.Fatal(err)
			}
			if (open > 0) != (tt.want != nil) || !strings.Contains(out.String(), ".BTF_ids: ") {
				t.Errorf("%d differences are reported:\n%s", open, out.String())
			}
		})
	}

	plain := write("plain", (&testkit.ELF{Sections: []testkit.Section{{Name: ".BTF", Data: y.bytes()}}}).Assemble().Data)
	if open, err := run([]string{"-ids", fileA, plain}, &strings.Builder{}); err != nil || open != 1 {
		t.Errorf("without .BTF_ids on one side: %d, %v", open, err)
	}
	if open, err := run([]string{"-ids", plain, plain}, &strings.Builder{}); err != nil || open != 0 {
		t.Errorf("without .BTF_ids: %d, %v", open, err)
	}
	if _, err := run([]string{"-ids", fileA, write("raw", y.bytes())}, &strings.Builder{}); err == nil {
		t.Error("no error for a file that is no ELF file")
	}
	outside := idFile(x, good[:5]...) // the second set begins where the section ends
	if _, err := run([]string{"-ids", fileA, write("outside", outside)}, &strings.Builder{}); err == nil ||
		!strings.Contains(err.Error(), "set pairs at 0x14 is none of 5 words") {
		t.Errorf("a set outside: %v", err)
	}
	// What the comparison of types reports is not reported once more.
	other := newBlob()
	other.int("int", 4)
	other.fn("f", 1, field{"renamed", 1})
	other.fn("g", 1, field{"arg_of_g", 1})
	other.structure(btf.KindStruct, "s", field{"x", 1})
	d := compare(newGraph(newTrunk(nil), x.table(t), other.table(t), false), false)
	var ids idReport
	err := ids.add("", fileA, write("renamed", idFile(other, good...)), d, &config{ids: true})
	if err != nil || ids.words != len(good) || ids.wrong != nil {
		t.Errorf("a function with other names of parameters: %d words, %q, %v", ids.words, ids.wrong, err)
	}
}

// Modules are split BTF; a folder of them is compared at once, over two bases that differ in order.
func TestIDsOfModules(t *testing.T) {
	root := t.TempDir()
	write := func(name string, data []byte) string {
		t.Helper()
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for side, swapped := range map[string]bool{"a": false, "b": true} {
		under, id := idTypes(swapped)
		if swapped {
			under.ptr(btf.ID(id["s"])) // which B has once more
		}
		under.ptr(btf.ID(id["s"]))
		write("base."+side, under.bytes())
		table := under.table(t)
		for i, target := range []string{"g", "f"} {
			b := &blob{base: table, next: btf.ID(table.NumIDs())}
			own := uint32(b.ref(btf.KindTypedef, "own", b.ptr(btf.ID(id["s"]))))
			word := id["g"]
			if swapped {
				word = id[target]
			}
			write(fmt.Sprintf("%s/m%d.ko", side, i), idFile(b, word, own, 0, 0, 0, 0, 0))
		}
	}
	a, b := filepath.Join(root, "a"), filepath.Join(root, "b")
	var out strings.Builder
	open, err := run([]string{"-base", filepath.Join(root, "base.a"), "-base-b", filepath.Join(root, "base.b"), "-ids", a, b}, &out)
	if err != nil || open != 1 || !strings.Contains(out.String(), ".BTF_ids: m1.ko: word 0: A has FUNC g, B has FUNC f\n") {
		t.Errorf("%d differences, %v:\n%s", open, err, out.String())
	}
}

func TestOrder(t *testing.T) {
	a, id := idTypes(false)
	b, idB := idTypes(true)
	got, err := order(a.table(t), b.table(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range id {
		if got[idB[name]] != node(want) {
			t.Errorf("%s: type %d became %d, want %d", name, idB[name], got[idB[name]], want)
		}
	}
	twice, id2 := idTypes(true)
	second := twice.structure(btf.KindStruct, "s", field{"x", btf.ID(id2["int"])})
	if got, err = order(a.table(t), twice.table(t)); err != nil || got[id2["s"]] != node(id["s"]) || got[second] != node(id["s"]) {
		t.Errorf("two that are equal: %v, %v", got, err)
	}
	if _, err = order(twice.table(t), a.table(t)); err == nil || err.Error() != "type 6 of the other base, STRUCT s, is missing, or there are more of it there" {
		t.Errorf("fewer that are equal: %v", err)
	}
	fewer, other := newBlob(), newBlob()
	fewer.int("int", 4)
	other.int("int", 8)
	if _, err = order(a.table(t), fewer.table(t)); err == nil || err.Error() != "type 2 of the other base, FUNC_PROTO int_(int_arg_of_f), is missing, or there are more of it there" {
		t.Errorf("fewer: %v", err)
	}
	if _, err = order(a.table(t), other.table(t)); err == nil || err.Error() != "type 1, INT int, is not in the other base" {
		t.Errorf("another one: %v", err)
	}
}
