// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"bytes"
	"cmp"
	"debug/elf"
	"fmt"
	"io"
	"slices"
	"sort"

	"github.com/btfgen/btfgen/internal/elfview"
)

// image is an ELF image while edits are applied to it.
type image struct {
	codec
	src  io.ReaderAt
	size uint64 // bytes of src that are the image, without a signature
	file *elfview.File
	head []byte    // the ELF header
	secs []section // those of the file, at the same indexes, then added ones
	segs []extent  // what segments have in the file: ascending, not touching each other

	names     []byte // contents of the section name table
	relaid    bool   // an edit changes offsets, sizes or the number of sections
	removes   bool   // sections or symbols go, so indexes change
	fileSyms  bool   // symbols of source files go
	addNames  bool   // names is longer than in the file
	compacted bool   // ET_REL: what is loaded may move up as well
}

// section is a section of the file and of the result.
type section struct {
	elfview.Section        // as it stands in the file; Index is that in image.secs
	row             []byte // its header, in which the edits are made
	data            []byte // contents if edited
	edited          bool   // data holds, not the file
	size            uint64 // bytes of contents in the result, 0 for SHT_NOBITS
	state           state
	at              uint64 // file offset in the result
}

// state is what becomes of a section.
type state uint8

const (
	stays   state = iota // in its place, or moved up with the others
	appends              // contents go behind all others
	gone
)

// extent is a range of the file. If it belongs to somebody, the rest says to whom.
type extent struct {
	off, end uint64
	sec      int    // index into image.secs, -1 for a header table
	label    string // of a header table
}

// readImage reads the headers of the image in the first size bytes of src.
func readImage(src io.ReaderAt, size int64) (*image, error) {
	f, err := elfview.New(src, size)
	if err != nil {
		return nil, err
	}
	switch f.Type {
	case elf.ET_REL, elf.ET_EXEC, elf.ET_DYN:
	default:
		return nil, fmt.Errorf("e_type is %v, only relocatable files, executables and shared objects are edited", f.Type)
	}
	im := &image{codec: newCodec(f.Class, f.Big, f.Machine), src: src, size: uint64(size), file: f}
	if im.head, err = f.RawHeader(); err != nil {
		return nil, err
	}
	table, err := f.RawSections()
	if err != nil {
		return nil, err
	}
	im.secs = make([]section, len(f.Sections))
	for i := range im.secs {
		s := &im.secs[i]
		s.Section = f.Sections[i]
		if i == 0 {
			s.Type = elf.SHT_NULL // its fields belong to the ELF header, whatever they say
		}
		s.row = table[i*im.shdr:][:im.shdr:im.shdr]
		s.size = s.stored()
		s.at = s.Off
	}
	segs, err := f.Segments()
	if err != nil {
		return nil, err
	}
	return im, im.takeSegments(segs)
}

// stored returns the number of bytes that a section has in the file.
func (s *section) stored() uint64 {
	if s.Type == elf.SHT_NOBITS || s.Type == elf.SHT_NULL {
		return 0
	}
	return s.FileSize
}

// takeSegments keeps the segments with bytes in the file. Those of a file of
// debug data alone describe another file, the one it was split from, and count
// for nothing.
func (im *image) takeSegments(segs []elfview.Segment) error {
	loaded, there := false, false // sections that are loaded, and if their contents are there
	for i := range im.secs {
		if s := &im.secs[i]; s.Flags&elf.SHF_ALLOC != 0 && s.Type != elf.SHT_NOTE {
			loaded, there = true, there || s.stored() != 0
		}
	}
	if loaded && !there {
		return nil
	}
	slices.SortFunc(segs, func(a, b elfview.Segment) int { return cmp.Compare(a.Off, b.Off) })
	for i := range segs {
		g := &segs[i]
		if g.FileSize == 0 {
			continue
		}
		if g.Off > im.size || g.FileSize > im.size-g.Off {
			return fmt.Errorf("%v: %d bytes do not fit the file of %d bytes", g, g.FileSize, im.size)
		}
		e := extent{off: g.Off, end: g.Off + g.FileSize}
		if n := len(im.segs); n > 0 && e.off <= im.segs[n-1].end {
			im.segs[n-1].end = max(im.segs[n-1].end, e.end)
			continue
		}
		im.segs = append(im.segs, e)
	}
	return nil
}

// extents returns what lies in the file, in the order of offsets.
func (im *image) extents() ([]extent, error) {
	es := []extent{{0, uint64(im.ehdr), -1, "ELF header"}}
	if n := len(im.file.Sections); n != 0 {
		es = append(es, extent{im.file.ShOff, im.file.ShOff + uint64(n*im.shdr), -1, "section header table"})
	}
	if n := im.file.PhNum; n != 0 {
		es = append(es, extent{im.file.PhOff, im.file.PhOff + uint64(n*im.phdr), -1, "program header table"})
	}
	for i := range im.secs {
		s := &im.secs[i]
		n := s.stored()
		if n == 0 {
			continue
		}
		if s.Off > im.size || n > im.size-s.Off {
			return nil, errorf(&s.Section, 0, "%d bytes at file offset %#x do not fit the file of %d bytes", n, s.Off, im.size)
		}
		es = append(es, extent{s.Off, s.Off + n, i, ""})
	}
	slices.SortStableFunc(es, func(a, b extent) int { return cmp.Compare(a.off, b.off) })
	return es, nil
}

func (im *image) label(e extent) string {
	switch {
	case e.sec < 0:
		return e.label
	case im.secs[e.sec].Name == "":
		return fmt.Sprintf("section %d", e.sec)
	}
	return im.secs[e.sec].Name
}

// checkApart returns an error if two extents overlap: only, if sec is not
// negative, if one of them is that section. The extents are sorted.
func (im *image) checkApart(es []extent, sec int) error {
	var last extent // of those seen, the one that ends last
	for i, e := range es {
		if i > 0 && e.off < last.end && (sec < 0 || e.sec == sec || last.sec == sec) {
			return fmt.Errorf("%s at file offset %#x overlaps %s, which ends at %#x", im.label(e), e.off, im.label(last), last.end)
		}
		if e.end > last.end || e.sec == sec && sec >= 0 {
			last = e
		}
	}
	return nil
}

// maxGap is the longest room in bytes that is taken for padding between sections that are not loaded.
const maxGap = 1 << 20

// checkGaps returns an error if there is anything but zeros behind from in the room
// between the extents and behind the last: it would be lost, and nobody knows whose
// it is.
func (im *image) checkGaps(es []extent, from uint64) error {
	pos := uint64(0)
	for _, e := range append(es, extent{off: im.size}) {
		if gap := max(pos, from); gap < e.off {
			if err := im.checkZeros(gap, e.off); err != nil {
				return err
			}
		}
		pos = max(pos, e.end)
	}
	return nil
}

func (im *image) checkZeros(off, end uint64) error {
	if end-off > maxGap {
		return fmt.Errorf("%d bytes at file offset %#x belong to no section", end-off, off)
	}
	b := make([]byte, end-off)
	if err := readFull(im.src, b, off); err != nil {
		return err
	}
	if rest := bytes.TrimLeft(b, "\x00"); len(rest) > 0 {
		return fmt.Errorf("data at file offset %#x belong to no section", end-uint64(len(rest)))
	}
	return nil
}

// inSegment reports whether a section is part of what a linked file loads.
func (im *image) inSegment(s *section) bool {
	if im.file.Type == elf.ET_REL {
		return false
	}
	if s.Flags&elf.SHF_ALLOC != 0 {
		return true
	}
	i := sort.Search(len(im.segs), func(i int) bool { return im.segs[i].end > s.Off })
	n := s.stored()
	return n != 0 && i < len(im.segs) && (s.Off >= im.segs[i].off || n > im.segs[i].off-s.Off)
}

// fixed reports whether a section must keep its offset.
func (im *image) fixed(s *section) bool {
	return im.inSegment(s) || !im.compacted && s.Flags&elf.SHF_ALLOC != 0
}

// contents returns the bytes of a section as they stand in the file.
func (im *image) contents(s *section) ([]byte, error) {
	if s.edited {
		return s.data, nil
	}
	if im.file.Compressed(&s.Section) {
		return nil, errorf(&s.Section, 0, "is compressed, where plain contents are needed")
	}
	return im.file.Data(&s.Section)
}

// readFull fills b from offset off.
func readFull(r io.ReaderAt, b []byte, off uint64) error {
	n, err := r.ReadAt(b, int64(off))
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = fmt.Errorf("%w: it now ends at %d bytes", ErrChanged, off+uint64(n))
	}
	return err
}
