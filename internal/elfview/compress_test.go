// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfview

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/btfgen/btfgen/internal/testkit"
)

func zlibOf(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstdOf(t testing.TB, data []byte, opts ...zstd.EOption) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil, append(opts, zstd.WithEncoderConcurrency(1))...)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

// zstdStreamOf compresses without telling the encoder the size beforehand.
func zstdStreamOf(t testing.TB, data []byte, opts ...zstd.EOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, append(opts, zstd.WithEncoderConcurrency(1))...)
	if err != nil {
		t.Fatal(err)
	}
	for len(data) > 0 {
		n := min(len(data), 1000)
		if _, err := w.Write(data[:n]); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		data = data[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// chdr returns a compression header and the data after it.
func chdr(class elf.Class, big bool, typ elf.CompressionType, size uint64, data []byte) []byte {
	var order binary.AppendByteOrder = binary.LittleEndian
	if big {
		order = binary.BigEndian
	}
	b := order.AppendUint32(nil, uint32(typ))
	if class == elf.ELFCLASS64 {
		b = order.AppendUint32(b, 0)
		b = order.AppendUint64(b, size)
		b = order.AppendUint64(b, 1)
	} else {
		b = order.AppendUint32(b, uint32(size))
		b = order.AppendUint32(b, 1)
	}
	return append(b, data...)
}

// zdebug returns the contents of a ".zdebug_*" section.
func zdebug(size uint64, data []byte) []byte {
	return append(binary.BigEndian.AppendUint64([]byte("ZLIB"), size), data...)
}

func compressible(n int) []byte {
	b := make([]byte, 0, n+16)
	for i := 0; len(b) < n; i++ {
		b = fmt.Appendf(b, "type%d;", i*i%977)
	}
	return b[:n]
}

func TestDecompress(t *testing.T) {
	big100k := compressible(100_000)
	half := len(big100k) / 2
	frames := append(zstdOf(t, big100k[:half]), zstdOf(t, big100k[half:])...)
	zeros := make([]byte, 1<<20) // far more than startRatio times the compressed size
	eachFormat(t, func(t *testing.T, class elf.Class, big bool) {
		tests := []struct {
			name string
			typ  elf.CompressionType // zero: legacy form
			data []byte
			want []byte
		}{
			{"zlib", elf.COMPRESS_ZLIB, zlibOf(t, big100k), big100k},
			{"zlib grows", elf.COMPRESS_ZLIB, zlibOf(t, zeros), zeros},
			{"zlib empty", elf.COMPRESS_ZLIB, zlibOf(t, nil), nil},
			{"zlib padded", elf.COMPRESS_ZLIB, append(zlibOf(t, big100k), 0, 0, 0), big100k},
			{"zstd", elf.COMPRESS_ZSTD, zstdOf(t, big100k), big100k},
			{"zstd grows", elf.COMPRESS_ZSTD, zstdOf(t, zeros), zeros},
			{"zstd empty", elf.COMPRESS_ZSTD, zstdOf(t, nil), nil},
			{"zstd of unknown size", elf.COMPRESS_ZSTD, zstdStreamOf(t, big100k, zstd.WithWindowSize(maxWindow)), big100k},
			{"zstd frames", elf.COMPRESS_ZSTD, frames, big100k},
			{"legacy", 0, zlibOf(t, big100k), big100k},
		}
		for _, tt := range tests {
			s := testkit.Section{Name: ".debug_str", Flags: elf.SHF_COMPRESSED}
			if tt.typ == 0 {
				s = testkit.Section{Name: ".zdebug_str", Data: zdebug(uint64(len(tt.want)), tt.data)}
			} else {
				s.Data = chdr(class, big, tt.typ, uint64(len(tt.want)), tt.data)
			}
			f := open(t, (&testkit.ELF{Class: class, Big: big, Sections: []testkit.Section{s}}).Assemble().Data)
			sec := f.DebugSection(".debug_str")
			if sec == nil || !f.Compressed(sec) {
				t.Fatalf("%s: section %+v is not seen as compressed", tt.name, sec)
			}
			if n, err := f.Size(sec); n != uint64(len(tt.want)) || err != nil {
				t.Errorf("%s: size %d, %v", tt.name, n, err)
			}
			got, err := f.Data(sec)
			if err != nil || !bytes.Equal(got, tt.want) {
				t.Errorf("%s: %d bytes, %v; want %d bytes", tt.name, len(got), err, len(tt.want))
			}
			wantError(t, f.ReadAt(sec, make([]byte, 1), 3), sec.Name+"+0x3: is compressed, it cannot be read in pieces")
		}
	})
}

func TestMalformedCompression(t *testing.T) {
	data := compressible(10_000)
	packed := zlibOf(t, data)
	packedZstd := zstdOf(t, data)
	flip := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[at] ^= 0xff
		return b
	}
	c := func(typ elf.CompressionType, size uint64, data []byte) []byte {
		return chdr(elf.ELFCLASS64, false, typ, size, data)
	}
	const zl, zs = elf.COMPRESS_ZLIB, elf.COMPRESS_ZSTD
	tests := []struct {
		name   string
		legacy bool
		data   []byte
		err    string // after the section name
	}{
		{name: "unknown type", data: c(7, 5, packed), err: "+0x0: unknown compression type 7"},
		{name: "reserved type", data: c(0x6fffffff, 5, packed), err: "+0x0: unknown compression type 1879048191"},
		{name: "no header", data: make([]byte, 23), err: "+0x0: compressed, but its 23 bytes hold no compression header"},
		{name: "empty", err: "+0x0: compressed, but its 0 bytes hold no compression header"},
		{name: "zlib: less", data: c(zl, 10_001, packed), err: "+0x18: 10000 bytes come out of the compressed data, its header says 10001"},
		{name: "zlib: more", data: c(zl, 9_999, packed), err: "+0x18: more than 9999 bytes come out of the compressed data"},
		{name: "zlib: more than none", data: c(zl, 0, packed), err: "+0x18: more than 0 bytes come out of the compressed data"},
		{name: "zlib: cut", data: c(zl, 10_000, packed[:len(packed)/2]), err: "+0x18: bad zlib data: unexpected EOF"},
		{name: "zlib: checksum", data: c(zl, 10_000, flip(packed, len(packed)-1)), err: "+0x18: bad zlib data: zlib: invalid checksum"},
		{name: "zlib: header", data: c(zl, 10_000, flip(packed, 0)), err: "+0x18: bad zlib data: zlib: invalid header"},
		{name: "zlib: no data", data: c(zl, 0, nil), err: "+0x18: bad zlib data: unexpected EOF"},
		{name: "zstd: less", data: c(zs, 10_001, packedZstd), err: "+0x18: 10000 bytes come out of the compressed data, its header says 10001"},
		{name: "zstd: more", data: c(zs, 9_999, packedZstd), err: "+0x18: more than 9999 bytes come out of the compressed data"},
		{name: "zstd: cut", data: c(zs, 10_000, packedZstd[:len(packedZstd)/2]), err: "+0x18: bad zstd data: unexpected EOF"},
		{name: "zstd: magic", data: c(zs, 10_000, packed), err: "+0x18: bad zstd data: invalid input: magic number mismatch"},
		{name: "too large", data: c(zl, maxWhole+1, packed),
			err: fmt.Sprintf("+0x8: 8589934593 bytes cannot come out of %d compressed ones", 24+len(packed))},
		{name: "all bits set", data: c(zs, 1<<64-1, packed),
			err: fmt.Sprintf("+0x8: 18446744073709551615 bytes cannot come out of %d compressed ones", 24+len(packed))},
		{name: "too large for its data", data: c(zs, 1<<30, packedZstd),
			err: fmt.Sprintf("+0x8: 1073741824 bytes cannot come out of %d compressed ones", 24+len(packedZstd))},
		{name: "legacy: no magic", legacy: true, data: make([]byte, 12), err: `+0x0: starts with the bytes 00 00 00 00, want "ZLIB"`},
		{name: "legacy: no header", legacy: true, data: make([]byte, 11), err: "+0x0: compressed, but its 11 bytes hold no compression header"},
		{name: "legacy: too large", legacy: true, data: zdebug(1<<63, packed),
			err: fmt.Sprintf("+0x4: 9223372036854775808 bytes cannot come out of %d compressed ones", 12+len(packed))},
		{name: "legacy: less", legacy: true, data: zdebug(10_001, packed), err: "+0xc: 10000 bytes come out of the compressed data, its header says 10001"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := testkit.Section{Name: ".debug_info", Flags: elf.SHF_COMPRESSED, Data: tt.data}
			if tt.legacy {
				s.Name, s.Flags = ".zdebug_info", 0
			}
			f := open(t, (&testkit.ELF{Sections: []testkit.Section{s}}).Assemble().Data)
			b, err := f.Data(&f.Sections[1])
			wantError(t, err, s.Name+tt.err)
			if b != nil {
				t.Error("data beside an error")
			}
			// What the header alone shows must also be seen by Size.
			if _, err := f.Size(&f.Sections[1]); err != nil {
				wantError(t, err, s.Name+tt.err)
			} else if !strings.HasPrefix(tt.err, "+0x18") && !strings.HasPrefix(tt.err, "+0xc") {
				t.Error("Size finds no error")
			}
		})
	}
	f := open(t, (&testkit.ELF{Sections: []testkit.Section{
		{Name: ".debug_info", Type: elf.SHT_NOBITS, Flags: elf.SHF_COMPRESSED, MemSize: 100},
	}}).Assemble().Data)
	_, err := f.Data(&f.Sections[1])
	wantError(t, err, ".debug_info+0x0: SHT_NOBITS has no contents in the file")
}

// TestForgedSizes reads sections of a few bytes that promise as much as is
// believed at all, and bounds the memory that costs.
func TestForgedSizes(t *testing.T) {
	const size = smallSize
	window := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x70, 0x01, 0, 0} // window of 16 MiB, last block empty
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 1, 1, 0, 0}
	tests := []struct {
		name  string
		typ   elf.CompressionType
		data  []byte
		limit uint64 // bytes allocated
	}{
		{"zlib", elf.COMPRESS_ZLIB, zlibOf(t, []byte("few")), 1 << 20},
		{"zstd without size", elf.COMPRESS_ZSTD, window, 1 << 20},
		{"zstd with size", elf.COMPRESS_ZSTD, frame, size + 2<<20},
	}
	for _, tt := range tests {
		s := testkit.Section{Name: ".debug_info", Flags: elf.SHF_COMPRESSED, Data: chdr(elf.ELFCLASS64, false, tt.typ, size, tt.data)}
		f := open(t, (&testkit.ELF{Sections: []testkit.Section{s}}).Assemble().Data)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := f.Data(&f.Sections[1])
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: no error", tt.name)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > tt.limit {
			t.Errorf("%s: %d bytes allocated, want at most %d; %v", tt.name, n, tt.limit, err)
		}
	}
}
