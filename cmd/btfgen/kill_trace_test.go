// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build amd64 || arm64 || s390x

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A tracer waits for all its children, also for those that other tests have. So it is this test binary again.
const tracePoint = "BTFGEN_TRACE_POINT" // how many calls that write are let through

var errNoTrace = errors.New("system calls cannot be traced here")

// exitNoTrace is the exit code of a tracer that cannot.
const exitNoTrace = 77

// TestKillAtWrites kills a run before each system call that writes, one after the other.
func TestKillAtWrites(t *testing.T) {
	for _, c := range edits {
		t.Run(c.name, func(t *testing.T) {
			e := newEdited(t, c.name, c.file, c.flags)
			var calls []string
			for point := 0; ; point++ {
				e.reset(t)
				call, err := runTraced(point, e.args)
				if errors.Is(err, errNoTrace) {
					skipOrFail(t, err)
				} else if err != nil {
					t.Fatal(err)
				}
				isNew := e.isNew(t)
				if call == "" { // not killed: there are no more
					if !isNew {
						t.Error("the module is still the old one")
					}
					break
				}
				calls = append(calls, call)
				if point > 500 {
					t.Fatalf("too many calls: %v", calls)
				}
			}
			for _, want := range c.calls {
				if want == "fsetxattr" && unix.Setxattr(e.path, "user.btfgen", nil, 0) != nil {
					continue
				}
				if !slices.Contains(calls, want) {
					t.Errorf("%v: no %s", calls, want)
				}
			}
			e.finish(t)
			t.Logf("killed before %v", calls)
		})
	}
}

// runTraced runs btfgen and kills it before it does the call that writes with the given number, from 0 on. It returns the
// name of that call, or "" if there were not so many: then btfgen has ended with success.
func runTraced(point int, args []string) (call string, err error) {
	cmd := exec.Command(os.Args[0], append([]string{"-test.run=^TestTracer$", "--"}, args...)...)
	cmd.Env = append(os.Environ(), tracePoint+"="+strconv.Itoa(point), noRaceWait)
	out, err := cmd.Output()
	var ee *exec.ExitError
	if errors.As(err, &ee) {
		if ee.ExitCode() == exitNoTrace {
			return "", fmt.Errorf("%w: %s", errNoTrace, ee.Stderr)
		}
		return "", fmt.Errorf("%w: %s%s", err, ee.Stderr, out)
	}
	return strings.TrimSpace(string(out)), err
}

// TestTracer is the tracer of runTraced.
func TestTracer(t *testing.T) {
	text, ok := os.LookupEnv(tracePoint)
	if !ok {
		t.Skip("not called by runTraced")
	}
	point, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	call, err := trace(point, os.Args[3:])
	switch {
	case errors.Is(err, errNoTrace):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitNoTrace)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(call)
	os.Exit(0) // before the test prints anything
}

// writes are the system calls that change a file or claim it.
var writes = map[uint64]string{
	unix.SYS_WRITE: "write", unix.SYS_WRITEV: "writev", unix.SYS_PWRITE64: "pwrite64", unix.SYS_PWRITEV: "pwritev",
	unix.SYS_COPY_FILE_RANGE: "copy_file_range", unix.SYS_SENDFILE: "sendfile", unix.SYS_SPLICE: "splice",
	unix.SYS_OPENAT: "openat", unix.SYS_UNLINKAT: "unlinkat", unix.SYS_RENAMEAT: "renameat", unix.SYS_RENAMEAT2: "renameat2",
	unix.SYS_LINKAT: "linkat", unix.SYS_FTRUNCATE: "ftruncate", unix.SYS_FALLOCATE: "fallocate", unix.SYS_FLOCK: "flock",
	unix.SYS_FCHMOD: "fchmod", unix.SYS_FCHMODAT: "fchmodat", unix.SYS_FCHOWN: "fchown", unix.SYS_FSETXATTR: "fsetxattr",
	unix.SYS_FSYNC: "fsync", unix.SYS_UTIMENSAT: "utimensat",
}

// What package unix lacks (include/uapi/linux/ptrace.h: struct ptrace_syscall_info).
const (
	ptraceGetSyscallInfo = 0x420e
	syscallInfoSize      = 88
	syscallInfoEntry     = 1
)

// enteredCall returns the name of the call that a thread is about to do, "" if it is none that writes.
func enteredCall(tid int) (string, error) {
	var info [syscallInfoSize]byte
	// The call gives the length it could give.
	n, _, errno := unix.Syscall6(unix.SYS_PTRACE, ptraceGetSyscallInfo, uintptr(tid), syscallInfoSize, uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 || n < 80 && info[0] == syscallInfoEntry {
		return "", fmt.Errorf("%w: PTRACE_GET_SYSCALL_INFO gives %d bytes: %v", errNoTrace, n, errno)
	}
	if info[0] != syscallInfoEntry {
		return "", nil
	}
	nr, flags := binary.NativeEndian.Uint64(info[24:]), binary.NativeEndian.Uint64(info[48:]) // the third argument
	if nr == unix.SYS_OPENAT && flags&(unix.O_CREAT|unix.O_TRUNC) == 0 {
		return "", nil
	}
	if nr == unix.SYS_WRITE { // the runtime's own, which wakes its poller, or does not
		fd := binary.NativeEndian.Uint64(info[32:])
		if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, fd)); err == nil && strings.HasPrefix(to, "anon_inode:") {
			return "", nil
		}
	}
	return writes[nr], nil
}

// trace is runTraced within the tracer.
func trace(point int, args []string) (call string, err error) {
	runtime.LockOSThread() // the thread that starts the process is the one that may trace it
	cmd := btfgen(args...)
	cmd.Env = append(cmd.Environ(), "GODEBUG=asyncpreemptoff=1") // signals would have calls done twice
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("%w: %w", errNoTrace, err)
	}
	pid := cmd.Process.Pid
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &ws, 0, nil); err != nil || !ws.Stopped() {
		return "", fmt.Errorf("%w: the process does not stop: %v", errNoTrace, err)
	}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(pid, options); err != nil {
		return "", fmt.Errorf("%w: %w", errNoTrace, err)
	}
	for tid := pid; ; {
		deliver := 0
		if ws.Stopped() {
			switch sig := ws.StopSignal(); {
			case sig == syscall.SIGTRAP|0x80:
				name, err := enteredCall(tid)
				if err != nil {
					return "", err
				}
				if name != "" && call == "" {
					if point--; point < 0 {
						call = name
						if err := unix.Kill(pid, unix.SIGKILL); err != nil {
							return "", err
						}
					}
				}
			case sig == syscall.SIGTRAP || sig == syscall.SIGSTOP: // a new thread
			default:
				deliver = int(sig)
			}
			if err := unix.PtraceSyscall(tid, deliver); err != nil && !errors.Is(err, unix.ESRCH) { // killed meanwhile
				return "", err
			}
		}
		if tid, err = syscall.Wait4(-1, &ws, unix.WALL, nil); err != nil {
			return "", err
		}
		switch {
		case tid != pid || ws.Stopped():
		case call != "" && ws.Signaled() && ws.Signal() == syscall.SIGKILL:
			return call, nil
		case call == "" && ws.Exited() && ws.ExitStatus() == exitOK:
			return "", nil
		default:
			return "", fmt.Errorf("killed before %q: exit code %d, signal %v", call, ws.ExitStatus(), ws.Signal())
		}
	}
}
