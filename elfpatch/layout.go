// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"cmp"
	"debug/elf"
	"fmt"
	"math"
	"slices"
)

// A result whose sections do not all keep their places is laid out so:
//
//	[what keeps its offset][what moves up][sections that were set][names][section headers]
//
// The first part ends where room becomes free for the first time behind what is
// loaded. What moves up keeps its order, and loses the room between. Nothing
// depends on where the sections that are set lay before, and they are ordered by
// index, so the same edits give the same file again: the free room then starts
// where they start, and what would move is in its place.
//
// Room that becomes free within the first part is filled with zeros. It is that
// of old names or headers in front of other sections, once per file, and that of a
// section before loaded ones.

// arrange gives every section its offset and writes the headers. It returns the
// pieces of the result.
func (im *image) arrange() ([]piece, error) {
	var es []extent
	if im.relaid || im.fileSyms {
		// Before settle, which reads what an overlap would let it read many times.
		var err error
		if es, err = im.extents(); err != nil {
			return nil, err
		}
		if err := im.checkApart(es, -1); err != nil {
			return nil, err
		}
	}
	if err := im.settle(); err != nil {
		return nil, err
	}
	if !im.relaid {
		return im.cut(im.size, im.patches(nil), nil), nil
	}
	names := im.nameTable()
	if names != nil && im.fixed(names) {
		if im.addNames {
			return nil, errorf(&names.Section, 0, "is loaded, no name can be added")
		}
		names = nil
	}
	keep := im.keepUntil(names)
	if err := im.checkGaps(es, max(im.loadedEnd(), min(keep, es[len(es)-1].end))); err != nil {
		return nil, err
	}
	base, behind := im.divide(names, keep)
	shoff, err := im.place(base, behind)
	if err != nil {
		return nil, err
	}
	head, table := im.headers(shoff)
	pieces := im.cut(base, im.patches(im.freed(names)), head)
	for _, s := range behind {
		pieces = s.piece(pieces)
	}
	return append(pieces, piece{at: shoff, n: uint64(len(table)), data: table}), nil
}

// loadedEnd returns the offset behind all that must keep its own.
func (im *image) loadedEnd() uint64 {
	end := uint64(im.ehdr)
	if n := im.file.PhNum; n != 0 {
		end = max(end, im.file.PhOff+uint64(n*im.phdr))
	}
	if n := len(im.segs); n > 0 {
		end = max(end, im.segs[n-1].end)
	}
	for i := range im.secs {
		if s := &im.secs[i]; s.state == stays && s.stored() != 0 && im.fixed(s) {
			end = max(end, s.Off+s.stored())
		}
	}
	return end
}

// keepUntil returns the offset up to which sections keep theirs: the first free
// room that can be closed, the greatest offset if there is none. names, which is
// written behind the others, leaves no room by itself: nothing moves just because
// a name was added.
func (im *image) keepUntil(names *section) uint64 {
	loaded, free := im.loadedEnd(), uint64(math.MaxUint64)
	for i := range im.secs {
		s := &im.secs[i]
		off := s.Off
		if s.state == stays {
			off += s.size // what is shorter than before ends earlier
		}
		if s != names && off >= loaded && off < s.Off+s.stored() {
			free = min(free, off)
		}
	}
	return free
}

// divide returns the end of the part that keeps its place, and the sections
// behind it in the order of the result, names last.
func (im *image) divide(names *section, keep uint64) (base uint64, behind []*section) {
	base = im.loadedEnd()
	var set []*section
	for i := range im.secs {
		switch s := &im.secs[i]; {
		case s.state == gone || s == names || s.Index == 0:
		case s.state == appends:
			set = append(set, s)
		case s.Off >= keep && !im.fixed(s):
			behind = append(behind, s)
		case s.size != 0:
			base = max(base, s.Off+s.size)
		}
	}
	slices.SortStableFunc(behind, func(a, b *section) int { return cmp.Compare(a.Off, b.Off) })
	behind = append(behind, set...)
	if names != nil {
		if im.addNames {
			names.data, names.edited, names.size = im.names, true, uint64(len(im.names))
			im.put(names.row, im.layout.size, names.size)
		}
		behind = append(behind, names)
	}
	return base, behind
}

// place gives the sections behind base their offsets, and returns that of the
// section header table.
func (im *image) place(base uint64, behind []*section) (uint64, error) {
	next := base
	for _, s := range behind {
		s.at = alignUp(next, s.alignment())
		if s.size != 0 {
			next = s.at + s.size
		}
		if next > im.max() || s.at > im.max() {
			return 0, errorf(&s.Section, 0, "would end at file offset %#x, which the file's class cannot hold", next)
		}
	}
	count := 0
	for i := range im.secs {
		if im.secs[i].state != gone {
			count++
		}
	}
	shoff := alignUp(next, uint64(im.word))
	if end := shoff + uint64(count*im.shdr); end > im.max() {
		return 0, fmt.Errorf("the file would have %d bytes, which its class cannot hold", end)
	}
	return shoff, nil
}

// alignment returns what the offset of a section must be a multiple of: its
// alignment, but not more than the offset had before. So nothing moves down, and
// a forged alignment makes no hole.
func (s *section) alignment() uint64 {
	switch {
	case s.state == appends:
		return btfAlign
	case s.Align == 0:
		return 1
	}
	a := s.Align | s.Off
	return a & -a
}

// alignUp rounds up to a power of two.
func alignUp(v, a uint64) uint64 { return (v + a - 1) &^ (a - 1) }

// headers returns the ELF header and the section header table of the result.
// Numbers too large for the first stand in the second (gABI, "ELF Header",
// e_shnum and e_shstrndx).
func (im *image) headers(shoff uint64) (head, table []byte) {
	index := im.newIndexes()
	for i := range im.secs {
		s := &im.secs[i]
		if s.state == gone {
			continue
		}
		if i != 0 {
			im.put(s.row, im.off, s.at)
		}
		table = append(table, s.row...)
	}
	count, names := len(table)/im.shdr, 0
	if t := im.nameTable(); t != nil {
		names = int(index[t.Index])
	}
	put := func(off int, f field, v int) {
		long := 0
		if v >= int(elf.SHN_LORESERVE) {
			v, long = 0, v
			if off == im.shstrndx {
				v = int(elf.SHN_XINDEX)
			}
		}
		im.order.PutUint16(im.head[off:], uint16(v))
		im.put(table, f, uint64(long))
	}
	put(im.shnum, im.layout.size, count)
	put(im.shstrndx, im.link, names)
	im.put(im.head, im.shoff, shoff)
	return im.head, table
}

// freed returns the room that the result does not use any more, as zeros.
func (im *image) freed(names *section) []piece {
	zero := func(off, end uint64) piece { return piece{at: off, n: end - off} }
	free := []piece{zero(im.file.ShOff, im.file.ShOff+uint64(len(im.file.Sections)*im.shdr))}
	for i := range im.secs {
		s := &im.secs[i]
		end := s.Off + s.stored()
		switch {
		case s.stored() == 0:
		case s.state != stays || s == names:
			free = append(free, zero(s.Off, end))
		case s.size < s.stored():
			free = append(free, zero(s.Off+s.size, end))
		}
	}
	return free
}

// patches returns what differs from the file in the part that keeps its place:
// free, and the contents that were edited. They do not overlap.
func (im *image) patches(free []piece) []piece {
	for i := range im.secs {
		if s := &im.secs[i]; s.edited && s.state == stays && s.at == s.Off && s.size != 0 {
			free = append(free, piece{at: s.at, n: s.size, data: s.data})
		}
	}
	slices.SortFunc(free, func(a, b piece) int { return cmp.Compare(a.at, b.at) })
	return free
}

// cut returns the first base bytes of the file with an ELF header, if it is not
// nil, and patches, of which those beyond base do not count.
func (im *image) cut(base uint64, patches []piece, head []byte) []piece {
	var out []piece
	if head != nil {
		out = append(out, piece{n: uint64(len(head)), data: head})
	}
	pos := uint64(len(head))
	for _, p := range patches {
		if p.at >= base {
			break
		}
		if p.n = min(p.n, base-p.at); p.data != nil {
			p.data = p.data[:p.n]
		}
		out = appendCopy(out, pos, p.at)
		out = append(out, p)
		pos = p.at + p.n
	}
	return appendCopy(out, pos, base)
}

// appendCopy appends the bytes of the file from off to end, in their place.
func appendCopy(out []piece, off, end uint64) []piece {
	if off < end {
		out = append(out, piece{at: off, n: end - off, from: off, copied: true})
	}
	return out
}

// piece appends the contents of a section that is behind the part that keeps its
// place.
func (s *section) piece(out []piece) []piece {
	switch {
	case s.size == 0:
		return out
	case s.edited:
		return append(out, piece{at: s.at, n: s.size, data: s.data})
	}
	return append(out, piece{at: s.at, n: s.size, from: s.Off, copied: true})
}
