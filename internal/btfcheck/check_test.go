// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfcheck

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/testkit/btfnote"
)

const noteAllKinds = `
1 I int 4 s; 2 P 1; 3 A 1 1 10; 4 S s1 8 f1:1@0 f2:1@32:16; 5 U u1 8 f1:1@0 f2:2@0; 6 E e1 4 v1=1 v2=2
7 W fwd s; 8 T typedef1 1; 9 V 1; 10 C 1; 11 R 2; 12 FN func1 13 g; 13 FP 1 p1:1 p2:2 -:0; 14 VAR var1 1 g
15 DS .data 12 14:4:4; 16 F float 4; 17 DT tag1 4 1; 18 TT tag2 1; 19 E64 e2 8 s v3=-1 v4=0x123456789
20 E e3 4 s v5=-5; 21 W fwdu u; 22 I field 4 - 3:5; 23 I bool 1 b; 24 FN func2 13 s; 25 DT tag3 12 -1 kf
26 DT tag4 12 1; 27 S s2 4 old:22@0; 28 DT tag5 4; 29 DT tag6 14; 30 DT tag7 8; 31 P 0`

func blob(tb testing.TB, big bool, note string) *btfnote.Blob {
	tb.Helper()
	b := btfnote.New(big)
	if err := b.Add(note); err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestCheck(t *testing.T) {
	for _, big := range []bool{false, true} {
		b := blob(t, big, noteAllKinds)
		if err := Check(b.Bytes()); err != nil {
			t.Errorf("big %v: %v", big, err)
		}
		b.Layout = btf.LayoutSection(big)
		if err := Check(b.Bytes()); err != nil {
			t.Errorf("big %v, with a layout section: %v", big, err)
		}
	}
	if err := Check(blob(t, false, "").Bytes()); err != nil {
		t.Errorf("no types: %v", err)
	}
}

func TestCheckSplit(t *testing.T) {
	base := blob(t, false, noteAllKinds)
	c, err := NewChecker(base.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, note := range []string{"", "32 S own 8 int:1@0 b:2@0; 33 P 32; 34 FN f 13; 35 DT kfunc 34; 36 FP 0 a:33", "32 P 5"} {
		s := base.Split()
		if err := s.Add(note); err != nil {
			t.Fatal(err)
		}
		if err := c.Check(s.Bytes()); err != nil {
			t.Errorf("%q: %v", note, err)
		}
		if err := checkSplit(s.Bytes(), base.Bytes()); err != nil {
			t.Errorf("%q: %v", note, err)
		}
	}
	if err := checkSplit(blob(t, true, "1 P 0").Bytes(), base.Bytes()); err == nil {
		t.Error("took a base of the other byte order")
	}
	if err := checkSplit(base.Bytes(), []byte("no BTF")); err == nil || !strings.HasPrefix(err.Error(), "base: btf+0x0: ") {
		t.Errorf("bad base: %v", err)
	}
}

func TestCheckErrors(t *testing.T) {
	var fe *btf.FormatError
	if err := Check([]byte("no BTF at all, but long enough")); !errors.As(err, &fe) {
		t.Errorf("got %v", err)
	}
	for _, tt := range []struct{ note, want string }{
		{"1 P 0 !name=x", `type 1: name is "x", independent reader: ""`},
		{"1 I int 4; 2 DT t 1", "independent reader: type 1: "},
		{"1 S s 4; 2 DT t 1 3", "independent reader: type 1: "},
	} {
		err := Check(blob(t, false, tt.note).Bytes())
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) || errors.Is(err, ErrNotChecked) {
			t.Errorf("%q: got %v, want %s", tt.note, err, tt.want)
		}
	}
}

func TestNotChecked(t *testing.T) {
	rec := func(name btf.StrOff, kind btf.Kind, vlen uint32, size int) []byte {
		b := make([]byte, size)
		btf.PutRecord(b, false, name, kind, false, vlen, 4)
		return b
	}
	layout := append(btf.LayoutSection(false), 0, 0, 0, 0)
	strs := []byte("\x00name\x00")
	member := rec(0, btf.KindEnum, 1, 20)
	btf.PutU32(member[12:], false, 2)
	for _, tt := range []struct {
		name string
		in   []byte
		want string
	}{
		{"kind", btf.Assemble(false, rec(0, 20, 0, 12), layout, strs), "type 1 is of kind 20"},
		{"vlen", btf.Assemble(false, rec(0, btf.KindEnum, 1<<16, 12+8<<16), nil, strs), "type 1 has vlen 65536"},
		{"name", btf.Assemble(false, rec(3, btf.KindStruct, 0, 12), nil, strs), "the name of type 1 is the tail of another string"},
		{"element", btf.Assemble(false, member, nil, strs), "name 0 in type 1 is the tail of another string"},
		{"types", btf.Assemble(false, repeat(maxTypes, rec(0, btf.KindStruct, 0, 12)), nil, strs), "160001 types, it takes 160000"},
	} {
		err := Check(tt.in)
		if !errors.Is(err, ErrNotChecked) || !strings.HasSuffix(err.Error(), ": "+tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

func repeat(n int, rec []byte) []byte {
	b := make([]byte, 0, n*len(rec))
	for range n {
		b = append(b, rec...)
	}
	return b
}

// TestDeep: the longest chain that maxTypes allows does not exhaust the stack.
func TestDeep(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	types := make([]byte, 0, 24*maxTypes)
	for i := range maxTypes - 1 {
		rec := make([]byte, 24)
		btf.PutRecord(rec, false, 0, btf.KindStruct, false, 1, 0)
		btf.PutU32(rec[16:], false, uint32((i+2)%(maxTypes)))
		types = append(types, rec...)
	}
	if err := Check(btf.Assemble(false, types, nil, []byte{0})); err != nil {
		t.Error(err)
	}
}

// TestCompare holds a table against the other reader's view of a different blob.
func TestCompare(t *testing.T) {
	const note = "1 I int 4 s; 2 P 1; 3 A 1 1 2; 4 S s 8 m:1@0 n:1@32:3; 5 E e 4 v=1; 6 W w s; 7 FP 1 a:1; 8 FN f 7; 9 VAR v 1; 10 DS .d 4 9:0:4; 11 DT t 8"
	_, spec, err := read(blob(t, false, note).Bytes(), &Checker{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ old, new, want string }{
		{"", "", ""},
		{"P 1", "C 1", "type 2: kind is CONST, independent reader: PTR"},
		{"P 1", "P 3", "type 2: reference 0 is to type 3, independent reader: 1"},
		{"I int 4", "I int 8", "type 1: size and detail are 8, 1, independent reader: 4, 1"},
		{"int 4 s", "int 4 c", "type 1: size and detail are 4, 2, independent reader: 4, 1"},
		{"A 1 1 2", "A 1 1 3", "type 3: size and detail are 0, 3, independent reader: 0, 2"},
		{"A 1 1 2", "A 2 1 2", "type 3: reference 0 is to type 2, independent reader: 1"},
		{"S s 8", "S z 8", `type 4: name is "z", independent reader: "s"`},
		{"m:1@0", "z:1@0", "type 4: element 0 is {name:z value:0 bitfield:0}, independent reader: {name:m value:0 bitfield:0}"},
		{"m:1@0", "m:2@0", "type 4: reference 0 is to type 2, independent reader: 1"},
		{"n:1@32:3", "n:1@32:4", "type 4: element 1 is {name:n value:32 bitfield:4}, independent reader: {name:n value:32 bitfield:3}"},
		{"m:1@0 ", "", "type 4: 1 elements, independent reader: 2"},
		{"v=1", "v=2", "type 5: element 0 is {name:v value:2 bitfield:0}, independent reader: {name:v value:1 bitfield:0}"},
		{"e 4 v", "e 4 s v", "type 5: size and detail are 4, 1, independent reader: 4, 0"},
		{"W w s", "W w u", "type 6: size and detail are 0, 1, independent reader: 0, 0"},
		{"FN f 7", "FN f 7 s", "type 8: size and detail are 0, 0, independent reader: 0, 1"},
		{"VAR v 1", "VAR v 1 s", "type 9: size and detail are 0, 0, independent reader: 0, 1"},
		{"9:0:4", "9:0:3", "type 10: size and detail are "},
		{"DT t 8", "DT u 8", "type 8: tags are [{component:-1 text:u}], independent reader: [{component:-1 text:t}]"},
		{"; 11 DT t 8", "", "type 8: tags are [], independent reader: [{component:-1 text:t}]"},
		{"; 11 DT t 8", "; 11 DT t 8; 12 P 1", "independent reader: type 12: "},
	} {
		tab, err := btf.Read(blob(t, false, strings.Replace(note, tt.old, tt.new, 1)).Bytes(), nil)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(compare(tab, spec, &Checker{}))
		if tt.want == "" {
			tt.want = "<nil>"
		}
		if !strings.HasPrefix(got, tt.want) {
			t.Errorf("%q for %q:\n got %s\nwant %s", tt.new, tt.old, got, tt.want)
		}
	}
	tab, err := btf.Read(blob(t, false, "1 I int 4 s; 2 P 1").Bytes(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := compare(tab, spec, &Checker{}); err == nil || err.Error() != "independent reader: has more than 2 types" {
		t.Errorf("fewer types: got %v", err)
	}
}

// TestKernelBlobs takes $BTFGEN_TEST_BTF as internal/btf does.
func TestKernelBlobs(t *testing.T) {
	env := os.Getenv("BTFGEN_TEST_BTF")
	if env == "" {
		t.Skip("BTFGEN_TEST_BTF names no files: .BTF of vmlinux, then of modules")
	}
	var c *Checker
	for _, name := range filepath.SplitList(env) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if c == nil {
			if c, err = NewChecker(b); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		} else if err := c.Check(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// checkSplit checks a blob with a base that is read for it alone.
func checkSplit(data, base []byte) error {
	c, err := ReadBase(base)
	if err != nil {
		return err
	}
	return c.Check(data)
}
