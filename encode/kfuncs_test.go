// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/btfgen/btfgen/internal/testkit"
)

// words is a section of 32-bit words.
func words(big bool, ws ...uint32) []byte {
	var b []byte
	for _, w := range ws {
		if big {
			b = binary.BigEndian.AppendUint32(b, w)
		} else {
			b = binary.LittleEndian.AppendUint32(b, w)
		}
	}
	return b
}

func idSym(name string, value, size uint64) testkit.Symbol {
	return testkit.Symbol{Name: name, Type: elf.STT_OBJECT, Section: 4, Value: value, Size: size}
}

func TestKfuncs(t *testing.T) {
	const f, s8 = "__BTF_ID__func__", "__BTF_ID__set8__"
	tests := []struct {
		name    string
		addr    uint64
		data    []uint32
		symbols []testkit.Symbol
		want    string
		err     string
	}{
		{"none", 0, nil, nil, "", ""},
		{
			"a set of two, and one set that is no kfuncs'", 0x1000,
			[]uint32{2, 1, 0, 0x1002, 0, 0xe000, 1, 0, 0, 0x20},
			[]testkit.Symbol{
				idSym(f+"bpf_a__12", 0x1008, 0), idSym(s8+"set", 0x1000, 24), idSym(f+"_bpf__b___7", 0x1010, 0),
				idSym(s8+"other", 0x1018, 16), idSym(f+"bpf_c__9", 0x1020, 0),
			},
			"bpf_a 0x1002, _bpf__b_ 0xe000", "",
		},
		{
			"overlapping sets, an entry in both, another behind", 0,
			[]uint32{3, 1, 0, 1, 2, 1, 0, 3, 0, 4},
			[]testkit.Symbol{
				idSym(s8+"b", 16, 16), idSym(s8+"a", 0, 24),
				idSym(f+"x__1", 8, 0), idSym(f+"x__2", 24, 0), idSym(f+"y__3", 32, 0),
			},
			"x 0x1, x 0x3", "",
		},
		{
			"names that are none", 0, []uint32{1, 1, 0, 5},
			[]testkit.Symbol{
				idSym(s8+"a", 0, 16),
				idSym(f+"a_1", 8, 0), idSym(f+"a1", 8, 0), idSym(f+"__1", 8, 0), idSym(f, 8, 0),
				idSym("__BTF_ID__struct__a__1", 8, 0), idSym(f+"a__1_2", 8, 0),
			},
			"", "",
		},
		{
			"another section", 0, []uint32{1, 1, 0, 5},
			[]testkit.Symbol{
				idSym(s8+"a", 0, 16),
				{Name: f + "x__1", Section: 3, Value: 8}, {Name: f + "y__1", Section: 0, Value: 8},
			},
			"", "",
		},
		{
			"set whose size wraps", 0, []uint32{1, 1, 0, 5},
			[]testkit.Symbol{idSym(s8+"a", 0, ^uint64(0)), idSym(f+"x__1", 8, 0)},
			"x 0x5", "",
		},
		{
			"set header cut off", 0x1000, []uint32{0, 0},
			[]testkit.Symbol{idSym(s8+"a", 0x1004, 16)},
			"", `symbol "__BTF_ID__set8__a": 8 bytes at 0x1004 are not inside .BTF_ids, 8 bytes at 0x1000`,
		},
		{
			"set before the section", 0x1000, []uint32{0, 0},
			[]testkit.Symbol{idSym(s8+"a", 0x800, 16)},
			"", `symbol "__BTF_ID__set8__a": 8 bytes at 0x800 are not inside .BTF_ids, 8 bytes at 0x1000`,
		},
		{
			"entry behind the section", 0, []uint32{9, 1, 0},
			[]testkit.Symbol{idSym(s8+"a", 0, 100), idSym(f+"x__1", 8, 0)},
			"", `symbol "__BTF_ID__func__x__1": 8 bytes at 0x8 are not inside .BTF_ids, 12 bytes at 0x0`,
		},
		{
			"entry at the end of the address space", 0, []uint32{9, 1},
			[]testkit.Symbol{idSym(s8+"a", 0, ^uint64(0)), idSym(f+"x__1", ^uint64(0)-2, 0)},
			"", `symbol "__BTF_ID__func__x__1": 8 bytes at 0xfffffffffffffffd are not inside .BTF_ids, 8 bytes at 0x0`,
		},
		{
			"bad entry of no set", 0, []uint32{9, 0},
			[]testkit.Symbol{idSym(s8+"a", 0, 100), idSym(f+"x__1", 80, 0)},
			"", "",
		},
	}
	for _, tt := range tests {
		for _, big := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/big=%v", tt.name, big), func(t *testing.T) {
				ids := idsSection{index: 4, addr: tt.addr, data: words(big, tt.data...), big: big}
				found, err := ids.kfuncs(symbolTable(t, tt.symbols...))
				var text []string
				for _, k := range found {
					text = append(text, fmt.Sprintf("%s %#x", k.name, k.flags))
				}
				if got := strings.Join(text, ", "); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				if got := fmt.Sprint(err); err == nil && tt.err != "" || err != nil && got != tt.err {
					t.Errorf("error %q, want %q", got, tt.err)
				}
				if err != nil && found != nil {
					t.Errorf("%d kfuncs with an error", len(found))
				}
			})
		}
	}
}
