// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/testkit"
)

// resolveCases are command lines for the files of resolveFolder.
var resolveCases = []struct {
	version string // of resolve_btfids
	args    string
	differs string // ours: exit code, and what is otherwise; "" if nothing is
}{
	{"7.3", "--btf_base vmlinux --btf x.ko.BTF.1 x.ko", ""},
	{"7.3", "--distill_base --btf_base vmlinux --btf=x.ko.BTF.1 x.ko", ""},
	{"7.3", "--btf_base vmlinux --btf x.ko.BTF.1 missing.ko", ""},
	{"7.3", "--distill_base vmlinux", ""},
	{"7.3", "-v --patch_btfids blob x.ko", ""},
	{"7.3", "--patch_btfids x.ko.BTF.1 x.ko", ""},
	{"7.3", "--patch_btfids blob vmlinux", ""},
	{"7.3", "--btf nowhere x.ko", ""},
	{"7.3", "--btf x.ko.BTF.1 -b nowhere x.ko", ""},
	{"7.3", "--btf x.ko.BTF.1 nowhere", ""},
	{"7.3", "--nope x.ko", ""},
	{"7.3", "x.ko -v", ""},
	{"7.3", "--help", ""},
	{"7.3", "--fatal_warnings --btf_base vmlinux --btf x.ko.BTF.1 missing.ko", "255: the option works"},
	{"6.12", "vmlinux", ""},
	{"6.12", "-b vmlinux x.ko", ""}, // no BTF
	{"6.12", "-b vmlinux old.ko", ""},
	{"6.12", "-v -b vmlinux oldmissing.ko", ""},
	{"6.12", "-b nowhere distilled.ko", ""},
	{"6.12", "-b nowhere old.ko", ""},
	{"6.12", "-b vmlinux --btf x.ko.BTF.1 x.ko", ""},
	{"6.12", "--fatal_warnings -b vmlinux old.ko", "0: the option is known"},
}

// TestResolveOriginal gives the same command lines to the programs that kernels have: exit codes, messages and files.
func TestResolveOriginal(t *testing.T) {
	for _, arch := range []string{"x86_64", "s390x"} {
		folder := resolveFolder(t, arch)
		for _, tt := range resolveCases {
			t.Run(arch+"/"+tt.version+" "+tt.args, func(t *testing.T) {
				tool, err := exec.LookPath("resolve_btfids-" + tt.version)
				if err != nil {
					if os.Getenv("BTFGEN_REQUIRE_TOOLS") == "1" {
						t.Fatal(err)
					}
					t.Skip(err)
				}
				args := strings.Fields(tt.args)
				theirs, ours := t.TempDir(), t.TempDir()
				for _, dir := range []string{theirs, ours} {
					if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
						t.Fatal(err)
					}
				}
				cmd := exec.Command(tool, args...)
				cmd.Dir = theirs
				out, err := cmd.CombinedOutput()
				var exit *exec.ExitError
				if err != nil && !errors.As(err, &exit) {
					t.Fatal(err)
				}
				t.Chdir(ours)
				t.Setenv("BTFGEN_RESOLVE_BTFIDS_VERSION", tt.version)
				var stderr bytes.Buffer
				code := run(append([]string{"resolve_btfids"}, args...), io.Discard, &stderr)
				if want, _, differs := strings.Cut(tt.differs, ":"); differs {
					if got := map[int]string{0: "0", 255: "255"}[code]; got != want || code == cmd.ProcessState.ExitCode() {
						t.Errorf("exit code %d, of resolve_btfids %d; expected: %s", code, cmd.ProcessState.ExitCode(), tt.differs)
					}
					return
				}
				if want := cmd.ProcessState.ExitCode(); code != want {
					t.Errorf("exit code %d, of resolve_btfids %d\n%s%s", code, want, stderr.Bytes(), out)
				}
				if code != 129 {
					compareTexts(t, string(out), stderr.String())
				}
				compareFolders(t, theirs, ours)
			})
		}
	}
}

// resolveFolder returns a new folder with a kernel and a module of it in several states.
func resolveFolder(t *testing.T, arch string) string {
	t.Helper()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name string, b []byte) {
		if err := os.WriteFile(path(name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	pahole := func(args ...string) {
		var stderr bytes.Buffer
		if code := run(append([]string{"pahole", "-J"}, args...), io.Discard, &stderr); code != 0 {
			t.Fatalf("pahole %q: %d, %s", args, code, stderr.Bytes())
		}
	}
	object := func(name string) []byte {
		b, err := os.ReadFile(testkit.Object(t, name+".gcc-"+arch+".dwarf5.elf"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	module := object("kfuncs_module")
	missing := bytes.Replace(module, []byte("__BTF_ID__struct__session__"), []byte("__BTF_ID__struct__tension__"), 1)
	if bytes.Equal(missing, module) {
		t.Fatal("the module does not ask for the ID of session")
	}
	write("vmlinux", object("kfuncs_kernel"))
	write("x.ko", module)
	write("missing.ko", missing)
	write("blob", bytes.Repeat([]byte{1, 2, 3}, 16))
	pahole("--btf_features=encode_force,var,float,enum64,decl_tag,type_tag", "--btf_base", path("vmlinux"), "--btf_encode_detached", path("x.ko.BTF.1"), path("x.ko"))
	for name, b := range map[string][]byte{"old.ko": module, "oldmissing.ko": missing} {
		write(name, b)
		pahole("--btf_base", path("vmlinux"), path(name))
	}
	write("distilled.ko", module)
	pahole("--btf_features=default", "--btf_features=distilled_base", "--btf_base", path("vmlinux"), path("distilled.ko"))
	return dir
}

// compareTexts compares the lines that callers know: each of theirs is the beginning of one of ours, apart from what
// they tell of their steps.
func compareTexts(t *testing.T, theirs, ours string) {
	t.Helper()
	lines := strings.Split(ours, "\n")
	for line := range strings.Lines(theirs) {
		line = strings.TrimSuffix(line, "\n")
		known := strings.HasPrefix(line, "WARN:") || strings.HasPrefix(line, "FAILED") || strings.HasPrefix(line, "sorting")
		if known && !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, line) }) {
			t.Errorf("resolve_btfids says\n%s\nwe\n%s", line, ours)
		}
	}
	if got, want := strings.Count(ours, "WARN:"), strings.Count(theirs, "WARN:"); got != want {
		t.Errorf("%d warnings, of resolve_btfids %d", got, want)
	}
}

// compareFolders compares names and contents of files. Headers of BTF may differ in length.
func compareFolders(t *testing.T, theirs, ours string) {
	t.Helper()
	read := func(dir string) map[string][]byte {
		files := map[string][]byte{}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case !strings.HasSuffix(e.Name(), ".BTF") && !strings.HasSuffix(e.Name(), ".BTF.base"):
			case b[0] == 0x9f:
				b = b[binary.LittleEndian.Uint32(b[4:]):]
			default:
				b = b[binary.BigEndian.Uint32(b[4:]):]
			}
			files[e.Name()] = b
		}
		return files
	}
	if d := cmp.Diff(read(theirs), read(ours)); d != "" {
		t.Errorf("-resolve_btfids +ours\n%s", d)
	}
}

// TestStrerror: as the C library has it.
func TestStrerror(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{&os.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}, "No such file or directory"},
		{syscall.EACCES, "Permission denied"},
		{errNoBTF, "No data available: no section .BTF"},
		{errors.New("not an ELF file"), "not an ELF file"},
	}
	for _, tt := range tests {
		if got := strerror(tt.err); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
	}
}
