// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/btfgen/btfgen/internal/testkit"
)

func TestKernelFromImage(t *testing.T) {
	le := binary.LittleEndian
	for method, pack := range packers {
		tests := []struct {
			name    string
			in      []byte
			form    string
			machine elf.Machine
		}{
			{"bzImage", bzImage(t, method, vmlinux("right")), "bzImage, " + method, elf.EM_X86_64},
			{"zboot", zboot(t, method, flat(false, "right")), "zboot, " + method, elf.EM_NONE},
			{"file", pack(t, vmlinuxFor(elf.EM_PPC64, false, "right")), "compressed file, " + method, elf.EM_PPC64},
			{"flat file", pack(t, flat(true, "right")), "compressed file, " + method, elf.EM_NONE},
			{"raw file", pack(t, blob(false, "right")), "compressed file, " + method, elf.EM_NONE},
			{"zImage", append(append([]byte(strings.Repeat("\x00\x00\xa0\xe1", 8)+"\x18\x28\x6f\x01 \x1f\x8b\x08 "),
				le.AppendUint32(pack(t, flat(false, "right")), 20000)...), "\x00\x00\x00\x00dtb"...), "image at 0x29, " + method, elf.EM_NONE},
		}
		for _, test := range tests {
			k, err := kernelFromImage(test.in)
			if err != nil {
				t.Errorf("%s, %s: %v", test.name, method, err)
				continue
			}
			if nameIn(k.btf) != "right" || k.form != test.form || k.machine != test.machine || k.release != "6.12.1-test" && test.name != "raw file" {
				t.Errorf("%s, %s: %s in %s for %v of %s", test.name, method, nameIn(k.btf), k.form, k.machine, k.release)
			}
			if want := test.name == "flat file"; k.big != want {
				t.Errorf("%s, %s: big-endian: %v", test.name, method, k.big)
			}
		}
	}
	k, err := kernelFromImage(flat(true, "right"))
	if err != nil || nameIn(k.btf) != "right" || !k.big || k.form != "uncompressed image" || k.release != "6.12.1-test" {
		t.Errorf("uncompressed: %+v, error %v", k, err)
	}
}

// A compressed kernel may be a section of an ELF file, which need not be for the machine of the kernel.
func TestReadBaseWrapper(t *testing.T) {
	e := testkit.ELF{Type: elf.ET_EXEC, Machine: elf.EM_PPC, Big: true, Sections: []testkit.Section{
		{Name: ".kernel:vmlinux.strip", Data: packers["gzip"](t, vmlinuxFor(elf.EM_PPC64, true, "right")), Align: 1}}}
	root := tree(t, map[string][]byte{"zImage": e.Assemble().Data})
	b, err := ReadBase(filepath.Join(root, "zImage"))
	if err != nil || nameIn(b) != "right" {
		t.Fatalf("%q, error %v", b, err)
	}
	base, err := FindBase(BaseRequest{Explicit: filepath.Join(root, "zImage"), Module: moduleFor(t, elf.EM_PPC64, true, release)})
	if err != nil || base.Machine != elf.EM_PPC64 {
		t.Errorf("%+v, error %v", base, err)
	}
	// A wrapper within a wrapper is not followed.
	e.Sections[0].Data = packers["gzip"](t, e.Assemble().Data)
	root = tree(t, map[string][]byte{"zImage": e.Assemble().Data})
	if _, err := ReadBase(filepath.Join(root, "zImage")); err == nil || !strings.Contains(err.Error(), "section .kernel:vmlinux.strip: kernel in the compressed file, gzip: no section .BTF") {
		t.Errorf("twice: error %v", err)
	}
}

func TestKernelFromImageErrors(t *testing.T) {
	le := binary.LittleEndian
	patch := func(b []byte, at int, v uint32) []byte {
		b = bytes.Clone(b)
		le.PutUint32(b[at:], v)
		return b
	}
	bz, zb := bzImage(t, "zstd", vmlinux("x")), zboot(t, "zstd", vmlinux("x"))
	payload := 5*512 + 100
	size := le.Uint32(bz[0x24c:])
	announced := payload + int(size) - 4
	old := bytes.Clone(bz)
	le.PutUint16(old[0x206:], 0x0207)
	cut := vmlinux("x")
	cut = cut[:len(cut)-100]
	tests := []struct {
		name string
		in   []byte
		err  string
	}{
		{"nothing", []byte("MZ"), "neither BTF, ELF nor a boot image with either: starts with the bytes 4d 5a"},
		{"old protocol", old, "bzImage: boot protocol 2.07 does not tell where the kernel is"},
		{"offset", patch(bz, 0x248, 0xfffffff0), "bzImage: payload of "},
		{"length", patch(bz, 0x24c, 1<<30), "bzImage: payload of 1073741824 bytes at 0xa64, the file has "},
		{"no length", patch(bz, 0x24c, 3), "bzImage: payload of 3 bytes at 0xa64, the file has "},
		{"compression", patch(bz, payload, 0), "bzImage: payload of unknown compression, starts with the bytes 00 00 00 00"},
		{"damage", patch(bz, payload+20, 0xffffffff), "bzImage: zstd: "},
		{"announced too little", patch(bz, announced, 100), "bzImage: zstd: unpacks to more bytes than allowed: 100"},
		{"announced too much", patch(bz, announced, 10000), "bzImage: unpacks to 552 bytes, 10000 are announced"},
		{"announced absurd", patch(bz, announced, 1<<31), "are to unpack to 2147483648, at most "},
		{"zboot, length", patch(zb, 12, 1<<30), "zboot: payload of 1073741824 bytes at 0x200, the file has "},
		{"zboot, nothing behind", zb[:512+le.Uint32(zb[12:])], "is not followed by its size"},
		{"ELF, cut", bzImage(t, "gzip", cut), "kernel in the bzImage, gzip: ELF header+0x3c: 5 section headers at file offset 0xe8 do not fit the file of 452 bytes"},
		{"flat without BTF", zboot(t, "gzip", flat(false, "")), "kernel in the zboot, gzip: BTF at "},
		{"file, cut", packers["gzip"](t, vmlinux("x"))[:200], "compressed file: gzip: unexpected EOF"},
		{"file without BTF", packers["xz"](t, bytes.Repeat([]byte("text "), 100)), "kernel in the compressed file, xz: no BTF in it"},
	}
	for _, test := range tests {
		_, err := kernelFromImage(test.in)
		if err == nil || !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.err)
		}
	}
}

// Image with thousands of places to look at, none of them good.
func TestKernelFromImageDecoys(t *testing.T) {
	small := packers["gzip"](t, bytes.Repeat([]byte("no BTF in here "), 100))
	_, err := kernelFromImage(append([]byte("image"), bytes.Repeat(small, 5000)...))
	if want := "kernel in the image at 0x5, gzip: no BTF in it"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	bomb := packers["zstd"](t, make([]byte, 64<<20))
	_, err = kernelFromImage(bytes.Repeat(bomb, 20))
	if err == nil || !strings.Contains(err.Error(), "compressed file: zstd: unpacks to more bytes than allowed") {
		t.Errorf("bomb of %d bytes: error %v", len(bomb), err)
	}
	// Blobs that overlap, each of which looks as large as the rest of the file.
	header := func(left int) []byte {
		b := make([]byte, 24)
		copy(b, "\x9f\xeb\x01")
		binary.LittleEndian.PutUint32(b[4:], 24)
		binary.LittleEndian.PutUint32(b[20:], uint32(left-24))
		return b
	}
	var b []byte
	for n := 1 << 20; len(b) < n; {
		b = append(b, header(n-len(b)/24*24)...)
	}
	if _, err := kernelFromImage(b); err == nil {
		t.Error("overlapping blobs: no error")
	}
}

// Reads of special files end.
func TestReadBaseSpecial(t *testing.T) {
	if _, err := ReadBase(t.TempDir()); err == nil || err.Error() != "is a directory" {
		t.Errorf("directory: %v", err)
	}
	if _, err := ReadBase(os.DevNull); err == nil || err.Error() != "is not a regular file" {
		t.Errorf("%s: %v", os.DevNull, err)
	}
	sparse := filepath.Join(t.TempDir(), "sparse")
	for _, test := range []struct{ head, err string }{
		{"no kernel", "neither ELF nor BTF, and with 17179869184 bytes too large for a boot image"},
		{"\x9f\xeb\x01\x00\x18\x00\x00\x00" + strings.Repeat("\x00", 8) + "\x00\x00\x00\x00\xff\xff\xff\xff", "BTF header: 4294967319 bytes, at most 268435456 are read"},
		{"\x9f\xeb\x01\x00\x18\x00\x00\x00" + strings.Repeat("\x00", 8) + "\x00\x00\x00\x00\x01\x00\x00\x00", "BTF header: types and strings end at 0x19, 17179869159 bytes follow"},
	} {
		if err := os.WriteFile(sparse, []byte(test.head), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(sparse, 16<<30); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadBase(sparse); err == nil || err.Error() != test.err {
			t.Errorf("error %v, want %s", err, test.err)
		}
	}
}

func TestBuildIDIn(t *testing.T) {
	id := string(bytes.Repeat([]byte{0xaa}, 20))
	for _, big := range []bool{false, true} {
		good := buildID(big, 0xaa)
		o := byteOrder(big)
		note := func(name, desc, kind uint32, rest string) []byte {
			return append(o.AppendUint32(o.AppendUint32(o.AppendUint32(nil, name), desc), kind), rest...)
		}
		for _, test := range []struct {
			name string
			in   []byte
			want string
		}{
			{"alone", good, id},
			{"second", append(note(4, 5, 1, "GNU\x00abcde\x00\x00\x00"), good...), id},
			{"other owner", note(4, 20, noteBuildID, "XNU\x00"+id), ""},
			{"empty", note(4, 0, noteBuildID, "GNU\x00"), ""},
			{"too long", note(4, 65, noteBuildID, "GNU\x00"+strings.Repeat("x", 68)), ""},
			{"cut", good[:len(good)-1], ""},
			{"huge", append(note(0xffffffff, 0xffffffff, 1, ""), good...), ""},
			{"unpadded end", note(4, 3, noteBuildID, "GNU\x00abc"), "abc"},
		} {
			if got := string(buildIDIn(test.in, big)); got != test.want {
				t.Errorf("%s: %x, want %x", test.name, got, test.want)
			}
		}
		if got := string(searchBuildID(append([]byte("image"), good...))); got != id {
			t.Errorf("search: %x", got)
		}
		if got := searchBuildID(good[:len(good)-1]); got != nil {
			t.Errorf("search, cut: %x", got)
		}
	}
}

func FuzzKernelFromImage(f *testing.F) {
	for method := range packers {
		f.Add(bzImage(f, method, vmlinux("x")))
		f.Add(zboot(f, method, flat(true, "x")))
	}
	f.Add(flat(false, "x"))
	f.Add(vmlinux("x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := kernelFromImage(b)
		if (err == nil) != (k.btf != nil) {
			t.Fatalf("%d bytes of BTF, error %v", len(k.btf), err)
		}
		if err == nil {
			if _, err := checkBase(k.btf); err != nil {
				t.Error(err)
			}
		}
	})
}
