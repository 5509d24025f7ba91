// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"debug/elf"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/elfview"
)

func TestStringCanon(t *testing.T) {
	long := strings.Repeat("x", maxCanon+32)
	tests := []struct {
		name      string
		str       string
		ask, want []uint64
	}{
		{"first asked for", "one\x00two\x00one\x00", []uint64{8, 0, 4, 8, 0}, []uint64{8, 8, 4, 8, 8}},
		{"tails", "window\x00low\x00now\x00dow\x00", []uint64{3, 7, 8, 4, 11, 12, 15}, []uint64{3, 7, 8, 8, 11, 8, 3}},
		{"empty strings", "a\x00\x00b\x00", []uint64{1, 2, 4, 0}, []uint64{1, 1, 1, 0}},
		{"a word and a bit", "12345678\x00\x001234567\x0012345678\x00\x00", []uint64{0, 10, 18, 9, 27}, []uint64{0, 10, 0, 9, 9}},
		{"differ in the ninth byte", "12345678a\x0012345678b\x0012345678a\x00", []uint64{0, 10, 20}, []uint64{0, 10, 0}},
		{"equal up to the end of one", "abc\x00abcd\x00abc", []uint64{0, 4}, []uint64{0, 4}},
		{"bytes 0x80 and 0x01", "\x80\x01\x00\x81\x01\x00\x80\x01\x00", []uint64{0, 3, 6}, []uint64{0, 3, 0}},
		{"without an end", "abc\x00abc", []uint64{4, 0, 6, 4}, []uint64{4, 0, 6, 4}},
		{"outside", "a\x00", []uint64{2, 3, 1 << 32, 1<<64 - 1}, []uint64{2, 3, 1 << 32, 1<<64 - 1}},
		{"no NUL at all", "abc", []uint64{0}, []uint64{0}},
		{"nothing", "", []uint64{0, 1}, []uint64{0, 1}},
		{"too long", long + "\x00" + long + "\x00", []uint64{0, maxCanon + 33, 40, maxCanon + 73}, []uint64{0, maxCanon + 33, 40, 40}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := new(stringCanon)
			for _, slack := range []string{"", "sixteen other bytes", strings.Repeat("\x00", canonSlack)} {
				c.Reset([]byte(tt.str + slack)[:len(tt.str)])
				got := slices.Clone(tt.ask)
				c.Canon(got)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("slack %q: %s", slack, diff)
				}
			}
		})
	}
}

// TestStringCanonFind finds what was asked for, and nothing else.
func TestStringCanonFind(t *testing.T) {
	c := new(stringCanon)
	if _, ok := c.Find("int"); ok {
		t.Error("found a string before there is a section")
	}
	long := strings.Repeat("y", 100)
	str := "int\x00long int\x00int\x00char\x00" + long + "\x00" + strings.Repeat("x", maxCanon+32) + "\x00\x00"
	c.Reset([]byte(str))
	c.Canon([]uint64{13, 0, 4, 22, uint64(len(str) - 1), 23 + uint64(len(long))})
	for _, tt := range []struct {
		str string
		off uint64
		ok  bool
	}{
		{"int", 13, true},
		{"long int", 4, true},
		{long, 22, true},
		{"", uint64(len(str) - 1), true},
		{"char", 0, false}, // is there, but nobody asked
		{"long", 0, false},
		{long + "y", 0, false},
		{strings.Repeat("x", maxCanon+32), 0, false},
	} {
		if off, ok := c.Find(tt.str); off != tt.off || ok != tt.ok {
			t.Errorf("%.20q: %d, %v, want %d, %v", tt.str, off, ok, tt.off, tt.ok)
		}
	}
}

// TestStringCanonReset uses one table for sections of many sizes, and finds in
// each what a map finds.
func TestStringCanonReset(t *testing.T) {
	c := new(stringCanon)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{50000, 10, 0, 3000, 40000, 1} {
		var str []byte
		for range n {
			str = fmt.Appendf(str, "%s%d\x00", strings.Repeat("y", rng.IntN(12)), rng.IntN(n))
		}
		c.Reset(str)
		sameAsMap(t, c, str, n, rng)
	}
}

func sameAsMap(t *testing.T, c *stringCanon, str []byte, n int, rng *rand.Rand) {
	t.Helper()
	first := map[string]uint64{}
	for range 30 {
		var ask, want []uint64
		for range n / 10 {
			off := uint64(rng.IntN(len(str)))
			s := str[off:]
			s = s[:bytes.IndexByte(s, 0)]
			if _, ok := first[string(s)]; !ok {
				first[string(s)] = off
			}
			ask, want = append(ask, off), append(want, first[string(s)])
		}
		got := slices.Clone(ask)
		c.Canon(got)
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("string at %#x: %#x, want %#x", ask[i], got[i], want[i])
			}
		}
	}
	if c.used != uint64(len(first)) || 2*c.used > uint64(len(c.slots)) {
		t.Fatalf("%d strings in %d of %d slots", len(first), c.used, len(c.slots))
	}
}

// FuzzStringCanon compares the table with a map, for any section and offsets.
func FuzzStringCanon(f *testing.F) {
	f.Add([]byte("one\x00two\x00one\x00"), []byte{0, 4, 8, 9})
	f.Add([]byte("12345678\x00\x0012345678\x00xyz"), []byte{10, 0, 1, 11, 20, 200})
	f.Fuzz(func(t *testing.T, str, ask []byte) {
		c := new(stringCanon)
		c.Reset(str)
		first := map[string]uint64{}
		var offs, want []uint64
		for i, b := range ask {
			off := uint64(b) + uint64(i)*uint64(len(str)/16)
			expect := off
			if off < uint64(len(str)) {
				switch n := bytes.IndexByte(str[off:], 0); {
				case n >= maxCanon-16:
					continue // near the bound, or beyond it
				case n >= 0:
					s := string(str[off:][:n])
					if _, ok := first[s]; !ok {
						first[s] = off
					}
					expect = first[s]
				}
			}
			offs, want = append(offs, off), append(want, expect)
		}
		got := slices.Clone(offs)
		c.Canon(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q at %v: %s", str, offs, diff)
		}
	})
}

// BenchmarkStringCanon asks for names as a module's relocations do: each unit
// for its own copies of the same 42 k strings, in an order of its own.
func BenchmarkStringCanon(b *testing.B) {
	const units, perUnit, distinct = 200, 4500, 42000
	rng := rand.New(rand.NewPCG(3, 4))
	var str []byte
	var refs []uint64
	for range units {
		from := len(refs)
		for range perUnit {
			i := rng.IntN(distinct)
			refs = append(refs, uint64(len(str)))
			str = fmt.Appendf(str, "%s%d\x00", "some_longer_name"[:i%14], i)
		}
		rng.Shuffle(perUnit, func(i, j int) { refs[from+i], refs[from+j] = refs[from+j], refs[from+i] })
	}
	benchCanon(b, str, refs)
}

// BenchmarkStringCanonFile asks for the names of .debug_info of the 64-bit
// little-endian module that BTFGEN_BENCH_ELF names, in the order of its relocations.
func BenchmarkStringCanonFile(b *testing.B) {
	f, err := elfview.Open(benchFile(b))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if f.Type != elf.ET_REL || os.Getenv("BTFGEN_BENCH_ELF") == "" {
		b.Skip("BTFGEN_BENCH_ELF names no module")
	}
	syms, err := f.Symbols()
	if err != nil {
		b.Fatal(err)
	}
	r, err := f.NewRelocator(syms, nil)
	if err != nil {
		b.Fatal(err)
	}
	info, str := f.Section(".debug_info"), f.Section(".debug_str")
	data, err := f.Data(info)
	if err != nil {
		b.Fatal(err)
	}
	var refs []uint64
	err = r.Apply(info, data, str.Index, func(offs []uint64) { refs = append(refs, offs...) })
	if err != nil {
		b.Fatal(err)
	}
	if data, err = f.Data(str); err != nil {
		b.Fatal(err)
	}
	benchCanon(b, data, refs)
}

func benchCanon(b *testing.B, str []byte, refs []uint64) {
	c := new(stringCanon)
	str = append(str, make([]byte, canonSlack)...)[:len(str)]
	b.ReportAllocs()
	n, offs := 0, make([]uint64, canonBatch)
	for b.Loop() {
		c.Reset(str)
		for rest := refs; len(rest) > 0; {
			k := copy(offs, rest)
			c.Canon(offs[:k])
			rest = rest[k:]
		}
		n++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*len(refs)), "ns/ref")
	b.ReportMetric(float64(c.used), "strings")
}
