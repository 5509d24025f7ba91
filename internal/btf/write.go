// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
)

// Assemble returns a blob of the given sections, in the order types, layout,
// strings, the only one that both the kernel and libbpf accept. Its header has 24
// bytes, or 32 with a layout section, which kernels before 2026 refuse. The
// sections are copied; types and strings are in the byte order named by big. It
// panics where a section does not fit the 32 bits of a header field.
func Assemble(big bool, types, layout, strs []byte) []byte {
	if uint64(len(types))+uint64(len(layout))+uint64(len(strs)) > math.MaxUint32 {
		panic("btf: sections exceed 4 GiB")
	}
	n := headerLen
	if len(layout) > 0 {
		n = headerLenNew
	}
	b := make([]byte, n, n+len(types)+len(layout)+len(strs))
	PutU16(b, big, magic)
	b[2] = version
	PutU32(b[4:], big, uint32(n))
	PutU32(b[12:], big, uint32(len(types)))
	PutU32(b[16:], big, uint32(len(types)+len(layout)))
	PutU32(b[20:], big, uint32(len(strs)))
	if len(layout) > 0 {
		PutU32(b[24:], big, uint32(len(types)))
		PutU32(b[28:], big, uint32(len(layout)))
	}
	return append(append(append(b, types...), layout...), strs...)
}

// Write returns a copy of the blob as it was read, whatever its header length and
// the order of its sections.
func (t *Table) Write() []byte { return bytes.Clone(t.data) }

// WriteOrder is Write in the byte order asked for. Types of an unknown kind cannot
// be swapped, as their fields are not known: the error is a *FormatError.
func (t *Table) WriteOrder(big bool) ([]byte, error) {
	b := t.Write()
	if big == t.big {
		return b, nil
	}
	if t.unknown != 0 {
		for i, off := range t.offs {
			if k := t.Kind(t.firstID + ID(i)); !k.Known() {
				return nil, t.typeErr(t.firstID+ID(i), int(off), "kind %d is unknown, its byte order cannot be changed", k)
			}
		}
	}
	slices.Reverse(b[:2])
	swapWords(b[4 : min(t.hdrLen, headerLenNew)&^3])
	swapWords(b[t.typesOff:][:len(t.types)])
	for l := b[t.layoutOff:][:len(t.layout)]; len(l) > 0; l = l[layoutRecordLen:] {
		slices.Reverse(l[2:4])
	}
	return b, nil
}

// swapWords changes the byte order of every 32-bit word.
func swapWords(b []byte) {
	for ; len(b) >= 4; b = b[4:] {
		binary.BigEndian.PutUint32(b, binary.LittleEndian.Uint32(b))
	}
}
