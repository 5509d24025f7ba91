// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"
)

// FuzzSplit: any base, and any two blobs that can be read as split against it, are merged or refused; what comes out is the same if all
// of the base is entered, and is no more than what went in.
func FuzzSplit(f *testing.F) {
	for _, tt := range splitCases {
		tables := noteChain(f, false, tt.base, tt.in)
		f.Add(tables[0].Data(), tables[1].Data(), []byte(nil), false)
	}
	for seed := range uint64(20) {
		p := randomSplit(f, seed, true)
		o, err := runSplit(f, NewBase(p.base), p.units, AcceptFwds, 1, false)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p.base.Data(), o.blob, o.blob, seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, below, one, two []byte, strict bool) {
		table, err := Read(below, nil)
		if err != nil {
			return
		}
		policy := AcceptFwds
		if strict {
			policy = StrictFwds
		}
		var tables []*Table
		in := 0
		for _, data := range [][]byte{one, two} {
			if tab, err := Read(data, table); err == nil {
				tables = append(tables, tab)
				in += len(tab.offs)
			}
		}
		base := NewBase(table)
		blob, err := MergeSplit(base, tables, policy, 2)
		if err != nil {
			var fe *FormatError
			var loop *LoopError
			if blob != nil || !errors.As(err, &fe) && !errors.As(err, &loop) {
				t.Fatalf("%d bytes, error %v", len(blob), err)
			}
			return
		}
		out := mustRead(t, blob, table)
		d, err := mergeSplit(base, tables, policy, false)
		if err != nil {
			t.Fatalf("the second time: %v", err)
		}
		for _, m := range d.BaseMisses(3) {
			if m.Name == "" {
				t.Error("a miss without a name")
			}
		}
		if again, err := d.Write(d.All(), table.big, false, 1); err != nil || !bytes.Equal(again, blob) {
			t.Fatalf("the second time: %v, or other bytes", err)
		}
		if _, err := MergeSplit(base, []*Table{out}, policy, 1); err != nil {
			t.Fatalf("its own output: %v\n%s", err, dumpText(t, out))
		}
	})
}

// TestSplitLarge: input that is made to be slow or deep, as for TestDedupLarge.
func TestSplitLarge(t *testing.T) {
	names := NewNameTable()
	name := func(format string, i uint32) NameID { return names.ID(fmt.Appendf(nil, format, i)) }
	sized := func(n, first int, kind Kind, named bool) *Unit { // types of one name that differ in size
		return unitOf(n, func(u *Unit, i uint32, r *Record) {
			r.Kind, r.Size = kind, i+uint32(first)
			if named {
				r.Name = name("same", 0)
			}
		})
	}
	chain := func(n int) *Unit {
		return unitOf(n, func(u *Unit, i uint32, r *Record) { r.Kind, r.Ref = KindPtr, i-1 })
	}
	list := func(n int, last uint32) *Unit { // structs, each of which has a pointer to the next one
		return unitOf(2*n, func(u *Unit, i uint32, r *Record) {
			k := uint32(n)
			if i > k {
				r.Kind, r.Ref = KindPtr, i-k
				return
			}
			if r.Kind, r.Name, r.Size = KindStruct, name("s%d", i), 8; i == k {
				r.Size = last
			}
			u.Members = append(u.Members, Member{Ref: k + i%k + 1})
		})
	}
	for _, tt := range []struct {
		name      string
		base, own *Unit
		types     int
	}{
		{"typedefs of one name", unitOf(100_000, func(u *Unit, i uint32, r *Record) { r.Kind, r.Ref, r.Name = KindTypedef, i-1, name("same", 0) }),
			unitOf(50_000, func(u *Unit, i uint32, r *Record) { r.Kind, r.Ref, r.Name = KindTypedef, i-1, name("same", 0) }), 0},
		{"ints of one name", sized(200_000, 0, KindInt, true), sized(100_000, 150_000, KindInt, true), 50_000},
		{"structs of one name", sized(50_000, 0, KindStruct, true), sized(20_000, 40_000, KindStruct, true), 10_000},
		{"anonymous structs", sized(100_000, 0, KindStruct, false), sized(50_000, 80_000, KindStruct, false), 30_000},
		{"chain of pointers", chain(300_000), chain(300_001), 1},
		{"list", list(100_000, 8), list(100_000, 8), 0},
		{"list, the last one different", list(100_000, 8), list(100_000, 16), 200_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table := unitTable(t, names, tt.base)
			start := time.Now()
			d := NewSplitDedup(NewBase(table), names, 1, 1, AcceptFwds)
			if _, err := d.NewWorker().Add(0, tt.own); err != nil {
				t.Fatal(err)
			}
			if err := d.Resolve(func(_ int, u *Unit) error {
				u.Records, u.Members = append(u.Records[:0], tt.own.Records...), append(u.Members[:0], tt.own.Members...)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			blob, err := d.Write(d.All(), false, false, 1)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(mustRead(t, blob, table).offs); n != tt.types {
				t.Errorf("%d types, want %d", n, tt.types)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
			t.Log(time.Since(start))
		})
	}
}
