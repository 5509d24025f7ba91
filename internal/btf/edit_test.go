// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEditor(t *testing.T) {
	for _, big := range []bool{false, true} {
		tabs := noteChain(t, big, "1 I int 4 s; 2 P 1", "3 FP 1 a:2; 4 FN f 3; 5 FN g 3")
		split := tabs[len(tabs)-1]
		before := bytes.Clone(split.Data())
		e := NewEditor(split, NewBase(split.Base()))
		name := func(s string) StrOff {
			off, err := e.Str([]byte(s))
			if err != nil {
				t.Fatal(err)
			}
			return off
		}
		must := func(id ID, err error) ID {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		must(e.Add(name("tag"), KindDeclTag, false, 0, 4, 1<<32-1))
		proto := must(e.AddProto(2, []Param{{name("a"), 1}, {name("int"), 2}, {}}))
		mark := must(e.Add(name("tag"), KindTypeTag, true, 0, 1))
		ptr := must(e.Add(0, KindPtr, false, 0, uint32(mark)))
		e.SetParam(proto, 1, ptr)
		e.SetProto(4, proto)
		if got := string(e.Table().Name(4)); got != "f" || e.Table().Type(4).Ref() != proto {
			t.Errorf("FUNC %s has the prototype %d", got, e.Table().Type(4).Ref())
		}
		got := mustRead(t, e.Done().Data(), split.Base())
		if d := cmp.Diff(dumpText(t, got), dumpText(t, e.Done())); d != "" {
			t.Errorf("-read again +done\n%s", d)
		}
		want := "3 FP 1 a:2; 4 FN f 7; 5 FN g 3; 6 DT tag 4; 7 FP 2 a:1 int:9 -:0; 8 TT tag 1 kf; 9 P 8"
		if d := cmp.Diff(dumpText(t, noteChain(t, big, "1 I int 4 s; 2 P 1", want)[1]), dumpText(t, got)); d != "" {
			t.Errorf("big %v, -want +got\n%s", big, d)
		}
		if s := string(got.Strings()); s != "a\x00f\x00g\x00tag\x00" {
			t.Errorf("strings %q: those that were there, of the base too, are to be used again", s)
		}
		if !bytes.Equal(split.Data(), before) {
			t.Error("the table that was edited has changed")
		}
	}
}

// Without an edit the blob stays what it is, its layout section and header too.
func TestEditorNothing(t *testing.T) {
	for _, layout := range [][]byte{nil, LayoutSection(false)} {
		in := mustRead(t, noteBlob(t, false, "1 I int 4 s"), nil)
		in = mustRead(t, Assemble(false, in.Types(), layout, in.Strings()), nil)
		if d := cmp.Diff(in.Data(), NewEditor(in, nil).Done().Data()); d != "" {
			t.Errorf("-want +got\n%s", d)
		}
	}
}

func TestEditorLimit(t *testing.T) {
	e := NewEditor(mustRead(t, noteBlob(t, false, "1 I int 4 s"), nil), nil)
	params := make([]Param, 10000)
	for n := 0; ; n++ {
		_, err := e.AddProto(1, params)
		if err == nil && n > 100 {
			t.Fatal("no limit")
		}
		if err != nil {
			if n == 0 || !strings.Contains(err.Error(), "bytes of types, no more than") {
				t.Errorf("error %v after %d", err, n)
			}
			mustRead(t, e.Done().Data(), nil)
			return
		}
	}
}

func TestStrMax(t *testing.T) {
	tabs := noteChain(t, false, "1 I int 4 s; 2 T longer 1", "3 T own 1")
	base, split := tabs[0], tabs[1]
	for _, tt := range []struct {
		off  StrOff
		max  int
		want string
		ok   bool
	}{
		{split.NameOff(1), 3, "int", true},
		{split.NameOff(1), 2, "", false},
		{split.NameOff(2), 100, "longer", true},
		{split.NameOff(3), 3, "own", true},
		{split.NameOff(3), 0, "", false},
		{split.NameOff(0), 0, "", true},
	} {
		got, ok := split.StrMax(tt.off, tt.max)
		if string(got) != tt.want || ok != tt.ok {
			t.Errorf("StrMax(%d, %d): %q, %v", tt.off, tt.max, got, ok)
		}
	}
	if base.NameOff(2) != split.NameOff(2) {
		t.Error("a name of the base has another offset in the split blob")
	}
}

func TestWithoutLayout(t *testing.T) {
	for _, big := range []bool{false, true} {
		plain := mustRead(t, noteBlob(t, big, "1 I int 4 s; 2 P 1"), nil)
		in := mustRead(t, Assemble(big, plain.Types(), LayoutSection(big), plain.Strings()), nil)
		out := mustRead(t, in.WithoutLayout(), nil)
		if out.HasLayout() || out.HeaderLen() != headerLenNew || !bytes.Equal(out.Types(), plain.Types()) || !bytes.Equal(out.Strings(), plain.Strings()) {
			t.Errorf("big %v: layout %v, header of %d bytes", big, out.HasLayout(), out.HeaderLen())
		}
		if d := cmp.Diff(plain.Data(), plain.WithoutLayout()); d != "" {
			t.Errorf("a blob without layout, -want +got\n%s", d)
		}
	}
}
