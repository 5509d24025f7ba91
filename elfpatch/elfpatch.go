// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package elfpatch edits ELF files: it replaces, adds and removes sections, and
// makes the object that brings .BTF into the link of vmlinux.
//
// In: an ELF image behind an io.ReaderAt, and a list of edits. Out: a Plan, which
// is the edited image, checked whole and not yet written. A File puts a plan into
// the place of a file on disk, so that a kill at any moment leaves the old file
// or the new one, and packs it again if it was compressed.
//
// The format is that of the System V gABI, "Object Files": both classes, both
// byte orders, extended section numbering; ET_REL, ET_EXEC and ET_DYN.
//
// What an edit leaves alone: the order of sections and symbols, e_flags, notes,
// the bytes of every other section, and, but for StripDebug of ET_REL, the offset
// of every section with SHF_ALLOC. Program headers are never changed:
// nothing is added to, or taken out of, a segment. The same input and edits give
// the same bytes, and the same edits made twice give the bytes of the first time.
//
// Not supported, and refused: sections that overlap, compressed contents where
// they would have to be understood, files with data behind their last section.
package elfpatch

import (
	"debug/elf"
	"errors"
	"fmt"
	"strings"

	"github.com/btfgen/btfgen/internal/elfview"
)

// Errors that a caller may want to tell apart; they are wrapped.
var (
	// ErrSigned: the image ends with a module signature, which any edit makes
	// invalid, and DropSignature is not among the edits.
	ErrSigned = errors.New("the module is signed")

	// ErrPacked: the file is compressed and Options.Recompress is not set.
	ErrPacked = errors.New("the file is compressed")

	// ErrLinked: the file has several hard links and Options.WriteThrough is not set.
	ErrLinked = errors.New("the file has several hard links")

	// ErrChanged: the file is no longer what was opened.
	ErrChanged = elfview.ErrChanged

	// ErrBusy: another run kept the file locked.
	ErrBusy = errors.New("another run is writing the file")
)

// op is the kind of an Edit.
type op uint8

const (
	opReplace op = iota + 1
	opSet
	opRemove
	opStripDebug
	opDropSignature
)

// Edit is one change. Its zero value is invalid.
type Edit struct {
	op   op
	name string
	data []byte
}

// Replace overwrites the contents of a section with as many bytes. It changes
// nothing else, so it is good for any section of any file, also one that is
// loaded. data must not change while the plan is in use.
func Replace(name string, data []byte) Edit { return Edit{opReplace, name, data} }

// Set gives the file a section of that name and contents, whether or not it has
// one: SHT_PROGBITS, no flags, aligned to 4 bytes, behind all that is loaded. A
// section in a segment of a linked file can only be set to as many bytes as it
// has. data must not change while the plan is in use.
func Set(name string, data []byte) Edit { return Edit{opSet, name, data} }

// Remove takes out a section that is not loaded, if there is one, with its
// relocations and the symbols in it.
func Remove(name string) Edit { return Edit{op: opRemove, name: name} }

// StripDebug takes out the debug sections with their relocations and symbols,
// and the symbols that name source files, as strip --strip-debug does. Contents
// move up into the room. .BTF and its relatives are not debug sections.
func StripDebug() Edit { return Edit{op: opStripDebug} }

// DropSignature cuts off a module signature, if there is one.
func DropSignature() Edit { return Edit{op: opDropSignature} }

// btfAlign is the alignment in bytes of the sections we add. Kernels read BTF where
// it lies, in words of 4 bytes.
const btfAlign = 4

// check returns what is wrong with an edit by itself.
func (e *Edit) check() error {
	switch e.op {
	case opReplace, opSet, opRemove:
		if e.name == "" || strings.IndexByte(e.name, 0) >= 0 {
			return fmt.Errorf("%q cannot be the name of a section", e.name)
		}
	case opStripDebug, opDropSignature:
	default:
		return errors.New("edit without a kind")
	}
	return nil
}

// errorf is an error about a section.
func errorf(s *elfview.Section, off uint64, format string, args ...any) error {
	name := s.Name
	if name == "" {
		name = fmt.Sprintf("section %d", s.Index)
	}
	return &elfview.FormatError{Section: name, Off: off, Msg: fmt.Sprintf(format, args...)}
}

// isDebug reports whether a section is one of debug data, by its name alone, as
// GNU strip has it (bfd elf.c: _bfd_elf_make_section_from_shdr).
func isDebug(s *elfview.Section) bool {
	if s.Flags&elf.SHF_ALLOC != 0 {
		return false
	}
	for _, p := range []string{".debug", ".zdebug", ".gnu.debuglto_.debug_", ".gnu.linkonce.wi.", ".line", ".stab"} {
		if strings.HasPrefix(s.Name, p) {
			return true
		}
	}
	return s.Name == ".gdb_index"
}
