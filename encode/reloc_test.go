// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/elfview"
	. "github.com/btfgen/btfgen/internal/testkit"
)

// TestRelocatable: what a linker does to an object changes nothing: types, functions with their prototypes,
// variables with their offsets are those of the linked image.
func TestRelocatable(t *testing.T) {
	all := objects(t, "*")
	compared := 0
	for _, name := range objects(t, "*.rel*") {
		linked, _, _ := strings.Cut(name, ".rel")
		if _, ok := slices.BinarySearch(all, linked); !ok {
			continue // there are no linked objects for riscv64
		}
		compared++
		view := lines
		if strings.HasPrefix(name, "type_units.") { // the linker puts the type units first
			view = content
		}
		if d := cmp.Diff(view(object(t, linked, Options{})), view(object(t, name, Options{}))); d != "" {
			t.Errorf("%s differs from the linked image:\n%s", name, d)
		}
	}
	if compared < 20 {
		t.Errorf("only %d objects have both forms", compared)
	}
}

// TestRelocatableUnits: functions of one name in two units, each at an offset of a section that others have too.
func TestRelocatableUnits(t *testing.T) {
	for _, name := range objects(t, "relocatable_units.*") {
		// Two static functions of a name have two addresses, the strong definition is the one at the symbol.
		check(t, object(t, name, Options{}), "!FUNC dup ", "!FUNC zdup ", "!FUNC dupx ", "strong_name", "FUNC wf ")
		// pahole 1.32 compares offsets: 0 is none, and the first definition wins.
		check(t, object(t, name, Options{Compat: true}), "!FUNC dupx ", "FUNC wf ", "weak_name")
	}
}

// TestRelocatableJobs: canonical offsets of strings do not depend on the schedule, nor does anything else.
func TestRelocatableJobs(t *testing.T) {
	res := map[int]*Result{}
	for _, jobs := range []int{1, 2, 7} {
		var err error
		if res[jobs], err = encodeFile(t, Object(t, "dedup.gcc-x86_64.dwarf5.rel.elf"), Options{Jobs: jobs, Report: true}); err != nil {
			t.Fatal(err)
		}
	}
	for _, jobs := range []int{2, 7} {
		if d := sameResult(t, res[1], res[jobs]); d != "" {
			t.Errorf("1 job and %d jobs differ: %s", jobs, d)
		}
	}
}

// relocatableObject is an object of testdata in memory, to be broken.
func relocatableObject(t *testing.T) (image []byte, f *elfview.File) {
	t.Helper()
	image, err := os.ReadFile(Object(t, "relocatable.gcc-x86_64.dwarf5.elf"))
	if err != nil {
		t.Fatal(err)
	}
	f, err = elfview.New(bytes.NewReader(bytes.Clone(image)), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	return image, f
}

// TestRelocatableMalformed: each defect has its exact message, and no output.
func TestRelocatableMalformed(t *testing.T) {
	le := binary.LittleEndian
	const shType, shOff, shSize, shInfo, shEntSize = 4, 24, 32, 44, 56 // of an ELF64 section header
	tests := []struct {
		name    string
		section string
		header  int // field of the section's header, or -1: byte of its contents
		at      int
		value   uint64
		size    int // bytes of the value
		err     string
	}{
		{"relocation type", ".rela.debug_info", -1, 8, 99, 4, ".rela.debug_info+0x0: relocation type 99 at .debug_info+0x8 is not one that debug sections use"},
		{"symbol", ".rela.debug_info", -1, 12, 0xffff, 4, ".rela.debug_info+0x0: symbol 65535, there are 15 symbols"},
		{"field", ".rela.debug_info", -1, 0, 0x7fffffff, 8, ".rela.debug_info+0x0: a field of 4 bytes at .debug_info+0x7fffffff, the section has 244 bytes"},
		{"value", ".rela.debug_info", -1, 16, 1 << 40, 8, ".rela.debug_info+0x0: value 0x10000000000 does not fit the four bytes at .debug_info+0x8"},
		{"entry size", ".rela.debug_info", shEntSize, 0, 16, 8, ".rela.debug_info+0x0: sh_entsize is 16, want 24"},
		{"compact relocations", ".rela.debug_info", shType, 0, 0x40000014, 4, ".rela.debug_info+0x0: SHT_CREL, compact relocations, are not supported"},
		{"relocated twice", ".rela.debug_line", shInfo, 0, 0, 4, ".rela.debug_line+0x0: second relocation section of .debug_info, after section 8"},
		{"relocations outside the file", ".rela.debug_info", shOff, 0, 1 << 40, 8, ".rela.debug_info+0x0: 408 bytes at file offset 0x10000000000 do not fit the file of SIZE bytes"},
		{"no room for sections", ".bss", shSize, 0, 1<<63 - 1, 8, ".bss+0x0: sh_size is 0x7fffffffffffffff, which leaves no address for the section"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			image, f := relocatableObject(t)
			s := f.Section(test.section)
			if s == nil {
				t.Fatalf("no section %s", test.section)
			}
			at := int(s.Off) + test.at
			if test.header >= 0 {
				at = int(f.ShOff) + 64*s.Index + test.header
			}
			value := test.value
			if test.header == shInfo {
				value = uint64(f.Section(".debug_info").Index)
			}
			if test.size == 4 {
				le.PutUint32(image[at:], uint32(value))
			} else {
				le.PutUint64(image[at:], value)
			}
			res, err := encodeImage(t, image, Options{Jobs: 1})
			if err == nil || err.Error() != strings.ReplaceAll(test.err, "SIZE", fmt.Sprint(len(image))) {
				t.Errorf("error %v\nwant  %s", err, test.err)
			}
			if res != nil {
				t.Error("there is a result besides the error")
			}
		})
	}
}

// sameName is a relocatable file of units, the sections of which it has n times.
func sameName(n int, d *DWARF) *ELF {
	e := d.ELF()
	e.Type = elf.ET_REL
	for _, s := range e.Sections {
		if s.Name == ".debug_info" {
			for range n - 1 {
				e.Sections = append(e.Sections, s)
			}
		}
	}
	return e
}

// TestSameName: sections of one name are read one behind the other.
func TestSameName(t *testing.T) {
	unit := func() *DWARF { return file(Base("int", 4), pointer("p", "int")) }
	one, err := encodeImage(t, sameName(1, unit()).Assemble().Data, Options{Jobs: 1})
	if err != nil {
		t.Fatal(err)
	}
	two, err := encodeImage(t, sameName(2, unit()).Assemble().Data, Options{Jobs: 1})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(dump(t, one.BTF), dump(t, two.BTF)); d != "" {
		t.Errorf("a unit twice is not the same as once:\n%s", d)
	}

	broken := sameName(2, file(Base("int", 4), D(dwarf.TagLabel, ref(0x3fff, 0x2d, 1))))
	const form = ".debug_info+0x1d: attribute Attr(16383) has the unknown form 0x2d"
	if _, err := encodeImage(t, broken.Assemble().Data, Options{Jobs: 1}); err == nil || err.Error() != form {
		t.Errorf("error %v, want %s", err, form)
	}

	const many = "more than 4096 sections are named .debug_info"
	if _, err := encodeImage(t, sameName(maxSameName+1, unit()).Assemble().Data, Options{Jobs: 1}); err == nil || err.Error() != many {
		t.Errorf("error %v, want %s", err, many)
	}

	// All of them the same bytes, which are most of the file.
	large := file(Base("int", 4))
	large.Extra = map[string][]byte{".debug_str": bytes.Repeat([]byte("some text\x00"), 1000)}
	e := large.ELF()
	e.Type = elf.ET_REL
	at := 0
	for i, s := range e.Sections {
		if s.Name == ".debug_str" {
			at = i + 1
		}
	}
	e.Sections = append(e.Sections, Section{Name: ".debug_str"})
	image := e.Assemble()
	last := len(e.Sections)
	off := int(binary.LittleEndian.Uint64(image.Data[image.ShOff+64*at+24:]))
	image.SetShdr(last, ShOffset, uint64(off))
	image.SetShdr(last, ShSize, 10000)
	const shared = "sections named .debug_str, 2 up to number 7, have more bytes than the file"
	if _, err := encodeImage(t, image.Data, Options{Jobs: 1}); err == nil || err.Error() != shared {
		t.Errorf("error %v, want %s", err, shared)
	}
}

// TestHiddenFromPahole: pahole takes a section that is not loaded for one at address 0, if it stands before that of the
// variable, holds data, and is larger than the address.
func TestHiddenFromPahole(t *testing.T) {
	const alloc = elf.SHF_ALLOC
	e := ELF{Sections: []Section{
		{Name: ".comment", Data: make([]byte, 16)},
		{Name: ".text", Flags: alloc, Data: make([]byte, 24), Align: 16},
		{Name: "first", Flags: alloc, Data: make([]byte, 64), Align: 32},
		{Name: ".rela.text", Type: elf.SHT_RELA, Data: make([]byte, 1<<18)},
		{Name: ".debug_info", Data: make([]byte, 1<<16+0x90)},
		{Name: "second", Flags: alloc, Data: make([]byte, 64), Align: 64},
		{Name: "bss", Flags: alloc, Type: elf.SHT_NOBITS, MemSize: 64, Align: 1},
	}}
	image := e.Assemble()
	f, err := elfview.New(bytes.NewReader(image.Data), int64(len(image.Data)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRelocatable(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		section int
		off     uint64
		want    bool
	}{
		{2, 0, false}, {3, 0, false}, {3, 60, false}, // .comment is too small
		{6, 0, true}, {6, 15, true}, {6, 16, false}, // .text at 0x10000, first at 0x10020, second at 0x10080
		{7, 0, false}, // at 0x100c0
	} {
		if got := r.hiddenFromPahole(tt.section, tt.off); got != tt.want {
			t.Errorf("section %d, offset %d: %v, want %v", tt.section, tt.off, got, tt.want)
		}
	}
}

// TestHiddenVariable: only pahole loses a variable behind .debug_info.
func TestHiddenVariable(t *testing.T) {
	d := file(Base("int", 4), D(dwarf.TagVariable, Name("vari"), Type("int"), expr(3, 8, 0, 0, 0, 0, 0, 0, 0)))
	d.Units[0].Tail = make([]byte, 1<<17) // the end of DIEs, many times
	e := d.ELF()
	e.Type = elf.ET_REL
	percpu := e.Sections[1]
	percpu.Addr, percpu.Flags = 0, elf.SHF_ALLOC
	e.Sections = append(e.Sections[:1:1], e.Sections[2:]...)
	e.Sections = append(e.Sections, percpu)
	at := len(e.Sections)
	e.Symbols = []Symbol{{Name: "vari", Type: elf.STT_OBJECT, Section: at, Value: 8}, {Type: elf.STT_SECTION, Section: at}}
	info, symtab := 0, at+2 // behind the relocations
	for i, s := range e.Sections {
		if s.Name == ".debug_info" {
			info = i + 1
		}
	}
	data := e.Sections[info-1].Data
	addr := bytes.Index(data, []byte{9, 3, 8, 0, 0, 0, 0, 0, 0, 0}) + 2
	if addr < 2 {
		t.Fatal("the location is not in .debug_info")
	}
	const symSection, absolute64 = 2, 1 // the second symbol; R_X86_64_64
	rela := binary.LittleEndian.AppendUint64(nil, uint64(addr))
	rela = binary.LittleEndian.AppendUint64(rela, symSection<<32|absolute64)
	rela = binary.LittleEndian.AppendUint64(rela, 8)
	e.Sections = append(e.Sections, Section{Name: ".rela.debug_info", Type: elf.SHT_RELA, Data: rela, Info: uint32(info), Link: uint32(symtab), EntSize: 24})
	image := e.Assemble().Data
	for _, compat := range []bool{false, true} {
		res, err := encodeImage(t, image, Options{Jobs: 1, Compat: compat})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(dump(t, res.BTF), "DATASEC .data..percpu 12 2:8:4"); got == compat {
			t.Errorf("compat %v: the variable is there: %v; in\n%s", compat, got, dump(t, res.BTF))
		}
	}
}
