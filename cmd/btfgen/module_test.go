// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/elfpatch"
	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/testkit"
)

// profile is what depends on the target kernel.
type profile struct {
	Float, DeclTag, TypeTag, Enum64 bool // kinds that there are
	KfuncTags                       int  // decl tags bpf_kfunc
	Distilled                       bool
	Sorted                          bool
}

// profileOf returns what a module has, or adds to p what it has more.
func profileOf(t *testing.T, image []byte, base *btf.Table, p *profile) {
	t.Helper()
	if b := optional(t, image, ".BTF.base"); b != nil {
		var err error
		if base, err = btf.Read(b, nil); err != nil {
			t.Fatal(err)
		}
		p.Distilled = true
	}
	tab, err := btf.Read(contents(t, image, ".BTF"), base)
	if err != nil {
		t.Fatal(err)
	}
	p.Sorted = tab.IsSorted()
	for id := tab.FirstID(); int(id) < tab.NumIDs(); id++ {
		switch tab.Kind(id) {
		case btf.KindFloat:
			p.Float = true
		case btf.KindDeclTag:
			if string(tab.Str(tab.NameOff(id))) == "bpf_kfunc" {
				p.KfuncTags++
			} else {
				p.DeclTag = true
			}
		case btf.KindTypeTag:
			p.TypeTag = true
		case btf.KindEnum64:
			p.Enum64 = true
		}
	}
}

// TestProfiles makes modules for kernels of all ages, by flag and by what the module says of itself.
func TestProfiles(t *testing.T) {
	tests := []struct {
		kernel string
		want   profile
	}{
		{"5.12", profile{}},
		{"5.15", profile{Float: true}},
		{"5.16", profile{Float: true, DeclTag: true}},
		{"5.17", profile{Float: true, DeclTag: true, TypeTag: true}},
		{"6.1", profile{Float: true, DeclTag: true, TypeTag: true, Enum64: true}},
		{"6.9", profile{Float: true, DeclTag: true, TypeTag: true, Enum64: true}},
		{"6.10", profile{Float: true, DeclTag: true, TypeTag: true, Enum64: true, KfuncTags: 3}},
		{"6.12", profile{Float: true, DeclTag: true, TypeTag: true, Enum64: true, KfuncTags: 3, Distilled: true}},
		{"7.0", profile{Float: true, DeclTag: true, TypeTag: true, Enum64: true, KfuncTags: 3, Distilled: true, Sorted: true}},
		{"7.3", profile{Float: true, DeclTag: true, TypeTag: true, Enum64: true, KfuncTags: 3, Distilled: true, Sorted: true}},
	}
	dir := t.TempDir()
	base := filepath.Join(dir, "base.btf")
	runOK(t, "encode", "-o", base, testkit.Object(t, "kfuncs_kernel.gcc-x86_64.dwarf5.elf"))
	table, err := btf.Read(readFile(t, base), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.kernel, func(t *testing.T) {
			got, sorted := profile{}, true
			for _, object := range []string{"kfuncs_module.gcc-x86_64.dwarf5.elf", "float_kinds.gcc-x86_64.dwarf5.elf", "enums.gcc-x86_64.dwarf5.elf", "tags.clang-x86_64.dwarf5.elf"} {
				plain := readFile(t, testkit.Object(t, object))
				if optional(t, plain, ".gnu.linkonce.this_module") == nil {
					plain = patched(t, plain, elfpatch.Set(".gnu.linkonce.this_module", []byte{0})) // what makes it a module
				}
				flag := moduleOf(t, dir, plain, "--base", base, "--target-kernel", tt.kernel)
				told := moduleOf(t, dir, patched(t, plain, elfpatch.Set(".modinfo", fmt.Appendf(nil, "vermagic=%s.9+x SMP\x00", tt.kernel))), "--base", base)
				for _, name := range []string{".BTF", ".BTF.base", ".BTF_ids"} {
					if !bytes.Equal(optional(t, flag, name), optional(t, told, name)) {
						t.Errorf("%s: %s of a module that says so itself is another", object, name)
					}
				}
				profileOf(t, flag, table, &got)
				sorted = sorted && got.Sorted
			}
			got.Sorted = sorted
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
}

// moduleOf returns what btfgen module makes of an image.
func moduleOf(t *testing.T, dir string, image []byte, flags ...string) []byte {
	t.Helper()
	path := filepath.Join(dir, "x.ko")
	if err := os.WriteFile(path, image, 0o644); err != nil {
		t.Fatal(err)
	}
	runOK(t, append(append([]string{"module", "--verify"}, flags...), path)...)
	return readFile(t, path)
}

// TestByteOrders wants the same BTF but for the byte order.
func TestByteOrders(t *testing.T) {
	dir := t.TempDir()
	dumps := map[string]string{}
	for _, arch := range []string{"x86_64", "s390x", "i686"} {
		base := filepath.Join(dir, arch+".btf")
		runOK(t, "encode", "-o", base, testkit.Object(t, "kfuncs_kernel.gcc-"+arch+".dwarf5.elf"))
		image := moduleOf(t, dir, readFile(t, testkit.Object(t, "kfuncs_module.gcc-"+arch+".dwarf5.elf")), "--base", base)
		small, err := btf.Read(contents(t, image, ".BTF.base"), nil)
		if err != nil {
			t.Fatal(err)
		}
		tab, err := btf.Read(contents(t, image, ".BTF"), small)
		if err != nil {
			t.Fatal(err)
		}
		dumps[arch] = words(t, image, tab)
	}
	for _, arch := range []string{"s390x", "i686"} {
		if d := cmp.Diff(dumps["x86_64"], dumps[arch]); d != "" {
			t.Errorf("%s: .BTF_ids, -x86_64 +%s\n%s", arch, arch, d)
		}
	}
	const want = `3 0x1 FUNC demo_age 0x10 FUNC demo_open 0x20 FUNC demo_owner 0x3 STRUCT task - STRUCT session FUNC demo_open`
	if dumps["x86_64"] != want {
		t.Errorf(".BTF_ids is\n%s, want\n%s", dumps["x86_64"], want)
	}
}

// words tells what is in .BTF_ids of kfuncs_module.c: a set of three kfuncs, then a list.
func words(t *testing.T, image []byte, tab *btf.Table) string {
	t.Helper()
	b := contents(t, image, ".BTF_ids")
	var order binary.ByteOrder = binary.LittleEndian
	if tab.Big() {
		order = binary.BigEndian
	}
	var parts []string
	for i := range len(b) / 4 {
		w := order.Uint32(b[4*i:])
		switch {
		case i == 0:
			parts = append(parts, fmt.Sprint(w))
		case i == 1 || i < 8 && i%2 == 1:
			parts = append(parts, fmt.Sprintf("%#x", w))
		case w == 0:
			parts = append(parts, "-")
		default:
			typ, ok := tab.Lookup(btf.ID(w))
			if !ok {
				t.Fatalf("word %d is %d, which is no type", i, w)
			}
			parts = append(parts, fmt.Sprintf("%v %s", typ.Kind, tab.Str(typ.Name)))
		}
	}
	return strings.Join(parts, " ")
}

// TestPermissions runs btfgen without the rights of root.
func TestPermissions(t *testing.T) {
	dir, err := os.MkdirTemp("", "btfgen") // that of the test is closed to others
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	nobody := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		nobody.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	program, work, base := filepath.Join(dir, "btfgen"), filepath.Join(dir, "work"), filepath.Join(dir, "base.btf")
	runOK(t, "encode", "-o", base, testkit.Object(t, "kfuncs_kernel.gcc-x86_64.dwarf5.elf"))
	if err := errors.Join(os.WriteFile(program, readFile(t, os.Args[0]), 0o755), os.Mkdir(work, 0o755), os.Chmod(dir, 0o755), os.Chmod(base, 0o644)); err != nil {
		t.Fatal(err)
	}
	old := readFile(t, testkit.Object(t, "kfuncs_module.gcc-x86_64.dwarf5.elf"))
	now := moduleOf(t, t.TempDir(), old, "--base", base)
	ids := patched(t, now, elfpatch.Replace(".BTF_ids", contents(t, old, ".BTF_ids")))
	path := filepath.Join(work, "x.ko")
	tests := []struct {
		name      string
		before    []byte
		file, dir os.FileMode
		err       string // "": success
	}{
		{"all allowed", old, 0o600, 0o755, ""},
		{"file not readable", old, 0o200, 0o755, ": permission denied"},
		{"file not writable", old, 0o400, 0o755, ": permission denied"},
		{"file not writable, nothing to write", now, 0o400, 0o755, ""},
		{"folder not writable", old, 0o600, 0o555, ": temporary file beside it: permission denied"},
		{"folder not writable, edit in place", ids, 0o600, 0o555, ""},
		{"folder closed", old, 0o600, 0o600, ": permission denied"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := errors.Join(os.Chmod(work, 0o755), os.WriteFile(path, tt.before, 0o600), os.Chmod(path, tt.file), os.Chmod(work, tt.dir)); err != nil {
				t.Fatal(err)
			}
			if os.Getuid() == 0 {
				if err := errors.Join(os.Chown(path, 65534, 65534), os.Chown(work, 65534, 65534)); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(program, "module", "--base", base, path)
			cmd.SysProcAttr, cmd.Dir, cmd.Env = nobody, "/", append(os.Environ(), noRaceWait)
			out, err := cmd.CombinedOutput()
			if err := errors.Join(os.Chmod(work, 0o755), os.Chmod(path, tt.file|0o400)); err != nil {
				t.Fatal(err)
			}
			want, text := tt.before, "btfgen: "+path+tt.err+"\n"
			if tt.err == "" {
				want, text = now, ""
			}
			if (err != nil) != (tt.err != "") || string(out) != text {
				t.Errorf("%v: %q, want %q", err, out, text)
			}
			if !bytes.Equal(readFile(t, path), want) {
				t.Error("the file is not as it should be")
			}
			if list, err := os.ReadDir(work); err != nil || len(list) != 1 {
				t.Errorf("in the folder are %v, %v", list, err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		})
	}
}
