// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package testkit

import (
	"debug/dwarf"
	"encoding/binary"
	"fmt"
)

// DWARF describes debug sections, of any version and format, as a tree of DIEs. References go by
// label, strings into .debug_str. Nothing is checked: a test may ask for what no compiler writes.
type DWARF struct {
	Version  uint16 // zero: 5
	Is64     bool   // 64-bit format
	Big      bool   // big-endian
	AddrSize uint8  // zero: 8
	Units    []*Unit
	Addrs    []uint64          // entries of .debug_addr
	Extra    map[string][]byte // more sections, or others instead of those that are assembled

	info, types, abbrev, str, strOffsets []byte
	strs                                 map[string]uint64
	labels                               map[string]label
	fixups                               []fixup
}

// Unit is one unit. Its DIE is Root; a nil Root leaves the unit empty.
type Unit struct {
	Type      uint8  // DW_UT_...; zero: compile, or type if there is a Signature
	Version   uint16 // zero: that of the DWARF
	Signature uint64 // of a type unit, in .debug_types before DWARF 5
	TypeLabel string // of a type unit: the DIE of its type
	Root      *DIE
	Abbrev    []byte // instead of the table that Root needs
	Tail      []byte // bytes behind the tree
	Length    uint64 // instead of the right unit_length
	AbbrevOff uint64 // instead of the right one
}

// DIE is one entry. Label is what references call it.
type DIE struct {
	Label string
	Tag   dwarf.Tag
	Attrs []Attr
	Kids  []*DIE
	Code  uint64 // instead of the right abbreviation code
}

// Attr is one attribute. What Val may be depends on the form: a number (int or uint64), a string, bytes, or
// for references the label of a DIE. A number with a reference form is written as it is.
type Attr struct {
	Attr dwarf.Attr
	Form uint32
	Val  any
}

// D makes a DIE; args are attributes (Attr) and children (*DIE), and a string is its label.
func D(tag dwarf.Tag, args ...any) *DIE {
	d := &DIE{Tag: tag}
	for _, a := range args {
		switch a := a.(type) {
		case string:
			d.Label = a
		case Attr:
			d.Attrs = append(d.Attrs, a)
		case *DIE:
			d.Kids = append(d.Kids, a)
		default:
			panic(fmt.Sprintf("testkit: %T in a DIE", a))
		}
	}
	return d
}

// Forms (DWARF 5, table 7.6).
const (
	FormAddr, FormBlock2, FormBlock4, FormData2, FormData4, FormData8, FormString, FormBlock, FormBlock1, FormData1    = 0x01, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b
	FormFlag, FormSdata, FormStrp, FormUdata, FormRefAddr, FormRef1, FormRef2, FormRef4, FormRef8, FormRefUdata        = 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15
	FormIndirect, FormSecOffset, FormExprloc, FormFlagPresent, FormStrx, FormAddrx, FormData16, FormLineStrp           = 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1e, 0x1f
	FormRefSig8, FormImplicitConst, FormLoclistx, FormRnglistx, FormStrx1, FormStrx2, FormStrx3, FormStrx4, FormAddrx1 = 0x20, 0x21, 0x22, 0x23, 0x25, 0x26, 0x27, 0x28, 0x29
	FormGNURefAlt, FormGNUStrpAlt                                                                                      = 0x1f20, 0x1f21
)

// Attributes in their usual forms.
func Name(s string) Attr     { return Attr{dwarf.AttrName, FormStrp, s} }
func Type(label string) Attr { return Attr{dwarf.AttrType, FormRef4, label} }
func Size(n int) Attr        { return Attr{dwarf.AttrByteSize, FormData1, n} }
func Enc(n int) Attr         { return Attr{dwarf.AttrEncoding, FormData1, n} }
func At(n int) Attr          { return Attr{dwarf.AttrDataMemberLoc, FormData1, n} }
func Flag(a dwarf.Attr) Attr { return Attr{a, FormFlagPresent, nil} }
func Num(a dwarf.Attr, n int) Attr {
	return Attr{a, FormData4, n}
}

// Base is a signed base type, labelled by its name.
func Base(name string, size int) *DIE {
	return D(dwarf.TagBaseType, name, Name(name), Size(size), Enc(5))
}

// CU is a compile unit with the children and attributes given.
func CU(args ...any) *Unit {
	return &Unit{Root: D(dwarf.TagCompileUnit, append([]any{Name("unit.c"), Num(dwarf.AttrLanguage, 0x1d)}, args...)...)}
}

type label struct{ unit, at uint64 } // offsets in the section of the unit and of the DIE

// fixup is a reference to be filled in when all labels are known.
type fixup struct {
	types bool // in .debug_types
	at    uint64
	size  int // 0: a LEB128 number padded to 4 bytes
	label string
	unit  uint64 // what is subtracted
}

// Sections assembles the sections. It panics if a label is missing: a mistake of the test.
func (d *DWARF) Sections() []Section {
	if d.Version == 0 {
		d.Version = 5
	}
	if d.AddrSize == 0 {
		d.AddrSize = 8
	}
	d.info, d.types, d.abbrev, d.str, d.strOffsets = nil, nil, nil, []byte{0}, nil
	d.strs, d.labels, d.fixups = map[string]uint64{"": 0}, map[string]label{}, nil
	for _, u := range d.Units {
		d.unit(u)
	}
	for _, f := range d.fixups {
		l, ok := d.labels[f.label]
		if !ok {
			panic(fmt.Sprintf("testkit: no DIE is labelled %q", f.label))
		}
		sec := d.info
		if f.types {
			sec = d.types
		}
		v := l.at - f.unit
		if f.size == 0 {
			for i := range 4 {
				sec[f.at+uint64(i)] = byte(v>>(7*i))&0x7f | 0x80
			}
			sec[f.at+3] &= 0x7f
			continue
		}
		d.put(sec[f.at:][:f.size], v)
	}
	var secs []Section
	add := func(name string, b []byte) {
		if extra, ok := d.Extra[name]; ok {
			b = extra
		}
		if b != nil {
			secs = append(secs, Section{Name: name, Data: b})
		}
	}
	add(".debug_info", d.info)
	add(".debug_types", d.types)
	add(".debug_abbrev", d.abbrev)
	add(".debug_str", d.str)
	add(".debug_line_str", d.str)
	add(".debug_str_offsets", d.table(d.strOffsets))
	add(".debug_addr", d.table(d.addrs()))
	for _, name := range []string{".debug_loc", ".debug_loclists", ".debug_ranges", ".debug_rnglists", ".BTF_ids"} {
		add(name, nil)
	}
	return secs
}

// Offset returns the section offset of a DIE, after Sections.
func (d *DWARF) Offset(name string) uint64 { return d.labels[name].at }

// ELF returns the description of an executable with these sections, behind .text (section 1, at address
// 0x1000) and .data..percpu (section 2, at 0x2000).
func (d *DWARF) ELF(symbols ...Symbol) *ELF {
	e := &ELF{Big: d.Big, Type: 2, Symbols: symbols, Symtab: true}
	if d.AddrSize == 4 {
		e.Class = 1
	}
	e.Sections = append([]Section{{Name: ".text", Addr: 0x1000, Data: make([]byte, 256)},
		{Name: ".data..percpu", Addr: 0x2000, Data: make([]byte, 256)}}, d.Sections()...)
	return e
}

func (d *DWARF) put(b []byte, v uint64) {
	for i := range b {
		shift := 8 * i
		if d.Big {
			shift = 8 * (len(b) - 1 - i)
		}
		b[i] = 0
		if shift < 64 {
			b[i] = byte(v >> shift)
		}
	}
}

func (d *DWARF) num(b []byte, v uint64, size int) []byte {
	b = append(b, make([]byte, size)...)
	d.put(b[len(b)-size:], v)
	return b
}

func (d *DWARF) offsetSize() int {
	if d.Is64 {
		return 8
	}
	return 4
}

// length appends an initial length.
func (d *DWARF) length(b []byte, n uint64) []byte {
	if d.Is64 {
		b = d.num(b, 0xffffffff, 4)
	}
	return d.num(b, n, d.offsetSize())
}

// table puts the header of .debug_str_offsets and .debug_addr before the entries.
func (d *DWARF) table(entries []byte) []byte {
	if entries == nil || d.Version < 5 {
		return entries
	}
	b := d.num(d.length(nil, uint64(len(entries)+4)), 5, 2)
	return append(append(b, d.AddrSize, 0), entries...)
}

func (d *DWARF) addrs() []byte {
	var b []byte
	for _, a := range d.Addrs {
		b = d.num(b, a, int(d.AddrSize))
	}
	return b
}

func (d *DWARF) unit(u *Unit) {
	version := u.Version
	if version == 0 {
		version = d.Version
	}
	inTypes := u.Signature != 0 && version < 5
	sec := &d.info
	if inTypes {
		sec = &d.types
	}
	w := &unitWriter{d: d, b: *sec, start: uint64(len(*sec)), types: inTypes, codes: map[string]uint64{}, version: version}
	abbrevOff := uint64(len(d.abbrev))
	if u.AbbrevOff != 0 {
		abbrevOff = u.AbbrevOff
	}
	typ := u.Type
	if typ == 0 {
		typ = 1
		if u.Signature != 0 {
			typ = 2
		}
	}
	w.b = d.length(w.b, 0)
	w.b = d.num(w.b, uint64(version), 2)
	if version >= 5 {
		w.b = append(w.b, typ, d.AddrSize)
		w.b = d.num(w.b, abbrevOff, d.offsetSize())
	} else {
		w.b = append(d.num(w.b, abbrevOff, d.offsetSize()), d.AddrSize)
	}
	switch {
	case typ == 2 || typ == 6:
		w.b = d.num(w.b, u.Signature, 8)
		if u.TypeLabel != "" {
			d.fixups = append(d.fixups, fixup{inTypes, uint64(len(w.b)), d.offsetSize(), u.TypeLabel, w.start})
		}
		w.b = d.num(w.b, 0, d.offsetSize())
	case version >= 5 && (typ == 4 || typ == 5):
		w.b = d.num(w.b, 1, 8)
	}
	if u.Root != nil {
		w.die(u.Root)
	}
	w.b = append(w.b, u.Tail...)
	n := uint64(len(w.b)) - w.start - 4
	at := w.start
	if d.Is64 {
		n, at = n-8, at+4
	}
	if u.Length != 0 {
		n = u.Length
	}
	d.put(w.b[at:][:d.offsetSize()], n)
	*sec = w.b
	if u.Abbrev != nil {
		w.abbrev = u.Abbrev
	} else {
		w.abbrev = append(w.abbrev, 0)
	}
	d.abbrev = append(d.abbrev, w.abbrev...)
}

// unitWriter appends the DIEs of one unit and their declarations.
type unitWriter struct {
	d       *DWARF
	b       []byte
	start   uint64
	types   bool
	version uint16
	codes   map[string]uint64 // declaration without its code -> code
	abbrev  []byte
}

func (w *unitWriter) die(e *DIE) {
	decl := binary.AppendUvarint(nil, uint64(e.Tag))
	decl = append(decl, 0)
	if e.Kids != nil {
		decl[len(decl)-1] = 1
	}
	for _, a := range e.Attrs {
		decl = binary.AppendUvarint(binary.AppendUvarint(decl, uint64(a.Attr)), uint64(a.Form))
		if a.Form == FormImplicitConst {
			decl = appendSleb(decl, int64(number(a.Val)))
		}
	}
	decl = append(decl, 0, 0)
	code, ok := w.codes[string(decl)]
	if !ok {
		code = uint64(len(w.codes) + 1)
		w.codes[string(decl)] = code
		w.abbrev = append(binary.AppendUvarint(w.abbrev, code), decl...)
	}
	if e.Code != 0 {
		code = e.Code
	}
	if e.Label != "" {
		w.d.labels[e.Label] = label{w.start, uint64(len(w.b))}
	}
	w.b = binary.AppendUvarint(w.b, code)
	for _, a := range e.Attrs {
		w.value(a.Form, a.Val)
	}
	for _, k := range e.Kids {
		w.die(k)
	}
	if e.Kids != nil {
		w.b = append(w.b, 0)
	}
}

func number(v any) uint64 {
	switch v := v.(type) {
	case nil:
		return 0
	case int:
		return uint64(v)
	case uint64:
		return v
	}
	panic(fmt.Sprintf("testkit: %T is no number", v))
}

// Fixed sizes of forms; offsets and addresses are -1 and -2.
var formSize = map[uint32]int{
	FormAddr: -2, FormData1: 1, FormData2: 2, FormData4: 4, FormData8: 8, FormFlag: 1, FormRef1: 1, FormRef2: 2, FormRef4: 4, FormRef8: 8,
	FormRefAddr: -1, FormSecOffset: -1, FormStrp: -1, FormLineStrp: -1, FormRefSig8: 8, FormStrx1: 1, FormStrx2: 2, FormStrx3: 3,
	FormStrx4: 4, FormAddrx1: 1, FormGNURefAlt: -1, FormGNUStrpAlt: -1, FormData16: 16,
}

func (w *unitWriter) value(form uint32, v any) {
	d := w.d
	size := formSize[form]
	switch {
	case size == -2:
		size = int(d.AddrSize)
	case form == FormRefAddr && w.version == 2:
		size = int(d.AddrSize)
	case size == -1:
		size = d.offsetSize()
	}
	switch v := v.(type) {
	case string:
		switch form {
		case FormString:
			w.b = append(append(w.b, v...), 0)
		case FormStrp, FormLineStrp:
			w.b = d.num(w.b, d.string(v), size)
		case FormStrx, FormStrx1, FormStrx2, FormStrx3, FormStrx4:
			index := len(d.strOffsets) / d.offsetSize()
			d.strOffsets = d.num(d.strOffsets, d.string(v), d.offsetSize())
			if form == FormStrx {
				w.b = binary.AppendUvarint(w.b, uint64(index))
			} else {
				w.b = d.num(w.b, uint64(index), size)
			}
		default: // a reference
			base := w.start
			if form == FormRefAddr {
				base = 0
			}
			d.fixups = append(d.fixups, fixup{w.types, uint64(len(w.b)), size, v, base})
			w.b = append(w.b, make([]byte, max(size, 4*b2i(form == FormRefUdata)))...)
		}
		return
	case []byte:
		n := uint64(len(v))
		switch form {
		case FormBlock1:
			w.b = append(w.b, byte(n))
		case FormBlock2:
			w.b = d.num(w.b, n, 2)
		case FormBlock4:
			w.b = d.num(w.b, n, 4)
		case FormBlock, FormExprloc:
			w.b = binary.AppendUvarint(w.b, n)
		}
		w.b = append(w.b, v...) // in other forms the bytes as they are
		return
	}
	switch n := number(v); {
	case form == FormFlagPresent || form == FormImplicitConst:
	case form == FormSdata:
		w.b = appendSleb(w.b, int64(n))
	case size > 0:
		w.b = d.num(w.b, n, size)
	default:
		w.b = binary.AppendUvarint(w.b, n)
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// string returns the offset of a string in .debug_str.
func (d *DWARF) string(s string) uint64 {
	off, ok := d.strs[s]
	if !ok {
		off = uint64(len(d.str))
		d.str = append(append(d.str, s...), 0)
		d.strs[s] = off
	}
	return off
}

func appendSleb(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}
