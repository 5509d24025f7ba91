// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// The DIEs that kernels have most of, members, enumerators and plain reference types, in their
// usual form (dwarf.Abbrev.Quick): fixed places, no children. Members and enumerators come in runs, which
// stay in one small loop. Everything else of the walk is in unit.go.

package encode

import (
	"encoding/binary"

	"github.com/btfgen/btfgen/encode/internal/dwarf"
	"github.com/btfgen/btfgen/internal/btf"
)

// quickName reads the name of a quick DIE whose values start at Buf[p:], and returns where the
// fixed part starts.
func (w *walker) quickName(u *dwarf.Unit, p int, ab *dwarf.Abbrev) (btf.NameID, int, error) {
	switch ab.Name {
	case dwarf.NameStrp:
		if int(ab.Fixed) > u.End-p {
			return 0, 0, u.Errorf(p, "values run past the end of the unit")
		}
		off := u.Load(p, &ab.F[slotName])
		if w.byOffset && int(off) < len(w.in.names.str) {
			return btf.NameID(off + 1), p, nil
		}
		id, err := w.strp(u, p, uint64(off))
		return id, p, err
	case dwarf.NameLead:
		b := u.Buf[p : p+4]
		switch v := binary.LittleEndian.Uint32(b); { // what follows the string is not looked at
		case b[0] == 0:
			return 0, p + 1, nil
		case b[1] == 0:
			return btf.InlineNameWord(v & 0xff), p + 2, nil
		case b[2] == 0:
			return btf.InlineNameWord(v & 0xffff), p + 3, nil
		case b[3] == 0:
			return btf.InlineNameWord(v & 0xffffff), p + 4, nil
		}
		var v dwarf.Value
		next := u.Value(&v, p, dwarf.FormString, 0)
		if next < 0 {
			return 0, 0, u.Errorf(p, "string runs past the end of the unit")
		}
		return w.in.names.intern(v.B), next, nil
	}
	return 0, p, nil
}

// pastEnd says what of a DIE is not inside the unit: its values are at Buf[at:], those behind the name at Buf[p:].
func pastEnd(u *dwarf.Unit, at, p int) error {
	if p > u.End {
		return u.Errorf(at, "string runs past the end of the unit")
	}
	return u.Errorf(at, "values run past the end of the unit")
}

// members reads a run of members of the struct or union cur. p is the index behind the code of
// the first, and the result that of the first DIE that is no quick member.
func (w *walker) members(u *dwarf.Unit, p int, ab *dwarf.Abbrev, cur *frame) (int, error) {
	if cur.first+cur.count != uint32(len(w.out.Members)) {
		w.relocate(cur)
	}
	union := w.out.Records[cur.rec].Kind == btf.KindUnion
	base := uint32(u.Start)
	for {
		at := p - 1
		name, q, err := w.quickName(u, p, ab)
		if err != nil {
			return 0, err
		}
		if int(ab.Fixed) > u.End-q {
			return 0, pastEnd(u, p, q)
		}
		ref := uint32(0)
		if ab.Has&(1<<slotType) != 0 {
			ref = u.Load(q, &ab.F[slotType]) + base
		}
		off, size := 8*uint64(u.Load(q, &ab.F[slotSize])), uint32(0)
		if ab.Has&(1<<slotMore|1<<slotBits) != 0 {
			size = u.Load(q, &ab.F[slotMore])
			if bits := u.Load(q, &ab.F[slotBits]); bits != 0 {
				off = uint64(bits)
			}
		}
		cur.comp++
		if size == 0 && off <= 0xffffffff && off%8 == 0 && (off == 0 || !union) {
			w.addMember(name, ref, uint32(off), 0)
			cur.count++
		} else {
			w.oddMember(u, at, cur, btf.Member{Name: name, Ref: ref, A: uint32(off), B: size}, off, union)
		}
		p = q + int(ab.Fixed)
		if p >= u.End {
			return p, nil
		}
		if ab = u.Abbrevs.Next(u.Buf[p]); ab == nil || ab.Act != actMember || !ab.Quick {
			return p, nil
		}
		p++
	}
}

// enumerators reads a run of enumerators of the enum cur, like members.
func (w *walker) enumerators(u *dwarf.Unit, p int, ab *dwarf.Abbrev, cur *frame) (int, error) {
	if cur.first+cur.count != uint32(len(w.out.Members)) {
		w.relocate(cur)
	}
	for {
		at := p - 1
		name, q, err := w.quickName(u, p, ab)
		if err != nil {
			return 0, err
		}
		if int(ab.Fixed) > u.End-q {
			return 0, pastEnd(u, p, q)
		}
		f := &ab.F[slotSize]
		low, high := u.Load(q, f), uint32(0)
		if int32(low) < 0 && f.Implicit() { // a constant in the declaration has a sign, one in the DIE none
			high = ^uint32(0)
			cur.flags |= frameNegative
		}
		if name != 0 {
			w.addMember(name, 0, low, high)
			cur.count++
		} else {
			w.warn(warnNameless, u, at)
		}
		p = q + int(ab.Fixed)
		if p >= u.End {
			return p, nil
		}
		if ab = u.Abbrevs.Next(u.Buf[p]); ab == nil || ab.Act != actEnumerator || !ab.Quick {
			return p, nil
		}
		p++
	}
}

// refType reads a pointer or qualifier; at is the index of its DIE.
func (w *walker) refType(u *dwarf.Unit, p int, ab *dwarf.Abbrev, at int) (int, error) {
	if int(ab.Fixed) > u.End-p {
		return 0, u.Errorf(at, "values run past the end of the unit")
	}
	ref := uint32(0)
	if ab.Has&(1<<slotType) != 0 {
		ref = u.Load(p, &ab.F[slotType]) + uint32(u.Start)
	}
	w.add(at, refKind[ab.Act], 0, ref, 0)
	return p + int(ab.Fixed), nil
}
