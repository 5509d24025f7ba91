// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/btfgen/btfgen/internal/testkit/btfnote"
)

// noteAllKinds has every kind, and every field that can differ.
const noteAllKinds = `
1 I int 4 s
2 P 1
3 A 1 1 10
4 S s1 8 f1:1@0 f2:1@32:16
5 U u1 8 f1:1@0 f2:2@0
6 E e1 4 v1=1 v2=2
7 W fwd s
8 T typedef1 1
9 V 1
10 C 1
11 R 2
12 FN func1 13 g
13 FP 1 p1:1 p2:2 -:0
14 VAR var1 1 g
15 DS .data 12 14:4:4
16 F float 4
17 DT tag1 4 1
18 TT tag2 1
19 E64 e2 8 s v3=-1 v4=0x123456789
20 E e3 4 s v5=-5
21 W fwdu u
22 I field 4 - 3:5
23 I char 1 c; 24 I bool 1 b
25 FN func2 13 s
26 E64 e4 8 v6=0xffffffffffffffff
27 DT tag3 12 -1 kf
`

func noteBlob(tb testing.TB, big bool, note string) []byte {
	tb.Helper()
	b := btfnote.New(big)
	if err := b.Add(note); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func mustRead(tb testing.TB, data []byte, base *Table) *Table {
	tb.Helper()
	t, err := Read(data, base)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func readNote(tb testing.TB, note string) *Table {
	tb.Helper()
	return mustRead(tb, noteBlob(tb, false, note), nil)
}

func dumpText(tb testing.TB, t *Table) string {
	tb.Helper()
	var out strings.Builder
	if err := Dump(&out, t); err != nil {
		tb.Fatal(err)
	}
	return out.String()
}

// checkSwap writes a table in the other byte order and back.
func checkSwap(tb testing.TB, t *Table) {
	tb.Helper()
	swapped, err := t.WriteOrder(!t.Big())
	if err != nil {
		tb.Fatal(err)
	}
	var base *Table
	if t.Base() != nil {
		b, err := t.Base().WriteOrder(!t.Big())
		if err != nil {
			tb.Fatal(err)
		}
		base = mustRead(tb, b, nil)
	}
	other := mustRead(tb, swapped, base)
	if other.Big() == t.Big() || other.NumIDs() != t.NumIDs() {
		tb.Errorf("swapped: big %v with %d IDs, was %v with %d", other.Big(), other.NumIDs(), t.Big(), t.NumIDs())
	}
	if dumpText(tb, other) != dumpText(tb, t) {
		tb.Error("swapped blob reads differently")
	}
	back, err := other.WriteOrder(t.Big())
	if err != nil {
		tb.Fatal(err)
	}
	if !bytes.Equal(back, t.Data()) {
		tb.Error("swapped twice, the bytes differ")
	}
}

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "|", "", "\n", "", "\t", "").Replace(s))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestAssemble(t *testing.T) {
	types, strs := []byte{1, 2, 3, 4}, []byte{0}
	for _, tt := range []struct {
		name   string
		big    bool
		layout []byte
		want   string
	}{
		{"plain", false, nil, "9feb0100 18000000 00000000 04000000 04000000 01000000 01020304 00"},
		{"big", true, nil, "eb9f0100 00000018 00000000 00000004 00000004 00000001 01020304 00"},
		{"layout", false, []byte{9, 9, 9, 9}, "9feb0100 20000000 00000000 04000000 08000000 01000000 04000000 04000000 01020304 09090909 00"},
		{"layout big", true, []byte{9, 9, 9, 9}, "eb9f0100 00000020 00000000 00000004 00000008 00000001 00000004 00000004 01020304 09090909 00"},
	} {
		if got, want := Assemble(tt.big, types, tt.layout, strs), unhex(t, tt.want); !bytes.Equal(got, want) {
			t.Errorf("%s:\n got %x\nwant %x", tt.name, got, want)
		}
	}
}

func TestLayoutSection(t *testing.T) {
	// info_sz, elem_sz of the kinds 0 to 19, as libbpf writes them.
	want := unhex(t, `0000 0400 0000 0c00 000c 000c 0008 0000 0000 0000
		0000 0000 0000 0008 0400 000c 0000 0400 0000 000c`)
	for _, big := range []bool{false, true} {
		got := LayoutSection(big)
		if len(got) != 80 {
			t.Fatalf("%d bytes", len(got))
		}
		for k := range want[:20] {
			if g, w := got[4*k:4*k+4], []byte{want[2*k], want[2*k+1], 0, 0}; !bytes.Equal(g, w) {
				t.Errorf("big %v: kind %d: got %x, want %x", big, k, g, w)
			}
		}
	}
	b := Assemble(false, nil, LayoutSection(false), []byte{0})
	tab := mustRead(t, b, nil)
	if !tab.HasLayout() || tab.HeaderLen() != 32 || !bytes.Equal(tab.Layout(), LayoutSection(false)) {
		t.Errorf("read back: layout %v, header %d", tab.HasLayout(), tab.HeaderLen())
	}
	checkSwap(t, tab)
}

func TestPutRecord(t *testing.T) {
	for _, tt := range []struct {
		big  bool
		want string
	}{
		{false, "04030201 03000084 44332211"},
		{true, "01020304 84000003 11223344"},
	} {
		got := make([]byte, 12)
		PutRecord(got, tt.big, 0x01020304, KindStruct, true, 3, 0x11223344)
		if want := unhex(t, tt.want); !bytes.Equal(got, want) {
			t.Errorf("big %v: got %x, want %x", tt.big, got, want)
		}
	}
}

func TestWriteKeepsBlob(t *testing.T) {
	note := "1 I int 4 s; 2 P 1; 3 S s 4 kf m:1@0:3"
	types := readNote(t, note).Types()
	strs := readNote(t, note).Strings()
	hdr32 := unhex(t, "9feb0100 20000000 00000000 34000000 34000000 09000000 00000000 00000000")
	hdr40 := unhex(t, "9feb0100 28000000 00000000 34000000 34000000 09000000 00000000 00000000 00000000 00000000")
	odd := unhex(t, "9feb0100 1b000000 00000000 34000000 34000000 09000000 000000")
	// strings, layout, types: only the kernel takes that order.
	mixed := unhex(t, "9feb0100 20000000 0c000000 34000000 00000000 09000000 00000000 00000000")
	for name, b := range map[string][]byte{
		"24":    noteBlob(t, false, note),
		"big":   noteBlob(t, true, note),
		"32":    bytes.Join([][]byte{hdr32, types, strs}, nil),
		"40":    bytes.Join([][]byte{hdr40, types, strs}, nil),
		"27":    bytes.Join([][]byte{odd, types, strs}, nil),
		"mixed": bytes.Join([][]byte{mixed, append(bytes.Clone(strs), 0, 0, 0), types}, nil),
	} {
		if name == "mixed" {
			b[20] = 12 // the padding is part of the strings
		}
		tab, err := Read(b, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := dumpText(t, tab); got != dumpText(t, readNote(t, note)) {
			t.Errorf("%s: reads as\n%s", name, got)
		}
		w := tab.Write()
		if !bytes.Equal(w, b) {
			t.Errorf("%s: not written as it was read", name)
		}
		w[0]++
		if tab.Data()[0] == w[0] {
			t.Errorf("%s: the copy aliases the input", name)
		}
		checkSwap(t, tab)
	}
}

func TestWriteOrderAllKinds(t *testing.T) {
	tab := readNote(t, noteAllKinds)
	checkSwap(t, tab)
	big := noteBlob(t, true, noteAllKinds)
	if got, err := tab.WriteOrder(true); err != nil || !bytes.Equal(got, big) {
		t.Errorf("swapped to\n%x, want\n%x, error %v", got, big, err)
	}
	seen := map[Kind]bool{}
	for id := tab.FirstID(); int(id) < tab.NumIDs(); id++ {
		seen[tab.Kind(id)] = true
	}
	if len(seen) != numKinds-1 {
		t.Errorf("the note has %d kinds, want %d", len(seen), numKinds-1)
	}
}

func TestWriteOrderUnknownKind(t *testing.T) {
	layout := append(LayoutSection(false), 0, 0, 0, 0)
	types := unhex(t, "00000000 00000002 00000000 | 00000000 00000014 00000000")
	tab := mustRead(t, Assemble(false, types, layout, []byte{0}), nil)
	_, err := tab.WriteOrder(true)
	var fe *FormatError
	if !errors.As(err, &fe) || fe.ID != 2 || fe.Off != 44 {
		t.Errorf("got %v", err)
	}
	if want := "btf+0x2c: type 2: kind 20 is unknown, its byte order cannot be changed"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if got, err := tab.WriteOrder(false); err != nil || !bytes.Equal(got, tab.Data()) {
		t.Errorf("same order: %v", err)
	}
}
