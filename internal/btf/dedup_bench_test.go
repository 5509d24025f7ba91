// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"testing"
)

// TestDedupKernel: a deduplicated vmlinux is close to a fixed point, and one pass reaches it; hashes differ in each half.
func TestDedupKernel(t *testing.T) {
	in := mustRead(t, kernelBlobs(t)[0], nil)
	blob, err := Merge([]*Table{in}, in.HasLayout(), 2)
	if err != nil {
		t.Fatal(err)
	}
	out := mustRead(t, blob, nil)
	t.Logf("%d types, %d after, unchanged: %v", in.NumIDs(), out.NumIDs(), bytes.Equal(blob, in.Data()))
	again, err := Merge([]*Table{out}, in.HasLayout(), 1)
	if err != nil || !bytes.Equal(again, blob) {
		t.Errorf("not idempotent: %v", err)
	}
	twice, err := Merge([]*Table{in, in}, in.HasLayout(), 1)
	if err != nil {
		t.Fatal(err)
	}
	places := 0 // VAR and DATASEC are never merged, nor is what is about them
	for id := ID(1); int(id) < out.NumIDs(); id++ {
		k := out.Kind(id)
		if k == KindDeclTag {
			k = out.Kind(out.Type(id).Ref())
		}
		if k == KindVar || k == KindDatasec {
			places++
		}
	}
	if n := mustRead(t, twice, nil).NumIDs(); n != out.NumIDs()+places {
		t.Errorf("twice: %d types, want %d and %d", n, out.NumIDs(), places)
	}
	u := new(Unit)
	if err := out.Unit(u, 0, NewNameTable()); err != nil {
		t.Fatal(err)
	}
	seen := map[hash128]bool{}
	var h hasher
	if err := h.run(u); err != nil {
		t.Fatal(err)
	}
	kept := u.Records[:0:0]
	for i, r := range u.Records { // variants of one name have one hash
		if !seen[h.key[i]] {
			seen[h.key[i]] = true
			kept = append(kept, r)
		}
	}
	a, b := map[uint64]bool{}, map[uint64]bool{}
	for k := range seen {
		a[k.a], b[k.b] = true, true
	}
	if len(a) != len(kept) || len(b) != len(kept) {
		t.Errorf("%d hashes, but %d and %d of their halves", len(kept), len(a), len(b))
	}
}

// benchUnit returns a unit like those of a kernel: n structs with members, pointers and a few of everything else.
func benchUnit(n int) (*Unit, *NameTable) {
	names := NewNameTable()
	name := func(i uint32) NameID {
		return names.ID([]byte{'n', 'a', 'a' + byte(i%26), 'a' + byte(i/26%26), 'a' + byte(i/676%26), 'a' + byte(i/17576%26)})
	}
	kinds := []Kind{KindInt, KindStruct, KindPtr, KindPtr, KindConst, KindTypedef, KindFuncProto, KindEnum}
	return unitOf(n, func(u *Unit, i uint32, r *Record) {
		r.Kind = kinds[i%uint32(len(kinds))]
		switch r.Kind {
		case KindInt:
			r.Name, r.Size = name(i), 4
		case KindStruct:
			r.Name, r.Size = name(i), i
			for m := range uint32(10) {
				u.Members = append(u.Members, Member{Name: name(m), Ref: (i*7 + m*31) % uint32(n), A: m * 64})
			}
		case KindEnum:
			r.Name, r.Size = name(i), 4
			for m := range uint32(5) {
				u.Members = append(u.Members, Member{Name: name(i + m), A: m})
			}
		case KindFuncProto:
			r.Ref = i - 1
			u.Members = append(u.Members, Member{Name: name(i), Ref: i - 2})
		case KindTypedef:
			r.Name, r.Ref = name(i), i-1
		default:
			r.Ref = i - 1
		}
	}), names
}

func BenchmarkHash(b *testing.B) {
	u, _ := benchUnit(10_000)
	var h hasher
	b.ReportAllocs()
	for b.Loop() {
		if err := h.run(u); err != nil {
			b.Fatal(err)
		}
	}
	perType(b, len(u.Records))
}

func perType(b *testing.B, types int) {
	b.ReportMetric(float64(types)*float64(b.N)/b.Elapsed().Seconds(), "types/s")
}

// BenchmarkLookup finds hashes that are all in the table.
func BenchmarkLookup(b *testing.B) {
	u, names := benchUnit(100_000)
	d := NewDedup(names, 1, len(u.Records))
	w := d.NewWorker()
	if _, err := w.Add(0, u); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		for i := 1; i < len(u.Records); i++ {
			d.table.find(&w.h.key[i], uint64(i), &w.ids)
		}
	}
	perType(b, len(u.Records))
}

// BenchmarkAdd adds the units of a program: one that is new and nine that are not.
func BenchmarkAdd(b *testing.B) {
	u, names := benchUnit(10_000)
	b.ReportAllocs()
	for b.Loop() {
		d := NewDedup(names, 10, len(u.Records))
		w := d.NewWorker()
		for n := range 10 {
			if _, err := w.Add(n, u); err != nil {
				b.Fatal(err)
			}
		}
	}
	perType(b, 10*len(u.Records))
}

func BenchmarkWrite(b *testing.B) {
	u, names := benchUnit(100_000)
	d := NewDedup(names, 1, len(u.Records))
	if _, err := d.NewWorker().Add(0, u); err != nil {
		b.Fatal(err)
	}
	if err := d.Resolve(nil); err != nil {
		b.Fatal(err)
	}
	order := d.All()
	b.ReportAllocs()
	for b.Loop() {
		blob, err := d.Write(order, false, false, 2)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(blob)))
	}
	perType(b, len(order))
}

func BenchmarkMergeKernel(b *testing.B) {
	t := mustRead(b, kernelBlobs(b)[0], nil)
	b.SetBytes(int64(len(t.Data())))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Merge([]*Table{t}, false, 2); err != nil {
			b.Fatal(err)
		}
	}
	perType(b, t.NumIDs())
}
