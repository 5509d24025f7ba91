// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

// MaxHeader is how many bytes of a unit ParseHeader may need.
const MaxHeader = 40

// Header describes a unit of .debug_info or .debug_types (DWARF 5, 7.5.1; DWARF 4, 7.5.1).
type Header struct {
	Off       uint64 // section offset of the unit
	Size      uint64 // bytes of the whole unit, its length field included
	FirstDIE  uint64 // offset of the first DIE from Off
	AbbrevOff uint64 // offset in .debug_abbrev
	Signature uint64 // type units: signature of the type
	TypeOff   uint64 // type units: offset of the type's DIE from Off
	Version   uint16 // 2 to 5
	UnitType  uint8  // UnitCompile, ...
	AddrSize  uint8  // 4 or 8 bytes
	Is64      bool   // 64-bit DWARF format: offsets have 8 bytes
}

// OffsetSize is the size of a section offset in this unit's format, in bytes.
func (h *Header) OffsetSize() int {
	if h.Is64 {
		return 8
	}
	return 4
}

// ParseHeader reads the unit header at the cursor. sectionSize bounds the unit; types
// tells that the section is the .debug_types of DWARF 4. The cursor needs to hold only
// MaxHeader bytes or the rest of the section, whichever is less.
func ParseHeader(c *Cursor, sectionSize uint64, types bool) (Header, error) {
	h := Header{Off: c.Off(), UnitType: UnitCompile}
	length := uint64(c.U32())
	field := uint64(4)
	if length >= 0xfffffff0 && c.Err() == nil {
		if length != 0xffffffff {
			c.FailAt(h.Off, "unit length %#x is reserved", length)
			return h, c.Err()
		}
		h.Is64 = true
		length = c.U64()
		field = 12
	}
	if c.Err() == nil && (length > sectionSize-h.Off-field || length == 0) {
		c.FailAt(h.Off, "unit length %#x, the section has %#x bytes left", length, sectionSize-h.Off-field)
	}
	h.Size = field + length
	h.Version = c.U16()
	if c.Err() == nil && (h.Version < 2 || h.Version > 5) {
		c.FailAt(h.Off, "DWARF version %d is not one of 2 to 5", h.Version)
	}
	if h.Version >= 5 {
		h.UnitType = c.U8()
		h.AddrSize = c.U8()
		h.AbbrevOff = c.Offset(h.Is64)
	} else {
		h.AbbrevOff = c.Offset(h.Is64)
		h.AddrSize = c.U8()
		if types {
			h.UnitType = UnitType
		}
	}
	switch h.UnitType {
	case UnitCompile, UnitPartial:
	case UnitType, UnitSplType:
		h.Signature = c.U64()
		h.TypeOff = c.Offset(h.Is64)
	case UnitSkeleton, UnitSplit:
		c.Skip(8)
	default:
		if c.Err() == nil {
			c.FailAt(h.Off, "unit type %#x is unknown", h.UnitType)
		}
	}
	if c.Err() == nil && h.AddrSize != 4 && h.AddrSize != 8 {
		c.FailAt(h.Off, "address size %d is neither 4 nor 8", h.AddrSize)
	}
	h.FirstDIE = c.Off() - h.Off
	if c.Err() == nil && h.FirstDIE > h.Size {
		c.FailAt(h.Off, "unit of %d bytes is shorter than its header", h.Size)
	}
	return h, c.Err()
}
