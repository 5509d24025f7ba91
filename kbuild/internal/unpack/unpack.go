// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package unpack decompresses the kernel inside a boot image: gzip, bzip2, lzma,
// xz, lzo, lz4 and zstd, as scripts/Makefile.lib of the kernel writes them
// (cmd_gzip to cmd_zstd22).
//
// In: bytes that start with a stream. Out: its contents in fresh memory. A stream
// ends where its own format says; what follows is ignored, since a boot image
// goes on behind it. The input is hostile: memory grows with what comes out, up
// to the caller's limit, not with what a header promises; only windows of up to
// 128 MiB are taken at their word.
//
// Unsupported: dictionaries kept outside the stream, several gzip members or xz
// streams in a row, the lz4 frame format (kernels use the legacy one), the delta
// filter of xz and its filters for IA-64, SPARC and RISC-V code.
package unpack

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/bits"

	"github.com/klauspost/compress/gzip"
	"github.com/ulikunitz/xz/lzma"
)

// FormatError is what is wrong with a stream, and where.
type FormatError struct {
	Format string // as in Format.Name
	Off    int    // bytes from the start of the stream
	Msg    string
}

func (e *FormatError) Error() string { return fmt.Sprintf("%s+%#x: %s", e.Format, e.Off, e.Msg) }

// ErrLimit is wrapped by the error of Unpack if the contents exceed the limit.
var ErrLimit = errors.New("unpacks to more bytes than allowed")

// Format is one kind of compression. Formats are immutable.
type Format struct {
	Name   string
	magic  string
	sane   func(b []byte) bool // b starts with the magic; excludes most chance matches
	decode func(src []byte, limit int) ([]byte, error)
}

var formats = []*Format{
	{"gzip", "\x1f\x8b\x08", saneGzip, decodeGzip},
	{"bzip2", "BZh", saneBzip2, decodeBzip2},
	{"lzma", "\x5d\x00\x00", saneLzma, decodeLzma},
	{"xz", xzMagic, saneXz, decodeXz},
	{"lzo", lzopMagic, saneLzop, decodeLzop},
	{"lz4", lz4Magic, saneLz4, decodeLz4},
	{"zstd", zstdMagic, saneZstd, decodeZstd},
}

// Detect returns the format of the stream that b starts with, or nil.
func Detect(b []byte) *Format {
	for _, f := range formats {
		if f.at(b) {
			return f
		}
	}
	return nil
}

// Streams returns the offsets in b at which a stream may start, ascending. Some
// of them are chance.
func Streams(b []byte) iter.Seq2[int, *Format] {
	return func(yield func(int, *Format) bool) {
		next := make([]int, len(formats)) // index into b of the next match of each format
		for i, f := range formats {
			next[i] = f.find(b, 0)
		}
		for {
			first := 0
			for i := range next {
				if next[i] < next[first] {
					first = i
				}
			}
			at := next[first]
			if at == len(b) || !yield(at, formats[first]) {
				return
			}
			next[first] = formats[first].find(b, at+1)
		}
	}
}

func (f *Format) at(b []byte) bool {
	return len(b) >= len(f.magic) && string(b[:len(f.magic)]) == f.magic && f.sane(b)
}

// find returns the first offset from "from" on where a stream may start, or len(b).
func (f *Format) find(b []byte, from int) int {
	for from < len(b) {
		i := bytes.Index(b[from:], []byte(f.magic))
		if i < 0 {
			break
		}
		from += i
		if f.sane(b[from:]) {
			return from
		}
		from++
	}
	return len(b)
}

// Unpack returns the contents of the stream that src starts with, at most limit
// bytes of them. With an error it returns what came out before.
func (f *Format) Unpack(src []byte, limit int) (out []byte, err error) {
	// Decoders of others run here on hostile bytes.
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("%s: decoder gave up: %v", f.Name, p)
		}
	}()
	if !f.at(src) {
		return nil, &FormatError{f.Name, 0, fmt.Sprintf("starts with the bytes % x", src[:min(len(src), 8)])}
	}
	out, err = f.decode(src, limit)
	var fe *FormatError
	if err != nil && !errors.As(err, &fe) {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		err = fmt.Errorf("%s: %w", f.Name, err)
	}
	return out, err
}

// startRatio times the compressed size is the first guess of the contents: Debian's
// kernels unpack to 3 to 5 times their size.
const startRatio = 6

// room returns empty memory for the contents of src.
func room(src []byte, limit int) []byte {
	return make([]byte, 0, min(len(src), limit/startRatio+1)*startRatio+1)
}

// appendAll appends all of r to out, which grows up to limit bytes.
func appendAll(out []byte, r io.Reader, limit int) ([]byte, error) {
	for {
		if len(out) > limit {
			return out[:limit], fmt.Errorf("%w: %d", ErrLimit, limit)
		}
		if len(out) == cap(out) {
			out = grow(out, 1, limit)
		}
		// One byte of room beyond the limit shows that there is more.
		n, err := r.Read(out[len(out):min(cap(out), limit+1)])
		out = out[:len(out)+n]
		if err == io.EOF && len(out) <= limit {
			return out, nil
		}
		if err != nil && err != io.EOF {
			return out[:min(len(out), limit)], err
		}
	}
}

// grow returns out with room for n more bytes, at least doubled within limit+1.
func grow(out []byte, n, limit int) []byte {
	if cap(out)-len(out) >= n {
		return out
	}
	grown := make([]byte, len(out), max(len(out)+n, min(2*cap(out)+4096, limit+1)))
	copy(grown, out)
	return grown
}

// Bits 5 to 7 of the flags are reserved (RFC 1952, 2.3.1.2).
func saneGzip(b []byte) bool { return len(b) >= 18 && b[3]&0xe0 == 0 }

func decodeGzip(src []byte, limit int) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(src))
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return appendAll(room(src, limit), z, limit)
}

// A block starts with the digits of pi; the level is the block size.
func saneBzip2(b []byte) bool {
	return len(b) >= 10 && b[3] >= '1' && b[3] <= '9' && string(b[4:10]) == "1AY&SY"
}

func decodeBzip2(src []byte, limit int) ([]byte, error) {
	out, err := appendAll(room(src, limit), bzip2.NewReader(bytes.NewReader(src)), limit)
	// The reader wants another stream behind the first, whose checksum it has
	// verified by then. There is no other way to learn where the first ends.
	var se bzip2.StructuralError
	if errors.As(err, &se) && se == "bad magic value in continuation file" {
		err = nil
	}
	return out, err
}

// lzmaHeader is the length of the header of the .lzma format: properties, window
// size (4 bytes), contents size (8 bytes, all ones if it is not known).
const lzmaHeader = 13

// maxWindow bounds the memory for past output. The kernel's own compression uses
// up to 128 MiB (scripts/Makefile.lib: zstd22; scripts/xz_wrap.sh).
const maxWindow = 128 << 20

// The encoder's window is 2^n or 2^n + 2^(n-1) bytes.
func saneLzma(b []byte) bool {
	if len(b) < lzmaHeader {
		return false
	}
	window, size := binary.LittleEndian.Uint32(b[1:]), binary.LittleEndian.Uint64(b[5:])
	top := window & (window - 1) // without its lowest bit
	return window >= 1<<16 && window <= maxWindow && (top == 0 || bits.OnesCount32(window) == 2 && top>>1 == window&^top) &&
		(size == 1<<64-1 || size < 1<<32)
}

func decodeLzma(src []byte, limit int) ([]byte, error) {
	r, err := lzma.ReaderConfig{DictCap: maxWindow}.NewReader(bytes.NewReader(src))
	if err != nil {
		return nil, err
	}
	return appendAll(room(src, limit), r, limit)
}
