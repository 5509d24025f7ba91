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
	base *btf.Base
	path string
	err  error
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
	x.once.Do(func() { x.base, x.path, x.err = b.read(info) })
	return x.base, x.path, x.err
}

func (b *bases) read(info *kbuild.ModuleInfo) (*btf.Base, string, error) {
	found, err := kbuild.FindBase(kbuild.BaseRequest{Explicit: b.named, Module: info, ObjTree: b.objTree})
	if err != nil {
		return nil, "", err
	}
	if b.verbose != nil {
		fmt.Fprintf(b.verbose, "btfgen: base %s: %s\n", found.Path, found.Why)
		for _, t := range found.Tried {
			fmt.Fprintf(b.verbose, "btfgen: passed over %s: %s\n", t.Path, strings.TrimSuffix(t.Why, "\n"))
		}
	}
	t, err := btf.Read(found.Data, nil)
	if err != nil {
		return nil, "", fmt.Errorf("base %s: %w", found.Path, err)
	}
	return btf.NewBase(t), found.Path, nil
}
