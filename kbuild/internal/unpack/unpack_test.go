// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package unpack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// sample returns the contents of the files in testdata: bytes that look like
// branches to each filter of xz, closely packed, then zeros, then pieces of both
// from near and far, of all lengths.
func sample() []byte {
	state := uint32(12345)
	next := func(n int) int {
		state = state*1664525 + 1013904223
		return int(state>>8) % n
	}
	opcodes := []string{
		"\xe8", "\xe9", "\x00", "\xff", "\xe8\x00\xe9", // x86
		"\x48\x01\x23\x01", "\x4b\xff\xff\xfd", // powerpc: bl
		"\x10\x20\x30\xeb", "\xf0\xff\xff\xeb", // arm: BL
		"\x12\xf0\x34\xf8", "\xff\xf7\xfe\xff", // thumb: BL
		"\x11\x22\x00\x94", "\xff\xff\xff\x97", "\x03\x00\x00\xb0", "\x04\xff\xff\xf0", // arm64: bl, adrp
	}
	var b []byte
	for len(b) < 3000 {
		if next(4) == 0 {
			b = append(b, byte(next(256)))
		} else {
			b = append(b, opcodes[next(len(opcodes))]...)
		}
		for next(3) != 0 && len(b)%4 != 0 {
			b = append(b, 0)
		}
	}
	b = append(b, make([]byte, 20000)...)
	for len(b) < 70000 {
		n := 1 + next(8)
		if next(4) == 0 {
			n = 1 + next(3000)
		}
		from := next(len(b) - n)
		b = append(b, b[from:from+n]...)
		if next(40) == 0 {
			b = append(b, byte(next(256)))
		}
	}
	return b
}

// TestWriteSample writes the sample for the commands in testdata/README.md.
func TestWriteSample(t *testing.T) {
	path := os.Getenv("BTFGEN_UNPACK_SAMPLE")
	if path == "" {
		t.Skip("BTFGEN_UNPACK_SAMPLE names no file to write")
	}
	if err := os.WriteFile(path, sample(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// vectors returns the files of testdata by name.
func vectors(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/sample.*")
	if err != nil || len(paths) < 15 {
		t.Fatalf("testdata: %d files, %v", len(paths), err)
	}
	files := map[string][]byte{}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(p)] = b
	}
	return files
}

// formatOf returns the format that the name of a file in testdata tells.
func formatOf(name string) string {
	ext := filepath.Ext(name)
	return map[string]string{".gz": "gzip", ".bz2": "bzip2", ".lzma": "lzma", ".xz": "xz", ".lzo": "lzo", ".lz4": "lz4", ".zst": "zstd"}[ext]
}

func TestUnpack(t *testing.T) {
	want := sample()
	for name, b := range vectors(t) {
		for _, tail := range []string{"", "\x70\x11\x01\x00", "\x00\x00\x00\x00 and more that does not belong"} {
			src := append(bytes.Clone(b), tail...)
			f := Detect(src)
			if f == nil || f.Name != formatOf(name) {
				t.Fatalf("%s: detected as %v", name, f)
			}
			got, err := f.Unpack(src, len(want))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s with %d bytes behind: %d bytes, equal: %v, error %v", name, len(tail), len(got), bytes.Equal(got, want), err)
			}
		}
	}
}

func TestUnpackLimit(t *testing.T) {
	want := sample()
	for name, b := range vectors(t) {
		for _, limit := range []int{0, 1, 4096, 65536, len(want) - 1} {
			got, err := Detect(b).Unpack(b, limit)
			if !errors.Is(err, ErrLimit) {
				t.Errorf("%s, limit %d: error %v", name, limit, err)
			}
			if len(got) > limit || !bytes.HasPrefix(want, got) && formatOf(name) != "xz" { // xz: not filtered yet
				t.Errorf("%s, limit %d: %d bytes", name, limit, len(got))
			}
		}
	}
}

// Every cut is an error, and what came out before it is a part of the contents.
func TestUnpackCut(t *testing.T) {
	want := sample()
	for name, b := range vectors(t) {
		for n := 0; n < len(b); n += 1 + n/20 {
			cut := b[:n]
			f := Detect(cut)
			if f == nil {
				if n > 40 {
					t.Errorf("%s: not detected by %d bytes", name, n)
				}
				continue
			}
			got, err := f.Unpack(cut, len(want))
			if err == nil && !bytes.Equal(got, want) {
				t.Errorf("%s cut to %d bytes: %d bytes without an error", name, n, len(got))
			}
			if len(got) > len(want) {
				t.Errorf("%s cut to %d bytes: %d bytes came out", name, n, len(got))
			}
		}
	}
}

// A flipped bit is found in those files that have checksums of their contents.
func TestUnpackDamaged(t *testing.T) {
	want := sample()
	unchecked := map[string]bool{"sample.lzma": true, "sample.lz4": true, "sample.1.zst": true,
		"sample.start.xz": true, "sample.nosum.lzo": true}
	for name, b := range vectors(t) {
		if unchecked[name] {
			continue
		}
		for at := 64; at < len(b)-16; at += 97 {
			bad := bytes.Clone(b)
			bad[at] ^= 0x10
			got, err := Detect(bad).Unpack(bad, len(want))
			if err == nil && !bytes.Equal(got, want) {
				t.Errorf("%s with byte %d changed: no error", name, at)
			}
		}
	}
}

func TestStreams(t *testing.T) {
	files := vectors(t)
	var image []byte
	type hit struct {
		off  int
		name string
	}
	var want []hit
	for _, name := range []string{"sample.gz", "sample.zst", "sample.arm64.xz", "sample.lz4", "sample.9.lzo", "sample.lzma", "sample.bz2"} {
		image = append(image, strings.Repeat("no stream ", len(want)*7)...)
		want = append(want, hit{len(image), formatOf(name)})
		image = append(image, files[name]...)
	}
	found := map[hit]bool{}
	last := -1
	for off, f := range Streams(image) {
		if off < last {
			t.Errorf("offset %#x after %#x", off, last)
		}
		last = off
		found[hit{off, f.Name}] = true
	}
	for _, h := range want {
		if !found[h] {
			t.Errorf("%s at %#x not found", h.name, h.off)
		}
	}
	for off, f := range Streams([]byte("\x1f\x8b\x08 BZh \x28\xb5\x2f\xfd")) {
		t.Errorf("%s at %#x of text", f.Name, off)
	}
}

func TestUnpackOther(t *testing.T) {
	for _, f := range formats {
		_, err := f.Unpack([]byte("no stream at all"), 1<<20)
		if want := f.Name + "+0x0: starts with the bytes 6e 6f 20 73 74 72 65 61"; err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// What a header promises is not allocated.
func TestUnpackMemory(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	lzma := append([]byte{0x5d}, le.AppendUint64(le.AppendUint32(nil, 64<<20), 1<<31)...)
	lzop := bytes.Clone(vectors(t)["sample.9.lzo"])
	at := lzopFixed + int(lzop[33]) + 4
	be.PutUint32(lzop[at:], lzopMaxBlock)
	zstd := le.AppendUint64([]byte(zstdMagic+"\xe0"), 1<<40)
	tests := map[string][]byte{
		"lzma": append(lzma, make([]byte, 32)...),
		"lzo":  lzop,
		"lz4":  append(le.AppendUint32([]byte(lz4Magic), 100), make([]byte, 100)...),
		"zstd": append(zstd, 1, 0, 0, 0, 0, 0),
	}
	for name, b := range tests {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f := Detect(b)
		if f == nil || f.Name != name {
			t.Fatalf("%s: detected as %v", name, f)
		}
		_, err := f.Unpack(b, 16<<20)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		// A window of lzma is taken at its word.
		if used := after.TotalAlloc - before.TotalAlloc; used > 24<<20 && name != "lzma" || used > maxWindow+24<<20 {
			t.Errorf("%s: %d bytes allocated", name, used)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	for _, b := range vectors(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 20
		format := Detect(b)
		if format == nil {
			return
		}
		// Not through Unpack, which hides panics.
		if out, err := format.decode(b, limit); len(out) > limit {
			t.Errorf("%s: %d bytes, error %v", format.Name, len(out), err)
		}
	})
}
