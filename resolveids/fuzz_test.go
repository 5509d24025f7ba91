// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
)

var fuzzParts = []part{
	list("struct s", "union u", "typedef t", "-", "func f"),
	idSet("plain", "func g", "func f"),
	kfuncs("k", "func f 0x11000", "func g 0xe000", "func h"),
	set8("hooks", 0, "func g 0x1", "struct s 0x2"),
}

const fuzzNote = "1 FP 2 p__arena:4 aux:5; 2 I int 4 s; 3 S bpf_prog_aux 4 x:2@0; 4 P 0; 5 P 3; 6 FN f 1; 7 FP 4 a:4 b:4; 8 FN g 7; 9 FN h 1; " +
	"10 S s 4 x:2@0; 11 U u 4 x:2@0; 12 T t 2; 13 DT tag 6; 14 S s 8 x:2@0; 15 FN f 7"

// FuzzReadIDs: any file is read or refused, and what was read can be resolved.
func FuzzReadIDs(f *testing.F) {
	for _, big := range []bool{false, true} {
		f.Add(imageOf(fuzzParts, big, 0))
		f.Add(imageOf(fuzzParts, big, 0x1000))
	}
	little, _ := blobs(f, fuzzNote, "", false)
	bigBlob, _ := blobs(f, fuzzNote, "", true)
	f.Fuzz(func(t *testing.T, image []byte) {
		file, err := elfview.New(bytes.NewReader(image), int64(len(image)))
		if err != nil {
			return
		}
		if _, _, err := KernelOf(file); err != nil {
			t.Log(err)
		}
		x, err := ReadIDs(file)
		if err != nil {
			if x != nil {
				t.Error("a result and an error")
			}
			return
		}
		if x == nil {
			return
		}
		blob := little
		if x.big {
			blob = bigBlob
		}
		checkResolve(t, x, Input{BTF: blob}, Options{Kernel: Kernel{7, 2}})
	})
}

// FuzzResolve: any content of the section, BTF, base and own BTF.
func FuzzResolve(f *testing.F) {
	x := mustReadIDs(f, fuzzParts, false)
	whole, _ := blobs(f, fuzzNote, "", false)
	split, base := blobs(f, "4 FP 1 a__arena:3; 5 FN f 4; 6 FN g 4; 7 S t 8 x:2@0", "1 I int 4 s; 2 S s 4 x:1@0; 3 P 1", false)
	first, err := Resolve(x, Input{BTF: whole}, Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(x.Data, whole, []byte(nil), []byte(nil), uint8(0))
	f.Add(first.IDs, whole, []byte(nil), first.BTF, uint8(0))
	f.Add(x.Data, split, base, []byte(nil), uint8(1))
	f.Add(x.Data, split, base, []byte(nil), uint8(2))
	f.Add(x.Data, whole, []byte(nil), []byte(nil), uint8(4))
	f.Fuzz(func(t *testing.T, data, blob, base, own []byte, how uint8) {
		// What the table aliases is not to change, and the fuzzer reuses its memory while strings are indexed.
		blob, base, own = bytes.Clone(blob), bytes.Clone(base), bytes.Clone(own)
		y := *x
		y.Data = make([]byte, len(x.Data))
		copy(y.Data, data)
		in := Input{BTF: blob}
		if len(own) > 0 {
			in.Own.BTF = own
		}
		if len(base) > 0 {
			tab, err := btf.Read(base, nil)
			if err != nil {
				return
			}
			in.Base = btf.NewBase(tab)
		}
		opt := Options{Distill: how&1 != 0, IDsOnly: how&2 != 0}
		if how&4 != 0 {
			opt.Kernel = Kernel{7, 0}
		}
		checkResolve(t, &y, in, opt)
	})
}

// checkResolve resolves, and checks what holds for each result.
func checkResolve(t *testing.T, x *IDs, in Input, opt Options) {
	before := bytes.Clone(x.Data)
	in.WhyNoFunc = func(string) string { return "because" }
	in.Definitions = func(kind btf.Kind, name string) (list []Definition) {
		for _, blob := range [][]byte{in.BTF, in.Own.BTF} { // whatever: it is compared
			tab, err := btf.Read(blob, baseOf(in))
			for id := btf.ID(1); err == nil && int(id) < tab.NumIDs() && len(list) < 16; id++ {
				if tab.Kind(id) == kind && string(tab.Name(id)) == name {
					list = append(list, Definition{tab, id, "a.c"})
				}
			}
		}
		return list
	}
	res, err := Resolve(x, in, opt)
	if !bytes.Equal(before, x.Data) {
		t.Error("the content of the section has changed")
	}
	if err != nil {
		if res != nil {
			t.Error("a result and an error")
		}
		return
	}
	base := baseOf(in)
	if opt.Distill {
		base = mustRead(t, res.Base, nil)
	}
	tab := mustRead(t, res.BTF, base)
	if !opt.IDsOnly && opt.Kernel.Has(SortedTypes) && !tab.IsSorted() {
		t.Error("types are not sorted")
	}
	if x.Symbols {
		checkContent(t, x, tab, res.IDs)
	}
	opt.Jobs = 3
	again, err := Resolve(x, in, opt)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(res, again); d != "" {
		t.Errorf("with three workers, -one +three\n%s", d)
	}
}

// checkContent checks that each set has the IDs that its symbols ask for, in their order, and each list those of its own.
func checkContent(t *testing.T, x *IDs, tab *btf.Table, data []byte) {
	if len(data) != len(x.Data) {
		t.Fatalf("%d bytes, the section has %d", len(data), len(x.Data))
	}
	inSet := map[uint32]bool{}
	for i := range x.sets {
		s := &x.sets[i]
		if got := x.word(data, s.word); got != s.count {
			t.Errorf("set %q says that it has %d elements, not %d", s.name, got, s.count)
		}
		var list []uint32
		for n := range s.count {
			list = append(list, x.word(data, s.at(n)))
		}
		for w := s.word; w < s.at(s.count); w++ {
			inSet[w] = true
		}
		if !slices.IsSorted(list) {
			t.Errorf("set %q is not sorted: %d", s.name, list)
		}
	}
	for i := range x.requests {
		r := &x.requests[i]
		for _, w := range r.words {
			id := x.word(data, w)
			if inSet[w] || id == 0 || x.named[w] != i {
				continue
			}
			if is, ok := identity(tab, id); !ok || is != (identifier{r.kind, r.name}) {
				t.Errorf("%v %q has the ID %d, %s", r.kind, r.name, id, describe(tab, id))
			}
		}
	}
}
