// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfview

import (
	"bufio"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

const (
	// maxRatio is the highest expansion we believe of a large section. Deflate
	// cannot exceed 1032. zstd can, but the most seen in kernel debug data is 25
	// (.debug_line_str of xfs.ko, Linux 7.2).
	maxRatio = 1032

	// smallSize is the contents size up to which any expansion is believed.
	smallSize = 16 << 20

	// maxWindow is the zstd window accepted for contents smaller than that: the
	// largest of the levels up to 19, for an encoder that did not know the size.
	maxWindow = 8 << 20

	// startRatio times the compressed size is the first guess of the zlib
	// contents. In xfs.ko all sections but .debug_line_str expand 2 to 9 times, so
	// they need no second.
	startRatio = 16
)

// compression says how a section is compressed.
type compression struct {
	typ    elf.CompressionType
	size   uint64 // bytes of the contents, as the header says
	header uint64 // bytes before the compressed data
}

// Compressed reports whether the section's bytes in the file are not its
// contents: SHF_COMPRESSED, or the legacy form told by the name ".zdebug_*".
func (f *File) Compressed(s *Section) bool {
	return s.Flags&elf.SHF_COMPRESSED != 0 || strings.HasPrefix(s.Name, ".zdebug_")
}

// compression reads the compression header of a section (gABI, "Section
// Compression"; for ".zdebug_*": "ZLIB", then the size as 8 bytes, big-endian).
func (f *File) compression(s *Section) (compression, error) {
	if err := f.checkExtent(s); err != nil {
		return compression{}, err
	}
	h := compression{header: 12}
	if f.Is64() && s.Flags&elf.SHF_COMPRESSED != 0 {
		h.header = 24
	}
	if s.FileSize < h.header {
		return compression{}, s.errorf(0, "compressed, but its %d bytes hold no compression header", s.FileSize)
	}
	var buf [24]byte
	b := buf[:h.header]
	if err := f.pread(b, s.Off, s.label(), 0); err != nil {
		return compression{}, err
	}
	sizeOff := uint64(4)
	switch {
	case s.Flags&elf.SHF_COMPRESSED == 0:
		if string(b[:4]) != "ZLIB" {
			return compression{}, s.errorf(0, "starts with the bytes % x, want \"ZLIB\"", b[:4])
		}
		h.typ, h.size = elf.COMPRESS_ZLIB, binary.BigEndian.Uint64(b[4:])
	case f.Is64():
		sizeOff = 8
		h.typ, h.size = elf.CompressionType(f.order.Uint32(b)), f.order.Uint64(b[8:])
	default:
		h.typ, h.size = elf.CompressionType(f.order.Uint32(b)), uint64(f.order.Uint32(b[4:]))
	}
	if h.typ != elf.COMPRESS_ZLIB && h.typ != elf.COMPRESS_ZSTD {
		return compression{}, s.errorf(0, "unknown compression type %d", uint32(h.typ))
	}
	if h.size > maxWhole || h.size > smallSize && h.size/maxRatio > s.FileSize {
		return compression{}, s.errorf(sizeOff, "%d bytes cannot come out of %d compressed ones", h.size, s.FileSize)
	}
	return h, nil
}

// decompress returns the contents of a compressed section: exactly as many bytes
// as its header says.
func (f *File) decompress(s *Section) ([]byte, error) {
	h, err := f.compression(s)
	if err != nil {
		return nil, err
	}
	if h.typ == elf.COMPRESS_ZSTD {
		return f.decompressZstd(s, h)
	}
	return f.decompressZlib(s, h)
}

// decompressZlib inflates piece by piece: memory grows with the data that come
// out, whatever the header promises.
func (f *File) decompressZlib(s *Section, h compression) ([]byte, error) {
	packed := s.FileSize - h.header
	in := io.NewSectionReader(f.r, int64(s.Off+h.header), int64(packed))
	z, err := zlib.NewReader(bufio.NewReaderSize(in, 64<<10))
	if err != nil {
		return nil, s.decompressError(h, err)
	}
	defer z.Close()
	// Room for one byte too many: the read that finds the end of the stream,
	// where its checksum is verified, also finds data beyond the size.
	limit := h.size + 1
	out := make([]byte, 0, min(limit, packed*startRatio+4096))
	for uint64(len(out)) < limit {
		if len(out) == cap(out) {
			grown := make([]byte, len(out), min(limit, 2*uint64(cap(out))))
			copy(grown, out)
			out = grown
		}
		n, err := z.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, s.decompressError(h, err)
		}
	}
	return s.checkUnpacked(h, out)
}

// decompressZstd decodes all at once: the output is the window, so neither is
// held twice. The decoder allocates what the frame header says, which is refused
// above the size of the contents.
func (f *File) decompressZstd(s *Section, h compression) ([]byte, error) {
	packed, err := f.whole(s.Off+h.header, s.FileSize-h.header, s.label(), h.header)
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(max(h.size, maxWindow)),
		zstd.WithDecoderMaxMemory(max(h.size, maxWindow)))
	if err != nil {
		return nil, s.decompressError(h, err)
	}
	defer z.Close()
	out, err := z.DecodeAll(packed, nil)
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		return nil, s.errorf(h.header, "more than %d bytes come out of the compressed data", h.size)
	}
	if err != nil {
		return nil, s.decompressError(h, err)
	}
	return s.checkUnpacked(h, out)
}

// checkUnpacked returns the contents if they are as long as the header says.
func (s *Section) checkUnpacked(h compression, out []byte) ([]byte, error) {
	switch n := uint64(len(out)); {
	case n > h.size:
		return nil, s.errorf(h.header, "more than %d bytes come out of the compressed data", h.size)
	case n < h.size:
		return nil, s.errorf(h.header, "%d bytes come out of the compressed data, its header says %d", n, h.size)
	}
	return out[:h.size:h.size], nil
}

func (s *Section) decompressError(h compression, err error) error {
	name := "zlib"
	if h.typ == elf.COMPRESS_ZSTD {
		name = "zstd"
	}
	return s.errorf(h.header, "bad %s data: %v", name, withoutPath(err))
}
