// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

// members resolves the members of a STRUCT or UNION and checks where they lie.
func (z *resolver) members(id ID, r Type, depth int) bool {
	for i := range int(r.Vlen) {
		_, typ, off, bitfield := r.Member(i)
		if k := z.t.Kind(typ); sourceOnly(k) {
			return z.check(id, bad("Invalid member", "member %d has type %d (%v)", i, typ, k))
		}
		if !z.ready(typ, depth) {
			return false
		}
		size, ok := z.sizeOf(typ)
		end := z.t.Type(z.sized(typ))
		if !ok {
			return z.check(id, bad("Invalid member", "member %d has type %d (%v), without a size", i, typ, end.Kind))
		}
		p := placement{uint64(off), uint64(bitfield), uint64(size), uint64(r.SizeOrType), r.Kflag}
		if f := p.check(end, uint64(z.ptrSize)); f != nil {
			f.detail = "member " + string(appendName(nil, z.t.Str(nameOf(r, i)))) + " " + f.detail
			return z.check(id, f)
		}
	}
	return true
}

func nameOf(r Type, i int) StrOff {
	name, _, _, _ := r.Member(i)
	return name
}

// placement is a member within its struct.
type placement struct {
	off, bitfield uint64 // bits
	size, room    uint64 // bytes of the member's type, of the struct
	kflag         bool
}

func (p placement) check(typ Type, ptrSize uint64) *fault {
	switch {
	case typ.Kind == KindInt && p.kflag:
		return p.checkKflagInt(typ)
	case typ.Kind == KindInt:
		return p.checkInt(typ)
	case p.kflag && (typ.Kind == KindEnum || typ.Kind == KindEnum64):
		return p.checkKflagEnum()
	case p.bitfield != 0:
		return bad("Invalid member bitfield_size", "is a bitfield of a %v", typ.Kind)
	case typ.Kind == KindFloat:
		if align := max(1, min(ptrSize, p.size)); p.off%(8*align) != 0 {
			return bad("Member is not properly aligned", "at bit %d, a FLOAT of %d bytes", p.off, p.size)
		}
	case p.off%8 != 0:
		return bad("Member is not byte aligned", "at bit %d", p.off)
	}
	return p.fits("Member exceeds struct_size", 8*p.size)
}

// fits checks the end of a member of so many bits.
func (p placement) fits(rule string, bits uint64) *fault {
	if (p.off+bits+7)/8 > p.room {
		return bad(rule, "at bit %d, %d bits, in %d bytes", p.off, bits, p.room)
	}
	return nil
}

// checkInt: without kflag the INT itself says which bits are meant.
func (p placement) checkInt(typ Type) *fault {
	_, off, bits := typ.Int()
	p.off += uint64(off)
	if p.off > 1<<32-1 {
		return bad("bits_offset exceeds U32_MAX", "at bit %d", p.off)
	}
	if uint64(bits)+p.off%8 > 128 {
		return bad("nr_copy_bits exceeds 128", "at bit %d, %d bits", p.off, bits)
	}
	return p.fits("Member exceeds struct_size", uint64(bits))
}

func (p placement) checkKflagInt(typ Type) *fault {
	if !isRegular(typ) {
		return bad("Invalid member base type", "has an INT that is itself a bitfield")
	}
	_, _, whole := typ.Int()
	bits := p.bitfield
	switch {
	case bits == 0 && p.off%8 != 0:
		return bad("Invalid member offset", "at bit %d is no bitfield", p.off)
	case bits == 0:
		bits = uint64(whole)
	case bits > uint64(whole):
		return bad("Invalid member bitfield_size", "%d bits of an INT of %d", bits, whole)
	}
	if bits+p.off%8 > 128 {
		return bad("nr_copy_bits exceeds 128", "at bit %d, %d bits", p.off, bits)
	}
	return p.fits("Member exceeds struct_size", bits)
}

// checkKflagEnum: the kernel takes every enum for an int here, whatever its size.
func (p placement) checkKflagEnum() *fault {
	bits := p.bitfield
	switch {
	case bits == 0 && p.off%8 != 0:
		return bad("Member is not byte aligned", "at bit %d", p.off)
	case bits == 0:
		bits = 32
	case bits > 32:
		return bad("Invalid member bitfield_size", "%d bits of an enum", bits)
	}
	return p.fits("Member exceeds struct_size", bits)
}
