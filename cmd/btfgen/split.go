// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/kbuild"
)

// kernelBTF is what others are split on.
type kernelBTF struct {
	*btf.Table
	machine elf.Machine // EM_NONE if it is not known
}

// readBase reads the BTF of a kernel: raw, of an ELF file, or of a boot image.
func readBase(path string) (kernelBTF, error) {
	b, err := kbuild.FindBase(kbuild.BaseRequest{Explicit: path})
	if err != nil {
		return kernelBTF{}, err
	}
	t, err := btf.Read(b.Data, nil)
	if err != nil {
		return kernelBTF{}, fmt.Errorf("base %s: %w", path, err)
	}
	return kernelBTF{t, b.Machine}, nil
}

// splitBTF is what a module carries.
type splitBTF struct {
	split     []byte      // .BTF
	distilled []byte      // .BTF.base, nil if there is none
	machine   elf.Machine // of ELF files, else EM_NONE
	is64      bool        // of ELF files
	elf       bool
}

// readSplit reads the BTF of an ELF file, or raw BTF; its distilled base is then in the file path.base, if there is one.
func readSplit(path string) (*splitBTF, error) {
	s, err := readModule(path)
	if err != nil {
		return nil, err
	}
	return s, s.checkSplit()
}

// checkSplit refuses BTF that stands alone, which on a base would be read as if its IDs were those of the base. Split BTF has no
// empty string of its own.
func (s *splitBTF) checkSplit() error {
	if _, err := btf.Read(s.split, nil); err == nil {
		return errors.New("its BTF stands alone, it is not split")
	}
	return nil
}

func readModule(path string) (*splitBTF, error) {
	f, err := elfview.Open(path)
	if errors.Is(err, elfview.ErrNotELF) {
		return readRawSplit(path)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.Type != elf.ET_REL {
		return nil, fmt.Errorf("is a linked image, no module: its BTF stands alone")
	}
	s := &splitBTF{machine: f.Machine, is64: f.Is64(), elf: true}
	if s.split, err = sectionData(f, ".BTF"); err != nil {
		return nil, err
	}
	if s.split == nil {
		return nil, fmt.Errorf("no section .BTF")
	}
	s.distilled, err = sectionData(f, ".BTF.base")
	return s, err
}

func sectionData(f *elfview.File, name string) ([]byte, error) {
	s := f.Section(name)
	if s == nil {
		return nil, nil
	}
	return f.Data(s)
}

func readRawSplit(path string) (*splitBTF, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &splitBTF{split: b}
	switch s.distilled, err = os.ReadFile(path + ".base"); {
	case err == nil:
	case errors.Is(err, os.ErrNotExist):
		s.distilled = nil
	default:
		return nil, err
	}
	return s, nil
}

// checkMachine compares the machine of an ELF file with that of a base, as far as the base tells it.
func (s *splitBTF) checkMachine(base kernelBTF) error {
	if s.elf && base.machine != elf.EM_NONE && base.machine != s.machine {
		return fmt.Errorf("is for %v, the base for %v", s.machine, base.machine)
	}
	return s.checkPointers(base.Table)
}

// checkPointers compares the pointer size of an ELF file with that of a base, as far as the base tells it.
func (s *splitBTF) checkPointers(base *btf.Table) error {
	size := 4
	if s.is64 {
		size = 8
	}
	if got := base.PointerSize(); s.elf && got != 0 && got != size {
		return fmt.Errorf("has pointers of %d bytes, the base of %d: it is for another machine", size, got)
	}
	return nil
}

// namedOutput is a file and what writes it.
type namedOutput struct {
	path  string
	write func(io.Writer) error
}

func writeBytes(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

// saveAll writes several outputs: all, or none if one cannot be prepared. The first appears last.
func saveAll(outs []namedOutput) error {
	var prepared []*output
	defer func() {
		for _, o := range prepared {
			o.discard()
		}
	}()
	for _, out := range outs {
		o, err := prepareOutput(out.path, out.write)
		if err != nil {
			return err
		}
		prepared = append(prepared, o)
	}
	for i := len(prepared) - 1; i >= 0; i-- {
		if err := prepared[i].commit(); err != nil {
			return err
		}
	}
	return nil
}
