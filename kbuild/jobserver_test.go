// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestParseMakeFlags(t *testing.T) {
	for _, test := range []struct {
		name, in  string
		dollars   bool
		options   []string
		variables map[string]string
	}{
		{name: "empty", variables: map[string]string{}},
		{name: "letters and variables", in: "ks -j8 --jobserver-auth=3,4 -- V=1 CC=gcc\\ -m32",
			options: []string{"ks", "-j8", "--jobserver-auth=3,4"}, variables: map[string]string{"V": "1", "CC": "gcc -m32"}},
		{name: "without a mark", in: " PAHOLE=/x/pahole", variables: map[string]string{"PAHOLE": "/x/pahole"}},
		{name: "the last counts", in: "A=1 A:=2", variables: map[string]string{"A": "2"}},
		{name: "dollars", in: `cmd_btf_ko=btfgen\ module\ $$@`, dollars: true, variables: map[string]string{"cmd_btf_ko": "btfgen module $@"}},
		{name: "dollars read already", in: `X=a$$b`, variables: map[string]string{"X": "a$$b"}},
		{name: "backslash at the end", in: `X=a\`, variables: map[string]string{"X": `a\`}},
		{name: "tabs, not lines", in: "\tA=1\nB=\t\tC=", variables: map[string]string{"A": "1\nB=", "C": ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := parseMakeFlags(test.in, test.dollars)
			if d := cmp.Diff(test.options, got.options); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(test.variables, got.variables); d != "" {
				t.Error(d)
			}
		})
	}
}

// pool is what make has: a pipe with tokens, or a named one.
type pool struct {
	flags string   // MAKEFLAGS
	file  *os.File // to look at what is left, without waiting
}

func pools(t *testing.T, tokens string) map[string]pool {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	// Fd makes the descriptors blocking, as those of make may be.
	flags := fmt.Sprintf("rR -j9 --jobserver-auth=%d,%d -- V=1", r.Fd(), w.Fd())
	if _, err := w.WriteString(tokens); err != nil {
		t.Fatal(err)
	}
	look, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", r.Fd()), unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { look.Close() })

	path := filepath.Join(t.TempDir(), "with a blank")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	fifo, err := os.OpenFile(path, unix.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fifo.Close() })
	if _, err := fifo.WriteString(tokens); err != nil {
		t.Fatal(err)
	}
	return map[string]pool{
		"pipe": {flags, look},
		"fifo": {"-j9 --jobserver-auth=fifo:" + strings.ReplaceAll(path, " ", `\ `), fifo},
	}
}

// left takes out and returns the tokens that are in the pool, sorted.
func (p pool) left(t *testing.T) string {
	t.Helper()
	b := make([]byte, 100)
	if err := p.file.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	n, err := p.file.Read(b)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	slices.Sort(b[:n])
	return string(b[:n])
}

func TestJobserver(t *testing.T) {
	for name, p := range pools(t, "abc") {
		t.Run(name, func(t *testing.T) {
			s, err := OpenJobserver(p.flags)
			if err != nil {
				t.Fatal(err)
			}
			if n := s.TryAcquire(2); n != 2 {
				t.Errorf("2 of 3 tokens: got %d", n)
			}
			if err := s.Acquire(t.Context()); err != nil {
				t.Error(err)
			}
			if n := s.TryAcquire(5); n != 0 {
				t.Errorf("none is left, got %d", n)
			}

			// One that waits gets what another gives back.
			got := make(chan error)
			go func() { got <- s.Acquire(t.Context()) }()
			s.Release()
			if err := <-got; err != nil {
				t.Error(err)
			}

			// One that waits can be told to stop, and the next is not troubled.
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() { got <- s.Acquire(ctx) }()
			time.Sleep(5 * time.Millisecond)
			if n := s.TryAcquire(1); n != 0 {
				t.Errorf("another one waits, got %d", n)
			}
			cancel()
			if err := <-got; !errors.Is(err, context.Canceled) {
				t.Errorf("stopped: %v", err)
			}
			go func() { got <- s.Acquire(t.Context()) }()
			s.Release()
			if err := <-got; err != nil {
				t.Error(err)
			}

			// All come back, also from one that waits meanwhile.
			go func() { got <- s.Acquire(t.Context()) }()
			time.Sleep(5 * time.Millisecond)
			s.Close()
			if err := <-got; !errors.Is(err, os.ErrClosed) {
				t.Errorf("closed: %v", err)
			}
			s.Release()
			s.Close()
			if n := s.TryAcquire(1); n != 0 {
				t.Errorf("closed, got %d", n)
			}
			if err := s.Acquire(t.Context()); err == nil {
				t.Error("closed, got one")
			}
			if left := p.left(t); left != "abc" {
				t.Errorf("left are %q", left)
			}
		})
	}
}

// TestJobserverLoad has many take and give at a time: never more than there are tokens, and none is lost.
func TestJobserverLoad(t *testing.T) {
	for name, p := range pools(t, "+++") {
		t.Run(name, func(t *testing.T) {
			s, err := OpenJobserver(p.flags)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var mu sync.Mutex
			now, most, done := 0, 0, 0
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for s.Acquire(ctx) == nil {
						mu.Lock()
						now++
						most = max(most, now)
						mu.Unlock()
						time.Sleep(time.Microsecond)
						mu.Lock()
						now--
						if done++; done == 500 {
							cancel()
						}
						mu.Unlock()
						s.Release()
					}
				})
			}
			wg.Wait()
			if most > 3 {
				t.Errorf("%d at a time, there are 3 tokens", most)
			}
			s.Close()
			if left := p.left(t); left != "+++" {
				t.Errorf("left are %q", left)
			}
		})
	}
}

func TestJobserverGone(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s, err := OpenJobserver(fmt.Sprintf("--jobserver-fds=%d,%d", r.Fd(), w.Fd()))
	if err != nil {
		t.Skip(err)
	}
	w.Close()
	s.write.Close() // as nothing but a crash does
	if err := s.Acquire(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("make has gone: %v", err)
	}
}

func TestNoJobserver(t *testing.T) {
	var none *Jobserver
	if err := none.Acquire(t.Context()); err != nil || none.TryAcquire(7) != 7 || none.TryAcquire(-1) != 0 {
		t.Error("no jobserver sets a limit")
	}
	none.Release()
	none.Close()
	for _, flags := range []string{"", "-j8", "k", "-- X=--jobserver-auth=3,4"} {
		if s, err := OpenJobserver(flags); s != nil || err != nil {
			t.Errorf("%q: %v, %v", flags, s, err)
		}
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, auth := range []string{"-2,-2", "3", ",", "99999999999,3", "fifo:", "fifo:nowhere", "fifo:" + file.Name(), "frob:x",
		fmt.Sprintf("%d,%[1]d", file.Fd())} {
		if s, err := OpenJobserver("-j8 --jobserver-auth=" + auth); s != nil || !errors.Is(err, ErrNoJobserver) {
			t.Errorf("%q: %v, %v", auth, s, err)
		}
	}
}

// TestJobserverMake runs below a real make what askMake does.
func TestJobserverMake(t *testing.T) {
	if os.Getenv("BTFGEN_TEST_ASK_MAKE") != "" {
		askMake()
	}
	path := needTool(t, "make")
	for _, test := range []struct{ args, plus, want string }{
		{"-j3", "+", "tokens 2"},
		{"-j1", "+", "no limit"},
		{"-j3", "", "no plus"},
	} {
		cmd := exec.Command(path, "-f", "-", test.args)
		cmd.Env = append(os.Environ(), "BTFGEN_TEST_ASK_MAKE=1", "MAKEFLAGS=")
		cmd.Stdin = strings.NewReader("all: ; " + test.plus + "@" + os.Args[0] + " -test.run=TestJobserverMake\n")
		out, err := cmd.CombinedOutput()
		if got, _, _ := strings.Cut(string(out), "\n"); err != nil || got != test.want && test.plus != "" {
			t.Errorf("make %s, recipe with %q: %v, %s, want %s", test.args, test.plus, err, out, test.want)
		}
	}
}

// askMake prints how many jobs make lets it have, and ends the process.
func askMake() {
	s, err := JobserverFromEnv()
	switch {
	case errors.Is(err, ErrNoJobserver):
		fmt.Println("no plus")
	case err != nil:
		fmt.Println(err)
	case s == nil:
		fmt.Println("no limit")
	default:
		fmt.Println("tokens", s.TryAcquire(8))
		s.Close()
	}
	os.Exit(0)
}
