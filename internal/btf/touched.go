// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import "unsafe"

// touched returns n zero values for a hash table, in pages that have been written. A page of fresh memory that is read first, as
// a table's are, is the kernel's page of zeros; when it is then written, every processor has to be told to forget that. For
// the table of classes it cost 2 % of a run with two workers.
func touched[T any](n int) []T {
	const page = 4096
	var zero T
	t := make([]T, n)
	for i := 0; i < n; i += max(1, page/int(unsafe.Sizeof(zero))) {
		clear(t[i : i+1])
	}
	return t
}
