// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDeduplicate: the short way gives what Merge gives, for programs with names that mean several things.
func TestDeduplicate(t *testing.T) {
	short := 0
	for seed := range uint64(300) {
		in := unitTable(t, NewNameTable(), joinUnits(randomProgram(seed, seed%2 == 0)))
		want, wantErr := Merge([]*Table{in}, false, 1)
		got, err := Deduplicate(in, nil, AcceptFwds, 1)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("seed %d: error %v, of Merge %v", seed, err, wantErr)
		}
		if err != nil {
			continue
		}
		if !bytes.Equal(got.Data(), want) {
			t.Fatalf("seed %d: -Merge +Deduplicate\n%s", seed, cmp.Diff(dumpText(t, mustRead(t, want, nil)), dumpText(t, got)))
		}
		if read := mustRead(t, want, nil); !slices.Equal(read.offs, got.offs) || read.typesOff != got.typesOff || read.strsOff != got.strsOff {
			t.Fatalf("seed %d: the table is not what its blob gives when it is read", seed)
		}
		again, err := Deduplicate(got, nil, AcceptFwds, 1)
		if err != nil || !bytes.Equal(again.Data(), got.Data()) {
			t.Fatalf("seed %d: a second time gives something else, %v", seed, err)
		}
		if in.uniqueStrings() {
			short++
		}
	}
	if short < 100 {
		t.Errorf("only %d programs took the short way", short)
	}
}

// The header keeps its length and the layout section stays; strings that are not in use go.
func TestDeduplicateKeeps(t *testing.T) {
	for _, big := range []bool{false, true} {
		plain := mustRead(t, noteBlob(t, big, "1 T b 2; 2 I int 4 s; 3 P 2; 4 P 2; 5 T a 4; 6 W gone s; 7 S gone 4 x:2@0"), nil)
		for _, layout := range [][]byte{nil, LayoutSection(big)} {
			in := mustRead(t, Assemble(big, plain.Types(), layout, append(bytes.Clone(plain.Strings()), "unused\x00"...)), nil)
			done, err := Deduplicate(in, nil, AcceptFwds, 1)
			if err != nil {
				t.Fatal(err)
			}
			out := mustRead(t, done.Data(), nil)
			if !bytes.Equal(out.Layout(), in.Layout()) || out.HeaderLen() != in.HeaderLen() || bytes.Contains(out.Strings(), []byte("unused")) {
				t.Errorf("layout of %d bytes, header of %d, strings %q", len(out.Layout()), out.HeaderLen(), out.Strings())
			}
			want := dumpText(t, mustRead(t, noteBlob(t, big, "1 T b 2; 2 I int 4 s; 3 P 2; 4 T a 3; 5 S gone 4 x:2@0"), nil))
			if d := cmp.Diff(want, dumpText(t, out)); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		}
	}
}

// Equal strings at two offsets are equal names.
func TestDeduplicateEqualStrings(t *testing.T) {
	plain := mustRead(t, noteBlob(t, false, "1 I int 4 s; 2 T x 1; 3 T y 1"), nil)
	for _, tt := range []struct {
		name, strings string
		off           uint32
	}{
		{"twice", "\x00int\x00x\x00x\x00", 7},
		{"end of another", "\x00int\x00x\x00yx\x00", 8},
		{"only the end of another", "\x00int\x00x\x00zz\x00", 8},
		{"empty", "\x00int\x00x\x00\x00", 7},
	} {
		types := bytes.Clone(plain.Types())
		PutU32(types[28:], false, tt.off)
		in := mustRead(t, Assemble(false, types, nil, []byte(tt.strings)), nil)
		if in.uniqueStrings() {
			t.Errorf("%s: not seen", tt.name)
		}
		got, err := Deduplicate(in, nil, AcceptFwds, 1)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Merge([]*Table{in}, false, 1)
		if err != nil || !bytes.Equal(got.Data(), want) {
			t.Errorf("%s: -Merge +Deduplicate, %v\n%s", tt.name, err, cmp.Diff(want, got.Data()))
		}
	}
}

func TestDeduplicateSplit(t *testing.T) {
	tabs := noteChain(t, false, "1 I int 4 s; 2 P 1; 3 S s 8 p:2@0", "4 P 1; 5 S s 8 p:4@0; 6 T t 5; 7 T t 3")
	base := NewBase(tabs[0])
	out, err := Deduplicate(tabs[1], base, AcceptFwds, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := dumpText(t, mustRead(t, out.Data(), tabs[0])), dumpText(t, noteChain(t, false, "1 I int 4 s; 2 P 1; 3 S s 8 p:2@0", "4 T t 3")[1]); got != want {
		t.Errorf("-want +got\n%s", cmp.Diff(want, got))
	}
	var fe *FormatError
	if _, err := Deduplicate(tabs[1], nil, AcceptFwds, 1); !errors.As(err, &fe) {
		t.Errorf("error %v for a split blob without a base", err)
	}
}

func FuzzDeduplicate(f *testing.F) {
	f.Add(noteBlob(f, false, "1 I int 4 s; 2 P 1; 3 P 1; 4 S s 8 p:2@0 q:6@32; 5 W t s; 6 P 5; 7 S t 4 x:1@0; 8 E e 4 a=1; 9 FP 1 a:2; 10 FN f 9; 11 DT d 10"))
	f.Add(noteBlob(f, true, "1 A 2 2 3; 2 I int 4 s; 3 VAR v 2; 4 DS .data 4 3:0:4; 5 E64 e 8 a=1; 6 TT x 2 kf; 7 F double 8"))
	f.Fuzz(func(t *testing.T, blob []byte) {
		in, err := Read(bytes.Clone(blob), nil)
		if err != nil {
			return
		}
		want, wantErr := Merge([]*Table{in}, false, 1)
		got, err := Deduplicate(in, nil, AcceptFwds, 1)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("error %v, of Merge %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if a, b := mustRead(t, want, nil), mustRead(t, got.Data(), nil); !bytes.Equal(a.Types(), b.Types()) || !bytes.Equal(a.Strings(), b.Strings()) {
			t.Errorf("-Merge +Deduplicate\n%s", cmp.Diff(dumpText(t, a), dumpText(t, b)))
		}
	})
}
