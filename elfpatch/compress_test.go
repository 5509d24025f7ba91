// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

// packed compresses bytes as this package does.
func packed(t *testing.T, p Packing, b []byte) []byte {
	t.Helper()
	out, err := pack(p, join(nil, []piece{{n: uint64(len(b)), data: b}}))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPack(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	long := make([]byte, 1200_000) // longer than the dictionary
	for i := range long {
		long[i] = "abcdefgh"[r.IntN(8)] + byte(i>>17)
	}
	for p := Gzip; p <= Zstd; p++ {
		for _, in := range [][]byte{nil, sample(le64).Assemble().Data, long} {
			b := packed(t, p, in)
			if got := packingOf(b); got != p {
				t.Errorf("%v is taken for %v", p, got)
			}
			if !bytes.Equal(b, packed(t, p, in)) {
				t.Errorf("%v: packed twice, %d bytes differ", p, len(in))
			}
			out, err := unpack(p, b)
			if err != nil || !bytes.Equal(out, in) {
				t.Errorf("%v: %d bytes for %d, %v", p, len(out), len(in), err)
			}
			for _, n := range []int{len(b) - 1, len(b) / 2, 7} {
				if _, err := unpack(p, b[:n]); err == nil && len(in) > 0 {
					t.Errorf("%v: %d of %d bytes are no error", p, n, len(b))
				}
			}
		}
	}
}

// TestPackProgram unpacks with the programs that others use, and unpacks what those make as
// the kernel build has it done.
func TestPackProgram(t *testing.T) {
	in := bytes.Repeat(sample(le64).Assemble().Data, 20)
	for p, args := range map[Packing][]string{
		Gzip: {"gzip", "-n"}, Xz: {"xz", "--check=crc32", "--lzma2=dict=1MiB"}, Zstd: {"zstd", "-q"},
	} {
		t.Run(p.String(), func(t *testing.T) {
			program := tool(t, args[0])
			path := put(t, packed(t, p, in))
			if out := run(t, program, "-dc", path); out != string(in) {
				t.Errorf("%d bytes, not %d", len(out), len(in))
			}
			path = put(t, in)
			out, err := unpack(p, []byte(run(t, program, append(args[1:], "-c", path)...)))
			if err != nil || !bytes.Equal(out, in) {
				t.Errorf("%d bytes, not %d: %v", len(out), len(in), err)
			}
			if p == Xz {
				list := run(t, program, "--robot", "-lvv", put(t, packed(t, p, in)))
				if !strings.Contains(list, "CRC32") || !strings.Contains(list, "--lzma2=dict=1MiB") {
					t.Errorf("packed as\n%s", list)
				}
			}
		})
	}
}

func TestPackedFile(t *testing.T) {
	b := sample(le64).Assemble().Data
	want := editOnce(t, b, Set(".BTF", btfData))
	for p := Gzip; p <= Zstd; p++ {
		in := packed(t, p, b)
		path := put(t, in)
		f, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, f.Size())
		if err := readFull(f, got, 0); err != nil || !bytes.Equal(got, b) || f.Packing() != p {
			t.Errorf("%v: unpacked as %v, %d bytes, not %d: %v", p, f.Packing(), len(got), len(b), err)
		}
		f.Close()
		if _, err := patch(path, Options{}, Set(".BTF", btfData)); !errors.Is(err, ErrPacked) {
			t.Errorf("%v: error %v, want %v", p, err, ErrPacked)
		}
		if changed, err := patch(path, Options{}, Remove(".BTF")); changed || err != nil {
			t.Errorf("%v: nothing to do: changed %v, error %v", p, changed, err)
		}
		if !bytes.Equal(readFile(t, path), in) {
			t.Errorf("%v: the file has changed", p)
		}
		if _, err := patch(path, Options{Recompress: true, WriteThrough: p == Xz}, Set(".BTF", btfData)); err != nil {
			t.Fatal(err)
		}
		if got := readFile(t, path); !bytes.Equal(got, packed(t, p, want)) {
			t.Errorf("%v: the file is not the packed result", p)
		}
		if changed, err := patch(path, Options{Recompress: true}, Set(".BTF", btfData)); changed || err != nil {
			t.Errorf("%v: again: changed %v, error %v", p, changed, err)
		}
		onlyFile(t, path)
	}
}

// TestUnpackLimit unpacks one byte too many.
func TestUnpackLimit(t *testing.T) {
	const limit = 300_000
	for p, want := range map[Packing]string{
		Gzip: "more than 300000 bytes come out of it",
		Xz:   "block at 0xc: more than 300000 bytes come out of it",
		Zstd: "more than 300000 bytes come out of it",
	} {
		b := packed(t, p, make([]byte, limit+1))
		if out, err := unpackAs(p, b, limit); err == nil || out != nil || err.Error() != want {
			t.Errorf("%v: %d bytes, error %v", p, len(out), err)
		}
		if out, err := unpackAs(p, b, limit+1); err != nil || len(out) != limit+1 {
			t.Errorf("%v: %d bytes, error %v", p, len(out), err)
		}
	}
	for n, want := range map[int]int{0: smallSize, 1 << 20: 256 << 20, maxPacked: int(min(uint64(maxUnpacked), math.MaxInt/2))} {
		if got := unpackLimit(n); got != want {
			t.Errorf("%d bytes may become %d, want %d", n, got, want)
		}
	}
}

// TestUnpackErrors has forged sizes, which must not be believed.
func TestUnpackErrors(t *testing.T) {
	header := func(fields ...byte) []byte { // of a block, with a sum
		b := append([]byte{2, 0}, fields...)
		b = append(b, make([]byte, 8-len(b))...)
		b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
		stream := packed(t, Xz, nil)[:xzHeader]
		return append(bytes.Clone(stream), b...)
	}
	small := packed(t, Xz, []byte("contents"))
	otherSum := bytes.Clone(small)
	otherSum[xzHeader+14]++
	var crc64 bytes.Buffer
	z, err := xz.NewWriter(&crc64)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write([]byte("contents")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		p    Packing
		in   []byte
		want string // "" for no error
	}{
		{"gzip: no header", Gzip, []byte(packings[Gzip].magic), "bad gzip data: "},
		{"xz: no header", Xz, []byte(xzMagic), "bad xz data: cut off"},
		{"zstd: no header", Zstd, []byte(packings[Zstd].magic), "bad zstd data: "},
		{"xz: CRC64", Xz, crc64.Bytes(), ""},
		{"xz: two streams", Xz, append(bytes.Clone(small), small...), "bad xz data: "},
		{"xz: corrupt", Xz, otherSum, "bad xz data: "},
		{"xz: dictionary of 4 GiB", Xz, header(xzLzma2, 1, 40), "dictionary of code 40"},
		{"xz: dictionary of 192 MiB", Xz, header(xzLzma2, 1, 31), "dictionary of code 31"},
		{"xz: branch filter", Xz, header(4, 0, xzLzma2, 1, 0), "other filters than LZMA2"},
		{"xz: two filters", Xz, append(header()[:xzHeader], 2, 1, xzLzma2, 1, 0, 0, 0, 0, 0, 0, 0, 0), "other filters than LZMA2"},
		{"xz: header cut off", Xz, header(xzLzma2, 1, 16)[:xzHeader+6], "cut off"},
		{"xz: bad chunk", Xz, append(header(xzLzma2, 1, 16), 3, 0, 0, 0, 0, 0), "unknown LZMA2 chunk 0x3"},
		{"xz: chunk cut off", Xz, append(header(xzLzma2, 1, 16), 1, 0xff, 0xff, 0, 0, 0), "cut off"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := unpack(tt.p, tt.in)
			if tt.want == "" {
				if err != nil || string(out) != "contents" {
					t.Errorf("%q, %v", out, err)
				}
				return
			}
			if err == nil || out != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%d bytes, error %v, want %q", len(out), err, tt.want)
			}
			if _, err := Open(put(t, tt.in), Options{}); err == nil {
				t.Error("the file can be opened")
			}
		})
	}
}
