// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfview

import (
	"bytes"
	"debug/elf"
	"testing"
)

// FuzzRelocations applies any entries to any section, for a machine and format of
// the fuzzer's choice. Where there is a fast path, it must do what the rules do.
func FuzzRelocations(f *testing.F) {
	machines := []elf.Machine{elf.EM_X86_64, elf.EM_386, elf.EM_AARCH64, elf.EM_ARM, elf.EM_S390, elf.EM_RISCV,
		elf.EM_LOONGARCH, elf.EM_PPC, elf.EM_PPC64, elf.EM_MIPS, elf.EM_SPARC}
	const big, class32, rel, withCanon = 1, 2, 4, 8
	for i, mach := range machines[:len(machines)-1] {
		for flags := range uint8(16) {
			o := relocObject{mach: mach, class: elf.ELFCLASS64, big: flags&big != 0, rel: flags&rel != 0}
			if flags&class32 != 0 {
				o.class = elf.ELFCLASS32
			}
			var raw []byte
			for typ, rule := range relocMachines[mach].rules {
				if rule != 0 && (o.class == elf.ELFCLASS64 || typ < 256) {
					raw = o.appendEntry(raw, testReloc{off: uint64(typ % 13), sym: uint32(typ % symCount), typ: uint32(typ), addend: -3})
				}
			}
			f.Add(uint8(i), flags, raw, []byte("\x81\x80\x00 sixteen and more bytes"))
		}
	}
	f.Fuzz(func(t *testing.T, mach, flags uint8, raw, data []byte) {
		o := relocObject{mach: machines[int(mach)%len(machines)], class: elf.ELFCLASS64, big: flags&big != 0,
			rel: flags&rel != 0, raw: raw, data: data}
		if flags&class32 != 0 {
			o.class = elf.ELFCLASS32
		}
		file := o.open(t)
		addrs, err := file.SyntheticAddrs()
		if err != nil {
			t.Fatal(err)
		}
		r := relocator(t, file, addrs)
		target := file.Section(".debug_info")
		var canon func([]uint64)
		if flags&withCanon != 0 {
			canon = func(offs []uint64) {
				for i := range offs {
					offs[i] = offs[i]*3 + 1
				}
			}
		}
		got := append(bytes.Clone(data), 1, 2, 3, 4, 5, 6, 7, 8)[:len(data)]
		err = r.Apply(target, got, secStr, canon)
		if after := got[:len(data)+8][len(data):]; !bytes.Equal(after, []byte{1, 2, 3, 4, 5, 6, 7, 8}) {
			t.Fatalf("% x behind the section", after)
		}
		rel, relErr := r.relocations(target)
		if relErr != nil && err == nil {
			t.Fatalf("applied in spite of %v", relErr)
		}
		if rel == nil || relErr != nil {
			return
		}
		want := bytes.Clone(data)
		a := &relocApplier{Relocator: r, data: want, target: target, rel: rel, layout: r.layout(rel),
			order: file.order, strShndx: noSection, canon: canon}
		if canon != nil {
			a.strShndx = secStr
		}
		wantErr := a.entries(raw, 0)
		if !bytes.Equal(got, want) || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Fatalf("fast % x, %v\nrules % x, %v", got, err, want, wantErr)
		}
	})
}
