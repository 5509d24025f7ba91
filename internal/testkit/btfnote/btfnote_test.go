// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfnote

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTypes(t *testing.T) {
	for _, tt := range []struct{ note, want string }{
		{"I int 4 s", "01000000 00000001 04000000 20000001"},
		{"1 INT int 4", "01000000 00000001 04000000 20000000"},
		{"I b 1 b; # comment", "01000000 00000001 01000000 08000004"},
		{"I c 1 c 2:5", "01000000 00000001 01000000 05000202"},
		{"I - 0 3 !int=0xffffffff", "00000000 00000001 00000000 ffffffff"},
		{"P 0", "00000000 00000002 00000000"},
		{"A 1 2 3", "00000000 00000003 00000000 01000000 02000000 03000000"},
		{"S s 8 a:1@0 b:1@32", "01000000 02000004 08000000 03000000 01000000 00000000 05000000 01000000 20000000"},
		{"S - 8 kf", "00000000 00000084 08000000"},
		{"UNION - 8 -:1@0:3", "00000000 01000085 08000000 00000000 01000000 00000003"},
		{"E e 4 a=1", "01000000 01000006 04000000 03000000 01000000"},
		{"E e 4 a=-1", "01000000 01000086 04000000 03000000 ffffffff"},
		{"E e 4 s", "01000000 00000086 04000000"},
		{"W f; W f u", "01000000 00000007 00000000 01000000 00000087 00000000"},
		{"T t 1", "01000000 00000008 01000000"},
		{"V 1; C 2; R 3", "00000000 00000009 01000000 00000000 0000000a 02000000 00000000 0000000b 03000000"},
		{"FN f 1; FN f 1 s; FN f 1 x", "01000000 0100000c 01000000 01000000 0000000c 01000000 01000000 0200000c 01000000"},
		{"FP 1 a:2 -:0", "00000000 0200000d 01000000 01000000 02000000 00000000 00000000"},
		{"VAR v 1 g", "01000000 0000000e 01000000 01000000"},
		{"DS .d 8 2:0:4", "01000000 0100000f 08000000 02000000 00000000 04000000"},
		{"F f 4", "01000000 00000010 04000000"},
		{"DT t 1; DT t 1 2 kf", "01000000 00000011 01000000 ffffffff 01000000 00000091 01000000 02000000"},
		{"TT t 1", "01000000 00000012 01000000"},
		{"E64 e 8 signed a=-2", "01000000 01000093 08000000 03000000 feffffff ffffffff"},
		{"E64 e 8 unsigned a=0x123456789", "01000000 01000013 08000000 03000000 89674523 01000000"},
		{"P 1 !name=x !vlen=2 !word=3 !kf", "01000000 02000082 03000000"},
		{`W "a; b"; W "a; b"`, "01000000 00000007 00000000 01000000 00000007 00000000"},
	} {
		b := New(false)
		if err := b.Add(tt.note); err != nil {
			t.Errorf("%q: %v", tt.note, err)
		} else if want := unhex(t, tt.want); !bytes.Equal(b.Types, want) {
			t.Errorf("%q:\n got %x\nwant %x", tt.note, b.Types, want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct{ note, want string }{
		{"2 P 1", `"2 P 1": this is type 1`},
		{"1", `"1": no kind`},
		{"X 1", `"X 1": unknown kind "X"`},
		{"P", `"P": too short`},
		{"W", `"W": too short`},
		{"P x", `"P x": "x" is not a number`},
		{"P 1 2", `"P 1 2": "2" is too much`},
		{"P 1 !int=4", `"P 1 !int=4": "!int=4" is too much`},
		{"S s 4 a:1", `"S s 4 a:1": "a:1": has 1 numbers, not 2`},
		{"FP 0 a", `"FP 0 a": "a": has 0 numbers, not 1`},
		{"W a:b", `"W a:b": ":b" after the name`},
		{`W "a`, `"W \"a": quote is not closed`},
		{`W "\q"`, `"W \"\\q\"": invalid syntax`},
	} {
		if _, err := Parse(tt.note); err == nil || err.Error() != tt.want {
			t.Errorf("%q:\n got %v\nwant %s", tt.note, err, tt.want)
		}
	}
}

func TestBytes(t *testing.T) {
	got, err := Parse("I int 4 s")
	if want := unhex(t, "9feb0100 18000000 00000000 10000000 10000000 05000000 01000000 00000001 04000000 20000001 00696e7400"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %x, %v\nwant %x", got, err, want)
	}
	b := New(true)
	b.Layout = []byte{1, 2, 0, 0}
	if err := b.Add("P 0"); err != nil {
		t.Fatal(err)
	}
	if want := unhex(t, "eb9f0100 00000020 00000000 0000000c 00000010 00000001 0000000c 00000004 00000000 02000000 00000000 01020000 00"); !bytes.Equal(b.Bytes(), want) {
		t.Errorf("got %x\nwant %x", b.Bytes(), want)
	}
}

func TestSplit(t *testing.T) {
	base := New(false)
	if err := base.Add("I int 4"); err != nil {
		t.Fatal(err)
	}
	split := base.Split()
	if err := split.Add("2 W int; 3 W x; 4 P 2"); err != nil {
		t.Fatal(err)
	}
	if want := unhex(t, "01000000 00000007 00000000 05000000 00000007 00000000 00000000 00000002 02000000"); !bytes.Equal(split.Types, want) {
		t.Errorf("got %x\nwant %x", split.Types, want)
	}
	if string(split.Strings) != "x\x00" || split.FirstID != 2 || split.NextID != 5 {
		t.Errorf("strings %q, IDs %d to %d", split.Strings, split.FirstID, split.NextID)
	}
	top := split.Split()
	if err := top.Add("5 W x; 6 W y"); err != nil {
		t.Fatal(err)
	}
	if want := unhex(t, "05000000 00000007 00000000 07000000 00000007 00000000"); !bytes.Equal(top.Types, want) {
		t.Errorf("top: got %x\nwant %x", top.Types, want)
	}
}
