// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package btfcheck reads BTF with github.com/cilium/ebpf/btf, code we did not write,
// and compares what it sees with internal/btf: kind, name, size, elements and
// references of every type. It is for --verify and for tests.
//
// That reader does not know everything. It skips a layout section, drops the kflag of
// tags and STRUCT, tells ENUM from ENUM64 by nothing, and keeps neither bits nor
// offset of an INT, so these are not compared. A blob that it cannot read at all,
// though it is good, gives ErrNotChecked.
package btfcheck

import (
	"bytes"
	"errors"
	"fmt"

	ebpf "github.com/cilium/ebpf/btf"

	"github.com/btfgen/btfgen/internal/btf"
)

// ErrNotChecked is wrapped by the error for a blob outside of what the independent
// reader knows: kinds above ENUM64, more than 65535 elements, split BTF on split BTF,
// names inside other strings, very many types.
var ErrNotChecked = errors.New("not checked by an independent reader")

// maxTypes bounds the types, the base's included. The reader recurses along
// references, and a Go program dies when a stack outgrows 512 MiB: a chain of 220,000
// structs passes, one of 230,000 does not; with the race detector it is 160,000 and
// 180,000 (TestDeep). Debian's vmlinux has 124,000 types.
const maxTypes = 160_000

// Checker holds a base, read once for any number of split blobs. It is not safe for
// concurrent use, and it grows with the part of the base that the blobs refer to.
type Checker struct {
	base *btf.Table // nil: for standalone blobs
	spec *ebpf.Spec
}

// Check checks a standalone blob in either byte order.
func Check(data []byte) error {
	_, err := NewChecker(data)
	return err
}

// ReadBase returns a Checker for what is split against a standalone blob, which it
// keeps but does not check.
func ReadBase(base []byte) (*Checker, error) {
	t, spec, err := read(base, &Checker{})
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	return &Checker{t, spec}, nil
}

// NewChecker checks a standalone blob and returns a Checker for what is split
// against it. It keeps the bytes.
func NewChecker(base []byte) (*Checker, error) {
	c := &Checker{}
	t, spec, err := read(base, c)
	if err != nil {
		return nil, err
	}
	if err := compare(t, spec, c); err != nil {
		return nil, err
	}
	return &Checker{t, spec}, nil
}

// Check checks a blob split against the base.
func (c *Checker) Check(data []byte) error {
	t, spec, err := read(data, c)
	if err != nil {
		return err
	}
	return compare(t, spec, c)
}

// read reads a blob both ways.
func read(data []byte, c *Checker) (*btf.Table, *ebpf.Spec, error) {
	t, err := btf.Read(data, c.base)
	if err != nil {
		return nil, nil, err
	}
	if err := beyond(t); err != nil {
		return nil, nil, err
	}
	spec, err := ebpf.LoadSplitSpecFromReader(bytes.NewReader(data), c.spec)
	if err != nil {
		return nil, nil, fmt.Errorf("independent reader: %w", err)
	}
	return t, spec, nil
}

// beyond tells what in a good blob the independent reader does not understand.
func beyond(t *btf.Table) error {
	no := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrNotChecked, fmt.Sprintf(format, args...))
	}
	if t.NumIDs() > maxTypes {
		return no("%d types, it takes %d", t.NumIDs(), maxTypes)
	}
	for id := t.FirstID(); int(id) < t.NumIDs(); id++ {
		r := t.Type(id)
		if !r.Kind.Known() {
			return no("type %d is of kind %d", id, r.Kind)
		}
		if r.Vlen > 0xffff {
			return no("type %d has vlen %d", id, r.Vlen)
		}
		if !isStart(t, r.Name) {
			return no("the name of type %d is the tail of another string", id)
		}
		for f, i := r.ElemNames(), 0; i < f.N; i++ {
			if !isStart(t, btf.StrOff(r.U32(f.At(i)))) {
				return no("name %d in type %d is the tail of another string", i, id)
			}
		}
	}
	return nil
}

// isStart tells whether a string offset is that of a whole string.
func isStart(t *btf.Table, off btf.StrOff) bool {
	for off < t.StrBase() {
		t = t.Base()
	}
	i := off - t.StrBase()
	return i == 0 || t.Strings()[i-1] == 0
}
