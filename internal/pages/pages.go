// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package pages allocates memory for hash tables.
package pages

import "unsafe"

// Touched returns n zero values in pages that have been written. A page of fresh memory that is read first, as those of a hash
// table are, is the kernel's page of zeros; when it is then written, every processor has to be told to forget that. It cost
// 2 % of a kernel's run with two workers, and a fifth of that of a small module.
func Touched[T any](n int) []T {
	const page = 4096
	var zero T
	t := make([]T, n)
	for i := 0; i < n; i += max(1, page/int(unsafe.Sizeof(zero))) {
		clear(t[i : i+1])
	}
	return t
}
