// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"cmp"
	"fmt"
	"slices"
)

// BaseMiss is a STRUCT or UNION of the output although the base defines its name: the base is another one than the units
// were compiled with, was made by an encoder that describes types differently, or has another type of that name.
// What only StrictFwds keeps is none.
type BaseMiss struct {
	Name  string // with its kind: "struct page"
	Place uint64
	Text  string // the first difference: `member 3 "flags": offset 64 bits, 0 in the base`
	Own   bool   // the type itself differs, not only what it leads to
}

// BaseMisses returns all of them, those that differ themselves first, each by place: the others mostly follow from these. Texts are
// made for the first few. It may be called after Resolve.
func (d *Dedup) BaseMisses(texts int) []BaseMiss {
	if d.split == nil {
		return nil
	}
	s := d.split
	type key struct {
		kind Kind
		name NameID
	}
	var own []uint32      // classes that may be one
	defs := map[key]int{} // of their names: the first record of the base's unit that defines it, or -1
	for id := range d.first {
		id := uint32(id)
		if c := d.class(id); (c.Kind == KindStruct || c.Kind == KindUnion) && c.Name != 0 && d.listed(id) {
			own = append(own, id)
			defs[key{c.Kind, c.Name}] = -1
		}
	}
	if len(own) == 0 {
		return nil
	}
	equal := newBitmap(len(d.first)) // classes that were kept apart for no difference of theirs (StrictFwds)
	for i := range s.unit.Records {
		r := &s.unit.Records[i]
		if r.Kind != KindStruct && r.Kind != KindUnion {
			continue
		}
		equal.set(d.baseMeaning(uint32(i)))
		if def, ok := defs[key{r.Kind, r.Name}]; ok && def < 0 {
			defs[key{r.Kind, r.Name}] = i
		}
	}
	type miss struct {
		BaseMiss
		id     uint32
		record int
	}
	var misses []miss
	l := baseLook{d: d, same: map[lookedAt]struct{}{}}
	for _, id := range own {
		c := d.class(id)
		if i := defs[key{c.Kind, c.Name}]; i >= 0 && !equal.has(id) {
			m := miss{BaseMiss: BaseMiss{Name: d.typeText(id), Place: d.first[id]}, id: id, record: i}
			m.Own = l.ownDifference(id, i, 0) != ""
			misses = append(misses, m)
		}
	}
	slices.SortFunc(misses, func(a, b miss) int {
		if a.Own != b.Own {
			if a.Own {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Place, b.Place)
	})
	out := make([]BaseMiss, len(misses))
	for i := range misses {
		m := &misses[i]
		if i < texts {
			if m.Text = l.ownDifference(m.id, m.record, 0); m.Text == "" {
				m.Text = d.deepDifference(m.id, m.record)
			}
		}
		out[i] = m.BaseMiss
	}
	return out
}

// maxNested is how deep ownDifference looks into members without a name.
const maxNested = 8

// baseLook compares types with those of the base.
type baseLook struct {
	d    *Dedup
	same map[lookedAt]struct{} // that do not differ in themselves: a member of a member may be met by very many ways
}

// lookedAt has the depth, as what is too deep to be looked at depends on it.
type lookedAt struct {
	id            uint32
	record, depth int
}

// ownDifference says how a STRUCT or UNION differs from a record of the base in itself, members of anonymous members
// included; "" if it does not.
func (l *baseLook) ownDifference(id uint32, record, depth int) string {
	if _, ok := l.same[lookedAt{id, record, depth}]; ok {
		return ""
	}
	d := l.d
	c, members := d.class(id), d.members(id)
	r := &d.split.unit.Records[record]
	theirs := d.split.unit.Members[r.First : r.First+r.Count]
	switch {
	case c.Size != r.Size:
		return fmt.Sprintf("size %d bytes, %d in the base", c.Size, r.Size)
	case c.Count != r.Count:
		return fmt.Sprintf("%d members, %d in the base", c.Count, r.Count)
	}
	for i := range members {
		x, y := &members[i], &theirs[i]
		if text := l.memberDifference(uint32(d.Target(ClassID(id), x.Ref)), x, y, depth); text != "" {
			return fmt.Sprintf("member %d %q%s", i, d.shortName(x.Name), text)
		}
	}
	if c.Flags&Kflag != r.Flags&Kflag {
		return "bitfields are marked differently in the base"
	}
	l.same[lookedAt{id, record, depth}] = struct{}{}
	return ""
}

// memberDifference says how a member that leads to class to differs from that of the base, behind its name.
func (l *baseLook) memberDifference(to uint32, x, y *Member, depth int) string {
	d := l.d
	switch {
	case x.Name != y.Name:
		return fmt.Sprintf(", %q in the base", d.shortName(y.Name))
	case x.A != y.A:
		return fmt.Sprintf(": offset %d bits, %d in the base", x.A, y.A)
	case x.B != y.B:
		return fmt.Sprintf(": bitfield of %d bits, %d in the base", x.B, y.B)
	}
	meaning := d.baseMeaning(y.Ref)
	if to == meaning {
		return ""
	}
	if mine, base := d.typeText(to), d.typeText(meaning); mine != base {
		return fmt.Sprintf(": %s, %s in the base", mine, base)
	}
	if k := d.class(to).Kind; (k == KindStruct || k == KindUnion) && d.class(to).Name == 0 && depth < maxNested {
		if inner := l.ownDifference(to, int(y.Ref), depth+1); inner != "" {
			return ": " + inner
		}
	}
	return ""
}

// baseMeaning returns the class that a reference to a record of the base means.
func (d *Dedup) baseMeaning(record uint32) uint32 {
	if record == 0 {
		return 0
	}
	return uint32(d.At(ClassID(d.units[d.split.number][record]), basePlace+uint64(d.split.unit.Records[record].Pos)))
}

// deepDifference names the first member that leads to other types than in the base.
func (d *Dedup) deepDifference(id uint32, record int) string {
	r := &d.split.unit.Records[record]
	theirs := d.split.unit.Members[r.First : r.First+r.Count]
	for i, x := range d.members(id) {
		if to := uint32(d.Target(ClassID(id), x.Ref)); to != d.baseMeaning(theirs[i].Ref) {
			return fmt.Sprintf("member %d %q: %s leads to other types in the base", i, d.shortName(x.Name), d.typeText(to))
		}
	}
	return "leads to other types in the base"
}

// maxTypeText is how many steps typeText takes to a type with a name.
const maxTypeText = 8

// typeText describes a class in the manner of C, types without a name by their kind alone.
func (d *Dedup) typeText(id uint32) string {
	suffix := ""
	for range maxTypeText {
		if id == 0 {
			return "void" + suffix
		}
		c := d.class(id)
		switch c.Kind {
		case KindPtr:
			suffix = " *" + suffix
		case KindConst, KindVolatile, KindRestrict:
			suffix = " " + map[Kind]string{KindConst: "const", KindVolatile: "volatile", KindRestrict: "restrict"}[c.Kind] + suffix
		case KindArray:
			suffix = fmt.Sprintf("[%d]", c.Size) + suffix
		case KindTypeTag:
			suffix = fmt.Sprintf(" (%s)", appendName(nil, d.shortName(c.Name))) + suffix
		case KindFuncProto:
			return "function" + suffix
		case KindStruct, KindUnion, KindEnum, KindEnum64, KindFwd:
			return d.tagText(c) + suffix
		default:
			return string(appendName(nil, d.shortName(c.Name))) + suffix
		}
		id = d.target(c, c.Ref)
	}
	return "..." + suffix
}

// shortName is nameBytes for messages: no name of C is longer.
func (d *Dedup) shortName(id NameID) []byte {
	b := d.nameBytes(id)
	return b[:min(len(b), maxKernelName)]
}

func (d *Dedup) tagText(c *class) string {
	kind := "struct"
	switch {
	case c.Kind == KindUnion || c.Kind == KindFwd && c.Flags&Kflag != 0:
		kind = "union"
	case c.Kind == KindEnum || c.Kind == KindEnum64:
		kind = "enum"
	}
	if c.Name == 0 {
		return fmt.Sprintf("%s {%d members, %d bytes}", kind, c.Count, c.Size)
	}
	return kind + " " + string(appendName(nil, d.shortName(c.Name)))
}
