// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	little64 = ExprFormat{AddrSize: 8, RefSize: 4}
	big32    = ExprFormat{AddrSize: 4, RefSize: 8, Big: true}
)

// readOps reads a whole expression.
func readOps(data []byte, f ExprFormat) (ops []Op, err error) {
	e := NewExpr(data, f)
	for op, ok := e.Next(); ok; op, ok = e.Next() {
		ops = append(ops, op)
	}
	return ops, e.Err()
}

func TestExprOperands(t *testing.T) {
	minus := func(v int64) uint64 { return uint64(-v) }
	tests := []struct {
		name string
		in   []byte
		big  bool
		want Op
	}{
		{"addr", []byte{0x03, 1, 2, 3, 4, 5, 6, 7, 8}, false, Op{A: 0x0807060504030201}},
		{"addr of 4 bytes", []byte{0x03, 1, 2, 3, 4}, true, Op{A: 0x01020304}},
		{"deref", []byte{0x06}, false, Op{}},
		{"const1u", []byte{0x08, 0xff}, false, Op{A: 0xff}},
		{"const1s", []byte{0x09, 0xff}, false, Op{A: minus(1)}},
		{"const2u", []byte{0x0a, 0xfe, 0xff}, false, Op{A: 0xfffe}},
		{"const2s", []byte{0x0b, 0xff, 0xfe}, true, Op{A: minus(2)}},
		{"const4u", []byte{0x0c, 0xfd, 0xff, 0xff, 0xff}, false, Op{A: 0xfffffffd}},
		{"const4s", []byte{0x0d, 0xfd, 0xff, 0xff, 0xff}, false, Op{A: minus(3)}},
		{"const8u", []byte{0x0e, 0, 0, 0, 0, 0, 0, 0, 1}, true, Op{A: 1}},
		{"const8s", []byte{0x0f, 1, 0, 0, 0, 0, 0, 0, 0x80}, false, Op{A: 1<<63 + 1}},
		{"constu", []byte{0x10, 0xe5, 0x8e, 0x26}, false, Op{A: 624485}},
		{"consts", []byte{0x11, 0x9b, 0xf1, 0x59}, false, Op{A: minus(624485)}},
		{"dup", []byte{0x12}, false, Op{}},
		{"pick", []byte{0x15, 7}, false, Op{A: 7}},
		{"plus", []byte{0x22}, false, Op{}},
		{"plus_uconst", []byte{0x23, 0x80, 1}, false, Op{A: 128}},
		{"bra", []byte{0x28, 0xff, 0xff}, false, Op{A: minus(1)}},
		{"ne", []byte{0x2e}, false, Op{}},
		{"skip", []byte{0x2f, 1, 0}, false, Op{A: 1}},
		{"lit0", []byte{0x30}, false, Op{}},
		{"reg31", []byte{0x6f}, false, Op{}},
		{"breg7", []byte{0x77, 0x78}, false, Op{A: minus(8)}},
		{"regx", []byte{0x90, 0x81, 1}, false, Op{A: 129}},
		{"fbreg", []byte{0x91, 0x7f}, false, Op{A: minus(1)}},
		{"bregx", []byte{0x92, 0x40, 0x41}, false, Op{A: 64, B: minus(63)}},
		{"piece", []byte{0x93, 8}, false, Op{A: 8}},
		{"deref_size", []byte{0x94, 4}, false, Op{A: 4}},
		{"xderef_size", []byte{0x95, 4}, false, Op{A: 4}},
		{"nop", []byte{0x96}, false, Op{}},
		{"push_object_address", []byte{0x97}, false, Op{}},
		{"call2", []byte{0x98, 1, 2}, true, Op{A: 0x0102}},
		{"call4", []byte{0x99, 1, 2, 3, 4}, true, Op{A: 0x01020304}},
		{"call_ref", []byte{0x9a, 1, 2, 3, 4}, false, Op{A: 0x04030201}},
		{"call_ref of 8 bytes", []byte{0x9a, 0, 0, 0, 0, 0, 0, 1, 2}, true, Op{A: 0x0102}},
		{"form_tls_address", []byte{0x9b}, false, Op{}},
		{"call_frame_cfa", []byte{0x9c}, false, Op{}},
		{"bit_piece", []byte{0x9d, 3, 0x80, 2}, false, Op{A: 3, B: 256}},
		{"implicit_value", []byte{0x9e, 2, 0xaa, 0xbb}, false, Op{Inner: []byte{0xaa, 0xbb}}},
		{"stack_value", []byte{0x9f}, false, Op{}},
		{"implicit_pointer", []byte{0xa0, 1, 0, 0, 0, 0x7c}, false, Op{A: 1, B: minus(4)}},
		{"addrx", []byte{0xa1, 0x83, 1}, false, Op{A: 131}},
		{"constx", []byte{0xa2, 5}, false, Op{A: 5}},
		{"entry_value", []byte{0xa3, 1, 0x55}, false, Op{Inner: []byte{0x55}}},
		{"const_type", []byte{0xa4, 0x90, 1, 2, 3, 4}, false, Op{A: 144, Inner: []byte{3, 4}}},
		{"regval_type", []byte{0xa5, 17, 0x90, 1}, false, Op{A: 17, B: 144}},
		{"deref_type", []byte{0xa6, 8, 0x90, 1}, false, Op{A: 8, B: 144}},
		{"xderef_type", []byte{0xa7, 8, 0x90, 1}, false, Op{A: 8, B: 144}},
		{"convert", []byte{0xa8, 0x90, 1}, false, Op{A: 144}},
		{"reinterpret", []byte{0xa9, 0}, false, Op{}},
		{"GNU_push_tls_address", []byte{0xe0}, false, Op{}},
		{"GNU_uninit", []byte{0xf0}, false, Op{}},
		{"GNU_implicit_pointer", []byte{0xf2, 1, 0, 0, 0, 4}, false, Op{A: 1, B: 4}},
		{"GNU_entry_value", []byte{0xf3, 2, 0x90, 0x21}, false, Op{Inner: []byte{0x90, 0x21}}},
		{"GNU_const_type", []byte{0xf4, 9, 1, 0xff}, false, Op{A: 9, Inner: []byte{0xff}}},
		{"GNU_regval_type", []byte{0xf5, 18, 9}, false, Op{A: 18, B: 9}},
		{"GNU_deref_type", []byte{0xf6, 4, 9}, false, Op{A: 4, B: 9}},
		{"GNU_convert", []byte{0xf7, 9}, false, Op{A: 9}},
		{"GNU_reinterpret", []byte{0xf9, 9}, false, Op{A: 9}},
		{"GNU_parameter_ref", []byte{0xfa, 1, 0, 0, 0}, false, Op{A: 1}},
		{"GNU_addr_index", []byte{0xfb, 0x80, 1}, false, Op{A: 128}},
		{"GNU_const_index", []byte{0xfc, 2}, false, Op{A: 2}},
		{"GNU_variable_value", []byte{0xfd, 1, 0, 0, 0}, false, Op{A: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := little64
			if tt.big {
				f = big32
			}
			// A second operation shows that the first one has the right length.
			in := append(append([]byte(nil), tt.in...), OpStackValue)
			ops, err := readOps(in, f)
			tt.want.Code = tt.in[0]
			want := []Op{tt.want, {Code: OpStackValue}}
			if diff := cmp.Diff(want, ops); diff != "" || err != nil {
				t.Fatalf("error %v, operations (-want +got):\n%s", err, diff)
			}
			for n := 1; n < len(tt.in); n++ {
				var decode *DecodeError
				if ops, err := readOps(tt.in[:n], f); len(ops) != 0 || !errors.As(err, &decode) {
					t.Errorf("cut to %d bytes: got %v, error %v", n, ops, err)
				}
			}
		})
	}
}

func TestExprErrors(t *testing.T) {
	long := append([]byte{OpImplicitValue}, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1)
	tests := []struct {
		name string
		in   []byte
		ops  int
		err  string
	}{
		{"empty", nil, 0, ""},
		{"operation 0", []byte{0x30, 0x00}, 1, "expression+0x1: operation 0x0 is unknown"},
		{"vendor operation", []byte{0xe9, 0x02}, 0, "expression+0x0: operation 0xe9 is unknown"},
		{"GNU_encoded_addr", []byte{0xf1, 0x1b, 0, 0, 0, 0}, 0, "expression+0x0: operation 0xf1 is unknown"},
		{"short address", []byte{0x03, 1, 2, 3}, 0, "expression+0x1: needs 8 bytes, 3 are left"},
		{"block longer than memory", long, 0, "expression+0xb: needs 18446744073709551615 bytes, 0 are left"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ops, err := readOps(tt.in, little64)
			if got := errText(err); got != tt.err || len(ops) != tt.ops {
				t.Errorf("got %d operations, error %q, want %d and %q", len(ops), got, tt.ops, tt.err)
			}
		})
	}
}

func TestExprFormatOfUnit(t *testing.T) {
	tests := []struct {
		h    Header
		want ExprFormat
	}{
		{Header{Version: 2, AddrSize: 8}, ExprFormat{AddrSize: 8, RefSize: 8, Big: true}},
		{Header{Version: 3, AddrSize: 8}, ExprFormat{AddrSize: 8, RefSize: 4, Big: true}},
		{Header{Version: 5, AddrSize: 4, Is64: true}, ExprFormat{AddrSize: 4, RefSize: 8, Big: true}},
	}
	for _, tt := range tests {
		if got := tt.h.ExprFormat(true); got != tt.want {
			t.Errorf("version %d: got %+v, want %+v", tt.h.Version, got, tt.want)
		}
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func FuzzExpr(f *testing.F) {
	f.Add([]byte{0x55, 0x93, 8, 0x54, 0x93, 8}, true, true)
	f.Add([]byte{0xf3, 1, 0x55, 0x9f}, false, false)
	f.Add([]byte{0x9e, 0xff, 0xff, 0x03, 1}, false, true)
	f.Fuzz(func(t *testing.T, data []byte, wide, big bool) {
		format := ExprFormat{AddrSize: 4, RefSize: 4, Big: big}
		if wide {
			format.AddrSize, format.RefSize = 8, 8
		}
		ops, err := readOps(data, format)
		if len(ops) > len(data) {
			t.Fatalf("%d operations in %d bytes", len(ops), len(data))
		}
		if err == nil {
			return
		}
		var decode *DecodeError
		if !errors.As(err, &decode) || decode.Off > uint64(len(data)) {
			t.Fatalf("error %v of %T for %d bytes", err, err, len(data))
		}
	})
}
