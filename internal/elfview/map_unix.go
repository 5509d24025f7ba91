// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build unix

package elfview

import (
	"os"
	"syscall"
)

func mapFile(file *os.File, off, size int64) ([]byte, error) {
	return syscall.Mmap(int(file.Fd()), off, int(size), syscall.PROT_READ, syscall.MAP_PRIVATE)
}
