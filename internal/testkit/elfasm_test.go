// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package testkit

import (
	"bytes"
	"debug/elf"
	"fmt"
	"testing"
)

// TestAssemble reads what the builder makes with debug/elf.
func TestAssemble(t *testing.T) {
	for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
		for _, big := range []bool{false, true} {
			for _, extended := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v,big=%v,extended=%v", class, big, extended), func(t *testing.T) {
					e := &ELF{
						Class: class, Big: big, Extended: extended, Type: elf.ET_DYN, Machine: elf.EM_PPC64,
						Sections: []Section{
							{Name: ".text", Flags: elf.SHF_ALLOC, Addr: 0x400, Align: 32, Data: []byte("abc")},
							{Name: ".bss", Type: elf.SHT_NOBITS, MemSize: 77},
							{Name: ".rela", Type: elf.SHT_RELA, Link: 1, Info: 2, EntSize: 3, Data: []byte("defg")},
						},
						Symbols: []Symbol{
							{Name: "f", Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Section: 1, Value: 0x401, Size: 2},
							{Name: "abs", Special: elf.SHN_ABS, Value: 9},
						},
					}
					if extended { // debug/elf refuses it where it is not needed
						e.Sections = append(e.Sections, make([]Section, elf.SHN_LORESERVE)...)
					}
					testAssemble(t, e)
				})
			}
		}
	}
}

func testAssemble(t *testing.T, e *ELF) {
	m := e.Assemble()
	f, err := elf.NewFile(bytes.NewReader(m.Data))
	if err != nil {
		t.Fatal(err)
	}
	if f.Class != e.Class || (f.Data == elf.ELFDATA2MSB) != e.Big || f.Type != e.Type || f.Machine != e.Machine {
		t.Errorf("%+v", f.FileHeader)
	}
	if len(f.Sections) != m.ShNum {
		t.Errorf("%d sections, want %d", len(f.Sections), m.ShNum)
	}
	for i, want := range e.Sections[:3] {
		s := f.Sections[i+1]
		if m.Index(want.Name) != i+1 || s.Name != want.Name || s.Flags != want.Flags || s.Addr != want.Addr || s.Link != want.Link ||
			s.Info != want.Info || s.Entsize != want.EntSize {
			t.Errorf("section %d: %+v, want %+v", i+1, s.SectionHeader, want)
		}
		if want.MemSize != 0 {
			if s.Size != want.MemSize || s.Type != elf.SHT_NOBITS {
				t.Errorf("%s: %v of %d bytes", s.Name, s.Type, s.Size)
			}
			continue
		}
		if data, err := s.Data(); string(data) != string(want.Data) || err != nil {
			t.Errorf("%s: %q, %v", s.Name, data, err)
		}
		if !bytes.HasPrefix(m.Contents(i+1), want.Data) {
			t.Errorf("%s: Contents differ", s.Name)
		}
	}
	if s := f.Sections[1]; s.Offset%32 != 0 || s.Addralign != 32 || s.Type != elf.SHT_PROGBITS {
		t.Errorf(".text: %+v", s.SectionHeader)
	}
	syms, err := f.Symbols()
	if err != nil || len(syms) != 2 {
		t.Fatalf("%v, %v", syms, err)
	}
	section := elf.SectionIndex(1)
	if e.Extended {
		section = elf.SHN_XINDEX
	}
	for i, want := range []elf.Symbol{
		{Name: "f", Info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC), Section: section, Value: 0x401, Size: 2},
		{Name: "abs", Section: elf.SHN_ABS, Value: 9},
	} {
		if syms[i] != want {
			t.Errorf("symbol %d: %+v, want %+v", i, syms[i], want)
		}
	}
}

// TestSet patches each kind of field and reads it back.
func TestSet(t *testing.T) {
	for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
		for _, big := range []bool{false, true} {
			m := (&ELF{Class: class, Big: big, Sections: []Section{{Name: "a"}}, Symbols: []Symbol{{Name: "s"}}}).Assemble()
			m.SetHeader(EMachine, 0x1234)
			m.SetHeader(EType, uint64(elf.ET_EXEC))
			m.SetShdr(1, ShAddr, 0xabcdef)
			m.SetShdr(1, ShInfo, 5)
			m.SetShdr(1, ShEntSize, 6)
			m.SetSymbol(1, StValue, 0x5678)
			m.SetSymbol(1, StSize, 0x9a)
			m.SetSymbol(1, StInfo, 0x12)
			f, err := elf.NewFile(bytes.NewReader(m.Data))
			if err != nil {
				t.Fatal(err)
			}
			if f.Machine != 0x1234 || f.Type != elf.ET_EXEC {
				t.Errorf("%+v", f.FileHeader)
			}
			if s := f.Sections[1]; s.Addr != 0xabcdef || s.Info != 5 || s.Entsize != 6 {
				t.Errorf("%+v", s.SectionHeader)
			}
			syms, err := f.Symbols()
			if want := (elf.Symbol{Name: "s", Info: 0x12, Value: 0x5678, Size: 0x9a}); err != nil || syms[0] != want {
				t.Errorf("%+v, %v", syms, err)
			}
		}
	}
}
