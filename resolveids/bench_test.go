// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/btfgen/btfgen/internal/elfview"
)

// BenchmarkKernel reads and resolves the vmlinux that comes first in $BTFGEN_TEST_RESOLVED, with the BTF of the
// file $BTFGEN_TEST_BTF if that is set, else with its own.
func BenchmarkKernel(b *testing.B) {
	paths := filepath.SplitList(os.Getenv("BTFGEN_TEST_RESOLVED"))
	if len(paths) == 0 {
		b.Skip("BTFGEN_TEST_RESOLVED names no files")
	}
	f, err := elfview.Open(paths[0])
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	own, err := ReadOwn(f)
	if err != nil {
		b.Fatal(err)
	}
	in := Input{BTF: own.BTF, Own: own}
	if name := os.Getenv("BTFGEN_TEST_BTF"); name != "" {
		if in.BTF, err = os.ReadFile(name); err != nil {
			b.Fatal(err)
		}
	}
	kernel, _, err := KernelOf(f)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("symbols", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ReadIDs(f); err != nil {
				b.Fatal(err)
			}
		}
	})
	ids, err := ReadIDs(f)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("resolve", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(in.BTF)))
		for b.Loop() {
			if _, err := Resolve(ids, in, Options{Kernel: kernel, Jobs: 2}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
