// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build unix

package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/btfgen/btfgen/internal/btf"
)

// spoiler spoils a file when it is told that this is the base: between the time when it is mapped and when it is read.
type spoiler struct {
	bytes.Buffer
	spoil func()
}

func (s *spoiler) Write(b []byte) (int, error) {
	if s.spoil != nil && strings.Contains(string(b), "btfgen: base ") {
		s.spoil()
		s.spoil = nil
	}
	return s.Buffer.Write(b)
}

// A base that somebody cuts short or writes into is one line for each file, and no file is written.
func TestBaseSpoiled(t *testing.T) {
	const objects = "../../testdata/objects/"
	dir := t.TempDir()
	base, ko, made := filepath.Join(dir, "vmlinux"), filepath.Join(dir, "m.ko"), filepath.Join(dir, "made.ko")
	kernel, err := os.ReadFile(objects + "kfuncs_kernel.gcc-x86_64.dwarf5.elf")
	if err != nil {
		t.Fatal(err)
	}
	write := func(path string, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	module, err := os.ReadFile(objects + "kfuncs_module.gcc-x86_64.dwarf5.elf")
	if err != nil {
		t.Fatal(err)
	}
	write(base, kernel)
	write(ko, module)
	if code := run([]string{"btfgen", "module", "--no-distill", "--base", base, "-o", made, ko}, io.Discard, os.Stderr); code != exitOK {
		t.Fatalf("exit code %d", code)
	}
	other := filepath.Join(dir, "other.ko")
	for name, spoil := range map[string]func(){
		"cut short": func() { write(base, nil) },
		"rewritten": func() {
			f, err := os.OpenFile(base, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.Write(bytes.Repeat([]byte{0xff}, len(kernel))); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(base, time.Time{}, time.Now().Add(time.Hour)); err != nil { // clocks are coarse
				t.Fatal(err)
			}
		},
	} {
		for _, args := range [][]string{
			{"encode", "-v", "--base", base, "-o", other, ko},
			{"encode", "-v", "--base", base, "--out-dir", dir, "-j1", ko, made},
			{"module", "-v", "--base", base, "-o", other, ko},
			{"module", "-v", "--base", base, "-j1", ko, made},
			{"resolve", "-v", "--base", base, "--in-place", made},
		} {
			t.Run(name+" "+args[0], func(t *testing.T) {
				write(base, kernel)
				before, err := os.ReadFile(made)
				if err != nil {
					t.Fatal(err)
				}
				w := &spoiler{spoil: spoil}
				if code := run(append([]string{"btfgen"}, args...), io.Discard, w); code != exitError {
					t.Errorf("exit code %d", code)
				}
				want, files := "base "+base+" changed while it was being read\n", 1
				if args[len(args)-2] == ko {
					files = 2
				}
				if n := strings.Count(w.String(), want); w.spoil != nil || n != files {
					t.Errorf("output is not %d times %q:\n%s", files, want, w)
				}
				if entries, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(entries) != 3 {
					t.Errorf("files are %v, %v", entries, err)
				}
				after, err := os.ReadFile(made)
				if err != nil || !bytes.Equal(before, after) {
					t.Errorf("the module was written, %v", err)
				}
			})
		}
	}
}

// A base of which not all types are looked at may hold anything in those: it is found out, or without effect.
func TestBaseInvalid(t *testing.T) {
	const objects = "../../testdata/objects/"
	dir := t.TempDir()
	base, ko, out := filepath.Join(dir, "base.btf"), objects+"kfuncs_module.gcc-x86_64.dwarf5.elf", filepath.Join(dir, "out")
	if code := run([]string{"btfgen", "encode", "-o", base, objects + "kfuncs_kernel.gcc-x86_64.dwarf5.elf"}, io.Discard, os.Stderr); code != exitOK {
		t.Fatalf("exit code %d", code)
	}
	blob, err := os.ReadFile(base)
	if err != nil {
		t.Fatal(err)
	}
	table, err := btf.Read(blob, nil)
	if err != nil {
		t.Fatal(err)
	}
	start := table.HeaderLen()
	found, passed := 0, 0
	for at := start; at < start+len(table.Types()); at += 4 {
		for _, word := range []uint32{uint32(table.NumIDs()), 1<<31 - 1, 1<<32 - 1} {
			b := bytes.Clone(blob)
			binary.LittleEndian.PutUint32(b[at:], word)
			if _, err := btf.Read(b, nil); err == nil {
				continue
			}
			if err := os.WriteFile(base, b, 0o644); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{
				{"encode", "--distill", "-j1", "--base", base, "-o", out, ko},
				{"module", "-j1", "--base", base, "-o", out, ko},
				{"pahole", "-J", "--btf_base", base, "--btf_encode_detached", out, ko},
			} {
				var stderr bytes.Buffer
				args = append([]string{"btfgen"}, args...)
				switch code := run(args, io.Discard, &stderr); {
				case code == exitOK:
					passed++
				case code != exitError || strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), base) || !strings.Contains(stderr.String(), ": btf+0x"):
					t.Errorf("%s with %#x at %#x of the base: exit code %d, %s", args[1], word, at, code, stderr.String())
				default:
					found++
				}
			}
		}
	}
	if found == 0 || passed == 0 {
		t.Errorf("found out %d times, without effect %d times", found, passed)
	}
	t.Logf("found out %d times, without effect %d times", found, passed)
}
