// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"debug/elf"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/kbuild"
)

// bases finds the base of each module and reads each once. It is safe for concurrent use.
type bases struct {
	named   string // --base; "" to look for one
	objTree string // --objtree; "" outside of a kernel build
	many    bool   // more than a few modules want it
	verbose io.Writer

	mu    sync.Mutex
	found map[baseKey]*foundBase
}

// baseKey is what a base depends on.
type baseKey struct {
	release string // "" for the one that is named
	machine elf.Machine
	big     bool
}

type foundBase struct {
	once sync.Once
	baseFile
	base *btf.Base
	err  error
}

// baseFile is a file with a base, of which not every type was checked. The zero value is none.
type baseFile struct {
	*kbuild.Base
	table *btf.Table // nil if it is none
}

// broken returns an error if somebody has written into the file meanwhile, or if it is not valid.
func (f baseFile) broken() error {
	if err := f.Changed(); err != nil {
		return err
	}
	if f.table == nil {
		return nil
	}
	if err := f.table.Check(); err != nil {
		return fmt.Errorf("base %s: %w", f.Path, err)
	}
	return nil
}

// of returns the base for a file and where it is from, nil for one that is encoded stand-alone.
func (b *bases) of(f *elfview.File) (*btf.Base, string, error) {
	if b.named == "none" || b.named == "" && !kbuild.IsModule(f) {
		return nil, "", nil
	}
	info, err := kbuild.ReadModuleInfo(f)
	if err != nil {
		return nil, "", err
	}
	key := baseKey{machine: info.Machine, big: info.Big}
	if b.named == "" {
		key.release = info.Release
	}
	b.mu.Lock()
	if b.found == nil {
		b.found = map[baseKey]*foundBase{}
	}
	x := b.found[key]
	if x == nil {
		x = new(foundBase)
		b.found[key] = x
	}
	b.mu.Unlock()
	x.once.Do(func() { x.err = withBase(b.broken, func() error { return b.read(x, info) }) })
	if x.err != nil {
		return nil, "", x.err
	}
	return x.base, x.Path, nil
}

// changed returns an error if somebody has written into a base that was read.
func (b *bases) changed() error {
	return b.each(func(f baseFile) error { return f.Changed() })
}

// broken returns an error if there is something wrong with a base that was read.
func (b *bases) broken() error { return b.each(baseFile.broken) }

// each calls check with every base, also one that was not found, until it returns an error.
func (b *bases) each(check func(baseFile) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, x := range b.found {
		if err := check(x.baseFile); err != nil {
			return err
		}
	}
	return nil
}

func (b *bases) read(x *foundBase, info *kbuild.ModuleInfo) error {
	found, err := kbuild.FindBase(kbuild.BaseRequest{Explicit: b.named, Module: info, ObjTree: b.objTree, Map: true})
	if err != nil {
		return err
	}
	b.set(x, baseFile{Base: found})
	if b.verbose != nil {
		fmt.Fprintf(b.verbose, "btfgen: base %s: %s\n", found.Path, found.Why)
		for _, t := range found.Tried {
			fmt.Fprintf(b.verbose, "btfgen: passed over %s: %s\n", t.Path, strings.TrimSuffix(t.Why, "\n"))
		}
	}
	read := btf.ReadUnchecked
	if b.many {
		read = btf.Read
	}
	t, err := read(found.Data, nil)
	if err != nil {
		return fmt.Errorf("base %s: %w", found.Path, err)
	}
	b.set(x, baseFile{found, t})
	x.base = btf.NewBase(t)
	if b.many {
		go indexAll(x.base)
	}
	return nil
}

// set tells broken and changed of a file.
func (b *bases) set(x *foundBase, f baseFile) {
	b.mu.Lock()
	defer b.mu.Unlock()
	x.baseFile = f
}

// fewModules is for how many modules an index of what each needs takes less time than one of the whole base.
const fewModules = 3

// indexAll makes the index of a base ahead. If that fails, as the base has changed, whoever wants it next fails of the same.
func indexAll(base *btf.Base) {
	defer func() { _ = recover() }()
	_ = elfview.CatchFaults(func() error {
		base.IndexAll()
		return nil
	})
}

// withBase calls f, which reads from bases that are mapped, and of which nobody has looked at all types: that takes longer than to encode a
// small module, which needs few of them. If something is wrong with one, a failure, a fault or a panic comes of that, whatever it says.
func withBase(broken, f func() error) (err error) {
	defer func() {
		x := recover()
		if x == nil && err == nil {
			return
		}
		if b := broken(); b != nil {
			err = b
		} else if x != nil {
			panic(x)
		}
	}()
	return elfview.CatchFaults(f)
}
