// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"debug/elf"
	"testing"

	"github.com/btfgen/btfgen/internal/testkit"
)

func TestParseKernel(t *testing.T) {
	tests := []struct {
		in   string
		want Kernel
		err  string
	}{
		{in: "6.12", want: Kernel{6, 12}},
		{in: "6.12.107+deb13-amd64", want: Kernel{6, 12}},
		{in: "7.0-rc3", want: Kernel{7, 0}},
		{in: "7.3.4 (builder@host) #1", want: Kernel{7, 3}},
		{in: "5.4\n", want: Kernel{5, 4}},
		{in: "", err: `"" is no release of the kernel, such as 6.12`},
		{in: "6", err: `"6" is no release of the kernel, such as 6.12`},
		{in: "6.", err: `"6." is no release of the kernel, such as 6.12`},
		{in: "v6.12", err: `"v6.12" is no release of the kernel, such as 6.12`},
		{in: "6.99999", err: `"6.99999" is no release of the kernel, such as 6.12`},
		{in: "0.12", err: `release "0.12": there was no BTF yet`},
	}
	for _, tt := range tests {
		got, err := ParseKernel(tt.in)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("%q: %v, %v; want %v, %s", tt.in, got, err, tt.want, tt.err)
		}
	}
}

func TestKernelHas(t *testing.T) {
	for f, s := range since {
		f := Feature(f)
		if s == (Kernel{}) {
			t.Errorf("feature %d has no release", f)
		}
		for _, tt := range []struct {
			k    Kernel
			want bool
		}{{Kernel{}, true}, {s, true}, {Kernel{s.Major, s.Minor + 1}, true}, {Kernel{s.Major + 1, 0}, true}, {Kernel{s.Major - 1, 99}, false}, {Kernel{s.Major, s.Minor - 1}, false}} {
			if got := tt.k.Has(f); got != tt.want {
				t.Errorf("%v.Has(%d) is %v", tt.k, f, got)
			}
		}
	}
	if s := (Kernel{}).String(); s != "newest" {
		t.Error(s)
	}
}

func TestKernelOf(t *testing.T) {
	section := func(name, data string) testkit.Section {
		return testkit.Section{Name: name, Addr: 0x1000, Data: []byte(data)}
	}
	this := section(".gnu.linkonce.this_module", "x")
	banner := func(at uint64) testkit.Symbol {
		return testkit.Symbol{Name: "linux_banner", Type: elf.STT_OBJECT, Section: 1, Value: at, Size: 100}
	}
	vmlinux := func(text string, symbols ...testkit.Symbol) testkit.ELF {
		return testkit.ELF{Type: elf.ET_EXEC, Sections: []testkit.Section{section(".rodata", text)}, Symbols: symbols}
	}
	nobits := vmlinux("", banner(0x1000))
	nobits.Sections[0].Type, nobits.Sections[0].MemSize = elf.SHT_NOBITS, 100
	object := vmlinux("Linux version 6.1.2", banner(0))
	object.Type = elf.ET_REL
	tests := []struct {
		name string
		elf  testkit.ELF
		want Kernel // zero: none
		err  string
	}{
		{name: "module", elf: testkit.ELF{Sections: []testkit.Section{this, section(".modinfo", "vermagic=6.12.107+deb13-amd64 SMP \x00")}}, want: Kernel{6, 12}},
		{name: "module without vermagic", elf: testkit.ELF{Sections: []testkit.Section{this}}},
		{name: "module, damaged", elf: testkit.ELF{Sections: []testkit.Section{this, section(".modinfo", "x")}}, err: ".modinfo+0x0: the last entry does not end with a NUL"},
		{name: "vmlinux", elf: vmlinux("....Linux version 7.2.13+deb14-amd64 (x)", banner(0x1004)), want: Kernel{7, 2}},
		{name: "vmlinux, end of section", elf: vmlinux("Linux version 5.4\x00", banner(0x1000)), want: Kernel{5, 4}},
		{name: "other text", elf: vmlinux("Linus version 5.4\x00", banner(0x1000))},
		{name: "outside the section", elf: vmlinux("Linux version 5.4\x00", banner(0xfff), banner(0x2000))},
		{name: "no symbol", elf: vmlinux("Linux version 5.4\x00")},
		{name: "debug file", elf: nobits},
		{name: "object", elf: object},
	}
	for _, tt := range tests {
		got, ok, err := KernelOf(open(t, tt.elf.Assemble().Data))
		if tt.err != "" {
			if err == nil || err.Error() != tt.err {
				t.Errorf("%s: error %v, want %s", tt.name, err, tt.err)
			}
			continue
		}
		if got != tt.want || ok != (tt.want != Kernel{}) || err != nil {
			t.Errorf("%s: %v, %v, %v; want %v", tt.name, got, ok, err, tt.want)
		}
	}
}
