// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"fmt"
	"testing"
	"time"
)

// unitOf returns a unit of n records, each filled by f, which may append members.
func unitOf(n int, f func(u *Unit, i uint32, r *Record)) *Unit {
	u := new(Unit)
	u.Reset(0)
	for i := uint32(1); i <= uint32(n); i++ {
		r := Record{Pos: i, First: uint32(len(u.Members))}
		f(u, i, &r)
		r.Count = uint32(len(u.Members)) - r.First
		u.Records = append(u.Records, r)
	}
	return u
}

// TestDedupLarge: input that is made to be slow or deep. A quadratic step shows: each case takes a second or two, and
// minutes if something is squared.
func TestDedupLarge(t *testing.T) {
	names := NewNameTable()
	name := func(format string, i uint32) NameID { return names.ID(fmt.Appendf(nil, format, i)) }
	ints := func(n int) *Unit { // ints of all sizes, and a pair of structs per int that refer to each other
		return unitOf(3*n, func(u *Unit, i uint32, r *Record) {
			k := uint32(n)
			switch {
			case i <= k:
				r.Kind, r.Name, r.Size = KindInt, name("i", 0), i
			case i <= 2*k:
				r.Kind, r.Name, r.Size = KindStruct, name("s%d", i-k), 8
				u.Members = append(u.Members, Member{Ref: i - k}, Member{Ref: i + k})
			default:
				r.Kind, r.Ref = KindPtr, i-k
			}
		})
	}
	otherInts := func(n int) *Unit {
		u := ints(n)
		for i := 1; i <= n; i++ {
			u.Records[i].Name = name("j", 0)
		}
		return u
	}
	for _, tt := range []struct {
		name  string
		types int // of the output
		units []*Unit
	}{
		{"chain of pointers", 1_000_000, []*Unit{unitOf(1_000_000, func(u *Unit, i uint32, r *Record) {
			r.Kind, r.Ref = KindPtr, i-1
		})}},
		{"chain of pointers, outermost first", 1_000_000, []*Unit{unitOf(1_000_000, func(u *Unit, i uint32, r *Record) {
			r.Kind, r.Ref = KindPtr, (i+1)%1_000_001
		})}},
		{"large structs", 11, []*Unit{unitOf(21, func(u *Unit, i uint32, r *Record) {
			if r.Kind, r.Size = KindInt, 4; i > 1 {
				r.Kind, r.Name, r.Size = KindStruct, name("large%d", i/2), 1<<20
				for m := range uint32(100_000) {
					u.Members = append(u.Members, Member{Ref: 1, A: m})
				}
			}
		})}},
		{"ambiguous names", 120_000, []*Unit{ints(20_000), otherInts(20_000)}},
		{"definitions of one name", 40_000, []*Unit{unitOf(40_000, func(u *Unit, i uint32, r *Record) {
			if i%2 == 0 {
				r.Kind, r.Ref = KindPtr, i-1
				return
			}
			r.Kind, r.Name, r.Size = KindStruct, name("s", 0), i
			u.Members = append(u.Members, Member{Ref: i + 1})
		})}},
		{"holders of many ambiguous names", 80_006, []*Unit{holders(names, 20_000, "int"), holders(names, 20_000, "long")}},
		{"many names declared", 160_000, []*Unit{ints(20_000), otherInts(20_000), declared(ints(20_000), 20_000)}},
		{"loop of anonymous structs", 2, []*Unit{unitOf(200_000, func(u *Unit, i uint32, r *Record) {
			if i%2 == 0 {
				r.Kind, r.Ref = KindPtr, i%200_000+1
				return
			}
			r.Kind, r.Size = KindStruct, 8
			u.Members = append(u.Members, Member{Ref: i + 1})
		})}},
		{"loop of anonymous structs, one different", 200_000, []*Unit{unitOf(200_000, func(u *Unit, i uint32, r *Record) {
			if i%2 == 0 {
				r.Kind, r.Ref = KindPtr, i%200_000+1
				return
			}
			if r.Kind, r.Size = KindStruct, 8; i == 77_777 {
				r.Size = 16
			}
			u.Members = append(u.Members, Member{Ref: i + 1})
		})}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			o, err := runDedup(t, names, tt.units, 1)
			if err != nil {
				t.Fatal(err)
			}
			if n := o.table.NumIDs() - 1; n != tt.types {
				t.Errorf("%d types, want %d", n, tt.types)
			}
			if d := time.Since(start); d > 20*time.Second {
				t.Errorf("took %v", d)
			}
			t.Log(time.Since(start))
		})
	}
}

// declared turns the n structs after the first n records into declarations, and what refers to them into typedefs.
func declared(u *Unit, n int) *Unit {
	for i := n + 1; i <= 2*n; i++ {
		r := &u.Records[i]
		*r = Record{Pos: r.Pos, Name: r.Name, Kind: KindFwd}
		u.Records[i+n].Kind, u.Records[i+n].Name = KindTypedef, r.Name
	}
	return u
}

// holders returns a unit with n structs that are ambiguous if another unit has another int, and
// two that have pointers to all of them.
func holders(names *NameTable, n int, int string) *Unit {
	return unitOf(2*n+3, func(u *Unit, i uint32, r *Record) {
		k := uint32(n)
		switch {
		case i == 1:
			r.Kind, r.Name, r.Size = KindInt, names.ID([]byte(int)), 4
		case i <= k+1:
			r.Kind, r.Name, r.Size = KindStruct, names.ID(fmt.Appendf(nil, "h%d", i)), 4
			u.Members = append(u.Members, Member{Ref: 1})
		case i <= 2*k+1:
			r.Kind, r.Ref = KindPtr, i-k
		default:
			r.Kind, r.Name, r.Size = KindUnion, names.ID(fmt.Appendf(nil, "all%d", i)), 4
			for m := range k {
				u.Members = append(u.Members, Member{Ref: k + 2 + m})
			}
		}
	})
}
