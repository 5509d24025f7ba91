// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package unpack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"
)

// lzopFile wraps blocks into a file without checksums of contents.
func lzopFile(method byte, flags uint32, blocks ...byte) []byte {
	b := append([]byte(lzopMagic), 0x10, 0x40, 0x20, 0xa0, 0x09, 0x40, method, 9)
	b = binary.BigEndian.AppendUint32(b, flags)
	b = append(b, make([]byte, 12)...)
	b = append(b, 2, 'v', 'm', 0, 0, 0, 0)
	return append(b, blocks...)
}

// lzoBlock is a block of size bytes of contents.
func lzoBlock(size int, data ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(size))
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

const lzoEnd = "\x11\x00\x00"

func TestLzo1x(t *testing.T) {
	far := strings.Repeat("0123456789abcdef", 1500) // 24,000 bytes
	tests := []struct {
		name, in, want string
		err            string
	}{
		{"4 literals first", "\x15abcd" + lzoEnd, "abcd", ""},
		{"2 literals first", "\x13ab" + lzoEnd, "ab", ""},
		{"long literals", "\x00\x01" + strings.Repeat("x", 19) + lzoEnd, strings.Repeat("x", 19), ""},
		{"longer literals", "\x00\x00\x02" + strings.Repeat("x", 3+15+255+2) + lzoEnd, strings.Repeat("x", 275), ""},
		{"2 bytes after few literals", "\x14abc\x04\x00" + lzoEnd, "abcbc", ""},
		{"3 bytes from 2 KiB after many", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf8" + far[:2306] + "\x00\x00" + lzoEnd, far[:2306] + far[257:260], ""},
		{"3 and 4 bytes within 2 KiB", "\x15abcd\x4c\x00\x61\x00z" + lzoEnd, "abcdabcccccz", ""},
		{"8 bytes, overlapping", "\x13ab\xe4\x00" + lzoEnd, "ab" + "abababab", ""},
		{"literals behind a match", "\x15abcd\xee\x00xy" + lzoEnd, "abcdabcdabcdxy", ""},
		{"within 16 KiB", "\x15abcd\x21\x0c\x00" + lzoEnd, "abcdabc", ""},
		{"within 16 KiB, long", "\x12a\x20\x05\x00\x00" + lzoEnd, "a" + strings.Repeat("a", 2+31+5), ""},
		{"state after 3 literals is few", "\x14abc\x06\x00xy\x04\x00" + lzoEnd, "abcbcxyxy", ""},

		{"empty", "", "", "within an instruction"},
		{"no end", "\x15abcd", "abcd", "within an instruction"},
		{"distance beyond the start", "\x15abcd\x64\x01" + lzoEnd, "abcdabcd", "copies from 10 bytes back, there are 4"},
		{"match first", "\x11\x04\x00" + lzoEnd, "xxx", "copies from 16385 bytes back, there are 0"},
		{"literals past the data", "\x20abcd", "abcd", "15 literals, 4 bytes are left"},
		{"literals past the block", "\x15abcd" + lzoEnd, "abc", "4 literals, the block has room for 3"},
		{"match past the block", "\x15abcd\x6c\x00" + lzoEnd, "abcdab", "copies 4 bytes, the block has room for 2"},
		{"literals behind a match past the data", "\x15abcd\x6f\x00x", "abcdabcdxyz", "3 literals, 1 bytes are left"},
		{"block too short", "\x15abcd" + lzoEnd, "abcde", "unpacks to 4 bytes, not 5"},
		{"data behind the end", "\x15abcd" + lzoEnd + "x", "abcd", "1 bytes of data follow"},
		{"length without end", "\x15abcd\x20" + strings.Repeat("\x00", 50), "abcd", "within an instruction"},
	}
	for _, test := range tests {
		dst := make([]byte, len(test.want))
		err := lzo1x(dst, []byte(test.in), 0x100)
		switch {
		case test.err == "" && (err != nil || string(dst) != test.want):
			t.Errorf("%s: %.40q, error %v; want %.40q", test.name, dst, err, test.want)
		case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
			t.Errorf("%s: error %v, want %q", test.name, err, test.err)
		}
		var fe *FormatError
		if err != nil && (!errors.As(err, &fe) || fe.Off < 0x100 || fe.Off > 0x100+len(test.in)) {
			t.Errorf("%s: %#v does not lie in the block", test.name, err)
		}
	}
}

// Distances above 16 KiB have an instruction of their own, with one more bit.
func TestLzo1xFar(t *testing.T) {
	far := make([]byte, 40000)
	for i := range far {
		far[i] = byte(i * 7 >> 3)
	}
	var in []byte
	n := len(far) - 3 - 15
	in = append(in, 0)
	in = append(in, make([]byte, (n-1)/255)...)
	in = append(in, byte((n-1)%255+1))
	in = append(in, far...)
	for _, distance := range []int{16385, 20000, 32767, 32768, 39990} {
		// 6 bytes: 0001HLLL with L = 4
		d := distance - 16384
		word := d & 0x3fff << 2
		data := append(bytes.Clone(in), byte(0x10|d>>14<<3|4), byte(word), byte(word>>8))
		data = append(data, lzoEnd...)
		dst := make([]byte, len(far)+6)
		if err := lzo1x(dst, data, 0); err != nil {
			t.Fatalf("distance %d: %v", distance, err)
		}
		if from := len(far) - distance; !bytes.Equal(dst[len(far):], far[from:from+6]) {
			t.Errorf("distance %d: % x, want % x", distance, dst[len(far):], far[from:from+6])
		}
	}
}

func TestLzopErrors(t *testing.T) {
	abcd := lzoBlock(6, append([]byte("\x15abcd\x04"), "\x00"+lzoEnd...)...) // data longer than contents
	tests := []struct {
		name string
		in   []byte
		err  string
	}{
		{"method", lzopFile(0x80, 0), "lzo+0xf: unknown method 128"},
		{"filter", lzopFile(3, lzopFilter), "lzo+0x11: flags are 0x800: extra fields and filters are not supported"},
		{"no block", lzopFile(3, 0), "lzo+0x28: cut off at a block header"},
		{"half a header", lzopFile(3, 0, 0, 0, 0, 9, 0, 0), "lzo+0x28: cut off in a block header"},
		{"huge", lzopFile(3, 0, lzoBlock(lzopMaxBlock+1, 1, 2)...), "lzo+0x28: block of 67108865 bytes, at most 67108864 are allowed"},
		{"more data than contents", lzopFile(3, 0, abcd...), "lzo+0x2c: 10 bytes of data for a block of 6"},
		{"no data", lzopFile(3, 0, lzoBlock(6)...), "lzo+0x2c: 0 bytes of data for a block of 6"},
		{"cut", lzopFile(3, 0, lzoBlock(600, make([]byte, 20)...)[:20]...), "lzo+0x2c: 20 bytes of data, the stream ends at 0x3c"},
		{"too good", lzopFile(3, 0, lzoBlock(5000, 1, 2, 3)...), "lzo+0x28: 5000 bytes cannot come out of 3"},
	}
	for _, test := range tests {
		if _, err := Detect(test.in).Unpack(test.in, 1<<30); err == nil || err.Error() != test.err {
			t.Errorf("%s: error %v, want %s", test.name, err, test.err)
		}
	}
	// Stored blocks, of which only the contents have a checksum.
	crc := crc32.ChecksumIEEE([]byte("stored"))
	for _, sum := range []uint32{crc, crc + 1} {
		block := lzoBlock(6)
		binary.BigEndian.PutUint32(block[4:], 6)
		block = append(binary.BigEndian.AppendUint32(block, sum), "stored\x00\x00\x00\x00"...)
		out, err := Detect(lzopFile(1, lzopCrcD|lzopCrcC)).Unpack(lzopFile(1, lzopCrcD|lzopCrcC, block...), 100)
		if good := sum == crc; good != (err == nil) || good && string(out) != "stored" {
			t.Errorf("checksum %#x, right is %#x: %q, %v", sum, crc, out, err)
		}
	}
}

// xzHead replaces the header of the first block of a file, with its checksum.
func xzHead(file []byte, header string) []byte {
	b := append([]byte{byte(len(header)/4 + 1)}, header...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	b[0] = byte(len(b) / 4)
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	old := (int(file[xzHeader]) + 1) * 4
	return append(append(bytes.Clone(file[:xzHeader]), b...), file[xzHeader+old:]...)
}

func TestXzErrors(t *testing.T) {
	file := vectors(t)["sample.x86.xz"]
	patched := func(off int, v byte) []byte {
		b := bytes.Clone(file)
		b[off] = v
		return b
	}
	tests := []struct {
		name string
		in   []byte
		err  string
	}{
		{"header only", file[:xzHeader], "xz+0xc: cut off before a block"},
		{"header cut", file[:xzHeader+5], "xz+0xc: cut off in a block header of 12 bytes"},
		{"header checksum", patched(xzHeader+2, 9), "xz+0xc: CRC-32 of the block header is "},
		{"reserved flags", xzHead(file, "\x04\x21\x01\x10"), "xz+0xd: block flags are 0x4, reserved bits are set"},
		{"no LZMA2", xzHead(file, "\x00\x04\x00"), "xz+0xc: filter 0x4: chains other than branch filters and LZMA2 are not supported"},
		{"LZMA2 first", xzHead(file, "\x01\x21\x01\x10\x04\x00"), "xz+0xc: filter 0x21: chains other than"},
		{"delta", xzHead(file, "\x01\x03\x01\x00\x21\x01\x10"), "xz+0xc: filter 0x3 is not supported"},
		{"riscv", xzHead(file, "\x01\x0b\x00\x21\x01\x10"), "xz+0xc: filter 0xb is not supported"},
		{"start of 2 bytes", xzHead(file, "\x01\x04\x02\x00\x00\x21\x01\x10"), "xz+0xc: properties 00 00 of filter 0x4"},
		{"window", xzHead(file, "\x00\x21\x01\x1f"), "xz+0xc: window of 201326592 bytes, at most 134217728 are allowed"},
		{"window byte", xzHead(file, "\x00\x21\x01\x29"), "xz+0xc: LZMA2 properties 29"},
		{"properties past the header", xzHead(file, "\x00\x21\x70\x10"), "xz+0xc: fields exceed the block header of 12 bytes"},
		{"number past the header", xzHead(file, "\x40\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "xz+0xc: fields exceed the block header"},
		{"data size", xzHead(file, "\x41\x05\x04\x00\x21\x01\x10"), "bytes of data, not 5"},
		{"contents size", xzHead(file, "\x81\x05\x04\x00\x21\x01\x10"), "bytes, not 5"},
		{"filter left out", xzHead(file, "\x00\x21\x01\x10"), "check of the block is "},
	}
	for _, test := range tests {
		_, err := Detect(test.in).Unpack(test.in, 1<<20)
		if err == nil || !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.err)
		}
	}
}

func TestZstdErrors(t *testing.T) {
	file := vectors(t)["sample.zst"]
	reserved := bytes.Clone(file[:16])
	reserved = append(reserved[:4], 0x20, 5, 7, 0, 0, 0, 0, 0) // one segment of 5 bytes, block type 3
	tests := []struct {
		name string
		in   []byte
		err  string
	}{
		{"block type", reserved, "zstd+0x6: reserved block type 3"},
		{"cut", file[:len(file)-5], "bytes, 1283 are left"},
		{"contents size", append([]byte(zstdMagic+"\xe0"), "\x00\x00\x00\x00\x00\x01\x00\x00\x01\x00\x00"...), ErrLimit.Error()},
	}
	for _, test := range tests {
		if _, err := Detect(test.in).Unpack(test.in, 1<<20); err == nil || !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.err)
		}
	}
}

// The last block of lz4's legacy frame may be full: what follows decides.
func TestLz4FullBlock(t *testing.T) {
	// 8 MiB of zeros: a literal, a match at distance 1 with the rest of the length,
	// 5 literals.
	rest := lz4Block - 1 - 4 - 15 - 5
	block := []byte{0x1f, 0, 1, 0}
	block = append(block, bytes.Repeat([]byte{255}, rest/255)...)
	block = append(block, byte(rest%255), 0x50, 0, 0, 0, 0, 0)
	frame := binary.LittleEndian.AppendUint32([]byte(lz4Magic), uint32(len(block)))
	frame = append(frame, block...)
	second := append(binary.LittleEndian.AppendUint32(bytes.Clone(frame), 4), "\x30abc"...)
	tests := []struct {
		name string
		in   []byte
		want int
		err  string
	}{
		{"end", frame, lz4Block, ""},
		{"size appended", append(bytes.Clone(frame), 0, 0, 0x80, 0), lz4Block, ""},
		{"zeros", append(bytes.Clone(frame), 0, 0, 0, 0, 0), lz4Block, ""},
		{"text", append(bytes.Clone(frame), "text"...), lz4Block, ""},
		{"another block", second, lz4Block + 3, ""},
		{"another block, cut", second[:len(second)-1], lz4Block, "block of 4 bytes, 3 are left"},
		{"damaged", append(bytes.Clone(frame[:12]), make([]byte, len(block))...), 0, "damaged block"},
	}
	for _, test := range tests {
		out, err := Detect(test.in).Unpack(test.in, 1<<24)
		if len(out) != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %d bytes, error %v; want %d, %q", test.name, len(out), err, test.want, test.err)
		}
	}
}

// What a filter changes, by hand: the branch's target minus its own place.
func TestBranchFilters(t *testing.T) {
	tests := []struct {
		name     string
		id       uint64
		pos      uint32
		in, want string
	}{
		{"call", 0x04, 0x1000, "\xe8\x05\x20\x00\x00\x90", "\xe8\x00\x10\x00\x00\x90"},
		{"call backward", 0x04, 0x1000, "\xe8\x00\x00\x00\x00\x90", "\xe8\xfb\xef\xff\xff\x90"},
		{"call out of range", 0x04, 0x1000, "\xe8\x05\x20\x00\x12\x90", "\xe8\x05\x20\x00\x12\x90"},
		{"call at the end", 0x04, 0x1000, "\xe8\x05\x20\x00", "\xe8\x05\x20\x00"},
		{"bl", 0x05, 0x100, "\x48\x00\x04\x01", "\x48\x00\x03\x01"},
		{"b is not bl", 0x05, 0x100, "\x48\x00\x04\x00", "\x48\x00\x04\x00"},
		{"BL of ARM", 0x07, 0x100, "\x42\x00\x00\xeb", "\x00\x00\x00\xeb"},
		{"BL of ARM, conditional", 0x07, 0x100, "\x42\x00\x00\x0b", "\x42\x00\x00\x0b"},
		{"BL of Thumb", 0x08, 0x100, "\x00\xf0\x82\xf8", "\x00\xf0\x00\xf8"},
		{"BL of ARM64", 0x0a, 0x100, "\x41\x00\x00\x94", "\x01\x00\x00\x94"},
		{"ADRP", 0x0a, 0x3000, "\x01\x00\x00\x90", "\xe1\xff\xff\xb0"},
		{"ADRP, far", 0x0a, 0x3000, "\x01\x00\x40\x90", "\x01\x00\x40\x90"},
	}
	for _, test := range tests {
		b := []byte(test.in)
		branchFilters[test.id](b, test.pos)
		if string(b) != test.want {
			t.Errorf("%s: % x, want % x", test.name, b, test.want)
		}
		for n := range test.in { // a piece of a branch is none, and no place to write behind
			branchFilters[test.id]([]byte(test.in)[:n:n], test.pos)
		}
	}
}
