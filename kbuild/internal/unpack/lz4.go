// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package unpack

import (
	"encoding/binary"
	"fmt"

	"github.com/pierrec/lz4/v4"
)

// The legacy frame of lz4 -l: the magic, then blocks of a 32-bit little-endian
// size and as many bytes. Each block but the last unpacks to 8 MiB; nothing says
// that a block is the last (lz4 doc/lz4_Frame_format.md, "Legacy frame").
const (
	lz4Magic    = "\x02\x21\x4c\x18"
	lz4Block    = 8 << 20
	lz4MaxBlock = lz4Block + lz4Block/255 + 16 // bytes of a block that does not compress
)

func saneLz4(b []byte) bool {
	if len(b) < 9 {
		return false
	}
	n := binary.LittleEndian.Uint32(b[4:])
	return n != 0 && n <= lz4MaxBlock
}

func decodeLz4(src []byte, limit int) ([]byte, error) {
	out := room(src, limit)
	for pos := len(lz4Magic); len(src)-pos > 4; { // 4 bytes alone are the size that a build appended
		n := binary.LittleEndian.Uint32(src[pos:])
		if n == 0 || n > lz4MaxBlock {
			return out, nil // a full block was the last, something else follows
		}
		pos += 4
		if int64(n) > int64(len(src)-pos) {
			return out, &FormatError{"lz4", pos, fmt.Sprintf("block of %d bytes, %d are left", n, len(src)-pos)}
		}
		want := min(lz4Block, limit-len(out))
		if n < lz4Block/255 { // a byte of input gives at most 255 of output
			want = min(want, 255*int(n))
		}
		out = grow(out, want, limit)
		got, err := lz4.UncompressBlock(src[pos:pos+int(n)], out[len(out):len(out)+want])
		switch {
		case err == nil:
		case want == limit-len(out) && want < lz4Block:
			return out, fmt.Errorf("%w or is damaged: %d", ErrLimit, limit)
		default:
			return out, &FormatError{"lz4", pos, "damaged block"}
		}
		out = out[:len(out)+got]
		pos += int(n)
		if got < lz4Block {
			break
		}
	}
	return out, nil
}
