// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"

	"github.com/btfgen/btfgen/internal/btf"
)

// bases says what blobs are split on: on one base, or two that differ in order, each on the
// base that it brings (FILE.base), or on nothing.
type bases struct {
	trunk *trunk
	table [2]*btf.Table // of A and B
	own   bool
}

// newBases reads the bases, if there are any; fileB may be missing. With own each blob brings its base, and
// the types of the two are compared like all others.
func newBases(file, fileB string, own bool) (*bases, error) {
	b := &bases{own: own}
	if file != "" {
		t, err := read(file, nil)
		if err != nil {
			return nil, err
		}
		b.table = [2]*btf.Table{t, t}
	}
	b.trunk = newTrunk(b.table[0])
	if fileB != "" {
		t, err := read(fileB, nil)
		if err != nil {
			return nil, err
		}
		b.table[1] = t
		if b.trunk.orderB, err = order(b.table[0], t); err != nil {
			return nil, fmt.Errorf("%s: %w", fileB, err)
		}
	}
	return b, nil
}

// read reads a blob on its base.
func (b *bases) read(name string, under *btf.Table) (*btf.Table, error) {
	if b.own {
		t, err := read(name+".base", nil)
		if err != nil {
			return nil, err
		}
		under = t
	}
	return read(name, under)
}

func (b *bases) readPair(nameA, nameB string) (x, y *btf.Table, err error) {
	if x, err = b.read(nameA, b.table[0]); err != nil {
		return nil, nil, err
	}
	y, err = b.read(nameB, b.table[1])
	return x, y, err
}

// read reads raw BTF or the section .BTF of an ELF file.
func read(name string, base *btf.Table) (*btf.Table, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(data, []byte(elf.ELFMAG)) {
		if data, err = section(data); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	t, err := btf.Read(data, base)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

func section(image []byte) ([]byte, error) {
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return nil, err
	}
	s := f.Section(".BTF")
	if s == nil {
		return nil, fmt.Errorf("no section .BTF")
	}
	return s.Data()
}
