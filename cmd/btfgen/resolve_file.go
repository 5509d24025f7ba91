// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/btfgen/btfgen/elfpatch"
	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/resolveids"
)

const (
	btfSection  = ".BTF"
	baseSection = ".BTF.base"
	idsSection  = ".BTF_ids"
)

// errNoBTF is that an ELF file has none.
var errNoBTF = errors.New("no section " + btfSection)

// idsFile is an ELF file with or without .BTF_ids.
type idsFile struct {
	path   string
	target *elfpatch.File
	elf    *elfview.File
}

// openIDs opens a file for reading, and for one edit. Errors do not name it.
func openIDs(path string) (*idsFile, error) {
	target, err := elfpatch.Open(path, elfpatch.Options{NoSync: true})
	if err != nil {
		return nil, err
	}
	f, err := openImage(target, path)
	if err != nil {
		target.Close()
		return nil, err
	}
	return &idsFile{path, target, f}, nil
}

func (f *idsFile) close() {
	f.elf.Close()
	f.target.Close()
}

// blob returns the BTF that IDs are to be of: that in the file from, or if this is "" the file's own. Errors do not name a file.
func (f *idsFile) blob(from string, own resolveids.OwnBTF) (*splitBTF, error) {
	if from == "" {
		if own.BTF == nil {
			return nil, errNoBTF
		}
		return &splitBTF{split: own.BTF, distilled: own.Base, is64: f.elf.Is64(), elf: true}, nil
	}
	e, err := elfview.Open(from)
	if errors.Is(err, elfview.ErrNotELF) {
		s, err := readRawSplit(from)
		if err == nil {
			s.is64, s.elf = f.elf.Is64(), true // the two belong together
		}
		return s, withoutPath(err)
	}
	if err != nil {
		return nil, err
	}
	defer e.Close()
	x, err := resolveids.ReadOwn(e)
	if err == nil && x.BTF == nil {
		err = errNoBTF
	}
	return &splitBTF{split: x.BTF, distilled: x.Base, is64: e.Is64(), elf: true}, err
}

// onto returns the BTF split against base, onto which it is put if it comes with a distilled base. Without base the distilled
// one is it. Errors do not name a file.
func (s *splitBTF) onto(base *btf.Base) (split []byte, on *btf.Base, err error) {
	if base != nil || s.distilled != nil {
		if err := s.checkSplit(); err != nil {
			return nil, nil, err
		}
	}
	if base != nil {
		if err := s.checkPointers(base.Table()); err != nil {
			return nil, nil, err
		}
	}
	if s.distilled == nil {
		return s.split, base, nil
	}
	d, err := btf.Read(s.distilled, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("distilled base: %w", err)
	}
	if base == nil {
		return s.split, btf.NewBase(d), nil
	}
	t, err := btf.Read(s.split, d)
	if err != nil {
		return nil, nil, err
	}
	r, err := btf.Relocate(t, base.Table(), btf.RelocateKernel)
	if err != nil {
		return nil, nil, fmt.Errorf("distilled base: %w", err)
	}
	return r.Split, base, nil
}

// sideFiles are what the results are called beside the ELF file: its name and the section that they are for.
var sideFiles = [...]string{btfSection, baseSection, idsSection}

// sides returns the content of each of sideFiles, nil for what there is not to be.
func sides(res *resolveids.Result) [len(sideFiles)][]byte {
	return [...][]byte{res.BTF, res.Base, res.IDs}
}

// saveBeside writes the results beside the ELF file: all, or none if one cannot be prepared. Those of another run are gone
// before the first appears, so that there is never a mixture: scripts take what is there.
func (f *idsFile) saveBeside(res *resolveids.Result) error {
	if err := f.elf.Changed(); err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	var prepared []*output
	defer func() {
		for _, o := range prepared {
			o.discard()
		}
	}()
	for i, data := range sides(res) {
		path := f.path + sideFiles[i]
		switch {
		case sameFile(f.path, path):
			return fmt.Errorf("%s: is %s itself, which the output would replace", path, f.path)
		case data == nil:
			continue
		}
		o, err := prepareOutput(path, writeBytes(data))
		if err != nil {
			return err
		}
		prepared = append(prepared, o)
	}
	for _, suffix := range sideFiles {
		if err := removeStale(f.path + suffix); err != nil {
			return err
		}
	}
	for _, o := range prepared {
		if err := o.commit(); err != nil {
			return err
		}
	}
	return nil
}

// saveInto writes the results into the ELF file.
func (f *idsFile) saveInto(res *resolveids.Result) error {
	edits := []elfpatch.Edit{elfpatch.Set(btfSection, res.BTF)}
	if res.Base != nil {
		edits = append(edits, elfpatch.Set(baseSection, res.Base))
	} else {
		edits = append(edits, elfpatch.Remove(baseSection)) // another .BTF was split against it
	}
	if res.IDs != nil {
		edits = append(edits, elfpatch.Replace(idsSection, res.IDs))
	}
	return f.apply(edits...)
}

// apply edits the file. It gets a new time even if nothing changes: make would otherwise bring it up to date again and again.
func (f *idsFile) apply(edits ...elfpatch.Edit) error {
	changed, err := f.target.Apply(edits...)
	if err != nil || changed {
		return err
	}
	return os.Chtimes(f.path, time.Time{}, time.Now())
}

// patchIDs writes the file blob into section .BTF_ids. Errors begin as those of the kernel's tool, behind its word FAILED.
func (f *idsFile) patchIDs(blob string) error {
	s := f.elf.Section(idsSection)
	if s == nil {
		return fmt.Errorf("section %s not found in %s", idsSection, f.path)
	}
	fi, err := os.Stat(blob)
	if err != nil {
		return fmt.Errorf("%s: %w", blob, withoutPath(err))
	}
	size, err := f.elf.Size(s)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", f.path, err)
	case !fi.Mode().IsRegular():
		return fmt.Errorf("%s: is not a regular file", blob)
	case uint64(fi.Size()) != size:
		return fmt.Errorf("size mismatch - %s section in %s is %d bytes, %s is %d bytes", idsSection, f.path, size, blob, fi.Size())
	}
	data, err := os.ReadFile(blob)
	if err != nil {
		return fmt.Errorf("%s: %w", blob, withoutPath(err))
	}
	if err := f.apply(elfpatch.Replace(idsSection, data)); err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	return nil
}

// withoutPath drops the operation and the file name that package os puts into its errors.
func withoutPath(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
