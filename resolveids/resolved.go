// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"bytes"
	"fmt"

	"github.com/btfgen/btfgen/internal/btf"
)

// maxSymbol is the longest name of a symbol in bytes, which elfview gives out.
const maxSymbol = 64 << 10

// resolved tells whether the section already holds IDs: compilers leave zeros.
func (x *IDs) resolved() bool {
	for i := range x.sets {
		if x.word(x.Data, x.sets[i].word) != 0 {
			return true
		}
	}
	for i := range x.requests {
		for _, w := range x.requests[i].words {
			if x.word(x.Data, w) != 0 {
				return true
			}
		}
	}
	return false
}

// original returns a copy of the content in which the flags of each set8 are where the compiler put them, at
// the pair that a symbol names.
//
// In a section that has been resolved they are not: pairs were sorted by ID. Lists and sets without flags can be resolved
// again as they are, by the names of the symbols, and so can a set8 whose elements all have the same flags.
// Others are put back by the names that their IDs have in old, the BTF that the section was resolved with. If any ID of
// the section is not what its symbol asks for, old is not that BTF; the error is an *Error. old is called when
// it is needed.
func (x *IDs) original(old func() (*btf.Table, error)) ([]byte, error) {
	data := bytes.Clone(x.Data)
	if !x.resolved() {
		return data, nil
	}
	if !x.needFlags() {
		x.clearNameless(data)
		return data, nil
	}
	fail := func(format string, args ...any) error {
		return &Error{Msg: "is already resolved, and which flags belong to which kfunc cannot be told any more: " + fmt.Sprintf(format, args...) + ": link the file anew"}
	}
	t, err := old()
	if err != nil {
		return nil, fail("its own BTF does not go with this base: %v", err)
	}
	inSet := make([]bool, len(data)/4)
	for i := range x.sets {
		s := &x.sets[i]
		for w := s.word; w < s.at(s.count); w++ {
			inSet[w] = true
		}
		if got := x.word(data, s.word); got != s.count {
			return nil, fail("set %q says that it has %d elements, its symbol %d", s.name, got, s.count)
		}
		if msg := x.putBack(data, s, t); msg != "" {
			return nil, fail("%s", msg)
		}
	}
	for i := range x.requests {
		r := &x.requests[i]
		for _, w := range r.words {
			id := x.word(data, w)
			if inSet[w] || id == 0 {
				continue
			}
			if is, ok := identity(t, id); !ok || is != (identifier{r.kind, r.name}) {
				return nil, fail("%v %.100q has the ID %d, which is %s in the file's BTF", r.kind, r.name, id, describe(t, id))
			}
		}
	}
	x.clearNameless(data)
	return data, nil
}

// clearNameless empties the elements of sets that no symbol names: after sorting, they hold the IDs of others.
func (x *IDs) clearNameless(data []byte) {
	for i := range x.sets {
		s := &x.sets[i]
		for n := range s.count {
			if _, ok := x.named[s.at(n)]; !ok {
				x.putWord(data, s.at(n), 0)
			}
		}
	}
}

// needFlags tells whether there is a set8 whose elements have different flags.
func (x *IDs) needFlags() bool {
	for i := range x.sets {
		s := &x.sets[i]
		for n := uint32(1); s.pairs && n < s.count; n++ {
			if x.word(x.Data, s.at(n)+1) != x.word(x.Data, s.at(0)+1) {
				return true
			}
		}
	}
	return false
}

// putBack moves the flags of a set8 to the elements whose symbols ask for the types that the IDs are. A set without flags
// stays as it is; its IDs are checked alike. msg says what is wrong.
func (x *IDs) putBack(data []byte, s *set, t *btf.Table) (msg string) {
	free := map[identifier][]uint32{} // by what the symbol asks for: elements without flags so far
	for n := range s.count {
		var e identifier // of no symbol
		if r, ok := x.named[s.at(n)]; ok {
			e = identifier{x.requests[r].kind, x.requests[r].name}
		}
		free[e] = append(free[e], n)
	}
	flags := make([]uint32, s.count)
	taken := make([]bool, s.count)
	var zeros []uint32 // flags of elements that are not resolved
	for n := range s.count {
		id, f := x.word(data, s.at(n)), uint32(0)
		if s.pairs {
			f = x.word(data, s.at(n)+1)
		}
		if id == 0 {
			zeros = append(zeros, f)
			if f != zeros[0] {
				return fmt.Sprintf("set %q has unresolved elements with the flags %#x and %#x", s.name, zeros[0], f)
			}
			continue
		}
		e, known := identity(t, id)
		if !known || len(free[e]) == 0 {
			return fmt.Sprintf("set %q has the ID %d, which is %s in the file's BTF", s.name, id, describe(t, id))
		}
		at := free[e][0]
		free[e] = free[e][1:]
		flags[at], taken[at] = f, true
	}
	if !s.pairs {
		return ""
	}
	for n := range s.count {
		if !taken[n] {
			flags[n] = zeros[0]
		}
		x.putWord(data, s.at(n)+1, flags[n])
	}
	return ""
}

// identifier is what a symbol asks for.
type identifier struct {
	kind btf.Kind
	name string
}

// identity returns what a symbol of an ID would ask for; ok is false if there cannot be one.
func identity(t *btf.Table, id uint32) (i identifier, ok bool) {
	typ, ok := t.Lookup(btf.ID(id))
	if !ok || id == 0 {
		return i, false
	}
	name, ok := t.StrMax(typ.Name, maxSymbol)
	return identifier{typ.Kind, string(name)}, ok
}

// describe says what an ID is, for messages.
func describe(t *btf.Table, id uint32) string {
	typ, ok := t.Lookup(btf.ID(id))
	if !ok {
		return "none"
	}
	return fmt.Sprintf("%v %q", typ.Kind, shown(t, typ.Name))
}
