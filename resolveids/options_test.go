// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/btf"
)

func TestOptionsContradict(t *testing.T) {
	blob, _ := blobs(t, "1 I int 4 s", "", false)
	split, baseBlob := blobs(t, "2 P 1", "1 I int 4 s", false)
	base := btf.NewBase(mustRead(t, baseBlob, nil))
	bigIDs := mustReadIDs(t, []part{list("struct s")}, true)
	tests := []struct {
		name string
		ids  *IDs
		in   Input
		opt  Options
		err  string
	}{
		{"distil without a base", nil, Input{BTF: blob}, Options{Distill: true}, "there is no base that could be distilled"},
		{"distil and leave", nil, Input{BTF: split, Base: base}, Options{Distill: true, IDsOnly: true}, "BTF cannot be distilled and left as it is"},
		{"byte orders", bigIDs, Input{BTF: blob}, Options{}, ".BTF_ids is big-endian, BTF is little-endian: it is of another machine"},
		{"no BTF", nil, Input{}, Options{}, "btf+0x0: blob of 0 bytes, the header alone has 24"},
	}
	for _, tt := range tests {
		res, err := Resolve(tt.ids, tt.in, tt.opt)
		if res != nil || err == nil || err.Error() != tt.err {
			t.Errorf("%s: %v, error %v, want %s", tt.name, res, err, tt.err)
		}
	}
}

// A file without .BTF_ids gets its BTF deduplicated, distilled and sorted all the same.
func TestResolveWithoutIDs(t *testing.T) {
	split, baseBlob := blobs(t, "3 T z 2; 4 T a 1; 5 T a 1", "1 I int 4 s; 2 S s 4 x:1@0", false)
	res, err := Resolve(nil, Input{BTF: split, Base: btf.NewBase(mustRead(t, baseBlob, nil))}, Options{Distill: true})
	if err != nil {
		t.Fatal(err)
	}
	base := mustRead(t, res.Base, nil)
	got := dump(t, base) + dump(t, mustRead(t, res.BTF, base))
	if d := cmp.Diff("1 INT int 4 s\n2 STRUCT s 4\n3 TYPEDEF a 1\n4 TYPEDEF z 2\n", got); d != "" || res.IDs != nil || res.Warnings != nil {
		t.Errorf("IDs %v, warnings %v, -want +got\n%s", res.IDs, res.Warnings, d)
	}
}

// IDsOnly leaves BTF alone: its order, types that are equal, a layout section that the kernel does not know.
func TestIDsOnly(t *testing.T) {
	plain, _ := blobs(t, "1 FP 0; 2 FN f 1; 3 I z 4 s; 4 I a 4 s; 5 I a 4 s", "", false)
	tab := mustRead(t, plain, nil)
	blob := btf.Assemble(false, tab.Types(), btf.LayoutSection(false), tab.Strings())
	ids := mustReadIDs(t, []part{kfuncs("k", "func f 0x1000")}, false)
	res, err := Resolve(ids, Input{BTF: blob}, Options{IDsOnly: true, Kernel: Kernel{5, 10}})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]uint32{1, 1, 2, 0x1000}, wordsOf(res.IDs, false)); d != "" || !bytes.Equal(res.BTF, blob) {
		t.Errorf("BTF is the same: %v; .BTF_ids, -want +got\n%s", bytes.Equal(res.BTF, blob), d)
	}
}

// A layout section stays for kernels that know it.
func TestLayoutSection(t *testing.T) {
	plain, _ := blobs(t, "1 I int 4 s", "", false)
	tab := mustRead(t, plain, nil)
	blob := btf.Assemble(false, tab.Types(), btf.LayoutSection(false), tab.Strings())
	for _, tt := range []struct {
		kernel Kernel
		want   bool
	}{{Kernel{}, true}, {Kernel{7, 2}, true}, {Kernel{7, 1}, false}, {Kernel{6, 1}, false}} {
		res, err := Resolve(nil, Input{BTF: blob}, Options{Kernel: tt.kernel})
		if err != nil {
			t.Fatal(err)
		}
		if got := mustRead(t, res.BTF, nil); got.HasLayout() != tt.want || got.HeaderLen() != 32 {
			t.Errorf("%v: layout %v, header of %d bytes", tt.kernel, got.HasLayout(), got.HeaderLen())
		}
	}
}

// What the maker of the BTF knows goes into the warnings.
func TestReasons(t *testing.T) {
	blob, _ := blobs(t, "1 I int 4 s; 2 S s 4 x:1@0; 3 S s 8 x:1@0 y:1@32", "", false)
	ids := mustReadIDs(t, []part{list("struct s", "struct none", "func none"), kfuncs("k", "func none")}, false)
	in := Input{
		BTF: blob,
		WhyNoFunc: func(name string) string {
			if name != "none" {
				t.Errorf("asked for %s", name)
			}
			return "optimized"
		},
	}
	res, err := Resolve(ids, in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Warning{
		{NoFunc, "none", "WARN: resolve_btfids: no BTF func for kfunc none in k: optimized"},
		{MultipleIDs, "s", "WARN: multiple IDs found for 's': 2, 3 - using 2: 1 and 2 members"},
		{Unresolved, "none", "WARN: resolve_btfids: unresolved symbol none"},
		{Unresolved, "none", "WARN: resolve_btfids: unresolved symbol none: optimized"},
	}
	if d := cmp.Diff(want, res.Warnings); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

// Prototypes that no kernel has are refused before they are copied.
func TestHugePrototype(t *testing.T) {
	note := "1 FP 0"
	for range maxKfuncParams + 1 {
		note += " a:0"
	}
	blob, _ := blobs(t, note+"; 2 FN f 1", "", false)
	_, err := Resolve(mustReadIDs(t, []part{kfuncs("k", "func f")}, false), Input{BTF: blob}, Options{})
	if want := `kfunc "f": 256 parameters, no more than 255 are believed`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestFlagsError(t *testing.T) {
	blob, _ := blobs(t, "1 FP 0; 2 FN f 1", "", false)
	_, err := Resolve(mustReadIDs(t, []part{kfuncs("a", "func f 1", "func f 2")}, false), Input{BTF: blob}, Options{})
	var fe *FlagsError
	if !errors.As(err, &fe) || *fe != (FlagsError{"f", 1, 2}) {
		t.Errorf("error %v", err)
	}
}
