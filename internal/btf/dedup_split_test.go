// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// splitCase is a base, a blob split against it, and what becomes of this with AcceptFwds and with StrictFwds.
type splitCase struct{ name, base, in, accept, strict string }

// same in strict says that the policy makes no difference.
const same = "same"

const fwdBase = "1 I int 4 s; 2 W F s; 3 P 2; 4 S A 8 f:3@0; 5 P 4; 6 S B 8 a:5@0"

var splitCases = []splitCase{
	// The kernel's selftest for libbpf (tools/testing/selftests/bpf/prog_tests/btf_dedup_split.c).
	{"simple", "1 I int 4 s; 2 P 1; 3 S s1 4 f1:1@0; 4 T t1 1", "5 S s2 16 f1:7@0 f2:6@32 f3:2@64; 6 I int 4 s; 7 S s1 4 f1:6@0; 8 T t1 6",
		"5 S s2 16 f1:3@0 f2:1@32 f3:2@64", same},
	{"declared", "1 I int 4; 2 P 4; 3 P 5; 4 S s1 16 f1:2@0 f2:3@64; 5 S s2 4 f1:1@0; 6 S s3 4 f1:1@0",
		"7 I int 4; 8 P 11; 9 W s2 s; 10 P 9; 11 S s1 16 f1:8@0 f2:10@64; 12 W s3 s; 13 P 12", "7 P 6", same},
	{"struct duped", "1 I int 4; 2 P 5; 3 W s2 s; 4 P 3; 5 S s1 16 f1:2@0 f2:4@64",
		"6 I int 4; 7 P 10; 8 W s2 s; 9 P 11; 10 S s1 16 f1:7@0 f2:9@64; 11 S s2 40 f1:7@0 f2:9@64 f3:6@128 f4:10@192; 12 P 8; 13 S s3 8 f1:12@0",
		"6 P 7; 7 S s2 40 f1:2@0 f2:6@64 f3:1@128 f4:5@192; 8 S s3 8 f1:6@0",
		"6 P 8; 7 P 9; 8 S s1 16 f1:6@0 f2:7@64; 9 S s2 40 f1:6@0 f2:7@64 f3:1@128 f4:8@192; 10 S s3 8 f1:7@0"},
	{"copies in one unit", "1 I int 4 s; 2 S s 8 a:3@0 b:3@0; 3 S - 8 f1:1@0 f2:1@32",
		"4 I int 4 s; 5 S s 8 a:6@0 b:7@0; 6 S - 8 f1:4@0 f2:4@32; 7 S - 8 f1:4@0 f2:4@32", "", same},
	// Ours.
	{"S4, completed declaration", fwdBase, "7 S F 4 x:1@0; 8 P 7; 9 S A 8 f:8@0; 10 P 9; 11 S B 8 a:10@0",
		"7 S F 4 x:1@0", "7 S F 4 x:1@0; 8 P 7; 9 S A 8 f:8@0; 10 P 9; 11 S B 8 a:10@0"},
	{"S4, with a function", fwdBase, "7 S F 4 x:1@0; 8 P 7; 9 S A 8 f:8@0; 10 P 9; 11 S B 8 a:10@0; 12 FP 0 f:8 a:10; 13 FN g 12",
		"7 S F 4 x:1@0; 8 P 7; 9 FP 0 f:8 a:5; 10 FN g 9", "7 S F 4 x:1@0; 8 P 7; 9 S A 8 f:8@0; 10 P 9; 11 S B 8 a:10@0; 12 FP 0 f:8 a:10; 13 FN g 12"},
	{"typedef of a completed declaration", "1 W F s; 2 T F_t 1; 3 P 2", "4 S F 4; 5 T F_t 4; 6 P 5; 7 VAR v 6", "4 S F 4; 5 VAR v 3", "4 S F 4; 5 T F_t 4; 6 P 5; 7 VAR v 6"},
	{"pointers to a completed declaration", "1 W F s; 2 P 1; 3 P 2; 4 S A 8 f:3@0", "5 S F 4; 6 P 5; 7 P 6; 8 S A 8 f:7@0", "5 S F 4", "5 S F 4; 6 P 5; 7 P 6; 8 S A 8 f:7@0"},
	{"completed, and used by one of two", "1 W F s; 2 P 1; 3 P 2; 4 S A 8 f:3@0", "5 S F 4; 6 P 5; 7 P 6; 8 S A 8 f:7@0; 9 VAR v 6", "5 S F 4; 6 P 5; 7 VAR v 6", "5 S F 4; 6 P 5; 7 P 6; 8 S A 8 f:7@0; 9 VAR v 6"},
	{"only declared here, completed behind it", "1 W F s; 2 P 1; 3 S V 8 f:2@0; 4 P 3; 5 S H 8 v:4@0", "6 S F 4; 7 W V s; 8 P 7; 9 S H 8 v:8@0; 10 VAR h 9", "6 S F 4; 7 VAR h 5", same},
	{"declaration of the base stays", "1 W F s; 2 P 1", "3 W F s; 4 P 3; 5 VAR v 4", "3 VAR v 2", same},
	{"E1, enum without values", "1 E e 4; 2 S s 4 m:1@0", "3 E e 4 v=1; 4 S s 4 m:3@0; 5 VAR q 3", "3 E e 4 v=1; 4 VAR q 3", same},
	{"enum declared here", "1 E e 4 v=1; 2 P 1", "3 E e 4; 4 P 3; 5 VAR v 4", "3 VAR v 2", same},
	{"prototype", "1 I int 4 s; 2 P 1; 3 FP 1 a:2; 4 FN f 3", "5 I int 4 s; 6 P 5; 7 FP 5 a:6; 8 FP 5 b:6; 9 FN f 7; 10 FN h 8", "5 FP 1 b:2; 6 FN f 3; 7 FN h 5", same},
	{"everything without a name", "1 I int 4 s; 2 C 1; 3 V 2; 4 R 3; 5 A 4 1 2; 6 TT t 5; 7 P 6; 8 DT d 9; 9 S s 4 x:1@0",
		"10 I int 4 s; 11 C 10; 12 V 11; 13 R 12; 14 A 13 10 2; 15 TT t 14; 16 P 15; 17 DT d 18; 18 S s 4 x:10@0; 19 DT e 18; 20 TT u 14; 21 A 13 10 3", "10 DT e 9; 11 TT u 5; 12 A 4 1 3", same},
	{"anonymous", "1 I int 4 s; 2 E - 4 A=1 B=2; 3 S - 4 x:1@0; 4 U - 4 x:1@0; 5 S - 4; 6 S - 4 -:4@0", "7 I int 4 s; 8 E - 4 A=1 B=2; 9 S - 4 x:7@0; 10 U - 4 x:7@0; 11 S - 4; 12 S - 4 -:10@0; 13 E - 4 A=1 B=3; 14 S - 4 y:7@0",
		"7 E - 4 A=1 B=3; 8 S - 4 y:1@0", same},
	{"second definition", "1 I int 4 s; 2 S T 4 x:1@0; 3 P 2; 4 S u 8 t:3@0; 5 S T 8 x:1@0 y:1@32; 6 P 5; 7 S u 8 t:6@0",
		"8 I int 4 s; 9 S T 8 x:8@0 y:8@32; 10 P 9; 11 S u 8 t:10@0; 12 VAR v 11; 13 VAR p 10", "8 VAR v 7; 9 VAR p 6", same},
	{"third definition", "1 I int 4 s; 2 S T 4 x:1@0; 3 P 2; 4 S u 8 t:3@0; 5 S T 8 x:1@0 y:1@32; 6 P 5; 7 S u 8 t:6@0",
		"8 I int 4 s; 9 S T 4 z:8@0; 10 P 9; 11 S u 8 t:10@0", "8 S T 4 z:1@0; 9 P 8; 10 S u 8 t:9@0", same},
	{"definitions told apart further on", "1 I int 4 s; 2 S T 4 x:1@0; 3 P 2; 4 S u 8 t:3@0; 5 P 4; 6 S w 8 u:5@0; 7 S T 8 x:1@0; 8 P 7; 9 S u 8 t:8@0; 10 P 9; 11 S w 8 u:10@0",
		"12 I int 4 s; 13 S T 8 x:12@0; 14 P 13; 15 S u 8 t:14@0; 16 P 15; 17 S w 8 u:16@0; 18 VAR v 17", "12 VAR v 11", same},
	{"references to either definition", "1 I int 4 s; 2 S T 4 x:1@0; 3 P 2; 4 S T 8 x:1@0; 5 P 4; 6 W T s", "7 VAR a 3; 8 VAR b 5; 9 P 3; 10 C 5", "7 VAR a 3; 8 VAR b 5; 9 P 3; 10 C 5", same},
	{"other definition", "1 I int 4 s; 2 S T 4 x:1@0; 3 P 2; 4 S u 8 t:3@0", "5 I int 4 s; 6 S T 8 x:5@0; 7 P 6; 8 S u 8 t:7@0; 9 VAR v 4", "5 S T 8 x:1@0; 6 P 5; 7 S u 8 t:6@0; 8 VAR v 4", same},
	{"struct for union", "1 I int 4 s; 2 S T 4 x:1@0", "3 I int 4 s; 4 U T 4 x:3@0; 5 W T s; 6 P 5", "3 U T 4 x:1@0; 4 P 2", same},
	{"functions and variables", "1 I int 4 s; 2 VAR v 1; 3 FP 0; 4 FN f 3; 5 DS .data 4 2:0:4; 6 DT d 4", "7 VAR v 1; 8 FN f 3; 9 DS .data 4 7:0:4; 10 DT d 8", "7 VAR v 1; 8 FN f 3; 9 DS .data 4 7:0:4; 10 DT d 8", same},
	{"recursive typedef", "1 T t 2; 2 P 1", "3 T t 4; 4 P 3; 5 VAR v 4", "3 VAR v 2", same},
	{"typedef name and tag", "1 I int 4 s; 2 T n 1; 3 S n 4 x:1@0", "4 I int 4 s; 5 T n 6; 6 S n 4 x:4@0; 7 S o 4 x:4@0; 8 T o 7", "4 T n 3; 5 S o 4 x:1@0; 6 T o 5", same},
}

func TestSplitCases(t *testing.T) {
	for _, tt := range splitCases {
		if tt.strict == same {
			tt.strict = tt.accept
		}
		for _, big := range []bool{false, true} {
			for policy, want := range []string{tt.accept, tt.strict} {
				tables := noteChain(t, big, tt.base, tt.in)
				base := NewBase(tables[0])
				blob, err := MergeSplit(base, tables[1:], FwdPolicy(policy), 1)
				if err != nil {
					t.Fatalf("%s: %v", tt.name, err)
				}
				got := mustRead(t, blob, tables[0])
				if text, want := dumpText(t, got), dumpText(t, topOf(noteChain(t, big, tt.base, want))); text != want {
					t.Errorf("%s, policy %d: got\n%s\nwant\n%s", tt.name, policy, text, want)
				}
				if whole := splitWhole(t, base, tables[1:], FwdPolicy(policy)); !bytes.Equal(whole, blob) {
					t.Errorf("%s, policy %d: with the whole base\n%s", tt.name, policy, dumpText(t, mustRead(t, whole, tables[0])))
				}
				again, err := MergeSplit(base, []*Table{got}, FwdPolicy(policy), 1)
				if err != nil || !bytes.Equal(again, blob) {
					t.Errorf("%s, policy %d: not idempotent: %v", tt.name, policy, err)
				}
			}
		}
	}
}

// TestMergeSplits: the vector "merge two splits" of the kernel's selftest.
func TestMergeSplits(t *testing.T) {
	a := noteChain(t, false, "1 I int 4 s; 2 P 1", "3 S s1 4 x:1@0; 4 P 3; 5 T int_alias 1")
	b := mustRead(t, topOf(noteChain(t, false, "1 I int 4 s; 2 P 1", "3 T int_ptr 2; 4 S s2 8 p:3@0; 5 T int_alias 1")).Data(), a[0])
	base := NewBase(a[0])
	blob, err := MergeSplit(base, []*Table{a[1], b}, AcceptFwds, 2)
	if err != nil {
		t.Fatal(err)
	}
	want := "3 STRUCT s1 4 x:1@0\n4 PTR 3\n5 TYPEDEF int_alias 1\n6 TYPEDEF int_ptr 2\n7 STRUCT s2 8 p:6@0\n"
	if text := dumpText(t, mustRead(t, blob, a[0])); text != want {
		t.Errorf("got\n%s", text)
	}
}

func TestMergeSplitErrors(t *testing.T) {
	for _, tt := range []struct{ base, in, want string }{
		{"1 FP 0; 2 FN f 1", "3 DT d 2", "btf+0x24: type 2: FUNC of the base is referred to from outside"},
		{"1 P 0 !vlen=3", "2 VAR v 1", "btf+0x18: type 1: PTR: vlen is 3, only 0 means something"},
		{"1 P 0 !vlen=3; 2 S s 8 p:1@0", "3 S s 8", "btf+0x18: type 1: PTR: vlen is 3, only 0 means something"},
		{"1 S s 8 p:2@0; 2 P 2", "3 S s 8", "btf+0x30: type 2: refers to itself through 1 reference types"},
		{"1 I int 4", "2 P 2", "type at 0x1 refers to itself through 1 reference types"},
		{"1 P 0 !vlen=3", "2 I int 4", ""},
	} {
		tables := noteChain(t, false, tt.base, tt.in)
		blob, err := MergeSplit(NewBase(tables[0]), tables[1:], AcceptFwds, 1)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || blob != nil || err.Error() != tt.want) {
			t.Errorf("%q on %q: error %v", tt.in, tt.base, err)
		}
	}
	a := noteChain(t, false, "1 I int 4", "2 P 1")
	if _, err := MergeSplit(NewBase(mustRead(t, a[0].Data(), nil)), a[1:], AcceptFwds, 1); err == nil || err.Error() != "btf+0x0: blob is split against another base than the one to merge it with" {
		t.Errorf("other base: %v", err)
	}
}

// TestSplitStrings: a string that the base has is the base's, any other comes in the order of first use.
func TestSplitStrings(t *testing.T) {
	tables := noteChain(t, false, "1 I int 4 s; 2 S s1 4 alpha:1@0", "3 S own 8 beta:1@0 alpha:1@32; 4 E e 4 gamma=1 s1=2; 5 VAR beta 1")
	blob, err := MergeSplit(NewBase(tables[0]), tables[1:], AcceptFwds, 1)
	if err != nil {
		t.Fatal(err)
	}
	got := mustRead(t, blob, tables[0])
	if s := string(got.Strings()); s != "own\x00beta\x00e\x00gamma\x00" {
		t.Errorf("strings %q", s)
	}
	if text, want := dumpText(t, got), dumpText(t, tables[1]); text != want {
		t.Errorf("got\n%s", text)
	}
}

// TestSplitSameNames: two NameIDs for one string are found out also where the type that has them is the base's.
func TestSplitSameNames(t *testing.T) {
	base := NewBase(readNote(t, "1 I int 4 s"))
	names := namesList{"int", "int"}
	d := NewSplitDedup(base, names, 2, 1, AcceptFwds)
	w := d.NewWorker()
	for n := range uint32(2) {
		u := unitOf(1, func(u *Unit, i uint32, r *Record) { r.Kind, r.Size, r.Aux, r.Name = KindInt, 4, 1, NameID(n+1) })
		u.Base = uint64(n)
		if _, err := w.Add(int(n), u); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Resolve(nil); !errors.Is(err, ErrSameNames) {
		t.Errorf("error %v", err)
	}
}

// namesList has names by ID, from 1 on.
type namesList []string

func (n namesList) Name(id NameID) []byte { return []byte(n[id-1]) }

// TestSplitBaseStyle: what a base says of arrays and enums.
func TestSplitBaseStyle(t *testing.T) {
	many := strings.Repeat("P 0;", manyTypes)
	for _, tt := range []struct {
		base         string
		nested, wide bool
	}{
		{"1 I int 4 s", true, true},
		{"1 I int 4 s; 2 A 1 1 3;" + many, false, false},
		{"1 I int 4 s; 2 A 1 1 3; 3 A 2 1 2;" + many, true, false},
		{"1 I int 4 s; 2 A 1 1 3; 3 T a 2; 4 A 3 1 2; 5 E64 e 8 v=1;" + many, false, true},
	} {
		b := NewBase(readNote(t, tt.base))
		if b.NestedArrays() != tt.nested || b.UsesEnum64() != tt.wide {
			t.Errorf("%.60s: nested %v, enum64 %v", tt.base, b.NestedArrays(), b.UsesEnum64())
		}
	}
}

// TestSplitOfSplit: a base may itself be split.
func TestSplitOfSplit(t *testing.T) {
	tables := noteChain(t, false, "1 I int 4 s; 2 S a 4 x:1@0", "3 P 2; 4 S b 8 a:3@0", "5 I int 4 s; 6 S a 4 x:5@0; 7 P 6; 8 S b 8 a:7@0; 9 P 8")
	blob, err := MergeSplit(NewBase(tables[1]), tables[2:], AcceptFwds, 1)
	if err != nil {
		t.Fatal(err)
	}
	if text := dumpText(t, mustRead(t, blob, tables[1])); text != "5 PTR 4\n" {
		t.Errorf("got\n%s", text)
	}
}

func TestBaseMisses(t *testing.T) {
	const base = "1 I int 4 s; 2 P 1; 3 S s 16 a:1@0 b:2@64; 4 P 3; 5 S u 8 s:4@0; 6 S - 8 x:1@0 y:1@32; 7 S n 16 in:6@0 c:1@64; 8 A 1 1 3; 9 S arr 16 m:8@0; 10 S k 4 kf m:1@0:3; 11 U un 4 m:1@0; 12 W fw s; 13 P 12; 14 S hf 8 p:13@0"
	for _, tt := range []struct {
		in     string
		policy FwdPolicy
		want   []string
	}{
		{"15 I int 4 s; 16 P 15; 17 S s 16 a:15@0 b:16@64", AcceptFwds, nil},
		{"15 I int 4 s; 16 P 15; 17 S s 24 a:15@0 b:16@64", AcceptFwds, []string{"struct s: size 24 bytes, 16 in the base"}},
		{"15 I int 4 s; 16 P 15; 17 S s 16 a:15@0", AcceptFwds, []string{"struct s: 1 members, 2 in the base"}},
		{"15 I int 4 s; 16 P 15; 17 S s 16 a:15@0 c:16@64", AcceptFwds, []string{`struct s: member 1 "c", "b" in the base`}},
		{"15 I int 4 s; 16 P 15; 17 S s 16 a:15@32 b:16@64", AcceptFwds, []string{`struct s: member 0 "a": offset 32 bits, 0 in the base`}},
		{"15 I int 4 s; 16 P 15; 17 S s 16 a:15@0 b:15@64", AcceptFwds, []string{`struct s: member 1 "b": int, int * in the base`}},
		{"15 I int 4 s; 16 S k 4 kf m:15@0:4", AcceptFwds, []string{`struct k: member 0 "m": bitfield of 4 bits, 3 in the base`}},
		{"15 I int 4 s; 16 A 15 15 4; 17 S arr 16 m:16@0", AcceptFwds, []string{`struct arr: member 0 "m": int[4], int[3] in the base`}},
		{"15 I int 4 s; 16 S - 8 x:15@0 z:15@32; 17 S n 16 in:16@0 c:15@64", AcceptFwds, []string{`struct n: member 0 "in": member 1 "z", "y" in the base`}},
		{"15 I int 4 s; 16 P 17; 17 S s 24 a:15@0; 18 P 17; 19 S u 8 s:18@0; 20 U un 8 m:15@0", AcceptFwds,
			[]string{"struct s: size 24 bytes, 16 in the base", "union un: size 8 bytes, 4 in the base", `struct u: member 0 "s": struct s * leads to other types in the base`}},
		{"15 S s 24; 16 S u 16; 17 S n 0; 18 S arr 0", AcceptFwds, []string{"struct s: size 24 bytes, 16 in the base", "struct u: size 16 bytes, 8 in the base", "struct n: size 0 bytes, 16 in the base", "struct arr: "}},
		{"15 S fw 4; 16 P 15; 17 S hf 8 p:16@0", AcceptFwds, nil},
		{"15 S fw 4; 16 P 15; 17 S hf 8 p:16@0", StrictFwds, nil},
		{"15 U s 4; 16 S un 4; 17 T s 15; 18 S own 4", AcceptFwds, nil},
	} {
		tables := noteChain(t, false, base, tt.in)
		d, err := mergeSplit(NewBase(tables[0]), tables[1:], tt.policy, false)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range d.BaseMisses(3) {
			got = append(got, m.Name+": "+m.Text)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q: %s", tt.in, diff)
		}
	}
}
