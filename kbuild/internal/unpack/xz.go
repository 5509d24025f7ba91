// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package unpack

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"

	"github.com/ulikunitz/xz/lzma"
)

// The .xz container (tukaani.org/xz/xz-file-format.txt, version 1.2): a stream
// header, blocks, an index. Kernels compress with a filter for branches before
// LZMA2 (scripts/xz_wrap.sh), which no Go package that is kept up undoes; LZMA2
// itself is left to one. The index repeats what the blocks say and is not read.
const (
	xzMagic  = "\xfd7zXZ\x00"
	xzHeader = 12 // bytes of the stream header: magic, flags (2), CRC-32 of the flags

	xzLzma2 = 0x21 // id of the filter that ends every chain of ours
)

// xzCheckSize is the length of a block's check by its id (2.1.1.2).
var xzCheckSize = [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}

func saneXz(b []byte) bool {
	return len(b) >= xzHeader && b[6] == 0 && b[7] < 16 &&
		crc32.ChecksumIEEE(b[6:8]) == binary.LittleEndian.Uint32(b[8:])
}

func xzErr(off int, format string, args ...any) error {
	return &FormatError{"xz", off, fmt.Sprintf(format, args...)}
}

// newXzCheck returns the hash of a check id, or nil for those that are not verified.
func newXzCheck(id byte) hash.Hash {
	switch id {
	case 1:
		return crc32.NewIEEE()
	case 4:
		return crc64.New(crc64.MakeTable(crc64.ECMA))
	case 10:
		return sha256.New()
	}
	return nil
}

func decodeXz(src []byte, limit int) ([]byte, error) {
	id := src[7]
	out := room(src, limit)
	for pos := xzHeader; ; {
		if pos >= len(src) {
			return out, xzErr(pos, "cut off before a block")
		}
		if src[pos] == 0 { // the index
			return out, nil
		}
		h, next, err := xzBlockHeader(src, pos)
		if err != nil {
			return out, err
		}
		start := len(out)
		r := bytes.NewReader(src[next:])
		z, err := lzma.Reader2Config{DictCap: int(min(h.window, max(uint64(limit), lzma.MinDictCap)))}.NewReader2(r)
		if err != nil {
			return out, err
		}
		if out, err = appendAll(out, z, limit); err != nil {
			return out, fmt.Errorf("block at %#x: %w", pos, err)
		}
		packed := len(src) - next - r.Len()
		switch {
		case h.packed >= 0 && h.packed != int64(packed):
			return out, xzErr(pos, "the block has %d bytes of data, not %d", packed, h.packed)
		case h.size >= 0 && h.size != int64(len(out)-start):
			return out, xzErr(pos, "the block unpacks to %d bytes, not %d", len(out)-start, h.size)
		}
		// The chain was applied from its first filter to LZMA2.
		for i := len(h.branch) - 1; i >= 0; i-- {
			h.branch[i].undo(out[start:], h.branch[i].start)
		}
		pos = next + (packed+3)&^3 // the header's length is a multiple of 4
		if len(src)-pos < xzCheckSize[id] {
			return out, xzErr(pos, "cut off in a check of %d bytes", xzCheckSize[id])
		}
		if check := newXzCheck(id); check != nil {
			check.Write(out[start:])
			got, want := check.Sum(nil), bytes.Clone(src[pos:pos+xzCheckSize[id]])
			if id != 10 { // CRCs are little-endian
				reverse(want)
			}
			if !bytes.Equal(got, want) {
				return out, xzErr(pos, "check of the block is %x, not %x", got, want)
			}
		}
		pos += xzCheckSize[id]
	}
}

func reverse(b []byte) {
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
}

// xzBlock is the header of a block (3.1).
type xzBlock struct {
	packed, size int64 // bytes of data and of contents, -1 if not told
	window       uint64
	branch       []branchFilter
}

type branchFilter struct {
	undo  func(b []byte, pos uint32) // pos is the address of b[0]
	start uint32
}

// xzBlockHeader reads the header at pos and returns where the data start.
func xzBlockHeader(src []byte, pos int) (*xzBlock, int, error) {
	n := (int(src[pos]) + 1) * 4
	if n > len(src)-pos {
		return nil, 0, xzErr(pos, "cut off in a block header of %d bytes", n)
	}
	b, sum := src[pos:pos+n-4], binary.LittleEndian.Uint32(src[pos+n-4:])
	if got := crc32.ChecksumIEEE(b); got != sum {
		return nil, 0, xzErr(pos, "CRC-32 of the block header is %#08x, not %#08x", got, sum)
	}
	flags := b[1]
	if flags&0x3c != 0 {
		return nil, 0, xzErr(pos+1, "block flags are %#x, reserved bits are set", flags)
	}
	r := xzFields{b: b, pos: 2}
	h := &xzBlock{packed: -1, size: -1}
	if flags&0x40 != 0 {
		h.packed = int64(r.number())
	}
	if flags&0x80 != 0 {
		h.size = int64(r.number())
	}
	for i := flags & 3; ; i-- {
		id, props := r.number(), r.bytes(r.number())
		if r.bad {
			return nil, 0, xzErr(pos, "fields exceed the block header of %d bytes", n)
		}
		if err := h.addFilter(id, props, i == 0, pos); err != nil {
			return nil, 0, err
		}
		if i == 0 {
			return h, pos + n, nil
		}
	}
}

// addFilter takes one filter of the block at pos (5.3).
func (h *xzBlock) addFilter(id uint64, props []byte, last bool, pos int) error {
	if (id == xzLzma2) != last {
		return xzErr(pos, "filter %#x: chains other than branch filters and LZMA2 are not supported", id)
	}
	if last {
		if len(props) != 1 || props[0] > 40 {
			return xzErr(pos, "LZMA2 properties % x", props)
		}
		// 40 is one byte less than the 4 GiB this gives; both are too much.
		h.window = (2 | uint64(props[0]&1)) << (props[0]/2 + 11)
		if h.window > maxWindow {
			return xzErr(pos, "window of %d bytes, at most %d are allowed", h.window, maxWindow)
		}
		return nil
	}
	f := branchFilter{undo: branchFilters[id]}
	if f.undo == nil {
		return xzErr(pos, "filter %#x is not supported", id)
	}
	switch len(props) {
	case 0:
	case 4:
		f.start = binary.LittleEndian.Uint32(props)
	default:
		return xzErr(pos, "properties % x of filter %#x", props, id)
	}
	h.branch = append(h.branch, f)
	return nil
}

// xzFields reads the fields of a block header. After an error it returns zeros.
type xzFields struct {
	b   []byte
	pos int // index into b
	bad bool
}

// number reads 7 bits per byte, least first; the high bit says that more follow
// (1.2).
func (r *xzFields) number() uint64 {
	v := uint64(0)
	for shift := 0; shift < 63; shift += 7 {
		if r.pos >= len(r.b) {
			break
		}
		c := r.b[r.pos]
		r.pos++
		v |= uint64(c&0x7f) << shift
		if c&0x80 == 0 {
			return v
		}
	}
	r.bad = true
	return 0
}

func (r *xzFields) bytes(n uint64) []byte {
	if n > uint64(len(r.b)-r.pos) {
		r.bad = true
		return nil
	}
	b := r.b[r.pos : r.pos+int(n)]
	r.pos += int(n)
	return b
}
