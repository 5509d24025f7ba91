// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/btfgen/btfgen/internal/testkit/btfnote"
	"github.com/google/go-cmp/cmp"
)

// noteChain returns the tables of notes that are split against each other.
func noteChain(tb testing.TB, big bool, notes ...string) []*Table {
	tb.Helper()
	var tables []*Table
	var b *btfnote.Blob
	var base *Table
	for i, note := range notes {
		if i == 0 {
			b = btfnote.New(big)
		} else {
			b = b.Split()
		}
		if err := b.Add(note); err != nil {
			tb.Fatal(err)
		}
		base = mustRead(tb, b.Bytes(), base)
		tables = append(tables, base)
	}
	return tables
}

// topOf is the last table of a chain.
func topOf(tables []*Table) *Table { return tables[len(tables)-1] }

// readDistilled reads both blobs.
func readDistilled(tb testing.TB, d *Distilled) *Table {
	tb.Helper()
	return mustRead(tb, d.Split, mustRead(tb, d.Base, nil))
}

const (
	upstreamBase = `1 I int 4 s; 2 P 1; 3 S s1 8 f1:2@0; 4 S - 12 f1:1@0 f2:3@32; 5 I "unsigned int" 4 -; 6 U u1 12 f1:1@0 f2:2@0
		7 U - 4 f1:1@0; 8 E e1 4 v1=1; 9 E - 4 av1=2; 10 E64 e641 8 signed v1=1024; 11 E64 - 8 signed v1=1025
		12 S unneeded 4 f1:1@0; 13 S embedded 4 f1:1@0; 14 FP 1 p1:1; 15 A 1 1 3; 16 S from_proto 4 f1:1@0; 17 U u1 4 f1:1@0`
	upstreamSplit = `18 P 3; 19 P 4; 20 C 6; 21 R 7; 22 V 8; 23 T et 9; 24 C 10; 25 P 11; 26 S with_embedded 4 f1:13@0; 27 FN fn 14
		28 T arraytype 15; 29 FP 1 p1:16`
	upstreamRelocated = `18 P 3; 19 P 30; 20 C 6; 21 R 31; 22 V 8; 23 T et 32; 24 C 10; 25 P 33; 26 S with_embedded 4 f1:13@0; 27 FN fn 34
		28 T arraytype 35; 29 FP 1 p1:16; 30 S - 12 f1:1@0 f2:3@32; 31 U - 4 f1:1@0; 32 E - 4 av1=2; 33 E64 - 8 signed v1=1025; 34 FP 1 p1:1; 35 A 1 1 3`

	chainBase = `1 I unsigned_int 4; 2 T __u32 1; 3 T u32 2; 4 S - 4 c:3@0; 5 T atomic_t 4; 6 S big 100 a:5@0; 7 P 6; 8 TT user 6; 9 P 8
		10 W op s; 11 P 10; 12 FP 1 p:7 q:11; 13 P 12`
	chainSplit = `14 S mine 32 a:5@0 b:7@64 c:9@128 d:13@192`
)

// distillCase is a row of the vectors: a base, or a chain of them, and a split blob; the new base and
// the new split blob.
type distillCase struct {
	name        string
	base        []string
	split       string
	newBase     string
	newSplit    string
	baseStrings string // without the NULs
	ownStrings  string
}

var distillCases = []distillCase{
	{"upstream", []string{upstreamBase}, upstreamSplit,
		"1 I int 4 s; 2 S s1 8; 3 U u1 12; 4 E e1 4; 5 E e641 8; 6 S embedded 4; 7 S from_proto 4",
		`8 P 2; 9 P 20; 10 C 3; 11 R 21; 12 V 4; 13 T et 22; 14 C 5; 15 P 23; 16 S with_embedded 4 f1:6@0; 17 FN fn 24; 18 T arraytype 25
		19 FP 1 p1:7; 20 S - 12 f1:1@0 f2:2@32; 21 U - 4 f1:1@0; 22 E - 4 av1=2; 23 E64 - 8 s v1=1025; 24 FP 1 p1:1; 25 A 1 1 3`,
		" int s1 u1 e1 e641 embedded from_proto", "et with_embedded f1 fn arraytype p1 f2 av1 v1"},
	{"upstream multi", []string{"I int 4 s; I int 8 s"}, "3 P 1; 4 C 2", "I int 4 s; I int 8 s", "3 P 1; 4 C 2", " int", ""},
	{"upstream multi err", []string{"I int 4 s; I int 4 s"}, "3 P 1; 4 C 2", "I int 4 s; I int 4 s", "3 P 1; 4 C 2", " int", ""},
	{"upstream embedded err", []string{"I int 4; S s1 4 f1:1@0"}, "3 S with_embedded 8 e1:2@0", "S s1 4", "2 S with_embedded 8 e1:1@0",
		" s1", "with_embedded e1"},
	{"upstream vmlinux", []string{"I long 8; I int 4 s; P 2"}, "4 T myint 2; 5 P 4", "I int 4 s", "2 T myint 1; 3 P 2", " int", "myint"},
	{"X1 chains", []string{chainBase}, chainSplit, "I unsigned_int 4; S big 100; W op s",
		`4 S mine 32 a:8@0 b:9@64 c:11@128 d:14@192; 5 T __u32 1; 6 T u32 5; 7 S - 4 c:6@0; 8 T atomic_t 7; 9 P 2; 10 TT user 2; 11 P 10
		12 P 3; 13 FP 1 p:9 q:12; 14 P 13`, " unsigned_int big op", "mine a b c d __u32 u32 atomic_t user p q"},
	{"X2 nothing used", []string{"S s 4; I int 4"}, "E e 4 a=1", "I int 4", "2 E e 4 a=1", " int", "e a"},
	{"nothing used, several INTs", []string{"I - 4; I char 1 s; I int 8 s; I int 4; I int 4 s"}, "6 T own 0", "I int 4 s", "2 T own 0", " int", "own"},
	{"nothing used, no int", []string{"I - 4; I char 1 s; I short 2 s"}, "4 T own 0", "I char 1 s", "2 T own 0", " char", "own"},
	{"no own types", []string{"I int 4 s"}, "", "I int 4 s", "", " int", ""},
	{"X6 shared strings", []string{"I int 4; S file 8 x:1@0"}, "3 P 2; 4 S m 12 file:3@0 int:1@64", "I int 4; S file 8",
		"3 P 2; 4 S m 12 file:3@0 int:1@64", " int file", "m"},
	{"X7 two of one name", []string{"I int 4; S F 4; S F 8"}, "4 P 2; 5 P 3", "S F 4; S F 8", "3 P 1; 4 P 2", " F", ""},
	{"X8 chain as base", []string{"I int 4; S A 4 x:1@0", "3 S B 8 a:2@0; 4 T tb 3"}, "5 P 3; 6 P 4; 7 P 2", "S A 4; S B 8",
		"3 P 2; 4 P 6; 5 P 1; 6 T tb 2", " A B", "tb"},
	{"X9 flags dropped", []string{"I int 4; S K 4 a:1@0:3; E es 4 v=-1"}, "4 P 2; 5 C 3", "S K 4; E es 4", "3 P 1; 4 C 2", " K es", ""},
	{"enum64 keeps its size only", []string{"E64 e 8 s v=-1; E64 f 4"}, "3 C 1; 4 C 2", "E e 8; E f 4", "3 C 1; 4 C 2", " e f", ""},
	{"kinds of the base", []string{"F double 8; W u u; W s s; I bool 1 b; I part 4 s 2:5; U un 4 kf"}, "7 A 1 4 2; 8 P 2; 9 P 3; 10 C 5; 11 P 6",
		"F double 8; W u u; W s s; I bool 1 b; I part 4 s 2:5; U un 4", "7 A 1 4 2; 8 P 2; 9 P 3; 10 C 5; 11 P 6", " double u s bool part un", ""},
	{"modifiers", []string{"I int 4 s; C 1; V 2; R 3; TT tag 4; T td 5; P 6; A 7 1 3"}, "9 VAR v 8", "I int 4 s",
		"2 VAR v 9; 3 C 1; 4 V 3; 5 R 4; 6 TT tag 5; 7 T td 6; 8 P 7; 9 A 8 1 3", " int", "v tag td"},
	{"kinds of the split blob", []string{"I int 4 s; S s 4 a:1@0; FP 1 p:1"},
		"4 FN f 3 s; 5 VAR v 2 g; 6 DS .data 4 5:0:4; 7 DT tag 4 0; 8 DT tag 2; 9 E64 e 8 s a=-1 b=0x100000000; 10 E f 4 x=1; 11 F float 4; 12 TT tt 1 kf; 13 W w u; 14 FP 0 a:2 -:0",
		"I int 4 s; S s 4",
		`3 FN f 14 s; 4 VAR v 2 g; 5 DS .data 4 4:0:4; 6 DT tag 3 0; 7 DT tag 2; 8 E64 e 8 s a=-1 b=0x100000000; 9 E f 4 x=1; 10 F float 4; 11 TT tt 1 kf
		12 W w u; 13 FP 0 a:2 -:0; 14 FP 1 p:1`, " int s", "f v .data tag e a b x float tt w p"},
	{"cycle of anonymous structs", []string{"I int 4 s; S - 16 a:3@0 b:1@64; P 2"}, "4 P 3", "I int 4 s",
		"2 P 4; 3 S - 16 a:4@0 b:1@64; 4 P 3", " int", "a b"},
}

func TestDistill(t *testing.T) {
	for _, tt := range distillCases {
		for _, big := range []bool{false, true} {
			in := noteChain(t, big, append(tt.base[:len(tt.base):len(tt.base)], tt.split)...)
			before := bytes.Clone(topOf(in).Data())
			d, err := Distill(topOf(in))
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
				continue
			}
			want := noteChain(t, big, tt.newBase, tt.newSplit)
			got := readDistilled(t, d)
			if diff := cmp.Diff(dumpText(t, want[0]), dumpText(t, got.Base())); diff != "" {
				t.Errorf("%s, big %v, base (-want +got):\n%s", tt.name, big, diff)
			}
			if diff := cmp.Diff(dumpText(t, want[1]), dumpText(t, got)); diff != "" {
				t.Errorf("%s, big %v, split (-want +got):\n%s", tt.name, big, diff)
			}
			if s := textOf(got.Base().Strings()); s != tt.baseStrings {
				t.Errorf("%s: strings of the base %q, want %q", tt.name, s, tt.baseStrings)
			}
			if s := textOf(got.Strings()); s != tt.ownStrings {
				t.Errorf("%s: own strings %q, want %q", tt.name, s, tt.ownStrings)
			}
			if got.Big() != big || got.HeaderLen() != 24 || got.Base().HeaderLen() != 24 {
				t.Errorf("%s: big %v, headers of %d and %d bytes", tt.name, got.Big(), got.HeaderLen(), got.Base().HeaderLen())
			}
			if !bytes.Equal(before, topOf(in).Data()) {
				t.Errorf("%s: the input has changed", tt.name)
			}
			checkIDs(t, tt.name, topOf(in), got, d.IDs)
		}
	}
}

// textOf shows a string section.
func textOf(strs []byte) string {
	return strings.TrimSuffix(strings.ReplaceAll(string(strs), "\x00", " "), " ")
}

// checkIDs makes sure that each ID of old leads to a type of the same name, each type of now has an old
// ID, and own types keep their order.
func checkIDs(tb testing.TB, name string, old, now *Table, ids []ID) {
	tb.Helper()
	if len(ids) != old.NumIDs() {
		tb.Fatalf("%s: %d IDs for %d", name, len(ids), old.NumIDs())
	}
	reached := make([]bool, now.NumIDs())
	for id, to := range ids {
		if int(to) >= now.NumIDs() || to != 0 && reached[to] {
			tb.Fatalf("%s: type %d gets the ID %d", name, id, to)
		}
		reached[to] = true
		if to != 0 && !bytes.Equal(old.Name(ID(id)), now.Name(to)) {
			tb.Errorf("%s: type %d %q becomes %d %q", name, id, old.Name(ID(id)), to, now.Name(to))
		}
		if ID(id) >= old.FirstID() && to-now.FirstID() != ID(id)-old.FirstID() {
			tb.Errorf("%s: own type %d becomes %d, first ones are %d and %d", name, id, to, old.FirstID(), now.FirstID())
		}
	}
	for id, ok := range reached {
		if !ok {
			tb.Errorf("%s: type %d was nothing before", name, id)
		}
	}
}

func TestDistillErrors(t *testing.T) {
	for _, tt := range []struct{ name, base, split, err string }{
		{"X3 FUNC", "FP 0; FN f 1", "DT tag 2 -1", "btf+0x18: type 3: DECL_TAG refers to type 2 of the base, FUNC f: a distilled base cannot hold it"},
		{"X4 VAR", "I int 4; VAR v 1", "DS .data 4 2:0:4", "btf+0x18: type 3: DATASEC refers to type 2 of the base, VAR v: a distilled base cannot hold it"},
		{"DATASEC", "I int 4; VAR v 1; DS .data 4 2:0:4", "P 3", "btf+0x18: type 4: PTR refers to type 3 of the base, DATASEC .data: a distilled base cannot hold it"},
		{"DECL_TAG", "S s 4; DT tag 1; P 2", "P 3", "btf+0x34: type 3: PTR refers to type 2 of the base, DECL_TAG tag: a distilled base cannot hold it"},
		{"INT without a name", "I - 4", "P 1", "btf+0x18: type 2: PTR refers to type 1 of the base, INT without a name: it could not be found again"},
		{"FWD without a name", "I int 4; W - s", "P 2", "btf+0x18: type 3: PTR refers to type 2 of the base, FWD without a name: it could not be found again"},
		{"FWD to a type", "I int 4; W w s !word=1", "P 2", "btf+0x28: type 2: FWD: type is 1, only 0 means something"},
		{"base without INT", "S s 4", "T own 0", "btf+0x0: nothing of the base is used, and it has no INT to keep the distilled base from being empty"},
	} {
		_, err := Distill(topOf(noteChain(t, false, tt.base, tt.split)))
		wantFormatError(t, tt.name, err, tt.err)
	}
	_, err := Distill(readNote(t, "I int 4"))
	wantFormatError(t, "X5 not split", err, "btf+0x0: blob is not split, it has no base to distill")

	const kind20 = "00000000 00000014 00000000"
	layout := append(LayoutSection(false), 0, 0, 0, 0)
	strange := mustRead(t, Assemble(false, unhex(t, kind20), layout, []byte{0}), nil)
	_, err = Distill(mustRead(t, Assemble(false, unhex(t, kind20), nil, nil), strange))
	wantFormatError(t, "own kind", err, "btf+0x18: type 2: KIND20 -: kind 20 is unknown, its references cannot be followed")
	_, err = Distill(mustRead(t, Assemble(false, unhex(t, "00000000 00000002 01000000"), nil, nil), strange))
	wantFormatError(t, "kind of the base", err, "btf+0x18: type 2: PTR refers to type 1 of the base, KIND20 -: a distilled base cannot hold it")
}

func wantFormatError(tb testing.TB, name string, err error, want string) {
	tb.Helper()
	var fe *FormatError
	if !errors.As(err, &fe) || err.Error() != want {
		tb.Errorf("%s:\n got %v\nwant %s", name, err, want)
	}
}

// TestDistillLayout: a layout section describes the kinds of its own blob, and is left behind.
func TestDistillLayout(t *testing.T) {
	with := func(tab *Table, base *Table) *Table {
		return mustRead(t, Assemble(false, tab.Types(), LayoutSection(false), tab.Strings()), base)
	}
	in := noteChain(t, false, upstreamBase, upstreamSplit)
	plain, err := Distill(in[1])
	if err != nil {
		t.Fatal(err)
	}
	laid, err := Distill(with(in[1], with(in[0], nil)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plain, laid); diff != "" {
		t.Errorf("(-without +with):\n%s", diff)
	}
}

// TestDistillOverlappingStrings: a string section with an offset for each byte of long strings does not make
// the output grow beyond all measure.
func TestDistillOverlappingStrings(t *testing.T) {
	base := readNote(t, "I int 4 s")
	_, err := Distill(mustRead(t, overlappingNames(9000, base), base))
	if err == nil || !strings.HasSuffix(err.Error(), "FWD: strings of more than 16777216 bytes") {
		t.Errorf("error %v", err)
	}
}
