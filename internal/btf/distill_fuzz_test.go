// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzDistill: no pair of blobs upsets Distill. What comes out can be read, holds in its base what belongs
// there, and relocated onto the old base says what it said before.
func FuzzDistill(f *testing.F) {
	for _, tt := range distillCases {
		for _, big := range []bool{false, true} {
			in := noteChain(f, big, append(tt.base[:len(tt.base):len(tt.base)], tt.split)...)
			f.Add(topOf(in).Base().Data(), topOf(in).Data())
		}
	}
	f.Fuzz(func(t *testing.T, baseData, splitData []byte) {
		base, err := Read(baseData, nil)
		if err != nil {
			return
		}
		split, err := Read(splitData, base)
		if err != nil {
			return
		}
		d, err := Distill(split)
		if err != nil {
			var fe *FormatError
			if d != nil || !errors.As(err, &fe) {
				t.Fatalf("result %v, error %v", d, err)
			}
			return
		}
		small := readDistilled(t, d)
		if err := checkDistilled(small.Base()); err != nil || small.Base().NumIDs() < 2 {
			t.Fatalf("distilled base of %d IDs: %v", small.Base().NumIDs(), err)
		}
		checkIDs(t, "distilled", split, small, d.IDs)
		for _, mode := range []RelocateMode{RelocateKernel, RelocateStrict} {
			r := fuzzRelocate(t, small, base, mode)
			if r != nil && mode == RelocateKernel {
				checkRoundTrip(t, split, d, mustRead(t, r.Split, base), r)
			}
		}
		fuzzSort(t, split)
		fuzzSort(t, small)
	})
}

// FuzzRelocate: no three blobs upset Relocate; what comes out says what went in.
func FuzzRelocate(f *testing.F) {
	for _, tt := range relocateCases {
		split := topOf(noteChain(f, false, tt.base, tt.split))
		target := topOf(noteChain(f, false, tt.target))
		f.Add(split.Base().Data(), split.Data(), target.Data())
	}
	f.Fuzz(func(t *testing.T, baseData, splitData, targetData []byte) {
		base, err := Read(baseData, nil)
		if err != nil {
			return
		}
		split, err := Read(splitData, base)
		if err != nil {
			return
		}
		target, err := Read(targetData, nil)
		if err != nil {
			return
		}
		for _, mode := range []RelocateMode{RelocateKernel, RelocateStrict} {
			fuzzRelocate(t, split, target, mode)
		}
	})
}

// fuzzRelocate checks what can be said of every result; it returns nil after an error.
func fuzzRelocate(t *testing.T, split, target *Table, mode RelocateMode) *Relocated {
	before, beforeTarget := bytes.Clone(split.Data()), bytes.Clone(target.Data())
	r, err := Relocate(split, target, mode)
	if !bytes.Equal(before, split.Data()) || !bytes.Equal(beforeTarget, target.Data()) {
		t.Fatal("the input has changed")
	}
	if err != nil {
		var fe *FormatError
		var re *RelocateError
		if r != nil || !errors.As(err, &fe) && !errors.As(err, &re) || err.Error() == "" {
			t.Fatalf("result %v, error %v", r, err)
		}
		return nil
	}
	checkRelocated(t, "relocated", split, target, r)
	return r
}

// fuzzSort sorts a blob, which may have kinds that cannot be sorted, and again.
func fuzzSort(t *testing.T, tab *Table) {
	blob, ids, err := tab.SortByName()
	if err != nil {
		if blob != nil || tab.NumUnknown() == 0 {
			t.Fatalf("blob of %d bytes, error %v", len(blob), err)
		}
		return
	}
	sorted := mustRead(t, blob, tab.Base())
	if !sorted.IsSorted() {
		t.Fatal("not sorted")
	}
	for id := tab.FirstID(); int(id) < tab.NumIDs(); id++ {
		if content(tab, id) != content(sorted, ids[id]) {
			t.Errorf("type %d becomes %d, with other content", id, ids[id])
		}
	}
	if again, _, err := sorted.SortByName(); err != nil || !bytes.Equal(blob, again) {
		t.Errorf("sorted twice: %v", err)
	}
}
