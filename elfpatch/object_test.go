// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestObject(t *testing.T) {
	variants(t, func(t *testing.T, v variant) {
		e := sample(v)
		e.Machine = elf.EM_PPC64
		b := e.Assemble().Data
		c := newCodec(v.class, v.big, e.Machine)
		c.order.PutUint32(b[c.shoff.off+c.word:], 0x5000402)
		target, err := ReadTarget(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if want := (Target{v.class, v.big, elf.EM_PPC64, 0x5000402}); target != want {
			t.Errorf("target %+v, want %+v", target, want)
		}
		for _, btf := range [][]byte{nil, btfData} {
			out, err := Object(target, btf)
			if err != nil {
				t.Fatal(err)
			}
			again, err := ReadTarget(bytes.NewReader(out), int64(len(out)))
			if err != nil || again != target {
				t.Errorf("target of the object %+v, %v", again, err)
			}
			f, err := elf.NewFile(bytes.NewReader(out))
			if err != nil {
				t.Fatal(err)
			}
			if f.Type != elf.ET_REL || f.Version != elf.EV_CURRENT || f.ByteOrder != v.order() {
				t.Errorf("header %+v", f.FileHeader)
			}
			p := parse(t, out)
			if d := cmp.Diff([]string{"", ".BTF", ".shstrtab"}, p.names); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(content{elf.SHT_PROGBITS, elf.SHF_ALLOC, 4, string(btf)}, p.sections[1], cmp.AllowUnexported(content{})); d != "" || p.offs[1]%4 != 0 {
				t.Errorf("at %#x: %s", p.offs[1], d)
			}
		}
	})
	if _, err := Object(Target{}, nil); err == nil || err.Error() != "unknown class 0" {
		t.Errorf("error %v", err)
	}
	if _, err := ReadTarget(strings.NewReader("text"), 4); err == nil {
		t.Error("a target of text")
	}
}

// TestLink gives the object to linkers, as vmlinux is linked.
func TestLink(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	target, err := ReadTarget(bytes.NewReader(self), int64(len(self)))
	if err != nil {
		t.Fatal(err)
	}
	object, err := Object(target, btfData)
	if err != nil {
		t.Fatal(err)
	}
	script := "SECTIONS { . = 0x10001; .BTF : { start = .; KEEP(*(.BTF)) stop = .; } }\n"
	for name, data := range map[string]string{"btf.o": string(object), "script": script} {
		if err := os.WriteFile(path(name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, ld := range []string{"ld", "ld.lld"} {
		t.Run(ld, func(t *testing.T) {
			ld := tool(t, ld)
			run(t, ld, "-r", "-o", path("r.o"), path("btf.o"))
			run(t, ld, "-z", "noexecstack", "-e", "0", "-T", path("script"), "-o", path("linked"), path("btf.o"), path("btf.o"))
			part := parse(t, readFile(t, path("r.o")))
			if c := part.one(t, ".BTF"); c.data != string(btfData) || c.flags != elf.SHF_ALLOC || c.align != 4 {
				t.Errorf("after ld -r: %+v", c)
			}
			linked := parse(t, readFile(t, path("linked")))
			pad := strings.Repeat("\x00", -len(btfData)&3)
			if c := linked.one(t, ".BTF"); c.data != string(btfData)+pad+string(btfData) || c.flags != elf.SHF_ALLOC {
				t.Errorf("after the link: %+v", c)
			}
		})
	}
}

// tool finds a program that a test needs.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("BTFGEN_REQUIRE_TOOLS") == "1" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

// run runs a program that must succeed and say nothing, and returns its output.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, errs.Bytes())
	}
	for line := range strings.Lines(errs.String()) {
		if !strings.Contains(line, ".note.GNU-stack") && !strings.Contains(line, "NOTE: This behaviour") {
			t.Errorf("%v: %s", cmd.Args, line)
		}
	}
	return out.String()
}
