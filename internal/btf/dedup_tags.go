// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"cmp"
	"slices"
)

// tag is a name that types are referred to by: of a struct, a union or an enum.
type tag struct {
	name    NameID
	class   uint32   // tagClass of its types
	defs    []uint32 // classes that define it; several make it ambiguous
	fwd     uint32   // class of its forward declaration, 0 if there is none
	meaning uint32   // class that references to the tag lead to
}

// tagTable is valid once all units are in.
type tagTable struct {
	tags []tag
	of   []uint32 // by class: 1 + index into tags, 0 if it is referred to by content
}

// collect builds what is needed of all classes: where they were first seen and the tags.
func (d *Dedup) collect() {
	n := len(d.blocks) << blockBits
	d.first = make([]uint64, n, n+n/16)
	for i := range d.first {
		d.first[i] = noPlace
	}
	entries := d.table.entries
	for i := range entries {
		if e := &entries[i]; e.a.Load() != 0 {
			d.first[e.class] = e.first.Load()
		}
	}
	d.table = nil
	if d.split != nil {
		d.setLeast()
	}
	d.tags = tagTable{of: make([]uint32, n, n+n/16)}
	index := make(map[uint64]uint32, n/8)
	for id := uint32(1); id < uint32(n); id++ {
		c := d.class(id)
		class := c.tagClass()
		if class == 0 {
			continue
		}
		key := uint64(class)<<32 | uint64(c.Name)
		at, ok := index[key]
		if !ok {
			at = uint32(len(d.tags.tags))
			index[key] = at
			d.tags.tags = append(d.tags.tags, tag{name: c.Name, class: class})
		}
		d.tags.of[id] = at + 1
		t := &d.tags.tags[at]
		switch {
		case !c.isFwd():
			t.defs = append(t.defs, id)
		case t.fwd == 0:
			t.fwd = id
		default: // an enum is declared with several sizes: one stands for all
			first := min(d.first[t.fwd], d.first[id])
			if d.compareShape(id, t.fwd) < 0 {
				t.fwd = id
			}
			d.first[t.fwd] = first
		}
	}
}

// Ambiguity describes a name with several definitions, for reports.
type Ambiguity struct {
	Name        []byte
	Definitions int
}

// settle gives each tag its meaning and returns those that have several definitions.
func (d *Dedup) settle() (ambiguous []uint32) {
	for i := range d.tags.tags {
		t := &d.tags.tags[i]
		switch len(t.defs) {
		case 0:
			t.meaning = t.fwd
		case 1:
			t.meaning = t.defs[0]
		default:
			slices.SortFunc(t.defs, func(a, b uint32) int {
				return cmp.Compare(d.first[a], d.first[b])
			})
			t.meaning = t.defs[0]
			ambiguous = append(ambiguous, uint32(i))
		}
	}
	return ambiguous
}

// target returns the class that a reference in the content of c leads to.
func (d *Dedup) target(c *class, ref uint32) uint32 {
	if ref == 0 || c.exact {
		return ref
	}
	if t := d.tags.of[ref]; t != 0 {
		return d.tags.tags[t-1].meaning
	}
	return d.merged(ref)
}

// mergers says which classes became part of another. There are a few hundred, and they are asked for a million
// times: a bit for each class answers nearly all.
type mergers struct {
	to  map[uint32]uint32
	has []uint64
}

func (m *mergers) set(id, to uint32) {
	if m.to == nil {
		m.to = map[uint32]uint32{}
	}
	m.to[id] = to
	for int(id/64) >= len(m.has) {
		m.has = append(m.has, 0)
	}
	m.has[id/64] |= 1 << (id % 64)
}

func (m *mergers) get(id uint32) (to uint32, ok bool) {
	if int(id/64) >= len(m.has) || m.has[id/64]>>(id%64)&1 == 0 {
		return 0, false
	}
	return m.to[id], true
}

// merged returns the class that id was merged into, or id.
func (d *Dedup) merged(id uint32) uint32 {
	if to, ok := d.into.get(id); ok {
		return to
	}
	return id
}

// listed tells whether a class is a type of the output.
func (d *Dedup) listed(id uint32) bool {
	if d.first[id] == noPlace || d.split != nil && d.split.hidden[id] {
		return false
	}
	if c := d.class(id); c.isFwd() && c.Name != 0 {
		return d.tags.tags[d.tags.of[id]-1].meaning == id || d.keepFwd[id]
	}
	_, gone := d.into.get(id)
	return !gone
}
