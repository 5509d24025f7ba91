// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/btfgen/btfgen/internal/elfview"
)

// Flags of a kfunc, and of a set of them (include/linux/btf.h: KF_*, BTF_SET8_KFUNCS).
const (
	kfuncFastcall  uint32 = 1 << 12
	kfuncArenaRet  uint32 = 1 << 13
	kfuncArenaArg1 uint32 = 1 << 14
	kfuncArenaArg2 uint32 = 1 << 15

	set8Kfuncs uint32 = 1 << 0
)

// kfunc is one entry of a set of kfuncs. A function may be in several.
type kfunc struct {
	name  []byte // aliases the string table
	flags uint32
}

var (
	set8Prefix = []byte("__BTF_ID__set8__")
	funcPrefix = []byte("__BTF_ID__func__")
)

// idsSection is the section .BTF_ids: words in the byte order of the file.
type idsSection struct {
	index uint32 // of the section, as in symbols
	addr  uint64 // sh_addr, what st_value counts from
	data  []byte
	big   bool
}

// flags reads the second word of the pair at an address that symbol name gives.
func (ids *idsSection) flags(addr uint64, name []byte) (uint32, error) {
	size := uint64(len(ids.data))
	off := addr - ids.addr
	if addr < ids.addr || off > size || size-off < 8 {
		return 0, fmt.Errorf("symbol %.200q: 8 bytes at %#x are not inside .BTF_ids, %d bytes at %#x",
			name, addr, size, ids.addr)
	}
	b := ids.data[off+4:]
	if ids.big {
		return binary.BigEndian.Uint32(b), nil
	}
	return binary.LittleEndian.Uint32(b), nil
}

// kfuncs returns the functions of all sets that are marked as sets of kfuncs, in symbol table
// order; of two with the same name the later one counts. A set starts with the words count and
// flags, each entry has an ID and flags (include/linux/btf_ids.h: BTF_KFUNCS_START).
func (ids *idsSection) kfuncs(syms *elfview.SymbolTable) ([]kfunc, error) {
	var sets []addrRange
	var entries []elfview.Sym
	for i := range syms.Len() {
		s := syms.Sym(i)
		if s.Shndx != ids.index || ids.index == elfview.ShnUndef {
			continue
		}
		name := syms.Name(s.NameOff)
		switch {
		case bytes.HasPrefix(name, funcPrefix):
			entries = append(entries, s)
		case bytes.HasPrefix(name, set8Prefix):
			flags, err := ids.flags(s.Value, name)
			if err != nil {
				return nil, err
			}
			if flags&set8Kfuncs != 0 {
				sets = append(sets, addrRange{s.Value, s.Value + min(s.Size, ^s.Value)})
			}
		}
	}
	sets = uniteRanges(sets)
	var found []kfunc
	for _, s := range entries {
		symbol := syms.Name(s.NameOff)
		name := kfuncName(symbol[len(funcPrefix):])
		if name == nil || !inRanges(sets, s.Value) {
			continue
		}
		flags, err := ids.flags(s.Value, symbol)
		if err != nil {
			return nil, err
		}
		found = append(found, kfunc{name, flags})
	}
	return found, nil
}

// kfuncName cuts the number that makes the symbol unique from `name__number`; nil if there is none.
func kfuncName(b []byte) []byte {
	end := bytes.LastIndexByte(b, '_')
	if end < 2 || b[end-1] != '_' {
		return nil
	}
	return b[:end-1]
}

// addrRange is [start, end).
type addrRange struct{ start, end uint64 }

// uniteRanges sorts ranges and joins those that overlap, in place.
func uniteRanges(rs []addrRange) []addrRange {
	slices.SortFunc(rs, func(a, b addrRange) int { return cmp.Compare(a.start, b.start) })
	n := 0
	for _, r := range rs {
		if n > 0 && r.start <= rs[n-1].end {
			rs[n-1].end = max(rs[n-1].end, r.end)
			continue
		}
		rs[n] = r
		n++
	}
	return rs[:n]
}

// inRanges tells whether addr is in one of the united ranges.
func inRanges(rs []addrRange, addr uint64) bool {
	i, found := slices.BinarySearchFunc(rs, addr, func(r addrRange, a uint64) int {
		return cmp.Compare(r.start, a)
	})
	if found {
		return addr < rs[i].end
	}
	return i > 0 && addr < rs[i-1].end
}
