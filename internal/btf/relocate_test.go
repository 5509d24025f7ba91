// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// relocated is what one mode makes of a case: the targets of the types of the base, then the texts,
// one for each type that has one. A target of 0 makes it an error.
type relocated struct {
	ids   []ID
	texts []string
}

func onto(ids ...ID) relocated                 { return relocated{ids: ids} }
func (o relocated) says(s ...string) relocated { o.texts = s; return o }

// relocateCase is a row of the vectors. base and split may use the uses below.
type relocateCase struct {
	name, base, split, target string
	kernel, strict            relocated
}

// The uses that a split blob makes of type 1 of a base with one type.
const (
	usePtr    = "2 P 1"
	useConst  = "2 C 1"
	useMember = "2 S own 64 m:1@0"
	useArray  = "2 I idx 8; 3 A 1 2 2; 4 C 3; 5 U own 64 m:4@0"
	useValue  = "2 FP 0 p:1; 3 VAR v 1"
)

var relocateCases = []relocateCase{
	{"Y1", "W F s", usePtr, "I int 4 s; S F 4 x:1@0", onto(2), onto(2)},
	{"Y2", "W F s", usePtr, "I int 4 s; S F 4 kf x:1@0:3",
		onto(0).says("forward struct F: forward struct in the distilled base, the target has struct of size 4 with bitfields (type 2)"), onto(2)},
	{"Y3", "W F u", usePtr, "I int 4 s; U F 4 x:1@0",
		onto(0).says("forward union F: forward union in the distilled base, the target has union of size 4 (type 2)"), onto(2)},
	{"Y4", "W F u", usePtr, "I int 4 s; S F 4 x:1@0",
		onto(2).says("forward union F: the kernel takes a struct of the target (type 2) for it"),
		onto(0).says("forward union F: forward union in the distilled base, the target has struct of size 4 (type 2)")},
	{"Y5", "W F s", usePtr, "I int 4 s; U F 4 kf x:1@0:3",
		onto(2).says("forward struct F: the kernel takes a union of the target (type 2) for it"),
		onto(0).says("forward struct F: forward struct in the distilled base, the target has union of size 4 with bitfields (type 2)")},
	{"Y6", "S F 4", usePtr, "W F s; S F 4",
		onto(0).says("struct F: struct of size 4 in the distilled base, several types of the target fit: forward struct (type 1), struct of size 4 (type 2)"), onto(2)},
	{"Y7", "S F 4", usePtr, "W F s", onto(1).says("struct F: the target has a forward declaration only"),
		onto(1).says("struct F: the target has a forward declaration only")},
	{"Y8", "S F 4", usePtr, "U F 4", onto(1).says("struct F: the kernel takes a union of the target (type 1) for it"),
		onto(0).says("struct F: struct of size 4 in the distilled base, the target has union of size 4 (type 1)")},
	{"Y9", "S F 4", usePtr, "E F 4 a=1", onto(1).says("struct F: the kernel takes an enum of the target (type 1) for it"),
		onto(0).says("struct F: struct of size 4 in the distilled base, the target has enum of size 4 (type 1)")},
	{"Y10", "S F 4", useMember, "S F 8; S F 4", onto(2), onto(2)},
	{"Y11", "S F 4", usePtr, "S F 40", onto(1).says("struct F: size 4 in the distilled base, 40 in the target, but own types only point to it"),
		onto(1).says("struct F: size 4 in the distilled base, 40 in the target, but own types only point to it")},
	{"Y12", "S F 4", usePtr, "S F 40; S F 48",
		onto(0).says("struct F: struct of size 4 in the distilled base, the target has struct of size 40 (type 1), struct of size 48 (type 2)"),
		onto(0).says("struct F: struct of size 4 in the distilled base, several types of the target fit: struct of size 40 (type 1), struct of size 48 (type 2)")},
	{"Y13", "S F 4", usePtr, "S F 4; U F 4",
		onto(0).says("struct F: struct of size 4 in the distilled base, several types of the target fit: struct of size 4 (type 1), union of size 4 (type 2)"), onto(1)},
	{"Y14", "E e 8", useConst, "E64 e 8", onto(1), onto(1)},
	{"Y15", "E e 4", useConst, "E64 e 8", onto(0).says("enum e: enum of size 4 in the distilled base, the target has enum of size 8 (type 1)"),
		onto(0).says("enum e: enum of size 4 in the distilled base, the target has enum of size 8 (type 1)")},
	{"Y16", "S F 4", useValue, "S F 8",
		onto(1).says("struct F: size 4 in the distilled base, 8 in the target, and own functions or variables have it by value"),
		onto(1).says("struct F: size 4 in the distilled base, 8 in the target, and own functions or variables have it by value")},
	{"Y17", "S F 4", useArray, "S F 8", onto(0).says("struct F: size 4 in the distilled base, 8 in the target, and it is embedded in own types"),
		onto(0).says("struct F: size 4 in the distilled base, 8 in the target, and it is embedded in own types")},
	{"Y18", "I int 4 s", usePtr, "I int 4 -",
		onto(0).says("integer int: signed integer of size 4 in the distilled base, the target has unsigned integer of size 4 (type 1)"),
		onto(0).says("integer int: signed integer of size 4 in the distilled base, the target has unsigned integer of size 4 (type 1)")},
	{"Y19", "I int 4 s", usePtr, "I int 4 -; I int 4 s", onto(2), onto(2)},
	{"Y20", "F double 8", usePtr, "F double 8", onto(1), onto(1)},
	{"Y21", "S F 4; S F 8", "3 P 1; 4 P 2", "S F 16",
		onto(1, 1).says("struct F: size 4 in the distilled base, 16 in the target, but own types only point to it",
			"struct F: struct of size 8 in the distilled base, type 1 of the target stands for it and for type 1 of the base, struct of size 4"),
		onto(1, 1).says("struct F: size 4 in the distilled base, 16 in the target, but own types only point to it",
			"struct F: struct of size 8 in the distilled base, type 1 of the target stands for it and for type 1 of the base, struct of size 4")},

	{"upstream multi", "I int 4 s; I int 8 s", "3 P 1; 4 C 2", "I int 4 s; I int 8 s", onto(1, 2), onto(1, 2)},
	{"upstream missing", "I int 4 s; I int 8 s", "3 P 1; 4 C 2", "I int 4 s", onto(1, 0).says("integer int: size 8 in the distilled base, 4 in the target"),
		onto(1, 0).says("integer int: size 8 in the distilled base, 4 in the target")},
	{"upstream multi err", "I int 4 s; I int 4 s", "3 P 1; 4 C 2", "I int 4 s; I int 4 s",
		onto(0, 0).says("integer int: signed integer of size 4 in the distilled base, several types of the target fit: signed integer of size 4 (type 1), signed integer of size 4 (type 2)",
			"integer int: signed integer of size 4 in the distilled base, several types of the target fit: signed integer of size 4 (type 1), signed integer of size 4 (type 2)"),
		onto(1, 1).says("integer int: signed integer of size 4 in the distilled base, type 1 of the target stands for it and for type 1 of the base, signed integer of size 4")},
	{"upstream multi err 2", "I int 4 s", usePtr, "I int 4 s; I int 4 s",
		onto(0).says("integer int: signed integer of size 4 in the distilled base, several types of the target fit: signed integer of size 4 (type 1), signed integer of size 4 (type 2)"), onto(1)},
	{"upstream embedded err", "S s1 4", "2 S with_embedded 8 e1:1@0", "I int 4; S s1 8 f1:1@0",
		onto(0).says("struct s1: size 4 in the distilled base, 8 in the target, and it is embedded in own types"),
		onto(0).says("struct s1: size 4 in the distilled base, 8 in the target, and it is embedded in own types")},

	{"nothing of the name", "S F 4", usePtr, "I int 4 s; T F 1; FP 0; FN F 3; VAR F 1",
		onto(0).says("struct F: the target has no type of this name"), onto(0).says("struct F: the target has no type of this name")},
	{"prefix of a name", "S F 4", usePtr, "S FF 4; S - 4; S F 4", onto(3), onto(3)},
	{"several sizes, one fits", "S F 4", usePtr, "S F 40; S F 4; S F 48", onto(2), onto(2)},
	{"union counts for the size", "S F 4", usePtr, "S F 40; U F 48",
		onto(0).says("struct F: struct of size 4 in the distilled base, the target has struct of size 40 (type 1), union of size 48 (type 2)"),
		onto(1).says("struct F: size 4 in the distilled base, 40 in the target, but own types only point to it")},
	{"enum for enum of its size only", "E e 4", useConst, "E e 8; E64 e 4; E e 2", onto(2), onto(2)},
	{"float", "F f 4", useConst, "I f 4; F f 8", onto(0).says("float f: float of size 4 in the distilled base, the target has unsigned integer of size 4 (type 1), float of size 8 (type 2)"),
		onto(0).says("float f: float of size 4 in the distilled base, the target has unsigned integer of size 4 (type 1), float of size 8 (type 2)")},
	{"FWD to FWD", "W F s; W F u", "3 P 1; 4 P 2", "W F u; W F s", onto(2, 1), onto(2, 1)},
	{"FWD, definition and FWD", "W F s", usePtr, "W F s; S F 4",
		onto(0).says("forward struct F: forward struct in the distilled base, several types of the target fit: forward struct (type 1), struct of size 4 (type 2)"), onto(2)},
	{"FWD, several definitions", "W F s", usePtr, "S F 4; S F 8",
		onto(0).says("forward struct F: forward struct in the distilled base, the target has struct of size 4 (type 1), struct of size 8 (type 2)"),
		onto(0).says("forward struct F: forward struct in the distilled base, several types of the target fit: struct of size 4 (type 1), struct of size 8 (type 2)")},
	{"FWD, several definitions and FWD", "W F s", usePtr, "S F 4; S F 8; W F s", onto(3), onto(3)},
	{"FWD, several definitions of size 0", "W F s", usePtr, "S F 0; S F 8", onto(1),
		onto(0).says("forward struct F: forward struct in the distilled base, several types of the target fit: struct of size 0 (type 1), struct of size 8 (type 2)")},
	{"embedded, FWD only", "S F 4", useMember, "W F s", onto(0).says("struct F: struct of size 4, embedded in own types, in the distilled base, the target has forward struct (type 1)"),
		onto(0).says("struct F: struct of size 4, embedded in own types, in the distilled base, the target has forward struct (type 1)")},
	{"embedded, of size 0, FWD only", "S F 0", useMember, "W F s", onto(1).says("struct F: the target has a forward declaration only"),
		onto(0).says("struct F: struct of size 0, embedded in own types, in the distilled base, the target has forward struct (type 1)")},
	{"embedded behind modifiers", "U F 4", "2 I i 8; 3 C 1; 4 V 3; 5 A 4 2 1; 6 R 5; 7 T t 6; 8 TT tt 7; 9 A 8 2 1; 10 S own 64 m:9@0", "U F 8",
		onto(0).says("union F: size 4 in the distilled base, 8 in the target, and it is embedded in own types"),
		onto(0).says("union F: size 4 in the distilled base, 8 in the target, and it is embedded in own types")},
	{"pointer in a member", "U F 4", "2 P 1; 3 S own 64 m:2@0", "U F 8", onto(1).says("union F: size 4 in the distilled base, 8 in the target, but own types only point to it"),
		onto(1).says("union F: size 4 in the distilled base, 8 in the target, but own types only point to it")},
	{"embedded in an own one only", "S F 4", "2 S own 4 p:3@0; 3 P 1", "S F 8", onto(1).says("struct F: size 4 in the distilled base, 8 in the target, but own types only point to it"),
		onto(1).says("struct F: size 4 in the distilled base, 8 in the target, but own types only point to it")},
	{"identical in structure", "S F 8", useMember, "I int 4; S F 8 a:4@0; S F 8 a:5@0; P 2; P 3",
		onto(0).says("struct F: struct of size 8 in the distilled base, several types of the target fit: struct of size 8 (type 2), struct of size 8 (type 3)"), onto(2)},
	{"different below the surface", "S F 8", useMember, "I int 4; S F 8 a:4@0; S F 8 a:5@0; P 6; P 7; A 1 1 2; A 1 1 3",
		onto(0).says("struct F: struct of size 8 in the distilled base, several types of the target fit: struct of size 8 (type 2), struct of size 8 (type 3)"),
		onto(0).says("struct F: struct of size 8 in the distilled base, several types of the target fit: struct of size 8 (type 2), struct of size 8 (type 3)")},
	{"identical, of another size", "S F 4", usePtr, "I int 4; S F 8 a:1@0; S F 8 a:1@0",
		onto(0).says("struct F: struct of size 4 in the distilled base, the target has struct of size 8 (type 2), struct of size 8 (type 3)"),
		onto(2).says("struct F: size 4 in the distilled base, 8 in the target, but own types only point to it")},
	{"long list", "S F 4", usePtr, "S F 5; S F 6; S F 7; S F 8; S F 9; S F 10",
		onto(0).says("struct F: struct of size 4 in the distilled base, the target has struct of size 5 (type 1), struct of size 6 (type 2), struct of size 7 (type 3), struct of size 8 (type 4) and 2 more"),
		onto(0).says("struct F: struct of size 4 in the distilled base, several types of the target fit: struct of size 5 (type 1), struct of size 6 (type 2), struct of size 7 (type 3), struct of size 8 (type 4) and 2 more")},
	{"nothing in the base", "", "T own 0", "I int 4 s", onto(), onto()},
}

func TestRelocateMatches(t *testing.T) {
	for _, tt := range relocateCases {
		for _, big := range []bool{false, true} {
			for mode, want := range map[RelocateMode]relocated{RelocateKernel: tt.kernel, RelocateStrict: tt.strict} {
				name := fmt.Sprintf("%s, mode %d, big %v", tt.name, mode, big)
				split := topOf(noteChain(t, big, tt.base, tt.split))
				target := topOf(noteChain(t, big, tt.target))
				r, err := Relocate(split, target, mode)
				checkVerdict(t, name, r, err, want)
				if r != nil {
					checkRelocated(t, name, split, target, r)
				}
			}
		}
	}
}

// checkVerdict compares result and error with what a case says.
func checkVerdict(t *testing.T, name string, r *Relocated, err error, want relocated) {
	t.Helper()
	var matches []Match
	var re *RelocateError
	switch {
	case r != nil && err == nil:
		matches = r.Matches
	case r == nil && errors.As(err, &re):
		matches = re.Matches
	default:
		t.Errorf("%s: result %v, error %v", name, r, err)
		return
	}
	got := relocated{}
	failed, first := 0, ""
	for i, m := range matches {
		if m.ID != ID(i+1) {
			t.Errorf("%s: match %d is for type %d", name, i, m.ID)
		}
		if m.Target != 0 && !slices.Contains(m.Candidates, m.Target) || !slices.IsSorted(m.Candidates) {
			t.Errorf("%s: type %d: target %d of candidates %d", name, m.ID, m.Target, m.Candidates)
		}
		if m.Target == 0 {
			if failed++; failed == 1 {
				first = m.Text
			}
		}
		got.ids = append(got.ids, m.Target)
		if m.Text != "" {
			got.texts = append(got.texts, m.Text)
		}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(relocated{})); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
	if failed > 1 {
		first = fmt.Sprintf("%s (and %d more)", first, failed-1)
	}
	if (failed > 0) != (err != nil) || err != nil && err.Error() != first {
		t.Errorf("%s: error %v, want %q", name, err, first)
	}
}

// checkRelocated makes sure that own types are what they were, with IDs as the map says.
func checkRelocated(tb testing.TB, name string, split, target *Table, r *Relocated) {
	tb.Helper()
	got := mustRead(tb, r.Split, target)
	if len(r.IDs) != split.NumIDs() || r.IDs[0] != 0 || got.NumIDs()-int(got.FirstID()) != split.NumIDs()-int(split.FirstID()) {
		tb.Fatalf("%s: %d IDs for %d, %d types", name, len(r.IDs), split.NumIDs(), got.NumIDs())
	}
	if got.HeaderLen() != split.HeaderLen() || got.Big() != split.Big() {
		tb.Errorf("%s: header of %d bytes, big %v", name, got.HeaderLen(), got.Big())
	}
	for id := ID(1); int(id) < split.NumIDs(); id++ {
		to := r.IDs[id]
		if !bytes.Equal(split.Name(id), got.Name(to)) {
			tb.Errorf("%s: type %d %q becomes %d %q", name, id, split.Name(id), to, got.Name(to))
		}
		if id < split.FirstID() {
			if to != r.Matches[id-1].Target {
				tb.Errorf("%s: type %d becomes %d, its target is %d", name, id, to, r.Matches[id-1].Target)
			}
			continue
		}
		if to != got.FirstID()+id-split.FirstID() || content(split, id) != content(got, to) {
			tb.Errorf("%s: own type %d becomes %d, first ones are %d and %d", name, id, to, split.FirstID(), got.FirstID())
		}
		refs := refsOf(split, id)
		for i, ref := range refsOf(got, to) {
			if ref != r.IDs[refs[i]] {
				tb.Errorf("%s: type %d refers to %d, which is %d now: got %d", name, id, refs[i], r.IDs[refs[i]], ref)
			}
		}
	}
}

// TestRelocateDistilled distills, and goes back to the same base.
func TestRelocateDistilled(t *testing.T) {
	for _, tt := range []struct {
		name  string
		base  []string
		split string
		want  string
	}{
		{"upstream", []string{upstreamBase}, upstreamSplit, upstreamRelocated},
		{"upstream multi", []string{"I int 4 s; I int 8 s"}, "3 P 1; 4 C 2", "3 P 1; 4 C 2"},
		{"X1", []string{chainBase}, chainSplit, `14 S mine 32 a:18@0 b:19@64 c:21@128 d:24@192; 15 T __u32 1; 16 T u32 15; 17 S - 4 c:16@0
			18 T atomic_t 17; 19 P 6; 20 TT user 6; 21 P 20; 22 P 10; 23 FP 1 p:19 q:22; 24 P 23`},
		{"X2", []string{"I int 4"}, "E e 4 a=1", "2 E e 4 a=1"},
		{"X6", []string{"I int 4; S file 8 x:1@0"}, "3 P 2; 4 S m 12 file:3@0 int:1@64", "3 P 2; 4 S m 12 file:3@0 int:1@64"},
		{"X8, L9", []string{"I int 4; S A 4 x:1@0", "3 S B 8 a:2@0; 4 T tb 3"}, "5 P 3; 6 P 4; 7 P 2", "5 P 3; 6 P 8; 7 P 2; 8 T tb 3"},
	} {
		for _, big := range []bool{false, true} {
			for _, mode := range []RelocateMode{RelocateKernel, RelocateStrict} {
				in := noteChain(t, big, append(tt.base[:len(tt.base):len(tt.base)], tt.split)...)
				d, err := Distill(topOf(in))
				if err != nil {
					t.Fatalf("%s: %v", tt.name, err)
				}
				target := topOf(in).Base()
				r, err := Relocate(readDistilled(t, d), target, mode)
				if err != nil {
					t.Errorf("%s, mode %d: %v", tt.name, mode, err)
					continue
				}
				want := topOf(noteChain(t, big, append(tt.base[:len(tt.base):len(tt.base)], tt.want)...))
				if diff := cmp.Diff(dumpText(t, want), dumpText(t, mustRead(t, r.Split, target))); diff != "" {
					t.Errorf("%s, mode %d, big %v (-want +got):\n%s", tt.name, mode, big, diff)
				}
				// Old IDs of own types lead back to themselves.
				for id := topOf(in).FirstID(); int(id) < topOf(in).NumIDs(); id++ {
					if back := r.IDs[d.IDs[id]]; back != id {
						t.Errorf("%s: own type %d comes back as %d", tt.name, id, back)
					}
				}
			}
		}
	}
}

func TestRelocateErrors(t *testing.T) {
	target := readNote(t, "I int 4 s")
	onInt := func(base, split string) *Table { return topOf(noteChain(t, false, base, split)) }
	good := onInt("I int 4 s", "P 1")
	strange := Assemble(false, unhex(t, "00000000 00000014 00000000"), append(LayoutSection(false), 0, 0, 0, 0), nil)
	var modifiers strings.Builder
	for id := range maxContained {
		fmt.Fprintf(&modifiers, "; C %d", id+3)
	}
	for _, tt := range []struct {
		name          string
		split, target *Table
		err           string
	}{
		{"not split", target, readNote(t, "I int 4 s"), "btf+0x0: blob is not split, it has no base to relocate from"},
		{"no target", good, nil, "btf+0x0: no target other than the base the blob is on"},
		{"Y22", good, good.Base(), "btf+0x0: no target other than the base the blob is on"},
		{"chain", topOf(noteChain(t, false, "I int 4 s", "I x 4", "P 1")), target, "btf+0x0: base is split itself: it is no distilled base"},
		{"byte order", good, topOf(noteChain(t, true, "I int 4 s")), "btf+0x0: byte order is little-endian, that of the target is big-endian"},
		{"Y23 TYPEDEF", onInt("I int 4 s; T t 1", "P 1"), target, "btf+0x28: type 2: TYPEDEF t: a distilled base holds no TYPEDEF"},
		{"Y23 ENUM64", onInt("E64 e 8", "P 1"), target, "btf+0x18: type 1: enum e: a distilled base holds no ENUM64"},
		{"Y23 PTR", onInt("I int 4 s; P 1", "P 1"), target, "btf+0x28: type 2: PTR -: a distilled base holds no PTR"},
		{"Y23 nameless", onInt("I int 4 s; S - 4", "P 1"), target, "btf+0x28: type 2: struct -: a type of a distilled base needs a name"},
		{"unknown kind", mustRead(t, strange, good.Base()), target, "btf+0x20: type 2: KIND20 -: kind 20 is unknown, its references cannot be followed"},
		{"cycle of modifiers", onInt("I int 4 s", "2 C 3; 3 V 2; 4 S s 4 m:2@0"), target, "btf+0x30: type 4: struct s: refers to more than 256 modifiers and arrays in a row"},
		{"many modifiers", onInt("S s 4", "S own 4 m:3@0"+modifiers.String()[:modifiers.Len()]+"; C 1"), target,
			"btf+0x18: type 2: struct own: refers to more than 256 modifiers and arrays in a row"},
	} {
		for _, mode := range []RelocateMode{RelocateKernel, RelocateStrict} {
			_, err := Relocate(tt.split, tt.target, mode)
			wantFormatError(t, tt.name, err, tt.err)
		}
	}
}

// TestRelocateStrings is Y24: a string of the distilled base that is the name of no type, at its own offset or
// in the middle of another.
func TestRelocateStrings(t *testing.T) {
	base := readNote(t, `1 W extra s; 2 I int 4 s`) // strings at 1 and 7
	base = mustRead(t, Assemble(false, base.Types()[12:], nil, base.Strings()), nil)
	types := topOf(noteChain(t, false, "I int 4 s", "2 S m 12 a:1@0 b:1@32 c:1@64; 3 T t 1")).Types()
	types = bytes.Clone(types)
	strs := []byte("own\x00")
	own := uint32(base.StrEnd())
	for at, off := range map[int]uint32{0: own, 12: 1, 24: 8, 36: 1, 48: 7} { // extra, nt, extra, int
		PutU32(types[at:], false, off)
	}
	split := mustRead(t, Assemble(false, types, nil, strs), base)
	target := readNote(t, "W zero s; I int 4 s")
	_, err := Relocate(split, target, RelocateKernel)
	wantFormatError(t, "kernel", err, `btf+0x18: type 2: struct own: the string "extra" is in the distilled base, but is not the name of a type there`)
	r, err := Relocate(split, target, RelocateStrict)
	if err != nil {
		t.Fatal(err)
	}
	got := mustRead(t, r.Split, target)
	if want := "3 STRUCT own 12 extra:2@0 nt:2@32 extra:2@64\n4 TYPEDEF int 2\n"; dumpText(t, got) != want {
		t.Errorf("got %swant %s", dumpText(t, got), want)
	}
	if s := textOf(got.Strings()); s != "own extra nt" {
		t.Errorf("strings %q", s)
	}
	if s := textOf(split.Strings()); s != "own" {
		t.Errorf("strings of the input %q", s)
	}
}

// TestRelocateDuplicateStrings is L7: the kernel counts structs by the offset of their name.
func TestRelocateDuplicateStrings(t *testing.T) {
	var types []byte
	for i, off := range []StrOff{1, 3} {
		types = append(types, make([]byte, recordLen)...)
		PutRecord(types[i*recordLen:], false, off, KindStruct, false, 0, uint32(4+4*i))
	}
	target := mustRead(t, Assemble(false, types, nil, []byte("\x00F\x00F\x00")), nil)
	split := topOf(noteChain(t, false, "S F 8", usePtr))
	r, err := Relocate(split, target, RelocateKernel)
	checkVerdict(t, "kernel", r, err, onto(0).says("struct F: struct of size 8 in the distilled base, several types of the target fit: struct of size 4 (type 1), struct of size 8 (type 2)"))
	r, err = Relocate(split, target, RelocateStrict)
	checkVerdict(t, "strict", r, err, onto(2))
}

// TestRelocateKeepsLayout: a layout section stays with its blob.
func TestRelocateKeepsLayout(t *testing.T) {
	split := topOf(noteChain(t, false, "I int 4 s", "2 T own 1"))
	laid := mustRead(t, Assemble(false, split.Types(), LayoutSection(false), split.Strings()), split.Base())
	r, err := Relocate(laid, readNote(t, "P 0; I int 4 s"), RelocateKernel)
	if err != nil {
		t.Fatal(err)
	}
	got := mustRead(t, r.Split, readNote(t, "P 0; I int 4 s"))
	if got.HeaderLen() != 32 || !bytes.Equal(got.Layout(), LayoutSection(false)) || dumpText(t, got) != "3 TYPEDEF own 2\n" {
		t.Errorf("header of %d bytes, layout %x, types %s", got.HeaderLen(), got.Layout(), dumpText(t, got))
	}
}

// TestRelocateManyOfOneName: bases and targets with thousands of types of one name cost no more than an error.
func TestRelocateManyOfOneName(t *testing.T) {
	types := make([]byte, 5000*recordLen)
	for i := range 5000 {
		PutRecord(types[i*recordLen:], false, 1, KindStruct, false, 0, uint32(i))
	}
	base := mustRead(t, Assemble(false, types, nil, []byte("\x00F\x00")), nil)
	split := mustRead(t, Assemble(false, nil, nil, nil), base)
	target := mustRead(t, Assemble(false, types, nil, []byte("\x00F\x00")), nil)
	_, err := Relocate(split, target, RelocateStrict)
	wantFormatError(t, "many", err, "btf+0x9d5c: type 3356: struct F: more than 16777216 pairs of types with one name in the distilled base and the target")
}

// TestSamenessLimit: a comparison that would take too long finds types different.
func TestSamenessLimit(t *testing.T) {
	tab := readNote(t, "I int 4; S F 8 a:4@0; S F 8 a:5@0; P 2; P 3")
	for _, tt := range []struct {
		left int
		want bool
	}{{8, false}, {9, true}} { // two records, of 6 and 3 words; the next pair was seen before
		s := sameness{t: tab, left: tt.left}
		if got := s.types(2, 3); got != tt.want {
			t.Errorf("%d words: %v, want %v", tt.left, got, tt.want)
		}
	}
}
