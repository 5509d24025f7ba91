// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package unpack

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
)

const zstdMagic = "\x28\xb5\x2f\xfd"

// Bit 3 of the frame header descriptor is reserved (RFC 8878, 3.1.1.1.1.4).
func saneZstd(b []byte) bool { return len(b) >= 9 && b[4]&8 == 0 }

func decodeZstd(src []byte, limit int) ([]byte, error) {
	var h zstd.Header
	if err := h.Decode(src); err != nil {
		return nil, err
	}
	if h.HasFCS && h.FrameContentSize > uint64(limit) {
		return nil, fmt.Errorf("%w: %d", ErrLimit, limit)
	}
	frame, err := zstdFrame(src, &h)
	if err != nil {
		return nil, err
	}
	// The decoder refuses windows above its limit of memory, and kernels have one of
	// 128 MiB whatever their size. Into one piece of memory there is none to keep.
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow),
		zstd.WithDecoderMaxMemory(max(uint64(limit), maxWindow)))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	out, err := z.DecodeAll(frame, room(frame, limit))
	if len(out) > limit {
		return out[:limit], fmt.Errorf("%w: %d", ErrLimit, limit)
	}
	return out, err
}

// zstdFrame cuts src behind the frame that h heads (RFC 8878, 3.1.1): the
// decoder takes what follows for a second one.
func zstdFrame(src []byte, h *zstd.Header) ([]byte, error) {
	for pos := h.HeaderSize; ; {
		if len(src)-pos < 3 {
			return nil, &FormatError{"zstd", pos, "cut off at a block header"}
		}
		word := int(src[pos]) | int(src[pos+1])<<8 | int(src[pos+2])<<16
		last, kind, size := word&1 != 0, word>>1&3, word>>3
		if kind == 1 { // one byte, repeated
			size = 1
		}
		if kind == 3 {
			return nil, &FormatError{"zstd", pos, "reserved block type 3"}
		}
		if last && h.HasCheckSum {
			size += 4
		}
		if size > len(src)-pos-3 {
			return nil, &FormatError{"zstd", pos, fmt.Sprintf("block of %d bytes, %d are left", size, len(src)-pos-3)}
		}
		pos += 3 + size
		if last {
			return src[:pos], nil
		}
	}
}
