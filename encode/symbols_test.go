// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"debug/elf"
	"fmt"
	"testing"

	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/testkit"
)

// symbolTable makes the symbol table of a file with three code sections and a data section.
func symbolTable(t testing.TB, symbols ...testkit.Symbol) *elfview.SymbolTable {
	t.Helper()
	image := (&testkit.ELF{
		Sections: []testkit.Section{{Name: ".text"}, {Name: ".init.text"}, {Name: ".exit.text"}, {Name: ".data"}},
		Symbols:  symbols,
		Symtab:   true,
	}).Assemble()
	f, err := elfview.New(bytes.NewReader(image.Data), int64(len(image.Data)))
	if err != nil {
		t.Fatal(err)
	}
	syms, err := f.Symbols()
	if err != nil || syms == nil {
		t.Fatalf("symbols: %v, error %v", syms, err)
	}
	return syms
}

func funcSym(name string, section int, value uint64) testkit.Symbol {
	return testkit.Symbol{Name: name, Type: elf.STT_FUNC, Section: section, Value: value}
}

func objSym(name string, section int, value uint64) testkit.Symbol {
	return testkit.Symbol{Name: name, Type: elf.STT_OBJECT, Section: section, Value: value}
}

func TestFuncTableGroups(t *testing.T) {
	syms := symbolTable(t,
		funcSym("plain", 1, 0x10),
		funcSym("twice.isra.0", 1, 0x20),
		funcSym("twice", 1, 0x30),
		funcSym("hot.cold", 1, 0x40),
		funcSym("hot", 1, 0x50),
		funcSym("gone.part.0", 1, 0x60),
		funcSym("gone.constprop.0.cold", 1, 0x70),
		funcSym("undefined", 0, 0),
		funcSym(".text", 1, 0),
		testkit.Symbol{Name: "object", Type: elf.STT_OBJECT, Section: 4},
		testkit.Symbol{Name: "ifunc", Type: elf.STT_GNU_IFUNC, Section: 1},
		testkit.Symbol{Name: "notype", Section: 1},
		testkit.Symbol{Name: "weak", Type: elf.STT_FUNC, Bind: elf.STB_WEAK, Section: 1, Value: 0x80},
		testkit.Symbol{Name: "absolute", Type: elf.STT_FUNC, Special: elf.SHN_ABS, Value: 0x90},
	)
	ft := newFuncTable(syms, elf.EM_X86_64, nil, false)
	var names []string
	for g := range ft.len() {
		names = append(names, string(ft.name(g)))
		if got := ft.lookup(ft.name(g)); got != g {
			t.Errorf("%s: lookup gives group %d, want %d", ft.name(g), got, g)
		}
	}
	if got, want := fmt.Sprint(names), "[plain twice hot undefined weak absolute]"; got != want {
		t.Errorf("groups %s, want %s", got, want)
	}
	for _, name := range []string{"gone", "object", "ifunc", "notype", "twice.isra.0", "", "plai", "plainer"} {
		if g := ft.lookup([]byte(name)); g >= 0 {
			t.Errorf("%q is in group %d", name, g)
		}
	}
	empty := newFuncTable(symbolTable(t), elf.EM_X86_64, nil, true)
	if empty.len() != 0 || empty.lookup([]byte("plain")) >= 0 || empty.hasObject([]byte("x"), symAddr{}) {
		t.Error("a table without symbols finds something")
	}
}

// sectionAddrs are the addresses of sections in the relocatable files of these tests.
var sectionAddrs = []uint64{0, 0x10000, 0x20000, 0x30000, 0x40000}

// addrsIf returns the addresses of sections for a relocatable file, nil for another one.
func addrsIf(rel bool) []uint64 {
	if rel {
		return sectionAddrs
	}
	return nil
}

func TestFuncTableAt(t *testing.T) {
	const here, dotted, optimized = symHere, symHere | symDotted, symHere | symDotted | symOptimized
	syms := symbolTable(t,
		funcSym("f.llvm.1", 1, 0x100),
		funcSym("f", 1, 0x10),
		funcSym("f.isra.0", 1, 0x20),
		funcSym("f.constprop.0", 2, 0x20),
		funcSym("f.lto_priv.0", 1, 0x10),
		funcSym("f.isra.1", 1, 0x100),
		funcSym("single.constprop.0.isra.0", 1, 0x40),
		funcSym("thumb", 1, 0x51),
		funcSym("undefined", 0, 0),
	)
	tests := []struct {
		name     string
		machine  elf.Machine
		rel      bool
		compat   bool
		addr     uint64
		flags    symFlags
		fullName string
	}{
		{"f", 0, false, false, 0x10, dotted, "f.lto_priv.0"},
		{"f", 0, false, false, 0x20, optimized, "f.isra.0"},
		{"f", 0, false, false, 0x100, optimized, "f.llvm.1"},
		{"f", 0, false, false, 0x30, 0, ""},
		{"f", 0, true, false, 0x10020, optimized, "f.isra.0"},
		{"f", 0, true, false, 0x20020, optimized, "f.constprop.0"},
		{"f", 0, true, false, 0x30020, 0, ""},
		{"f", 0, true, true, 0x10020, 0, ""},
		{"f", 0, true, true, 0x20, 0, ""},
		{"single", 0, true, false, 0x10040, optimized, "single.constprop.0.isra.0"},
		{"single", 0, true, false, 0x20040, 0, ""},
		{"thumb", elf.EM_ARM, false, false, 0x50, here, ""},
		{"thumb", elf.EM_ARM, false, true, 0x50, 0, ""},
		{"thumb", elf.EM_X86_64, false, false, 0x50, 0, ""},
		{"undefined", 0, false, false, 0, 0, ""},
		{"undefined", 0, false, true, 0, here, ""},
	}
	for _, tt := range tests {
		ft := newFuncTable(syms, tt.machine, addrsIf(tt.rel), tt.compat)
		g := ft.lookup([]byte(tt.name))
		if g < 0 {
			t.Fatalf("%s has no group", tt.name)
		}
		flags, full := ft.at(g, tt.addr)
		if flags != tt.flags || string(full) != tt.fullName {
			t.Errorf("%s at %#x (%v, rel %v, compat %v): got %b, %q, want %b, %q",
				tt.name, tt.addr, tt.machine, tt.rel, tt.compat, flags, full, tt.flags, tt.fullName)
		}
	}
}

func TestAmbiguous(t *testing.T) {
	syms := symbolTable(t,
		funcSym("alone", 1, 0x10),
		funcSym("alias", 1, 0x20), funcSym("alias.x", 1, 0x20),
		funcSym("dup", 1, 0x30), funcSym("dup", 1, 0x40),
		funcSym("zero_first", 1, 0), funcSym("zero_first", 1, 0x50),
		funcSym("zero_last", 1, 0x60), funcSym("zero_last", 1, 0),
		funcSym("sections", 1, 0x70), funcSym("sections", 2, 0x70),
		funcSym("sections0", 1, 0), funcSym("sections0", 3, 0),
		funcSym("undef_first", 0, 0), funcSym("undef_first", 1, 0x80),
		funcSym("undef_last", 1, 0x90), funcSym("undef_last", 0, 0),
		funcSym("undef_between", 1, 0xa0), funcSym("undef_between", 0, 0), funcSym("undef_between", 1, 0xb0),
		funcSym("zzdup", 1, 0xc0), funcSym("zzdup", 1, 0xd0),
	)
	tests := []struct {
		name                      string
		compat, linked, relocable bool
	}{
		{"alone", false, false, false},
		{"alias", false, false, false},
		{"dup", true, true, true},
		{"zero_first", false, true, true},
		{"zero_last", true, true, true},
		{"sections", false, false, true},
		{"sections0", false, false, true},
		{"undef_first", false, false, false},
		{"undef_last", true, false, false},
		{"undef_between", true, true, true},
		{"zzdup", false, true, true}, // the last one is never looked at by pahole
	}
	for _, rel := range []bool{false, true} {
		compat := newFuncTable(syms, elf.EM_X86_64, addrsIf(rel), true)
		real := newFuncTable(syms, elf.EM_X86_64, addrsIf(rel), false)
		for _, tt := range tests {
			want := tt.linked
			if rel {
				want = tt.relocable
			}
			if got := compat.ambiguous(compat.lookup([]byte(tt.name))); got != tt.compat {
				t.Errorf("%s, rel %v, compat: got %v, want %v", tt.name, rel, got, tt.compat)
			}
			if got := real.ambiguous(real.lookup([]byte(tt.name))); got != want {
				t.Errorf("%s, rel %v: got %v, want %v", tt.name, rel, got, want)
			}
		}
	}
}

// TestSampleAmbiguity: dup and zdup are static functions of two units, wf is weak in one and
// strong in the other.
func TestSampleAmbiguity(t *testing.T) {
	for _, tt := range []struct {
		name    string
		rel     bool
		symbols []testkit.Symbol
		compat  string
		real    string
	}{
		{"linked", false, []testkit.Symbol{
			funcSym("dup", 1, 0x1000), funcSym("zdup", 1, 0x1010),
			funcSym("dup", 1, 0x1020), funcSym("zdup", 1, 0x1030), funcSym("wf", 1, 0x1040),
		}, "dup", "dup zdup"},
		{"ld -r", true, []testkit.Symbol{
			funcSym("dup", 1, 0), funcSym("zdup", 1, 0x10),
			funcSym("dup", 2, 0), funcSym("zdup", 2, 0x10), funcSym("wf", 2, 0x20),
		}, "", "dup zdup"},
	} {
		syms := symbolTable(t, tt.symbols...)
		for _, compat := range []bool{true, false} {
			ft := newFuncTable(syms, elf.EM_X86_64, addrsIf(tt.rel), compat)
			var names [][]byte
			for _, name := range []string{"dup", "wf", "zdup"} {
				if g := ft.lookup([]byte(name)); ft.ambiguous(g) {
					names = append(names, ft.name(g))
				}
			}
			want := tt.real
			if compat {
				want = tt.compat
			}
			if got := string(bytes.Join(names, []byte(" "))); got != want {
				t.Errorf("%s, compat %v: ambiguous %q, want %q", tt.name, compat, got, want)
			}
		}
	}
}

func TestHasObject(t *testing.T) {
	syms := symbolTable(t,
		objSym("var", 4, 0), objSym("var", 3, 0x10), objSym("other", 4, 8),
		objSym("renamed.lto_priv.0", 4, 0x20),
		objSym("undefined", 0, 0),
		funcSym("function", 4, 0x30),
	)
	tests := []struct {
		name             string
		addr             symAddr
		real, compat, in bool
	}{
		{"var", symAddr{4, 0}, true, true, true},
		{"var", symAddr{3, 0x10}, true, true, true},
		{"var", symAddr{4, 0x10}, false, false, true},
		{"var", symAddr{2, 0}, false, false, false},
		{"other", symAddr{4, 8}, true, true, true},
		{"renamed", symAddr{4, 0x20}, true, false, false},
		{"undefined", symAddr{0, 0}, false, false, false},
		{"function", symAddr{4, 0x30}, false, false, false},
		{"missing", symAddr{4, 0}, false, false, false},
	}
	real := newFuncTable(syms, elf.EM_X86_64, sectionAddrs, false)
	compat := newFuncTable(syms, elf.EM_X86_64, sectionAddrs, true)
	for _, tt := range tests {
		name := []byte(tt.name)
		if got := real.hasObject(name, tt.addr); got != tt.real {
			t.Errorf("%s at %v: got %v, want %v", tt.name, tt.addr, got, tt.real)
		}
		if got := compat.hasObject(name, tt.addr); got != tt.compat {
			t.Errorf("%s at %v, compat: got %v, want %v", tt.name, tt.addr, got, tt.compat)
		}
		if got := compat.hasObjectIn(name, tt.addr.section); got != tt.in {
			t.Errorf("%s in section %d: got %v, want %v", tt.name, tt.addr.section, got, tt.in)
		}
	}
	if !real.hasObjectIn([]byte("renamed"), 4) {
		t.Error("renamed is not found in its section")
	}
}

// manySymbols is about the shape of a kernel's: half functions, a few with suffixes and namesakes.
func manySymbols(n int) []testkit.Symbol {
	symbols := make([]testkit.Symbol, n)
	for i := range symbols {
		value := uint64(16 * i)
		switch {
		case i%2 == 0:
			symbols[i] = objSym(fmt.Sprintf("__object_of_the_kernel.%d", i), 4, value)
		case i%25 == 0:
			symbols[i] = funcSym(fmt.Sprintf("subsystem_function_%d.isra.0", i-4), 1, value)
		case i%101 == 0:
			symbols[i] = funcSym(fmt.Sprintf("show_%d", i%5), 1, value)
		default:
			symbols[i] = funcSym(fmt.Sprintf("subsystem_function_%d", i), 1, value)
		}
	}
	return symbols
}

// TestManySymbols compares the table with a map.
func TestManySymbols(t *testing.T) {
	symbols := manySymbols(20_000)
	ft := newFuncTable(symbolTable(t, symbols...), elf.EM_X86_64, nil, false)
	addrs := make(map[string]map[uint64]bool)
	for _, s := range symbols {
		if s.Type == elf.STT_FUNC {
			base, _, _ := bytes.Cut([]byte(s.Name), []byte("."))
			if addrs[string(base)] == nil {
				addrs[string(base)] = make(map[uint64]bool)
			}
			addrs[string(base)][s.Value] = true
		}
	}
	if ft.len() != len(addrs) {
		t.Errorf("%d groups, want %d", ft.len(), len(addrs))
	}
	for name, want := range addrs {
		g := ft.lookup([]byte(name))
		if g < 0 {
			t.Fatalf("%s is not found", name)
		}
		if got := ft.ambiguous(g); got != (len(want) > 1) {
			t.Errorf("%s: ambiguous %v with %d addresses", name, got, len(want))
		}
		for value := range want {
			if flags, _ := ft.at(g, value); flags&symHere == 0 {
				t.Errorf("%s: nothing at %#x", name, value)
			}
		}
	}
}

// BenchmarkFuncTable builds the table of 172,000 symbols, 86,000 of them functions. A real
// kernel's is slower for each symbol, since its names lie in no order.
func BenchmarkFuncTable(b *testing.B) {
	syms := symbolTable(b, manySymbols(172_000)...)
	b.ReportAllocs()
	for b.Loop() {
		newFuncTable(syms, elf.EM_X86_64, nil, false)
	}
}

func BenchmarkFuncTableLookup(b *testing.B) {
	syms := symbolTable(b, manySymbols(172_000)...)
	ft := newFuncTable(syms, elf.EM_X86_64, nil, false)
	b.ReportAllocs()
	g := 0
	for b.Loop() {
		if ft.lookup(ft.name(g)) != g {
			b.Fatal("not found")
		}
		g = (g + 7919) % ft.len()
	}
}
