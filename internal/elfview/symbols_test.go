// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfview

import (
	"debug/elf"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/testkit"
)

func TestSymbols(t *testing.T) {
	type sym struct {
		Name        string
		Type        elf.SymType
		Bind        elf.SymBind
		Other       uint8
		Shndx       uint32
		InSection   bool
		Value, Size uint64
	}
	want := []sym{
		{},
		{Name: "local", Type: elf.STT_OBJECT, Shndx: 3, InSection: true, Value: 2, Size: 4},
		{Name: "main", Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Other: 2, Shndx: 1, InSection: true, Value: 0x1000, Size: 4},
		{Name: "extern", Bind: elf.STB_WEAK},
		{Name: "absolute", Shndx: ShnAbs, Value: 7},
		{Name: "common", Shndx: ShnCommon, Size: 8},
	}
	eachFormat(t, func(t *testing.T, class elf.Class, big bool) {
		for _, extended := range []bool{false, true} {
			e := sample()
			e.Class, e.Big, e.Extended = class, big, extended
			f := open(t, e.Assemble().Data)
			tab, err := f.Symbols()
			if err != nil {
				t.Fatal(err)
			}
			if tab.Section != f.Section(".symtab") {
				t.Errorf("symbols of %q", tab.Section.Name)
			}
			var got []sym
			for i := range tab.Len() {
				s := tab.Sym(i)
				got = append(got, sym{string(tab.Name(s.NameOff)), s.Type(), s.Bind(), s.Other, s.Shndx, s.InSection(), s.Value, s.Size})
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("extended %v:\n%s", extended, diff)
			}
			for _, off := range []uint32{0, uint32(len(tab.names)), 1<<32 - 1} {
				if n := tab.Name(off); n != nil {
					t.Errorf("name at %#x: %q", off, n)
				}
			}
			if n := tab.Name(2); string(n) != "ocal" || cap(n) != 4 {
				t.Errorf("name at 2: %q, capacity %d", n, cap(n))
			}
		}
	})
}

func TestLastSymbolTableWins(t *testing.T) {
	e := sample()
	e.Sections = append([]testkit.Section{{Name: ".symtab", Type: elf.SHT_SYMTAB, EntSize: 24, Data: make([]byte, 24)}}, e.Sections...)
	f := open(t, e.Assemble().Data)
	tab, err := f.Symbols()
	if err != nil || tab.Len() != 6 {
		t.Errorf("%+v, %v", tab, err)
	}
}

func TestMalformedSymbols(t *testing.T) {
	tests := []struct {
		name  string
		edit  func(m *testkit.Image, symtab int)
		err64 string
		err32 string // if it differs
	}{
		{"entry size", func(m *testkit.Image, s int) { m.SetShdr(s, testkit.ShEntSize, 0) },
			".symtab+0x0: sh_entsize is 0, want 24", ".symtab+0x0: sh_entsize is 0, want 16"},
		{"no string table", func(m *testkit.Image, s int) { m.SetShdr(s, testkit.ShLink, 0) },
			".symtab+0x0: sh_link 0 is no string table, there are 11 sections", ""},
		{"string table outside", func(m *testkit.Image, s int) { m.SetShdr(s, testkit.ShLink, 11) },
			".symtab+0x0: sh_link 11 is no string table, there are 11 sections", ""},
		{"string table type", func(m *testkit.Image, s int) { m.SetShdr(s, testkit.ShLink, 1) },
			".text+0x0: used as a string table, but its type is SHT_PROGBITS", ""},
		{"string table without end", func(m *testkit.Image, s int) { m.SetShdr(s+1, testkit.ShSize, 5) },
			".strtab+0x4: the string table does not end with a NUL", ""},
		{"size", func(m *testkit.Image, s int) { m.SetShdr(s, testkit.ShSize, 95) },
			".symtab+0x0: 95 bytes are not a multiple of the symbol size 24",
			".symtab+0x0: 95 bytes are not a multiple of the symbol size 16"},
		{"extent", func(m *testkit.Image, s int) { m.SetShdr(s, testkit.ShOffset, 0xfffffff0) },
			".symtab+0x0: 144 bytes at file offset 0xfffffff0 do not fit the file of {size} bytes",
			".symtab+0x0: 96 bytes at file offset 0xfffffff0 do not fit the file of {size} bytes"},
		{"name", func(m *testkit.Image, s int) { m.SetSymbol(2, testkit.StName, 0xffffffff) },
			".symtab+0x30: st_name 0xffffffff is outside the string table of 35 bytes",
			".symtab+0x20: st_name 0xffffffff is outside the string table of 35 bytes"},
		{"section", func(m *testkit.Image, s int) { m.SetSymbol(1, testkit.StShndx, 11) },
			".symtab+0x1e: symbol in section 11, there are 11 sections", ""},
		{"extended section", func(m *testkit.Image, s int) {
			m.SetSymbol(3, testkit.StShndx, uint64(elf.SHN_XINDEX))
			copy(m.Contents(s + 2)[12:], "\xff\xff\xff\xf1")
		},
			".symtab+0x4e: symbol in section {word}, there are 11 sections",
			".symtab+0x3e: symbol in section {word}, there are 11 sections"},
		{"no extended sections", func(m *testkit.Image, s int) { m.SetShdr(s+2, testkit.ShLink, 1) },
			".symtab+0x1e: st_shndx is SHN_XINDEX, but no SHT_SYMTAB_SHNDX section belongs to the table", ""},
		{"short extended sections", func(m *testkit.Image, s int) { m.SetShdr(s+2, testkit.ShSize, 23) },
			".symtab_shndx+0x17: the section ends before the words of 6 symbols", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eachFormat(t, func(t *testing.T, class elf.Class, big bool) {
				e := sample()
				e.Class, e.Big, e.Extended = class, big, true
				m := e.Assemble()
				word := uint32(0xf1ffffff)
				if big {
					word = 0xfffffff1
				}
				fill := strings.NewReplacer("{size}", fmt.Sprint(len(m.Data)), "{word}", fmt.Sprint(word))
				tt.edit(m, m.Index(".symtab"))
				want := tt.err64
				if class == elf.ELFCLASS32 && tt.err32 != "" {
					want = tt.err32
				}
				tab, err := open(t, m.Data).Symbols()
				wantError(t, err, fill.Replace(want))
				if tab != nil {
					t.Error("a table beside an error")
				}
			})
		})
	}
}

func TestSymbolsWithoutNames(t *testing.T) {
	m := (&testkit.ELF{Symtab: true}).Assemble()
	m.SetShdr(m.Index(".strtab"), testkit.ShSize, 0)
	tab, err := open(t, m.Data).Symbols()
	if err != nil || tab.Len() != 1 || tab.Name(tab.Sym(0).NameOff) != nil {
		t.Errorf("%+v, %v", tab, err)
	}
}

// manySymbols has as many symbols as a distribution kernel.
func manySymbols(n int, big bool) *testkit.Image {
	e := &testkit.ELF{Big: big, Sections: []testkit.Section{{Name: ".text"}}, Symbols: make([]testkit.Symbol, n)}
	for i := range e.Symbols {
		e.Symbols[i] = testkit.Symbol{Name: fmt.Sprintf("some_function_%d", i), Type: elf.STT_FUNC, Section: 1, Value: uint64(i) * 16}
	}
	return e.Assemble()
}

func TestSymDoesNotAllocate(t *testing.T) {
	tab, err := open(t, manySymbols(100, false).Data).Symbols()
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(10, func() { walk(tab) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// walk does what a caller does with each symbol.
func walk(tab *SymbolTable) (funcs, bytes int) {
	for i := range tab.Len() {
		s := tab.Sym(i)
		if s.Type() == elf.STT_FUNC {
			funcs++
			bytes += len(tab.Name(s.NameOff))
		}
	}
	return funcs, bytes
}

// 200,000 symbols.
func BenchmarkSymbolsWalk(b *testing.B) {
	for _, big := range []bool{false, true} {
		b.Run(fmt.Sprintf("big=%v", big), func(b *testing.B) {
			m := manySymbols(200_000, big)
			f, err := New(strings.NewReader(string(m.Data)), int64(len(m.Data)))
			if err != nil {
				b.Fatal(err)
			}
			tab, err := f.Symbols()
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if n, _ := walk(tab); n != 200_000 {
					b.Fatal(n)
				}
			}
		})
	}
}

// 200,000 symbols, read and checked.
func BenchmarkSymbolsLoad(b *testing.B) {
	path := b.TempDir() + "/f.o"
	if err := os.WriteFile(path, manySymbols(200_000, false).Data, 0o644); err != nil {
		b.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Symbols(); err != nil {
			b.Fatal(err)
		}
	}
}
