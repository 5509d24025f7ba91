// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"slices"
)

// Deduplicate returns a table with each own type of t once, and with none that base has. Types keep the order in
// which they first occur, the header its length and the layout section its bytes; strings that nothing uses any
// more are dropped. base is nil for a blob that stands alone, else NewBase of the table that t is split
// against. The errors are those of Merge and MergeSplit.
func Deduplicate(t *Table, base *Base, policy FwdPolicy, jobs int) (*Table, error) {
	var blob []byte
	var err error
	switch {
	case base != nil:
		blob, err = MergeSplit(base, []*Table{t}, policy, jobs)
	case t.base != nil:
		return nil, failAt(0, "blob is split, and there is no base to deduplicate it against")
	case t.uniqueStrings():
		return mergeByOffset(t, jobs)
	default:
		blob, err = Merge([]*Table{t}, false, jobs)
	}
	if err != nil {
		return nil, err
	}
	return t.withBlob(blob)
}

// withBlob returns a blob as the content of t: with its header length and layout section.
func (t *Table) withBlob(blob []byte) (*Table, error) {
	out, err := Read(blob, t.base)
	if err != nil {
		return nil, err
	}
	return t.rebuilt(out.types, out.strs, out.offs), nil
}

// rebuilt returns a table like t with other own types and strings, which are good: offs says where the types start.
func (t *Table) rebuilt(types, strs []byte, offs []uint32) *Table {
	n := *t
	n.data, n.offs, n.orderBad = t.with(types, strs), offs, false
	n.sorts = [numSorts][]uint64{}
	end := t.hdrLen
	place := func(section []byte) (data []byte, off int) {
		off = end
		end += len(section)
		return n.data[off:end:end], off
	}
	n.types, n.typesOff = place(types)
	n.layout, n.layoutOff = place(t.layout)
	n.strs, n.strsOff = place(strs)
	return &n
}

// uniqueStrings tells whether two offsets of a standalone blob with the same string are the same offset. Whoever writes BTF
// sees to that; a hostile blob may hold a string twice, or use the end of one as another.
func (t *Table) uniqueStrings() bool {
	if x := newStringIndex(t.strs, nil); len(x.entries) != bytes.Count(t.strs, []byte{0})-1 || x.repeats(t.strs) {
		return false
	}
	starts := func(off StrOff) bool { return off == 0 || off <= MaxNameRef && t.strs[off-1] == 0 }
	for _, at := range t.offs {
		info := getU32(t.types[at+4:], t.big)
		if !starts(StrOff(getU32(t.types[at:], t.big))) {
			return false
		}
		f := ElemNameFields(Kind(info>>24&maxKind), info&maxVlen)
		for i := range f.N {
			if !starts(StrOff(getU32(t.types[int(at)+f.At(i):], t.big))) {
				return false
			}
		}
	}
	return true
}

// repeats tells whether one of the strings in buf occurs twice.
func (x *stringIndex) repeats(buf []byte) bool {
	for b, start := range x.starts[:len(x.starts)-1] {
		bucket := x.entries[start:x.starts[b+1]]
		for i, s := range bucket {
			for _, other := range bucket[:i] {
				if s.hash == other.hash && isString(buf[s.pos-1:], cString(buf[other.pos-1:])) {
					return true
				}
			}
		}
	}
	return false
}

// cString returns b up to its first NUL.
func cString(b []byte) []byte { return b[:bytes.IndexByte(b, 0)] }

// offsetNames takes string offsets of a standalone blob for NameIDs.
type offsetNames struct{ t *Table }

// Name implements Names.
func (n offsetNames) Name(id NameID) []byte { return n.t.Str(StrOff(id)) }

// mergeByOffset is Merge of one standalone blob with unique strings: a kernel's takes half the time, as no string is looked
// up, nor is any type put together again.
func mergeByOffset(t *Table, jobs int) (*Table, error) {
	var u Unit
	u.Reset(0)
	u.Records = slices.Grow(u.Records, t.NumIDs())
	u.Members = slices.Grow(u.Members, len(t.types)/16)
	s := source{t: t, u: &u, name: func(off StrOff) NameID { return NameID(off) }}
	for id := ID(1); int(id) < t.NumIDs(); id++ {
		if err := s.add(id); err != nil {
			return nil, err
		}
	}
	d := NewDedup(offsetNames{t}, 1, t.NumIDs())
	if _, err := d.NewWorker().Add(0, &u); err != nil {
		return nil, err
	}
	// Nobody changes a unit once it is filled: there is no need to fill it again.
	again := func(_ int, v *Unit) error { *v = u; return nil }
	if err := d.Resolve(again); err != nil {
		return nil, err
	}
	c := compactor{t: t, d: d}
	if c.order() {
		return c.write(), nil
	}
	blob, err := d.Write(d.All(), t.big, false, jobs)
	if err != nil {
		return nil, err
	}
	return t.withBlob(blob)
}

// compactor writes what is left of the only blob of a Dedup: the records where its types were first seen, with other
// references and string offsets.
type compactor struct {
	t    *Table
	d    *Dedup
	at   []uint32 // by old ID: the class that was first seen there, 0 for none
	ids  []ID     // by class
	offs []StrOff // by old offset, 0 if it is not in use yet
	strs []byte
}

// order numbers the classes as Dedup.All gives them. It returns false if a class does not look like the type where it
// was first seen: a definition at the place of a declaration.
func (c *compactor) order() bool {
	c.at = make([]uint32, c.t.NumIDs())
	for id, place := range c.d.first {
		if id := uint32(id); place != noPlace && c.d.listed(id) {
			if c.at[place] != 0 || c.d.class(id).Kind != c.t.Kind(ID(place)) {
				return false
			}
			c.at[place] = id
		}
	}
	c.ids = make([]ID, len(c.d.first))
	next := ID(1)
	for _, id := range c.at {
		if id != 0 {
			c.ids[id] = next
			next++
		}
	}
	return true
}

func (c *compactor) write() *Table {
	t := c.t
	types := make([]byte, 0, len(t.types))
	starts := make([]uint32, 0, len(t.offs))
	c.offs = make([]StrOff, t.StrEnd())
	c.strs = append(make([]byte, 0, len(t.strs)), 0)
	for old, id := range c.at {
		if id == 0 {
			continue
		}
		at := len(types)
		starts = append(starts, uint32(at))
		types = append(types, t.Type(ID(old)).rec...)
		r := decodeType(types[at:], t.big)
		c.refer(&r, id)
		c.rename(r.rec)
		for f, i := r.ElemNames(), 0; i < f.N; i++ {
			c.rename(r.rec[f.At(i):])
		}
	}
	return t.rebuilt(types, c.strs, starts)
}

// refer sets the references of a record to those of its class.
func (c *compactor) refer(r *Type, id uint32) {
	class, members := c.d.class(id), c.d.members(id)
	f := r.IDs()
	for i := range f.N {
		var ref uint32
		switch fixed := f.N - len(members); {
		case i >= fixed:
			ref = members[i-fixed].Ref
		case i == 0:
			ref = class.Ref
		default: // the index type of an ARRAY
			ref = class.Aux
		}
		PutU32(r.rec[f.At(i):], r.big, uint32(c.ids[c.d.target(class, ref)]))
	}
}

// rename replaces the string offset at the start of b.
func (c *compactor) rename(b []byte) {
	old := getU32(b, c.t.big)
	if old == 0 {
		return
	}
	if c.offs[old] == 0 {
		c.offs[old] = StrOff(len(c.strs))
		c.strs = append(append(c.strs, c.t.Str(StrOff(old))...), 0)
	}
	PutU32(b, c.t.big, uint32(c.offs[old]))
}
