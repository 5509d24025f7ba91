// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a terminal of 80 columns.
func openTerminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { ours.Close() })
	conn, err := ours.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	number := 0
	ctlErr := conn.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err != nil {
			return
		}
		if err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
			return
		}
		number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
	})
	if err == nil {
		err = ctlErr
	}
	if err == nil {
		theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	return ours, theirs
}

// A bar is drawn while there is something to do, and nothing of it is left, whether all was done or not.
func TestProgress(t *testing.T) {
	for _, last := range []int64{60, 100} {
		ours, theirs := openTerminal(t)
		read := make(chan string)
		go func() {
			b, _ := io.ReadAll(ours) // ends with an error when the other end is closed
			read <- string(b)
		}()
		p := newProgress(theirs, "vmlinux")
		p.update(1, 100)
		if p.shown != nil {
			t.Error("a bar at once")
		}
		p.start = p.start.Add(-time.Second)
		for _, done := range []int64{50, last} {
			p.update(done, 100)
			time.Sleep(150 * time.Millisecond) // it is drawn every 50
		}
		p.finish()
		theirs.Close()
		out := <-read
		if want := fmt.Sprintf("%d %%", last); !strings.Contains(out, "vmlinux") || !strings.Contains(out, want) {
			t.Errorf("no bar with %q: %q", want, out)
		}
		const clear = "\x1b[1A\x1b[J" // up a line, and clear what is below
		if strings.Count(out, "\n") != strings.Count(out, clear) || !strings.HasSuffix(out, clear) {
			t.Errorf("something is left: %q", out)
		}
	}
}

// Nothing is drawn where nobody looks.
func TestNoProgress(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := newProgress(w, "vmlinux")
	p.start = p.start.Add(-time.Second)
	p.update(50, 100)
	time.Sleep(100 * time.Millisecond)
	p.update(100, 100)
	p.finish()
	w.Close()
	if b, err := io.ReadAll(r); err != nil || len(b) != 0 {
		t.Errorf("%q, %v", b, err)
	}
}
