// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"bytes"
	"debug/elf"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/testkit"
)

// A section that has been resolved is resolved again by name, whatever BTF comes next: its flags follow the functions.
func TestResolvedAgain(t *testing.T) {
	const first = "1 FP 0; 2 FN b 1; 3 FN a 1; 4 FN c 1; 5 I int 4 s; 6 S s 4 x:5@0"
	const second = "1 I int 4 s; 2 S new 4 x:1@0; 3 S s 4 x:1@0; 4 FP 0; 5 FN c 4; 6 FN b 4; 7 FN a 4; 8 FN z 4"
	parts := []part{
		kfuncs("k", "func c 0x3", "func a 0x1", "func b 0x2", "func b 0x2", "func gone 0x9", "-"),
		idSet("t", "func c", "func gone", "func b", "-"),
		list("struct s", "func c", "-"),
	}
	for _, big := range []bool{false, true} {
		one, _ := blobs(t, first, "", big)
		two, _ := blobs(t, second, "", big)
		fresh := mustReadIDs(t, parts, big)
		fresh.Data = bytes.Clone(fresh.Data)
		fresh.putWord(fresh.Data, fresh.set(t, "k").at(5)+1, 9) // of the element without symbol, as of that without function
		opt := Options{Kernel: Kernel{6, 9}}
		want, err := Resolve(fresh, Input{BTF: two}, opt)
		if err != nil {
			t.Fatal(err)
		}
		old, err := Resolve(fresh, Input{BTF: one}, opt)
		if err != nil {
			t.Fatal(err)
		}
		again := *fresh
		again.Data = old.IDs
		got, err := Resolve(&again, Input{BTF: two, Own: OwnBTF{BTF: old.BTF}}, opt)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(wordsOf(want.IDs, big), wordsOf(got.IDs, big)); d != "" {
			t.Errorf("big %v: .BTF_ids, -of the fresh section +of the resolved one\n%s", big, d)
		}
		if bytes.Equal(old.IDs, want.IDs) {
			t.Error("both blobs have the same IDs: the test tests nothing")
		}
	}
}

// set returns a set by name.
func (x *IDs) set(t *testing.T, name string) *set {
	t.Helper()
	i := slices.IndexFunc(x.sets, func(s set) bool { return s.name == name })
	if i < 0 {
		t.Fatalf("no set %s", name)
	}
	return &x.sets[i]
}

func TestResolvedRefused(t *testing.T) {
	const note = "1 FP 0; 2 FN a 1; 3 FN b 1; 4 I int 4 s; 5 S s 4 x:4@0"
	const other = "1 FP 0; 2 FN b 1; 3 FN a 1; 4 I int 4 s; 5 S s 4 x:4@0"
	const prefix, suffix = ".BTF_ids: is already resolved, and which flags belong to which kfunc cannot be told any more: ", ": link the file anew"
	two := []part{kfuncs("k", "func b 0x1", "func a 0x2"), list("struct s", "func a")}
	equal := []part{kfuncs("k", "func b 0x4", "func a 0x4"), idSet("x", "func b", "func a", "-")}
	gone := []part{kfuncs("k", "func gone 0x1", "func lost 0x2")}
	tests := []struct {
		name  string
		parts []part
		own   string // note of the file's own BTF
		patch func(x *IDs)
		err   string // "": resolved
	}{
		{name: "right", parts: two, own: note},
		{name: "other BTF, and a list tells", parts: two, own: other, err: `FUNC "a" has the ID 2, which is FUNC "b" in the file's BTF`},
		{name: "ID that is none", parts: two, own: note, patch: func(x *IDs) { x.putWord(x.Data, 2, 99) },
			err: `set "k" has the ID 99, which is none in the file's BTF`},
		{name: "ID of another function", parts: two, own: note, patch: func(x *IDs) { x.putWord(x.Data, 2, 3) },
			err: `set "k" has the ID 3, which is FUNC "b" in the file's BTF`},
		{name: "wrong count", parts: two, own: note, patch: func(x *IDs) { x.putWord(x.Data, 0, 1) },
			err: `set "k" says that it has 1 elements, its symbol 2`},
		{name: "not one resolved, different flags", parts: gone, own: note,
			err: `set "k" has unresolved elements with the flags 0x1 and 0x2`},
		{name: "equal flags need no BTF", parts: equal, own: other},
		{name: "split, without its base", parts: two, own: "split", err: "its own BTF does not go with this base: btf+0x20: type 1: PTR: refers to type 7, the last one is 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			blob, _ := blobs(t, note, "", false)
			var own []byte
			if tt.own == "split" {
				own, _ = blobs(t, "1 P 7", "", false)
			} else {
				own, _ = blobs(t, tt.own, "", false)
			}
			x := mustReadIDs(t, tt.parts, false)
			first, err := Resolve(x, Input{BTF: blob}, Options{IDsOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			again := *x
			again.Data = bytes.Clone(first.IDs)
			if tt.patch != nil {
				tt.patch(&again)
			}
			got, err := Resolve(&again, Input{BTF: blob, Own: OwnBTF{BTF: own}}, Options{IDsOnly: true})
			if tt.err != "" {
				if err == nil || err.Error() != prefix+tt.err+suffix {
					t.Errorf("error %v\nwant %s", err, prefix+tt.err+suffix)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(first.IDs, got.IDs); d != "" {
				t.Errorf("-first +again\n%s", d)
			}
		})
	}
}

// The own BTF of a distilled module is split against its own base.
func TestResolvedOwnBase(t *testing.T) {
	const base = "1 F double 8; 2 I int 4 s; 3 S far 8 x:2@0"
	split, baseBlob := blobs(t, "4 FP 2; 5 FN b 4; 6 FN a 4; 7 P 3", base, false)
	in := Input{BTF: split, Base: btf.NewBase(mustRead(t, baseBlob, nil))}
	x := mustReadIDs(t, []part{kfuncs("k", "func b 0x1", "func a 0x2")}, false)
	first, err := Resolve(x, in, Options{Distill: true})
	if err != nil {
		t.Fatal(err)
	}
	again := *x
	again.Data = first.IDs
	in.Own = OwnBTF{BTF: first.BTF, Base: first.Base}
	second, err := Resolve(&again, in, Options{Distill: true})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(first, second); d != "" {
		t.Errorf("-first +second\n%s", d)
	}
	in.Own.Base = []byte("no BTF")
	if _, err := Resolve(&again, in, Options{Distill: true}); err == nil || !strings.Contains(err.Error(), "its own BTF does not go with this base") {
		t.Errorf("error %v for a damaged .BTF.base", err)
	}
}

func TestReadOwn(t *testing.T) {
	section := func(name, data string) testkit.Section { return testkit.Section{Name: name, Data: []byte(data)} }
	for _, tt := range []struct {
		sections []testkit.Section
		want     OwnBTF
	}{
		{[]testkit.Section{section(".text", "x")}, OwnBTF{}},
		{[]testkit.Section{section(".BTF", "a")}, OwnBTF{BTF: []byte("a")}},
		{[]testkit.Section{section(".BTF", "a"), section(".BTF.base", "b")}, OwnBTF{[]byte("a"), []byte("b")}},
	} {
		e := testkit.ELF{Sections: tt.sections}
		own, err := ReadOwn(open(t, e.Assemble().Data))
		if err != nil {
			t.Error(err)
		}
		if d := cmp.Diff(tt.want, own); d != "" {
			t.Errorf("-want +got\n%s", d)
		}
	}
	e := testkit.ELF{Sections: []testkit.Section{section(".BTF", "a"), {Name: ".BTF.base", Type: elf.SHT_NOBITS, MemSize: 8}}}
	if own, err := ReadOwn(open(t, e.Assemble().Data)); err == nil || own.BTF != nil {
		t.Errorf("%v, %v for debug data of a module", own, err)
	}
}
