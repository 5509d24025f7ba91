// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// The walk over a unit's DIEs, once, from front to back: 23 million of them in a kernel. It
// fills flat arrays (btf.Unit) and allocates nothing per DIE. Three ways to read one:
//
//	fast    the abbreviation has fixed places for what is wanted: four masked loads
//	slots   the same values, found by going through the forms one by one
//	slow    a DIE with attributes that are rare (plan.go: Slow): all of its attributes (types.go)
//
// What is not wanted is passed over by a compiled skip program.

package encode

import (
	"cmp"
	"slices"

	"github.com/btfgen/btfgen/encode/internal/dwarf"
	"github.com/btfgen/btfgen/internal/btf"
)

// maxDepth bounds how deep DIEs may nest. Inlining in Debian's kernels reaches 50.
const maxDepth = 4096

// frame is a DIE whose children are being walked.
type frame struct {
	kind  uint8  // inStruct, ...
	rec   uint32 // index of its record
	first uint32 // its members so far are Members[first:first+count]
	count uint32
	comp  int32 // inStruct: members and base classes so far; inProto: parameters
	fn    int32 // inFunction: index into walker.funcs
	flags uint8
}

const (
	frameBitfields = 1 << iota // a member is a bitfield
	frameNegative              // an enumerator is negative
	frameNameless              // a parameter has no name
	frameVarargs               // there are parameters without a declaration
)

// fields are the values of one DIE that the plan asked for.
type fields struct {
	name btf.NameID
	typ  uint32 // place of the type's DIE, 0 for none
	size uint64 // slotSize
	more uint64 // slotMore
	bits uint64 // slotBits
}

// walk reads all DIEs of a unit into w.out. The unit's own DIE has been read by start.
func (w *walker) walk(u *dwarf.Unit) error {
	buf, end := u.Buf, u.End
	p := u.Start + int(u.FirstDIE)
	depth, cur := 0, w.bottom()
	for p < end {
		at := p
		code := uint64(buf[p])
		p++
		if code >= 0x80 {
			if code, p = dwarf.Uleb(buf, at, end); p < 0 {
				return u.Errorf(at, "abbreviation code runs past the end of the unit")
			}
		}
		if code == 0 {
			if depth > 0 {
				w.close(cur)
				depth--
				cur = &w.stack[depth]
			}
			continue
		}
		ab := u.Abbrevs.Get(code)
		if ab == nil {
			return u.Errorf(at, "abbreviation code %d is not declared", code)
		}
		act := ab.Act
		if wantedIn[act]&(1<<cur.kind) == 0 {
			act = actNone
		}
		if act <= actJump {
			vals := p
			if ab.Fixed >= 0 && ab.Name != dwarf.NameLead && int(ab.Fixed) <= end-p {
				p += int(ab.Fixed)
			} else {
				var err error
				if p, err = u.Skip(p, ab); err != nil {
					return err
				}
			}
			if !ab.Children {
				continue
			}
			if act == actJump && ab.Has&(1<<slotSibling) != 0 && ab.Fixed >= 0 {
				if s := u.Start + int(u.Load(vals, &ab.F[slotSibling])); s > p && s <= end {
					p = s
					continue
				}
			}
			if depth++; depth > maxDepth {
				return u.Errorf(at, "DIEs nest deeper than %d", maxDepth)
			}
			cur = w.push(depth)
			cur.kind = inNone // the rest does not matter
			continue
		}
		if quick := ab.Quick; quick {
			var err error
			switch act {
			case actMember:
				p, err = w.members(u, p, ab, cur)
			case actEnumerator:
				p, err = w.enumerators(u, p, ab, cur)
			case actPointer, actConst, actVolatile, actRestrict:
				p, err = w.refType(u, p, ab, at)
			default:
				quick = false
			}
			if err != nil {
				return err
			}
			if quick {
				continue
			}
		}
		f := fields{}
		if act < actAnnotation && !ab.Slow {
			var err error
			if p, err = w.fields(u, p, ab, &f); err != nil {
				return err
			}
		} else {
			next, err := w.slow(u, at, act, cur, &f)
			if err != nil {
				return err
			}
			p = next
			act = w.act
		}
		child := &w.stack[depth+1]
		*child = frame{}
		switch act {
		case actPointer, actConst, actVolatile, actRestrict:
			child.rec = w.add(at, refKind[act], 0, f.typ, 0)
			child.kind = inPointer
		case actMember:
			w.member(u, cur, &f, at)
			child.kind, child.comp, child.rec = inMember, cur.comp-1, cur.rec
		case actEnumerator:
			v := f.size
			if f.name == 0 {
				w.warn(warnNameless, u, at)
				break
			}
			if int64(v) < 0 {
				cur.flags |= frameNegative
			}
			w.append(cur, btf.Member{Name: f.name, A: uint32(v), B: uint32(v >> 32)})
		case actParam:
			if f.name == 0 {
				cur.flags |= frameNameless
			}
			w.append(cur, btf.Member{Name: f.name, Ref: f.typ})
			if cur.kind == inFunction && !ab.Slow {
				w.params = append(w.params, rawParam{})
			}
			child.kind, child.comp, child.rec = inParam, cur.comp, cur.rec
			cur.comp++
		case actVarargs:
			cur.flags |= frameVarargs
		case actTypedef:
			if f.name == 0 {
				w.warn(warnNameless, u, at)
				w.alias(at, f.typ)
				break
			}
			child.rec = w.add(at, btf.KindTypedef, f.name, f.typ, 0)
			child.kind = inTypedef
		case actStruct, actUnion:
			kind := btf.KindStruct
			if act == actUnion {
				kind = btf.KindUnion
			}
			if f.more != 0 {
				w.declare(u, at, kind, &f)
				break
			}
			if f.size > 1<<32-1 {
				w.warn(warnOpaque, u, at)
				w.alias(at, 0)
				break
			}
			child.rec = w.add(at, kind, f.name, 0, uint32(f.size))
			child.kind = inStruct
			child.first = uint32(len(w.out.Members))
		case actEnum:
			if ab.Has&(1<<slotSize) == 0 && f.size == 0 {
				f.size = 4
			}
			if f.more != 0 && f.name == 0 {
				w.warn(warnNameless, u, at)
				break
			}
			child.rec = w.add(at, btf.KindEnum, f.name, f.typ, uint32(f.size))
			child.kind = inEnum
			child.first = uint32(len(w.out.Members))
		case actArray:
			child.rec = w.add(at, btf.KindArray, 0, f.typ, 1)
			child.first = child.rec // the innermost dimension so far
			child.kind = inArray
			w.arrays = true
		case actSubrange:
			if cur.kind == inArray {
				w.dimension(cur, at, ab, &f)
			} else {
				w.alias(at, f.typ)
			}
		case actProto:
			child.rec = w.add(at, btf.KindFuncProto, 0, f.typ, 0)
			child.kind = inProto
			child.fn = -1
			child.first = uint32(len(w.out.Members))
		case actSubprogram:
			w.function(child, at, &f)
		case actBase:
			w.base(u, at, &f)
		case actInheritance:
			cur.comp++
		case actReference:
			w.add(at, btf.KindPtr, 0, f.typ, 0)
		case actPtrToMember:
			if f.size == 0 || f.size == uint64(u.AddrSize) {
				w.add(at, btf.KindPtr, 0, 0, 0)
			} else {
				w.opaque(at, f.size)
			}
		case actAtomic:
			w.alias(at, f.typ)
		case actUnspecified:
			w.alias(at, 0)
		case actString:
			w.opaque(at, f.size)
		case actUnit:
			child.kind = inUnit
		case actFunction:
			*child = w.child
		}
		if len(w.tags) > 0 {
			w.gnuDeclTags(u, at, p, cur, child)
		}
		if !ab.Children {
			if child.kind >= inStruct && child.kind <= inFunction {
				w.close(child)
			}
			continue
		}
		if depth++; depth > maxDepth {
			return u.Errorf(at, "DIEs nest deeper than %d", maxDepth)
		}
		cur = w.push(depth)
	}
	if p > end {
		return u.Errorf(end, "last DIE runs past the end of the unit")
	}
	for ; depth > 0; depth-- {
		w.close(&w.stack[depth])
	}
	return w.err
}

// bottom returns the frame below all others. Frames are written where they stay: one that is built
// elsewhere and copied costs more than the rest of a DIE.
func (w *walker) bottom() *frame {
	if len(w.stack) == 0 {
		w.stack = make([]frame, 64)
	}
	w.stack[0] = frame{}
	return &w.stack[0]
}

// push returns the frame at a depth, and makes sure that there is one above it.
func (w *walker) push(depth int) *frame {
	if depth+1 >= len(w.stack) {
		w.stack = append(w.stack, make([]frame, len(w.stack))...)
	}
	return &w.stack[depth]
}

var refKind = [numActs]btf.Kind{actPointer: btf.KindPtr, actConst: btf.KindConst,
	actVolatile: btf.KindVolatile, actRestrict: btf.KindRestrict}

// fields reads what the plan wants of a DIE whose values start at Buf[p:].
func (w *walker) fields(u *dwarf.Unit, p int, ab *dwarf.Abbrev, f *fields) (int, error) {
	if ab.Fixed < 0 {
		return w.slots(u, p, ab, f)
	}
	var err error
	at := p
	if ab.Name == dwarf.NameStrx {
		if int(ab.Fixed) > u.End-p {
			return 0, pastEnd(u, at, p)
		}
		f.name, err = w.strx(u, p, uint64(u.Load(p, &ab.F[slotName])))
	} else {
		f.name, p, err = w.quickName(u, p, ab)
	}
	if err != nil {
		return 0, err
	}
	if int(ab.Fixed) > u.End-p {
		return 0, pastEnd(u, at, p)
	}
	if ab.Has&(1<<slotType) != 0 {
		f.typ = u.Load(p, &ab.F[slotType]) + uint32(u.Start)
	}
	if ab.Has&(1<<slotSize|1<<slotMore|1<<slotBits) != 0 {
		size := &ab.F[slotSize]
		f.size = uint64(u.Load(p, size))
		if size.Implicit() { // an implicit constant has a sign
			f.size = uint64(int64(int32(size.Const)))
		}
		f.more = uint64(u.Load(p, &ab.F[slotMore]))
		f.bits = uint64(u.Load(p, &ab.F[slotBits]))
	}
	return p + int(ab.Fixed), nil
}

// slots is fields for DIEs whose values have no fixed places.
func (w *walker) slots(u *dwarf.Unit, p int, ab *dwarf.Abbrev, f *fields) (int, error) {
	var v [dwarf.NumSlots]uint64
	inline, next, err := u.Slots(p, ab, &v)
	if err != nil {
		return 0, err
	}
	switch ab.Name {
	case dwarf.NameStrp:
		f.name, err = w.strp(u, p, v[slotName])
	case dwarf.NameStrx:
		f.name, err = w.strx(u, p, v[slotName])
	case dwarf.NameLead:
		f.name = w.in.names.intern(inline)
	}
	if ab.Has&(1<<slotType) != 0 {
		f.typ = uint32(v[slotType]) + uint32(u.Start)
	}
	f.size, f.more, f.bits = v[slotSize], v[slotMore], v[slotBits]
	return next, err
}

// add appends a record for the DIE at index p of the buffer, and returns its index. It is written in
// place: a record that is built on the stack and copied stalls the processor, which cannot forward several narrow
// stores to one wide load (refType took three times as long).
func (w *walker) add(p int, kind btf.Kind, name btf.NameID, ref, size uint32) uint32 {
	w.rank.Set(uint32(p))
	i := len(w.out.Records)
	w.out.Records = append(w.out.Records, btf.Record{})
	r := &w.out.Records[i]
	r.Pos, r.Name, r.Ref, r.Size, r.Kind = uint32(p), name, ref, size, kind
	return uint32(i)
}

// alias makes references to the DIE at p lead to the place to, without a record.
func (w *walker) alias(p int, to uint32) { w.aliases[uint32(p)] = to }

// append adds a member to the DIE that cur stands for. Its members are to be consecutive; if those of a
// nested DIE came in between, they move.
func (w *walker) append(cur *frame, m btf.Member) {
	if cur.first+cur.count != uint32(len(w.out.Members)) {
		w.relocate(cur)
	}
	w.addMember(m.Name, m.Ref, m.A, m.B)
	cur.count++
}

// addMember appends a member, in place like add.
func (w *walker) addMember(name btf.NameID, ref, a, b uint32) {
	w.out.Members = append(w.out.Members, btf.Member{})
	m := &w.out.Members[len(w.out.Members)-1]
	m.Name, m.Ref, m.A, m.B = name, ref, a, b
}

func (w *walker) relocate(cur *frame) {
	first := uint32(len(w.out.Members))
	w.moved += int(cur.count)
	if w.moved > w.maxMoved { // each member takes some bytes of DWARF, so only hostile input gets here
		w.fail("members and nested types alternate more often than the unit has bytes")
		cur.count = 0
	}
	w.out.Members = append(w.out.Members, w.out.Members[cur.first:cur.first+cur.count]...)
	cur.first = first
}

// member adds a member of a struct or union (encode.md 3.7).
func (w *walker) member(u *dwarf.Unit, cur *frame, f *fields, at int) {
	cur.comp++
	off := 8 * f.size
	if f.bits != 0 {
		off = f.bits
	}
	size := uint32(min(f.more, 1<<31))
	m := btf.Member{Name: f.name, Ref: f.typ, A: uint32(off), B: size}
	w.oddMember(u, at, cur, m, off, w.out.Records[cur.rec].Kind == btf.KindUnion)
}

// oddMember adds a member that may be a bitfield, or may not be expressible. Its offset is offBits.
func (w *walker) oddMember(u *dwarf.Unit, at int, cur *frame, m btf.Member, offBits uint64, union bool) {
	switch {
	case offBits > 0xffffffff, union && offBits != 0,
		m.B != 0 && (m.B > 255 || offBits > maxBitfieldOff), m.B == 0 && offBits%8 != 0:
		w.warn(warnMember, u, at)
		return
	}
	if m.B != 0 {
		cur.flags |= frameBitfields
	}
	w.append(cur, m)
}

// maxBitfieldOff is the largest bit offset in a struct with bitfields (btf.md 2.2).
const maxBitfieldOff = 0xffffff

// close finishes the record of a DIE whose children have all been seen.
func (w *walker) close(cur *frame) {
	switch cur.kind {
	case inStruct:
		r := &w.out.Records[cur.rec]
		if cur.flags&frameBitfields != 0 {
			r.Flags |= btf.Kflag
			w.checkBitfields(cur)
		}
		if w.rust { // in the order of the source, rustc lays them out otherwise (encode.md 3.7)
			slices.SortStableFunc(w.out.Members[cur.first:cur.first+cur.count], func(a, b btf.Member) int { return cmp.Compare(a.A/8, b.A/8) })
		}
		r.First, r.Count = cur.first, cur.count
	case inEnum:
		w.closeEnum(cur)
	case inProto:
		w.closeVarargs(cur)
		r := &w.out.Records[cur.rec]
		r.First, r.Count = cur.first, cur.count
		if cur.fn >= 0 {
			w.closeFunction(cur)
		}
	case inFunction:
		w.closeVarargs(cur)
		r := &w.out.Records[cur.rec]
		r.First, r.Count = cur.first, cur.count
		w.closeFunction(cur)
	}
}

// closeVarargs ends a parameter list with "..." if it is open. A copy that gcc made has
// parameters that it removed behind the DIE that says so.
func (w *walker) closeVarargs(cur *frame) {
	if cur.flags&frameVarargs != 0 {
		w.append(cur, btf.Member{})
	}
}

// checkBitfields leaves out members that a struct with bitfields cannot place.
func (w *walker) checkBitfields(cur *frame) {
	kept := w.out.Members[cur.first:cur.first]
	for _, m := range w.out.Members[cur.first : cur.first+cur.count] {
		if m.A <= maxBitfieldOff {
			kept = append(kept, m)
		} else {
			w.warnAt(warnMember, w.out.Base+uint64(w.out.Records[cur.rec].Pos))
		}
	}
	cur.count = uint32(len(kept))
}

// dimension adds one dimension to the array of cur (encode.md 3.9).
func (w *walker) dimension(cur *frame, at int, ab *dwarf.Abbrev, f *fields) {
	n := uint32(0)
	switch {
	case ab.Has&(1<<slotSize) != 0:
		n = uint32(f.size) + 1
	case ab.Has&(1<<slotMore) != 0:
		n = uint32(f.more)
	}
	w.addDimension(cur, at, n)
}

func (w *walker) addDimension(cur *frame, at int, n uint32) {
	switch {
	case cur.comp == 0:
		w.out.Records[cur.rec].Size = n
	case w.flat:
		w.out.Records[cur.rec].Size *= n
	default: // the element of the dimension before it, where that stood
		outer := cur.first
		cur.first = w.add(at, btf.KindArray, 0, w.out.Records[outer].Ref, n)
		w.out.Records[outer].Ref = uint32(at)
	}
	cur.comp++
}
