// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"bytes"
	"debug/elf"
)

// Removing a section changes the indexes of those behind it, and removing the
// symbols in it the indexes of symbols. Both kinds are spread over the file:
//
//	section indexes: sh_link of all, sh_info of some, st_shndx with its
//	                 SHT_SYMTAB_SHNDX, members of SHT_GROUP, e_shstrndx
//	symbol indexes:  r_info of relocations, sh_info of SHT_GROUP and SHT_SYMTAB
//
// settle goes over them once, after the last edit:
//
//  1. relocations of what goes, and groups of which nothing stays, go too
//  2. symbols in what goes, go
//  3. every index that is left is replaced; one of something gone is an error

// Section types that package elf does not name.
const (
	shtCrel    elf.SectionType = 0x40000014 // compact relocations of LLVM
	shtAddrsig elf.SectionType = 0x6fff4c03 // SHT_LLVM_ADDRSIG: symbols whose address matters
)

func isReloc(t elf.SectionType) bool {
	return t == elf.SHT_REL || t == elf.SHT_RELA || t == shtCrel
}

// infoIsSection reports whether sh_info is a section index (gABI, "Section Header").
func infoIsSection(s *section) bool {
	return isReloc(s.Type) || s.Flags&elf.SHF_INFO_LINK != 0
}

// stripDebug marks the debug sections.
func (im *image) stripDebug() {
	for i := range im.secs {
		s := &im.secs[i]
		if s.Index != 0 && s.state != gone && isDebug(&s.Section) && s != im.nameTable() && !im.inSegment(s) {
			im.take(s)
			im.compacted = im.file.Type == elf.ET_REL
		}
	}
	im.fileSyms = true
}

// removedSymbol is the new index of a symbol that goes. Index 0 is the null
// symbol and always stays.
const removedSymbol = ^uint32(0)

// symbolMap gives the new index of each symbol of a table by its old one; nil if
// none changes.
type symbolMap []uint32

// settle makes what refers to sections and symbols fit those that stay.
func (im *image) settle() error {
	if !im.removes && !im.fileSyms {
		return nil
	}
	groups, err := im.cascade()
	if err != nil {
		return err
	}
	index := im.newIndexes()
	seen := map[elf.SectionType]bool{}
	maps := make([]symbolMap, len(im.secs)) // by the index of the symbol table
	for i := range im.secs {
		s := &im.secs[i]
		if s.state == gone || s.Type != elf.SHT_SYMTAB && s.Type != elf.SHT_DYNSYM {
			continue
		}
		if seen[s.Type] {
			return errorf(&s.Section, 0, "second symbol table of type %v", s.Type)
		}
		seen[s.Type] = true
		if maps[i], err = im.settleSymbols(s, index); err != nil {
			return err
		}
	}
	for i := range im.secs {
		s := &im.secs[i]
		if s.state == gone {
			continue
		}
		if s.Link != 0 && int(s.Link) < len(maps) && maps[s.Link] != nil {
			if err := im.settleUser(s, maps[s.Link]); err != nil {
				return err
			}
		}
		if members, ok := groups[i]; ok && im.removes {
			im.setGroup(s, members, index)
		}
		if err := im.settleLinks(s, index); err != nil {
			return err
		}
	}
	return nil
}

// cascade takes out what is of no use without what goes. It returns, for each
// group that stays, its words: the flags, then the old indexes of the members that stay.
func (im *image) cascade() (map[int][]uint32, error) {
	if !im.removes {
		return nil, nil
	}
	for i := range im.secs {
		s := &im.secs[i]
		if s.state != gone && isReloc(s.Type) && int(s.Info) < len(im.secs) && im.secs[s.Info].state == gone {
			im.take(s)
		}
	}
	groups := map[int][]uint32{}
	for i := range im.secs {
		s := &im.secs[i]
		if s.state == gone || s.Type != elf.SHT_GROUP {
			continue
		}
		words, err := im.groupWords(s)
		if err != nil {
			return nil, err
		}
		if len(words) == 1 && s.size > 4 {
			im.take(s)
			continue
		}
		groups[i] = words
	}
	return groups, nil
}

// groupWords reads a group (gABI, "Section Groups") without the members that go.
func (im *image) groupWords(s *section) ([]uint32, error) {
	b, err := im.contents(s)
	if err != nil {
		return nil, err
	}
	if len(b) < 4 || len(b)%4 != 0 {
		return nil, errorf(&s.Section, 0, "a group of %d bytes, want words of 4 and at least one", len(b))
	}
	words := []uint32{im.order.Uint32(b)}
	for off := 4; off < len(b); off += 4 {
		m := im.order.Uint32(b[off:])
		if m == 0 || int64(m) >= int64(len(im.secs)) {
			return nil, errorf(&s.Section, uint64(off), "member %d of the group, there are %d sections", m, len(im.secs))
		}
		if im.secs[m].state != gone {
			words = append(words, m)
		}
	}
	return words, nil
}

func (im *image) setGroup(s *section, words []uint32, index []uint32) {
	b := im.order.AppendUint32(nil, words[0])
	for _, m := range words[1:] {
		b = im.order.AppendUint32(b, index[m])
	}
	im.rewrite(s, b)
}

// rewrite gives a section other contents, not longer than it has.
func (im *image) rewrite(s *section, b []byte) {
	s.data, s.edited = b, true
	if n := uint64(len(b)); n != s.size {
		s.size = n
		im.put(s.row, im.layout.size, n)
		im.relaid = true
	}
}

// newIndexes gives the new index of each section, 0 for one that goes.
func (im *image) newIndexes() []uint32 {
	index := make([]uint32, len(im.secs))
	n := uint32(0)
	for i := range im.secs {
		if im.secs[i].state != gone {
			index[i] = n
			n++
		}
	}
	return index
}

// settleLinks replaces the section indexes in a header.
func (im *image) settleLinks(s *section, index []uint32) error {
	if !im.removes || s.Index == 0 {
		return nil // header 0 holds numbers of the ELF header
	}
	link, err := im.newIndex(s, "sh_link", im.get(s.row, im.link), index)
	if err != nil {
		return err
	}
	im.put(s.row, im.link, link)
	if !infoIsSection(s) {
		return nil
	}
	info, err := im.newIndex(s, "sh_info", im.get(s.row, im.info), index)
	if err != nil {
		return err
	}
	im.put(s.row, im.info, info)
	return nil
}

func (im *image) newIndex(s *section, what string, old uint64, index []uint32) (uint64, error) {
	switch {
	case old == 0:
		return 0, nil
	case old >= uint64(len(index)):
		return 0, errorf(&s.Section, 0, "%s is %d, there are %d sections", what, old, len(index))
	case im.secs[old].state == gone:
		return 0, errorf(&s.Section, 0, "%s is section %d, %s, which is to be removed", what, old, im.secs[old].Name)
	}
	return uint64(index[old]), nil
}

// settleUser replaces the symbol indexes in a section that refers to a symbol table.
func (im *image) settleUser(s *section, syms symbolMap) error {
	switch s.Type {
	case elf.SHT_REL, elf.SHT_RELA:
		return im.settleRelocs(s, syms)
	case elf.SHT_GROUP:
		sig := im.get(s.row, im.info)
		if sig >= uint64(len(syms)) || syms[sig] == removedSymbol {
			return errorf(&s.Section, 0, "sh_info is symbol %d, which is to be removed or does not exist", sig)
		}
		im.put(s.row, im.info, uint64(syms[sig]))
		return nil
	case elf.SHT_SYMTAB_SHNDX:
		return nil // settleSymbols has written it
	case shtAddrsig:
		// Without a link its readers ignore it, as after ld -r, which renumbers
		// symbols as well.
		im.put(s.row, im.link, 0)
		return nil
	}
	return errorf(&s.Section, 0, "of type %v may refer to symbols by index, which are to be renumbered", s.Type)
}

// settleRelocs replaces the symbol indexes in relocations.
func (im *image) settleRelocs(s *section, syms symbolMap) error {
	size := im.rela
	if s.Type == elf.SHT_REL {
		size = im.rel
	}
	old, err := im.contents(s)
	if err != nil {
		return err
	}
	if s.EntSize != uint64(size) || len(old)%size != 0 {
		return errorf(&s.Section, 0, "%d bytes of relocations with sh_entsize %d, want entries of %d", len(old), s.EntSize, size)
	}
	b := bytes.Clone(old)
	for off := 0; off < len(b); off += size {
		sym := im.relSym(b[off:])
		if int64(sym) >= int64(len(syms)) {
			return errorf(&s.Section, uint64(off), "relocation against symbol %d, there are %d", sym, len(syms))
		}
		to := syms[sym]
		if to == removedSymbol {
			return errorf(&s.Section, uint64(off), "relocation against symbol %d, which is to be removed with its section", sym)
		}
		im.setRelSym(b[off:], to)
	}
	im.rewrite(s, b)
	return nil
}

// symbols is a symbol table while it is rewritten.
type symbols struct {
	sec, words  *section // words is the SHT_SYMTAB_SHNDX, or nil
	data, index []byte   // contents of the two
}

// readSymbols reads a symbol table with its extended section indexes.
func (im *image) readSymbols(s *section) (t symbols, err error) {
	t.sec = s
	if t.data, err = im.contents(s); err != nil {
		return t, err
	}
	if s.EntSize != uint64(im.sym) || len(t.data)%im.sym != 0 {
		return t, errorf(&s.Section, 0, "%d bytes of symbols with sh_entsize %d, want entries of %d", len(t.data), s.EntSize, im.sym)
	}
	for i := range im.secs {
		w := &im.secs[i]
		if w.state == gone || w.Type != elf.SHT_SYMTAB_SHNDX || int(w.Link) != s.Index {
			continue
		}
		if t.words != nil {
			return t, errorf(&w.Section, 0, "second SHT_SYMTAB_SHNDX of one symbol table")
		}
		t.words = w
		if t.index, err = im.contents(w); err != nil {
			return t, err
		}
		if len(t.index)/4 != len(t.data)/im.sym {
			return t, errorf(&w.Section, 0, "%d bytes of indexes for %d symbols", len(t.index), len(t.data)/im.sym)
		}
	}
	return t, nil
}

// section returns the section index of symbol i, and false if it has none.
func (im *image) symbolSection(t *symbols, i int) (uint32, bool, error) {
	off := i * im.sym
	shndx := elf.SectionIndex(im.order.Uint16(t.data[off+im.shndx:]))
	to := uint32(shndx)
	switch {
	case shndx == elf.SHN_UNDEF:
		return 0, false, nil
	case shndx == elf.SHN_XINDEX && t.words == nil:
		return 0, false, errorf(&t.sec.Section, uint64(off), "st_shndx is SHN_XINDEX, but the table has no SHT_SYMTAB_SHNDX")
	case shndx == elf.SHN_XINDEX:
		to = im.order.Uint32(t.index[4*i:])
	case shndx >= elf.SHN_LORESERVE:
		return 0, false, nil
	}
	if int64(to) >= int64(len(im.secs)) {
		return 0, false, errorf(&t.sec.Section, uint64(off), "symbol in section %d, there are %d sections", to, len(im.secs))
	}
	return to, true, nil
}

// settleSymbols takes out symbols and replaces the section indexes of the others.
func (im *image) settleSymbols(s *section, index []uint32) (symbolMap, error) {
	t, err := im.readSymbols(s)
	if err != nil {
		return nil, err
	}
	n := len(t.data) / im.sym
	locals := int64(im.get(s.row, im.info)) // index of the first symbol that is not local
	keptLocals := uint64(0)
	syms := make(symbolMap, n)
	data := make([]byte, 0, len(t.data))
	words := make([]byte, 0, len(t.index))
	for i := range n {
		sec, has, err := im.symbolSection(&t, i)
		if err != nil {
			return nil, err
		}
		entry := t.data[i*im.sym:][:im.sym]
		if i > 0 && (has && im.secs[sec].state == gone || im.isFileSymbol(s, entry)) {
			if s.Type == elf.SHT_DYNSYM {
				return nil, errorf(&s.Section, uint64(i*im.sym), "dynamic symbol %d is in section %d, %s, which is to be removed", i, sec, im.secs[sec].Name)
			}
			syms[i] = removedSymbol
			continue
		}
		syms[i] = uint32(len(data) / im.sym)
		if int64(i) < locals {
			keptLocals++
		}
		data = append(data, entry...)
		word := uint32(0)
		if has {
			to := index[sec]
			short := uint16(to)
			if to >= uint32(elf.SHN_LORESERVE) {
				short, word = uint16(elf.SHN_XINDEX), to
			}
			im.order.PutUint16(data[len(data)-im.sym+im.shndx:], short)
		}
		words = im.order.AppendUint32(words, word)
	}
	if string(data) != string(t.data) {
		im.rewrite(s, data)
		im.put(s.row, im.info, keptLocals)
	}
	if t.words != nil && string(words) != string(t.index) {
		im.rewrite(t.words, words)
	}
	if len(data) == len(t.data) {
		return nil, nil
	}
	return syms, nil
}

// isFileSymbol reports whether a symbol names a source file and goes with debug
// data.
func (im *image) isFileSymbol(s *section, entry []byte) bool {
	if !im.fileSyms || s.Type != elf.SHT_SYMTAB {
		return false
	}
	info := entry[im.shndx-2] // st_info and st_other precede st_shndx in both classes
	return elf.ST_TYPE(info) == elf.STT_FILE && elf.ST_BIND(info) == elf.STB_LOCAL
}
