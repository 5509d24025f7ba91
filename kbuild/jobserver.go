// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Jobserver is that of the GNU make which runs this process: a pipe, or a named one, that holds a byte for each
// job that may be started beyond those that run (GNU make manual, "Sharing Job Slots with GNU make"). A process has one job
// without asking; for each further one it takes a byte, and writes the same byte back when that job is done.
//
// A nil Jobserver sets no limit. All methods are safe for concurrent use.
type Jobserver struct {
	read, write *os.File      // may be the same
	turn        chan struct{} // full while somebody reads, and after Close
	closed      chan struct{} // closed by Close

	mu   sync.Mutex
	held []byte // tokens that were taken and not given back
}

// maxTokens is the most that TryAcquire takes at once.
const maxTokens = 4096

// past is a deadline that ends a read at once.
var past = time.Unix(1, 0)

// ErrNoJobserver says that MAKEFLAGS names a jobserver which cannot be reached: make lets only those recipes reach it
// that run make themselves, or start with +. They then have one job, as make has it.
var ErrNoJobserver = errors.New("the jobserver of make cannot be reached: its recipe needs a +")

// JobserverFromEnv returns the jobserver that the environment's MAKEFLAGS names, nil if it names none.
func JobserverFromEnv() (*Jobserver, error) { return OpenJobserver(os.Getenv("MAKEFLAGS")) }

// OpenJobserver opens the jobserver that the value of a MAKEFLAGS names: in the form fifo:PATH of GNU make 4.4, or R,W of
// inherited descriptors. It returns nil if none is named. The error wraps ErrNoJobserver.
func OpenJobserver(makeflags string) (*Jobserver, error) {
	auth := ""
	for _, o := range parseMakeFlags(makeflags, false).options {
		for _, name := range []string{"--jobserver-auth=", "--jobserver-fds="} { // the latter before GNU make 4.2
			if v, ok := strings.CutPrefix(o, name); ok {
				auth = v // the last one counts
			}
		}
	}
	if auth == "" {
		return nil, nil
	}
	if path, ok := strings.CutPrefix(auth, "fifo:"); ok {
		// Open for both, it is never at its end, and a name that stands for something else does no harm.
		f, err := openFIFO(path, unix.O_RDWR)
		if err != nil {
			return nil, err
		}
		return newJobserver(f, f), nil
	}
	r, w, _ := strings.Cut(auth, ",")
	read, err := inheritedFIFO(r, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	write, err := inheritedFIFO(w, unix.O_WRONLY)
	if err != nil {
		read.Close()
		return nil, err
	}
	return newJobserver(read, write), nil
}

func newJobserver(read, write *os.File) *Jobserver {
	return &Jobserver{read: read, write: write, turn: make(chan struct{}, 1), closed: make(chan struct{})}
}

// inheritedFIFO opens the pipe behind a descriptor once more: the flag that lets a read be given up belongs to the open
// file, which make and all its children share.
func inheritedFIFO(number string, flags int) (*os.File, error) {
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return nil, fmt.Errorf("descriptor %.20q: %w", number, ErrNoJobserver)
	}
	return openFIFO(fmt.Sprintf("/proc/self/fd/%d", n), flags)
}

// openFIFO opens a pipe and nothing else: a descriptor that make has closed may be anything by now.
func openFIFO(path string, flags int) (*os.File, error) {
	fi, err := os.Stat(path)
	if err == nil && fi.Mode()&os.ModeNamedPipe == 0 {
		return nil, fmt.Errorf("%s is no pipe: %w", path, ErrNoJobserver)
	}
	var f *os.File
	if err == nil {
		f, err = os.OpenFile(path, flags|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrNoJobserver)
	}
	return f, nil
}

// Acquire waits for a token. It fails if ctx ends, if Close was called, or if make has gone.
func (s *Jobserver) Acquire(ctx context.Context) error {
	if s == nil {
		return ctx.Err()
	}
	select {
	case s.turn <- struct{}{}: // one reads at a time, since the deadline is that of the file
		defer func() { <-s.turn }()
	case <-s.closed:
		return os.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	stop := context.AfterFunc(ctx, func() { _ = s.read.SetReadDeadline(past) })
	defer stop()
	var token [1]byte
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.mayRead(); err != nil {
			return err
		}
		_, err := s.read.Read(token[:])
		switch {
		case err == nil:
			s.mu.Lock()
			s.held = append(s.held, token[0])
			s.mu.Unlock()
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded): // perhaps that of a context before this one
		default:
			return err // io.EOF: nobody is left to write one
		}
	}
}

// mayRead lets the next read wait for as long as it takes, unless Close was called.
func (s *Jobserver) mayRead() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return os.ErrClosed
	}
	return s.read.SetReadDeadline(time.Time{})
}

func (s *Jobserver) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// TryAcquire takes up to n tokens that are there now, and returns how many it got. With a nil Jobserver it is n.
func (s *Jobserver) TryAcquire(n int) int {
	if s == nil || n <= 0 {
		return max(n, 0)
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	default:
		return 0 // somebody waits for one, so there is none
	}
	if s.mayRead() != nil {
		return 0
	}
	raw, err := s.read.SyscallConn()
	if err != nil {
		return 0
	}
	tokens := make([]byte, min(n, maxTokens))
	got := 0
	err = raw.Read(func(fd uintptr) bool {
		k, err := unix.Read(int(fd), tokens)
		if err == nil {
			got = k
		}
		return true // whatever it was, there is no waiting
	})
	if err != nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = append(s.held, tokens[:got]...)
	return got
}

// Release gives a token back. It panics if none is held.
func (s *Jobserver) Release() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return // given back already
	}
	last := len(s.held) - 1
	token := s.held[last]
	s.held = s.held[:last]
	_, _ = s.write.Write([]byte{token}) // fails only if make has gone
}

// Close gives back all tokens that are held, ends every Acquire, and releases the files. It may be called more than once.
func (s *Jobserver) Close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	if s.isClosed() {
		s.mu.Unlock()
		return
	}
	close(s.closed)
	_ = s.read.SetReadDeadline(past)
	s.mu.Unlock()
	s.turn <- struct{}{} // for good: nobody reads a token from here on, or has one that is not in held
	_, _ = s.write.Write(s.held)
	s.held = nil
	s.write.Close()
	s.read.Close()
}
