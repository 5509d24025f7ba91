// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

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
)

// Tests here run this test binary again, as a process to be killed or without the rights of root.
const (
	childVar = "BTFGEN_ELFPATCH_CHILD" // what the child does: "edit" or the name of a test part
	fileVar  = "BTFGEN_ELFPATCH_FILE"  // file or folder that it does it to
	stepVar  = "BTFGEN_ELFPATCH_STEP"  // step in which it kills itself
	numVar   = "BTFGEN_ELFPATCH_NUM"   // how many times the step is passed before that
)

func TestMain(m *testing.M) {
	if os.Getenv(childVar) != "edit" {
		os.Exit(m.Run())
	}
	if err := childEdit(os.Getenv(fileVar), os.Getenv(stepVar)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// killImage is the file that is edited under fire, long enough for a kill to hit in the middle.
func killImage() []byte {
	e := sample(le64)
	e.Sections[0].Data = bytes.Repeat([]byte("text"), 1<<16)
	e.Sections[1].Data = bytes.Repeat([]byte("info"), 1<<16)
	e.Sections[9].Data = bytes.Repeat([]byte("read"), longCopy/2)
	e.Sections[11].Data = bytes.Repeat([]byte{1}, 2*block)
	return e.Assemble().Data
}

func killEdits(step string) []Edit {
	if step == "block" {
		return []Edit{Replace(".BTF_ids", append([]byte("changed"), bytes.Repeat([]byte{1}, 2*block-7)...))}
	}
	return []Edit{StripDebug(), Set(".BTF", bytes.Repeat([]byte("types"), 1<<15))}
}

// childEdit edits a file. The first step is told to the parent, so that it does not kill
// a process that has not yet begun.
func childEdit(path, step string) error {
	f, err := Open(path, Options{})
	if err != nil {
		return err
	}
	defer f.Close()
	fmt.Println("ready")
	n := 0
	fmt.Sscan(os.Getenv(numVar), &n)
	f.step = func(s string) {
		if s == step {
			if n--; n < 0 {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
		}
	}
	_, err = f.Apply(killEdits(step)...)
	return err
}

func child(path, step string, num int) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"=edit", fileVar+"="+path, stepVar+"="+step, fmt.Sprint(numVar, "=", num),
		"GORACE=atexit_sleep_ms=0") // else a child under the race detector takes a second to end
	return cmd
}

// oldOrNew fails unless the file is the one or the other, then returns which.
func oldOrNew(t *testing.T, path string, before, after []byte) (isNew bool) {
	t.Helper()
	now := readFile(t, path)
	switch {
	case bytes.Equal(now, before):
		return false
	case bytes.Equal(now, after):
		return true
	}
	t.Fatalf("a third thing: %d bytes, neither the old %d nor the new %d", len(now), len(before), len(after))
	return false
}

// TestKillSteps kills a run in each of its steps, then lets another one finish.
func TestKillSteps(t *testing.T) {
	before := killImage()
	tests := []struct {
		step  string
		num   int
		isNew bool
	}{
		{"locked", 0, false},
		{"create", 0, false},
		{"fill", 0, false},
		{"copy", 0, false},
		{"copy", 1, false},
		{"filled", 0, false},
		{"sync", 0, false},
		{"rename", 0, false},
		{"renamed", 0, true},
		{"block", 0, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.step, tt.num), func(t *testing.T) {
			path := put(t, before)
			after := editOnce(t, before, killEdits(tt.step)...)
			err := child(path, tt.step, tt.num).Run()
			var ee *exec.ExitError
			if !errors.As(err, &ee) || ee.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the child was not killed: %v", err)
			}
			if got := oldOrNew(t, path, before, after); got != tt.isNew {
				t.Errorf("the file is the new one: %v", got)
			}
			if err := child(path, "", 0).Run(); err != nil {
				t.Fatal(err)
			}
			if want := editOnce(t, before, killEdits("")...); !bytes.Equal(readFile(t, path), want) {
				t.Error("the next run does not end with the same file")
			}
			onlyFile(t, path)
		})
	}
}

// TestKillAnywhere kills runs at random times after they have begun.
func TestKillAnywhere(t *testing.T) {
	before := killImage()
	path := put(t, before)
	after := editOnce(t, before, killEdits("")...)
	rounds, limit := 200, time.Now().Add(5*time.Second)
	if testing.Short() {
		rounds = 20
	}
	killed, renamed, span := 0, 0, 4*time.Millisecond
	for range rounds {
		if time.Now().After(limit) {
			break
		}
		if err := os.WriteFile(path, before, 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := child(path, "", 0)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ready := make([]byte, len("ready\n"))
		if _, err := out.Read(ready); err != nil {
			t.Fatal(err)
		}
		time.Sleep(rand.N(span))
		_ = cmd.Process.Kill()
		if cmd.Wait() == nil {
			span = span*3/4 + time.Millisecond // too late
		} else {
			killed++
			span += span / 16
		}
		if oldOrNew(t, path, before, after) {
			renamed++
		}
	}
	if killed == 0 {
		t.Error("no run was killed")
	}
	if _, err := patch(path, Options{}, killEdits("")...); err != nil {
		t.Error(err)
	}
	onlyFile(t, path)
	t.Logf("%d runs killed, %d files new", killed, renamed)
}

// TestDiskFull has a file system with too little room. It needs root for one of its own, in a
// mount namespace that goes with the child.
func TestDiskFull(t *testing.T) {
	if os.Getenv(childVar) != "full" {
		cmd := again(t, "full", t.TempDir())
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		runAgain(t, cmd)
		return
	}
	dir := os.Getenv(fileVar)
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Skip(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip(err)
	}
	b := sample(le64).Assemble().Data
	path := filepath.Join(dir, "x.ko")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, opt := range []Options{{}, {WriteThrough: true}} {
		if _, err := patch(path, opt, Set(".BTF", make([]byte, 100_000))); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%+v: error %v, want %v", opt, err, syscall.ENOSPC)
		}
		if !bytes.Equal(readFile(t, path), b) {
			t.Fatal("the file has changed")
		}
		onlyFile(t, path)
	}
	if _, err := patch(path, Options{}, Set(".BTF", make([]byte, 10_000))); err != nil {
		t.Error(err)
	}
}

// again is this test once more, as another process that does a part of it.
func again(t *testing.T, part, dir string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), childVar+"="+part, fileVar+"="+dir)
	return cmd
}

func runAgain(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM):
		t.Skip("needs root: ", err)
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("%s", out)
	}
}

// asNobody calls f with a folder of its own, as a user without the rights of root.
func asNobody(t *testing.T, part string, f func(dir string)) {
	const nobody = 65534
	switch {
	case os.Getenv(childVar) == part:
		f(os.Getenv(fileVar))
	case os.Getuid() != 0:
		f(t.TempDir())
	default:
		dir, err := os.MkdirTemp("", "elfpatch")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		// The test binary itself is where only root may go.
		binary, work := filepath.Join(dir, "test"), filepath.Join(dir, "work")
		if err := errors.Join(os.WriteFile(binary, readFile(t, os.Args[0]), 0o755), os.Mkdir(work, 0o700),
			os.Chown(work, nobody, nobody), os.Chmod(dir, 0o755)); err != nil {
			t.Fatal(err)
		}
		cmd := again(t, part, work)
		cmd.Path, cmd.Dir = binary, work
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		runAgain(t, cmd)
	}
}
