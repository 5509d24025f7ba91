// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfview

import (
	"debug/elf"
	"os"
	"testing"
)

// BenchmarkRelocate measures the two entries that make up a module, 19 of 20 for
// a string, in the layouts with and without a fast path.
func BenchmarkRelocate(b *testing.B) {
	const entries = 1 << 17
	for _, bench := range []struct {
		name  string
		mach  elf.Machine
		class elf.Class
		big   bool
	}{
		{"x86-64", elf.EM_X86_64, elf.ELFCLASS64, false},
		{"s390x", elf.EM_S390, elf.ELFCLASS64, true},
		{"mips64", elf.EM_MIPS, elf.ELFCLASS64, true},
		{"i386", elf.EM_386, elf.ELFCLASS32, false},
	} {
		b.Run(bench.name, func(b *testing.B) {
			o := relocObject{mach: bench.mach, class: bench.class, big: bench.big, size: 16 * entries}
			abs32, abs64 := absTypes(bench.mach)
			for i := range uint64(entries) {
				e := testReloc{off: 16 * i, sym: symStr, typ: abs32, addend: int64(i * 13 % 4096)}
				if i%20 == 0 && bench.class == elf.ELFCLASS64 {
					e.sym, e.typ = symText, abs64
				}
				o.entries = append(o.entries, e)
			}
			f := o.open(b)
			benchApply(b, f, f.Section(".debug_info"))
		})
	}
}

// BenchmarkRelocateFile relocates .debug_info of the file that BTFGEN_ELF names.
func BenchmarkRelocateFile(b *testing.B) {
	path := os.Getenv("BTFGEN_ELF")
	if path == "" {
		b.Skip("BTFGEN_ELF names no file")
	}
	f, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	benchApply(b, f, f.DebugSection(".debug_info"))
}

func benchApply(b *testing.B, f *File, target *Section) {
	r := relocator(b, f, nil)
	rel, err := r.relocations(target)
	if rel == nil || err != nil {
		b.Fatalf("no relocations, %v", err)
	}
	data, err := f.Data(target)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(rel.FileSize))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if err := r.Apply(target, data, 0, nil); err != nil {
			b.Fatal(err)
		}
		n++
	}
	perRun := float64(b.Elapsed().Nanoseconds()) / float64(n)
	b.ReportMetric(perRun/float64(rel.FileSize/rel.EntSize), "ns/entry")
}
