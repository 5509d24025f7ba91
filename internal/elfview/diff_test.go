// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfview

import (
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"io/fs"
	"os"
	"testing"

	"github.com/btfgen/btfgen/internal/testkit"
)

// sameAsDebugELF compares a file with what the standard library's reader, which
// is code we did not write, makes of it.
func sameAsDebugELF(t *testing.T, f *File, r io.ReaderAt) {
	t.Helper()
	std, err := elf.NewFile(r)
	if err != nil {
		t.Fatal(err)
	}
	if f.Class != std.Class || f.Big != (std.Data == elf.ELFDATA2MSB) || f.Type != std.Type || f.Machine != std.Machine {
		t.Errorf("header: %v, big %v, %v, %v; want %v", f.Class, f.Big, f.Type, f.Machine, std.FileHeader)
	}
	if f.PhNum != len(std.Progs) {
		t.Errorf("%d program headers, want %d", f.PhNum, len(std.Progs))
	}
	if len(f.Sections) != len(std.Sections) {
		t.Fatalf("%d sections, want %d", len(f.Sections), len(std.Sections))
	}
	for i, want := range std.Sections {
		s := &f.Sections[i]
		got := elf.SectionHeader{Name: s.Name, Type: s.Type, Flags: s.Flags, Addr: s.Addr, Offset: s.Off,
			Size: want.Size, Link: s.Link, Info: s.Info, Addralign: want.Addralign, Entsize: s.EntSize, FileSize: s.FileSize}
		if got != want.SectionHeader {
			t.Errorf("section %d: %+v, want %+v", i, got, want.SectionHeader)
		}
		if s.Type == elf.SHT_NOBITS || s.Type == elf.SHT_NULL {
			continue
		}
		data, err := f.Data(s)
		if err != nil {
			t.Errorf("section %d: %v", i, err)
			continue
		}
		wantData, err := want.Data()
		if err != nil {
			t.Fatalf("debug/elf: section %d: %v", i, err)
		}
		if !bytes.Equal(data, wantData) {
			t.Errorf("section %d, %q: contents differ", i, s.Name)
		}
		if n, err := f.Size(s); n != want.Size || err != nil {
			t.Errorf("section %d: size %d, %v; want %d", i, n, err, want.Size)
		}
	}
	sameSymbols(t, f, std)
}

func sameSymbols(t *testing.T, f *File, std *elf.File) {
	t.Helper()
	tab, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	want, err := std.Symbols()
	if tab == nil {
		if err == nil {
			t.Errorf("no symbols, want %d", len(want))
		}
		return
	}
	if tab.Len() != len(want)+1 { // debug/elf leaves the null symbol out
		t.Fatalf("%d symbols, want %d, %v", tab.Len(), len(want)+1, err)
	}
	for i, w := range want {
		s := tab.Sym(i + 1)
		got := elf.Symbol{Name: string(tab.Name(s.NameOff)), Info: s.Info, Other: s.Other,
			Section: elf.SectionIndex(s.Shndx), Value: s.Value, Size: s.Size}
		switch {
		case w.Section == elf.SHN_XINDEX: // debug/elf does not resolve it
			got.Section = w.Section
		case s.Shndx >= ShnReserved:
			got.Section = elf.SectionIndex(s.Shndx & 0xffff)
		}
		w.HasVersion, w.VersionIndex, w.Version, w.Library = false, 0, "", ""
		if got != w {
			t.Fatalf("symbol %d: %+v, want %+v", i+1, got, w)
		}
	}
}

// TestSameAsDebugELF reads this test's own executable, the built objects of all
// formats, and the file that BTFGEN_ELF names, if set.
func TestSameAsDebugELF(t *testing.T) {
	paths := []string{"/proc/self/exe"}
	if p := os.Getenv("BTFGEN_ELF"); p != "" {
		paths = append(paths, p)
	}
	for _, path := range paths {
		t.Run(path, func(t *testing.T) {
			f, err := Open(path)
			if errors.Is(err, fs.ErrNotExist) && path == paths[0] {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			sameAsDebugELF(t, f, f.file)
		})
	}
	eachFormat(t, func(t *testing.T, class elf.Class, big bool) {
		e := sample()
		e.Class, e.Big = class, big
		data := compressible(5000)
		e.Sections = append(e.Sections,
			testkit.Section{Name: ".debug_str", Flags: elf.SHF_COMPRESSED,
				Data: chdr(class, big, elf.COMPRESS_ZLIB, 5000, zlibOf(t, data))},
			testkit.Section{Name: ".debug_line", Flags: elf.SHF_COMPRESSED,
				Data: chdr(class, big, elf.COMPRESS_ZSTD, 5000, zstdOf(t, data))})
		m := e.Assemble()
		sameAsDebugELF(t, open(t, m.Data), bytes.NewReader(m.Data))
	})
}
