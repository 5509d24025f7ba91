// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

import "testing"

// FuzzDIEs reads DIEs of any bytes with any declarations in three ways, which are to agree on where each
// ends: value by value, by the slots of a plan, and by the compiled skip program.
func FuzzDIEs(f *testing.F) {
	plan := NewPlan(map[Tag]TagPlan{
		TagMember:  {Act: 1, Slots: [NumSlots]Attr{AttrName, AttrType, AttrDataMemberLoc, AttrBitSize}},
		TagTypedef: {Act: 2, Slots: [NumSlots]Attr{AttrName, AttrType}, Slow: []Attr{AttrSpecification}},
	})
	f.Add([]byte{1, 0x0d, 0, 3, 8, 0x49, 0x13, 0x38, 0x0b, 0, 0, 0}, []byte{1, 'a', 0, 1, 0, 0, 0, 4, 0}, uint8(5))
	f.Add([]byte{1, 0x0d, 1, 3, 0x0e, 0x49, 0x15, 0x38, 0x0f, 0, 0, 2, 0x16, 0, 0x49, 0x21, 5, 3, 0x16, 0, 0, 0}, []byte{1, 9, 0, 0, 0, 0x80, 1, 4, 2, 8, 'x', 0}, uint8(13))
	f.Add([]byte{1, 0x34, 0, 2, 0x18, 2, 9, 2, 0x0a, 2, 3, 2, 4, 0, 0, 0}, []byte{1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, uint8(2))
	f.Fuzz(func(t *testing.T, abbrev, data []byte, flags uint8) {
		h := Header{Size: uint64(len(data)), Version: uint16(flags&3 + 2), AddrSize: 4 + flags&4, Is64: flags&8 != 0}
		u := &Unit{Header: h, Buf: append(append([]byte(nil), data...), make([]byte, Slack)...), End: len(data), Big: flags&16 != 0, Abbrevs: new(AbbrevTable)}
		u.Init()
		if u.Abbrevs.Compile(abbrev, 0, &u.Header, u.Big, plan) != nil {
			return
		}
		var d DIE
		for at := 0; at < len(data); at++ {
			err := u.ReadDIE(at, &d)
			if err == nil && d.Abbrev == nil {
				continue
			}
			if err != nil && d.Abbrev == nil {
				continue // there is no declaration to go by
			}
			_, values := Uleb(u.Buf, at, u.End)
			skipped, skipErr := u.Skip(values, d.Abbrev)
			var v [NumSlots]uint64
			_, next, slotErr := u.Slots(values, d.Abbrev, &v)
			switch {
			case (err == nil) != (slotErr == nil):
				t.Fatalf("at %#x: DIE %v, slots %v", at, err, slotErr)
			case err == nil && (skipErr != nil || skipped != d.Next || next != d.Next):
				t.Fatalf("at %#x: DIE ends at %#x, slots at %#x, skipping at %#x, %v", at, d.Next, next, skipped, skipErr)
			case d.Next < at || skipErr == nil && skipped > u.End || slotErr == nil && next > u.End:
				t.Fatalf("at %#x: the unit of %#x bytes was left: %#x, %#x, %#x", at, u.End, d.Next, skipped, next)
			}
			if err != nil || d.Abbrev.Fixed < 0 || d.Abbrev.Name == NameLead {
				continue
			}
			if n := values + int(d.Abbrev.Fixed); n != d.Next {
				t.Fatalf("at %#x: values of fixed size end at %#x, the DIE at %#x", at, n, d.Next)
			}
			if d.Abbrev.Slow || at < 8 {
				continue
			}
			for i := range v {
				if i != 0 && d.Abbrev.Has&(1<<i) != 0 && uint64(u.Load(values, &d.Abbrev.F[i])) != v[i]&0xffffffff {
					t.Fatalf("at %#x: field %d is %#x, value by value it is %#x", at, i, u.Load(values, &d.Abbrev.F[i]), v[i])
				}
			}
		}
	})
}

// FuzzHeader reads unit headers of any bytes.
func FuzzHeader(f *testing.F) {
	f.Add([]byte{8, 0, 0, 0, 5, 0, 1, 8, 0, 0, 0, 0}, uint64(40), uint8(0))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 20, 0, 4}, uint64(1)<<40, uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, size uint64, flags uint8) {
		if size < uint64(len(b)) {
			size = uint64(len(b))
		}
		if len(b) < 16 {
			b = append(b, make([]byte, 16-len(b))...)
			size = max(size, 16)
		}
		h, err := ParseHeader(&Cursor{Section: ".debug_info", Data: b, Big: flags&1 != 0}, size, flags&2 != 0)
		if err == nil && (h.Size > size || h.FirstDIE > h.Size || h.Size == 0) {
			t.Fatalf("%+v in a section of %#x bytes", h, size)
		}
	})
}
