// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/btfgen/btfgen/internal/testkit/btfnote"
)

// dedupCase is a blob and what becomes of it, in the notation of btfnote.
type dedupCase struct{ name, in, want string }

// unchanged in want says that nothing is to be merged.
const unchanged = "="

const structHalf = "1 I int 4 s; 2 A 1 1 16; 3 S s 88 next:4@0 a:5@64 b:2@128 c:1@640 d:%s@672; 4 P 3; 5 P 6; 6 C 1; 7 DT s 3; 8 DT s 3 1"

// upstreamCases are the inputs of the kernel's selftest for libbpf
// (tools/testing/selftests/bpf/prog_tests/btf.c: dedup_tests), as far as they are about one blob.
var upstreamCases = []dedupCase{
	{"struct example",
		strings.Replace(structHalf, "%s", "15", 1) + "; 9 I int 4 s; 10 A 9 9 16; 11 S s 88 next:12@0 a:13@64 b:10@128 c:9@640 d:15@672; 12 P 11; 13 P 14; 14 C 9; 15 F float 4; 16 DT s 11; 17 DT s 11 1",
		strings.Replace(structHalf, "%s", "9", 1) + "; 9 F float 4"},
	{"struct with declaration", "1 W x s; 2 P 1; 3 S s 8 x:2@0; 4 S x 0; 5 P 4; 6 S s 8 x:5@0", "1 P 3; 2 S s 8 x:1@0; 3 S x 0"},
	{"void is no type", "1 S - 1; 2 P 1; 3 S s 8 x:2@0; 4 P 0; 5 S s 8 x:4@0", unchanged},
	{"all kinds", noteAllKinds, unchanged},
	{"INTs and FLOATs", "I int 4 s; I Int 4 s; I int 4 c; I int 4 -; I int 4 s 8:24; I int 4 s 0:27; I int 8 s; F float 2; F float 4; F float 8; F float 12; F float 16", unchanged},
	{"enum declared", "1 E e1 4; 2 E e1 4 v=123; 3 E e2 4 w=456; 4 E e2 4; 5 E e1 1; 6 E e1 4 v=321", "E e1 4 v=123; E e2 4 w=456; E e1 4 v=321"},
	{"DATASEC and VAR", "1 I - 4 s; 2 VAR t 1; 3 DS .bss 4 2:0:4; 4 I - 4 s; 5 VAR t 4; 6 DS .bss 4 5:0:4", "1 I - 4 s; 2 VAR t 1; 3 DS .bss 4 2:0:4; 4 VAR t 1; 5 DS .bss 4 4:0:4"},
	{"tags of VAR, FUNC and parameter", "1 I int 4 s; 2 VAR t 1; 3 FP 0 a1:1 a2:1; 4 FN f 3; 5 DT tag 2; 6 DT tag 2; 7 DT tag 4; 8 DT tag 4; 9 DT tag 4 1; 10 DT tag 4 1",
		"1 I int 4 s; 2 VAR t 1; 3 FP 0 a1:1 a2:1; 4 FN f 3; 5 DT tag 2; 6 DT tag 4; 7 DT tag 4 1"},
	{"tags of FUNCs", "1 I int 4 s; 2 FP 0 a1:1 a2:1; 3 FN f 2; 4 FP 0 a1:1 a2:1; 5 FN f 4; 6 DT tag1 3; 7 DT tag2 3; 8 DT tag1 5; 9 DT tag3 5; 10 DT tag1 3 1; 11 DT tag2 3 1; 12 DT tag1 5 1; 13 DT tag3 5 1",
		"1 I int 4 s; 2 FP 0 a1:1 a2:1; 3 FN f 2; 4 DT tag1 3; 5 DT tag2 3; 6 DT tag3 3; 7 DT tag1 3 1; 8 DT tag2 3 1; 9 DT tag3 3 1"},
	{"tags of members", "1 I int 4 s; 2 S t 8 m1:1@0 m2:1@32; 3 S t 8 m1:1@0 m2:1@32; 4 DT tag1 2; 5 DT tag2 2; 6 DT tag1 3; 7 DT tag3 3; 8 DT tag1 2 1; 9 DT tag2 2 1; 10 DT tag1 3 1; 11 DT tag3 3 1",
		"1 I int 4 s; 2 S t 8 m1:1@0 m2:1@32; 3 DT tag1 2; 4 DT tag2 2; 5 DT tag3 2; 6 DT tag1 2 1; 7 DT tag2 2 1; 8 DT tag3 2 1"},
	{"recursive typedef", "1 T Foo 2; 2 FP 1; 3 T Foo 4; 4 FP 3", "1 T Foo 2; 2 FP 1"},
	{"typedef", "1 I int 4; 2 T foo 1; 3 I int 4; 4 T foo 3", "1 I int 4; 2 T foo 1"},
	{"tags of typedefs", "1 I int 4; 2 T t 1; 3 T t 1; 4 DT tag1 2; 5 DT tag2 2; 6 DT tag1 3; 7 DT tag3 3", "1 I int 4; 2 T t 1; 3 DT tag1 2; 4 DT tag2 2; 5 DT tag3 2"},
	{"type tag 1", "1 I int 4; 2 TT tag1 1; 3 TT tag2 2; 4 P 3; 5 TT tag1 1; 6 TT tag2 5; 7 P 6; 8 TT tag1 1; 9 P 8", "1 I int 4; 2 TT tag1 1; 3 TT tag2 2; 4 P 3; 5 P 2"},
	{"type tag 2, other tag", "1 I int 4; 2 TT tag1 1; 3 TT tag2 2; 4 P 3; 5 TT tag3 1; 6 P 5", unchanged},
	{"type tag 3, other order", "1 I int 4; 2 TT tag1 1; 3 TT tag2 2; 4 P 3; 5 TT tag2 1; 6 TT tag1 5; 7 P 6", unchanged},
	{"type tag 4, other target", "1 I int 4; 2 TT tag1 1; 3 I long 8; 4 TT tag1 3; 5 P 2; 6 P 4", unchanged},
	{"type tag 5", "1 I int 4; 2 TT tag1 1; 3 S t 4 kf m:2@0; 4 TT tag1 1; 5 S t 4 kf m:4@0", "1 I int 4; 2 TT tag1 1; 3 S t 4 kf m:2@0"},
	{"enum64", "1 E64 e 8 v=0x123456789; 2 E64 e 8 v=0x123456789", "1 E64 e 8 v=0x123456789"},
	{"enum64 declared", "1 E64 e1 8; 2 E64 e1 8 v=123; 3 E64 e2 8 w=456; 4 E64 e2 8; 5 E64 e1 1; 6 E64 e1 8 v=321", "E64 e1 8 v=123; E64 e2 8 w=456; E64 e1 8 v=321"},
	{"enum and enum64", "1 E e 4 v=1; 2 E64 e 8 v=1", unchanged},
	{"enums of two sizes", "1 E e 4 v=1; 2 E e 2 v=1", unchanged},
	{"enum declares enum64", "1 E64 e 8 v=1; 2 E e 4; 3 T td 2", "1 E64 e 8 v=1; 2 T td 1"},
	{"enum64 declares enum", "1 E e 4 v=1; 2 E64 e 8; 3 T td 2", "1 E e 4 v=1; 2 T td 1"},
	{"lone declaration of a struct", "1 S foo 4 x:2@0; 2 I int 4; 3 W foo s; 4 P 3; 5 T foo_ptr 4", "1 S foo 4 x:2@0; 2 I int 4; 3 P 1; 4 T foo_ptr 3"},
	{"lone declaration of a union", "1 U foo 4 x:2@0; 2 I int 4; 3 W foo u; 4 P 3; 5 T foo_ptr 4", "1 U foo 4 x:2@0; 2 I int 4; 3 P 1; 4 T foo_ptr 3"},
	{"declaration of another kind", "1 S foo 4 x:2@0; 2 I int 4; 3 W foo u; 4 P 3; 5 T foo_ptr 4", unchanged},
	{"declaration of another name", "1 S foo 4 x:2@0; 2 I int 4; 3 W foo3 s; 4 P 3; 5 T foo_ptr 4", unchanged},
	{"name conflict", "1 S foo 4 x:2@0; 2 I int 4; 3 W foo s; 4 P 3; 5 T foo_ptr 4; 6 S foo 8 x:2@0 y:2@32", unchanged},
}

// ownCases are what libbpf gets wrong, depends on order for, or leaves open.
var ownCases = []dedupCase{
	{"A1, array defect", "1 I int 4 s; 2 I long 8 s; 3 A 1 1 2; 4 S s 16 x:3@0 y:3@64; 5 A 1 1 2; 6 A 2 1 2; 7 S s 16 x:5@0 y:6@64",
		"1 I int 4 s; 2 I long 8 s; 3 A 1 1 2; 4 S s 16 x:3@0 y:3@64; 5 A 2 1 2; 6 S s 16 x:3@0 y:5@64"},
	{"N1, one pass is enough", "1 P 2; 2 S n 16 next:1@0 own:3@64; 3 P 4; 4 S o 8 n:1@0; 5 S s 8 h:1@0; 6 P 7; 7 S n 16 next:6@0 own:8@64; 8 P 9; 9 S o 8 n:10@0; 10 P 11; 11 S n 16 next:10@0 own:8@64; 12 S s 8 h:6@0",
		"1 P 2; 2 S n 16 next:1@0 own:3@64; 3 P 4; 4 S o 8 n:1@0; 5 S s 8 h:1@0"},
	{"S1, copies in one unit", "1 I int 4 s; 2 S n 4 v:1@0; 3 S s 8 a:2@0 b:2@32; 4 S n 4 v:1@0; 5 S n 4 v:1@0; 6 S s 8 a:4@0 b:5@32", "1 I int 4 s; 2 S n 4 v:1@0; 3 S s 8 a:2@0 b:2@32"},
	{"F1, order of references", "1 I int 4 s; 2 P 5; 3 C 1; 4 P 3; 5 C 1; 6 VAR a 2; 7 VAR b 4", "1 I int 4 s; 2 P 3; 3 C 1; 4 VAR a 2; 5 VAR b 2"},
	{"F2, FUNCs", "1 FP 0; 2 FN f 1 s; 3 FP 0; 4 FN f 3 s; 5 FN f 3 g", "1 FP 0; 2 FN f 1 s; 3 FN f 1 g"},
	{"U1, struct and union of one name", "1 S foo 4; 2 U foo 4; 3 W foo s; 4 P 3", "1 S foo 4; 2 U foo 4; 3 P 1"},
	{"K1, kflag", "1 I int 4 s; 2 S s 8 a:1@0 b:1@32; 3 S s 8 a:1@0:32 b:1@32:32", unchanged},
	{"T1, typedef of a declaration", "1 W X s; 2 T Xt 1; 3 P 2; 4 S X 4; 5 T Xt 4; 6 P 5", "1 T Xt 3; 2 P 1; 3 S X 4"},
	{"P1, names of parameters", "1 I int 4 s; 2 FP 1 a:1; 3 FP 1 b:1; 4 FP 1 a:1", "1 I int 4 s; 2 FP 1 a:1; 3 FP 1 b:1"},
	{"anonymous loop", "1 S - 8 p:2@0; 2 P 1; 3 S - 8 p:4@0; 4 P 3", "1 S - 8 p:2@0; 2 P 1"},
	{"anonymous loop, written out", "1 S - 8 p:2@0; 2 P 1; 3 S - 8 p:2@0; 4 P 3; 5 S - 8 p:4@0", "1 S - 8 p:2@0; 2 P 1"},
	{"anonymous enums", "1 E - 4 a=1; 2 E - 4 a=2; 3 E - 4 a=1; 4 E - 4; 5 E - 4", "1 E - 4 a=1; 2 E - 4 a=2; 3 E - 4"},
	{"sign of an enum", "1 E e 4 a=1; 2 E e 4 s a=1", unchanged},
	{"linkage", "1 I int 4 s; 2 FP 0; 3 FN f 2 x; 4 FN f 2 x; 5 VAR v 1 x; 6 VAR v 1 x", "1 I int 4 s; 2 FP 0; 3 FN f 2 x; 4 VAR v 1 x; 5 VAR v 1 x"},
	{"names that are not used", "1 P 0 !name=a; 2 P 0; 3 P 0 !name=a", "1 P 0 !name=a; 2 P 0"},
}

func TestDedupCases(t *testing.T) {
	for _, tt := range append(append([]dedupCase{}, upstreamCases...), ownCases...) {
		t.Run(tt.name, func(t *testing.T) {
			for _, big := range []bool{false, true} {
				in := mustRead(t, noteBlob(t, big, tt.in), nil)
				blob, err := Merge([]*Table{in}, false, 1)
				if err != nil {
					t.Fatal(err)
				}
				got, want := mustRead(t, blob, nil), in
				if tt.want != unchanged {
					want = mustRead(t, noteBlob(t, big, tt.want), nil)
				}
				if canonical(got) != canonical(want) || got.NumIDs() != want.NumIDs() {
					t.Errorf("got\n%s\nwant\n%s", dumpText(t, got), dumpText(t, want))
				}
				again, err := Merge([]*Table{got}, false, 3)
				if err != nil || !bytes.Equal(again, blob) {
					t.Errorf("not idempotent: %v", err)
				}
				if tt.want == unchanged && dumpText(t, got) != dumpText(t, in) {
					t.Errorf("order changed\n%s", dumpText(t, got))
				}
			}
		})
	}
}

// TestDedupUnits: a declaration means what the units say that share a type with its own.
func TestDedupUnits(t *testing.T) {
	const (
		declared = "1 W B s; 2 P 1; 3 S A 8 b:2@0"
		ofInt    = "1 I int 4; 2 S B 8 v:1@0; 3 P 2; 4 S A 8 b:3@0"
		ofLong   = "1 I long 8; 2 S B 8 v:1@0; 3 P 2; 4 S A 8 b:3@0"
	)
	for _, tt := range []struct {
		name  string
		units []string
		want  string
	}{
		{"one definition", []string{declared, ofInt}, ofInt},
		{"the one of most units", []string{declared, ofInt, ofLong, ofLong}, "1 I int 4; 2 S B 8 v:1@0; 3 P 2; 4 S A 8 b:3@0; 5 I long 8; 6 S B 8 v:5@0; 7 P 6; 8 S A 8 b:7@0"},
		{"the smaller of equals", []string{ofLong, declared, ofInt}, "1 I int 4; 2 S B 8 v:1@0; 3 P 2; 4 S A 8 b:3@0; 5 I long 8; 6 S B 8 v:5@0; 7 P 6; 8 S A 8 b:7@0"},
		{"no evidence", []string{"1 W B s; 2 P 1; 3 S other 8 b:2@0", ofInt, ofLong}, "1 W B s; 2 P 1; 3 S other 8 b:2@0; 4 I int 4; 5 S B 8 v:4@0; 6 P 5; 7 S A 8 b:6@0; 8 I long 8; 9 S B 8 v:8@0; 10 P 9; 11 S A 8 b:10@0"},
		{"evidence", []string{declared, ofInt, "1 I long 8; 2 S B 8 v:1@0"}, "1 I int 4; 2 S B 8 v:1@0; 3 P 2; 4 S A 8 b:3@0; 5 I long 8; 6 S B 8 v:5@0"},
		{"evidence for the rarer", []string{declared, ofInt, "1 I long 8; 2 S B 8 v:1@0", "1 I long 8; 2 S B 8 v:1@0"}, "1 I int 4; 2 S B 8 v:1@0; 3 P 2; 4 S A 8 b:3@0; 5 I long 8; 6 S B 8 v:5@0"},
		{"hidden behind a declaration", []string{"1 I int 4; 2 S B 8 v:1@0; 3 S C 8 b:2@0", "1 I long 8; 2 S B 8 v:1@0; 3 S C 8 b:2@0; 4 P 3; 5 S user 8 c:4@0", "1 W C s; 2 P 1; 3 S user 8 c:2@0"},
			"1 I int 4; 2 S B 8 v:1@0; 3 S C 8 b:2@0; 4 I long 8; 5 S B 8 v:4@0; 6 S C 8 b:5@0; 7 P 6; 8 S user 8 c:7@0; 9 P 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tables []*Table
			for _, u := range tt.units {
				tables = append(tables, readNote(t, u))
			}
			for range tables {
				blob, err := Merge(tables, false, 1)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := mustRead(t, blob, nil), readNote(t, tt.want); canonical(got) != canonical(want) {
					t.Errorf("got\n%s\nwant\n%s", dumpText(t, got), dumpText(t, want))
				}
				tables = append(tables[1:], tables[0])
			}
		})
	}
}

func TestDedupLoops(t *testing.T) {
	for _, tt := range []struct {
		note    string
		records int // that the error names, 0 for none
	}{
		{"1 P 2; 2 C 1", 2},
		{"1 P 1", 1},
		{"1 T t 1", 1},
		{"1 I int 4; 2 A 2 1 3", 1},
		{"1 A 2 2 3; 2 T a 1", 2},
		{"1 T t 2; 2 P 1", 0},
		{"1 FP 1", 0},
		{"1 S - 8 p:1@0", 0},
		{"1 P 2; 2 S s 8 p:1@0", 0},
		{"1 P 2; 2 C 1; 3 V 4; 4 R 3", 4},
	} {
		_, err := Merge([]*Table{readNote(t, tt.note)}, false, 1)
		var loop *LoopError
		switch errors.As(err, &loop); {
		case loop == nil && (err != nil || tt.records > 0):
			t.Errorf("%q: error %v", tt.note, err)
		case loop != nil && len(loop.Records) != tt.records:
			t.Errorf("%q: %d records in %v", tt.note, len(loop.Records), err)
		case loop != nil && loop.Error() != fmt.Sprintf("type at %#x refers to itself through %d reference types", loop.Records[0], tt.records):
			t.Errorf("%q: %v", tt.note, err)
		}
	}
}

// TestDedupStrings: names are what they say, not where they stand.
func TestDedupStrings(t *testing.T) {
	b := btfnote.New(false)
	if err := b.Add(`1 I int 4; 2 I "long int" 8; 3 I int 4; 4 I "long int" 8; 5 I int 4`); err != nil {
		t.Fatal(err)
	}
	b.Strings = []byte("\x00unused\x00int\x00long int\x00int\x00foo\x00")
	for i, off := range []uint32{8, 12, 21, 12, 17} { // the last is the end of "long int"
		PutU32(b.Types[16*i:], false, off)
	}
	blob, err := Merge([]*Table{mustRead(t, b.Bytes(), nil)}, false, 1)
	if err != nil {
		t.Fatal(err)
	}
	got := mustRead(t, blob, nil)
	if text := dumpText(t, got); text != "1 INT int 4 -\n2 INT \"long int\" 8 -\n" || string(got.Strings()) != "\x00int\x00long int\x00" {
		t.Errorf("got\n%s%q", text, got.Strings())
	}
}

func TestUnitErrors(t *testing.T) {
	layout := append(LayoutSection(false), 4, 8, 0, 0)
	for _, tt := range []struct {
		blob []byte
		want string
	}{
		{noteBlob(t, false, "1 I int 4; 2 P 1 !vlen=3"), "btf+0x28: type 2: PTR: vlen is 3, only 0 means something"},
		{noteBlob(t, false, "1 W f s !word=0; 2 P 1"), ""},
		{noteBlob(t, false, "1 P 0; 2 A 1 1 4 !word=1"), "btf+0x24: type 2: ARRAY: size or type is 1, only 0 means something"},
		{Assemble(false, unhex(t, "00000000 01000014 00000000 00000000 00000000 00000000"), layout, []byte{0}), "btf+0x20: type 1: kind 20 is unknown, its references cannot be followed"},
	} {
		_, err := Merge([]*Table{mustRead(t, tt.blob, nil)}, false, 1)
		switch {
		case tt.want == "" && err != nil, tt.want != "" && (err == nil || err.Error() != tt.want):
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

// TestUnitSplit: the unit of a split blob begins with the types of its base.
func TestUnitSplit(t *testing.T) {
	base := btfnote.New(false)
	if err := base.Add("1 I int 4; 2 P 1"); err != nil {
		t.Fatal(err)
	}
	split := base.Split()
	if err := split.Add("3 I int 4; 4 P 3; 5 S s 8 p:4@0"); err != nil {
		t.Fatal(err)
	}
	blob, err := Merge([]*Table{mustRead(t, split.Bytes(), mustRead(t, base.Bytes(), nil))}, false, 1)
	if err != nil {
		t.Fatal(err)
	}
	if text := dumpText(t, mustRead(t, blob, nil)); text != "1 INT int 4 -\n2 PTR 1\n3 STRUCT s 8 p:2@0\n" {
		t.Errorf("got\n%s", text)
	}
}
