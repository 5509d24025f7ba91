// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/btfgen/btfgen/internal/testkit"
	"github.com/google/go-cmp/cmp"
)

var (
	btfData  = bytes.Repeat([]byte("btf!x"), 21)
	baseData = bytes.Repeat([]byte("base"), 11)
)

func TestReplace(t *testing.T) {
	variants(t, func(t *testing.T, v variant) {
		b := sample(v).Assemble().Data
		ids := []byte("twelve bytes")
		out := edit(t, b, Replace(".BTF_ids", ids))
		at := bytes.Index(out, ids)
		if at < 0 {
			t.Fatal("the new contents are not there")
		}
		want := bytes.Clone(b)
		copy(want[at:], ids)
		if !bytes.Equal(out, want) {
			t.Error("more than the section has changed")
		}
		p := parse(t, out)
		if got := p.one(t, ".BTF_ids").data; got != string(ids) {
			t.Errorf(".BTF_ids is %q", got)
		}
	})
}

func TestSet(t *testing.T) {
	variants(t, func(t *testing.T, v variant) {
		b := sample(v).Assemble().Data
		before := parse(t, b)
		out := edit(t, b, Set(".BTF", btfData), Set(".BTF.base", baseData))
		after := parse(t, out)
		n := len(before.names)
		for i := range n {
			if before.names[i] == ".shstrtab" {
				continue
			}
			if d := cmp.Diff(before.sections[i], after.sections[i], cmp.AllowUnexported(content{})); d != "" || before.offs[i] != after.offs[i] {
				t.Errorf("%s at %#x, was at %#x:\n%s", before.names[i], after.offs[i], before.offs[i], d)
			}
		}
		if d := cmp.Diff(append(before.names, ".BTF", ".BTF.base"), after.names); d != "" {
			t.Error(d)
		}
		for i, data := range [][]byte{btfData, baseData} {
			want := content{elf.SHT_PROGBITS, 0, 4, string(data)}
			if d := cmp.Diff(want, after.sections[n+i], cmp.AllowUnexported(content{})); d != "" || after.offs[n+i]%4 != 0 {
				t.Errorf("%s at %#x:\n%s", after.names[n+i], after.offs[n+i], d)
			}
		}
		if d := cmp.Diff(symbolNames(t, b), symbolNames(t, out)); d != "" {
			t.Error(d)
		}
		// The other order has other indexes in a new file, and the same in this.
		if again := editOnce(t, out, Set(".BTF.base", baseData), Set(".BTF", btfData)); !bytes.Equal(out, again) {
			t.Error("the order of edits of sections that are there matters")
		}
	})
}

// TestSetSizes gives a section contents of many lengths in turn. The file must be as long
// as if it had had the last ones only.
func TestSetSizes(t *testing.T) {
	b := sample(le64).Assemble().Data
	first := edit(t, b, Set(".BTF", btfData), Set(".BTF.base", baseData))
	out := first
	for _, n := range []int{0, 1, 5000, 3, 4, len(btfData)} {
		out = edit(t, out, Set(".BTF", bytes.Repeat([]byte{7}, n)))
	}
	out = edit(t, out, Set(".BTF", btfData), Set(".BTF.base", baseData[:8]))
	out = edit(t, out, Set(".BTF", btfData[:9]), Set(".BTF.base", baseData))
	out = edit(t, out, Set(".BTF", btfData))
	if len(out) != len(first) {
		t.Errorf("%d bytes in the end, %d at first", len(out), len(first))
	}
	p := parse(t, out)
	if p.one(t, ".BTF").data != string(btfData) || p.one(t, ".BTF.base").data != string(baseData) {
		t.Error("other contents in the end")
	}
}

// TestSetInTheMiddle replaces a section as objcopy adds it: before the symbols, at
// an odd offset, or before sections that are loaded.
func TestSetInTheMiddle(t *testing.T) {
	e := sample(le64)
	e.Sections = append(e.Sections, testkit.Section{Name: ".odd", Data: []byte("x")},
		testkit.Section{Name: ".BTF", Data: bytes.Repeat([]byte("old "), 500)})
	for i := range e.Sections {
		if e.Sections[i].Link == 14 {
			e.Sections[i].Link = 16
		}
	}
	b := e.Assemble().Data
	before := parse(t, b)
	out := edit(t, b, Set(".BTF", btfData))
	after := parse(t, out)
	if len(b)-len(out) < 1800 {
		t.Errorf("%d bytes, %d before: the room of the old contents is not used", len(out), len(b))
	}
	for i := range before.names {
		if before.names[i] == ".BTF" {
			continue
		}
		if before.sections[i] != after.sections[i] {
			t.Errorf("%s differs", before.names[i])
		}
		if before.sections[i].flags&elf.SHF_ALLOC != 0 && before.offs[i] != after.offs[i] {
			t.Errorf("%s has moved", before.names[i])
		}
	}

	e.Sections = append(e.Sections, testkit.Section{Name: ".late", Flags: elf.SHF_ALLOC, Data: []byte("late"), Align: 64})
	for i := range e.Sections {
		if e.Sections[i].Link == 16 {
			e.Sections[i].Link = 17
		}
	}
	b = e.Assemble().Data
	before = parse(t, b)
	out = edit(t, b, Set(".BTF", btfData))
	after = parse(t, out)
	i := slices.Index(before.names, ".late")
	if before.offs[i] != after.offs[i] {
		t.Error("a loaded section has moved")
	}
	if bytes.Contains(out, []byte("old ")) {
		t.Error("the old contents are still in the file")
	}
	first := len(out)
	for n := range 5 {
		out = edit(t, out, Set(".BTF", btfData[:50+n]))
	}
	if len(out) > first {
		t.Errorf("the file has grown from %d to %d bytes", first, len(out))
	}
}

func TestRemove(t *testing.T) {
	variants(t, func(t *testing.T, v variant) {
		b := sample(v).Assemble().Data
		first := edit(t, b, Set(".BTF", btfData))
		both := edit(t, b, Set(".BTF", btfData), Set(".BTF.base", baseData))
		out := edit(t, both, Remove(".BTF.base"), Remove(".no_such"))
		after := parse(t, out)
		if d := cmp.Diff(parse(t, first).names, after.names); d != "" {
			t.Error(d)
		}
		if after.one(t, ".BTF").data != string(btfData) {
			t.Error(".BTF has changed")
		}
		if d := cmp.Diff(symbolNames(t, b), symbolNames(t, out)); d != "" {
			t.Error(d)
		}
	})
}

// TestManySections crosses the number from which extended numbering is needed, in
// both directions.
func TestManySections(t *testing.T) {
	v := le64
	e := sample(v)
	symtab := uint32(0xfeff - 4)
	for i := range e.Sections {
		if e.Sections[i].Link == 14 {
			e.Sections[i].Link = symtab
		}
	}
	for n := len(e.Sections) + 1; n < int(symtab); n++ {
		e.Sections = append(e.Sections, testkit.Section{Name: ".x", Flags: elf.SHF_ALLOC})
	}
	b := e.Assemble().Data
	if n := len(parse(t, b).names); n != 0xfeff-1 {
		t.Fatalf("%d sections", n)
	}
	out := edit(t, b, Set(".BTF", btfData))
	out = edit(t, out, Set(".BTF.base", baseData), Set(".note", nil))
	p := parse(t, out)
	if n := len(p.names); n != 0xfeff+2 {
		t.Errorf("%d sections", n)
	}
	if p.one(t, ".BTF.base").data != string(baseData) {
		t.Error(".BTF.base has other contents")
	}
	out = edit(t, out, Remove(".note"), Remove(".BTF.base"), Remove(".BTF"))
	if d := cmp.Diff(symbolNames(t, b), symbolNames(t, out)); d != "" || len(parse(t, out).names) != 0xfeff-1 {
		t.Errorf("removed again, the file has %d sections %s", len(parse(t, out).names), d)
	}

	// Symbols in sections beyond the reserved indexes, which come below them.
	e.Sections = append(e.Sections, testkit.Section{Name: ".high", Flags: elf.SHF_ALLOC, Data: []byte("high")})
	for range 300 {
		e.Sections = append(e.Sections, testkit.Section{Name: ".higher", Flags: elf.SHF_ALLOC})
	}
	high := len(e.Sections)
	e.Symbols = append(e.Symbols, testkit.Symbol{Name: "high", Bind: elf.STB_GLOBAL, Section: high})
	for i := range e.Sections {
		if e.Sections[i].Link == symtab {
			e.Sections[i].Link = uint32(high) + 1
		}
	}
	b = e.Assemble().Data
	out = edit(t, b, StripDebug())
	if got := symbolNames(t, out); !slices.Contains(got, "high@.higher") {
		t.Errorf("symbols are %q", got)
	}
}

func TestErrors(t *testing.T) {
	big := testkit.Section{Name: ".big", Data: bytes.Repeat([]byte{1}, 200)}
	extra := func(s ...testkit.Section) *testkit.ELF {
		return &testkit.ELF{Sections: append([]testkit.Section{{Name: ".text", Flags: elf.SHF_ALLOC, Data: []byte("text")}, big}, s...),
			Symbols: []testkit.Symbol{{Name: "f", Section: 1}}}
	}
	plain := extra().Assemble().Data
	// patched is extra with a field of the section .big changed.
	patched := func(f testkit.Field, value uint64) []byte {
		m := extra().Assemble()
		m.SetShdr(m.Index(".big"), f, value)
		return m.Data
	}
	ofType := func(typ elf.Type) []byte {
		e := extra()
		e.Type = typ
		return e.Assemble().Data
	}
	noNames := func() []byte {
		m := extra().Assemble()
		m.SetHeader(testkit.EShStrNdx, 0)
		return m.Data
	}
	noTable := func() []byte {
		m := extra().Assemble()
		m.SetHeader(testkit.EShStrNdx, 0)
		m.SetHeader(testkit.EShNum, 0)
		m.SetHeader(testkit.EShOff, 0)
		return m.Data
	}
	same := bytes.Repeat([]byte{2}, 200)
	stripped := func(change func(e *testkit.ELF)) []byte {
		e := sample(le64)
		change(e)
		return e.Assemble().Data
	}
	tests := []struct {
		name  string
		in    []byte
		edits []Edit
		want  string
	}{
		{"not ELF", []byte("#!/bin/sh"), nil, "not an ELF file"},
		{"empty", nil, nil, "not an ELF file"},
		{"core", ofType(elf.ET_CORE), []Edit{Set(".BTF", nil)}, "e_type is ET_CORE"},
		{"zero edit", plain, []Edit{{}}, "edit without a kind"},
		{"empty name", plain, []Edit{Set("", nil)}, `"" cannot be the name of a section`},
		{"NUL in the name", plain, []Edit{Set(".a\x00b", nil)}, "cannot be the name"},
		{"replace: absent", plain, []Edit{Replace(".BTF_ids", nil)}, "no section .BTF_ids"},
		{"replace: other size", plain, []Edit{Replace(".big", same[:4])}, ".big+0x0: has 200 bytes, it cannot be replaced by 4"},
		{"replace: NOBITS", patched(testkit.ShType, uint64(elf.SHT_NOBITS)), []Edit{Replace(".big", same)}, ".big+0x0: SHT_NOBITS has no contents"},
		{"replace: NULL", patched(testkit.ShType, 0), []Edit{Replace(".big", same)}, ".big+0x0: SHT_NULL has no contents"},
		{"replace: compressed", patched(testkit.ShFlags, uint64(elf.SHF_COMPRESSED)), []Edit{Replace(".big", same)}, ".big+0x0: is compressed"},
		{"replace: names", plain, []Edit{Replace(".shstrtab", same)}, "holds the names of the sections"},
		{"replace: outside", patched(testkit.ShOffset, 1<<40), []Edit{Replace(".big", same)}, ".big+0x0: 200 bytes at file offset 0x10000000000 do not fit"},
		{"replace: wrapping", patched(testkit.ShOffset, 1<<64-8), []Edit{Replace(".big", same)}, "do not fit the file"},
		{"replace: over the header", patched(testkit.ShOffset, 60), []Edit{Replace(".big", same)}, ".big at file offset 0x3c overlaps ELF header"},
		{"replace: over a section", patched(testkit.ShOffset, 66), []Edit{Replace(".big", same)}, ".big at file offset 0x42 overlaps .text, which ends at 0x44"},
		{"replace: over the headers", patched(testkit.ShOffset, uint64(len(plain)-210)), []Edit{Replace(".big", same)}, "overlaps section header table"},
		{"set: overlap elsewhere", patched(testkit.ShOffset, 66), []Edit{Set(".BTF", same)}, "overlaps .text"},
		{"set: outside", patched(testkit.ShSize, 1<<30), []Edit{Set(".BTF", same)}, "do not fit the file"},
		{"set: two of the name", extra(big).Assemble().Data, []Edit{Set(".big", same)}, "sections 2 and 3 are both named .big"},
		{"set: symbol table", plain, []Edit{Set(".symtab", same)}, ".symtab+0x0: is of type SHT_SYMTAB"},
		{"set: group", patched(testkit.ShFlags, uint64(elf.SHF_GROUP)), []Edit{Set(".big", same)}, "is a member of a group"},
		{"set: relocated", extra(le64.relas(".rela.big", 4, 2, le64.reloc(0, 0))).Assemble().Data, []Edit{Set(".big", same)}, "relocations in .rela.big apply"},
		{"set: no names", noNames(), []Edit{Set(".BTF", same)}, "no section name table"},
		{"set: no headers", noTable(), []Edit{Set(".BTF", same)}, "no section headers"},
		{"set: data behind", append(bytes.Clone(plain), "\x00\x00more"...), []Edit{Set(".BTF", same)}, "belong to no section"},
		{"set: loaded", edit(t, ofType(elf.ET_EXEC), Set(".BTF", nil)), []Edit{Set(".text", same)}, ".text+0x0: has 4 bytes and is part of a segment, it cannot have 200"},
		{"remove: loaded", plain, []Edit{Remove(".text")}, ".text+0x0: is loaded"},
		{"remove: names", plain, []Edit{Remove(".shstrtab")}, "holds the names"},
		{"remove: linked to", plain, []Edit{Remove(".strtab")}, ".symtab+0x0: sh_link is section 4, .strtab, which is to be removed"},
		{"strip: needed symbol", stripped(func(e *testkit.ELF) {
			e.Sections[3] = le64.relas(".rela.text", 14, 1, le64.reloc(4, symRodata), le64.reloc(8, symLabel))
		}), []Edit{StripDebug()}, ".rela.text+0x18: relocation against symbol 5, which is to be removed"},
		{"strip: bad symbol", stripped(func(e *testkit.ELF) {
			e.Sections[3] = le64.relas(".rela.text", 14, 1, le64.reloc(4, 99))
		}), []Edit{StripDebug()}, ".rela.text+0x0: relocation against symbol 99, there are 10"},
		{"strip: bad entry size", stripped(func(e *testkit.ELF) { e.Sections[3].EntSize = 8 }), []Edit{StripDebug()}, ".rela.text+0x0: 72 bytes of relocations with sh_entsize 8"},
		{"strip: compact relocations", stripped(func(e *testkit.ELF) { e.Sections[3].Type = shtCrel }), []Edit{StripDebug()}, "may refer to symbols by index"},
		{"strip: bad link", stripped(func(e *testkit.ELF) { e.Sections[10].Link = 77 }), []Edit{StripDebug()}, "__order+0x0: sh_link is 77, there are 17 sections"},
		{"strip: linked to debug", stripped(func(e *testkit.ELF) { e.Sections[10].Link = 2 }), []Edit{StripDebug()}, "sh_link is section 2, .debug_info, which is to be removed"},
		{"strip: bad group", stripped(func(e *testkit.ELF) { e.Sections[6].Data = le64.words(0, 99) }), []Edit{StripDebug()}, ".group+0x4: member 99 of the group"},
		{"strip: empty group", stripped(func(e *testkit.ELF) { e.Sections[6].Data = nil }), []Edit{StripDebug()}, "a group of 0 bytes"},
		{"strip: group without symbol", stripped(func(e *testkit.ELF) { e.Sections[6].Info = symLabel }), []Edit{StripDebug()}, "sh_info is symbol 5, which is to be removed"},
		{"strip: two symbol tables", stripped(func(e *testkit.ELF) {
			e.Sections[12] = testkit.Section{Name: ".symtab2", Type: elf.SHT_SYMTAB, EntSize: 24}
		}), []Edit{StripDebug()}, "second symbol table"},
		{"strip: dynamic symbol", stripped(func(e *testkit.ELF) {
			e.Sections[12] = testkit.Section{Name: ".dynsym", Type: elf.SHT_DYNSYM, EntSize: 24,
				Data: append(make([]byte, 24+6), append([]byte{2}, make([]byte, 17)...)...)}
		}), []Edit{StripDebug()}, ".dynsym+0x18: dynamic symbol 1 is in section 2, .debug_info"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := NewPlan(bytes.NewReader(tt.in), int64(len(tt.in)), tt.edits...)
			if err == nil || p != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("plan %v, error %v, want %q", p != nil, err, tt.want)
			}
		})
	}
}

// TestOverlay sets a section within a segment to as many bytes, which changes those alone.
func TestOverlay(t *testing.T) {
	e := &testkit.ELF{Type: elf.ET_EXEC, Sections: []testkit.Section{
		{Name: ".BTF", Flags: elf.SHF_ALLOC, Addr: 4096, Data: []byte("old contents"), Align: 8},
		{Name: ".debug_info", Data: []byte("info")},
	}}
	b := e.Assemble().Data
	out := edit(t, b, Set(".BTF", []byte("new contents")))
	if want := bytes.Replace(b, []byte("old"), []byte("new"), 1); !bytes.Equal(out, want) {
		t.Error("more than the contents has changed")
	}
	out = edit(t, b, Set(".BTF.ext", btfData), StripDebug(), Replace(".BTF", []byte("new contents")))
	p := parse(t, out)
	if d := cmp.Diff([]string{"", ".BTF", ".shstrtab", ".BTF.ext"}, p.names); d != "" {
		t.Error(d)
	}
	if p.one(t, ".BTF").data != "new contents" || p.one(t, ".BTF.ext").data != string(btfData) {
		t.Error("other contents")
	}
}

func TestSignature(t *testing.T) {
	b := sample(le64).Assemble().Data
	sign := func(b []byte, n int) []byte {
		b = append(bytes.Clone(b), bytes.Repeat([]byte{0x5a}, n)...)
		b = append(b, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, byte(n>>8), byte(n))
		return append(b, sigMarker...)
	}
	signed := sign(b, 300)
	for _, e := range []Edit{Set(".BTF", btfData), Replace(".BTF_ids", make([]byte, 12)), StripDebug()} {
		_, err := NewPlan(bytes.NewReader(signed), int64(len(signed)), e)
		if err == nil || !strings.Contains(err.Error(), "the module is signed: 340 bytes") {
			t.Errorf("error %v", err)
		}
	}
	if out := edit(t, signed, DropSignature()); !bytes.Equal(out, b) {
		t.Error("without its signature the file is not what was signed")
	}
	want := edit(t, b, Set(".BTF", btfData))
	if out := edit(t, sign(signed, 5), Set(".BTF", btfData), DropSignature()); !bytes.Equal(out, want) {
		t.Error("signed twice, edited, differs from edited")
	}
	forged := append([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff"), sigMarker...)
	if _, err := NewPlan(bytes.NewReader(forged), int64(len(forged)), DropSignature()); err == nil || !strings.Contains(err.Error(), "module signature of 4294967295 bytes") {
		t.Errorf("error %v", err)
	}
}

// TestReadAt reads a plan in pieces of all sizes.
func TestReadAt(t *testing.T) {
	b := sample(le64).Assemble().Data
	p, err := NewPlan(bytes.NewReader(b), int64(len(b)), Set(".BTF", btfData), StripDebug())
	if err != nil {
		t.Fatal(err)
	}
	want, err := p.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(want); n += 1 + n/7 {
		var got []byte
		buf := make([]byte, n)
		for {
			k, err := p.ReadAt(buf, int64(len(got)))
			got = append(got, buf[:k]...)
			if err == io.EOF {
				break
			}
			if err != nil || k != n {
				t.Fatalf("%d bytes, %v", k, err)
			}
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("in pieces of %d bytes the result differs", n)
		}
	}
	if _, err := p.ReadAt(nil, -1); err == nil {
		t.Error("read before the start")
	}
	// A plan of a plan.
	q, err := NewPlan(p, p.Size(), Remove(".BTF"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := q.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if names := parse(t, got).names; slices.Contains(names, ".BTF") {
		t.Error(fmt.Sprint(names))
	}
}
