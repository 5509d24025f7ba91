// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/btfgen/btfgen/internal/testkit"
)

const release = "6.12.1-test"

// running are the files of a running kernel of a release, with build ID aa...
func running(release string) map[string][]byte {
	return map[string][]byte{
		"sys/kernel/btf/vmlinux":    blob(false, "running"),
		"sys/kernel/notes":          append([]byte("\x04\x00\x00\x00\x02\x00\x00\x00\x06\x00\x00\x00Xen\x00ab\x00\x00"), buildID(false, 0xaa)...),
		"proc/sys/kernel/osrelease": []byte(release + "\n"),
		"proc/sys/kernel/arch":      []byte("x86_64\n"),
	}
}

// nameIn returns the name of the type that a base of ours has.
func nameIn(b []byte) string {
	name := b[bytes.LastIndexByte(b[:len(b)-1], 0)+1:]
	return string(name[:len(name)-1])
}

// Every place is taken if those before it are absent, and passed over for them.
func TestFindBaseOrder(t *testing.T) {
	places := []struct{ path, name, why string }{
		{"tree/vmlinux", "tree", "vmlinux of this kernel build, ELF"},
		{"lib/modules/" + release + "/build/vmlinux", "build", "vmlinux of the build folder, ELF"},
		{"usr/lib/debug/lib/modules/" + release + "/vmlinux", "debug", "debug vmlinux, ELF"},
		{"usr/lib/debug/boot/vmlinux-" + release, "debug boot", "debug vmlinux, ELF"},
		{"usr/lib/btfgen/base/" + release, "store", "base store, raw BTF"},
		{"boot/vmlinuz-" + release, "boot", "boot image, bzImage, zstd"},
		{"lib/modules/" + release + "/vmlinuz", "modules", "boot image, zboot, gzip"},
		{"boot/vmlinux-" + release + ".gz", "packed", "boot image, compressed file, gzip"},
		{"boot/0123456789abcdef/" + release + "/linux", "entry", "boot image, uncompressed image"},
		{"sys/kernel/btf/vmlinux", "running", "running kernel, raw BTF"},
	}
	files := running(release)
	for _, p := range places {
		b := vmlinux(p.name)
		switch {
		case strings.Contains(p.why, "raw"):
			b = blob(false, p.name)
		case strings.Contains(p.why, "bzImage"):
			b = bzImage(t, "zstd", b)
		case strings.Contains(p.why, "zboot"):
			b = zboot(t, "gzip", b)
		case strings.Contains(p.why, "compressed file"):
			b = packers["gzip"](t, b)
		case strings.Contains(p.why, "uncompressed"):
			b = flat(false, p.name)
		}
		files[p.path] = b
	}
	for i, p := range places {
		root := tree(t, files)
		for _, module := range []*ModuleInfo{module(t, release+" SMP"), nil} {
			b, err := FindBase(BaseRequest{Module: module, Release: release, ObjTree: filepath.Join(root, "tree"), Root: root})
			if err != nil {
				t.Fatalf("%s: %v", p.path, err)
			}
			if got := nameIn(b.Data); got != p.name || b.Path != filepath.Join(root, p.path) || b.Why != p.why || b.Big {
				t.Errorf("%s: %s, from %s: %s", p.path, got, b.Path, b.Why)
			}
			if i > 0 && len(b.Tried) == 0 {
				t.Errorf("%s: nothing is told of the %d places before it", p.path, i)
			}
		}
		delete(files, p.path)
	}
}

func TestFindBaseNone(t *testing.T) {
	root := tree(t, map[string][]byte{"home/x": nil})
	_, err := FindBase(BaseRequest{Module: module(t, release+" SMP mod_unload"), ObjTree: "/nowhere", Root: root})
	var none *NoBaseError
	if !errors.As(err, &none) || !errors.Is(err, ErrNoBase) || none.Release != release {
		t.Fatalf("error %v", err)
	}
	want := "/nowhere/vmlinux: not there; ROOT/lib/modules/6.12.1-test/build/vmlinux: not there; " +
		"ROOT/usr/lib/debug/lib/modules/6.12.1-test/vmlinux and 5 other names: not there; " +
		"ROOT/usr/lib/btfgen/base/6.12.1-test: not there; ROOT/boot/vmlinuz-6.12.1-test and 12 other names: not there; " +
		"ROOT/sys/kernel/btf/vmlinux: not there"
	if got, want := strings.ReplaceAll(err.Error(), root, "ROOT"), "no base BTF for Linux 6.12.1-test: "+want; got != want {
		t.Errorf("error\n%s\nwant\n%s", got, want)
	}
	if got, want := strings.ReplaceAll(none.Skipped("a/foo.ko"), root, "ROOT"),
		"Skipping BTF generation for a/foo.ko due to unavailability of vmlinux ("+want+")"; got != want {
		t.Errorf("line\n%s\nwant\n%s", got, want)
	}
}

// What does not fit is passed over, with a reason.
func TestFindBaseUnfit(t *testing.T) {
	build := "lib/modules/" + release + "/build/"
	image := "boot/vmlinuz-" + release
	store := "usr/lib/btfgen/base/" + release
	debug := testkit.ELF{Type: elf.ET_EXEC, Sections: []testkit.Section{
		{Name: ".BTF", Type: elf.SHT_NOBITS, MemSize: 1000}, {Name: ".debug_info", Data: []byte{1}}}}
	ko := testkit.ELF{Sections: []testkit.Section{{Name: ".BTF", Data: blob(false, "x")}, {Name: ".gnu.linkonce.this_module", Data: []byte{0}}}}
	split := blob(false, "x")
	split[len(split)-3] = 'y' // no longer starts with an empty string
	other := vmlinux("x")
	other = bytes.ReplaceAll(other, []byte("6.12.1-test"), []byte("6.12.0-test"))
	with := func(files ...any) map[string][]byte {
		m := map[string][]byte{}
		for i := 0; i < len(files); i += 2 {
			switch b := files[i+1].(type) {
			case string:
				m[files[i].(string)] = []byte(b)
			case []byte:
				m[files[i].(string)] = b
			}
		}
		return m
	}
	tests := []struct {
		name  string
		files map[string][]byte
		path  string // ends in; of the attempt
		why   string
	}{
		{"stripped", with(build+"vmlinux", vmlinux("")), "build/vmlinux", "no section .BTF: built without BTF, or stripped of it"},
		{"debug data only", with(build+"vmlinux", debug.Assemble().Data), "build/vmlinux",
			"section .BTF has no contents: they were stripped, or are in the file this one is the debug data of"},
		{"module", with(build+"vmlinux", ko.Assemble().Data), "build/vmlinux", "is a module, its BTF needs a base itself"},
		{"byte order", with(build+"vmlinux", vmlinuxFor(elf.EM_S390, true, "x")), "build/vmlinux", "its BTF is big-endian, the module little-endian"},
		{"byte order, raw", with(store, blob(true, "x")), release, "its BTF is big-endian, the module little-endian"},
		{"machine", with(build+"vmlinux", vmlinuxFor(elf.EM_AARCH64, false, "x")), "build/vmlinux", "is for EM_AARCH64, the module for EM_X86_64"},
		{"folder of another release by its header", with(build+"vmlinux", vmlinux("x"), build+"include/config/kernel.release", release+"\n",
			build+"include/generated/utsrelease.h", "#define UTS_RELEASE \"6.13.0\"\n"),
			"build/vmlinux", "the folder is now that of Linux 6.13.0, not 6.12.1-test"},
		{"folder of another release", with(build+"vmlinux", vmlinux("x"), build+"include/config/kernel.release", "6.13.0\n"),
			"build/vmlinux", "the folder is now that of Linux 6.13.0, not 6.12.1-test"},
		{"folder instead of a file", with(build+"vmlinux/x", "x"), "build/vmlinux", "is a directory"},
		{"empty", with(build+"vmlinux", ""), "build/vmlinux", "empty file"},
		{"text", with(build+"vmlinux", "not a kernel"), "build/vmlinux", "neither BTF, ELF nor a boot image with either: starts with the bytes 6e 6f 74 20 61 20 6b 65"},
		{"ELF, cut", with(build+"vmlinux", vmlinux("x")[:200]), "build/vmlinux", "ELF header+0x28: e_shoff 0xe8 leaves no room for a section header in the file of 200 bytes"},
		{"BTF, cut", with(store, blob(false, "x")[:41]), release, "BTF header: types and strings end at 0x2b, the data at 0x29: cut off"},
		{"BTF, longer", with(store, string(blob(false, "x"))+"more"), release, "BTF header: types and strings end at 0x2b, 4 bytes follow"},
		{"BTF, split", with(store, split), release, "is split BTF, it needs a base itself"},
		{"BTF, short", with(store, "\x9f\xeb\x01"), release, "BTF header: 3 bytes, it has at least 24"},
		{"BTF, version", with(store, "\xeb\x9f\x02"+string(make([]byte, 40))), release, "BTF header: version is 2, only 1 is known"},
		{"BTF, header", with(store, "\x9f\xeb\x01"+string(make([]byte, 40))), release, "BTF header: hdr_len is 0, at least 24 is needed"},
		{"image of another release", with(image, bzImage(t, "gzip", other)), image, "is of Linux 6.12.0-test, not 6.12.1-test"},
		{"image without BTF", with(image, bzImage(t, "gzip", vmlinux(""))), image, "kernel in the bzImage, gzip: no section .BTF: built without BTF, or stripped of it"},
		{"other kernel runs", running("6.12.2"), "btf/vmlinux", "running is Linux 6.12.2, not 6.12.1-test"},
		{"no release", with("sys/kernel/btf/vmlinux", blob(false, "x")), "btf/vmlinux", "release of the running kernel: no such file or directory"},
	}
	for _, test := range tests {
		for _, alone := range []bool{true, false} {
			if !alone {
				if strings.Contains(test.path, "btf/") {
					continue
				}
				for path, b := range running(release) {
					test.files[path] = b
				}
			}
			root := tree(t, test.files)
			b, err := FindBase(BaseRequest{Module: module(t, release+" SMP"), Root: root})
			var none *NoBaseError
			var tried []Attempt
			switch {
			case alone && errors.As(err, &none):
				tried = none.Tried
			case !alone && err == nil && strings.HasSuffix(b.Path, "sys/kernel/btf/vmlinux"):
				tried = b.Tried
			default:
				t.Errorf("%s, alone: %v: %v, error %v", test.name, alone, b, err)
				continue
			}
			found := false
			for _, a := range tried {
				found = found || strings.HasSuffix(a.Path, test.path) && a.Why == test.why
			}
			if !found {
				t.Errorf("%s: tried %q", test.name, tried)
			}
		}
	}
}

// The running kernel counts only if it is the one that the module is for.
func TestFindBaseRunning(t *testing.T) {
	id := func(b byte) string { return hex.EncodeToString(bytes.Repeat([]byte{b}, 20)) + "\n" }
	store := "usr/lib/btfgen/base/" + release + ".build-id"
	tests := []struct {
		name    string
		add     map[string]string
		machine elf.Machine
		why     string
	}{
		{"same", nil, elf.EM_X86_64, ""},
		{"same build in the store", map[string]string{store: id(0xaa)}, elf.EM_X86_64, ""},
		{"same build of an image", map[string]string{"boot/vmlinuz-" + release: string(bzImage(t, "lz4", vmlinux("")))}, elf.EM_X86_64, ""},
		{"other build in the store", map[string]string{store: id(0xcc)}, elf.EM_X86_64,
			"build ID of the running kernel is " + id(0xaa)[:40] + ", that of ROOT/usr/lib/btfgen/base/6.12.1-test is " + id(0xcc)[:40]},
		{"other build of an image", map[string]string{"boot/vmlinuz-" + release: string(flat(false, ""))}, elf.EM_X86_64,
			"build ID of the running kernel is " + id(0xaa)[:40] + ", that of ROOT/boot/vmlinuz-6.12.1-test is " + id(0xbb)[:40]},
		{"build not known", map[string]string{store: id(0xaa), "sys/kernel/notes": ""}, elf.EM_X86_64,
			"build ID of the running kernel is , that of ROOT/usr/lib/btfgen/base/6.12.1-test is " + id(0xaa)[:40]},
		{"store's build ID is none", map[string]string{store: "none"}, elf.EM_X86_64, ""},
		{"other machine", nil, elf.EM_AARCH64, "running is a kernel for EM_X86_64, the module is for EM_AARCH64"},
		{"machine of an unknown name", map[string]string{"proc/sys/kernel/arch": "vax"}, elf.EM_AARCH64, ""},
	}
	for _, test := range tests {
		files := running(release)
		for path, s := range test.add {
			files[path] = []byte(s)
		}
		root := tree(t, files)
		b, err := FindBase(BaseRequest{Module: moduleFor(t, test.machine, false, release), Root: root})
		if test.why == "" {
			if err != nil || nameIn(b.Data) != "running" {
				t.Errorf("%s: %v, error %v", test.name, b, err)
			}
			continue
		}
		var none *NoBaseError
		if !errors.As(err, &none) {
			t.Errorf("%s: %v, error %v", test.name, b, err)
			continue
		}
		if got := strings.ReplaceAll(none.Tried[len(none.Tried)-1].Why, root, "ROOT"); got != test.why {
			t.Errorf("%s: %s, want %s", test.name, got, test.why)
		}
	}
}

// A base that was named must do; nothing else is looked at.
func TestFindBaseNamed(t *testing.T) {
	files := running(release)
	maps.Copy(files, map[string][]byte{"elf": vmlinux("elf"), "raw": blob(false, "raw"), "big": blob(true, "big"), "none": vmlinux(""),
		"other": vmlinuxFor(elf.EM_AARCH64, false, "other"), "old": bytes.ReplaceAll(vmlinux("old"), []byte(release), []byte("6.12.0-test"))})
	root := tree(t, files)
	tests := []struct{ path, want, why, err string }{
		{"elf", "elf", "named, ELF", ""},
		{"raw", "raw", "named, raw BTF", ""},
		{"other", "", "", "is for EM_AARCH64, the module for EM_X86_64"},
		{"old", "old", "named, ELF", ""}, // the user knows
		{"big", "", "", "its BTF is big-endian, the module little-endian"},
		{"none", "", "", "no section .BTF: built without BTF, or stripped of it"},
		{"missing", "", "", "no such file or directory"},
	}
	for _, test := range tests {
		path := filepath.Join(root, test.path)
		b, err := FindBase(BaseRequest{Explicit: path, Module: module(t, release), Root: root})
		if test.err != "" {
			if err == nil || err.Error() != "base "+path+": "+test.err || errors.Is(err, ErrNoBase) {
				t.Errorf("%s: error %v, want %s", test.path, err, test.err)
			}
			continue
		}
		if err != nil || nameIn(b.Data) != test.want || b.Why != test.why || b.Path != path {
			t.Errorf("%s: %v, error %v", test.path, b, err)
		}
	}
	if b, err := FindBase(BaseRequest{Explicit: filepath.Join(root, "big"), Module: moduleFor(t, elf.EM_S390, true, release)}); err != nil || !b.Big {
		t.Errorf("big-endian module and base: %v", err)
	}
}

// A release is part of paths; one from a module may try to lead elsewhere.
func TestFindBaseRelease(t *testing.T) {
	root := tree(t, running(release))
	for _, test := range []struct{ vermagic, why string }{
		{"", "not known: the module has no vermagic"},
		{" SMP", "not known: the module has no vermagic"},
		{"../../../etc SMP", `"../../../etc" is none`},
		{".. SMP", `".." is none`},
		{"6.1\n2", `"6.1\n2" is none`},
		{strings.Repeat("6", 100), `"` + strings.Repeat("6", 80) + `" is none`},
	} {
		_, err := FindBase(BaseRequest{Module: module(t, test.vermagic), Root: root})
		var none *NoBaseError
		if !errors.As(err, &none) || len(none.Tried) != 1 || none.Tried[0].Why != test.why {
			t.Errorf("vermagic %.20q: error %v", test.vermagic, err)
		}
		// The tree of the build that calls needs no release.
		objtree := tree(t, map[string][]byte{"vmlinux": vmlinuxFor(elf.EM_AARCH64, false, "tree")})
		if b, err := FindBase(BaseRequest{Module: module(t, test.vermagic), ObjTree: objtree, Root: root}); err != nil || nameIn(b.Data) != "tree" {
			t.Errorf("vermagic %.20q with a tree: %v", test.vermagic, err)
		}
	}
	if b, err := FindBase(BaseRequest{Module: module(t, "6.0.0"), Release: release, Root: root}); err != nil || nameIn(b.Data) != "running" {
		t.Errorf("release given: %v", err)
	}
}

// One file under two names is read once; a merged /usr is no second place.
func TestFindBaseSameFile(t *testing.T) {
	root := tree(t, map[string][]byte{"usr/lib/modules/" + release + "/build/vmlinux": vmlinux(""),
		"usr/lib/modules/" + release + "/vmlinuz": bzImage(t, "xz", vmlinux("image"))})
	request := BaseRequest{Module: module(t, release), Root: root, ObjTree: filepath.Join(root, "lib/modules", release, "build")}
	for _, merged := range []bool{false, true} {
		if merged {
			if err := os.Symlink("usr/lib", filepath.Join(root, "lib")); err != nil {
				t.Fatal(err)
			}
		}
		b, err := FindBase(request)
		if err != nil || nameIn(b.Data) != "image" {
			t.Fatalf("merged: %v: error %v", merged, err)
		}
		stripped := 0
		for _, a := range b.Tried {
			if strings.Contains(a.Why, "no section .BTF") {
				stripped++
			}
		}
		if stripped != 1 {
			t.Errorf("merged: %v: tried %q", merged, b.Tried)
		}
	}
}

// A file that may not be read is told as such.
func TestFindBaseUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	root := tree(t, map[string][]byte{"boot/vmlinuz-" + release: bzImage(t, "xz", vmlinux("image"))})
	if err := os.Chmod(filepath.Join(root, "boot/vmlinuz-"+release), 0); err != nil {
		t.Fatal(err)
	}
	_, err := FindBase(BaseRequest{Module: module(t, release), Root: root})
	if err == nil || !strings.Contains(err.Error(), "vmlinuz-"+release+": permission denied") {
		t.Errorf("error %v", err)
	}
}

// A base that is mapped is noticed to be written into, but not to be replaced, which leaves the mapped file as it is.
func TestBaseChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vmlinux.btf")
	kernel := blob(false, "kernel")
	if err := os.WriteFile(path, kernel, 0o644); err != nil {
		t.Fatal(err)
	}
	base := func() *Base {
		b, err := FindBase(BaseRequest{Explicit: path, Map: true})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Data, kernel) {
			t.Fatalf("%d bytes of BTF, the file has %d", len(b.Data), len(kernel))
		}
		if err := b.Changed(); err != nil {
			t.Fatal(err)
		}
		return b
	}
	b := base()
	if err := os.Chtimes(path, time.Time{}, time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := b.Changed(); err == nil || err.Error() != "base "+path+" changed while it was being read" {
		t.Errorf("written into: %v", err)
	}
	b = base()
	if err := os.WriteFile(path+".new", kernel[:10], 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if err := b.Changed(); err != nil || !bytes.Equal(b.Data, kernel) {
		t.Errorf("replaced: %v", err)
	}
}
