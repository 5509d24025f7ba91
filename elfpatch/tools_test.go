// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/google/go-cmp/cmp"
)

// objects are the relocatable files to compare with other tools: some of the
// repository's, and those that BTFGEN_RELOCATABLE names, separated by colons.
func objects(t *testing.T) []string {
	t.Helper()
	dir := filepath.Join("..", "testdata", "objects")
	paths := filepath.SplitList(os.Getenv("BTFGEN_RELOCATABLE"))
	for _, name := range []string{
		"type_units.gcc-x86_64.dwarf5.rel.elf", // groups
		"type_units.clang-x86_64.dwarf5.rel.elf",
		"functions_clones.gcc-x86_64.dwarf5.rel.elf",
		"compressed.gcc-x86_64.dwarf5.rel.zlib.elf",
		"relocatable.gcc-x86_64.dwarf5.elf",
	} {
		paths = append(paths, filepath.Join(dir, name))
	}
	return paths
}

// TestReadelf: readelf has nothing to complain about a result that it does not
// complain about in the file before.
func TestReadelf(t *testing.T) {
	readelf := tool(t, "readelf")
	complaints := func(path string) string {
		cmd := exec.Command(readelf, "-aW", path)
		var errs strings.Builder
		cmd.Stderr = &errs
		err := cmd.Run() // 1 for notes of the kernel, of which it says nothing
		return fmt.Sprintf("%v\n%s", err, strings.ReplaceAll(errs.String(), path, "FILE"))
	}
	for _, path := range objects(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			b, before := readFile(t, path), complaints(path)
			for _, edits := range [][]Edit{{Set(".BTF", btfData), Set(".BTF.base", baseData)}, {StripDebug()}} {
				b = edit(t, b, edits...)
				if d := cmp.Diff(before, complaints(put(t, b))); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

// TestObjcopy compares StripDebug with GNU objcopy, and has that strip and dump what
// this package has made.
func TestObjcopy(t *testing.T) {
	objcopy := tool(t, "objcopy")
	for _, path := range objects(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			both := edit(t, readFile(t, path), Set(".BTF", btfData), Set(".BTF.base", baseData))
			dir, in := t.TempDir(), put(t, both)
			out := func(name string) string { return filepath.Join(dir, name) }
			run(t, objcopy, "--dump-section", ".BTF="+out("btf"), "--dump-section", ".BTF.base="+out("base"), in, out("copy"))
			if !bytes.Equal(readFile(t, out("btf")), btfData) || !bytes.Equal(readFile(t, out("base")), baseData) {
				t.Error("objcopy dumps other contents")
			}
			run(t, objcopy, "--strip-debug", in, out("theirs"))
			theirs, ours := readFile(t, out("theirs")), edit(t, both, StripDebug())
			p := parse(t, theirs)
			if p.one(t, ".BTF").data != string(btfData) || p.one(t, ".BTF.base").data != string(baseData) {
				t.Error("objcopy has changed the contents of the added sections")
			}
			if d := cmp.Diff(outline(t, theirs), outline(t, ours)); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(relocations(t, theirs), relocations(t, ours)); d != "" {
				t.Error(d)
			}
			// It puts the added sections before the symbols: they are replaced there.
			again := parse(t, edit(t, theirs, Set(".BTF", btfData[:50]), Set(".BTF.base", btfData)))
			if again.one(t, ".BTF").data != string(btfData[:50]) || again.one(t, ".BTF.base").data != string(btfData) {
				t.Error("other contents in what objcopy has made")
			}
		})
	}
}

// outline returns what both tools must leave: sections by name with contents where those hold no
// indexes, and symbols, but for those of sections, of which objcopy drops all that
// no relocation needs.
func outline(t *testing.T, b []byte) []string {
	t.Helper()
	p := parse(t, b)
	var out []string
	for i, c := range p.sections {
		line := p.names[i] + " " + c.typ.String() + " " + c.flags.String()
		switch c.typ {
		case elf.SHT_PROGBITS, elf.SHT_NOTE, elf.SHT_INIT_ARRAY:
			line += " " + c.data
		}
		out = append(out, line)
	}
	f, err := elfview.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	syms, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < syms.Len(); i++ {
		if s := syms.Sym(i); s.Type() != elf.STT_SECTION {
			out = append(out, symbolName(f, syms, i))
		}
	}
	slices.Sort(out)
	return out
}

// symbolName describes a symbol without an index.
func symbolName(f *elfview.File, syms *elfview.SymbolTable, i int) string {
	s := syms.Sym(i)
	name := string(syms.Name(s.NameOff)) + " " + s.Type().String() + " " + s.Bind().String() + " " + elf.SymVis(s.Other&3).String()
	if s.InSection() {
		name += " in " + f.Sections[s.Shndx].Name
	}
	return name
}

// relocations returns the relocations of every section, with names for symbols.
func relocations(t *testing.T, b []byte) []string {
	t.Helper()
	f, err := elfview.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	syms, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	c := newCodec(f.Class, f.Big, f.Machine)
	var out []string
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.Type != elf.SHT_RELA {
			continue
		}
		data, err := f.Data(s)
		if err != nil {
			t.Fatal(err)
		}
		var section strings.Builder
		section.WriteString(s.Name + " for " + f.Sections[s.Info].Name)
		for ; len(data) > 0; data = data[c.rela:] {
			entry := bytes.Clone(data[:c.rela])
			sym := c.relSym(entry)
			c.setRelSym(entry, 0)
			section.WriteString("\n" + string(entry) + symbolName(f, syms, int(sym)))
		}
		out = append(out, section.String())
	}
	return out
}
