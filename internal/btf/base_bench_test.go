// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import "testing"

func BenchmarkNewBaseKernel(b *testing.B) {
	t := mustRead(b, kernelBlobs(b)[0], nil)
	b.ReportAllocs()
	for b.Loop() {
		NewBase(t).whole()
	}
}

// BenchmarkNewBaseSomeKernel indexes what 3,000 names may need, as many as a small module has.
func BenchmarkNewBaseSomeKernel(b *testing.B) {
	t := mustRead(b, kernelBlobs(b)[0], nil)
	var sums []uint32
	for id := ID(1); int(id) < t.NumIDs() && len(sums) < 3000; id += 5 {
		sums = append(sums, nameSum(t.Name(id)))
	}
	f := newNameFilter(sums)
	b.ReportAllocs()
	for b.Loop() {
		NewBase(t).index(f)
	}
}

// BenchmarkResolveSplitKernel resolves the last blob of $BTFGEN_TEST_BTF against the first.
func BenchmarkResolveSplitKernel(b *testing.B) {
	blobs := kernelBlobs(b)
	t := mustRead(b, blobs[0], nil)
	module := mustRead(b, blobs[len(blobs)-1], t)
	base := NewBase(t)
	base.whole()
	names := NewNameTable()
	var u Unit
	if err := module.ownUnit(&u, base, 0, names); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		d := NewSplitDedup(base, names, 1, len(module.offs), AcceptFwds)
		if _, err := d.NewWorker().Add(0, &u); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := d.Resolve(func(int, *Unit) error { return module.ownUnit(&u, base, 0, names) }); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(d.Stats.Loaded), "loaded")
		b.ReportMetric(float64(len(u.Records)), "records")
	}
}

func BenchmarkMergeSplitKernel(b *testing.B) {
	blobs := kernelBlobs(b)
	t := mustRead(b, blobs[0], nil)
	module := mustRead(b, blobs[len(blobs)-1], t)
	base := NewBase(t)
	base.whole()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := MergeSplit(base, []*Table{module}, AcceptFwds, 1); err != nil {
			b.Fatal(err)
		}
	}
}
