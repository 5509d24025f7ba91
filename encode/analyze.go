// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"errors"
	"slices"

	"github.com/btfgen/btfgen/encode/internal/dwarf"
	"github.com/btfgen/btfgen/internal/btf"
)

// finish completes the records of a unit whose DIEs have all been walked: references
// become record indexes, arrays get their index type, functions and variables are analysed.
func (w *walker) finish() error {
	if w.arrays && w.intRec == 0 {
		w.intRec = w.addInt()
	}
	w.rank.Seal()
	rank := w.rank // a copy, for stores cannot change it
	members, records := w.out.Members, w.out.Records
	for i := range members {
		m := &members[i]
		if m.Ref == 0 {
			continue
		}
		if rec := rank.Index(m.Ref); rec != 0 {
			m.Ref = rec
		} else {
			m.Ref = w.resolve(m.Ref)
		}
	}
	for i := range records {
		r := &records[i]
		if r.Ref != 0 {
			if rec := rank.Index(r.Ref); rec != 0 {
				r.Ref = rec
			} else if r.Kind == btf.KindDeclTag {
				r.Ref = rank.At(r.Ref)
			} else {
				r.Ref = w.resolve(r.Ref)
			}
		}
		if r.Kind == btf.KindArray {
			r.Aux = w.intRec
		}
	}
	w.sizeVars()
	return w.analyzeFunctions()
}

// addInt adds the type `int` behind all DIEs, for a unit that has arrays and no int of its own
// (encode.md 3.9). The last byte of a unit is never the start of a type.
func (w *walker) addInt() uint32 {
	name := nameInt
	if !w.byOffset {
		name = w.in.names.intern([]byte("int"))
	} else if id := w.in.intName(); w.clang && id != 0 {
		name = id
	}
	i := w.add(len(w.unit.Buf)-dwarf.Slack, btf.KindInt, name, 0, 4)
	w.out.Records[i].Aux = uint32(btf.IntSigned)
	return i
}

// resolve turns the place of a DIE, as the type of another, into the index of its record.
func (w *walker) resolve(place uint32) uint32 {
	if i := w.rank.At(place); i != 0 {
		return w.typeRecord(i, place)
	}
	for range maxChain {
		to, ok := w.aliases[place]
		if !ok {
			w.warnAt(warnRef, w.out.Base+uint64(place))
			return 0
		}
		if to == 0 {
			return 0
		}
		if i := w.rank.At(to); i != 0 {
			return w.typeRecord(i, to)
		}
		place = to
	}
	w.warnAt(warnLoop, w.out.Base+uint64(place))
	return 0
}

// typeRecord is record i, unless it is none of a type: no DIE has a function or a variable as its type.
func (w *walker) typeRecord(i, place uint32) uint32 {
	if k := w.out.Records[i].Kind; k == btf.KindFunc || k == btf.KindVar {
		w.warnAt(warnRef, w.out.Base+uint64(place))
		return 0
	}
	return i
}

// analyzeFunctions finds out for each function with code how it is called.
func (w *walker) analyzeFunctions() error {
	a := w.in.abi
	w.packed.reset(w, a)
	for i := range w.funcs {
		fn := &w.funcs[i]
		proto := &w.out.Records[fn.rec+1]
		if fn.concrete {
			if err := w.analyze(fn, proto); err != nil {
				return err
			}
		} else if int(proto.Count) > a.numArgs {
			for n, m := range w.out.Members[proto.First : proto.First+proto.Count] {
				fn.marks.uncertain = fn.marks.uncertain || n >= a.numArgs && w.packed.uncertain(m.Ref)
			}
		}
	}
	return nil
}

// analyze looks at the parameters of one function with code.
func (w *walker) analyze(fn *function, proto *btf.Record) error {
	u := w.unitAt(int(fn.place))
	a := w.in.abi
	l := locator{abi: a, format: u.ExprFormat(u.Big), pieces: w.opt.features.trueSignature}
	members := w.out.Members[proto.First : proto.First+proto.Count]
	ps := w.facts[:0]
	for n := range fn.n {
		if int(n) >= len(members) {
			break
		}
		typ := members[n].Ref
		size := w.paramSize(typ)
		p := param{paramFacts: newParamFacts(size, a)}
		raw := &w.params[fn.first+n]
		p.hasLoc, p.hasConst = raw.hasLoc, raw.hasConst
		w.describe(&p, typ, int(n))
		if raw.hasLoc {
			if err := w.locate(u, &p, raw, &l); err != nil {
				return err
			}
		}
		if l.pieces && members[n].Name != 0 {
			w.candidate(&p, typ)
		}
		ps = append(ps, p)
	}
	w.facts = ps
	facts := funcFacts{clang: fn.clang, inline: fn.inline, nocall: fn.nocall, reordered: fn.reorder}
	fn.marks = a.analyze(&facts, w.opt.features.trueSignature, ps)
	w.dropParams(fn, proto, members, ps)
	return nil
}

// locate evaluates where a parameter is. A list that is broken counts as one without entries.
func (w *walker) locate(u *dwarf.Unit, p *param, raw *rawParam, l *locator) error {
	if raw.loc.IsBlock() {
		p.addLocation(0, raw.loc.B, l)
		return nil
	}
	sec, off := &w.in.loc, raw.loc.U
	if u.Version >= 5 {
		sec = &w.in.loclists
		if raw.loc.Form == dwarf.FormLoclistx {
			size := u.OffsetSize()
			b, err := w.locs.at(sec, u.LoclistsBase+raw.loc.U*uint64(size), size)
			if err != nil || len(b) < size {
				return err
			}
			off = u.LoclistsBase + w.in.uint(b[:size])
		}
	}
	facts := p.paramFacts
	for n := windowSize / 8; ; n *= 8 {
		b, err := w.locs.at(sec, off, n)
		if err != nil {
			return err
		}
		p.paramFacts = facts
		list := dwarf.NewLocList(dwarf.Cursor{Section: sec.name, Data: b, Base: off, Big: w.in.big}, u.Version, u.AddrSize)
		err = p.addList(&list, l)
		if errors.Is(err, dwarf.ErrWindow) && len(b) == n {
			continue
		}
		return nil
	}
}

// paramSize is the size of a parameter's type as the location analysis counts it (encode.md
// 4.4): the first size met on the way through the type.
func (w *walker) paramSize(rec uint32) uint64 {
	for range maxChain {
		r := &w.out.Records[rec]
		switch r.Kind {
		case btf.KindPtr:
			return uint64(w.unit.AddrSize)
		case btf.KindInt, btf.KindFloat, btf.KindEnum, btf.KindEnum64, btf.KindStruct, btf.KindUnion:
			return uint64(r.Size)
		case btf.KindVoid, btf.KindFwd:
			return 0
		}
		rec = r.Ref
	}
	return 0
}

// describe fills in what the analysis wants to know of parameter n's type.
func (w *walker) describe(p *param, typ uint32, n int) {
	rec := typ
	for range maxChain {
		r := &w.out.Records[rec]
		if r.Kind != btf.KindConst && r.Kind != btf.KindTypedef {
			break
		}
		rec = r.Ref
	}
	switch r := &w.out.Records[rec]; r.Kind {
	case btf.KindStruct:
		p.isStruct = true
	case btf.KindFwd:
		p.isStruct = r.Flags&btf.Kflag == 0
	case btf.KindFloat:
		p.isFloat = true
	}
	p.packed = n >= w.in.abi.numArgs && w.packed.uncertain(typ)
	if w.in.abi.evenPair && p.sizeBytes >= 2*w.in.abi.addrSize {
		p.aligned2 = w.packed.naturalAlign(typ) >= 2*w.in.abi.addrSize
	}
}

// candidate looks up the member that is all that remains of an aggregate (encode.md 4.4).
func (w *walker) candidate(p *param, typ uint32) {
	off, ok := p.memberOffset(w.in.abi)
	if !ok {
		return
	}
	s := w.shape(typ)
	if s.kind != shapeStruct {
		return
	}
	r := &w.out.Records[s.id]
	for i := range r.Count {
		if w.out.Members[r.First+i].A == uint32(8*off) {
			p.member = r.First + i + 1
			return
		}
	}
}

// dropParams applies what the true signature says to the prototype (encode.md 4.7).
func (w *walker) dropParams(fn *function, proto *btf.Record, members []btf.Member, ps []param) {
	markDrops(&fn.marks, w.opt.features.trueSignature, ps)
	byValue := slices.ContainsFunc(ps, func(p param) bool { return p.isStruct })
	kept := members[:0]
	for n, m := range members {
		if n < len(ps) {
			p := &ps[n]
			if p.drop {
				continue
			}
			fn.marks.movedReg = fn.marks.movedReg || p.reg >= 0 && !byValue && w.params[fn.first+uint32(n)].moved
			if p.asMember && p.member != 0 && w.opt.features.trueSignature && fn.marks.signatureChanged {
				c := w.out.Members[p.member-1]
				name := append(append([]byte(nil), w.nameBytes(m.Name)...), "__"...)
				m.Name = w.in.names.intern(append(name, w.nameBytes(c.Name)...))
				m.Ref = c.Ref
			}
		}
		kept = append(kept, m)
	}
	proto.Count = uint32(len(kept))
}

// shape and field let the inference of packed structs look at records (typeLayout).
func (w *walker) shape(rec uint32) typeShape {
	s := typeShape{direct: true}
	for range maxChain {
		r := &w.out.Records[rec]
		switch r.Kind {
		case btf.KindTypedef, btf.KindConst, btf.KindVolatile, btf.KindRestrict:
			s.direct = false
			rec = r.Ref
			continue
		case btf.KindPtr:
			s.kind = shapePointer
		case btf.KindInt, btf.KindFloat, btf.KindEnum, btf.KindEnum64:
			s.kind = shapeScalar
		case btf.KindArray:
			s.kind, s.elem = shapeArray, r.Ref
		case btf.KindStruct:
			s.kind = shapeStruct
		case btf.KindUnion:
			s.kind = shapeUnion
		}
		s.id, s.named, s.sizeBytes = rec, r.Name != 0, uint64(r.Size)
		if s.kind == shapeStruct || s.kind == shapeUnion {
			s.fields = int(r.Count)
		}
		break
	}
	return s
}

func (w *walker) field(rec uint32, i int) typeField {
	r := &w.out.Records[rec]
	m := &w.out.Members[r.First+uint32(i)]
	f := typeField{typ: m.Ref, offBytes: uint64(m.A) / 8}
	if m.B != 0 {
		f.bitfield = true
		f.sizeBytes = (uint64(m.A)%8 + uint64(m.B) + 7) / 8
	} else {
		f.sizeBytes, _ = w.typeSize(m.Ref, 0)
	}
	return f
}
