// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	permuteBase  = "1 I int 4 s; 2 P 1; 3 S s1 4 m:1@0; 4 S s2 4 m:1@0; 5 FP 1 p:2; 6 FN f 5"
	permuteSplit = "3 S s1 4 m:1@0; 4 S s2 4 m:1@0; 5 FP 1 p:2; 6 FN f 5"
)

func TestPermute(t *testing.T) {
	for _, tt := range []struct {
		name  string
		notes []string
		ids   []ID
		want  string
		err   string
	}{
		{"base", []string{permuteBase}, []ID{0, 4, 3, 5, 1, 6, 2}, "1 S s2 4 m:4@0; 2 FN f 6; 3 P 4; 4 I int 4 s; 5 S s1 4 m:4@0; 6 FP 4 p:3", ""},
		{"base, same order", []string{permuteBase}, []ID{0, 1, 2, 3, 4, 5, 6}, permuteBase, ""},
		{"base, void moves", []string{permuteBase}, []ID{4, 1, 2, 3, 0, 5, 6}, "", "btf+0x0: renumbering gives type 0, which is not an own one, the ID 4"},
		{"base, one short", []string{permuteBase}, []ID{0, 1, 2, 3, 4, 5}, "", "btf+0x0: renumbering has 6 IDs, the blob has 7"},
		{"base, twice", []string{permuteBase}, []ID{0, 4, 4, 1, 2, 3, 5}, "", "btf+0x28: type 2: PTR -: gets the ID 4, as type 1 does"},
		{"base, too high", []string{permuteBase}, []ID{0, 1, 2, 3, 4, 7, 6}, "", "btf+0x64: type 5: FUNC_PROTO -: gets the ID 7, own ones are 1 to 6"},
		{"base, to void", []string{permuteBase}, []ID{0, 1, 2, 3, 4, 5, 0}, "", "btf+0x78: type 6: FUNC f: gets the ID 0, own ones are 1 to 6"},
		{"split", []string{"1 I int 4 s; 2 P 1", permuteSplit}, []ID{0, 1, 2, 6, 3, 5, 4}, "3 S s2 4 m:1@0; 4 FN f 5; 5 FP 1 p:2; 6 S s1 4 m:1@0", ""},
		{"split, base moves", []string{"1 I int 4 s; 2 P 1", permuteSplit}, []ID{0, 2, 1, 3, 4, 5, 6}, "", "btf+0x0: renumbering gives type 1, which is not an own one, the ID 2"},
		{"split, short", []string{"1 I int 4 s; 2 P 1", permuteSplit}, []ID{3, 4, 5}, "", "btf+0x0: renumbering has 3 IDs, the blob has 7"},
		{"split, twice", []string{"1 I int 4 s; 2 P 1", permuteSplit}, []ID{0, 1, 2, 3, 3, 5, 6}, "", "btf+0x30: type 4: struct s2: gets the ID 3, as type 3 does"},
		{"split, into the base", []string{"1 I int 4 s; 2 P 1", permuteSplit}, []ID{0, 1, 2, 3, 2, 5, 6}, "", "btf+0x30: type 4: struct s2: gets the ID 2, own ones are 3 to 6"},
	} {
		for _, big := range []bool{false, true} {
			in := noteChain(t, big, tt.notes...)
			top := topOf(in)
			before := bytes.Clone(top.Data())
			blob, err := top.Permute(tt.ids)
			if !bytes.Equal(before, top.Data()) {
				t.Errorf("%s: the input has changed", tt.name)
			}
			if tt.err != "" {
				wantFormatError(t, tt.name, err, tt.err)
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
				continue
			}
			want := topOf(noteChain(t, big, append(tt.notes[:len(tt.notes)-1:len(tt.notes)-1], tt.want)...))
			if diff := cmp.Diff(dumpText(t, want), dumpText(t, mustRead(t, blob, top.Base()))); diff != "" {
				t.Errorf("%s, big %v (-want +got):\n%s", tt.name, big, diff)
			}
		}
	}
}

// TestPermuteKeeps: header length, layout section and strings stay.
func TestPermuteKeeps(t *testing.T) {
	tab := readNote(t, permuteBase)
	ids := []ID{0, 4, 3, 5, 1, 6, 2}
	plain, err := tab.Permute(ids)
	if err != nil {
		t.Fatal(err)
	}
	laid := mustRead(t, Assemble(false, tab.Types(), LayoutSection(false), tab.Strings()), nil)
	blob, err := laid.Permute(ids)
	if err != nil {
		t.Fatal(err)
	}
	got := mustRead(t, blob, nil)
	if got.HeaderLen() != 32 || !bytes.Equal(got.Layout(), LayoutSection(false)) || !bytes.Equal(got.Strings(), tab.Strings()) ||
		!bytes.Equal(got.Types(), mustRead(t, plain, nil).Types()) {
		t.Errorf("header of %d bytes, layout %x, strings %q", got.HeaderLen(), got.Layout(), got.Strings())
	}
	strange := mustRead(t, Assemble(false, unhex(t, "00000000 00000014 00000000"), append(LayoutSection(false), 0, 0, 0, 0), []byte{0}), nil)
	_, err = strange.Permute([]ID{0, 1})
	wantFormatError(t, "unknown kind", err, "btf+0x20: type 1: KIND20 -: kind 20 is unknown, its references cannot be followed")
}

func TestSortByName(t *testing.T) {
	for _, tt := range []struct {
		name   string
		notes  []string
		want   string
		ids    []ID
		sorted bool
	}{
		{"empty", []string{""}, "", []ID{0}, true},
		{"anonymous first, ties keep their order", []string{"1 I b 4; 2 P 1; 3 S a 4 m:1@0; 4 T b 3; 5 C 4; 6 I A 4"},
			"1 P 5; 2 C 6; 3 I A 4; 4 S a 4 m:5@0; 5 I b 4; 6 T b 4", []ID{0, 5, 1, 4, 6, 2, 3}, false},
		{"sorted", []string{"1 P 3; 2 C 3; 3 I a 4; 4 I b 4; 5 W b s"}, "1 P 3; 2 C 3; 3 I a 4; 4 I b 4; 5 W b s", []ID{0, 1, 2, 3, 4, 5}, true},
		{"all anonymous", []string{"1 P 2; 2 C 1"}, "1 P 2; 2 C 1", []ID{0, 1, 2}, true},
		{"all named", []string{"1 W b s; 2 W a s"}, "1 W a s; 2 W b s", []ID{0, 2, 1}, false},
		{"bytes are unsigned, prefixes first", []string{`1 I "\xff" 1; 2 I abcdefghi 1; 3 I abcdefgh 1; 4 I abcdefghia 1; 5 I "a" 1; 6 I abcdefghha 1`},
			`1 I a 1; 2 I abcdefgh 1; 3 I abcdefghha 1; 4 I abcdefghi 1; 5 I abcdefghia 1; 6 I "\xff" 1`, []ID{0, 6, 4, 2, 5, 1, 3}, false},
		{"split: the base keeps its IDs", []string{"1 I z 4; 2 I a 4", "3 T n 1; 4 T b 3; 5 P 4; 6 T a 2"},
			"3 P 5; 4 T a 2; 5 T b 6; 6 T n 1", []ID{0, 1, 2, 6, 5, 3, 4}, false},
	} {
		for _, big := range []bool{false, true} {
			top := topOf(noteChain(t, big, tt.notes...))
			blob, ids, err := top.SortByName()
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
				continue
			}
			if !slices.Equal(ids, tt.ids) {
				t.Errorf("%s: IDs %d, want %d", tt.name, ids, tt.ids)
			}
			got := mustRead(t, blob, top.Base())
			want := topOf(noteChain(t, big, append(tt.notes[:len(tt.notes)-1:len(tt.notes)-1], tt.want)...))
			if diff := cmp.Diff(dumpText(t, want), dumpText(t, got)); diff != "" {
				t.Errorf("%s, big %v (-want +got):\n%s", tt.name, big, diff)
			}
			if top.IsSorted() != tt.sorted || !got.IsSorted() {
				t.Errorf("%s: sorted %v before and %v after", tt.name, top.IsSorted(), got.IsSorted())
			}
		}
	}
}

// TestSortByNameStrings: equal names at different offsets, and names that are the tail of another, sort by what they say.
func TestSortByNameStrings(t *testing.T) {
	strs := []byte("\x00foobar\x00bar\x00foo\x00")
	var types []byte
	for _, off := range []StrOff{12, 4, 1, 8, 7, 0} { // foo bar foobar bar "" ""
		types = append(types, make([]byte, recordLen)...)
		PutRecord(types[len(types)-recordLen:], false, off, KindFwd, false, 0, 0)
	}
	tab := mustRead(t, Assemble(false, types, nil, strs), nil)
	_, ids, err := tab.SortByName()
	if err != nil || !slices.Equal(ids, []ID{0, 5, 3, 6, 4, 1, 2}) {
		t.Errorf("IDs %d, error %v", ids, err)
	}
}

func TestSortByNameRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var note strings.Builder
		n := rng.IntN(40)
		for range n {
			fmt.Fprintf(&note, "T %q %d\n", strings.Repeat("ab", rng.IntN(6))+string(rune('a'+rng.IntN(3))), 1+rng.IntN(n))
		}
		tab := readNote(t, note.String())
		blob, ids, err := tab.SortByName()
		if err != nil {
			t.Fatal(err)
		}
		order := make([]ID, tab.NumIDs())
		for i := range order {
			order[i] = ID(i)
		}
		slices.SortStableFunc(order[1:], func(a, b ID) int { return bytes.Compare(tab.Name(a), tab.Name(b)) })
		got := mustRead(t, blob, nil)
		for to, id := range order {
			if ids[id] != ID(to) || !bytes.Equal(got.Name(ID(to)), tab.Name(id)) || id != 0 && got.Type(ID(to)).Ref() != ids[tab.Type(id).Ref()] {
				t.Fatalf("type %d becomes %d, want %d, of\n%s", id, ids[id], to, note.String())
			}
		}
	}
}

// TestSortByNameOverlappingStrings: names that share long strings by the thousand do not stop the sort.
func TestSortByNameOverlappingStrings(t *testing.T) {
	_, _, err := mustRead(t, overlappingNames(manyNames, nil), nil).SortByName()
	if err == nil || !strings.HasSuffix(err.Error(), "names add up to more than 67108864 bytes") {
		t.Errorf("error %v", err)
	}
}

func BenchmarkSortByNameKernel(b *testing.B) {
	tab := mustRead(b, kernelBlobs(b)[0], nil)
	rng := rand.New(rand.NewPCG(1, 2))
	ids := make([]ID, tab.NumIDs())
	for i, p := range rng.Perm(len(ids) - 1) {
		ids[i+1] = ID(p + 1)
	}
	blob, err := tab.Permute(ids)
	if err != nil {
		b.Fatal(err)
	}
	mixed := mustRead(b, blob, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := mixed.SortByName(); err != nil {
			b.Fatal(err)
		}
	}
}
