// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/btfgen/btfgen/kbuild"
)

// newPool makes a jobserver with tokens. It returns what MAKEFLAGS says of it, and counts what is left in it.
func newPool(t *testing.T, tokens string) (makeflags string, left func() int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, unix.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.WriteString(tokens); err != nil {
		t.Fatal(err)
	}
	return "-j9 --jobserver-auth=fifo:" + path, func() int {
		n, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCINQ)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
}

func TestSpread(t *testing.T) {
	for _, test := range []struct {
		n, workers int
		tokens     string // "none": no jobserver
		most       int32  // at a time
	}{
		{n: 0, workers: 4, tokens: "++", most: 0},
		{n: 20, workers: 8, tokens: "++", most: 3},
		{n: 20, workers: 2, tokens: "++", most: 2},
		{n: 20, workers: 8, tokens: "", most: 1},
		{n: 20, workers: 1, tokens: "++", most: 1},
		{n: 3, workers: 8, tokens: "none", most: 3},
	} {
		t.Run(fmt.Sprintf("%d files, %d workers, tokens %q", test.n, test.workers, test.tokens), func(t *testing.T) {
			var server *kbuild.Jobserver
			left := func() int { return 0 }
			if test.tokens != "none" {
				var flags string
				flags, left = newPool(t, test.tokens)
				var err error
				if server, err = kbuild.OpenJobserver(flags); err != nil {
					t.Fatal(err)
				}
			} else {
				test.tokens = ""
			}
			var now, most atomic.Int32
			var mu sync.Mutex
			done := map[int]int{}
			spread(test.n, test.workers, server, func(i int) {
				n := now.Add(1)
				defer now.Add(-1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				time.Sleep(5 * time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
				done[i]++
			})
			if most.Load() != test.most {
				t.Errorf("%d at a time, want %d", most.Load(), test.most)
			}
			for i := range test.n {
				if done[i] != 1 {
					t.Errorf("number %d was done %d times", i, done[i])
				}
			}
			if n := left(); n != len(test.tokens) {
				t.Errorf("%d tokens are left, want %d", n, len(test.tokens))
			}
		})
	}
}

// TestTokensComeBack has a process with all tokens end in several ways.
func TestTokensComeBack(t *testing.T) {
	if how := os.Getenv("BTFGEN_TEST_HOLD"); how != "" {
		fmt.Println("has", share(8))
		if how == "signal" {
			time.Sleep(time.Minute)
		}
		os.Exit(run([]string{"btfgen", "frobnicate"}, os.Stdout, os.Stderr))
	}
	for how, signal := range map[string]syscall.Signal{"end": 0, "signal": syscall.SIGINT, "signal, another": syscall.SIGTERM} {
		t.Run(how, func(t *testing.T) {
			flags, left := newPool(t, "+++")
			cmd := exec.Command(os.Args[0], "-test.run=TestTokensComeBack")
			cmd.Env = append(os.Environ(), "MAKEFLAGS="+flags, "BTFGEN_TEST_HOLD="+how[:min(len(how), 6)])
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil || line != "has 4\n" {
				t.Errorf("%q, %v", line, err)
			}
			if signal != 0 {
				if n := left(); n != 0 {
					t.Errorf("%d tokens are left, it has taken them", n)
				}
				if err := cmd.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
			}
			err = cmd.Wait()
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				t.Fatalf("it ends with %v", err)
			}
			if status := exit.Sys().(syscall.WaitStatus); signal != 0 && (!status.Signaled() || status.Signal() != signal) || signal == 0 && status.ExitStatus() != exitUsage {
				t.Errorf("it ends with %v", err)
			}
			if n := left(); n != 3 {
				t.Errorf("%d tokens came back, there were 3", n)
			}
		})
	}
}

func TestShareOutOfReach(t *testing.T) {
	if os.Getenv("BTFGEN_TEST_SHARE") != "" {
		fmt.Println(share(1), share(8), perFile(2, 8))
		os.Exit(0)
	}
	for flags, want := range map[string]string{"": "1 8 1\n", "-j8": "1 8 1\n", "-j8 --jobserver-auth=fifo:/nowhere": "1 1 1\n", "-j8 --jobserver-auth=-2,-2": "1 1 1\n"} {
		cmd := exec.Command(os.Args[0], "-test.run=TestShareOutOfReach")
		cmd.Env = append(os.Environ(), "MAKEFLAGS="+flags, "BTFGEN_TEST_SHARE=1")
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("MAKEFLAGS=%q: %q, %v, want %q", flags, out, err, want)
		}
	}
}
