// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build linux && (amd64 || arm64 || loong64 || ppc64le || riscv64 || s390x)

package elfview

import (
	"io"
	"os"
	"syscall"
	"unsafe"
)

// fileReader reads a regular file without a word to the Go scheduler. A unit is a read of 80 KB that takes 30 µs from the
// page cache; the runtime's monitor takes the processor away from a system call that lasts longer than 20, and wakes another
// thread that finds nothing to do: thousands of times in a kernel, 3 to 5 % of the processor time with two workers.
// The price is that a garbage collection waits for a read from the disk.
type fileReader struct {
	file *os.File
	conn syscall.RawConn
}

func newFileReader(file *os.File) io.ReaderAt {
	conn, err := file.SyscallConn()
	if err != nil {
		return file
	}
	return fileReader{file, conn}
}

// ReadAt implements io.ReaderAt. What is not simply there, the end of the file and errors too, is left to package os.
func (r fileReader) ReadAt(b []byte, off int64) (n int, err error) {
	if len(b) != 0 && off >= 0 {
		_ = r.conn.Control(func(fd uintptr) {
			got, _, errno := syscall.RawSyscall6(syscall.SYS_PREAD64, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(off), 0, 0)
			if errno == 0 {
				n = int(got)
			}
		})
	}
	if n == len(b) {
		return n, nil
	}
	more, err := r.file.ReadAt(b[n:], off+int64(n))
	return n + more, err
}
