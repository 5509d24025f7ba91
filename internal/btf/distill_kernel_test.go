// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"errors"
	"testing"
)

// TestDistillKernel distills each module of $BTFGEN_TEST_BTF and relocates it onto the vmlinux it comes from:
// every type must be what it was.
func TestDistillKernel(t *testing.T) {
	blobs := kernelBlobs(t)
	base := mustRead(t, blobs[0], nil)
	refused := 0
	for i, b := range blobs[1:] {
		module := mustRead(t, b, base)
		d, err := Distill(module)
		if err != nil {
			t.Fatalf("blob %d: %v", i+1, err)
		}
		small := readDistilled(t, d)
		for _, p := range Validate(small.Base(), ValidateOptions{Max: 10}) {
			t.Errorf("blob %d, distilled base: %v", i+1, p)
		}
		for _, mode := range []RelocateMode{RelocateKernel, RelocateStrict} {
			r, err := Relocate(small, base, mode)
			var re *RelocateError
			if mode == RelocateKernel && errors.As(err, &re) {
				refused++
				continue // vmlinux has two types that the kernel takes for one
			}
			if err != nil {
				t.Errorf("blob %d, mode %d: %v", i+1, mode, err)
				continue
			}
			checkRoundTrip(t, module, d, mustRead(t, r.Split, base), r)
		}
	}
	t.Logf("%d modules, the kernel would refuse %d", len(blobs)-1, refused)
}

// checkRoundTrip makes sure that a blob that was distilled and relocated onto the same base says what it
// said before: types of the base that have a name are themselves again, all others are equal to what they were.
func checkRoundTrip(tb testing.TB, before *Table, d *Distilled, after *Table, r *Relocated) {
	tb.Helper()
	back := make([]ID, before.NumIDs()) // by ID before, ID after
	for id, to := range d.IDs {
		back[id] = r.IDs[to]
	}
	for id := ID(1); int(id) < before.NumIDs(); id++ {
		to := back[id]
		if to == 0 || to == id && id < before.FirstID() {
			continue
		}
		if to < after.FirstID() {
			tb.Errorf("%s: type %d of the base comes back as %d", before.label(id), id, to)
			continue
		}
		if content(before, id) != content(after, to) {
			tb.Errorf("%s: type %d comes back as %d with other content", before.label(id), id, to)
		}
		refs := refsOf(before, id)
		for i, ref := range refsOf(after, to) {
			if ref != back[refs[i]] {
				tb.Errorf("%s: type %d: reference %d to %d comes back as %d, not %d", before.label(id), id, i, refs[i], ref, back[refs[i]])
			}
		}
	}
}

func BenchmarkDistillKernel(b *testing.B) {
	blobs := kernelBlobs(b)
	base := mustRead(b, blobs[0], nil)
	module := mustRead(b, blobs[len(blobs)-1], base)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Distill(module); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(module.NumIDs()-base.NumIDs()), "types")
}

func BenchmarkRelocateKernel(b *testing.B) {
	blobs := kernelBlobs(b)
	base := mustRead(b, blobs[0], nil)
	d, err := Distill(mustRead(b, blobs[len(blobs)-1], base))
	if err != nil {
		b.Fatal(err)
	}
	small := readDistilled(b, d)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Relocate(small, base, RelocateStrict); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(small.Base().NumIDs()), "base-types")
}
