// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfview

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/testkit"
)

// sample is a small object with one section of each kind that matters here.
func sample() *testkit.ELF {
	return &testkit.ELF{
		Machine: elf.EM_S390,
		Sections: []testkit.Section{
			{Name: ".text", Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Addr: 0x1000, Align: 16, Data: []byte("code")},
			{Name: ".bss", Type: elf.SHT_NOBITS, Flags: elf.SHF_ALLOC, MemSize: 1 << 30},
			{Name: ".debug_info", Data: []byte("information"), Link: 3, Info: 4, EntSize: 5},
			{Name: "", Data: []byte("nameless")},
			{Name: ".debug_info", Data: []byte("second")},
			{Name: ".empty"},
		},
		Symbols: []testkit.Symbol{
			{Name: "local", Type: elf.STT_OBJECT, Section: 3, Value: 2, Size: 4},
			{Name: "main", Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Other: 2, Section: 1, Value: 0x1000, Size: 4},
			{Name: "extern", Bind: elf.STB_WEAK},
			{Name: "absolute", Special: elf.SHN_ABS, Value: 7},
			{Name: "common", Special: elf.SHN_COMMON, Size: 8},
		},
	}
}

// eachFormat runs a test for both classes and byte orders.
func eachFormat(t *testing.T, run func(t *testing.T, class elf.Class, big bool)) {
	for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
		for _, big := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v,big=%v", class, big), func(t *testing.T) { run(t, class, big) })
		}
	}
}

func open(t *testing.T, data []byte) *File {
	t.Helper()
	f, err := New(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("error:\n got  %v\n want %s", err, want)
	}
}

func TestSections(t *testing.T) {
	eachFormat(t, func(t *testing.T, class elf.Class, big bool) {
		for _, extended := range []bool{false, true} {
			e := sample()
			e.Class, e.Big, e.Extended = class, big, extended
			f := open(t, e.Assemble().Data)
			if f.Class != class || f.Big != big || f.Type != elf.ET_REL || f.Machine != elf.EM_S390 {
				t.Errorf("header: %v, big %v, %v, %v", f.Class, f.Big, f.Type, f.Machine)
			}
			var names []string
			for i, s := range f.Sections {
				if s.Index != i {
					t.Errorf("section %d has index %d", i, s.Index)
				}
				names = append(names, s.Name)
			}
			want := []string{"", ".text", ".bss", ".debug_info", "", ".debug_info", ".empty", ".symtab", ".strtab"}
			if extended {
				want = append(want, ".symtab_shndx")
			}
			want = append(want, ".shstrtab")
			if diff := cmp.Diff(want, names); diff != "" {
				t.Error(diff)
			}
			if f.ShStrNdx != len(want)-1 {
				t.Errorf("section names in section %d", f.ShStrNdx)
			}
			text := Section{Name: ".text", Index: 1, Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR,
				Addr: 0x1000, Off: f.Sections[1].Off, FileSize: 4, Align: 16}
			if diff := cmp.Diff(text, f.Sections[1]); diff != "" || text.Off%16 != 0 {
				t.Error(diff)
			}
			info := f.DebugSection(".debug_info")
			if info == nil || info.Index != 3 || info.Link != 3 || info.Info != 4 || info.EntSize != 5 {
				t.Errorf(".debug_info: %+v", info)
			}
			if f.Section(".no") != nil || f.DebugSection(".no") != nil {
				t.Error("found a section that does not exist")
			}
			for i, want := range map[int]string{1: "code", 3: "information", 4: "nameless", 5: "second", 6: ""} {
				s := &f.Sections[i]
				got, err := f.Data(s)
				if err != nil || string(got) != want {
					t.Errorf("data of section %d: %q, %v", i, got, err)
				}
				if n, err := f.Size(s); n != uint64(len(want)) || err != nil {
					t.Errorf("size of section %d: %d, %v", i, n, err)
				}
			}
			_, err := f.Data(f.Section(".bss"))
			wantError(t, err, ".bss+0x0: SHT_NOBITS has no contents in the file")
			_, err = f.Data(&f.Sections[0])
			wantError(t, err, "section 0+0x0: SHT_NULL has no contents")
		}
	})
}

func TestReadAt(t *testing.T) {
	f := open(t, sample().Assemble().Data)
	s := f.Section(".debug_info")
	tests := []struct {
		off  uint64
		n    int
		want string
		err  string
	}{
		{off: 0, n: 11, want: "information"},
		{off: 2, n: 4, want: "form"},
		{off: 11, n: 0, want: ""},
		{off: 11, n: 1, err: ".debug_info+0xb: 1 bytes are wanted, the section has 11"},
		{off: 5, n: 7, err: ".debug_info+0x5: 7 bytes are wanted, the section has 11"},
		{off: 1<<64 - 1, n: 2, err: ".debug_info+0xffffffffffffffff: 2 bytes are wanted, the section has 11"},
	}
	for _, tt := range tests {
		b := make([]byte, tt.n)
		err := f.ReadAt(s, b, tt.off)
		if tt.err != "" {
			wantError(t, err, tt.err)
		} else if err != nil || string(b) != tt.want {
			t.Errorf("%d bytes at %d: %q, %v", tt.n, tt.off, b, err)
		}
	}
	wantError(t, f.ReadAt(f.Section(".bss"), nil, 0), ".bss+0x0: SHT_NOBITS has no contents in the file")
	b := make([]byte, 8)
	if n := testing.AllocsPerRun(100, func() { f.ReadAt(s, b, 1) }); n != 0 {
		t.Errorf("ReadAt allocates %v times", n)
	}
}

func TestManySections(t *testing.T) {
	const n = 65_600
	eachFormat(t, func(t *testing.T, class elf.Class, big bool) {
		e := &testkit.ELF{Class: class, Big: big, Sections: make([]testkit.Section, n)}
		for i := range e.Sections {
			e.Sections[i].Name = fmt.Sprintf(".text.f%d", i)
		}
		e.Sections[n-1].Data = []byte("last")
		// 0xfff1 is also SHN_ABS, which makes it the index that is easy to get wrong.
		e.Symbols = []testkit.Symbol{{Name: "a", Section: 0xfff1}, {Name: "b", Special: elf.SHN_ABS}, {Name: "c", Section: n}}
		f := open(t, e.Assemble().Data)
		if len(f.Sections) != n+5 {
			t.Fatalf("%d sections", len(f.Sections))
		}
		s := f.Section(fmt.Sprintf(".text.f%d", n-1))
		if b, err := f.Data(s); string(b) != "last" || err != nil {
			t.Errorf("last section: %q, %v", b, err)
		}
		syms, err := f.Symbols()
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []uint32{1: 0xfff1, 2: ShnAbs, 3: n} {
			if s := syms.Sym(i); s.Shndx != want {
				t.Errorf("symbol %d is in section %#x, want %#x", i, s.Shndx, want)
			}
		}
	})
}

func TestMalformedHeaders(t *testing.T) {
	tests := []struct {
		name  string
		edit  func(m *testkit.Image)
		err64 string // {size}: of the file; {shoff}: of the section header table
		err32 string // if it differs
	}{
		{"magic", func(m *testkit.Image) { m.Data[3] = 'G' },
			"not an ELF file: starts with the bytes 7f 45 4c 47", ""},
		{"two bytes", func(m *testkit.Image) { m.Data = m.Data[:2] },
			"not an ELF file: starts with the bytes 7f 45", ""},
		{"ends in ident", func(m *testkit.Image) { m.Data = m.Data[:9] },
			"ELF header+0x9: the file ends within the 16 identification bytes", ""},
		{"ends in header", func(m *testkit.Image) { m.Data = m.Data[:51] },
			"ELF header+0x33: the file ends within the header of 64 bytes",
			"ELF header+0x33: the file ends within the header of 52 bytes"},
		{"class", func(m *testkit.Image) { m.Data[4] = 3 }, "ELF header+0x4: unknown class 3", ""},
		{"byte order", func(m *testkit.Image) { m.Data[5] = 0 }, "ELF header+0x5: unknown byte order 0", ""},
		{"version", func(m *testkit.Image) { m.Data[6] = 2 }, "ELF header+0x6: unknown ELF version 2", ""},
		{"no table but a count", func(m *testkit.Image) { m.SetHeader(testkit.EShOff, 0) },
			"ELF header+0x3c: e_shnum is 11, but e_shoff is 0",
			"ELF header+0x30: e_shnum is 11, but e_shoff is 0"},
		{"entry size", func(m *testkit.Image) { m.SetHeader(testkit.EShEntSize, 41) },
			"ELF header+0x3a: e_shentsize is 41, want 64", "ELF header+0x2e: e_shentsize is 41, want 40"},
		{"table beyond the file", func(m *testkit.Image) { m.SetHeader(testkit.EShOff, 0xfffffff0) },
			"ELF header+0x28: e_shoff 0xfffffff0 leaves no room for a section header in the file of {size} bytes",
			"ELF header+0x20: e_shoff 0xfffffff0 leaves no room for a section header in the file of {size} bytes"},
		{"table ends outside", func(m *testkit.Image) { m.SetHeader(testkit.EShNum, 12) },
			"ELF header+0x3c: 12 section headers at file offset {shoff} do not fit the file of {size} bytes",
			"ELF header+0x30: 12 section headers at file offset {shoff} do not fit the file of {size} bytes"},
		{"extended count", func(m *testkit.Image) {
			m.SetHeader(testkit.EShNum, 0)
			m.SetShdr(0, testkit.ShSize, 0xffffffff)
		},
			"ELF header+0x3c: 4294967295 section headers at file offset {shoff} do not fit the file of {size} bytes",
			"ELF header+0x30: 4294967295 section headers at file offset {shoff} do not fit the file of {size} bytes"},
		{"name table index", func(m *testkit.Image) { m.SetHeader(testkit.EShStrNdx, 11) },
			"ELF header+0x3e: e_shstrndx is 11, there are 11 sections",
			"ELF header+0x32: e_shstrndx is 11, there are 11 sections"},
		{"extended name table index", func(m *testkit.Image) {
			m.SetHeader(testkit.EShStrNdx, uint64(elf.SHN_XINDEX))
			m.SetShdr(0, testkit.ShLink, 0xffffffff)
		},
			"ELF header+0x3e: e_shstrndx is 4294967295, there are 11 sections",
			"ELF header+0x32: e_shstrndx is 4294967295, there are 11 sections"},
		{"name table type", func(m *testkit.Image) { m.SetHeader(testkit.EShStrNdx, 1) },
			"section 1+0x0: used as a string table, but its type is SHT_PROGBITS", ""},
		{"name table extent", func(m *testkit.Image) { m.SetShdr(10, testkit.ShOffset, 0xffffffff) },
			"section 10+0x0: 63 bytes at file offset 0xffffffff do not fit the file of {size} bytes", ""},
		{"name table without end", func(m *testkit.Image) { m.SetShdr(10, testkit.ShSize, 62) },
			"section 10+0x3d: the string table does not end with a NUL", ""},
		{"name", func(m *testkit.Image) { m.SetShdr(3, testkit.ShName, 63) },
			"section header 3+0x0: sh_name 0x3f is outside the section name table of 63 bytes", ""},
		{"names without table", func(m *testkit.Image) { m.SetShdr(10, testkit.ShSize, 0) },
			"section header 1+0x0: sh_name 0x1 is outside the section name table of 0 bytes", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eachFormat(t, func(t *testing.T, class elf.Class, big bool) {
				e := sample()
				e.Sections = append(e.Sections, testkit.Section{Name: ".note"})
				e.Class, e.Big = class, big
				m := e.Assemble()
				fill := strings.NewReplacer("{size}", fmt.Sprint(len(m.Data)), "{shoff}", fmt.Sprintf("%#x", m.ShOff))
				tt.edit(m)
				f, err := New(bytes.NewReader(m.Data), int64(len(m.Data)))
				want := tt.err64
				if class == elf.ELFCLASS32 && tt.err32 != "" {
					want = tt.err32
				}
				wantError(t, err, fill.Replace(want))
				if f != nil {
					t.Error("a File beside an error")
				}
			})
		})
	}
}

func TestBadSectionIsKept(t *testing.T) {
	m := sample().Assemble()
	m.SetShdr(1, testkit.ShOffset, 1<<64-1)
	m.SetShdr(3, testkit.ShSize, 1<<64-1)
	m.SetShdr(6, testkit.ShOffset, 1<<63)
	f := open(t, m.Data)
	size := len(m.Data)
	_, err := f.Data(f.Section(".text"))
	wantError(t, err, fmt.Sprintf(".text+0x0: 4 bytes at file offset 0xffffffffffffffff do not fit the file of %d bytes", size))
	info := f.Section(".debug_info")
	want := fmt.Sprintf(".debug_info+0x0: 18446744073709551615 bytes at file offset %#x do not fit the file of %d bytes", info.Off, size)
	_, err = f.Data(info)
	wantError(t, err, want)
	_, err = f.Size(info)
	wantError(t, err, want)
	wantError(t, f.ReadAt(info, make([]byte, 1), 0), want)
	// An empty section holds nothing, wherever it points.
	empty := f.Section(".empty")
	if b, err := f.Data(empty); len(b) != 0 || err != nil {
		t.Errorf(".empty: %d bytes, %v", len(b), err)
	}
	if err := f.ReadAt(empty, nil, 0); err != nil {
		t.Error(err)
	}
}

func TestLongSectionName(t *testing.T) {
	for _, n := range []int{maxString, maxString + 1, 3 * maxString} {
		e := &testkit.ELF{Sections: []testkit.Section{{Name: "short"}, {Name: strings.Repeat("x", n)}}}
		m := e.Assemble()
		f, err := New(bytes.NewReader(m.Data), int64(len(m.Data)))
		if n > maxString {
			wantError(t, err, "section 3+0x7: string of more than 65536 bytes")
		} else if err != nil || len(f.Sections[2].Name) != n {
			t.Errorf("name of %d bytes: %v", n, err)
		}
	}
}

// TestFileGetsShorter reads a file that has lost its end since it was opened.
func TestFileGetsShorter(t *testing.T) {
	data := sample().Assemble().Data
	f := open(t, data)
	text := f.Section(".text")
	cut := text.Off + 2
	f.r = bytes.NewReader(data[:cut])
	var fe *FormatError
	err := f.ReadAt(text, make([]byte, 4), 0)
	if !errors.As(err, &fe) || fe.Section != ".text" || fe.Off != 2 {
		t.Errorf("ReadAt: %v", err)
	}
	wantError(t, err, fmt.Sprintf(".text+0x2: the file now ends at %d bytes, it had %d when it was opened", cut, len(data)))
	if _, err := f.Data(text); !errors.As(err, &fe) {
		t.Errorf("Data: %v", err)
	}

	// A size that is not true must not decide how much memory is asked for.
	_, err = New(bytes.NewReader(data), 1<<60)
	if err != nil {
		t.Fatalf("headers are there, yet: %v", err)
	}
	m := sample().Assemble()
	m.SetShdr(3, testkit.ShSize, 6<<30)
	f, err = New(bytes.NewReader(m.Data), 1<<60)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = f.Data(f.Section(".debug_info")); !errors.As(err, &fe) {
		t.Errorf("6 GiB section: %v", err)
	}
	m.SetShdr(3, testkit.ShSize, maxWhole+1)
	if f, err = New(bytes.NewReader(m.Data), 1<<60); err != nil {
		t.Fatal(err)
	}
	_, err = f.Data(f.Section(".debug_info"))
	wantError(t, err, ".debug_info+0x0: 8589934593 bytes are too many to read")
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	path := func(name, contents string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(contents), 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		path, err string
		is        error
	}{
		{filepath.Join(dir, "none"), "no such file or directory", fs.ErrNotExist},
		{dir, "is a directory, not a regular file", nil},
		{fifo, "is a named pipe, not a regular file", nil},
		{"/dev/null", "is a device, not a regular file", nil},
		{path("empty", ""), "empty file: not an ELF file", ErrNotELF},
		{path("text", "#!/bin/sh\n"), "not an ELF file: starts with the bytes 23 21 2f 62", ErrNotELF},
	}
	for _, tt := range tests {
		f, err := Open(tt.path)
		wantError(t, err, tt.err)
		if f != nil || tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: %v is not %v", tt.path, err, tt.is)
		}
	}
}

func TestChanged(t *testing.T) {
	data := sample().Assemble().Data
	later := time.Now().Add(time.Hour)
	tests := []struct {
		name string
		edit func(path string) error
		want string
	}{
		{"nothing", func(string) error { return nil }, ""},
		{"size", func(p string) error { return os.Truncate(p, 10) },
			fmt.Sprintf("changed while it was being read: it had %d bytes, now 10", len(data))},
		{"mtime", func(p string) error { return os.Chtimes(p, later, later) },
			"changed while it was being read: modified at " + later.Format(time.RFC3339Nano)},
		{"removed", os.Remove, "changed while it was being read: no such file or directory"},
		{"replaced", func(p string) error {
			if err := os.WriteFile(p+".new", data, 0o644); err != nil {
				return err
			}
			return os.Rename(p+".new", p)
		}, "changed while it was being read: replaced by another file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f.o")
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
			f, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := tt.edit(path); err != nil {
				t.Fatal(err)
			}
			err = f.Changed()
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, tt.want)
			if !errors.Is(err, ErrChanged) {
				t.Error("does not wrap ErrChanged")
			}
		})
	}
	if err := open(t, data).Changed(); err != nil {
		t.Errorf("without a file: %v", err)
	}
}

func TestNoSections(t *testing.T) {
	m := (&testkit.ELF{}).Assemble()
	m.SetHeader(testkit.EShOff, 0)
	m.SetHeader(testkit.EShNum, 0)
	f := open(t, m.Data[:64])
	if len(f.Sections) != 0 || f.Section("") != nil {
		t.Errorf("%d sections", len(f.Sections))
	}
	if syms, err := f.Symbols(); syms != nil || err != nil {
		t.Errorf("symbols: %v, %v", syms, err)
	}
	// A file without section names is legal.
	m = (&testkit.ELF{Sections: []testkit.Section{{Name: ".text"}}}).Assemble()
	m.SetHeader(testkit.EShStrNdx, 0)
	if f = open(t, m.Data); f.Sections[1].Name != "" {
		t.Errorf("name %q", f.Sections[1].Name)
	}
}

func TestProgramHeaderCount(t *testing.T) {
	m := (&testkit.ELF{}).Assemble()
	m.SetHeader(testkit.EPhNum, pnXNum)
	m.SetHeader(testkit.EPhOff, 64)
	m.SetShdr(0, testkit.ShInfo, 70_000)
	if f := open(t, m.Data); f.PhNum != 70_000 || f.PhOff != 64 {
		t.Errorf("%d program headers at %d", f.PhNum, f.PhOff)
	}
}
