// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"os"
	"testing"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/testkit"
)

// benchFile is BTFGEN_BENCH_ELF, a vmlinux say, or a small object of testdata.
func benchFile(b *testing.B) string {
	if f := os.Getenv("BTFGEN_BENCH_ELF"); f != "" {
		return f
	}
	return testkit.Objects(b, "many_units.*x86_64*.elf")[0]
}

// BenchmarkEncode measures a whole run without reading options or writing the file.
func BenchmarkEncode(b *testing.B) {
	for _, jobs := range []int{1, 2} {
		b.Run(map[int]string{1: "j1", 2: "j2"}[jobs], func(b *testing.B) {
			f, err := elfview.Open(benchFile(b))
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			if n, err := f.Size(f.DebugSection(".debug_info")); err == nil {
				b.SetBytes(int64(n))
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Encode(f, Options{Jobs: jobs}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkModule measures what a process that encodes one module does: it reads the base for that alone. The module is
// BTFGEN_BENCH_MODULE and the base the raw BTF in BTFGEN_BENCH_BASE, or both small ones of testdata.
func BenchmarkModule(b *testing.B) {
	file := os.Getenv("BTFGEN_BENCH_MODULE")
	var blob []byte
	var err error
	if file != "" {
		blob, err = os.ReadFile(os.Getenv("BTFGEN_BENCH_BASE"))
	} else {
		file = testkit.Objects(b, "kfuncs_module.gcc-x86_64*.elf")[0]
		var res *Result
		if res, err = encodeFile(b, testkit.Objects(b, "kfuncs_kernel.gcc-x86_64*.elf")[0], Options{}); err == nil {
			blob = res.BTF
		}
	}
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		base, err := btf.Read(blob, nil)
		if err != nil {
			b.Fatal(err)
		}
		f, err := elfview.Open(file)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Encode(f, Options{Jobs: 1, Base: btf.NewBase(base), StyleOfBase: true, Again: true}); err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}

// BenchmarkWalk measures the walk over the DIEs of all units alone, by one worker.
func BenchmarkWalk(b *testing.B) {
	f, err := elfview.Open(benchFile(b))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	opt := &Options{}
	if err := opt.Check(); err != nil {
		b.Fatal(err)
	}
	in, err := openInput(f, opt)
	if err != nil {
		b.Fatal(err)
	}
	w := newWalker(in, opt)
	b.SetBytes(int64(in.info.size))
	b.ReportAllocs()
	records := 0
	for b.Loop() {
		records = 0
		for unit := range in.numGraphs() {
			if err := w.load(unit); err != nil {
				b.Fatal(err)
			}
			records += len(w.out.Records)
		}
	}
	b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "types/s")
}
