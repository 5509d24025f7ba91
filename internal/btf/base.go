// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import "sync"

// Base is the blob that others are split against, a vmlinux's, made ready to be asked for its types (base_index.go). For
// a process that encodes one module only the types are indexed whose names
// that module has. When a third set of names is asked for, all types are.
//
// It is immutable to its users and safe for concurrent use: one serves all modules of a process.
type Base struct {
	t *Table

	nested   bool // an ARRAY has an ARRAY as element
	wideEnum bool // there is an ENUM64

	mu      sync.Mutex // guards all below
	all     *baseIndex // of all names, nil until it is needed
	partial *baseIndex // the last one of some names
	made    int        // how many of these there were
}

// maxPartial is how many indexes of some names are made before one of all names is, which takes as long as four.
const maxPartial = 2

// NewBase makes a base of t and its own bases. The bytes that t aliases are not to change.
func NewBase(t *Table) *Base {
	b := &Base{t: t}
	b.findStyle()
	return b
}

// Table returns the table that NewBase was given.
func (b *Base) Table() *Table { return b.t }

// IndexAll makes the index of all names, for a caller who knows that many modules come: it can do so while it reads the first.
func (b *Base) IndexAll() { b.whole() }

// whole returns the index of all names.
func (b *Base) whole() *baseIndex {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.makeWhole()
}

func (b *Base) makeWhole() *baseIndex {
	if b.all == nil {
		b.all = newBaseIndex(b.t, nil)
	}
	return b.all
}

// index returns an index that has at least what names may need.
func (b *Base) index(names *nameFilter) *baseIndex {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.partial != nil && b.partial.names.covers(names):
	case b.all != nil || b.made == maxPartial:
		return b.makeWhole()
	default:
		b.partial = newBaseIndex(b.t, names)
		b.made++
	}
	return b.partial
}

// manyTypes is how many types a base has that would show its style.
const manyTypes = 1000

// NestedArrays tells how arrays of several dimensions are written: one ARRAY per dimension, as pahole does
// since 1.32, or a single one. What is split against the base is to follow it, or nothing that holds
// such an array is equal (encode.md 3.9). A base without any tells nothing, unless it is large.
func (b *Base) NestedArrays() bool { return b.nested || b.t.NumIDs() <= manyTypes }

// UsesEnum64 tells whether enums wider than 4 bytes are ENUM64s, which Linux before 6.0 does not know. A base without
// any tells nothing, unless it is large.
func (b *Base) UsesEnum64() bool { return b.wideEnum || b.t.NumIDs() <= manyTypes }

// findStyle looks for an example of each.
func (b *Base) findStyle() {
	for t := b.t; t != nil; t = t.base {
		if len(t.sorts[sortNamed])*64 < len(t.offs) {
			panic("btf: the base was edited and not read again")
		}
		for i := range forward(t.sorts[sortNamed]) {
			if b.wideEnum = b.wideEnum || t.Kind(t.firstID+ID(i)) == KindEnum64; b.wideEnum {
				break
			}
		}
		for i := range forward(t.sorts[sortArray]) {
			elem, _, _ := t.own(i).Array()
			if b.nested = b.nested || b.t.Kind(elem) == KindArray; b.nested {
				break
			}
		}
	}
}
