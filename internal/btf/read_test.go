// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/btfgen/btfgen/internal/testkit/btfnote"
)

func TestReadByteExamples(t *testing.T) {
	// As libbpf writes them, with a 32-byte header.
	empty := unhex(t, "9feb 01 00 20000000 | 00000000 00000000 00000000 01000000 00000000 00000000 | 00")
	split := unhex(t, `9feb 01 00 20000000 | 00000000 14000000 14000000 04000000 00000000 00000000 |
		01000000 01000006 04000000 03000000 01000000 | 65 00 61 00`)
	base := mustRead(t, empty, nil)
	if base.NumIDs() != 1 || base.FirstID() != 1 || base.StrEnd() != 1 || base.HeaderLen() != 32 || base.HasLayout() {
		t.Errorf("empty base: %d IDs from %d, strings to %d, header %d", base.NumIDs(), base.FirstID(), base.StrEnd(), base.HeaderLen())
	}
	tab := mustRead(t, split, base)
	if got, want := dumpText(t, tab), "1 ENUM e 4 a=1\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if tab.StrBase() != 1 || tab.StrEnd() != 5 || tab.Base() != base {
		t.Errorf("split: strings from %d to %d", tab.StrBase(), tab.StrEnd())
	}
	for _, tt := range []struct{ record, want string }{
		{"00000000 00000001 04000000 20000001", "1 INT - 4 s\n"},
		{"00000000 01000084 04000000 | 00000000 01000000 00000003", "1 STRUCT - 4 kf -:1@0:3\n"},
		{"00000000 00000087 00000000", "1 FWD - u\n"},
	} {
		tab := mustRead(t, Assemble(false, unhex(t, tt.record), nil, []byte{0}), nil)
		if got := dumpText(t, tab); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// edit returns a copy of b with bytes replaced at an offset.
func edit(b []byte, off int, repl ...byte) []byte {
	b = slices.Clone(b)
	copy(b[off:], repl)
	return b
}

func TestReadMalformed(t *testing.T) {
	// Header 24, INT 16, PTR 12, strings 5 bytes.
	good := noteBlob(t, false, "1 I int 4 s; 2 P 1")
	if len(good) != 57 {
		t.Fatalf("%d bytes", len(good))
	}
	// Header 32, PTR of 12 bytes, layout of 2 records, string of 1 byte.
	laid := Assemble(false, unhex(t, "00000000 00000002 00000000"), make([]byte, 8), []byte{0})
	rec := func(s string) []byte { return Assemble(false, unhex(t, s), nil, []byte{0}) }
	unknown := func(layout string) []byte {
		return Assemble(false, unhex(t, "00000000 01000014 00000000"), unhex(t, layout), []byte{0})
	}
	for _, tt := range []struct {
		name string
		in   []byte
		want string
	}{
		{"empty", nil, "btf+0x0: blob of 0 bytes, the header alone has 24"},
		{"short header", good[:23], "btf+0x0: blob of 23 bytes, the header alone has 24"},
		{"magic", edit(good, 0, 0x7f, 'E'), "btf+0x0: magic is 0x457f, not 0xeb9f"},
		{"version", edit(good, 2, 2), "btf+0x2: version is 2, only 1 is known"},
		{"flags", edit(good, 3, 0x80), "btf+0x3: flags are 0x80, only 0 is known"},
		{"hdr_len short", edit(good, 4, 20), "btf+0x4: hdr_len is 20, at least 24 is needed"},
		{"hdr_len long", edit(good, 4, 58), "btf+0x4: hdr_len is 58, the blob has 57 bytes"},
		{"hdr_len huge", edit(good, 4, 0xff, 0xff, 0xff, 0xff), "btf+0x4: hdr_len is 4294967295, the blob has 57 bytes"},
		{"hdr_len 28", edit(good, 4, 28), "btf+0x18: header byte is 0x1, only 0 is known there"},
		{"hdr_len 36", edit(Assemble(false, unhex(t, "00000007"), make([]byte, 4), []byte{0}), 4, 36), "btf+0x23: header byte is 0x7, only 0 is known there"},
		{"type_off unaligned", edit(good, 8, 2), "btf+0x8: types offset 0x2 is not a multiple of 4"},
		{"layout_off unaligned", edit(laid, 24, 13), "btf+0x18: layout offset 0xd is not a multiple of 4"},
		{"layout_len unaligned", edit(laid, 28, 7), "btf+0x1c: layout length 0x7 is not a multiple of 4"},
		{"strings not last", edit(good, 16, 0), "btf+0x10: strings at 0x0, length 0x5, are not the last section of 0x21 bytes"},
		{"trailing, old header", append(slices.Clone(good), 0), "btf+0x10: strings at 0x1c, length 0x5, are not the last section of 0x22 bytes"},
		{"trailing", append(slices.Clone(laid), 0, 0), "btf+0x35: 2 bytes after the last section, strings"},
		{"gap at the start", edit(good, 8, 4), "btf+0x8: types offset 0x4 leaves a gap after the header, which ends at 0x0"},
		{"gap", edit(good, 12, 24), "btf+0x10: strings offset 0x1c leaves a gap after the types, which ends at 0x18"},
		{"overlap", edit(good, 12, 32), "btf+0x10: strings offset 0x1c is inside the types, which ends at 0x20"},
		{"layout overlap", edit(laid, 24, 8), "btf+0x18: layout offset 0x8 is inside the types, which ends at 0xc"},
		{"type_off past the end", edit(laid, 8, 0, 0, 1), "btf+0x18: layout offset 0xc leaves a gap after the header, which ends at 0x0"},
		{"layout_off past the end", edit(laid, 24, 0, 0, 1), "btf+0x10: strings offset 0x14 leaves a gap after the types, which ends at 0xc"},
		{"str_off past the end", edit(laid, 16, 0x16), "btf+0x10: strings offset 0x16 is past the end, 0x15"},
		{"type_len past the end", edit(good, 12, 0, 0, 0, 0x80), "btf+0xc: types length 0x80000000 at 0x0 is past the end, 0x21"},
		{"str_len past the end", edit(laid, 20, 2), "btf+0x14: strings length 0x2 at 0x14 is past the end, 0x15"},
		{"str_len wraps", edit(good, 20, 0xff, 0xff, 0xff, 0xff), "btf+0x10: strings at 0x1c, length 0xffffffff, are not the last section of 0x21 bytes"},

		{"long string", Assemble(false, nil, nil, []byte("\x00"+strings.Repeat("x", maxString+1)+"\x00")), "btf+0x19: string of more than 4096 bytes"},
		{"long string behind others", Assemble(false, nil, nil, []byte("\x00"+strings.Repeat("name\x00", maxString)+strings.Repeat("x", maxString+1)+"\x00")),
			"btf+0x5019: string of more than 4096 bytes"},
		{"no strings", Assemble(false, nil, nil, nil), "btf+0x14: no strings: a blob without a base needs at least the empty one"},
		{"first string", edit(good, 52, 'x'), "btf+0x34: first string is not empty: split BTF needs its base"},
		{"last string", edit(good, 56, 'x'), "btf+0x38: last string is not terminated"},

		{"cut record", edit(edit(good, 12, 24, 0, 0, 0, 24, 0, 0, 0, 9), 48, 0), "btf+0x28: type 2: record of 12 bytes is cut off after 8"},
		{"kind 0", rec("00000000 00000000 00000000"), "btf+0x18: type 1: kind is 0"},
		{"cut int", rec("00000000 00000001 04000000"), "btf+0x18: type 1: INT with vlen 0 has 16 bytes, 12 are left"},
		{"cut members", rec("00000000 02000004 04000000 | 00000000 01000000 00000000"), "btf+0x18: type 1: STRUCT with vlen 2 has 36 bytes, 24 are left"},
		{"vlen of 24 bits", rec("00000000 ffffff04 04000000"), "btf+0x18: type 1: STRUCT with vlen 16777215 has 201326592 bytes, 12 are left"},
		{"unknown kind", rec("00000000 00000014 00000000"), "btf+0x18: type 1: unknown kind 20, and no layout section"},
		{"layout too short", unknown("00000000"), "btf+0x20: type 1: unknown kind 20, the layout section has 1 records"},
		{"layout info size", unknown(strings.Repeat("00000000", 20) + "06000000"), "btf+0x20: type 1: layout of kind 20 has sizes 6 and 0, not multiples of 4"},
		{"layout elem size", unknown(strings.Repeat("00000000", 20) + "00030000"), "btf+0x20: type 1: layout of kind 20 has sizes 0 and 3, not multiples of 4"},
		{"layout size too large", unknown(strings.Repeat("00000000", 20) + "00040000"), "btf+0x20: type 1: KIND20 with vlen 1 has 16 bytes, 12 are left"},

		{"name", rec("01000000 00000002 00000000"), "btf+0x18: type 1: PTR: name offset 0x1, the strings end at 0x1"},
		{"member name", rec("00000000 01000004 04000000 | 01000000 01000000 00000000"), "btf+0x24: type 1: STRUCT: name offset 0x1 of element 0, the strings end at 0x1"},
		{"enum name", rec("00000000 02000006 04000000 | 00000000 00000000 | 05000000 00000000"), "btf+0x2c: type 1: ENUM: name offset 0x5 of element 1, the strings end at 0x1"},
		{"enum64 name", rec("00000000 01000013 08000000 | 05000000 00000000 00000000"), "btf+0x24: type 1: ENUM64: name offset 0x5 of element 0, the strings end at 0x1"},
		{"parameter name", rec("00000000 0100000d 00000000 | 05000000 00000000"), "btf+0x24: type 1: FUNC_PROTO: name offset 0x5 of element 0, the strings end at 0x1"},
		{"unknown kind name", edit(unknown(strings.Repeat("00000000", 21)), 32, 1), "btf+0x20: type 1: KIND20: name offset 0x1, the strings end at 0x1"},
		{"type", rec("00000000 00000002 02000000"), "btf+0x20: type 1: PTR: refers to type 2, the last one is 1"},
		{"fwd type", rec("00000000 00000007 02000000"), "btf+0x20: type 1: FWD: refers to type 2, the last one is 1"},
		{"array elem", rec("00000000 00000003 00000000 | 02000000 00000000 00000000"), "btf+0x24: type 1: ARRAY: refers to type 2, the last one is 1"},
		{"array index", rec("00000000 00000003 00000000 | 00000000 02000000 00000000"), "btf+0x28: type 1: ARRAY: refers to type 2, the last one is 1"},
		{"member type", rec("00000000 01000005 04000000 | 00000000 09000000 00000000"), "btf+0x28: type 1: UNION: refers to type 9, the last one is 1"},
		{"return type", rec("00000000 0000000d 09000000"), "btf+0x20: type 1: FUNC_PROTO: refers to type 9, the last one is 1"},
		{"parameter type", rec("00000000 0100000d 00000000 | 00000000 09000000"), "btf+0x28: type 1: FUNC_PROTO: refers to type 9, the last one is 1"},
		{"entry", rec("00000000 0100000f 04000000 | 09000000 00000000 00000000"), "btf+0x24: type 1: DATASEC: refers to type 9, the last one is 1"},
		{"func of void", rec("00000000 0000000c 00000000"), "btf+0x20: type 1: FUNC: refers to type 0 (VOID), not a FUNC_PROTO"},
		{"func of int", noteBlob(t, false, "1 FN f 2; 2 I int 4"), "btf+0x20: type 1: FUNC: refers to type 2 (INT), not a FUNC_PROTO"},
	} {
		tab, err := Read(tt.in, nil)
		var fe *FormatError
		if tab != nil || !errors.As(err, &fe) || fe.Error() != tt.want {
			t.Errorf("%s:\n got %v\nwant %s", tt.name, err, tt.want)
		}
	}
}

// TestReadCut: no prefix of a blob is a blob, nor does one upset Read.
func TestReadCut(t *testing.T) {
	for _, big := range []bool{false, true} {
		b := noteBlob(t, big, noteAllKinds)
		for n := range b {
			if _, err := Read(b[:n:n], nil); err == nil {
				t.Errorf("big %v: read %d bytes of %d", big, n, len(b))
			}
		}
	}
}

func TestReadSplitErrors(t *testing.T) {
	base := btfnote.New(false)
	if err := base.Add("1 I int 4 s"); err != nil {
		t.Fatal(err)
	}
	bt := mustRead(t, base.Bytes(), nil)
	for _, tt := range []struct {
		name string
		in   []byte
		want string
	}{
		{"byte order", noteBlob(t, true, "1 I int 4"), "btf+0x0: byte order is big-endian, that of the base is little-endian"},
		{"string", Assemble(false, nil, nil, []byte("ab")), "btf+0x19: last string is not terminated"},
		{"ID", Assemble(false, unhex(t, "00000000 00000002 03000000"), nil, nil), "btf+0x20: type 2: PTR: refers to type 3, the last one is 2"},
		{"name", Assemble(false, unhex(t, "05000000 00000002 00000000"), nil, nil), "btf+0x18: type 2: PTR: name offset 0x5, the strings end at 0x5"},
		{"unknown kind", Assemble(false, unhex(t, "00000000 00000014 00000000"), nil, nil), "btf+0x18: type 2: unknown kind 20, and no layout section"},
	} {
		if _, err := Read(tt.in, bt); err == nil || err.Error() != tt.want {
			t.Errorf("%s:\n got %v\nwant %s", tt.name, err, tt.want)
		}
	}
	// Split BTF read without its base.
	s := base.Split()
	if err := s.Add("2 S s 4 m:1@0"); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(s.Bytes(), nil); err == nil || !strings.Contains(err.Error(), "split BTF needs its base") {
		t.Errorf("without its base: %v", err)
	}
}

// TestReadSplitChain: split on split, after libbpf's selftest of split BTF.
func TestReadSplitChain(t *testing.T) {
	for _, big := range []bool{false, true} {
		notes := []string{
			"1 I int 4 s; 2 P 1; 3 S s1 4 f1:1@0",
			"4 S s2 16 f1:3@0 f2:1@32 f3:2@64",
			"5 U u1 16 f1:4@0 uf2:1@0; 6 I int 8",
			"7 C 6; 8 W last s; 9 P 1",
		}
		blob := btfnote.New(big)
		var tab *Table
		for i, note := range notes {
			if i > 0 {
				blob = blob.Split()
			}
			if err := blob.Add(note); err != nil {
				t.Fatal(err)
			}
			tab = mustRead(t, blob.Bytes(), tab)
			if n := len(strings.Split(note, ";")); n != tab.NumIDs()-int(tab.FirstID()) {
				t.Errorf("level %d: %d IDs from %d", i, tab.NumIDs(), tab.FirstID())
			}
		}
		if tab.NumIDs() != 10 || tab.FirstID() != 7 {
			t.Errorf("%d IDs from %d", tab.NumIDs(), tab.FirstID())
		}
		for id, want := range []string{"", "int", "", "s1", "s2", "u1", "int", "", "last", ""} {
			if got := string(tab.Name(ID(id))); got != want {
				t.Errorf("type %d is named %q, want %q", id, got, want)
			}
		}
		u := tab.Type(5)
		if name, typ, _, _ := u.Member(1); string(tab.Str(name)) != "uf2" || typ != 1 {
			t.Errorf("member of type 5: %q, type %d", tab.Str(name), typ)
		}
		if !bytes.Equal(tab.Type(1).Raw(), tab.Base().Base().Base().Types()[:16]) {
			t.Error("type 1 is not the first record of the lowest base")
		}
		if _, ok := tab.Base().Lookup(7); ok {
			t.Error("type 7 is visible in the base")
		}
		if _, ok := tab.Lookup(10); ok {
			t.Error("there is no type 10")
		}
		if typ, ok := tab.Lookup(9); !ok || typ.Kind != KindPtr {
			t.Errorf("type 9: %v, %v", typ.Kind, ok)
		}
		if _, ok := tab.LookupStr(tab.StrEnd()); ok {
			t.Error("there is a string at the end")
		}
		if s, ok := tab.LookupStr(1); !ok || string(s) != "int" {
			t.Errorf("string 1 is %q, %v", s, ok)
		}
	}
}

func TestReadMiddleOfString(t *testing.T) {
	types := make([]byte, 12)
	PutRecord(types, false, 5, KindFwd, false, 0, 0)
	tab := mustRead(t, Assemble(false, types, nil, []byte("\x00bio_vec\x00")), nil)
	if got := string(tab.Name(1)); got != "vec" {
		t.Errorf("got %q", got)
	}
}

func TestReadManyMembers(t *testing.T) {
	const n = 1 << 16
	b := make([]byte, RecordSize(KindEnum, n))
	PutRecord(b, false, 0, KindEnum, false, n, 4)
	for i := range n {
		PutU32(b[12+8*i+4:], false, uint32(i))
	}
	b = append(b, unhex(t, "00000000 00000002 01000000")...)
	tab := mustRead(t, Assemble(false, b, nil, []byte{0}), nil)
	if tab.NumIDs() != 3 || tab.Type(1).Vlen != n || tab.Kind(2) != KindPtr {
		t.Fatalf("%d IDs, vlen %d", tab.NumIDs(), tab.Type(1).Vlen)
	}
	if _, v := tab.Type(1).EnumValue(n - 1); v != n-1 {
		t.Errorf("last value is %d", v)
	}
	checkSwap(t, tab)
}

func TestReadUnknownKinds(t *testing.T) {
	ptr := "00000000 00000002 00000000"
	for _, tt := range []struct {
		name   string
		info   byte
		elem   byte
		record string
		ids    int
	}{
		// A PTR follows; where the record takes 12 bytes more, it is swallowed.
		{"plain", 0, 0, "00000000 00000014 00000000", 3},
		{"info", 12, 0, "00000000 00000014 00000000", 2},
		{"elements", 0, 12, "00000000 01000014 00000000", 2},
		{"kind 20, vlen 0", 0, 12, "00000000 00000014 00000000", 3},
	} {
		layout := append(LayoutSection(false), tt.info, tt.elem, 0, 0)
		b := Assemble(false, unhex(t, tt.record+ptr), layout, []byte{0})
		tab := mustRead(t, b, nil)
		if tab.NumIDs() != tt.ids || tab.NumUnknown() != 1 {
			t.Errorf("%s: %d IDs, %d unknown", tt.name, tab.NumIDs(), tab.NumUnknown())
		}
		if r := tab.Type(1); r.Kind != 20 || r.Kind.Known() || r.IDs().N != 0 || r.ElemNames().N != 0 || r.Kind.String() != "KIND20" {
			t.Errorf("%s: type 1: %v with %d IDs", tt.name, r.Kind, r.IDs().N)
		}
		if !bytes.Equal(tab.Write(), b) {
			t.Errorf("%s: not written as it was read", tt.name)
		}
		// A split blob borrows the layout of its direct base.
		split := mustRead(t, Assemble(false, unhex(t, tt.record+ptr), nil, nil), tab)
		if split.NumIDs() != 2*tt.ids-1 {
			t.Errorf("%s: split: %d IDs", tt.name, split.NumIDs())
		}
		if _, err := Read(Assemble(false, unhex(t, tt.record+ptr), nil, nil), split); err == nil {
			t.Errorf("%s: a base without layout lent one", tt.name)
		}
	}
	layout := append(bytes.Repeat([]byte{0, 0, 0, 0}, 127), 4, 0, 0, 0)
	tab := mustRead(t, Assemble(false, unhex(t, "00000000 0000007f 00000000 aabbccdd"), layout, []byte{0}), nil)
	if got, want := dumpText(t, tab), "1 KIND127 000000000000007f00000000aabbccdd\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReadHugeChain(t *testing.T) {
	tab := readNote(t, "1 I int 4")
	for i := range 1000 {
		tab = mustRead(t, Assemble(false, unhex(t, "00000000 00000002 01000000"), nil, []byte(fmt.Sprintf("s%d\x00", i))), tab)
	}
	if tab.NumIDs() != 1002 || string(tab.Name(1)) != "int" || string(tab.Str(tab.StrBase())) != "s999" {
		t.Errorf("%d IDs, type 1 is %q", tab.NumIDs(), tab.Name(1))
	}
}

// TestReadExtremes: what Read sees on its way and what a second look finds wrong agree, whatever word of the types is changed.
func TestReadExtremes(t *testing.T) {
	for _, big := range []bool{false, true} {
		blob := noteBlob(t, big, noteAllKinds)
		in := mustRead(t, blob, nil)
		refused := 0
		for at := in.typesOff; at < in.typesOff+len(in.types); at += 4 {
			old := getU32(blob[at:], big)
			for _, v := range []uint32{0, 1, uint32(in.NumIDs()) - 1, uint32(in.NumIDs()), uint32(in.StrEnd()) - 1, uint32(in.StrEnd()), 1 << 31, old + 1<<24} {
				PutU32(blob[at:], big, v)
				_, got := Read(blob, nil)
				want := readTwice(blob)
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("word at %#x is %#x: %v, want %v", at, v, got, want)
				}
				if got != nil {
					refused++
				}
			}
			PutU32(blob[at:], big, old)
		}
		if refused < len(in.types)/4 {
			t.Errorf("%d changes refused", refused)
		}
	}
}

// readTwice is Read without trust in the first look.
func readTwice(data []byte) error {
	t, err := ReadUnchecked(data, nil)
	if err != nil {
		return err
	}
	return t.findFault()
}
