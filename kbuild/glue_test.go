// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// needTool returns the path of a program that a test needs.
func needTool(t *testing.T, name string) string {
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

// fakeKernel has makefiles that do with our variables what those of a kernel do.
var fakeKernel = map[string][]byte{
	"bin/btfgen": script(`echo "run: $0 $*"`),
	"k/Makefile": []byte(`PAHOLE = pahole
RESOLVE_BTFIDS = $(objtree)/resolve_btfids
export objtree := $(CURDIR)
export PAHOLE RESOLVE_BTFIDS
KBUILD_EXTMOD := $(M)
export KBUILD_EXTMOD
all:
	@echo "top: $(PAHOLE) $(RESOLVE_BTFIDS)"
	@$(MAKE) -s -f final.mk
`),
	"k/final.mk": []byte(`cmd_btf_ko = echo "run: kernel's own"
cmd = $(cmd_btf_ko)
x.ko: FORCE
	@echo "sub: $$PAHOLE $$RESOLVE_BTFIDS"
	@$(call cmd)
FORCE:
`),
}

// TestMakefile builds a kernel of makefiles only, by all the ways that are told.
func TestMakefile(t *testing.T) {
	make := needTool(t, "make")
	root := sickroom(t, fakeKernel)
	program := filepath.Join(root, "bin/btfgen")
	glue := filepath.Join(root, "glue")
	if err := InstallGlue(glue, program); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(glue, "Makefile.btfgen")
	if err := os.WriteFile(filepath.Join(root, "wrap.mk"), []byte("include "+file+"\nall: ; @$(MAKE) -s -C k\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	plain := "top: pahole ROOT/k/resolve_btfids\nsub: pahole ROOT/k/resolve_btfids\n"
	step := "run: ROOT/bin/btfgen module --objtree=ROOT/k x.ko\n"
	all := "top: ROOT/glue/btfgen-pahole ROOT/glue/btfgen-resolve_btfids\nsub: ROOT/glue/btfgen-pahole ROOT/glue/btfgen-resolve_btfids\n" + step
	recipe := "cmd_btf_ko=" + ModuleRecipe(program)
	for _, test := range []struct {
		name        string
		env         string
		args        []string
		gnuMakefile bool
		want        string
	}{
		{name: "nothing", args: []string{"-C", "k"}, want: plain + "run: kernel's own\n"},
		{name: "command line", args: []string{"-C", "k", recipe}, want: plain + step},
		{name: "environment", env: MakeFlags(recipe), args: []string{"-C", "k"}, want: plain + step},
		{name: "environment and a command line", env: MakeFlags(recipe), args: []string{"-C", "k", "V=1"}, want: plain + step},
		{name: "included", args: []string{"-f", "wrap.mk"}, want: all},
		{name: "included, two jobs and variables", args: []string{"-j2", "-f", "wrap.mk", "A=1", "B=x y"}, want: all},
		{name: "eval", args: []string{"--eval=include " + file, "-C", "k"}, want: all},
		{name: "GNUmakefile", args: []string{"-C", "k"}, gnuMakefile: true, want: all},
		{name: "GNUmakefile, modules alone", args: []string{"-C", "k", "M=x"}, gnuMakefile: true,
			want: "top: pahole ROOT/glue/btfgen-resolve_btfids\nsub: pahole ROOT/glue/btfgen-resolve_btfids\n" + step},
		{name: "another btfgen", args: []string{"-f", "wrap.mk", "BTFGEN=echo"}, want: strings.Replace(all, "run: ROOT/bin/btfgen module", "module", 1)},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.gnuMakefile {
				name := filepath.Join(root, "k/GNUmakefile")
				if err := os.WriteFile(name, []byte("include "+file+"\ninclude Makefile\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				defer os.Remove(name)
			}
			cmd := exec.Command(make, append([]string{"-s", "--no-print-directory"}, test.args...)...)
			cmd.Dir = root
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "GNUMAKEFLAGS=" + test.env}
			out, err := cmd.CombinedOutput()
			if d := cmp.Diff(test.want, strings.ReplaceAll(string(out), root, "ROOT")); err != nil || d != "" {
				t.Errorf("%v\n%s", err, d)
			}
		})
	}
}

func TestGenBTFScript(t *testing.T) {
	sh := needTool(t, "sh")
	root := sickroom(t, map[string][]byte{"btfgen": script(`echo "run: $*"; exit ${EXIT:-0}`)})
	if err := InstallGlue(root, filepath.Join(root, "btfgen")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		args []string
		env  []string
		want string
		exit int
	}{
		{name: "module", args: []string{"--btf_base", "a b/vmlinux", "c d.ko"}, want: "run: module --base a b/vmlinux c d.ko\n"},
		{name: "vmlinux", args: []string{".tmp_vmlinux1"}, want: "run: vmlinux .tmp_vmlinux1\n"},
		{name: "layout", args: []string{"x"}, env: []string{"PAHOLE_FLAGS=-j8 --btf_features=a,b --btf_features=layout --lang_exclude=rust"}, want: "run: vmlinux --layout x\n"},
		{name: "verbose", args: []string{"x"}, env: []string{"KBUILD_VERBOSE=1", "PS4="}, want: "run: vmlinux -v x\n"},
		{name: "failure", args: []string{"x"}, env: []string{"EXIT=1"}, want: "run: vmlinux x\n", exit: 1},
		{name: "nothing", want: "usage: ROOT/gen-btf.sh [--btf_base FILE] ELF\n", exit: 1},
		{name: "two", args: []string{"x", "y"}, want: "usage: ROOT/gen-btf.sh [--btf_base FILE] ELF\n", exit: 1},
		{name: "no base", args: []string{"--btf_base"}, want: "usage: ROOT/gen-btf.sh [--btf_base FILE] ELF\n", exit: 1},
		{name: "unknown option", args: []string{"--frob", "x"}, want: "usage: ROOT/gen-btf.sh [--btf_base FILE] ELF\n", exit: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := exec.Command(sh, append([]string{filepath.Join(root, "gen-btf.sh")}, test.args...)...)
			cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, test.env...)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(string(out), root, "ROOT")
			if test.name == "verbose" { // how a shell traces is its own business
				if !strings.HasSuffix(got, test.want) || len(got) == len(test.want) {
					t.Error(got)
				}
				return
			}
			if d := cmp.Diff(test.want, got); d != "" || cmd.ProcessState.ExitCode() != test.exit {
				t.Errorf("exit code %d, want %d\n%s", cmd.ProcessState.ExitCode(), test.exit, d)
			}
		})
	}
}

func TestInstallGlue(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new/folder")
	for range 2 { // the second time over what is there
		if err := InstallGlue(dir, "/usr/bin/btfgen"); err != nil {
			t.Fatal(err)
		}
	}
	modes := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		fi, err := os.Lstat(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		modes[e.Name()] = fi.Mode().String()
		if to, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil {
			modes[e.Name()] = "-> " + to
		}
	}
	want := map[string]string{"Makefile.btfgen": "-rw-r--r--", "gen-btf.sh": "-rwxr-xr-x",
		"btfgen-pahole": "-> /usr/bin/btfgen", "btfgen-resolve_btfids": "-> /usr/bin/btfgen"}
	if d := cmp.Diff(want, modes); d != "" {
		t.Error(d)
	}
	files, err := Glue("/usr/bin/btfgen")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name))
		if err != nil || string(b) != string(f.Data) || !strings.Contains(string(b), "/usr/bin/btfgen") || strings.Contains(string(b), "@BTFGEN@") {
			t.Errorf("%s: %v\n%s", f.Name, err, b)
		}
	}

	for _, test := range []struct{ dest, program, err string }{
		{dir, "btfgen", `"btfgen": links in ` + dir + ` need the whole path of the program`},
		{dir, "", "the name of the program is empty"},
		{dir, "/opt/my tools/btfgen", `"/opt/my tools/btfgen": makefiles cannot name it because of ' '`},
		{dir, "/opt/$x/btfgen", `"/opt/$x/btfgen": makefiles cannot name it because of '$'`},
		{dir, "-v", `"-v": makefiles would take it for an option`},
		{"/nowhere at all", "/usr/bin/btfgen", `"/nowhere at all": makefiles cannot name it because of ' '`},
		{filepath.Join(dir, "gen-btf.sh/x"), "/usr/bin/btfgen", "mkdir " + dir + "/gen-btf.sh: not a directory"},
	} {
		if err := InstallGlue(test.dest, test.program); err == nil || err.Error() != test.err {
			t.Errorf("%s, %s: %v, want %s", test.dest, test.program, err, test.err)
		}
	}
}

// FuzzMakeFlags writes a variable as an environment holds it, and reads it as make does.
func FuzzMakeFlags(f *testing.F) {
	for _, v := range []string{ModuleRecipe("/x/btfgen"), "\\ a\tb", "", "$$$", `\`, "=--eval"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got := parseMakeFlags(MakeFlags("A="+value, "Z=1"), true).variables
		if got["A"] != value || got["Z"] != "1" || len(got) != 2 {
			t.Errorf("%q came back as %q", value, got)
		}
	})
}
