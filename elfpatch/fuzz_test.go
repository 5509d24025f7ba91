// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"bytes"
	"debug/elf"
	"testing"

	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/testkit"
)

// fuzzEdits are the edits of one fuzz run, a bit of which each is in the list.
var fuzzEdits = []Edit{
	Set(".BTF", btfData),
	Set(".BTF.base", baseData[:11]),
	StripDebug(),
	Remove(".BTF"),
	Replace(".BTF_ids", []byte("twelve bytes")),
	DropSignature(),
	Remove(".comment"),
}

// FuzzPlan edits any bytes. What is accepted must read back: what an edit names is as
// it says, every other section has the contents that it had, and the same edits change nothing more.
func FuzzPlan(f *testing.F) {
	for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
		for _, big := range []bool{false, true} {
			v := variant{class, big, big}
			b := sample(v).Assemble().Data
			f.Add(b, uint8(1|4|16))
			linked := sample(v)
			linked.Type = elf.ET_DYN
			linked.Sections = append(linked.Sections[:2:2], testkit.Section{Name: ".BTF", Flags: elf.SHF_ALLOC, Data: btfData})
			linked.Symbols = nil
			f.Add(linked.Assemble().Data, uint8(1|2|4))
			b, err := planBytes(b, []Edit{fuzzEdits[0], fuzzEdits[1]})
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b, uint8(2|8|64))
			f.Add(append(b, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"+sigMarker...), uint8(1|32))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, which uint8) {
		if len(b) > 1<<16 {
			return
		}
		var edits []Edit
		for i, e := range fuzzEdits {
			if which>>i&1 != 0 {
				edits = append(edits, e)
			}
		}
		in := bytes.Clone(b)
		out, err := planBytes(b, edits)
		if !bytes.Equal(b, in) {
			t.Fatal("the input was written to")
		}
		if err != nil {
			if out != nil {
				t.Fatalf("a plan beside %v", err)
			}
			return
		}
		if len(out) > len(b)+1024 {
			t.Fatalf("%d bytes have become %d", len(b), len(out))
		}
		checkFuzzed(t, b, out, which)
		again, err := planBytes(out, edits)
		if err != nil {
			t.Fatalf("edited again: %v", err)
		}
		if !bytes.Equal(again, out) {
			t.Fatal("edited again, it differs")
		}
	})
}

func planBytes(b []byte, edits []Edit) ([]byte, error) {
	p, err := NewPlan(bytes.NewReader(b), int64(len(b)), edits...)
	if err != nil {
		return nil, err
	}
	return p.Bytes()
}

// checkFuzzed compares the sections of a file before and after fuzzEdits.
func checkFuzzed(t *testing.T, b, out []byte, which uint8) {
	before, err := elfview.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	after, err := elfview.New(bytes.NewReader(out), int64(len(out)))
	if err != nil {
		t.Fatalf("the result cannot be read: %v", err)
	}
	edited := map[string]bool{".BTF": which&9 != 0, ".BTF.base": which&2 != 0, ".BTF_ids": which&16 != 0, ".comment": which&64 != 0}
	contents := func(f *elfview.File, s *elfview.Section) string {
		data := make([]byte, min(s.FileSize, f.FileSize))
		if s.Type == elf.SHT_NOBITS || f.Compressed(s) || f.ReadAt(s, data, 0) != nil {
			return "none"
		}
		return string(data)
	}
	j := 1
	for i := 1; i < len(before.Sections); i++ {
		s := &before.Sections[i]
		if edited[s.Name] || i == before.ShStrNdx {
			continue
		}
		for j < len(after.Sections) && (edited[after.Sections[j].Name] || j == after.ShStrNdx) {
			j++
		}
		if which&4 != 0 {
			// Sections go, and those with indexes in them are rewritten.
			if isDebug(s) || isReloc(s.Type) || s.Type == elf.SHT_GROUP {
				for j < len(after.Sections) && (isReloc(after.Sections[j].Type) || after.Sections[j].Type == elf.SHT_GROUP) {
					j++
				}
				continue
			}
			for j < len(after.Sections) && (isReloc(after.Sections[j].Type) || after.Sections[j].Type == elf.SHT_GROUP ||
				edited[after.Sections[j].Name] || j == after.ShStrNdx || isDebug(&after.Sections[j])) {
				j++
			}
		}
		if j == len(after.Sections) {
			t.Fatalf("section %d, %s, is gone", i, s.Name)
		}
		got := &after.Sections[j]
		j++
		if got.Name != s.Name || got.Type != s.Type || got.Flags != s.Flags || got.Align != s.Align {
			t.Fatalf("section %d is %+v, was %+v", i, got, s)
		}
		if s.Type == elf.SHT_SYMTAB || s.Type == elf.SHT_SYMTAB_SHNDX || s.Type == elf.SHT_DYNSYM {
			continue
		}
		if contents(after, got) != contents(before, s) {
			t.Fatalf("section %d, %s, has other contents", i, s.Name)
		}
	}
}
