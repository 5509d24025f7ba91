// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package unpack

import (
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"hash/crc32"
)

// The lzop container, as lib/decompress_unlzo.c reads it; all numbers big-endian.
// Header: magic, version (2 bytes), library version (2), version needed (2),
// method, level, flags (4), mode (4), time (8), length of the name, name,
// checksum (4). Then blocks: size of the contents (4; 0 ends the file), size of
// the data (4), checksums by the flags, data. Data as long as the contents are
// the contents.
const (
	lzopMagic = "\x89LZO\x00\r\n\x1a\n"

	lzopFixed = 34 // bytes of the header up to and with the length of the name

	lzopMinVersion = 0x0940 // older files have no level and a shorter time

	lzopAdlerD = 0x00000001 // blocks have an Adler-32 of their contents,
	lzopAdlerC = 0x00000002 // of their data,
	lzopCrcD   = 0x00000100 // a CRC-32 of their contents,
	lzopCrcC   = 0x00000200 // of their data
	lzopExtra  = 0x00000040 // a field follows the header
	lzopFilter = 0x00000800 // contents went through a filter

	lzopMaxBlock = 64 << 20 // the largest block lzop reads; kernels allow 256 KiB
)

func saneLzop(b []byte) bool {
	return len(b) >= lzopFixed && binary.BigEndian.Uint16(b[9:]) >= lzopMinVersion
}

func lzoErr(off int, format string, args ...any) error {
	return &FormatError{"lzo", off, fmt.Sprintf(format, args...)}
}

func decodeLzop(src []byte, limit int) ([]byte, error) {
	method, flags, nameLen := src[15], binary.BigEndian.Uint32(src[17:]), int(src[33])
	switch {
	case method < 1 || method > 3: // levels of LZO1X, one format
		return nil, lzoErr(15, "unknown method %d", method)
	case flags&(lzopExtra|lzopFilter) != 0:
		return nil, lzoErr(17, "flags are %#x: extra fields and filters are not supported", flags)
	}
	pos := lzopFixed + nameLen + 4
	out := room(src, limit)
	for {
		if len(src)-pos < 4 {
			return out, lzoErr(pos, "cut off at a block header")
		}
		size := binary.BigEndian.Uint32(src[pos:])
		if size == 0 {
			return out, nil
		}
		var err error
		if out, pos, err = lzopBlock(out, src, pos, flags, limit); err != nil {
			return out, err
		}
	}
}

// lzopBlock appends the contents of the block at pos and returns where the next
// one starts. The 4 bytes of its first size are there, and not 0.
func lzopBlock(out, src []byte, pos int, flags uint32, limit int) ([]byte, int, error) {
	start, be := pos, binary.BigEndian
	size := be.Uint32(src[pos:])
	var words [3]uint32 // size of the data, then the checksums
	n := 1
	for _, f := range []uint32{lzopAdlerD, lzopCrcD} {
		if flags&f != 0 {
			n++
		}
	}
	if len(src)-pos < 4+4*n {
		return out, pos, lzoErr(pos, "cut off in a block header")
	}
	for i := range n {
		words[i] = be.Uint32(src[pos+4+4*i:])
	}
	pos += 4 + 4*n
	packed := words[0]
	if packed < size {
		// Only compressed blocks have checksums of their data; the contents' suffice.
		for _, f := range []uint32{lzopAdlerC, lzopCrcC} {
			if flags&f != 0 {
				pos += 4
			}
		}
	}
	switch {
	case size > lzopMaxBlock:
		return out, pos, lzoErr(start, "block of %d bytes, at most %d are allowed", size, lzopMaxBlock)
	case packed == 0 || packed > size:
		return out, pos, lzoErr(start+4, "%d bytes of data for a block of %d", packed, size)
	case pos > len(src) || int64(packed) > int64(len(src)-pos):
		return out, pos, lzoErr(start+4, "%d bytes of data, the stream ends at %#x", packed, len(src))
	case int64(size) > 255*int64(packed)+255:
		return out, pos, lzoErr(start, "%d bytes cannot come out of %d", size, packed)
	case int(size) > limit-len(out):
		return out, pos, fmt.Errorf("%w: %d", ErrLimit, limit)
	}
	data := src[pos : pos+int(packed)]
	out = grow(out, int(size), limit)
	block := out[len(out) : len(out)+int(size)]
	if packed == size {
		copy(block, data)
	} else if err := lzo1x(block, data, pos); err != nil {
		return out, pos, err
	}
	sums := words[1:n]
	if flags&lzopAdlerD != 0 {
		if got := adler32.Checksum(block); got != sums[0] {
			return out, pos, lzoErr(start, "Adler-32 of the block is %#08x, not %#08x", got, sums[0])
		}
		sums = sums[1:]
	}
	if flags&lzopCrcD != 0 {
		if got := crc32.ChecksumIEEE(block); got != sums[0] {
			return out, pos, lzoErr(start, "CRC-32 of the block is %#08x, not %#08x", got, sums[0])
		}
	}
	return out[:len(out)+int(size)], pos + int(packed), nil
}

// lzo1x unpacks src into dst, which it must fill exactly. base is the offset of
// src in the stream, for errors. The encoding is told in Documentation/staging/lzo.rst:
// each instruction copies a piece of past output, or a run of literals; its last
// two bits say how many literals, up to 3, follow it, and the next instruction is
// read differently after 0, 1 to 3, and 4 or more of them.
func lzo1x(dst, src []byte, base int) error {
	d := lzoReader{src: src, base: base}
	at := 0    // index into dst
	state := 0 // literals behind the last instruction; 4 means 4 or more
	if b := d.peek(); b > 17 {
		d.pos++
		state = min(int(b)-17, 4)
		if at = d.literals(dst, at, int(b)-17); at < 0 {
			return d.err
		}
	}
	for {
		start, op := d.pos, int(d.byte())
		length, distance, next := 0, 0, op&3
		switch {
		case op >= 64:
			length, distance = op>>5+1, int(d.byte())<<3+op>>2&7+1
		case op >= 32:
			length = d.length(op&31, 31) + 2
			word := d.le16()
			distance, next = word>>2+1, word&3
		case op >= 16:
			length = d.length(op&7, 7) + 2
			word := d.le16()
			distance, next = 16384+op&8<<11+word>>2, word&3
			if distance == 16384 && d.err == nil {
				return d.end(start, at, len(dst))
			}
		case state == 0:
			n := d.length(op, 15) + 3
			if at = d.literals(dst, at, n); at < 0 {
				return d.err
			}
			state = 4
			continue
		case state == 4:
			length, distance = 3, int(d.byte())<<2+op>>2+2049
		default:
			length, distance = 2, int(d.byte())<<2+op>>2+1
		}
		switch {
		case d.err != nil:
			return d.err
		case distance > at:
			return lzoErr(base+start, "copies from %d bytes back, there are %d", distance, at)
		case length > len(dst)-at:
			return lzoErr(base+start, "copies %d bytes, the block has room for %d", length, len(dst)-at)
		}
		copyBack(dst, at, distance, length)
		state = next
		if at = d.literals(dst, at+length, next); at < 0 {
			return d.err
		}
	}
}

// copyBack copies length bytes to dst[at:] from distance bytes before. Where the
// ranges overlap, the piece repeats.
func copyBack(dst []byte, at, distance, length int) {
	for from := at - distance; length > 0; {
		n := copy(dst[at:at+length], dst[from:at])
		at, length = at+n, length-n
	}
}

// lzoReader reads instructions. After an error it returns zeros.
type lzoReader struct {
	src  []byte
	pos  int // index into src
	base int
	err  error
}

func (d *lzoReader) peek() byte {
	if len(d.src) == 0 {
		return 0
	}
	return d.src[0]
}

func (d *lzoReader) byte() byte {
	if d.pos >= len(d.src) {
		if d.err == nil {
			d.err = lzoErr(d.base+d.pos, "the block's data end within an instruction")
		}
		return 0
	}
	b := d.src[d.pos]
	d.pos++
	return b
}

func (d *lzoReader) le16() int {
	lo := int(d.byte())
	return lo | int(d.byte())<<8
}

// length returns a length whose bits in the instruction are n: if they are 0, it
// is most, and what the following bytes add.
func (d *lzoReader) length(n, most int) int {
	if n != 0 {
		return n
	}
	n = most
	for d.err == nil {
		b := d.byte()
		if b != 0 {
			return n + int(b)
		}
		n += 255
	}
	return n
}

// literals copies n bytes of the data to dst[at:] and returns the index behind
// them, or -1 with the error set.
func (d *lzoReader) literals(dst []byte, at, n int) int {
	switch {
	case d.err != nil:
		return -1
	case n > len(d.src)-d.pos:
		d.err = lzoErr(d.base+d.pos, "%d literals, %d bytes are left", n, len(d.src)-d.pos)
		return -1
	case n > len(dst)-at:
		d.err = lzoErr(d.base+d.pos, "%d literals, the block has room for %d", n, len(dst)-at)
		return -1
	}
	copy(dst[at:at+n], d.src[d.pos:])
	d.pos += n
	return at + n
}

// end checks that data and contents end together.
func (d *lzoReader) end(start, at, size int) error {
	switch {
	case d.pos != len(d.src):
		return lzoErr(d.base+start, "end of the block, but %d bytes of data follow", len(d.src)-d.pos)
	case at != size:
		return lzoErr(d.base+start, "the block unpacks to %d bytes, not %d", at, size)
	}
	return nil
}
