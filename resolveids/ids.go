// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
)

// sectionName is the section of IDs. Its content is an array of 32-bit words in the byte order of the file, of which
// symbols say what they are (include/linux/btf_ids.h):
//
//	list  id, id, ...                                 each with a symbol of its own, or 0 without one
//	set   count, id, id, ...                          and a symbol for the whole, at count
//	set8  count, flags, id, flags, id, flags, ...     the same
//
// Compilers leave zeros for IDs and counts, and the flags.
const sectionName = ".BTF_ids"

// IDs is the section .BTF_ids of a file and what its symbols say of it. It does not change and does not alias the file.
type IDs struct {
	Offset   uint64    // of the content in the file, in bytes
	Data     []byte    // content, as it is in the file
	Warnings []Warning // at most one: the file is stripped
	Symbols  bool      // there is a symbol table, so that Resolve has content to write

	big      bool
	requests []request      // in the order of resolve_btfids: by kind, then by name, descending
	sets     []set          // by name, descending
	named    map[uint32]int // by word: index into requests
}

// maxNames bounds the names of all symbols in bytes, which may share memory in the file. A kernel has 100 KB.
const maxNames = 64 << 20

// request is a type whose ID is wanted.
type request struct {
	kind  btf.Kind
	name  string
	words []uint32 // indexes of words, in the order of the symbol table
}

// set is an array of IDs that is to be sorted.
type set struct {
	name  string
	word  uint32 // index of its first word, count
	count uint32 // elements
	pairs bool   // its elements are pairs of words, and there is a second word before them
}

// first returns the index of the word of the first ID, step how many words lie between two IDs.
func (s *set) first() uint32 { return s.word + s.step() }

func (s *set) step() uint32 {
	if s.pairs {
		return 2
	}
	return 1
}

// at returns the index of the word of ID i.
func (s *set) at(i uint32) uint32 { return s.first() + i*s.step() }

// Error is what is wrong with the section .BTF_ids or its symbols.
type Error struct {
	Symbol   string // "" for the section as a whole
	Msg      string
	Original string // the line of the kernel's resolve_btfids; "" if it does not notice
}

func (e *Error) Error() string {
	if e.Symbol == "" {
		return sectionName + ": " + e.Msg
	}
	return fmt.Sprintf("%s: symbol %.300q: %s", sectionName, e.Symbol, e.Msg)
}

// ReadIDs reads the section .BTF_ids and its symbols. It returns nil, nil if there is no such section.
// Errors are *Error and *elfview.FormatError.
func ReadIDs(f *elfview.File) (*IDs, error) {
	var sec *elfview.Section
	for i := range f.Sections {
		if f.Sections[i].Name == sectionName {
			sec = &f.Sections[i]
		}
	}
	if sec == nil {
		return nil, nil
	}
	if sec.Flags&elf.SHF_COMPRESSED != 0 {
		return nil, &Error{Msg: "is compressed"}
	}
	data, err := f.Data(sec)
	if err != nil {
		return nil, err
	}
	x := &IDs{Offset: sec.Off, Data: data, big: f.Big, named: map[uint32]int{}}
	syms, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	if syms != nil {
		x.Symbols = true
		if err := x.readSymbols(syms, sec); err != nil {
			return nil, err
		}
	}
	if len(data) > 0 && len(x.requests) == 0 && len(x.sets) == 0 {
		x.Warnings = append(x.Warnings, warnStripped(len(data)))
	}
	return x, nil
}

// readSymbols collects what the symbols of the section say.
func (x *IDs) readSymbols(syms *elfview.SymbolTable, sec *elfview.Section) error {
	type key struct {
		kind btf.Kind
		name string
	}
	index := map[key]int{}
	left := maxNames
	prefix := []byte(symbolPrefix)
	for i := range syms.Len() {
		sym := syms.Sym(i)
		if !sym.InSection() || int(sym.Shndx) != sec.Index {
			continue
		}
		rest, found := bytes.CutPrefix(syms.Name(sym.NameOff), prefix)
		if !found {
			continue
		}
		if left -= len(rest); left < 0 {
			return &Error{Msg: fmt.Sprintf("names of symbols add up to more than %d bytes", maxNames)}
		}
		fail := func(original, format string, args ...any) error {
			return &Error{symbolPrefix + string(rest), fmt.Sprintf(format, args...), original}
		}
		s, original, err := parseSymbol(string(rest))
		if err != nil {
			return fail(original, "%v", err)
		}
		words := uint64(len(x.Data) / 4)
		off := sym.Value - sec.Addr
		if sym.Value < sec.Addr || off/4 >= words {
			return fail(fmt.Sprintf("FAILED patching index %d out of bounds %d", int32(off/4), words),
				"address %#x is outside the %d bytes at %#x", sym.Value, len(x.Data), sec.Addr)
		}
		if off%4 != 0 {
			return fail("", "address %#x is no multiple of 4 bytes from the start of the section, %#x", sym.Value, sec.Addr)
		}
		word := uint32(off / 4)
		if s.kind == btf.KindVoid {
			set, msg := newSet(&s, word, sym.Size, words)
			if msg != "" {
				return fail(fmt.Sprintf("FAILED malformed data for set '%s'", s.name), "%s", msg)
			}
			x.sets = append(x.sets, set)
			continue
		}
		k := key{s.kind, s.name}
		at, ok := index[k]
		if !ok {
			at = len(x.requests)
			index[k] = at
			x.requests = append(x.requests, request{kind: s.kind, name: s.name})
		}
		x.requests[at].words = append(x.requests[at].words, word)
	}
	return x.order()
}

// newSet returns the set of a symbol of size bytes, in a section of so many words; msg says what is wrong.
func newSet(s *symbol, word uint32, size, words uint64) (n set, msg string) {
	n = set{name: s.name, word: word, pairs: s.pairs}
	elem := 4 * uint64(n.step()) // the header is as long as an element
	switch {
	case size < elem:
		return n, fmt.Sprintf("size %d, the header of the set alone has %d bytes", size, elem)
	case size%elem != 0:
		return n, fmt.Sprintf("size %d is no multiple of %d, the bytes of an element", size, elem)
	case size/4 > words-uint64(word):
		return n, fmt.Sprintf("size %d, the section ends after %d bytes of the set", size, 4*(words-uint64(word)))
	}
	n.count = uint32(size/elem - 1)
	return n, ""
}

// order puts requests and sets into the order of resolve_btfids and checks that no two sets share a name, or words, and that IDs
// within sets are where these have theirs.
func (x *IDs) order() error {
	rank := map[btf.Kind]int{btf.KindStruct: 0, btf.KindUnion: 1, btf.KindTypedef: 2, btf.KindFunc: 3}
	slices.SortFunc(x.requests, func(a, b request) int {
		return cmp.Or(cmp.Compare(rank[a.kind], rank[b.kind]), cmp.Compare(b.name, a.name))
	})
	slices.SortFunc(x.sets, func(a, b set) int { return cmp.Compare(b.name, a.name) })
	for i := 1; i < len(x.sets); i++ {
		if x.sets[i].name == x.sets[i-1].name {
			return &Error{Msg: fmt.Sprintf("two sets have the name %q", x.sets[i].name)}
		}
	}
	byWord := slices.SortedFunc(slices.Values(x.sets), func(a, b set) int { return cmp.Compare(a.word, b.word) })
	for i := 1; i < len(byWord); i++ {
		if a, b := &byWord[i-1], &byWord[i]; a.at(a.count) > b.word {
			return &Error{Msg: fmt.Sprintf("the sets %.100q and %.100q overlap", a.name, b.name)}
		}
	}
	for i, r := range x.requests {
		for _, w := range r.words {
			x.named[w] = i // of two kinds at one word FUNC wins, which comes last
			n, _ := slices.BinarySearchFunc(byWord, w+1, func(s set, w uint32) int { return cmp.Compare(s.word, w) })
			if n == 0 {
				continue
			}
			if s := &byWord[n-1]; w < s.at(s.count) && (w < s.first() || (w-s.first())%s.step() != 0) {
				return &Error{Msg: fmt.Sprintf("%v %.100q is asked for where the set %.100q has no ID, %d bytes behind its start", r.kind, r.name, s.name, 4*(w-s.word))}
			}
		}
	}
	return nil
}

// word reads a word of content, putWord writes one.
func (x *IDs) word(b []byte, i uint32) uint32 {
	if x.big {
		return binary.BigEndian.Uint32(b[4*i:])
	}
	return binary.LittleEndian.Uint32(b[4*i:])
}

func (x *IDs) putWord(b []byte, i, v uint32) { btf.PutU32(b[4*i:], x.big, v) }
