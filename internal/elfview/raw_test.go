// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfview

import (
	"bytes"
	"debug/elf"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSegments compares the program headers of this test binary with what
// debug/elf reads, and with those of a file that has none.
func TestSegments(t *testing.T) {
	f, err := Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := f.Segments()
	if err != nil {
		t.Fatal(err)
	}
	other, err := elf.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var want []Segment
	for _, p := range other.Progs {
		want = append(want, Segment{p.Type, p.Flags, p.Off, p.Vaddr, p.Filesz, p.Memsz, p.Align})
	}
	if d := cmp.Diff(want, got); d != "" || len(got) == 0 {
		t.Error(d)
	}
	b := sample().Assemble().Data
	f, err = New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f.Segments(); got != nil || err != nil {
		t.Errorf("segments %v, %v", got, err)
	}
}

func TestRaw(t *testing.T) {
	for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
		for _, extended := range []bool{false, true} {
			e := sample()
			e.Class, e.Extended = class, extended
			m := e.Assemble()
			f, err := New(bytes.NewReader(m.Data), int64(len(m.Data)))
			if err != nil {
				t.Fatal(err)
			}
			head, err := f.RawHeader()
			if err != nil || !bytes.HasPrefix(m.Data, head) || uint64(len(head)) != f.ehdr().size {
				t.Errorf("header of %d bytes, %v", len(head), err)
			}
			table, err := f.RawSections()
			if err != nil || !bytes.Equal(table, m.Data[m.ShOff:]) {
				t.Errorf("section header table of %d bytes, %d in the file, %v", len(table), len(m.Data)-m.ShOff, err)
			}
			head[0], table[0] = 1, 1
			if m.Data[0] == 1 || m.Data[m.ShOff] == 1 {
				t.Error("the result aliases the input")
			}
		}
	}
}

// TestSegmentErrors has a table that is not there.
func TestSegmentErrors(t *testing.T) {
	b := sample().Assemble().Data
	tests := []struct {
		name string
		off  int // byte of the header
		v    byte
		want string
	}{
		{"size", 54, 57, "ELF header+0x36: e_phentsize is 57, want 56"},
		{"outside", 38, 1, "ELF header+0x20: 1 program headers at e_phoff 0x1000000000000 do not fit the file of "},
		{"cut off", 57, 0xff, "ELF header+0x20: 65281 program headers at e_phoff 0x0 do not fit the file of "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := bytes.Clone(b)
			in[54], in[56], in[tt.off] = 56, 1, tt.v
			if tt.off == 54 {
				in[54] = tt.v
			}
			f, err := New(bytes.NewReader(in), int64(len(in)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Segments(); err == nil || !bytes.HasPrefix([]byte(err.Error()), []byte(tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}
