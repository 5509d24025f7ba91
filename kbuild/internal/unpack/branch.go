// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package unpack

import "encoding/binary"

// Code compresses better if the targets of branches are absolute: the same
// function then has the same bytes at every call. The filters of xz rewrite them
// so, wherever bytes look like a branch, in code or not; undoing it needs the
// same judgement. Each function works on a whole block, b[0] being at address
// pos (tukaani.org/xz/xz-file-format.txt, 5.3.2; what counts as a branch is
// defined by the programs only).
var branchFilters = map[uint64]func(b []byte, pos uint32){
	0x04: undoX86,
	0x05: undoPowerPC,
	0x07: undoARM,
	0x08: undoThumb,
	0x0a: undoARM64,
}

// undoX86: E8 and E9 are call and jmp with a 32-bit distance. The operand counts
// as one if its top byte is a sign, 00 or FF. Bytes E8 and E9 within the 3 bytes
// before make a match doubtful: seen keeps them as bits, the nearest lowest.
func undoX86(b []byte, pos uint32) {
	sign := func(c byte) bool { return c == 0 || c == 0xff }
	// By the bits of seen: how many bytes of the operand the farthest one
	// reaches into.
	reach := [8]int{0, 1, 2, 2, 3, 3, 3, 3}
	last, seen := -4, 0 // index of the last E8 or E9, and what was before it
	for i := 0; i+5 <= len(b); i++ {
		if b[i]&0xfe != 0xe8 {
			continue
		}
		if d := i - last; d > 3 {
			seen = 0
		} else {
			seen = seen << (d - 1) & 7
		}
		last = i
		// Two opcodes close together never both count, nor does one that follows
		// another whose operand it would end.
		crowded := seen == 3 || seen > 4
		if crowded || seen != 0 && sign(b[i+4-reach[seen]]) || !sign(b[i+4]) {
			seen = seen<<1&7 | 1
			continue
		}
		here := pos + uint32(i) + 5
		v := binary.LittleEndian.Uint32(b[i+1:])
		to := v - here
		for seen != 0 {
			shift := 8 * reach[seen]
			if !sign(byte(to >> (24 - shift))) {
				break
			}
			v = to ^ (1<<(32-shift) - 1)
			to = v - here
		}
		to &= 0x01ffffff
		to |= -(to & 0x01000000) // bit 24 is the sign
		binary.LittleEndian.PutUint32(b[i+1:], to)
		i += 4
	}
}

// undoPowerPC: bl, big-endian, 24 bits of words.
func undoPowerPC(b []byte, pos uint32) {
	for i := 0; i+4 <= len(b); i += 4 {
		if v := binary.BigEndian.Uint32(b[i:]); v&0xfc000003 == 0x48000001 {
			binary.BigEndian.PutUint32(b[i:], 0x48000001|(v-pos-uint32(i))&0x03fffffc)
		}
	}
}

// undoARM: BL without condition; 24 bits of words, from 8 bytes ahead.
func undoARM(b []byte, pos uint32) {
	for i := 0; i+4 <= len(b); i += 4 {
		if v := binary.LittleEndian.Uint32(b[i:]); v>>24 == 0xeb {
			to := v<<2 - (pos + uint32(i) + 8)
			binary.LittleEndian.PutUint32(b[i:], 0xeb000000|to>>2&0x00ffffff)
		}
	}
}

// undoThumb: BL as a pair of halves with 11 bits each of halfwords, from 4 bytes
// ahead.
func undoThumb(b []byte, pos uint32) {
	le := binary.LittleEndian
	for i := 0; i+4 <= len(b); i += 2 {
		hi, lo := le.Uint16(b[i:]), le.Uint16(b[i+2:])
		if hi>>11 != 0x1e || lo>>11 != 0x1f {
			continue
		}
		to := (uint32(hi&0x7ff)<<11|uint32(lo&0x7ff))<<1 - (pos + uint32(i) + 4)
		le.PutUint16(b[i:], 0xf000|uint16(to>>12)&0x7ff)
		le.PutUint16(b[i+2:], 0xf800|uint16(to>>1)&0x7ff)
		i += 2
	}
}

// undoARM64: BL with 26 bits of words; ADRP with 21 bits of pages, of which only
// those within 512 MiB count.
func undoARM64(b []byte, pos uint32) {
	for i := 0; i+4 <= len(b); i += 4 {
		v, here := binary.LittleEndian.Uint32(b[i:]), pos+uint32(i)
		switch {
		case v>>26 == 0x25:
			v = 0x94000000 | (v-here>>2)&0x03ffffff
		case v&0x9f000000 == 0x90000000:
			page := v>>29&3 | v>>3&0x1ffffc
			if (page+0x020000)&0x1c0000 != 0 {
				continue
			}
			page -= here >> 12
			v = v&0x9000001f | page&3<<29 | page&0x03fffc<<3 | -(page&0x020000)&0x00e00000
		default:
			continue
		}
		binary.LittleEndian.PutUint32(b[i:], v)
	}
}
