// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package modinfo reads what a kernel module says of itself: the section .modinfo, text of the form key=value,
// each ended by a NUL (include/linux/moduleparam.h: __MODULE_INFO).
package modinfo

import (
	"bytes"
	"debug/elf"
	"fmt"
	"strings"

	"github.com/btfgen/btfgen/internal/elfview"
)

// Info is what a module says of itself and of the kernel it is for.
type Info struct {
	Name     string // "" before modpost, and before Linux 4.13
	Vermagic string // "" if the module does not tell
	Release  string // the first word of Vermagic
	InTree   bool   // built together with its kernel
	Big      bool   // big-endian
	Machine  elf.Machine
}

// maxSize bounds .modinfo, which has a few KiB, of which aliases are the most.
const maxSize = 16 << 20

// IsModule reports whether f is a kernel module: the kernel finds struct module
// by this section, and no other file has it (include/linux/module.h).
func IsModule(f *elfview.File) bool { return f.Section(".gnu.linkonce.this_module") != nil }

// Read returns what the section .modinfo of f tells. Without that
// section only Big and Machine are set. Of several values of one key the first
// counts, as for the kernel. The result does not alias the file.
func Read(f *elfview.File) (*Info, error) {
	m := &Info{Big: f.Big, Machine: f.Machine}
	s := f.Section(".modinfo")
	if s == nil {
		return m, nil
	}
	if n, err := f.Size(s); err != nil {
		return nil, err
	} else if n > maxSize {
		return nil, &elfview.FormatError{Section: s.Name, Msg: fmt.Sprintf("%d bytes, at most %d are believed", n, maxSize)}
	}
	b, err := f.Data(s)
	if err != nil {
		return nil, err
	}
	intree := ""
	values := map[string]*string{"name": &m.Name, "vermagic": &m.Vermagic, "intree": &intree}
	for len(b) > 0 {
		entry, rest, ended := bytes.Cut(b, []byte{0})
		if !ended {
			return nil, &elfview.FormatError{Section: s.Name, Msg: "the last entry does not end with a NUL"}
		}
		b = rest
		key, value, _ := strings.Cut(string(entry), "=")
		if v := values[key]; v != nil && *v == "" {
			*v = value
		}
	}
	m.InTree = intree == "Y"
	m.Release, _, _ = strings.Cut(m.Vermagic, " ")
	return m, nil
}
