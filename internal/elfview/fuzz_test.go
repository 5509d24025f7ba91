// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfview

import (
	"bytes"
	"debug/elf"
	"testing"

	"github.com/btfgen/btfgen/internal/testkit"
)

// FuzzOpen opens any bytes and reads everything in them.
func FuzzOpen(f *testing.F) {
	data := compressible(3000)
	for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
		for _, big := range []bool{false, true} {
			e := sample()
			e.Class, e.Big = class, big
			f.Add(e.Assemble().Data)
			e.Extended = true
			f.Add(e.Assemble().Data)
			f.Add((&testkit.ELF{Class: class, Big: big, Sections: []testkit.Section{
				{Name: ".debug_info", Flags: elf.SHF_COMPRESSED, Data: chdr(class, big, elf.COMPRESS_ZLIB, 3000, zlibOf(f, data))},
				{Name: ".debug_str", Flags: elf.SHF_COMPRESSED, Data: chdr(class, big, elf.COMPRESS_ZSTD, 3000, zstdOf(f, data))},
				{Name: ".zdebug_line", Data: zdebug(3000, zlibOf(f, data))},
			}}).Assemble().Data)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		e, err := New(bytes.NewReader(b), int64(len(b)))
		if (e == nil) != (err != nil) {
			t.Fatalf("file %v, error %v", e, err)
		}
		if err != nil {
			return
		}
		readEverything(t, e, uint64(len(b)))
	})
}

func readEverything(t *testing.T, f *File, size uint64) {
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.Index != i {
			t.Fatalf("section %d has index %d", i, s.Index)
		}
		want, sizeErr := f.Size(s)
		if sizeErr == nil && want > max(smallSize, size*maxRatio) {
			t.Fatalf("section %d: a size of %d is believed", i, want)
		}
		data, err := f.Data(s)
		if err == nil && (sizeErr != nil || uint64(len(data)) != want) {
			t.Fatalf("section %d: %d bytes, size %d, %v", i, len(data), want, sizeErr)
		}
		if err != nil && data != nil {
			t.Fatalf("section %d: data beside %v", i, err)
		}
		if f.Compressed(s) || err != nil {
			continue
		}
		b := make([]byte, len(data)/2)
		if err := f.ReadAt(s, b, uint64(len(data)-len(b))); err != nil || !bytes.Equal(b, data[len(data)-len(b):]) {
			t.Fatalf("section %d: its second half differs, %v", i, err)
		}
		if f.ReadAt(s, make([]byte, 1), uint64(len(data))) == nil {
			t.Fatalf("section %d: read beyond its end", i)
		}
	}
	tab, err := f.Symbols()
	if err != nil {
		if tab != nil {
			t.Fatalf("symbols beside %v", err)
		}
		return
	}
	if tab == nil {
		return
	}
	for i := range tab.Len() {
		s := tab.Sym(i)
		if s.InSection() && int(s.Shndx) >= len(f.Sections) {
			t.Fatalf("symbol %d is in section %d of %d", i, s.Shndx, len(f.Sections))
		}
		if name := tab.Name(s.NameOff); bytes.IndexByte(name, 0) >= 0 || len(name) > maxString {
			t.Fatalf("symbol %d has the name %q", i, name)
		}
	}
}
