// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

import (
	"errors"
	"fmt"
)

// ErrWindow says that a list goes on behind the data of its cursor. If that was only a piece
// of the section, the caller tries again with more; if not, the error is the input's.
var ErrWindow = errors.New("list goes on past the end of the data")

// maxListEntries bounds the work that one list can cause, since any number of DIEs may name
// the same list. The longest in Debian's 7.2 amd64 vmlinux has 876 entries.
const maxListEntries = 1 << 16

// Entries of .debug_loclists (DWARF 5, table 7.10).
const (
	lleEndOfList = iota
	lleBaseAddressx
	lleStartxEndx
	lleStartxLength
	lleOffsetPair
	lleDefaultLocation
	lleBaseAddress
	lleStartEnd
	lleStartLength
	lleGNUViewPair // two ULEB128 view numbers, before the entry that they belong to
)

// LocList is a location list being read from front to back: .debug_loclists of DWARF 5
// (7.7.3) or .debug_loc of DWARF 2 to 4 (DWARF 4, 7.7.3). Only the expressions are returned,
// so no address is resolved. View numbers that GCC puts before a list are not part of it:
// DW_AT_location points behind them.
type LocList struct {
	c        Cursor
	start    uint64 // section offset, for errors
	v5       bool
	addrSize uint64
	entries  int
	end      bool
}

// NewLocList returns the list that starts at the cursor, which is copied.
func NewLocList(c Cursor, version uint16, addrSize uint8) LocList {
	return LocList{c: c, start: c.Off(), v5: version >= 5, addrSize: uint64(addrSize)}
}

// Err returns why the list ended early. errors.Is(err, ErrWindow) tells that the data ended
// first; any other error is a *DecodeError.
func (l *LocList) Err() error { return listErr(&l.c) }

// Next returns the expression of the next entry, aliasing the cursor's data and possibly empty;
// ok is false at the end of the list and after an error.
func (l *LocList) Next() (expr []byte, ok bool) {
	for !l.end && l.c.err == nil {
		if l.entries++; l.entries > maxListEntries {
			l.c.FailAt(l.start, "location list has more than %d entries", maxListEntries)
			break
		}
		var located bool
		if l.v5 {
			located = l.entry5()
		} else {
			located = l.entry()
		}
		if !located {
			continue
		}
		var n uint64
		if l.v5 {
			n = l.c.Uleb()
		} else {
			n = uint64(l.c.U16())
		}
		expr = l.c.Bytes(n)
		return expr, l.c.err == nil
	}
	return nil, false
}

// entry reads what stands before the expression of an entry of .debug_loc; located tells
// that an expression follows.
func (l *LocList) entry() (located bool) {
	begin, end := l.c.Uint(l.addrSize), l.c.Uint(l.addrSize)
	switch {
	case l.c.err != nil, begin == maxAddr(l.addrSize): // the latter selects a base address
		return false
	case begin == 0 && end == 0:
		l.end = true
		return false
	}
	return true
}

// entry5 is entry for .debug_loclists.
func (l *LocList) entry5() (located bool) {
	at := l.c.Off()
	switch kind := l.c.U8(); kind {
	case lleEndOfList:
		l.end = true
		return false
	case lleBaseAddressx:
		l.c.skipLeb()
		return false
	case lleGNUViewPair:
		l.c.skipLeb()
		l.c.skipLeb()
		return false
	case lleBaseAddress:
		l.c.Skip(l.addrSize)
		return false
	case lleStartxEndx, lleStartxLength, lleOffsetPair:
		l.c.skipLeb()
		l.c.skipLeb()
	case lleDefaultLocation:
	case lleStartEnd:
		l.c.Skip(2 * l.addrSize)
	case lleStartLength:
		l.c.Skip(l.addrSize)
		l.c.skipLeb()
	default:
		l.c.FailAt(at, "location list entry of unknown kind %#x", kind)
		return false
	}
	return true
}

// skipLeb passes over a LEB128 number without looking at its value.
func (c *Cursor) skipLeb() {
	if c.err != nil {
		return
	}
	for i, b := range c.Data[c.Pos:] {
		if b < 0x80 {
			c.Pos += i + 1
			return
		}
	}
	c.Pos = len(c.Data)
	c.Fail("LEB128 number without end")
}

// listErr is the cursor's error; the errors of a read that ran into the end of the data are
// those that stand where the cursor stopped, and wrap ErrWindow.
func listErr(c *Cursor) error {
	switch {
	case c.err == nil:
		return nil
	case c.err.Off == c.Off():
		return fmt.Errorf("%w: %w", ErrWindow, c.err)
	}
	return c.err
}

// maxAddr is the largest address of size bytes.
func maxAddr(size uint64) uint64 { return ^uint64(0) >> (64 - 8*size) }
