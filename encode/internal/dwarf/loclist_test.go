// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readList reads a whole list at position pos of data.
func readList(data []byte, pos int, version uint16, addrSize uint8, big bool) (exprs [][]byte, err error) {
	l := NewLocList(Cursor{Section: ".debug_x", Data: data, Base: 0x100, Pos: pos, Big: big}, version, addrSize)
	for expr, ok := l.Next(); ok; expr, ok = l.Next() {
		exprs = append(exprs, expr)
	}
	return exprs, l.Err()
}

// joined puts byte strings one behind the other.
func joined(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func addr8(v uint64) []byte    { return binary.LittleEndian.AppendUint64(nil, v) }
func addr4big(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

func TestLocLists5(t *testing.T) {
	tests := []struct {
		name string
		in   []byte
		want [][]byte
		err  string
	}{
		{"empty", []byte{lleEndOfList}, nil, ""},
		{
			"every kind of entry",
			joined(
				[]byte{lleBaseAddressx, 0x80, 1},
				[]byte{lleStartxEndx, 1, 2, 1, 0x50},
				[]byte{lleStartxLength, 1, 0x90, 1, 1, 0x51},
				[]byte{lleOffsetPair, 0x80, 1, 0x90, 1, 2, 0x77, 8},
				[]byte{lleDefaultLocation, 1, 0x52},
				[]byte{lleBaseAddress}, addr8(0x1000),
				[]byte{lleStartEnd}, addr8(1), addr8(2), []byte{1, 0x53},
				[]byte{lleStartLength}, addr8(3), []byte{0x84, 1, 1, 0x54},
				[]byte{lleGNUViewPair, 1, 0x82, 1},
				[]byte{lleOffsetPair, 0, 1, 0},
				[]byte{lleEndOfList, 0xff},
			),
			[][]byte{{0x50}, {0x51}, {0x77, 8}, {0x52}, {0x53}, {0x54}, {}}, "",
		},
		{"unknown kind", []byte{lleOffsetPair, 0, 1, 1, 0x50, 0x0a}, [][]byte{{0x50}},
			".debug_x+0x105: location list entry of unknown kind 0xa"},
		{"length too wide", []byte{lleDefaultLocation, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, nil,
			".debug_x+0x101: LEB128 number is wider than 64 bits"},
		{"no end", []byte{lleDefaultLocation, 1, 0x52}, [][]byte{{0x52}},
			"list goes on past the end of the data: .debug_x+0x103: needs 1 bytes, 0 are left"},
		{"number without end", []byte{lleOffsetPair, 0x80}, nil,
			"list goes on past the end of the data: .debug_x+0x102: LEB128 number without end"},
		{"expression past the end", []byte{lleDefaultLocation, 0x80, 1, 0x52}, nil,
			"list goes on past the end of the data: .debug_x+0x103: needs 128 bytes, 1 are left"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readList(tt.in, 0, 5, 8, false)
			if diff := cmp.Diff(tt.want, got); diff != "" || errText(err) != tt.err {
				t.Errorf("error %q, want %q; expressions (-want +got):\n%s", errText(err), tt.err, diff)
			}
		})
	}
}

func TestLocListsBefore5(t *testing.T) {
	little := joined(
		[]byte{0xee}, // views stand before the list
		addr8(0x10), addr8(0x20), []byte{1, 0, 0x55},
		addr8(^uint64(0)), addr8(0x4000), // base address
		addr8(0), addr8(0x20), []byte{2, 0, 0x91, 8},
		addr8(0x20), addr8(0x20), []byte{0, 0},
		addr8(0), addr8(0),
	)
	got, err := readList(little, 1, 4, 8, false)
	if diff := cmp.Diff([][]byte{{0x55}, {0x91, 8}, {}}, got); diff != "" || err != nil {
		t.Errorf("8-byte addresses: error %v, (-want +got):\n%s", err, diff)
	}
	big := joined(
		addr4big(0xffffffff), addr4big(0x4000),
		addr4big(0x10), addr4big(0x20), []byte{0, 1, 0x55},
		addr4big(0), addr4big(0),
	)
	got, err = readList(big, 0, 2, 4, true)
	if diff := cmp.Diff([][]byte{{0x55}}, got); diff != "" || err != nil {
		t.Errorf("4-byte addresses: error %v, (-want +got):\n%s", err, diff)
	}
	_, err = readList(big[:len(big)-1], 0, 3, 4, true)
	if want := "list goes on past the end of the data: .debug_x+0x117: needs 4 bytes, 3 are left"; errText(err) != want {
		t.Errorf("cut list: error %q, want %q", errText(err), want)
	}
}

// TestLocListWindow checks that every window that is too small is reported as such, and that
// the whole list is not.
func TestLocListWindow(t *testing.T) {
	list := joined(
		[]byte{lleBaseAddress}, addr8(0x1000),
		[]byte{lleGNUViewPair, 1, 0x82, 1},
		[]byte{lleOffsetPair, 0x80, 1, 0x90, 1, 2, 0x77, 8},
		[]byte{lleStartLength}, addr8(3), []byte{0x84, 1, 1, 0x54},
		[]byte{lleEndOfList},
	)
	for n := range list {
		if _, err := readList(list[:n], 0, 5, 8, false); !errors.Is(err, ErrWindow) {
			t.Errorf("window of %d bytes: error %v, want one that wraps ErrWindow", n, err)
		}
	}
	if _, err := readList(list, 0, 5, 8, false); err != nil {
		t.Errorf("whole list: %v", err)
	}
	if _, err := readList([]byte{0x77}, 0, 5, 8, false); err == nil || errors.Is(err, ErrWindow) {
		t.Errorf("unknown kind: error %v must not wrap ErrWindow", err)
	}
}

func TestLocListBound(t *testing.T) {
	pair := []byte{lleDefaultLocation, 0}
	got, err := readList(bytes.Repeat(pair, maxListEntries+1), 0, 5, 8, false)
	want := ".debug_x+0x100: location list has more than 65536 entries"
	if len(got) != maxListEntries || errText(err) != want || errors.Is(err, ErrWindow) {
		t.Errorf("got %d entries, error %v, want %q", len(got), err, want)
	}
}

func FuzzLocList(f *testing.F) {
	f.Add([]byte{lleBaseAddressx, 0, lleStartxEndx, 1, 2, 1, 0x50, lleDefaultLocation, 0, 0}, uint8(5), true, false)
	f.Add(joined(addr4big(0x10), addr4big(0x20), []byte{0, 1, 0x55}, addr8(0)), uint8(4), false, true)
	f.Fuzz(func(t *testing.T, data []byte, version uint8, wide, big bool) {
		size := uint8(4)
		if wide {
			size = 8
		}
		exprs, err := readList(data, 0, uint16(version), size, big)
		total := 0
		for _, expr := range exprs {
			total += 1 + len(expr)
		}
		if total > len(data) {
			t.Fatalf("%d entries with %d bytes in a list of %d", len(exprs), total-len(exprs), len(data))
		}
		var decode *DecodeError
		if err != nil && !errors.As(err, &decode) {
			t.Fatalf("error %v of %T", err, err)
		}
		if errors.Is(err, ErrWindow) {
			return
		}
		// The list ended, or is bad, inside the data: more data must not change that.
		more, err2 := readList(append(bytes.Clone(data), 0xff, 0xff), 0, uint16(version), size, big)
		if errText(err) != errText(err2) || !cmp.Equal(exprs, more) {
			t.Fatalf("%d entries, error %v; with more data %d, %v", len(exprs), err, len(more), err2)
		}
	})
}
