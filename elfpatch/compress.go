// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Packing is how a whole file is compressed.
type Packing uint8

// The formats that kernels load modules in (scripts/Makefile.modinst; kernel/module/decompress.c).
const (
	Unpacked Packing = iota
	Gzip
	Xz
	Zstd
)

var packings = [...]struct{ name, magic string }{
	Unpacked: {"unpacked", ""},
	Gzip:     {"gzip", "\x1f\x8b\x08"},
	Xz:       {"xz", xzMagic},
	Zstd:     {"zstd", "\x28\xb5\x2f\xfd"},
}

func (p Packing) String() string { return packings[p].name }

// packingOf tells the format by the first bytes.
func packingOf(head []byte) Packing {
	for p := Gzip; p <= Zstd; p++ {
		if strings.HasPrefix(string(head), packings[p].magic) {
			return p
		}
	}
	return Unpacked
}

const (
	// maxPacked bounds the files that are unpacked, in bytes. The largest module of Debian's 7.2
	// with debug data, amdgpu, has 800 MB before it is packed.
	maxPacked = 1 << 30

	// maxRatio is the highest expansion believed of what unpacks to more than smallSize bytes,
	// and maxUnpacked the most of all. Modules with debug data expand 3 to 6 times.
	maxRatio    = 256
	smallSize   = 16 << 20
	maxUnpacked = 4 << 30

	// maxWindow bounds the memory for past output; 128 MiB is what zstd reads without being told to.
	maxWindow = 128 << 20
)

// unpackLimit returns the most bytes that n packed ones may become.
func unpackLimit(n int) int {
	return int(min(max(smallSize, uint64(n)*maxRatio), maxUnpacked, math.MaxInt/2))
}

// unpack returns what a packed file holds. Memory grows with what comes out.
func unpack(p Packing, b []byte) ([]byte, error) {
	limit := unpackLimit(len(b))
	out, err := unpackAs(p, b, limit)
	if err != nil {
		return nil, fmt.Errorf("bad %v data: %w", p, err)
	}
	return out, nil
}

func unpackAs(p Packing, b []byte, limit int) ([]byte, error) {
	switch p {
	case Gzip:
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		return readUpTo(z, 4*len(b), limit)
	case Xz:
		size, err := scanXz(b, limit)
		if err != nil {
			return nil, err
		}
		z, err := xz.ReaderConfig{DictCap: xzDict, SingleStream: true}.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		return readUpTo(z, size, limit)
	case Zstd:
		z, err := zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		return readUpTo(z, 4*len(b), limit)
	}
	return b, nil
}

// readUpTo reads all of r, at most limit bytes. guess is how much will come.
func readUpTo(r io.Reader, guess, limit int) ([]byte, error) {
	out := make([]byte, 0, min(guess, limit)+1)
	for {
		if len(out) == cap(out) {
			grown := make([]byte, len(out), min(2*cap(out), limit+1))
			copy(grown, out)
			out = grown
		}
		n, err := r.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch {
		case len(out) > limit:
			return nil, fmt.Errorf("more than %d bytes come out of it", limit)
		case err == io.EOF:
			return out, nil
		case err != nil:
			return nil, err
		}
	}
}

// zstdWindow is the window in bytes that a kernel must find memory for to load the module: that of
// zstd's own default level.
const zstdWindow = 2 << 20

// pack compresses as the kernel build does, within what kernels and module tools unpack: one
// member, stream or frame, no name, no time. The same bytes give the same bytes.
//
//	gzip -n          level 6
//	xz --check=crc32 --lzma2=dict=1MiB
//	zstd             level 3, window 2 MiB
func pack(p Packing, src *Plan) ([]byte, error) {
	var b bytes.Buffer
	switch p {
	case Gzip:
		z, err := gzip.NewWriterLevel(&b, 6)
		if err != nil {
			return nil, err
		}
		return packTo(z, &b, src)
	case Xz:
		z, err := xz.WriterConfig{DictCap: xzDict, CheckSum: xz.CRC32}.NewWriter(&b)
		if err != nil {
			return nil, err
		}
		return packTo(z, &b, src)
	case Zstd:
		z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		image, err := src.Bytes()
		if err != nil {
			return nil, err
		}
		return z.EncodeAll(image, nil), nil
	}
	return src.Bytes()
}

// packTo writes src through z, which writes to b, and returns what is in b.
func packTo(z io.WriteCloser, b *bytes.Buffer, src *Plan) ([]byte, error) {
	if _, err := src.WriteTo(z); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
