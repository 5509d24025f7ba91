// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

// Entries of .debug_rnglists (DWARF 5, table 7.30).
const (
	rleEndOfList = iota
	rleBaseAddressx
	rleStartxEndx
	rleStartxLength
	rleOffsetPair
	rleBaseAddress
	rleStartEnd
	rleStartLength
)

// RangeList describes the surroundings of a DW_AT_ranges list.
type RangeList struct {
	Version  uint16 // of the unit: 5 for .debug_rnglists, less for .debug_ranges
	AddrSize uint8  // bytes
	Base     uint64 // address that the list starts from: DW_AT_low_pc of the unit, or 0
	// Addrx returns an address of the unit's part of .debug_addr by its index; ok is false
	// if there is none. It may be nil.
	Addrx func(index uint64) (addr uint64, ok bool)
}

// Entry returns the entry address of the code that the list at the cursor describes: the
// start of its first range that is not empty (DWARF 5, 2.18), which for a function split
// into hot and cold parts need not be the lowest address. ok is false if the list has none.
// An error that wraps ErrWindow tells that the cursor's data ended first.
func (r *RangeList) Entry(c Cursor) (addr uint64, ok bool, err error) {
	start, base := c.Off(), r.Base
	for range maxListEntries {
		var begin, end uint64
		var last bool
		if r.Version >= 5 {
			begin, end, last = r.entry5(&c, &base)
		} else {
			begin, end, last = r.entry(&c, &base)
		}
		switch {
		case c.err != nil:
			return 0, false, listErr(&c)
		case last:
			return 0, false, nil
		case begin != end:
			return begin & maxAddr(uint64(r.AddrSize)), true, nil
		}
	}
	c.FailAt(start, "range list has more than %d entries", maxListEntries)
	return 0, false, c.err
}

// entry reads one entry of .debug_ranges (DWARF 4, 2.17.3).
func (r *RangeList) entry(c *Cursor, base *uint64) (begin, end uint64, last bool) {
	size := uint64(r.AddrSize)
	begin, end = c.Uint(size), c.Uint(size)
	switch {
	case begin == 0 && end == 0:
		return 0, 0, true
	case begin == maxAddr(size):
		*base = end
		return 0, 0, false
	}
	return *base + begin, *base + end, false
}

// entry5 reads one entry of .debug_rnglists (DWARF 5, 2.17.3).
func (r *RangeList) entry5(c *Cursor, base *uint64) (begin, end uint64, last bool) {
	at := c.Off()
	switch kind := c.U8(); kind {
	case rleEndOfList:
		return 0, 0, true
	case rleBaseAddressx:
		*base = r.addrx(c)
	case rleStartxEndx:
		begin, end = r.addrx(c), r.addrx(c)
	case rleStartxLength:
		begin = r.addrx(c)
		end = begin + c.Uleb()
	case rleOffsetPair:
		begin, end = *base+c.Uleb(), *base+c.Uleb()
	case rleBaseAddress:
		*base = c.Uint(uint64(r.AddrSize))
	case rleStartEnd:
		begin, end = c.Uint(uint64(r.AddrSize)), c.Uint(uint64(r.AddrSize))
	case rleStartLength:
		begin = c.Uint(uint64(r.AddrSize))
		end = begin + c.Uleb()
	default:
		c.FailAt(at, "range list entry of unknown kind %#x", kind)
	}
	return begin, end, false
}

// addrx reads an index and returns the address behind it.
func (r *RangeList) addrx(c *Cursor) uint64 {
	at := c.Off()
	index := c.Uleb()
	if c.err != nil {
		return 0
	}
	if r.Addrx != nil {
		if addr, ok := r.Addrx(index); ok {
			return addr
		}
	}
	c.FailAt(at, "address index %d is not in .debug_addr", index)
	return 0
}
