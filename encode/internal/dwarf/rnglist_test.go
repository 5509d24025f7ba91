// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

import (
	"bytes"
	"errors"
	"testing"
)

// addrTable stands for a unit's part of .debug_addr.
func addrTable(index uint64) (uint64, bool) {
	table := []uint64{0x1000, 0x2000, 0x3000}
	if index < uint64(len(table)) {
		return table[index], true
	}
	return 0, false
}

func TestRangeEntry(t *testing.T) {
	tests := []struct {
		name    string
		version uint16
		size    uint8
		base    uint64
		big     bool
		in      []byte
		want    uint64
		ok      bool
		err     string
	}{
		{"empty", 5, 8, 0, false, []byte{rleEndOfList}, 0, false, ""},
		{"base of the unit", 5, 8, 0x100, false, []byte{rleOffsetPair, 0x10, 0x20, 0}, 0x110, true, ""},
		{"own base", 5, 8, 0x100, false, joined([]byte{rleBaseAddress}, addr8(0x500), []byte{rleOffsetPair, 0x90, 1, 0xa0, 1, 0}), 0x590, true, ""},
		{"base by index", 5, 8, 0x100, false, []byte{rleBaseAddressx, 1, rleOffsetPair, 1, 2, 0}, 0x2001, true, ""},
		{"startx_endx", 5, 8, 0, false, []byte{rleStartxEndx, 1, 2, 0}, 0x2000, true, ""},
		{"startx_length", 5, 8, 0, false, []byte{rleStartxLength, 2, 4, 0}, 0x3000, true, ""},
		{"start_end", 5, 4, 0, true, joined([]byte{rleStartEnd}, addr4big(0x10), addr4big(0x20), []byte{0}), 0x10, true, ""},
		{"start_length", 5, 8, 0, false, joined([]byte{rleStartLength}, addr8(0x80), []byte{1, 0}), 0x80, true, ""},
		{"the first counts, not the lowest", 5, 8, 0, false, []byte{rleStartxLength, 2, 4, rleStartxLength, 0, 4, 0}, 0x3000, true, ""},
		{"empty ranges do not count", 5, 8, 0, false, []byte{rleStartxLength, 0, 0, rleStartxEndx, 1, 1, rleOffsetPair, 5, 6, 0}, 5, true, ""},
		{"32 bits wrap", 5, 4, 0xfffffff0, false, []byte{rleOffsetPair, 0x20, 0x30, 0}, 0x10, true, ""},

		{"old, empty", 4, 8, 0, false, joined(addr8(0), addr8(0)), 0, false, ""},
		{"old, base of the unit", 4, 8, 0x100, false, joined(addr8(0), addr8(8), addr8(0), addr8(0)), 0x100, true, ""},
		{"old, own base", 3, 8, 0x100, false, joined(addr8(^uint64(0)), addr8(0x700), addr8(1), addr8(8)), 0x701, true, ""},
		{"old, 4 bytes", 2, 4, 0, true, joined(addr4big(0xffffffff), addr4big(0x700), addr4big(2), addr4big(2), addr4big(1), addr4big(8)), 0x701, true, ""},

		{"unknown kind", 5, 8, 0, false, []byte{8, 0}, 0, false, ".debug_x+0x40: range list entry of unknown kind 0x8"},
		{"unknown index", 5, 8, 0, false, []byte{rleStartxLength, 3, 1}, 0, false, ".debug_x+0x41: address index 3 is not in .debug_addr"},
		{"cut", 5, 8, 0, false, []byte{rleStartEnd, 1, 2}, 0, false,
			"list goes on past the end of the data: .debug_x+0x41: needs 8 bytes, 2 are left"},
		{"old, cut", 4, 8, 0, false, addr8(1), 0, false,
			"list goes on past the end of the data: .debug_x+0x48: needs 8 bytes, 0 are left"},
		{"bound", 5, 8, 0, false, bytes.Repeat([]byte{rleStartxEndx, 1, 1}, maxListEntries+1), 0, false,
			".debug_x+0x40: range list has more than 65536 entries"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := RangeList{Version: tt.version, AddrSize: tt.size, Base: tt.base, Addrx: addrTable}
			got, ok, err := r.Entry(Cursor{Section: ".debug_x", Data: tt.in, Base: 0x40, Big: tt.big})
			if got != tt.want || ok != tt.ok || errText(err) != tt.err {
				t.Errorf("got %#x, %v, error %q, want %#x, %v, %q", got, ok, errText(err), tt.want, tt.ok, tt.err)
			}
		})
	}
	r := RangeList{Version: 5, AddrSize: 8}
	if _, ok, err := r.Entry(Cursor{Section: ".debug_x", Data: []byte{rleBaseAddressx, 0}}); ok || err == nil {
		t.Errorf("without .debug_addr: %v, error %v", ok, err)
	}
}

func FuzzRangeList(f *testing.F) {
	f.Add([]byte{rleBaseAddressx, 1, rleStartxLength, 0, 0, rleOffsetPair, 1, 2, 0}, uint8(5), true, false)
	f.Add(joined(addr8(^uint64(0)), addr8(0x700), addr8(1), addr8(8)), uint8(4), true, false)
	f.Fuzz(func(t *testing.T, data []byte, version uint8, wide, big bool) {
		r := RangeList{Version: uint16(version), AddrSize: 4, Addrx: addrTable}
		if wide {
			r.AddrSize = 8
		}
		addr, ok, err := r.Entry(Cursor{Section: ".debug_x", Data: data, Big: big})
		var decode *DecodeError
		switch {
		case err != nil && (ok || !errors.As(err, &decode)):
			t.Fatalf("ok %v with error %v of %T", ok, err, err)
		case !ok && addr != 0, !wide && addr>>32 != 0:
			t.Fatalf("address %#x, ok %v", addr, ok)
		}
	})
}
