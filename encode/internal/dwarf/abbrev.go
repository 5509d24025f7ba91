// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Abbreviations, compiled. A kernel has 2,700 tables with 700,000 declarations,
// and 23 million DIEs that use them, so a declaration is turned once into a small
// program: where in the DIE the few wanted values stand, as {offset, shift, constant},
// so that reading one is a load, a shift and an or, without a switch over forms, whether
// the value is absent, implicit or of any size up to four bytes. GCC writes names
// of up to three characters into the DIE, as its first value; that lead string is part of the fast form.

package dwarf

// NumSlots is how many values of a DIE a Plan can name.
const NumSlots = 6

// A Plan tells the compiler which values of which tags are wanted. Build it with
// NewPlan; it is then read-only.
type Plan struct {
	low    [0x80]uint8 // tag -> index into tags, 0 = other
	vendor map[Tag]uint8
	tags   []tagPlan
}

type tagPlan struct {
	act   uint8
	slots [0x100]uint8 // attr -> slot+1, or slotSlow
}

const slotSlow = 0xff

// maxFixed is the most bytes that a DIE of the fast form may have.
const maxFixed = 1<<15 - 1

// maxAttrs bounds one declaration; compilers stay below 30.
const maxAttrs = 256

// TagPlan is the wish for one tag: Act is handed back in Abbrev.Act, Slots name the
// attributes of Field 0 to NumSlots-1, and an attribute in Slow sets Abbrev.Slow.
type TagPlan struct {
	Act   uint8
	Slots [NumSlots]Attr
	Slow  []Attr
}

// NewPlan compiles a plan. Tags not named get Act 0 and no fields.
func NewPlan(wish map[Tag]TagPlan) *Plan {
	p := &Plan{vendor: map[Tag]uint8{}, tags: make([]tagPlan, 1, len(wish)+1)}
	for tag, w := range wish {
		n := uint8(len(p.tags))
		if tag < 0x80 {
			p.low[tag] = n
		} else {
			p.vendor[tag] = n
		}
		tp := tagPlan{act: w.Act}
		for i, a := range w.Slots {
			if a != 0 {
				tp.slots[a] = uint8(i + 1)
			}
		}
		for _, a := range w.Slow {
			if a < 0x100 {
				tp.slots[a] = slotSlow
			}
		}
		p.tags = append(p.tags, tp)
	}
	return p
}

func (p *Plan) tag(t Tag) *tagPlan {
	if t < 0x80 {
		return &p.tags[p.low[t]]
	}
	return &p.tags[p.vendor[t]]
}

// Field says where a value of up to four bytes stands: load the four bytes at Off from the
// end of the abbreviation code (or of the lead string) in the unit's byte order, shift right by
// Shift, or Const in. In little-endian units the load ends with the value, in big-endian ones it
// starts with it, so the shift drops what does not belong to it. A value that is absent has
// Shift 32 and Const 0, an implicit one Shift 32.
type Field struct {
	Const uint32
	Off   int16
	Shift uint8
}

// Implicit tells whether the value stands in the declaration, not in the DIE.
func (f *Field) Implicit() bool { return f.Shift == 32 }

// AttrSpec is one attribute of a declaration as it stands in the file.
type AttrSpec struct {
	Attr     Attr
	Form     Form
	Slot     uint8 // 1 + index of the field, 0 if the plan does not name it
	Implicit int64 // FormImplicitConst: the value
}

// NameForm says how the name in slot 0 is written.
type NameForm uint8

const (
	NameNone NameForm = iota
	NameStrp          // Field 0 is an offset in .debug_str
	NameStrx          // Field 0 is an index into .debug_str_offsets
	NameLead          // a string before everything else
	NameSlow          // only the generic reader gets at it
)

// Abbrev is one compiled declaration.
type Abbrev struct {
	F        [NumSlots]Field
	Fixed    int32  // bytes of all values (after the lead string), or -1
	first, n uint32 // specs[first:first+n] of the table
	skip     uint32 // steps[skip:skip+skips] of the table pass over the values
	skips    uint16
	Tag      Tag
	Act      uint8 // of the plan; 0 for tags without one
	Has      uint8 // bit i: the attribute of slot i is there
	Name     NameForm
	Children bool
	Slow     bool // a Slow attribute, or a wanted one in a form without a Field
	Quick    bool // no children, and all wanted values have Fields or are a lead string
	valid    bool
}

// AbbrevTable holds the declarations of one table. It is reused by Compile.
type AbbrevTable struct {
	dense  []Abbrev       // by code, for codes as compilers number them
	sparse map[uint64]int // other codes -> 1 + index into rest
	rest   []Abbrev
	specs  []AttrSpec
	steps  []step

	Size        int  // bytes of the table in .debug_abbrev
	UsesRefAddr bool // some attribute refers to another unit by offset
	UsesRefSig8 bool // some attribute refers to a type unit
}

// Get returns the declaration of a code, or nil. It stays valid until the next Compile.
func (t *AbbrevTable) Get(code uint64) *Abbrev {
	if code < uint64(len(t.dense)) {
		if a := &t.dense[code]; a.valid {
			return a
		}
		return nil
	}
	if i := t.sparse[code]; i > 0 {
		return &t.rest[i-1]
	}
	return nil
}

// Next returns the declaration of the one-byte code b, nil for null entries, longer codes, and codes
// that are not declared.
func (t *AbbrevTable) Next(b byte) *Abbrev {
	if b == 0 || b >= 0x80 || int(b) >= len(t.dense) {
		return nil
	}
	return &t.dense[b] // Act 0 if it is not declared
}

// AttrsOf returns the attributes of a declaration in file order.
func (t *AbbrevTable) AttrsOf(a *Abbrev) []AttrSpec { return t.specs[a.first : a.first+a.n] }

// Compile reads the table at off for units like h, replacing what t held. section is
// the whole .debug_abbrev.
func (t *AbbrevTable) Compile(section []byte, off uint64, h *Header, big bool, plan *Plan) error {
	t.dense = append(t.dense[:0], Abbrev{})
	t.rest, t.sparse = nil, nil
	t.specs = t.specs[:0]
	t.steps = t.steps[:0]
	t.UsesRefAddr, t.UsesRefSig8 = false, false
	if off > uint64(len(section)) {
		return &DecodeError{".debug_info", h.Off, "abbreviation table offset is past the end of .debug_abbrev"}
	}
	r := abbrevReader{b: section, p: int(off)}
	sizes := formSizes(h)
	for {
		at := r.p
		code := r.uleb()
		if code == 0 && !r.short {
			t.Size = r.p - int(off)
			return nil
		}
		a, err := t.add(code, at)
		if err != nil {
			return err
		}
		a.Tag, a.first, a.skip, a.valid = Tag(r.uleb()), uint32(len(t.specs)), uint32(len(t.steps)), true
		for i := range a.F {
			a.F[i].Shift = 32
		}
		a.Children = r.u8() != 0
		tp := plan.tag(a.Tag)
		a.Act = tp.act
		var pos int32
		for len(t.specs)-int(a.first) < maxAttrs {
			attr, form := r.uleb(), r.uleb()
			if attr == 0 && form == 0 || r.short {
				break
			}
			t.specs = append(t.specs, AttrSpec{})
			s := &t.specs[len(t.specs)-1]
			s.Attr, s.Form = Attr(min(attr, 0xffffffff)), Form(min(form, 0xffff))
			if s.Form == FormImplicitConst {
				s.Implicit = r.sleb()
			}
			if attr < 0x100 {
				s.Slot = tp.slots[attr]
			} else if s.Attr == AttrGNUAnnotation {
				s.Slot = slotSlow
			}
			if s.Slot == slotSlow {
				a.Slow, s.Slot = true, 0
			}
			switch s.Form {
			case FormRefAddr:
				t.UsesRefAddr = true
			case FormRefSig8:
				t.UsesRefSig8 = true
			}
			first := len(t.specs)-1 == int(a.first)
			pos = a.place(s, pos, sizes, big, first)
			t.addStep(a, s, sizes)
		}
		if r.short {
			return &DecodeError{".debug_abbrev", uint64(at), "table ends in the middle of a declaration"}
		}
		if len(t.specs)-int(a.first) == maxAttrs {
			return &DecodeError{".debug_abbrev", uint64(at), "declaration has too many attributes"}
		}
		a.n = uint32(len(t.specs)) - a.first
		if a.Fixed = pos; pos > maxFixed { // out of reach of Field.Off
			a.Fixed = -1
		}
		a.Quick = a.Fixed >= 0 && !a.Slow && !a.Children && a.Name != NameStrx
	}
}

// place gives s its Field and returns the position behind it, -1 once that varies.
func (a *Abbrev) place(s *AttrSpec, pos int32, sizes *[0x30]int8, big, first bool) int32 {
	size := int32(-1)
	if s.Form < 0x30 {
		size = int32(sizes[s.Form])
	}
	if s.Slot != 0 {
		if a.Has&(1<<(s.Slot-1)) != 0 { // given twice: the generic reader takes the first
			a.Slow = true
			return -1
		}
		a.Has |= 1 << (s.Slot - 1)
		if s.Attr == AttrName {
			switch s.Form {
			case FormStrp:
				a.Name = NameStrp
			case FormStrx, FormStrx1, FormStrx2, FormStrx3, FormStrx4:
				a.Name = NameStrx
			case FormString:
				if first {
					a.Name = NameLead
					return 0
				}
				a.Name = NameSlow
			default:
				a.Name = NameSlow
			}
			if a.Name == NameSlow || s.Form == FormStrp && size != 4 {
				a.Slow = true
			}
		}
		f := &a.F[s.Slot-1]
		switch s.Form {
		case FormImplicitConst:
			f.Const = uint32(s.Implicit)
			if int64(int32(s.Implicit)) != s.Implicit {
				a.Slow = true
			}
		case FormFlagPresent:
			f.Const = 1
		case FormData1, FormData2, FormData4, FormFlag, FormStrp, FormStrx1, FormStrx2, FormStrx3, FormStrx4:
			f.locate(pos, size, big)
			a.Slow = a.Slow || size > 4
		case FormRef1, FormRef2, FormRef4, FormRefUdata:
			f.locate(pos, size, big)
			a.Slow = a.Slow || s.Attr != AttrType && s.Attr != AttrSibling // a bound, say, that is another DIE's value
		case FormSdata, FormUdata, FormStrx, FormString:
			// read by the generic loop of DIEs without a fixed size
		default:
			a.Slow = true
		}
	}
	if pos < 0 || size < 0 {
		return -1
	}
	return pos + size
}

// locate makes f the value of size bytes at pos, unless what stands before it varies.
func (f *Field) locate(pos, size int32, big bool) {
	if pos < 0 || size <= 0 || size > 4 {
		return
	}
	f.Shift = uint8(32 - 8*size)
	f.Off = int16(pos)
	if !big {
		f.Off = int16(pos - (4 - size))
	}
}

// add returns the place for the declaration of a code, to be filled there.
func (t *AbbrevTable) add(code uint64, at int) (*Abbrev, error) {
	switch {
	case code == uint64(len(t.dense)) && t.sparse[code] == 0:
		t.dense = append(t.dense, Abbrev{})
		return &t.dense[code], nil
	case t.Get(code) != nil:
		return nil, &DecodeError{".debug_abbrev", uint64(at), "abbreviation code is declared twice"}
	}
	if t.sparse == nil {
		t.sparse = map[uint64]int{}
	}
	t.rest = append(t.rest, Abbrev{})
	t.sparse[code] = len(t.rest)
	return &t.rest[len(t.rest)-1], nil
}

// A step passes over one value, or over neighbours of fixed size: an operation in the
// top three bits, and for stepFixed the number of bytes, for stepOther the index in the specs of the DIE.
type step uint16

const (
	stepFixed = iota << 13
	stepLeb
	stepString
	stepBlock // length as LEB128
	stepBlock1
	stepBlock2
	stepBlock4
	stepOther

	stepArg = 1<<13 - 1
)

func (t *AbbrevTable) addStep(a *Abbrev, s *AttrSpec, sizes *[0x30]int8) {
	n := int8(-1)
	if s.Form < 0x30 {
		n = sizes[s.Form]
	}
	if n == 0 {
		return
	}
	var op step
	switch {
	case n > 0:
		if a.skips > 0 {
			if last := &t.steps[len(t.steps)-1]; *last&^stepArg == stepFixed && *last+step(n) <= stepArg {
				*last += step(n)
				return
			}
		}
		op = step(n)
	case s.Form == FormString:
		op = stepString
	case s.Form == FormExprloc || s.Form == FormBlock:
		op = stepBlock
	case s.Form == FormBlock1:
		op = stepBlock1
	case s.Form == FormBlock2:
		op = stepBlock2
	case s.Form == FormBlock4:
		op = stepBlock4
	case s.Form == FormSdata || s.Form == FormUdata || s.Form == FormRefUdata || s.Form == FormStrx ||
		s.Form == FormAddrx || s.Form == FormLoclistx || s.Form == FormRnglistx:
		op = stepLeb
	default:
		op = stepOther | step(min(uint32(len(t.specs))-1-a.first, stepArg))
	}
	t.steps = append(t.steps, op)
	a.skips++
}

// formSizes gives the bytes of each fixed-size form for units like h, -1 for the others.
func formSizes(h *Header) *[0x30]int8 {
	i := 0
	if h.Is64 {
		i |= 1
	}
	if h.AddrSize == 8 {
		i |= 2
	}
	if h.Version == 2 {
		i |= 4
	}
	return &formSizeTables[i]
}

var formSizeTables = func() (tables [8][0x30]int8) {
	for i := range tables {
		t := &tables[i]
		for f := range t {
			t[f] = -1
		}
		offset, addr := int8(4), int8(4)
		if i&1 != 0 {
			offset = 8
		}
		if i&2 != 0 {
			addr = 8
		}
		for f, n := range map[Form]int8{
			FormAddr: addr, FormData1: 1, FormData2: 2, FormData4: 4, FormData8: 8, FormData16: 16,
			FormFlag: 1, FormFlagPresent: 0, FormImplicitConst: 0, FormRef1: 1, FormRef2: 2, FormRef4: 4,
			FormRef8: 8, FormRefSig8: 8, FormRefSup4: 4, FormRefSup8: 8, FormStrx1: 1, FormStrx2: 2,
			FormStrx3: 3, FormStrx4: 4, FormAddrx1: 1, FormAddrx2: 2, FormAddrx3: 3, FormAddrx4: 4,
			FormStrp: offset, FormLineStrp: offset, FormStrpSup: offset, FormSecOffset: offset, FormRefAddr: offset,
		} {
			t[f] = n
		}
		if i&4 != 0 { // DWARF 2 gave it the size of an address
			t[FormRefAddr] = addr
		}
	}
	return
}()

// abbrevReader is a cursor for .debug_abbrev, whose numbers nearly all have one byte.
type abbrevReader struct {
	b     []byte
	p     int
	short bool
}

func (r *abbrevReader) u8() byte {
	if r.p >= len(r.b) {
		r.short = true
		return 0
	}
	r.p++
	return r.b[r.p-1]
}

func (r *abbrevReader) uleb() uint64 {
	if r.p < len(r.b) && r.b[r.p] < 0x80 {
		r.p++
		return uint64(r.b[r.p-1])
	}
	c := Cursor{Data: r.b, Pos: r.p}
	v := c.Uleb()
	r.done(&c)
	return v
}

func (r *abbrevReader) sleb() int64 {
	c := Cursor{Data: r.b, Pos: r.p}
	v := c.Sleb()
	r.done(&c)
	return v
}

func (r *abbrevReader) done(c *Cursor) {
	r.p = c.Pos
	r.short = r.short || c.Err() != nil
}
