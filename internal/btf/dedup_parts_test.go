// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// moore is minimize the simple way.
func moore(g *graph) (block []uint32, blocks int) {
	block = slices.Clone(g.colour)
	for {
		type move struct{ label, to uint32 }
		moves := make([][]move, len(g.colour))
		for t, s := range g.tail {
			moves[s] = append(moves[s], move{g.labl[t], block[g.head[t]]})
		}
		var reps []uint32
		next := make([]uint32, len(block))
	nodes:
		for s := range block {
			slices.SortFunc(moves[s], func(a, b move) int { return int(a.label) - int(b.label) })
			for n, rep := range reps {
				if block[rep] == block[s] && slices.Equal(moves[rep], moves[s]) {
					next[s] = uint32(n)
					continue nodes
				}
			}
			next[s] = uint32(len(reps))
			reps = append(reps, uint32(s))
		}
		if len(reps) == blocks {
			return next, blocks
		}
		block, blocks = next, len(reps)
	}
}

func TestMinimize(t *testing.T) {
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 3))
		g := graph{colour: make([]uint32, rng.IntN(40))}
		for s := range g.colour {
			g.colour[s] = rng.Uint32N(3)
			for label := range rng.Uint32N(4) {
				if rng.IntN(3) > 0 {
					g.tail = append(g.tail, uint32(s))
					g.head = append(g.head, rng.Uint32N(uint32(len(g.colour))))
					g.labl = append(g.labl, label)
				}
			}
		}
		got, n := g.minimize()
		want, m := moore(&g)
		if n != m {
			t.Fatalf("seed %d: %d blocks, want %d", seed, n, m)
		}
		to := make([]uint32, n)
		for s := range got {
			if to[got[s]] == 0 {
				to[got[s]] = want[s] + 1
			}
			if to[got[s]] != want[s]+1 {
				t.Fatalf("seed %d: node %d is in block %d, want %d of %v", seed, s, got[s], want[s], want)
			}
		}
	}
}

// TestHashLanes: different types have different hashes, in each half alone.
func TestHashLanes(t *testing.T) {
	names := NewNameTable()
	u := new(Unit)
	u.Reset(0)
	content := map[Record]bool{{}: true}
	for kind := KindInt; kind <= KindEnum64; kind++ {
		if kind == KindDatasec || kind == KindFuncProto || kind == KindVar {
			continue
		}
		for name := range uint32(20) {
			for size := range uint32(20) {
				for ref := range uint32(10) {
					r := Record{Kind: kind, Name: names.ID([]byte{'a' + byte(name)}), Size: size, Aux: ref, Flags: RecordFlags(size & 1)}
					if kind == KindArray {
						r.Ref, r.Aux = size+1, ref+1
					}
					if !content[r] {
						content[r] = true
						u.Records = append(u.Records, r)
					}
				}
			}
		}
	}
	for kind := KindStruct; kind <= KindUnion; kind++ { // members that differ in one field, or in order
		for ref := range uint32(20) {
			for off := range uint32(20) {
				for bits := range uint32(20) {
					first := uint32(len(u.Members))
					u.Members = append(u.Members, Member{Ref: ref, A: off, B: bits}, Member{Ref: bits, A: ref})
					u.Records = append(u.Records, Record{Kind: kind, First: first, Count: 2, Flags: Kflag})
				}
			}
		}
	}
	checkLanes(t, u)
}

// checkLanes checks the hashes of a unit without equal types.
func checkLanes(t *testing.T, u *Unit) {
	t.Helper()
	var h hasher
	if err := h.run(u); err != nil {
		t.Fatal(err)
	}
	a, b := map[uint64]int{}, map[uint64]int{}
	for i := range u.Records {
		for lane, m := range map[uint64]map[uint64]int{h.key[i].a: a, h.key[i].b: b} {
			if j, ok := m[lane]; ok {
				t.Errorf("records %d and %d share %#x: %+v %+v", j, i, lane, u.Records[j], u.Records[i])
			}
			m[lane] = i
		}
	}
	t.Logf("%d records", len(u.Records))
}

// TestDedupWorkers: many workers that meet in a table too small give the bytes that one gives.
func TestDedupWorkers(t *testing.T) {
	var units []*Unit
	for seed := range uint64(300) {
		for _, u := range randomProgram(seed, seed%2 == 0) {
			var h hasher
			var loop *LoopError
			if !errors.As(h.run(u), &loop) {
				units = append(units, u)
			}
		}
	}
	names := NewNameTable()
	want, err := runDedup(t, names, units, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{2, 3, 8, 32} {
		got, err := runDedup(t, names, units, workers)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.blob, want.blob) || got.stats != want.stats {
			t.Errorf("%d workers: other result, %+v for %+v", workers, got.stats, want.stats)
		}
	}
	t.Logf("%d units, %d types, %+v", len(units), want.table.NumIDs(), want.stats)
}

// TestTableGrowth: a table that starts with too few entries keeps every class.
func TestTableGrowth(t *testing.T) {
	const n = 50_000
	u := unitOf(n, func(u *Unit, i uint32, r *Record) { r.Kind, r.Size = KindFloat, i })
	d := NewDedup(NewNameTable(), 2, 0)
	w := d.NewWorker()
	first, err := w.Add(0, u)
	if err != nil {
		t.Fatal(err)
	}
	u.Base = n + 1
	second, err := w.Add(1, u)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(first, second) {
		t.Error("the second copy has other classes")
	}
	if err := d.Resolve(nil); err != nil {
		t.Fatal(err)
	}
	all := d.All()
	if len(all) != n {
		t.Errorf("%d classes, want %d", len(all), n)
	}
	for i, c := range all {
		if d.Place(c) != uint64(i+1) {
			t.Fatalf("class %d has place %d", i, d.Place(c))
		}
	}
}

// FuzzDedup: any blob that can be read is merged with itself, or refused; what comes out says
// the same and is a fixed point.
func FuzzDedup(f *testing.F) {
	for _, tt := range append(append([]dedupCase{}, upstreamCases...), ownCases...) {
		f.Add(noteBlob(f, false, tt.in), []byte(nil))
	}
	for seed := range uint64(20) {
		units := randomProgram(seed, true)
		f.Add(unitTable(f, NewNameTable(), units[0]).Data(), unitTable(f, NewNameTable(), units[len(units)-1]).Data())
	}
	f.Fuzz(func(t *testing.T, one, two []byte) {
		var tables []*Table
		for _, data := range [][]byte{one, two} {
			if tab, err := Read(data, nil); err == nil {
				tables = append(tables, tab)
			}
		}
		blob, err := Merge(tables, len(one)%2 == 0, 2)
		if err != nil {
			var fe *FormatError
			var loop *LoopError
			if blob != nil || !errors.As(err, &fe) && !errors.As(err, &loop) {
				t.Fatalf("%d bytes, error %v", len(blob), err)
			}
			return
		}
		out := mustRead(t, blob, nil)
		again, err := Merge([]*Table{out}, len(one)%2 == 0, 1)
		if err != nil || !bytes.Equal(again, blob) {
			t.Fatalf("not idempotent: %v\n%s", err, dumpText(t, out))
		}
		if len(tables) == 1 && out.NumIDs() > tables[0].NumIDs() {
			t.Errorf("%d types became %d", tables[0].NumIDs(), out.NumIDs())
		}
	})
}
