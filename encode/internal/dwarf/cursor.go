// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// DecodeError is the one error of this package: what is wrong, and where.
type DecodeError struct {
	Section string // ".debug_info"
	Off     uint64 // bytes from the start of the section
	Msg     string
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("%s+%#x: %s", e.Section, e.Off, e.Msg)
}

// Cursor reads a section from front to back. The first read past the end sticks:
// it sets Err, and every later read returns zero without moving. A cursor over
// an empty section is legal.
type Cursor struct {
	Section string // name for errors
	Data    []byte // bytes of the section from offset Base on; not copied
	Base    uint64 // offset of Data[0] in the section
	Pos     int    // next byte, index into Data
	Big     bool   // big-endian
	err     *DecodeError
}

// Err returns the first error, with the offset at which it was met, or nil.
func (c *Cursor) Err() error {
	if c.err == nil {
		return nil
	}
	return c.err
}

// Off returns the section offset of the next byte.
func (c *Cursor) Off() uint64 { return c.Base + uint64(c.Pos) }

// Len returns how many bytes are left.
func (c *Cursor) Len() int { return len(c.Data) - c.Pos }

// Fail sets the error, unless there is one, at the current offset.
func (c *Cursor) Fail(format string, args ...any) {
	c.FailAt(c.Off(), format, args...)
}

// FailAt sets the error, unless there is one, at a given section offset.
func (c *Cursor) FailAt(off uint64, format string, args ...any) {
	if c.err == nil {
		c.err = &DecodeError{c.Section, off, fmt.Sprintf(format, args...)}
	}
}

// Bytes returns the next n bytes, aliasing Data, or nil at the end.
func (c *Cursor) Bytes(n uint64) []byte {
	if c.err != nil {
		return nil
	}
	if n > uint64(c.Len()) {
		c.Fail("needs %d bytes, %d are left", n, c.Len())
		return nil
	}
	b := c.Data[c.Pos : c.Pos+int(n)]
	c.Pos += int(n)
	return b
}

// Skip moves n bytes on.
func (c *Cursor) Skip(n uint64) { c.Bytes(n) }

// U8 reads one byte.
func (c *Cursor) U8() uint8 {
	if b := c.Bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// U16 reads two bytes in the section's byte order; U32 and U64 likewise.
func (c *Cursor) U16() uint16 {
	b := c.Bytes(2)
	switch {
	case b == nil:
		return 0
	case c.Big:
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

func (c *Cursor) U32() uint32 {
	b := c.Bytes(4)
	switch {
	case b == nil:
		return 0
	case c.Big:
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

func (c *Cursor) U64() uint64 {
	b := c.Bytes(8)
	switch {
	case b == nil:
		return 0
	case c.Big:
		return binary.BigEndian.Uint64(b)
	}
	return binary.LittleEndian.Uint64(b)
}

// Uint reads size bytes (1 to 8, any number) as an unsigned integer.
func (c *Cursor) Uint(size uint64) uint64 {
	b := c.Bytes(size)
	var v uint64
	for i := range b {
		if c.Big {
			v = v<<8 | uint64(b[i])
		} else {
			v |= uint64(b[i]) << (8 * i)
		}
	}
	return v
}

// Uleb reads an unsigned LEB128 (DWARF 5, 7.6). Bits beyond 64 are an error.
func (c *Cursor) Uleb() uint64 {
	start := c.Off()
	var v uint64
	for shift := uint(0); ; shift += 7 {
		b := c.U8()
		if c.err != nil {
			return 0
		}
		if shift >= 64 && b&0x7f != 0 || shift == 63 && b&0x7e != 0 {
			c.FailAt(start, "LEB128 number is wider than 64 bits")
			return 0
		}
		if shift < 64 {
			v |= uint64(b&0x7f) << shift
		}
		if b < 0x80 {
			return v
		}
	}
}

// Sleb reads a signed LEB128 (DWARF 5, 7.6), keeping the low 64 bits.
func (c *Cursor) Sleb() int64 {
	var v int64
	for shift := uint(0); ; shift += 7 {
		b := c.U8()
		if c.err != nil {
			return 0
		}
		if shift < 64 {
			v |= int64(b&0x7f) << shift
		}
		if b < 0x80 {
			if b&0x40 != 0 && shift+7 < 64 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
}

// String reads up to the next NUL and returns the bytes before it, aliasing Data.
func (c *Cursor) String() []byte {
	if c.err != nil {
		return nil
	}
	n := bytes.IndexByte(c.Data[c.Pos:], 0)
	if n < 0 {
		c.Fail("string without end")
		return nil
	}
	b := c.Data[c.Pos : c.Pos+n]
	c.Pos += n + 1
	return b
}

// Offset reads an offset of the unit's DWARF format: 4 or 8 bytes.
func (c *Cursor) Offset(is64 bool) uint64 {
	if is64 {
		return c.U64()
	}
	return uint64(c.U32())
}
