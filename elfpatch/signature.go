// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"encoding/binary"
	"fmt"
	"io"
)

// A signature stands behind the module: the signer's bytes, a header whose last
// word is their number, big-endian, and this line (include/linux/module_signature.h:
// MODULE_SIG_STRING, struct module_signature). Old kernels also counted the signer's name
// and the key's id, in bytes 3 and 4 of the header.
const (
	sigMarker = "~Module signature appended~\n"
	sigHeader = 12
)

// unsigned returns how many of the size bytes come before a signature. If there is
// one it is an error unless drop.
func unsigned(src io.ReaderAt, size int64, drop bool) (int64, error) {
	for {
		n, err := signature(src, size)
		if err != nil || n == 0 {
			return size, err
		}
		if !drop {
			return 0, fmt.Errorf("%w: %d bytes behind the file would no longer hold for it", ErrSigned, n)
		}
		size -= n // a module may have been signed twice
	}
}

// signature returns the length in bytes of the signature at the end, 0 if there is none.
func signature(src io.ReaderAt, size int64) (int64, error) {
	const tail = sigHeader + int64(len(sigMarker))
	if size < tail {
		return 0, nil
	}
	b := make([]byte, tail)
	if err := readFull(src, b, uint64(size-tail)); err != nil {
		return 0, err
	}
	if string(b[sigHeader:]) != sigMarker {
		return 0, nil
	}
	n := int64(binary.BigEndian.Uint32(b[8:])) + int64(b[3]) + int64(b[4])
	if n > size-tail {
		return 0, fmt.Errorf("module signature of %d bytes in a file of %d", n, size)
	}
	return n + tail, nil
}
