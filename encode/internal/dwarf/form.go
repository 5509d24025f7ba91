// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

import (
	"bytes"
	"encoding/binary"
)

// Value is one attribute's value as its form gives it (DWARF 5, 7.5.5).
type Value struct {
	Form Form // never FormIndirect
	// U is the number: a constant (sdata and implicit_const in two's complement), flag,
	// address or index; the offset in its section of a string, list or supplementary
	// DIE; for a reference the index in Unit.Buf of the DIE it names (FormRefSig8: the signature).
	U uint64
	B []byte // block, exprloc, data16, string: the bytes, aliasing Unit.Buf
}

// IsConst tells whether the value is a constant that fits U.
func (v *Value) IsConst() bool {
	switch v.Form {
	case FormData1, FormData2, FormData4, FormData8, FormSdata, FormUdata, FormImplicitConst:
		return true
	}
	return false
}

// IsRef tells whether U is an index in Unit.Buf.
func (v *Value) IsRef() bool {
	switch v.Form {
	case FormRef1, FormRef2, FormRef4, FormRef8, FormRefUdata, FormRefAddr:
		return true
	}
	return false
}

// IsBlock tells whether B holds a block or an expression.
func (v *Value) IsBlock() bool {
	switch v.Form {
	case FormExprloc, FormBlock, FormBlock1, FormBlock2, FormBlock4:
		return true
	}
	return false
}

// uleb reads an unsigned LEB128 of at most 64 bits in b[p:end]; next < 0 on error.
func uleb(b []byte, p, end int) (v uint64, next int) {
	for shift := uint(0); p < end; shift += 7 {
		c := b[p]
		p++
		if shift >= 64 && c&0x7f != 0 || shift == 63 && c&0x7e != 0 {
			return 0, -1
		}
		if shift < 64 {
			v |= uint64(c&0x7f) << shift
		}
		if c < 0x80 {
			return v, p
		}
	}
	return 0, -1
}

func sleb(b []byte, p, end int) (v int64, next int) {
	for shift := uint(0); p < end; shift += 7 {
		c := b[p]
		p++
		if shift < 64 {
			v |= int64(c&0x7f) << shift
		}
		if c < 0x80 {
			if c&0x40 != 0 && shift+7 < 64 {
				v |= -1 << (shift + 7)
			}
			return v, p
		}
	}
	return 0, -1
}

func (u *Unit) uint(p, size int) uint64 {
	b := u.Buf[p : p+size]
	switch {
	case size == 1:
		return uint64(b[0])
	case size == 4 && u.Big:
		return uint64(binary.BigEndian.Uint32(b))
	case size == 4:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	var v uint64
	for i, c := range b {
		if u.Big {
			v = v<<8 | uint64(c)
		} else {
			v |= uint64(c) << (8 * i)
		}
	}
	return v
}

// Value reads the value of form at Buf[p:] into v; next is the index behind it, or -1 if it
// does not end inside the unit, or badForm if the form is unknown.
func (u *Unit) Value(v *Value, p int, form Form, implicit int64) (next int) {
	v.Form, v.U, v.B = form, 0, nil
	if form < 0x30 {
		if n := int(u.sizes[form]); n >= 0 {
			if n > u.End-p {
				return -1
			}
			switch form {
			case FormImplicitConst:
				v.U = uint64(implicit)
			case FormFlagPresent:
				v.U = 1
			case FormData16:
				v.B = u.Buf[p : p+16]
			case FormRef1, FormRef2, FormRef4, FormRef8:
				v.U = u.uint(p, n) + uint64(u.Start)
			case FormRefAddr:
				v.U = u.uint(p, n) + u.InfoBase
			default:
				v.U = u.uint(p, n)
			}
			return p + n
		}
	}
	switch form {
	case FormUdata, FormStrx, FormAddrx, FormLoclistx, FormRnglistx, FormGNUAddrIndex, FormGNUStrIndex:
		v.U, next = uleb(u.Buf, p, u.End)
		return next
	case FormRefUdata:
		v.U, next = uleb(u.Buf, p, u.End)
		v.U += uint64(u.Start)
		return next
	case FormSdata:
		s, next := sleb(u.Buf, p, u.End)
		v.U = uint64(s)
		return next
	case FormString:
		n := bytes.IndexByte(u.Buf[p:u.End], 0)
		if n < 0 {
			return -1
		}
		v.B = u.Buf[p : p+n]
		return p + n + 1
	case FormBlock, FormExprloc, FormBlock1, FormBlock2, FormBlock4:
		n := uint64(0)
		switch size := blockLen(form); {
		case size == 0:
			if n, p = uleb(u.Buf, p, u.End); p < 0 {
				return -1
			}
		case size > u.End-p:
			return -1
		default:
			n, p = u.uint(p, size), p+size
		}
		if n > uint64(u.End-p) {
			return -1
		}
		v.B = u.Buf[p : p+int(n)]
		return p + int(n)
	case FormGNURefAlt, FormGNUStrpAlt:
		n := u.OffsetSize()
		if n > u.End-p {
			return -1
		}
		v.U = u.uint(p, n)
		return p + n
	case FormIndirect:
		f, p := uleb(u.Buf, p, u.End)
		if p < 0 {
			return -1
		}
		if f == uint64(FormIndirect) || f > 0xffff { // no chains: each step would be a stack frame
			return badForm
		}
		if Form(f) == FormImplicitConst {
			s, next := sleb(u.Buf, p, u.End)
			v.Form, v.U = FormSdata, uint64(s)
			return next
		}
		return u.Value(v, p, Form(f), 0)
	}
	return badForm
}

const badForm = -2

// blockLen is the size of a block's length, 0 if it is a LEB128.
func blockLen(f Form) int {
	switch f {
	case FormBlock1:
		return 1
	case FormBlock2:
		return 2
	case FormBlock4:
		return 4
	}
	return 0
}

// Uleb reads an unsigned LEB128 at b[p:end]; next is the index behind it, or -1.
func Uleb(b []byte, p, end int) (v uint64, next int) { return uleb(b, p, end) }
