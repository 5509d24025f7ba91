// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"encoding/binary"
	"fmt"

	"github.com/btfgen/btfgen/encode/internal/dwarf"
	"github.com/btfgen/btfgen/internal/btf"
)

// walker turns units into records, one at a time; a worker owns it.
type walker struct {
	in       *input
	opt      *Options
	byOffset bool // names by .debug_str offset
	flat     bool // array style

	// The unit being read.
	units   []dwarf.Unit // those that share the buffer: one, unless units refer to each other
	unit    *dwarf.Unit
	clang   bool
	rust    bool
	out     btf.Unit
	rank    btf.Rank
	aliases map[uint32]uint32 // places of DIEs that stand for another type -> that place
	arrays  bool              // there is an array, so `int` is needed
	intRec  uint32            // record of `int`, 0 if there is none so far
	funcs   []function
	params  []rawParam
	vars    []variable
	tagged  []uint32 // with Compat: records of decl tags on functions
	badVars []Omission
	err     error

	table    [2]uint64 // what the table of units[0] holds, see tableKey
	compiled int64     // bytes of abbreviations compiled so far

	// Scratch.
	buf      []byte
	stack    []frame
	die      dwarf.DIE
	die2     dwarf.DIE
	die3     dwarf.DIE
	act      uint8 // what slow made of a DIE
	child    frame
	tags     []btf.NameID // gcc's decl tags of the DIE at hand
	moved    int
	maxMoved int
	detours  int        // DIEs that were read out of turn
	cache    *nameCache // nil if names are identified by offset
	groups   groupCache
	facts    []param
	packed   packedTypes
	locs     window // of location lists
	ranges   window // of range lists
	warnings [numWarnings]warning
}

// Bytes of .debug_info for each record and each member, in units that have many for their size: kernels have 45 and 18
// on average.
const (
	bytesPerRecord = 38
	bytesPerMember = 16
)

// reset prepares for units whose bytes are buf, the first standing at section offset base.
func (w *walker) reset(buf []byte, base uint64) {
	if w.out.Records == nil { // the largest unit comes first
		w.out.Records = make([]btf.Record, 0, len(buf)/bytesPerRecord)
		w.out.Members = make([]btf.Member, 0, len(buf)/bytesPerMember)
	}
	w.out.Reset(base)
	w.rank.Reset(len(buf))
	clear(w.aliases)
	w.arrays, w.intRec = false, 0
	w.funcs, w.params, w.vars, w.tagged = w.funcs[:0], w.params[:0], w.vars[:0], w.tagged[:0]
	w.tags = w.tags[:0]
	w.moved, w.maxMoved, w.detours = 0, len(buf), 0
	w.err = nil
}

// detour counts a DIE that is read for the sake of another one, and tells whether there were
// too many: any number may refer to one with long lists of children.
func (w *walker) detour() (allowed bool) {
	w.detours++
	return w.detours <= 8*w.maxMoved
}

// fail records the first error of the unit that the walk cannot report itself.
func (w *walker) fail(msg string) {
	if w.err == nil {
		w.err = w.unit.Errorf(w.unit.Start, "%s", msg)
	}
}

// strp returns the ID of the string at an offset of .debug_str.
func (w *walker) strp(u *dwarf.Unit, at int, off uint64) (btf.NameID, error) {
	n := w.in.names
	switch {
	case off >= uint64(len(n.str)):
		return 0, u.Errorf(at, "string offset %#x is past the end of .debug_str (%#x bytes)", off, len(n.str))
	case w.byOffset:
		return btf.NameID(off + 1), nil
	}
	c := &w.cache[(off^off>>14)%uint64(len(w.cache))]
	if c.off != uint32(off) || c.id == 0 {
		c.off, c.id = uint32(off), n.intern(cString(n.str, off))
	}
	return c.id, nil
}

// strxOffset returns the .debug_str offset of an index into the unit's part of .debug_str_offsets.
func (w *walker) strxOffset(u *dwarf.Unit, at int, index uint64) (uint64, error) {
	size := uint64(u.OffsetSize())
	table := w.in.strOffsets
	off := u.StrOffsetsBase + index*size
	if index >= uint64(len(table)) || off > uint64(len(table)) || size > uint64(len(table))-off {
		return 0, u.Errorf(at, "string index %d is past the end of .debug_str_offsets (%#x bytes)", index, len(table))
	}
	return w.in.uint(table[off : off+size]), nil
}

func (w *walker) strx(u *dwarf.Unit, at int, index uint64) (btf.NameID, error) {
	off, err := w.strxOffset(u, at, index)
	if err != nil {
		return 0, err
	}
	return w.strp(u, at, off)
}

// uint reads an integer of 1 to 8 bytes in the file's byte order.
func (in *input) uint(b []byte) uint64 {
	switch {
	case len(b) == 8 && in.big:
		return binary.BigEndian.Uint64(b)
	case len(b) == 8:
		return binary.LittleEndian.Uint64(b)
	}
	var v uint64
	for i, c := range b {
		if in.big {
			v = v<<8 | uint64(c)
		} else {
			v |= uint64(c) << (8 * i)
		}
	}
	return v
}

// bytesOf returns the bytes of a string value, nil if it is none or lies in a supplementary file.
func (w *walker) bytesOf(u *dwarf.Unit, at int, v *dwarf.Value) ([]byte, error) {
	switch v.Form {
	case dwarf.FormString:
		return v.B, nil
	case dwarf.FormLineStrp:
		return cString(w.in.names.lineStr, v.U), nil
	case dwarf.FormStrp:
		return cString(w.in.names.str, v.U), nil
	case dwarf.FormStrx, dwarf.FormStrx1, dwarf.FormStrx2, dwarf.FormStrx3, dwarf.FormStrx4:
		off, err := w.strxOffset(u, at, v.U)
		return cString(w.in.names.str, off), err
	case dwarf.FormGNUStrpAlt, dwarf.FormStrpSup, dwarf.FormGNURefAlt, dwarf.FormRefSup4, dwarf.FormRefSup8:
		return nil, u.Errorf(at, "form %#x refers to a supplementary debug file (dwz), which is not supported", uint16(v.Form))
	}
	return nil, nil
}

// nameOf returns the ID of a string attribute, 0 if the DIE does not have it.
func (w *walker) nameOf(u *dwarf.Unit, d *dwarf.DIE, a dwarf.Attr) (btf.NameID, error) {
	v, ok := d.Get(a)
	if !ok {
		return 0, nil
	}
	switch v.Form {
	case dwarf.FormStrp:
		return w.strp(u, d.At, v.U)
	case dwarf.FormStrx, dwarf.FormStrx1, dwarf.FormStrx2, dwarf.FormStrx3, dwarf.FormStrx4:
		return w.strx(u, d.At, v.U)
	}
	b, err := w.bytesOf(u, d.At, &v)
	return w.in.names.intern(b), err
}

// typeOf returns the place of the DIE that an attribute refers to, 0 for none.
func (w *walker) typeOf(u *dwarf.Unit, d *dwarf.DIE, a dwarf.Attr) (uint32, error) {
	v, ok := d.Get(a)
	switch {
	case !ok:
		return 0, nil
	case v.IsRef():
		if v.U >= uint64(len(u.Buf)) {
			w.warn(warnRef, u, d.At)
			return 0, nil
		}
		return uint32(v.U), nil
	case v.Form == dwarf.FormRefSig8:
		if at, ok := w.in.signatures[v.U]; ok {
			return uint32(at), nil
		}
		w.warn(warnRef, u, d.At)
		return 0, nil
	}
	_, err := w.bytesOf(u, d.At, &v) // a supplementary file is an error
	return 0, err
}

// unitAt returns the unit that the DIE at index p of the buffer belongs to, nil if there is none.
func (w *walker) unitAt(p int) *dwarf.Unit {
	if u := w.unit; p >= u.Start && p < u.End {
		return u
	}
	lo, hi := 0, len(w.units)
	for lo < hi {
		if m := (lo + hi) / 2; w.units[m].End <= p {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo < len(w.units) && p >= w.units[lo].Start {
		return &w.units[lo]
	}
	return nil
}

// warning counts one kind of degradation, with the first place where it happened.
type warning struct {
	count int
	first uint64 // place, see input.where
}

const (
	warnRef      = iota // a reference leads nowhere
	warnNameless        // a type that needs a name has none
	warnMember          // a member cannot be placed
	warnEnum            // an enumerator's value or an enum's size
	warnOpaque          // a base type without a BTF form
	warnLoop            // a type refers to itself
	warnVar             // a variable
	warnPartial         // partial or skeleton unit
	warnTag             // a tag that cannot be written
	warnDatasec         // too many variables in a section
	numWarnings
)

var warningText = [numWarnings]string{
	warnRef:      "references that lead to no type became void",
	warnNameless: "types and enumerators that need a name and have none were left out",
	warnMember:   "members that cannot be placed were left out",
	warnEnum:     "enumerators whose value does not fit were left out",
	warnOpaque:   "types that have no form in BTF became opaque structs",
	warnLoop:     "types that refer to nothing but themselves became void",
	warnVar:      "variables that cannot be described were left out",
	warnPartial:  "skeleton units, whose types are in another file, were passed over",
	warnTag:      "tags that cannot be placed were left out",
	warnDatasec:  "variables beyond 65535 of one section were left out",
}

func (w *walker) warn(kind int, u *dwarf.Unit, at int) {
	w.warnAt(kind, u.Off+uint64(at-u.Start))
}

// warnAt counts a warning at a place: an offset in .debug_info, or in merged units in all that is merged.
func (w *walker) warnAt(kind int, place uint64) { w.warnings[kind].add(place) }

func (x *warning) add(place uint64) {
	if x.count == 0 || place < x.first {
		x.first = place
	}
	x.count++
}

// addTo sums the warnings of a worker up in all.
func (w *walker) addTo(all *[numWarnings]warning) {
	for i, x := range w.warnings {
		if x.count > 0 && (all[i].count == 0 || x.first < all[i].first) {
			all[i].first = x.first
		}
		all[i].count += x.count
	}
}

// where turns a place into the section and the offset there, in bytes.
func (in *input) where(place uint64) (section string, off uint64) {
	if place < in.infoBase {
		return ".debug_types", place
	}
	return ".debug_info", place - in.infoBase
}

func (x *warning) text(kind int, in *input) string {
	section, off := in.where(x.first)
	return fmt.Sprintf("%s+%#x: %s (%d in all, this is the first)", section, off, warningText[kind], x.count)
}
