// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestStringTable(t *testing.T) {
	s := NewStringTable(nil)
	for _, tt := range []struct {
		in   string
		want StrOff
	}{{"", 0}, {"int", 1}, {"a", 5}, {"int", 1}, {"nt", 7}, {"in", 10}, {"", 0}, {"a", 5}} {
		if got := s.Add([]byte(tt.in)); got != tt.want {
			t.Errorf("%q: got %d, want %d", tt.in, got, tt.want)
		}
		if got, ok := s.Find([]byte(tt.in)); got != tt.want || !ok {
			t.Errorf("found %q: got %d, want %d", tt.in, got, tt.want)
		}
	}
	if got, want := string(s.Strings()), "\x00int\x00a\x00nt\x00in\x00"; got != want || s.End() != StrOff(len(want)) {
		t.Errorf("got %q, end %d", got, s.End())
	}
	if _, ok := s.Find([]byte("t")); ok {
		t.Error("found the tail of a string")
	}
}

func TestStringTableSplit(t *testing.T) {
	base := NewStringTable(nil)
	base.Add([]byte("int"))
	split := NewStringTable(base)
	if got := split.Add([]byte("int")); got != 1 {
		t.Errorf("string of the base: got %d", got)
	}
	if got := split.Add([]byte("x")); got != 5 {
		t.Errorf("own string: got %d", got)
	}
	top := NewStringTable(split)
	for in, want := range map[string]StrOff{"": 0, "int": 1, "x": 5} {
		if got := top.Add([]byte(in)); got != want {
			t.Errorf("top: %q: got %d, want %d", in, got, want)
		}
	}
	if got := top.Add([]byte("y")); got != 7 || string(top.Strings()) != "y\x00" || top.End() != 9 {
		t.Errorf("top: got %d, strings %q", got, top.Strings())
	}
	if string(split.Strings()) != "x\x00" {
		t.Errorf("split: strings %q", split.Strings())
	}
}

func TestIndexStrings(t *testing.T) {
	base := mustRead(t, Assemble(false, nil, nil, []byte("\x00int\x00a\x00int\x00\x00")), nil)
	// The split blob has "int" again, and starts with an empty string.
	split := mustRead(t, Assemble(false, nil, nil, []byte("\x00b\x00int\x00")), base)
	s := IndexStrings(split)
	for in, want := range map[string]StrOff{"": 0, "int": 1, "a": 5, "b": 13} {
		if got, ok := s.Find([]byte(in)); got != want || !ok {
			t.Errorf("%q: got %d, %v, want %d", in, got, ok, want)
		}
	}
	if _, ok := s.Find([]byte("c")); ok {
		t.Error("found c")
	}
	if got := s.Add([]byte("c")); got != 19 {
		t.Errorf("added at %d", got)
	}
	if got, want := string(s.Strings()), "\x00b\x00int\x00c\x00"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := string(split.Data()[24:]), "\x00b\x00int\x00"; got != want {
		t.Errorf("the blob changed: %q", got)
	}
	empty := IndexStrings(mustRead(t, Assemble(false, nil, nil, nil), base))
	if got, ok := empty.Find([]byte("a")); got != 5 || !ok {
		t.Errorf("through an empty section: got %d, %v", got, ok)
	}
}

// TestStringTableMany compares with a map, across growth.
func TestStringTableMany(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	base, want := NewStringTable(nil), map[string]StrOff{"": 0}
	split := NewStringTable(nil)
	for round, s := range []*StringTable{base, split} {
		if s == split {
			*s = *NewStringTable(base)
		}
		for range 20000 {
			in := fmt.Sprintf("name%d", rnd.IntN(15000*(round+1)))
			off, known := want[in]
			if !known {
				off = s.End()
				want[in] = off
			}
			if got := s.Add([]byte(in)); got != off {
				t.Fatalf("round %d: %q: got %d, want %d", round, in, got, off)
			}
		}
	}
	all := append(bytes.Clone(base.Strings()), split.Strings()...)
	for in, off := range want {
		if !bytes.HasPrefix(all[off:], []byte(in+"\x00")) {
			t.Fatalf("%q is not at %d", in, off)
		}
	}
	// The same strings, indexed from a blob.
	x := IndexStrings(mustRead(t, Assemble(false, nil, nil, base.Strings()), nil))
	for in := range want {
		wantOff, wantOK := base.Find([]byte(in))
		if got, ok := x.Find([]byte(in)); got != wantOff || ok != wantOK {
			t.Fatalf("indexed %q: got %d, %v, want %d, %v", in, got, ok, wantOff, wantOK)
		}
	}
}

func TestStringTableNUL(t *testing.T) {
	defer func() {
		if r := recover(); r != "btf: string contains a NUL" {
			t.Errorf("got %v", r)
		}
	}()
	s := NewStringTable(nil)
	s.Add([]byte("a"))
	s.Add([]byte("b"))
	s.Add([]byte("a\x00b"))
	t.Error("no panic")
}

// BenchmarkStringTable adds what a vmlinux has: 120,000 strings, each about 4 times.
func BenchmarkStringTable(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var adds [][]byte
	for i := range 500000 {
		n := i
		if i >= 120000 {
			n = rnd.IntN(120000)
		}
		adds = append(adds, fmt.Appendf(nil, "some_name_%d", n))
	}
	b.ReportAllocs()
	for b.Loop() {
		s := NewStringTable(nil)
		for _, str := range adds {
			s.Add(str)
		}
	}
}
