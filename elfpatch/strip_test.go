// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"bytes"
	"debug/elf"
	"testing"

	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/testkit"
	"github.com/google/go-cmp/cmp"
)

func TestStripDebug(t *testing.T) {
	variants(t, func(t *testing.T, v variant) {
		b := sample(v).Assemble().Data
		out := edit(t, b, StripDebug(), Set(".BTF", btfData))
		if len(out) >= len(b) {
			t.Errorf("%d bytes, not fewer than %d", len(out), len(b))
		}
		before, after := parse(t, b), parse(t, out)
		want := []string{"", ".text", ".rela.text", ".group", ".text.f", ".bss", ".rodata", "__order", ".BTF_ids", ".comment",
			".symtab", ".strtab", ".symtab_shndx", ".shstrtab", ".BTF"}
		if !v.extended {
			want = append(want[:12:12], want[13:]...)
		}
		if d := cmp.Diff(want, after.names); d != "" {
			t.Fatal(d)
		}
		for _, name := range []string{".text", ".text.f", ".bss", ".rodata", "__order", ".BTF_ids", ".comment", ".strtab"} {
			if d := cmp.Diff(before.one(t, name), after.one(t, name), cmp.AllowUnexported(content{})); d != "" {
				t.Errorf("%s:\n%s", name, d)
			}
		}
		for i, s := range after.sections {
			if s.align > 1 && after.offs[i]%s.align != 0 {
				t.Errorf("%s at %#x is not aligned to %d", after.names[i], after.offs[i], s.align)
			}
		}
		if got := after.one(t, ".group").data; got != string(v.words(0, 4)) {
			t.Errorf("the group is % x", got)
		}
		checkIndexes(t, v, out)
	})
}

// checkIndexes looks at every index of the stripped sample.
func checkIndexes(t *testing.T, v variant, b []byte) {
	t.Helper()
	want := []string{"@.text", "@.rodata", "kept@.group", "f@.text", "external"}
	if d := cmp.Diff(want, symbolNames(t, b)); d != "" {
		t.Error(d)
	}
	f, err := elfview.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	symtab := f.Section(".symtab")
	if symtab.Info != 4 {
		t.Errorf("sh_info of .symtab is %d, there are 4 local symbols", symtab.Info)
	}
	links := []struct {
		name       string
		link, info string
	}{
		{".rela.text", ".symtab", ".text"},
		{".symtab", ".strtab", ""},
		{"__order", ".text.f", ""},
		{".group", ".symtab", ""},
	}
	if v.extended {
		links = append(links, struct{ name, link, info string }{".symtab_shndx", ".symtab", ""})
	}
	for _, l := range links {
		s := f.Section(l.name)
		if got := f.Sections[s.Link].Name; got != l.link {
			t.Errorf("sh_link of %s is %s, want %s", l.name, got, l.link)
		}
		if l.info != "" && f.Sections[s.Info].Name != l.info {
			t.Errorf("sh_info of %s is %s, want %s", l.name, f.Sections[s.Info].Name, l.info)
		}
	}
	if got := f.Section(".group").Info; got != 3 {
		t.Errorf("the symbol of the group is %d, want 3", got)
	}
	p := parse(t, b)
	relocs := bytes.Join([][]byte{v.reloc(4, 2), v.reloc(8, 5), v.reloc(12, 4)}, nil)
	if got := p.one(t, ".rela.text").data; got != string(relocs) {
		t.Errorf("relocations are % x\nwant % x", got, relocs)
	}
}

// TestStripREL has relocations without addends, in the layouts of 32 bits and of
// 64-bit MIPS, whose r_info starts with the symbol in both byte orders.
func TestStripREL(t *testing.T) {
	tests := []struct {
		name    string
		v       variant
		machine elf.Machine
		in, out []byte
	}{
		{"i386", variant{class: elf.ELFCLASS32}, elf.EM_386,
			[]byte{4, 0, 0, 0, 7, 3, 0, 0}, []byte{4, 0, 0, 0, 7, 1, 0, 0}},
		{"arm be", variant{class: elf.ELFCLASS32, big: true}, elf.EM_ARM,
			[]byte{0, 0, 0, 4, 0, 0, 3, 7}, []byte{0, 0, 0, 4, 0, 0, 1, 7}},
		{"mips64 le", le64, elf.EM_MIPS,
			[]byte{4, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3, 4}, []byte{4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4}},
		{"mips64 be", variant{class: elf.ELFCLASS64, big: true}, elf.EM_MIPS,
			[]byte{0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 3, 1, 2, 3, 4}, []byte{0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, 1, 2, 3, 4}},
		{"bpf", le64, elf.EM_BPF,
			[]byte{4, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 3, 0, 0, 0}, []byte{4, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 1, 0, 0, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := testkit.ELF{Class: tt.v.class, Big: tt.v.big, Machine: tt.machine, Sections: []testkit.Section{
				{Name: ".text", Flags: elf.SHF_ALLOC, Data: []byte("textdata")},
				{Name: ".rel.text", Type: elf.SHT_REL, Link: 4, Info: 1, EntSize: uint64(len(tt.in)), Data: tt.in},
				{Name: ".debug_line", Data: []byte("line")},
			}, Symbols: []testkit.Symbol{
				{Name: "a.c", Type: elf.STT_FILE, Special: elf.SHN_ABS}, {Type: elf.STT_SECTION, Section: 3}, {Name: "f", Section: 1},
			}}
			p := parse(t, edit(t, e.Assemble().Data, StripDebug()))
			if got := p.one(t, ".rel.text").data; got != string(tt.out) {
				t.Errorf("relocation is % x, want % x", got, tt.out)
			}
		})
	}
}

// TestStripAddrsig: the table of LLVM that numbers symbols loses its link, as its readers expect
// of one that is out of date.
func TestStripAddrsig(t *testing.T) {
	e := sample(le64)
	e.Sections[12] = testkit.Section{Name: ".llvm_addrsig", Type: shtAddrsig, Link: 14, Data: []byte{8}}
	out := edit(t, e.Assemble().Data, StripDebug())
	f, err := elfview.New(bytes.NewReader(out), int64(len(out)))
	if err != nil {
		t.Fatal(err)
	}
	if s := f.Section(".llvm_addrsig"); s == nil || s.Link != 0 {
		t.Errorf("section %+v", s)
	}
}

// TestStripNothing has no debug data.
func TestStripNothing(t *testing.T) {
	b := edit(t, sample(le64).Assemble().Data, StripDebug())
	if out := edit(t, b, StripDebug()); !bytes.Equal(out, b) {
		t.Error("a file without debug data has changed")
	}
}
