// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The .xz container (tukaani.org/xz/xz-file-format.txt, version 1.2), as far as
// is needed to say how much memory its decoder will take before it takes it.
const (
	xzMagic  = "\xfd7zXZ\x00"
	xzHeader = 12      // bytes of the stream header
	xzDict   = 1 << 20 // dictionary in bytes that kernel builds ask for (scripts/Makefile.modinst)
	xzLzma2  = 0x21    // id of the only filter that modules are packed with
)

// xzCheckSize is the length of a block's check by its id (2.1.1.2).
var xzCheckSize = [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}

var errXzShort = errors.New("cut off")

// scanXz walks over the blocks of a stream without unpacking them and returns how
// many bytes they hold. It is an error if they are more than limit, or want a
// dictionary larger than maxWindow.
func scanXz(b []byte, limit int) (int, error) {
	if len(b) < xzHeader || b[7] > 15 {
		return 0, errXzShort
	}
	check := xzCheckSize[b[7]]
	size := 0
	for pos := xzHeader; ; {
		if pos >= len(b) {
			return 0, errXzShort
		}
		if b[pos] == 0 { // the index: the decoder checks it
			return size, nil
		}
		n, err := scanXzHeader(b[pos:])
		if err != nil {
			return 0, fmt.Errorf("block at %#x: %w", pos, err)
		}
		packed, unpacked, err := scanLzma2(b[pos+n:], limit-size)
		if err != nil {
			return 0, fmt.Errorf("block at %#x: %w", pos, err)
		}
		size += unpacked
		pos += n + (packed+3)&^3 + check
	}
}

// scanXzHeader returns the length of a block header (3.1).
func scanXzHeader(b []byte) (int, error) {
	n := (int(b[0]) + 1) * 4
	if n > len(b) {
		return 0, errXzShort
	}
	f := b[2 : n-4]                          // without the CRC
	for _, has := range []byte{0x40, 0x80} { // packed and unpacked size, which lie as they like
		if b[1]&has != 0 {
			_, k := binary.Uvarint(f)
			if k <= 0 {
				return 0, errXzShort
			}
			f = f[k:]
		}
	}
	if b[1]&3 != 0 || len(f) < 3 || f[0] != xzLzma2 || f[1] != 1 {
		return 0, errors.New("packed with other filters than LZMA2 alone")
	}
	if bits := f[2]; bits > 40 || (2|uint64(bits&1))<<(bits/2+11) > maxWindow {
		return 0, fmt.Errorf("dictionary of code %d, at most %d bytes are allowed", bits, maxWindow)
	}
	return n, nil
}

// scanLzma2 walks over the chunks of LZMA2 data and returns the bytes that they
// take and give.
func scanLzma2(b []byte, limit int) (packed, unpacked int, err error) {
	for {
		if packed >= len(b) {
			return 0, 0, errXzShort
		}
		c := b[packed:]
		if c[0] == 0 {
			return packed + 1, unpacked, nil
		}
		if len(c) < 6 {
			return 0, 0, errXzShort
		}
		n := int(binary.BigEndian.Uint16(c[1:])) + 1
		switch {
		case c[0] >= 0x80: // LZMA: sizes, then a byte of properties if they are new
			unpacked += int(c[0]&0x1f)<<16 + n
			packed += 5 + int(binary.BigEndian.Uint16(c[3:])) + 1
			if c[0] >= 0xc0 {
				packed++
			}
		case c[0] <= 2:
			unpacked += n
			packed += 3 + n
		default:
			return 0, 0, fmt.Errorf("unknown LZMA2 chunk %#x", c[0])
		}
		if unpacked > limit {
			return 0, 0, fmt.Errorf("more than %d bytes come out of it", limit)
		}
	}
}
