// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// kernelBlobs reads $BTFGEN_TEST_BTF, a list of files as in PATH: the .BTF section
// of a vmlinux, then those of modules split against it.
func kernelBlobs(tb testing.TB) [][]byte {
	env := os.Getenv("BTFGEN_TEST_BTF")
	if env == "" {
		tb.Skip("BTFGEN_TEST_BTF names no files: .BTF of vmlinux, then of modules")
	}
	var blobs [][]byte
	for _, name := range filepath.SplitList(env) {
		b, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		blobs = append(blobs, b)
	}
	return blobs
}

func TestKernelBlobs(t *testing.T) {
	var base *Table
	for i, b := range kernelBlobs(t) {
		tab, err := Read(b, base)
		if err != nil {
			t.Fatalf("blob %d: %v", i, err)
		}
		if !bytes.Equal(tab.Write(), b) {
			t.Errorf("blob %d: not written as it was read", i)
		}
		for _, p := range Validate(tab, ValidateOptions{Max: 10}) {
			t.Errorf("blob %d: %v", i, p)
		}
		checkSwap(t, tab)
		if err := Dump(io.Discard, tab); err != nil {
			t.Error(err)
		}
		if i == 0 {
			base = tab
		}
	}
}

func BenchmarkReadKernel(b *testing.B) {
	blob := kernelBlobs(b)[0]
	b.SetBytes(int64(len(blob)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(blob, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkValidate(b *testing.B, opt ValidateOptions) {
	t, err := Read(kernelBlobs(b)[0], nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(t.Data())))
	b.ReportAllocs()
	for b.Loop() {
		Validate(t, opt)
	}
}

func BenchmarkValidateKernel(b *testing.B) { benchmarkValidate(b, ValidateOptions{}) }
func BenchmarkValidateResolveKernel(b *testing.B) {
	benchmarkValidate(b, ValidateOptions{Resolve: true})
}

func BenchmarkDumpKernel(b *testing.B) {
	t, err := Read(kernelBlobs(b)[0], nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(t.Data())))
	b.ReportAllocs()
	for b.Loop() {
		if err := Dump(io.Discard, t); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIndexStringsKernel(b *testing.B) {
	t, err := Read(kernelBlobs(b)[0], nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(t.Strings())))
	b.ReportAllocs()
	for b.Loop() {
		IndexStrings(t)
	}
}

// BenchmarkStringTableKernel adds every name of a blob in the order of the types, as
// a writer does.
func BenchmarkStringTableKernel(b *testing.B) {
	t, err := Read(kernelBlobs(b)[0], nil)
	if err != nil {
		b.Fatal(err)
	}
	var names [][]byte
	for id := t.FirstID(); int(id) < t.NumIDs(); id++ {
		r := t.Type(id)
		names = append(names, t.Str(r.Name))
		for f, i := r.ElemNames(), 0; i < f.N; i++ {
			names = append(names, t.Str(StrOff(r.U32(f.At(i)))))
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		s := NewStringTable(nil)
		for _, name := range names {
			s.Add(name)
		}
		b.ReportMetric(float64(len(names)), "adds")
		b.ReportMetric(float64(s.used), "strings")
	}
}
