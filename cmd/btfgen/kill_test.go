// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/btfgen/btfgen/elfpatch"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/testkit"
)

// Tests here kill btfgen module, let it run out of disk space and against itself. Whatever happens, the module is the old
// one or the new one, and the next run makes it the new one and leaves nothing beside it.

// edited is a module that btfgen module is to edit.
type edited struct {
	args     []string // of btfgen
	path     string   // alone in its folder
	old, now []byte
	stripped bool // now has no DWARF, so that it is not edited once more
}

// edits are the ways in which a module is written.
var edits = []struct {
	name  string
	file  string
	flags []string
	calls []string // some of those that write
}{
	{"new file", "x.ko", nil, []string{"flock", "openat", "write", "copy_file_range", "fsetxattr", "fchmod", "renameat"}},
	{"stripped", "x.ko", []string{"--strip-debug"}, []string{"flock", "openat", "write", "renameat"}},
	{"packed", "x.ko.gz", []string{"--recompress"}, []string{"flock", "openat", "write", "renameat"}},
	{"in place", "x.ko", nil, []string{"flock", "pwrite64"}}, // .BTF_ids alone
}

// newEdited writes the old module of a case and returns how it is edited.
func newEdited(t *testing.T, name, file string, flags []string) *edited {
	t.Helper()
	dir := t.TempDir()
	base := filepath.Join(dir, "base.btf")
	runOK(t, "encode", "-o", base, testkit.Object(t, "kfuncs_kernel.gcc-x86_64.dwarf5.elf"))
	e := &edited{path: filepath.Join(dir, "work", file), stripped: name == "stripped"}
	e.args = append(append([]string{"module", "--base", base}, flags...), e.path)
	if err := os.Mkdir(filepath.Dir(e.path), 0o755); err != nil {
		t.Fatal(err)
	}
	// Long enough for a copy within the kernel.
	e.old = patched(t, readFile(t, testkit.Object(t, "kfuncs_module.gcc-x86_64.dwarf5.elf")), elfpatch.Set(".long", bytes.Repeat([]byte("long"), 64<<10)))
	if name == "packed" {
		gzip := exec.Command("gzip", "-c")
		gzip.Stdin = bytes.NewReader(e.old)
		var err error
		if e.old, err = gzip.Output(); err != nil {
			skipOrFail(t, err)
		}
	}
	e.reset(t)
	runOK(t, e.args...)
	e.now = readFile(t, e.path)
	if name == "in place" {
		e.old = patched(t, e.now, elfpatch.Replace(".BTF_ids", contents(t, e.old, ".BTF_ids")))
	}
	if bytes.Equal(e.old, e.now) {
		t.Fatal("the edit changes nothing")
	}
	return e
}

// reset makes the module the old one, with an owner and an extended attribute that are to stay, where there can be such.
func (e *edited) reset(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(e.path, e.old, 0o640); err != nil {
		t.Fatal(err)
	}
	_ = os.Chown(e.path, 65534, 65534)
	_ = unix.Setxattr(e.path, "user.btfgen", []byte("kept"), 0)
}

// isNew fails unless the module is the one or the other, then returns which. Beside it there may be one file.
func (e *edited) isNew(t *testing.T) bool {
	t.Helper()
	if list, err := os.ReadDir(filepath.Dir(e.path)); err != nil || len(list) > 2 {
		t.Fatalf("%v beside the module, %v", list, err)
	}
	now := readFile(t, e.path)
	if fi, err := os.Stat(e.path); err != nil || fi.Mode() != 0o640 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	if !bytes.Equal(now, e.old) && !bytes.Equal(now, e.now) {
		t.Fatalf("a third thing: %d bytes, neither the old %d nor the new %d", len(now), len(e.old), len(e.now))
	}
	return bytes.Equal(now, e.now)
}

// noDWARF ends what is said of a module that has been stripped.
const noDWARF = "no .debug_info section: it was compiled without -g, or stripped\n"

// finish lets a run end, and fails unless it leaves the new module alone in its folder.
func (e *edited) finish(t *testing.T) {
	t.Helper()
	out, err := btfgen(e.args...).CombinedOutput()
	if err != nil && !(e.stripped && e.isNew(t) && strings.HasSuffix(string(out), noDWARF)) {
		t.Fatalf("%v\n%s", err, out)
	}
	e.alone(t)
	if !e.isNew(t) {
		t.Error("the module is still the old one")
	}
}

func (e *edited) alone(t *testing.T) {
	t.Helper()
	list, err := os.ReadDir(filepath.Dir(e.path))
	if err != nil || len(list) != 1 {
		t.Errorf("in the folder of the module are %v, %v", list, err)
	}
}

// noRaceWait is in the environment of processes that else take a second to end, with the race detector.
const noRaceWait = "GORACE=atexit_sleep_ms=0"

// btfgen is a run of this program.
func btfgen(args ...string) *exec.Cmd {
	cmd := exec.Command("btfgen", args...)
	cmd.Env = append(os.Environ(), noRaceWait)
	return cmd
}

func runOK(t *testing.T, args ...string) {
	t.Helper()
	if out, err := btfgen(args...).CombinedOutput(); err != nil {
		t.Fatalf("btfgen %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func patched(t *testing.T, image []byte, edits ...elfpatch.Edit) []byte {
	t.Helper()
	plan, err := elfpatch.NewPlan(bytes.NewReader(image), int64(len(image)), edits...)
	if err != nil {
		t.Fatal(err)
	}
	b, err := plan.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// contents returns those of a section that there must be, optional nil if there is none.
func contents(t *testing.T, image []byte, section string) []byte {
	t.Helper()
	b := optional(t, image, section)
	if b == nil {
		t.Fatalf("no section %s", section)
	}
	return b
}

func optional(t *testing.T, image []byte, section string) []byte {
	t.Helper()
	f, err := elfview.New(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := sectionData(f, section)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestReadelfLoads is why it is enough below that a module is the old or the new one.
func TestReadelfLoads(t *testing.T) {
	if _, err := exec.LookPath("readelf"); err != nil {
		skipOrFail(t, err)
	}
	for _, c := range edits {
		t.Run(c.name, func(t *testing.T) {
			e := newEdited(t, c.name, c.file, c.flags)
			for _, image := range [][]byte{e.old, e.now} {
				if c.name == "packed" {
					gunzip := exec.Command("gzip", "-dc")
					gunzip.Stdin = bytes.NewReader(image)
					var err error
					if image, err = gunzip.Output(); err != nil {
						t.Fatal(err)
					}
				}
				path := filepath.Join(t.TempDir(), "x.ko")
				if err := os.WriteFile(path, image, 0o644); err != nil {
					t.Fatal(err)
				}
				readelf := exec.Command("readelf", "-W", "-h", "-S", "-s", "-r", "-n", path)
				var complaints bytes.Buffer
				readelf.Stderr = &complaints
				if out, err := readelf.Output(); err != nil || complaints.Len() > 0 || !bytes.Contains(out, []byte(".BTF_ids")) {
					t.Errorf("readelf: %v\n%s", err, &complaints)
				}
			}
		})
	}
}

// skipOrFail ends a test that needs something that is not here.
func skipOrFail(t *testing.T, reason any) {
	t.Helper()
	if os.Getenv("BTFGEN_REQUIRE_TOOLS") == "1" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// TestKillAnywhere kills runs at random times.
func TestKillAnywhere(t *testing.T) {
	for i, c := range edits {
		t.Run(c.name, func(t *testing.T) {
			e := newEdited(t, c.name, c.file, c.flags)
			e.reset(t)
			start := time.Now()
			runOK(t, e.args...)
			span := time.Since(start)
			rounds, limit := 200, start.Add(10*time.Second)
			if i > 0 || testing.Short() {
				rounds, limit = 50, start.Add(3*time.Second)
			}
			killed, isNew := 0, 0
			for tries := 0; killed < rounds && (time.Now().Before(limit) || killed == 0 && tries < 50); tries++ {
				e.reset(t)
				cmd := btfgen(e.args...)
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(rand.N(span + span/8))
				_ = cmd.Process.Kill()
				if cmd.Wait() != nil {
					killed++
				} else if killed == 0 {
					span = span * 3 / 4 // the machine was busier when it was measured
				}
				if e.isNew(t) {
					isNew++
				}
			}
			if killed == 0 {
				t.Error("no run was killed")
			}
			e.finish(t)
			t.Logf("%d runs killed within %v, %d modules new", killed, span, isNew)
		})
	}
}

// TestTwoRuns has two runs edit one module at once.
func TestTwoRuns(t *testing.T) {
	for _, c := range edits {
		t.Run(c.name, func(t *testing.T) {
			e := newEdited(t, c.name, c.file, c.flags)
			lost := 0
			for range 20 {
				e.reset(t)
				var said [2]bytes.Buffer
				var runs [2]*exec.Cmd
				for i := range runs {
					runs[i] = btfgen(e.args...)
					runs[i].Stderr = &said[i]
					if err := runs[i].Start(); err != nil {
						t.Fatal(err)
					}
				}
				failed := 0
				for i, cmd := range runs {
					if err := cmd.Wait(); err == nil {
						continue
					}
					failed++
					known := strings.Contains(said[i].String(), elfpatch.ErrChanged.Error()) || e.stripped && strings.HasSuffix(said[i].String(), noDWARF)
					if cmd.ProcessState.ExitCode() != exitError || !known {
						t.Errorf("%v: %s", cmd.ProcessState, &said[i])
					}
				}
				if failed == len(runs) {
					t.Errorf("both failed: %s%s", &said[0], &said[1])
				}
				lost += failed
				if !e.isNew(t) {
					t.Error("the module is still the old one")
				}
				e.alone(t)
			}
			t.Logf("%d of 40 runs found the module changed", lost)
		})
	}
}

// TestNoSpace has a file system with room for less and less of the new module.
func TestNoSpace(t *testing.T) {
	const dirVar = "BTFGEN_NOSPACE_DIR"
	if dir := os.Getenv(dirVar); dir != "" {
		noSpace(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestNoSpace$", "-test.v")
	cmd.Env = append(os.Environ(), dirVar+"="+t.TempDir())
	// A mount that nobody else sees and that goes with the process.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if id := os.Getuid(); id != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || bytes.Contains(out, []byte("--- SKIP")):
		skipOrFail(t, fmt.Sprintf("a mount needs root or user namespaces: %v %s", err, out))
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	}
}

func noSpace(t *testing.T, dir string) {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Skip(err)
	}
	for _, c := range edits {
		t.Run(c.name, func(t *testing.T) {
			e := newEdited(t, c.name, c.file, c.flags)
			page := os.Getpagesize()
			pages := func(b []byte) int { return (len(b) + page - 1) / page }
			fitted := 0
			const steps = 12
			for i := range steps + 1 {
				room := pages(e.old) + i*(pages(e.now)+1)/steps
				if err := unix.Mount("tmpfs", filepath.Dir(e.path), "tmpfs", 0, fmt.Sprintf("size=%d,mode=755", room*page)); err != nil {
					t.Skip(err)
				}
				e.reset(t)
				out, err := btfgen(e.args...).CombinedOutput()
				isNew := e.isNew(t)
				e.alone(t)
				switch {
				case err == nil && isNew:
					fitted++
				case err == nil || isNew:
					t.Errorf("%d pages: %v, and the module is new: %v", room, err, isNew)
				case !strings.HasSuffix(string(out), ": no space left on device\n"):
					t.Errorf("%d pages: %v: %s", room, err, out)
				}
				if err := unix.Unmount(filepath.Dir(e.path), 0); err != nil {
					t.Fatal(err)
				}
			}
			if fitted == 0 {
				t.Error("there was never enough room")
			}
		})
	}
}
