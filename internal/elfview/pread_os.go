// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build !linux || !(amd64 || arm64 || loong64 || ppc64le || riscv64 || s390x)

package elfview

import (
	"io"
	"os"
)

func newFileReader(file *os.File) io.ReaderAt { return file }
