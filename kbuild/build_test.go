// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/testkit"
)

// buildID is a note with a build ID of 20 bytes id.
func buildID(big bool, id byte) []byte {
	o := byteOrder(big)
	b := o.AppendUint32(o.AppendUint32(o.AppendUint32(nil, 4), 20), noteBuildID)
	return append(append(b, noteGNU...), bytes.Repeat([]byte{id}, 20)...)
}

// blob is a base with one type of a name.
func blob(big bool, name string) []byte {
	types := make([]byte, btf.RecordSize(btf.KindInt, 0))
	btf.PutRecord(types, big, 1, btf.KindInt, false, 0, 4)
	btf.PutU32(types[12:], big, 32)
	return btf.Assemble(big, types, nil, []byte("\x00"+name+"\x00"))
}

// vmlinux is an ELF file with BTF of a name, or without any if the name is "".
func vmlinux(name string) []byte { return vmlinuxFor(elf.EM_X86_64, false, name) }

func vmlinuxFor(machine elf.Machine, big bool, name string) []byte {
	e := testkit.ELF{Type: elf.ET_EXEC, Machine: machine, Big: big, Sections: []testkit.Section{
		{Name: ".notes", Type: elf.SHT_NOTE, Data: buildID(big, 0xaa), Align: 4},
		{Name: ".rodata", Data: []byte("Linux version %s\x00Linux version 6.12.1-test (me@here)\x00"), Align: 1},
	}}
	if name != "" {
		e.Sections = append(e.Sections, testkit.Section{Name: ".BTF", Data: blob(big, name), Align: 4})
	}
	return e.Assemble().Data
}

// module returns what a module of a vermagic tells.
func module(t *testing.T, vermagic string) *ModuleInfo {
	t.Helper()
	return moduleFor(t, elf.EM_X86_64, false, vermagic)
}

func moduleFor(t *testing.T, machine elf.Machine, big bool, vermagic string) *ModuleInfo {
	t.Helper()
	e := testkit.ELF{Machine: machine, Big: big, Sections: []testkit.Section{
		{Name: ".modinfo", Data: []byte("license=GPL\x00name=foo\x00vermagic=" + vermagic + "\x00")},
		{Name: ".gnu.linkonce.this_module", Data: make([]byte, 64)},
	}}
	m, err := ReadModuleInfo(open(t, e.Assemble().Data))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func open(t *testing.T, b []byte) *elfview.File {
	t.Helper()
	f, err := elfview.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// tree writes files, by path from a new folder, and returns the folder.
func tree(t *testing.T, files map[string][]byte) string {
	t.Helper()
	root := t.TempDir()
	for path, b := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// packers compress as kernel builds do, by the name of the format. What
// compresses with bzip2 is not at hand.
var packers = map[string]func(t testing.TB, b []byte) []byte{
	"gzip": func(t testing.TB, b []byte) []byte {
		var buf bytes.Buffer
		w := gzip.NewWriter(&buf)
		write(t, w, b)
		return buf.Bytes()
	},
	"lzma": func(t testing.TB, b []byte) []byte {
		var buf bytes.Buffer
		w, err := lzma.WriterConfig{DictCap: 1 << 16, EOSMarker: true}.NewWriter(&buf)
		if err != nil {
			t.Fatal(err)
		}
		write(t, w, b)
		return buf.Bytes()
	},
	"xz": func(t testing.TB, b []byte) []byte {
		var buf bytes.Buffer
		w, err := xz.WriterConfig{DictCap: 1 << 16, CheckSum: xz.CRC32}.NewWriter(&buf)
		if err != nil {
			t.Fatal(err)
		}
		write(t, w, b)
		return buf.Bytes()
	},
	"lzo": func(t testing.TB, b []byte) []byte { // stored blocks of 7 bytes, so that nothing shows in whole
		out := append([]byte("\x89LZO\x00\r\n\x1a\n\x10\x40\x20\xa0\x09\x40\x01\x01"), make([]byte, 21)...)
		for piece := range slices.Chunk(b, 7) {
			out = binary.BigEndian.AppendUint32(out, uint32(len(piece)))
			out = append(binary.BigEndian.AppendUint32(out, uint32(len(piece))), piece...)
		}
		return append(out, 0, 0, 0, 0)
	},
	"lz4": func(t testing.TB, b []byte) []byte {
		block := make([]byte, lz4.CompressBlockBound(len(b)))
		n, err := lz4.CompressBlock(b, block, nil)
		if err != nil || n == 0 {
			t.Fatalf("lz4: %d bytes, %v", n, err)
		}
		return append(binary.LittleEndian.AppendUint32([]byte("\x02\x21\x4c\x18"), uint32(n)), block[:n]...)
	},
	"zstd": func(t testing.TB, b []byte) []byte {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		return w.EncodeAll(b, nil)
	},
}

func write(t testing.TB, w interface {
	Write([]byte) (int, error)
	Close() error
}, b []byte) {
	t.Helper()
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// bzImage wraps a kernel for x86.
func bzImage(t testing.TB, method string, kernel []byte) []byte {
	b := make([]byte, 5*512+100)
	le := binary.LittleEndian
	b[0x1f1] = 4
	le.PutUint16(b[0x1fe:], 0xaa55)
	copy(b[0x202:], "HdrS")
	le.PutUint16(b[0x206:], 0x020f)
	data := packers[method](t, kernel)
	if method != "gzip" {
		data = le.AppendUint32(data, uint32(len(kernel)))
	}
	le.PutUint32(b[0x248:], 100)
	le.PutUint32(b[0x24c:], uint32(len(data)))
	return append(append(b, data...), "code behind the payload"...)
}

// zboot wraps a kernel for EFI.
func zboot(t testing.TB, method string, kernel []byte) []byte {
	b := make([]byte, 512)
	le := binary.LittleEndian
	copy(b, "MZ\x00\x00zimg")
	data := packers[method](t, kernel)
	le.PutUint32(b[8:], 512)
	le.PutUint32(b[12:], uint32(len(data)))
	copy(b[24:], map[string]string{"xz": "xzkern", "zstd": "zstd22"}[method]+"\x00")
	if b[24] == 0 {
		copy(b[24:], method+"\x00")
	}
	b = append(b, data...)
	if method != "gzip" {
		b = le.AppendUint32(b, uint32(len(kernel)))
	}
	return append(b, "more sections"...)
}

// flat is a kernel without sections: an arm64 Image, or an s390 one.
func flat(big bool, name string) []byte {
	b := append(make([]byte, 56), "ARM\x64"...)
	b = append(b, strings.Repeat("code ", 3000)...)
	b = append(b, buildID(big, 0xbb)...)
	// What looks like BTF, but is none or belongs to others.
	b = append(b, "\x9f\xeb\x01\x00 code \xeb\x9f\x01\x00"...)
	b = append(b, "Linux version 6.12.1-test (me@here) #1"...)
	if name != "" {
		b = append(b, blob(big, "m")...) // smaller
		b = append(b, blob(big, name)...)
	}
	damaged := blob(big, "larger than the right one")
	damaged[len(damaged)-1] = 'x'
	return append(append(b, damaged...), "the end"...)
}
