// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"math"

	"github.com/btfgen/btfgen/internal/elfview"
)

// apply makes one edit.
func (im *image) apply(e *Edit) error {
	if err := e.check(); err != nil {
		return err
	}
	switch e.op {
	case opReplace:
		return im.replace(e)
	case opSet:
		return im.set(e)
	case opRemove:
		return im.remove(e)
	case opStripDebug:
		im.stripDebug()
	}
	return nil // opDropSignature has done its work before
}

// find returns the section of a name, nil if there is none. Two are an error:
// which one a reader takes depends on the reader.
func (im *image) find(name string) (*section, error) {
	var found *section
	for i := range im.secs {
		s := &im.secs[i]
		if s.Name != name || s.state == gone {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("sections %d and %d are both named %s", found.Index, s.Index, name)
		}
		found = s
	}
	return found, nil
}

// replace overwrites the contents of a section with as many bytes.
func (im *image) replace(e *Edit) error {
	s, err := im.find(e.name)
	if err != nil {
		return err
	}
	if s == nil {
		return fmt.Errorf("no section %s", e.name)
	}
	switch {
	case s.Type == elf.SHT_NOBITS:
		return errorf(&s.Section, 0, "SHT_NOBITS has no contents in the file")
	case s.Type == elf.SHT_NULL:
		return errorf(&s.Section, 0, "SHT_NULL has no contents")
	case s == im.nameTable():
		return errorf(&s.Section, 0, "holds the names of the sections, it cannot be replaced")
	case im.file.Compressed(&s.Section) && !s.edited:
		return errorf(&s.Section, 0, "is compressed, it cannot be replaced")
	case s.size != uint64(len(e.data)):
		return errorf(&s.Section, 0, "has %d bytes, it cannot be replaced by %d", s.size, len(e.data))
	}
	return im.overwrite(s, e.data)
}

// overwrite gives a section other bytes in its place, if that is its own.
func (im *image) overwrite(s *section, data []byte) error {
	if s.state == stays && len(data) != 0 {
		es, err := im.extents()
		if err != nil {
			return err
		}
		if err := im.checkApart(es, s.Index); err != nil {
			return err
		}
	}
	s.data, s.edited = data, true
	return nil
}

// set adds a section, or gives one other contents.
func (im *image) set(e *Edit) error {
	s, err := im.find(e.name)
	if err != nil {
		return err
	}
	if s == nil {
		return im.add(e)
	}
	if s.Type != elf.SHT_PROGBITS && s.Type != elf.SHT_NOBITS {
		return errorf(&s.Section, 0, "is of type %v, it cannot be set", s.Type)
	}
	if s.Flags&elf.SHF_GROUP != 0 {
		return errorf(&s.Section, 0, "is a member of a group, it cannot be set")
	}
	if r := im.relocationsOf(s); r != nil {
		return errorf(&s.Section, 0, "cannot be set, the relocations in %s apply to it", r.Name)
	}
	switch n := uint64(len(e.data)); {
	case s.size == 0 && s.Type == elf.SHT_PROGBITS: // lld leaves an empty .BTF with SHF_ALLOC in vmlinux, of which nothing is loaded
	case im.inSegment(s) && (s.Type == elf.SHT_NOBITS || s.size != n):
		return errorf(&s.Section, 0, "has %d bytes and is part of a segment, it cannot have %d", s.FileSize, n)
	case im.inSegment(s) && im.file.Compressed(&s.Section):
		return errorf(&s.Section, 0, "is compressed and part of a segment, it cannot be set")
	case s.size == n && (s.state == appends || im.inSegment(s) || im.plain(s)):
		return im.overwrite(s, e.data)
	}
	s.data, s.edited, s.size = e.data, true, uint64(len(e.data))
	s.state = appends
	im.relaid = true
	return im.plainRow(s)
}

// plain reports whether the header of a section says what set would write.
func (im *image) plain(s *section) bool {
	return s.Type == elf.SHT_PROGBITS && im.get(s.row, im.flags) == 0 && s.Addr == 0 && s.Link == 0 && s.Info == 0 &&
		s.EntSize == 0 && s.Align == btfAlign && s.Off%btfAlign == 0
}

// plainRow fills the header of a section that is set, but for its offset.
func (im *image) plainRow(s *section) error {
	if s.size > im.max() {
		return errorf(&s.Section, 0, "%d bytes do not fit the file's class", s.size)
	}
	name := im.get(s.row, im.name)
	clear(s.row)
	im.put(s.row, im.name, name)
	im.put(s.row, im.typ, uint64(elf.SHT_PROGBITS))
	im.put(s.row, im.layout.size, s.size)
	im.put(s.row, im.align, btfAlign)
	return nil
}

// relocationsOf returns a section with relocations of s, or nil.
func (im *image) relocationsOf(s *section) *section {
	for i := range im.secs {
		r := &im.secs[i]
		if r.state != gone && isReloc(r.Type) && int(r.Info) == s.Index && r.size != 0 {
			return r
		}
	}
	return nil
}

// add appends a section header with a new name.
func (im *image) add(e *Edit) error {
	if len(im.secs) == 0 {
		return errors.New("the file has no section headers, no section can be added")
	}
	for i := range im.secs {
		if r := &im.secs[i]; isReloc(r.Type) && int(r.Info) == len(im.secs) {
			return errorf(&r.Section, 0, "applies to section %d, there are %d: one that is added would be taken for it", r.Info, len(im.secs))
		}
	}
	off, err := im.nameOff(e.name)
	if err != nil {
		return err
	}
	s := section{
		Section: elfview.Section{Name: e.name, Index: len(im.secs), Type: elf.SHT_PROGBITS, Align: btfAlign},
		row:     make([]byte, im.shdr),
		data:    e.data, edited: true, size: uint64(len(e.data)), state: appends,
	}
	im.put(s.row, im.name, off)
	if err := im.plainRow(&s); err != nil {
		return err
	}
	im.secs = append(im.secs, s)
	im.relaid = true
	return nil
}

// nameOff returns the offset of a name in the section name table, to which it is
// added if it is not there. What an earlier run added is found again.
func (im *image) nameOff(name string) (uint64, error) {
	tab := im.nameTable()
	if tab == nil {
		return 0, errors.New("the file has no section name table, no section can be added")
	}
	if im.names == nil {
		var err error
		if im.names, err = im.contents(tab); err != nil {
			return 0, err
		}
	}
	want := append([]byte(name), 0)
	if i := bytes.Index(im.names, want); i > 0 {
		return uint64(i), nil
	}
	if im.inSegment(tab) {
		return 0, errorf(&tab.Section, 0, "is part of a segment, no name can be added")
	}
	if len(im.names) == 0 {
		im.names = []byte{0} // offset 0 is the empty name
	}
	off := uint64(len(im.names))
	if off > math.MaxUint32-uint64(len(want)) {
		return 0, errorf(&tab.Section, 0, "%d bytes leave no room for a name", off)
	}
	im.names = append(im.names[:off:off], want...)
	im.addNames = true
	return off, nil
}

// nameTable returns the section name table, or nil.
func (im *image) nameTable() *section {
	if n := im.file.ShStrNdx; n > 0 && n < len(im.secs) {
		return &im.secs[n]
	}
	return nil
}

// remove takes out a section, if there is one.
func (im *image) remove(e *Edit) error {
	s, err := im.find(e.name)
	if err != nil || s == nil {
		return err
	}
	if s.Flags&elf.SHF_ALLOC != 0 || im.inSegment(s) {
		return errorf(&s.Section, 0, "is loaded, it cannot be removed")
	}
	if s == im.nameTable() {
		return errorf(&s.Section, 0, "holds the names of the sections, it cannot be removed")
	}
	im.take(s)
	return nil
}

// take marks a section as gone.
func (im *image) take(s *section) {
	s.state = gone
	im.relaid, im.removes = true, true
}
