// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfview

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"

	"github.com/btfgen/btfgen/internal/testkit"
)

// Indexes of the symbols of a relocObject.
const (
	symNone = iota
	symText
	symInit
	symStr
	symUndef
	symAbs
	symCommon
	symTLS
	symStrLabel
	symCount
)

// Values of these symbols, and indexes of the sections of a relocObject.
const (
	textValue     = 0x20
	initValue     = 0x44
	absValue      = 0x1234
	tlsValue      = 0x8
	strLabelValue = 0x5
	secText       = 1
	secInit       = 2
	secStr        = 3
	secInfo       = 4
	secRela       = 5
	secTLS        = 6
)

// testReloc is one relocation of a test. For SHT_REL the addend goes into the field.
type testReloc struct {
	off    uint64
	sym    uint32
	typ    uint32 // 64-bit MIPS: the first of three types in the low byte
	addend int64
}

// relocObject describes a relocatable file with one relocated section.
type relocObject struct {
	mach    elf.Machine
	class   elf.Class
	big     bool
	rel     bool   // SHT_REL; its fields are not filled in here
	size    int    // bytes of .debug_info, if data is nil
	data    []byte // of .debug_info
	entries []testReloc
	raw     []byte // entries as bytes, instead
	edit    func(e *testkit.ELF)
}

// image assembles the file.
func (o *relocObject) image() *testkit.Image {
	data := o.data
	if data == nil {
		data = make([]byte, o.size)
	}
	rel := testkit.Section{Name: ".rela.debug_info", Type: elf.SHT_RELA, Link: 7, Info: secInfo, Data: o.raw}
	if o.rel {
		rel.Name, rel.Type = ".rel.debug_info", elf.SHT_REL
	}
	if rel.Data == nil {
		for _, e := range o.entries {
			rel.Data = o.appendEntry(rel.Data, e)
		}
	}
	rel.EntSize = uint64(len(o.appendEntry(nil, testReloc{})))
	e := &testkit.ELF{
		Class: o.class, Big: o.big, Machine: o.mach,
		Sections: []testkit.Section{
			secText - 1: {Name: ".text", Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Data: make([]byte, 0x100), Align: 16},
			secInit - 1: {Name: ".init.text", Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Data: make([]byte, 0x100), Align: 16},
			secStr - 1:  {Name: ".debug_str", Data: []byte("one\x00two\x00one\x00three\x00")},
			secInfo - 1: {Name: ".debug_info", Data: data},
			secRela - 1: rel,
			secTLS - 1:  {Name: ".tdata", Flags: elf.SHF_ALLOC | elf.SHF_WRITE | elf.SHF_TLS, Data: make([]byte, 16)},
		},
		Symbols: []testkit.Symbol{
			symText - 1:     {Name: "text", Section: secText, Value: textValue},
			symInit - 1:     {Name: "init", Section: secInit, Value: initValue},
			symStr - 1:      {Type: elf.STT_SECTION, Section: secStr},
			symUndef - 1:    {Name: "undefined", Value: 99},
			symAbs - 1:      {Name: "absolute", Special: elf.SHN_ABS, Value: absValue},
			symCommon - 1:   {Name: "common", Special: elf.SHN_COMMON, Value: 8, Size: 4},
			symTLS - 1:      {Name: "tls", Type: elf.STT_TLS, Section: secTLS, Value: tlsValue},
			symStrLabel - 1: {Name: ".LASF1", Section: secStr, Value: strLabelValue},
		},
	}
	if o.edit != nil {
		o.edit(e)
	}
	return e.Assemble()
}

// open opens the assembled file.
func (o *relocObject) open(t testing.TB) *File {
	t.Helper()
	data := o.image().Data
	f, err := New(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// appendEntry encodes an entry the way the class, the byte order and the machine want it.
func (o *relocObject) appendEntry(b []byte, e testReloc) []byte {
	var order binary.AppendByteOrder = binary.LittleEndian
	if o.big {
		order = binary.BigEndian
	}
	if o.class == elf.ELFCLASS32 {
		b = order.AppendUint32(b, uint32(e.off))
		b = order.AppendUint32(b, e.sym<<8|e.typ)
		if !o.rel {
			b = order.AppendUint32(b, uint32(e.addend))
		}
		return b
	}
	b = order.AppendUint64(b, e.off)
	if o.mach == elf.EM_MIPS {
		b = order.AppendUint32(b, e.sym)
		b = append(b, 0, byte(e.typ>>16), byte(e.typ>>8), byte(e.typ))
	} else {
		b = order.AppendUint64(b, uint64(e.sym)<<32|uint64(e.typ))
	}
	if !o.rel {
		b = order.AppendUint64(b, uint64(e.addend))
	}
	return b
}

// absTypes returns the types of a machine that store an address in four and in eight bytes.
func absTypes(m elf.Machine) (abs32, abs64 uint32) {
	for typ, rule := range relocMachines[m].rules {
		switch {
		case rule == relocAbs|4 && abs32 == 0:
			abs32 = uint32(typ)
		case rule == relocAbs|8 && abs64 == 0:
			abs64 = uint32(typ)
		}
	}
	return abs32, abs64
}

// relocator returns the relocator of a file with the given addresses of sections.
func relocator(t testing.TB, f *File, addrs []uint64) *Relocator {
	t.Helper()
	syms, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.NewRelocator(syms, addrs)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
