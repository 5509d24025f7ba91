// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"bytes"
	"debug/elf"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/testkit"
	"github.com/btfgen/btfgen/internal/testkit/btfnote"
)

// part is what one macro of include/linux/btf_ids.h puts into .BTF_ids.
type part struct {
	set   string   // name of a set; "" for a list
	pairs bool     // set8
	flags uint32   // of a set8
	ids   []string // "func f", "struct s 0x5" with the flags in a set8, or "-" for a word without symbol
}

func list(ids ...string) part               { return part{ids: ids} }
func idSet(name string, ids ...string) part { return part{set: name, ids: ids} }
func set8(name string, flags uint32, ids ...string) part {
	return part{set: name, pairs: true, flags: flags, ids: ids}
}

// kfuncs is a set8 of kfuncs.
func kfuncs(name string, ids ...string) part { return set8(name, setOfKfuncs, ids...) }

// layOut returns the words of parts as a compiler leaves them, and their symbols, which are in section 1 at addr.
func layOut(parts []part, addr uint64) (words []uint32, symbols []testkit.Symbol) {
	unique := 100
	here := func() uint64 { return addr + 4*uint64(len(words)) }
	for _, p := range parts {
		size := 4
		if p.set != "" {
			kind := "set"
			if p.pairs {
				kind, size = "set8", 8
			}
			symbols = append(symbols, testkit.Symbol{Name: symbolPrefix + kind + "__" + p.set, Section: 1, Value: here(), Size: uint64(size * (len(p.ids) + 1))})
			words = append(words, 0)
		}
		if p.pairs {
			words = append(words, p.flags)
		}
		for _, id := range p.ids {
			f := strings.Fields(id)
			if len(f) > 1 {
				unique++
				name := fmt.Sprintf("%s%s__%s__%d", symbolPrefix, f[0], f[1], unique)
				symbols = append(symbols, testkit.Symbol{Name: name, Type: elf.STT_OBJECT, Section: 1, Value: here(), Size: 4})
			}
			words = append(words, 0)
			if p.pairs {
				flags := uint64(0)
				if len(f) > 2 {
					flags, _ = strconv.ParseUint(f[2], 0, 32)
				}
				words = append(words, uint32(flags))
			}
		}
	}
	return words, symbols
}

func wordBytes(words []uint32, big bool) []byte {
	b := make([]byte, 4*len(words))
	for i, w := range words {
		btf.PutU32(b[4*i:], big, w)
	}
	return b
}

// imageOf returns an ELF file with .BTF_ids; an address makes it an executable.
func imageOf(parts []part, big bool, addr uint64) []byte {
	words, symbols := layOut(parts, addr)
	e := testkit.ELF{Big: big, Symbols: symbols, Symtab: true,
		Sections: []testkit.Section{{Name: sectionName, Flags: elf.SHF_ALLOC, Addr: addr, Data: wordBytes(words, big)}}}
	if addr != 0 {
		e.Type = elf.ET_EXEC
	}
	if big {
		e.Machine = elf.EM_S390
	}
	return e.Assemble().Data
}

func open(t testing.TB, image []byte) *elfview.File {
	t.Helper()
	f, err := elfview.New(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// mustReadIDs returns .BTF_ids of the parts.
func mustReadIDs(t testing.TB, parts []part, big bool) *IDs {
	t.Helper()
	x, err := ReadIDs(open(t, imageOf(parts, big, 0)))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// blobs returns the BTF of a note, split against that of another note unless this is "".
func blobs(t testing.TB, note, base string, big bool) (blob, baseBlob []byte) {
	t.Helper()
	b := btfnote.New(big)
	if base != "" {
		if err := b.Add(base); err != nil {
			t.Fatal(err)
		}
		baseBlob = b.Bytes()
		b = b.Split()
	}
	if err := b.Add(note); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), baseBlob
}

func mustRead(t testing.TB, blob []byte, base *btf.Table) *btf.Table {
	t.Helper()
	tab, err := btf.Read(blob, base)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// dump returns the types of a table as text.
func dump(t testing.TB, tab *btf.Table) string {
	t.Helper()
	var b strings.Builder
	if err := btf.Dump(&b, tab); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// dumpNote returns the text that the types of a note have.
func dumpNote(t testing.TB, note, base string, big bool) string {
	t.Helper()
	blob, baseBlob := blobs(t, note, base, big)
	if base == "" {
		return dump(t, mustRead(t, blob, nil))
	}
	return dump(t, mustRead(t, blob, mustRead(t, baseBlob, nil)))
}

func texts(warnings []Warning) []string {
	var s []string
	for _, w := range warnings {
		s = append(s, w.Text)
	}
	return s
}
