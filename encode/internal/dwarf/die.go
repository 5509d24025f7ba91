// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

import (
	"encoding/binary"
	"fmt"
)

// Unit is a unit whose bytes are in memory, ready to be walked. Several units may share
// Buf, which is then what references between units are indexes of.
type Unit struct {
	Header
	Buf      []byte // the unit's bytes are Buf[Start:End]; at least Slack readable bytes follow End
	Start    int
	End      int
	InfoBase uint64 // index in Buf of .debug_info's first byte, what FormRefAddr counts from
	Big      bool
	Abbrevs  *AbbrevTable

	// Bases of the unit's parts of .debug_str_offsets, .debug_addr, .debug_loclists and
	// .debug_rnglists, from the unit's own DIE (DWARF 5, 3.1.1); 0 where not given.
	StrOffsetsBase, AddrBase, LoclistsBase, RnglistsBase uint64

	sizes *[0x30]int8
}

// Slack is how many bytes behind a unit must be readable: a Field is loaded as four
// bytes, whatever its size.
const Slack = 8

// Init prepares a unit for reading, after Header, Buf, Start, End and Abbrevs are set.
func (u *Unit) Init() { u.sizes = formSizes(&u.Header) }

// Load reads the field f of a DIE whose values start at Buf[p:].
func (u *Unit) Load(p int, f *Field) uint32 {
	i := p + int(f.Off)
	b := u.Buf[i : i+4]
	if u.Big {
		return uint32(uint64(binary.BigEndian.Uint32(b))>>(f.Shift&63)) | f.Const
	}
	return uint32(uint64(binary.LittleEndian.Uint32(b))>>(f.Shift&63)) | f.Const
}

// Errorf is a DecodeError at index p of Buf.
func (u *Unit) Errorf(p int, format string, args ...any) *DecodeError {
	sec, off := ".debug_info", u.Off+uint64(p-u.Start)-u.InfoBase
	if u.UnitType == UnitType && u.Version < 5 {
		sec, off = ".debug_types", off+u.InfoBase
	}
	return &DecodeError{sec, off, fmt.Sprintf(format, args...)}
}

// Slots reads the values that the plan names for a DIE whose values start at Buf[p:],
// whatever their forms, into v; inline is the name if it stands in the DIE. Absent values are
// 0. next is the index behind the DIE. Wanted values are constants, flags, references (as
// offsets in the unit) or string offsets; others read as 0.
func (u *Unit) Slots(p int, a *Abbrev, v *[NumSlots]uint64) (inline []byte, next int, err error) {
	*v = [NumSlots]uint64{}
	var val Value
	specs := u.Abbrevs.AttrsOf(a)
	for i := range specs {
		s := &specs[i]
		at := p
		n := u.Value(&val, p, s.Form, s.Implicit)
		if n < 0 {
			return nil, 0, u.formError(at, s, n)
		}
		p = n
		if s.Slot == 0 {
			continue
		}
		switch {
		case val.IsRef():
			v[s.Slot-1] = val.U - uint64(u.Start)
		case s.Form == FormString:
			inline = val.B
		case val.B == nil:
			v[s.Slot-1] = val.U
		}
	}
	return inline, p, nil
}

// Skip returns the index behind the values that start at Buf[p:], or an error.
func (u *Unit) Skip(p int, a *Abbrev) (int, error) {
	start := p
	for _, s := range u.Abbrevs.steps[a.skip : a.skip+uint32(a.skips)] {
		switch s &^ stepArg {
		case stepFixed:
			p += int(s)
		case stepLeb:
			for p < u.End && u.Buf[p] >= 0x80 {
				p++
			}
			p++
		case stepString:
			for ; p < u.End && u.Buf[p] != 0; p++ { // GCC's have up to three bytes
			}
			if p++; p > u.End {
				return 0, u.Errorf(start, "string runs past the end of the unit")
			}
		case stepOther:
			spec := &u.Abbrevs.AttrsOf(a)[s&stepArg]
			if p > u.End {
				return 0, u.Errorf(start, "values run past the end of the unit")
			}
			var v Value
			n := u.Value(&v, p, spec.Form, spec.Implicit)
			if n < 0 {
				return 0, u.formError(p, spec, n)
			}
			p = n
		default:
			n, q := u.blockAt(p, s)
			if q < 0 || n > uint64(u.End-q) {
				return 0, u.Errorf(start, "block runs past the end of the unit")
			}
			p = q + int(n)
		}
	}
	if p > u.End {
		return 0, u.Errorf(start, "values run past the end of the unit")
	}
	return p, nil
}

// blockAt reads the length of the block at Buf[p:]; q is the index behind it, -1 on error.
func (u *Unit) blockAt(p int, s step) (n uint64, q int) {
	size := 0
	switch s {
	case stepBlock:
		if p < u.End && u.Buf[p] < 0x80 {
			return uint64(u.Buf[p]), p + 1
		}
		return uleb(u.Buf, p, u.End)
	case stepBlock1:
		size = 1
	case stepBlock2:
		size = 2
	case stepBlock4:
		size = 4
	}
	if p > u.End-size {
		return 0, -1
	}
	return u.uint(p, size), p + size
}

func (u *Unit) formError(p int, s *AttrSpec, n int) error {
	if n == badForm {
		return u.Errorf(p, "attribute %v has the unknown form %#x", s.Attr, uint16(s.Form))
	}
	return u.Errorf(p, "attribute %v of form %#x runs past the end of the unit", s.Attr, uint16(s.Form))
}

// DIE is one entry with all its values, for the entries that are rare or odd. It may be
// reused; what it holds is valid until the next ReadDIE.
type DIE struct {
	At     int // index of the DIE in Unit.Buf
	Next   int // index behind it
	Abbrev *Abbrev
	specs  []AttrSpec
	vals   []Value
}

// ReadDIE reads the DIE at Buf[at:]. A null entry has a nil Abbrev.
func (u *Unit) ReadDIE(at int, d *DIE) error {
	d.At, d.Abbrev, d.specs, d.vals = at, nil, nil, d.vals[:0]
	if at < u.Start || at >= u.End {
		return u.Errorf(u.Start, "reference to %#x is outside the unit", u.Off+uint64(at-u.Start))
	}
	code, p := uleb(u.Buf, at, u.End)
	if p < 0 {
		return u.Errorf(at, "abbreviation code runs past the end of the unit")
	}
	d.Next = p
	if code == 0 {
		return nil
	}
	a := u.Abbrevs.Get(code)
	if a == nil {
		return u.Errorf(at, "abbreviation code %d is not declared", code)
	}
	d.Abbrev = a
	d.specs = u.Abbrevs.AttrsOf(a)
	if cap(d.vals) < len(d.specs) {
		d.vals = make([]Value, maxAttrs)
	}
	d.vals = d.vals[:len(d.specs)]
	for i := range d.specs {
		n := u.Value(&d.vals[i], p, d.specs[i].Form, d.specs[i].Implicit)
		if n < 0 {
			return u.formError(p, &d.specs[i], n)
		}
		p = n
	}
	d.Next = p
	return nil
}

// Get returns the value of an attribute. ok is false if the DIE does not have it.
func (d *DIE) Get(a Attr) (v Value, ok bool) {
	for i := range d.specs {
		if d.specs[i].Attr == a {
			return d.vals[i], true
		}
	}
	return Value{}, false
}

// Has tells whether the DIE has the attribute.
func (d *DIE) Has(a Attr) bool {
	_, ok := d.Get(a)
	return ok
}

// Flag tells whether the attribute is there and not zero.
func (d *DIE) Flag(a Attr) bool {
	v, _ := d.Get(a)
	return v.U != 0
}

// Const returns a constant attribute; ok is false if it is missing or of another class.
func (d *DIE) Const(a Attr) (n uint64, ok bool) {
	v, ok := d.Get(a)
	return v.U, ok && v.IsConst()
}

// Ref returns a reference as an index in Unit.Buf; ok is false if it is missing or leads
// to a type unit or another file.
func (d *DIE) Ref(a Attr) (at int, ok bool) {
	v, ok := d.Get(a)
	if !ok || !v.IsRef() || v.U > uint64(1)<<40 {
		return 0, false
	}
	return int(v.U), true
}
