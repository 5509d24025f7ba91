// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"bytes"
	"cmp"
	"debug/elf"
	"fmt"
	"regexp"
	"strconv"

	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/modinfo"
)

// Kernel is the release that the output is for. The zero value is the newest one.
type Kernel struct{ Major, Minor int }

// String returns the release as ParseKernel takes it; "newest" for the zero value.
func (k Kernel) String() string {
	if k == (Kernel{}) {
		return "newest"
	}
	return fmt.Sprintf("%d.%d", k.Major, k.Minor)
}

// Feature is something of BTF that older kernels refuse, or do without.
type Feature uint8

const (
	Floats        Feature = iota // FLOAT
	DeclTags                     // DECL_TAG
	TypeTags                     // TYPE_TAG
	Enum64s                      // ENUM64
	KfuncTags                    // tags bpf_kfunc and bpf_fastcall on kfuncs
	DistilledBase                // section .BTF.base
	TagAttributes                // kflag of tags, hence attributes of arena pointers
	ImplicitArgs                 // kfuncs without the arguments that the verifier supplies
	SortedTypes                  // types by name, which the kernel searches by bisection
	LayoutSection                // sizes of kinds, behind the types
	EqualFlags                   // a kfunc has the same flags in each set that it is in
	numFeatures   = int(EqualFlags) + 1
)

// since gives the first release with a feature (kernel/bpf/btf.c, scripts/Makefile.btf; those of TagAttributes and
// LayoutSection may be off by one).
var since = [numFeatures]Kernel{
	Floats:        {5, 13},
	DeclTags:      {5, 16},
	TypeTags:      {5, 17},
	Enum64s:       {6, 0},
	KfuncTags:     {6, 10},
	DistilledBase: {6, 11},
	TagAttributes: {6, 15},
	ImplicitArgs:  {7, 0},
	SortedTypes:   {7, 0},
	LayoutSection: {7, 2},
	EqualFlags:    {7, 3},
}

// Has tells whether the release knows a feature.
func (k Kernel) Has(f Feature) bool {
	s := since[f]
	return k == (Kernel{}) || cmp.Or(cmp.Compare(k.Major, s.Major), cmp.Compare(k.Minor, s.Minor)) >= 0
}

// release is how a release begins: 6.12.107+deb13-amd64, 7.0-rc3, 6.1.
var release = regexp.MustCompile(`^([0-9]{1,4})\.([0-9]{1,4})(?:[^0-9]|$)`)

// ParseKernel reads a release, "6.12" or a whole one such as "6.12.107+deb13-amd64".
func ParseKernel(s string) (Kernel, error) {
	m := release.FindStringSubmatch(s)
	if m == nil {
		return Kernel{}, fmt.Errorf("%.40q is no release of the kernel, such as 6.12", s)
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	if major == 0 {
		return Kernel{}, fmt.Errorf("release %.40q: there was no BTF yet", s)
	}
	return Kernel{major, minor}, nil
}

// KernelOf returns the release that an ELF file is of: for a module the first word of its vermagic, for a vmlinux
// what linux_banner says. ok is false where nothing tells.
func KernelOf(f *elfview.File) (k Kernel, ok bool, err error) {
	text := ""
	if modinfo.IsModule(f) {
		m, err := modinfo.Read(f)
		if err != nil {
			return Kernel{}, false, err
		}
		text = m.Release
	} else if text, err = banner(f); err != nil {
		return Kernel{}, false, err
	}
	k, err = ParseKernel(text)
	return k, err == nil, nil
}

const bannerPrefix = "Linux version "

// banner returns the text at the symbol linux_banner behind the words it begins with, as far as the release may
// reach; "" if there is none (init/version-timestamp.c).
func banner(f *elfview.File) (string, error) {
	if f.Type == elf.ET_REL {
		return "", nil
	}
	syms, err := f.Symbols()
	if err != nil || syms == nil {
		return "", err
	}
	for i := range syms.Len() {
		s := syms.Sym(i)
		if s.Type() != elf.STT_OBJECT || !s.InSection() || string(syms.Name(s.NameOff)) != "linux_banner" {
			continue
		}
		sec := &f.Sections[s.Shndx]
		if sec.Type == elf.SHT_NOBITS || s.Value < sec.Addr || s.Value-sec.Addr >= sec.FileSize {
			continue
		}
		b := make([]byte, min(uint64(len(bannerPrefix)+16), sec.FileSize-(s.Value-sec.Addr)))
		if err := f.ReadAt(sec, b, s.Value-sec.Addr); err != nil {
			return "", err
		}
		b, found := bytes.CutPrefix(b, []byte(bannerPrefix))
		if found {
			return string(b), nil
		}
	}
	return "", nil
}
