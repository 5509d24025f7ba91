// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/btfgen/btfgen/internal/btf"
)

// idReport sums up comparisons of .BTF_ids.
type idReport struct {
	words int      // compared
	wrong []string // what differs
}

// add compares .BTF_ids of the two files that d is of, if c asks for it. The prefix says which they are.
func (r *idReport) add(prefix, fileA, fileB string, d *diff, c *config) error {
	if !c.ids {
		return nil
	}
	a, err := readIDs(fileA)
	if err != nil {
		return err
	}
	b, err := readIDs(fileB)
	if err != nil {
		return err
	}
	if a != nil {
		r.words += len(a.words)
	}
	for _, text := range d.compareIDs(a, b) {
		r.wrong = append(r.wrong, prefix+text)
	}
	return nil
}

// report prints what differs, if that was asked for, and returns how much that is.
func (r *idReport) report(w io.Writer, c *config) int {
	if !c.ids {
		return 0
	}
	for i, text := range r.wrong {
		if i < c.show || c.list {
			fmt.Fprintf(w, ".BTF_ids: %s\n", text)
		}
	}
	if !c.list {
		fmt.Fprintf(w, ".BTF_ids: %d words, %d differences\n", r.words, len(r.wrong))
	}
	return len(r.wrong)
}

// idSection is .BTF_ids of an ELF file. The files compared are of the same objects, linked in the same way,
// so the section has the same symbols at the same places in both.
type idSection struct {
	words []uint32
	sets  []idSet // by place
}

// idSet is a symbol that stands at the first word of a set: the number of elements, and of pairs one word more.
// include/linux/btf_ids.h: struct btf_id_set, struct btf_id_set8.
type idSet struct {
	name  string
	at    int // index into words
	pairs bool
}

// readIDs returns .BTF_ids of an ELF file, nil if it has none.
func readIDs(name string) (*idSection, error) {
	f, err := elf.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer f.Close()
	ids, err := readIDSection(f)
	if err != nil {
		return nil, fmt.Errorf("%s: .BTF_ids: %w", name, err)
	}
	return ids, nil
}

func readIDSection(f *elf.File) (*idSection, error) {
	sec := slices.IndexFunc(f.Sections, func(s *elf.Section) bool { return s.Name == ".BTF_ids" })
	if sec < 0 {
		return nil, nil
	}
	data, err := f.Sections[sec].Data()
	if err != nil {
		return nil, err
	}
	ids := &idSection{}
	for len(data) >= 4 {
		ids.words = append(ids.words, f.ByteOrder.Uint32(data))
		data = data[4:]
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	for _, s := range symbols {
		set, ok := setSymbol(s.Name)
		if !ok || int(s.Section) != sec {
			continue
		}
		at := s.Value - f.Sections[sec].Addr // 0 in modules
		if at%4 != 0 || at/4 >= uint64(len(ids.words)) {
			return nil, fmt.Errorf("set %s at %#x is none of %d words", set.name, at, len(ids.words))
		}
		set.at = int(at / 4)
		ids.sets = append(ids.sets, set)
	}
	slices.SortFunc(ids.sets, func(a, b idSet) int { return cmp.Compare(a.at, b.at) })
	return ids, nil
}

// setSymbol reads the name of a symbol of a set. Other symbols name a type.
func setSymbol(symbol string) (set idSet, ok bool) {
	if name, found := strings.CutPrefix(symbol, "__BTF_ID__set8__"); found {
		return idSet{name: name, pairs: true}, true
	}
	name, found := strings.CutPrefix(symbol, "__BTF_ID__set__")
	return idSet{name: name}, found
}

// element is an ID with its flags.
type element struct{ id, flags uint32 }

// elements returns what is in a set.
func (s *idSection) elements(set idSet) ([]element, error) {
	first, width := set.at+1, 1
	if set.pairs {
		first, width = set.at+2, 2
	}
	n := int(s.words[set.at])
	if first > len(s.words) || n > (len(s.words)-first)/width {
		return nil, fmt.Errorf("set %s: %d elements leave the section", set.name, n)
	}
	var list []element
	for w := s.words[first : first+n*width]; len(w) > 0; w = w[width:] {
		e := element{id: w[0]}
		if set.pairs {
			e.flags = w[1]
		}
		list = append(list, e)
	}
	return list, nil
}

// compareIDs tells how what two sections refer to differs, nil if in nothing. Words that belong to no set, lists,
// have the same order in both; sets must be sorted by ID, which is another order on each side.
func (d *diff) compareIDs(a, b *idSection) (wrong []string) {
	switch {
	case a == nil && b == nil:
		return nil
	case a == nil || b == nil:
		return []string{"only one side has .BTF_ids"}
	case len(a.words) != len(b.words) || !slices.Equal(a.sets, b.sets):
		return []string{fmt.Sprintf("A has %d words with %d sets, B %d with %d, or the sets are others",
			len(a.words), len(a.sets), len(b.words), len(b.sets))}
	}
	tell := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	inSet := make([]bool, len(a.words))
	for _, set := range a.sets {
		x, errA := a.elements(set)
		y, errB := b.elements(set)
		if err := errors.Join(errA, errB); err != nil {
			tell("%v", err)
			continue
		}
		end := set.at + 1 + len(x)
		if set.pairs {
			end = set.at + 2 + 2*len(x)
		}
		for i := set.at; i < end; i++ {
			inSet[i] = true
		}
		for _, text := range d.compareSets(x, y) {
			tell("set %s: %s", set.name, text)
		}
	}
	for i, x := range a.words {
		if y := b.words[i]; !inSet[i] && !d.sameID(x, y) {
			tell("word %d: A has %s, B has %s", i, d.idText(sideA, x), d.idText(sideB, y))
		}
	}
	return wrong
}

// compareSets compares the elements of a set on both sides.
func (d *diff) compareSets(x, y []element) (wrong []string) {
	byID := func(a, b element) int { return cmp.Compare(a.id, b.id) }
	for s, list := range map[side][]element{sideA: x, sideB: y} {
		if !slices.IsSortedFunc(list, byID) {
			wrong = append(wrong, fmt.Sprintf("not sorted in %v", s))
		}
	}
	if len(x) != len(y) {
		return append(wrong, fmt.Sprintf("A has %d elements, B %d", len(x), len(y)))
	}
	rest := slices.Clone(y)
	for _, e := range x {
		i := slices.IndexFunc(rest, func(o element) bool { return o.flags == e.flags && d.sameID(e.id, o.id) })
		if i < 0 {
			wrong = append(wrong, fmt.Sprintf("B lacks %s with flags %#x", d.idText(sideA, e.id), e.flags))
			continue
		}
		rest = slices.Delete(rest, i, i+1)
	}
	for _, e := range rest {
		wrong = append(wrong, fmt.Sprintf("A lacks %s with flags %#x", d.idText(sideB, e.id), e.flags))
	}
	return wrong
}

// idNode returns the node of a type ID, ok is false if there is no such type.
func (d *diff) idNode(s side, id uint32) (n node, ok bool) {
	if s == sideA {
		return node(id), uint64(id) < uint64(d.g.a.NumIDs())
	}
	if uint64(id) >= uint64(d.g.b.NumIDs()) {
		return 0, false
	}
	return d.g.nodeOf(d.g.firstB, btf.ID(id)), true
}

// sameID tells whether two words mean the same: none, or types that are equal, or that differ in what the
// comparison of types reports.
func (d *diff) sameID(x, y uint32) bool {
	if x == 0 || y == 0 {
		return x == y
	}
	a, ok := d.idNode(sideA, x)
	b, ok2 := d.idNode(sideB, y)
	if !ok || !ok2 {
		return false
	}
	if it := d.itemOf[a]; it != nil && it.partner == b {
		return true
	}
	return d.original(a) == d.original(b) || d.variant[a] == d.variant[b]
}

// original returns what a node was folded into, or the node itself.
func (d *diff) original(n node) node {
	if d.g.rep != nil && d.g.rep[n] != 0 {
		return d.g.rep[n]
	}
	return n
}

func (d *diff) idText(s side, id uint32) string {
	if id == 0 {
		return "nothing"
	}
	n, ok := d.idNode(s, id)
	if !ok {
		return fmt.Sprintf("%d, which is no type", id)
	}
	return fmt.Sprintf("%v %s", d.g.kind[n], d.g.itemName(n))
}
