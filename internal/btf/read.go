// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

const (
	magic        = 0xeb9f
	version      = 1
	headerLen    = 24 // bytes of a header without layout_off and layout_len
	headerLenNew = 32 // bytes of a header with them
	maxOffset    = 1<<31 - 1
)

// maxString is the longest string of a blob that is read, in bytes; the kernel takes names of maxKernelName. Any number of types may
// share a name, and whoever looks at their names would look at all of a longer one each time.
const maxString = 4096

// Read parses a blob. With a base the blob is split: its IDs and string offsets
// follow those of the base, which may itself be split and must have the same byte
// order. The table aliases data.
//
// Sections must tile the blob as the kernel wants them (kernel/bpf/btf.c:
// btf_check_sec_info); libbpf tolerates bytes after the last one. What libbpf
// checks of the types (btf.c: btf_sanity_check) holds for every table returned:
// records fill the section exactly, every ID and string offset is in range, a FUNC
// refers to a FUNC_PROTO. Strings of more than 4096 bytes are refused, which is a limit
// of ours. The stricter rules of the kernel are left to Validate.
// Each error is a *FormatError.
func Read(data []byte, base *Table) (*Table, error) {
	t, err := ReadUnchecked(data, base)
	if err == nil {
		err = t.Check()
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// ReadUnchecked is Read for who looks at a few of many types only: that their IDs and string offsets are in range, and that a FUNC refers to
// a FUNC_PROTO, is left to Check. Where they are not, methods of the table panic.
func ReadUnchecked(data []byte, base *Table) (*Table, error) {
	t := &Table{data: data, base: base, firstID: 1}
	if base != nil {
		t.firstID, t.strBase = ID(base.NumIDs()), base.StrEnd()
	}
	for _, pass := range []func() error{t.readHeader, t.checkStrings, t.findTypes} {
		if err := pass(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func failAt(off int, format string, args ...any) error {
	return &FormatError{Off: uint64(off), Msg: fmt.Sprintf(format, args...)}
}

// section is one entry of the header.
type section struct {
	name     string
	field    int // byte offset of its entry in the header
	off, len uint32
}

// readHeader checks the header and finds the sections.
func (t *Table) readHeader() error {
	d := t.data
	if len(d) < headerLen {
		return failAt(0, "blob of %d bytes, the header alone has %d", len(d), headerLen)
	}
	switch {
	case getU16(d, false) == magic:
	case getU16(d, true) == magic:
		t.big = true
	default:
		return failAt(0, "magic is %#04x, not %#04x", getU16(d, false), magic)
	}
	if t.base != nil && t.base.big != t.big {
		return failAt(0, "byte order is %s, that of the base is %s", orderName(t.big), orderName(t.base.big))
	}
	if d[2] != version {
		return failAt(2, "version is %d, only %d is known", d[2], version)
	}
	if d[3] != 0 {
		return failAt(3, "flags are %#x, only 0 is known", d[3])
	}
	n := getU32(d[4:], t.big)
	if n < headerLen {
		return failAt(4, "hdr_len is %d, at least %d is needed", n, headerLen)
	}
	if uint64(n) > uint64(len(d)) {
		return failAt(4, "hdr_len is %d, the blob has %d bytes", n, len(d))
	}
	t.hdrLen = int(n)

	known := headerLen
	secs := []section{t.section("types", 8), t.section("strings", 16)}
	if t.hdrLen >= headerLenNew {
		known = headerLenNew
		if l := t.section("layout", 24); l.len != 0 {
			secs = append(secs, l)
		}
	}
	for i, b := range d[known:t.hdrLen] {
		if b != 0 {
			return failAt(known+i, "header byte is %#x, only 0 is known there", b)
		}
	}
	return t.placeSections(secs)
}

func orderName(big bool) string {
	if big {
		return "big-endian"
	}
	return "little-endian"
}

func (t *Table) section(name string, field int) section {
	return section{name, field, getU32(t.data[field:], t.big), getU32(t.data[field+4:], t.big)}
}

// placeSections checks that the sections tile the blob behind the header, and sets
// them.
func (t *Table) placeSections(secs []section) error {
	for _, s := range secs {
		if s.name != "strings" && s.off%4 != 0 {
			return failAt(s.field, "%s offset %#x is not a multiple of 4", s.name, s.off)
		}
		if s.name == "layout" && s.len%4 != 0 {
			return failAt(s.field+4, "layout length %#x is not a multiple of 4", s.len)
		}
	}
	body := t.data[t.hdrLen:]
	if s := secs[1]; t.hdrLen < headerLenNew && uint64(s.off)+uint64(s.len) != uint64(len(body)) {
		return failAt(s.field, "strings at %#x, length %#x, are not the last section of %#x bytes", s.off, s.len, len(body))
	}
	// An empty section may share its offset with the one that follows.
	slices.SortStableFunc(secs, func(a, b section) int {
		return cmp.Or(cmp.Compare(a.off, b.off), cmp.Compare(a.len, b.len))
	})
	end, before := uint64(0), "header"
	for _, s := range secs {
		off, n := uint64(s.off), uint64(s.len)
		switch {
		case off > uint64(len(body)):
			return failAt(s.field, "%s offset %#x is past the end, %#x", s.name, off, len(body))
		case off > end:
			return failAt(s.field, "%s offset %#x leaves a gap after the %s, which ends at %#x", s.name, off, before, end)
		case off < end:
			return failAt(s.field, "%s offset %#x is inside the %s, which ends at %#x", s.name, off, before, end)
		case n > uint64(len(body))-off:
			return failAt(s.field+4, "%s length %#x at %#x is past the end, %#x", s.name, n, off, len(body))
		}
		end, before = off+n, s.name
		b, at := body[off:end:end], t.hdrLen+int(off)
		switch s.name {
		case "types":
			t.types, t.typesOff = b, at
		case "layout":
			t.layout, t.layoutOff = b, at
		case "strings":
			t.strs, t.strsOff = b, at
		}
	}
	if end != uint64(len(body)) {
		return failAt(t.hdrLen+int(end), "%d bytes after the last section, %s", uint64(len(body))-end, before)
	}
	last := secs[len(secs)-1].name
	t.orderBad = last != "strings" || secs[0].name != "types"
	return nil
}

// checkStrings makes sure that every string offset in range soon meets a NUL.
func (t *Table) checkStrings() error {
	at, n := t.strsOff, len(t.strs)
	switch {
	case n == 0 && t.base == nil:
		return failAt(20, "no strings: a blob without a base needs at least the empty one")
	case n == 0:
		return nil
	case t.base == nil && t.strs[0] != 0:
		return failAt(at, "first string is not empty: split BTF needs its base")
	case t.strs[n-1] != 0:
		return failAt(at+n-1, "last string is not terminated")
	case uint64(t.strBase)+uint64(n) > maxOffset:
		return failAt(20, "strings end at offset %#x, the limit is %#x", uint64(t.strBase)+uint64(n), maxOffset)
	}
	for start := 0; n-start > maxString; { // a look at each 4096 bytes, not at each string
		nul := bytes.LastIndexByte(t.strs[start:start+maxString+1], 0)
		if nul < 0 {
			return failAt(at+start, "string of more than %d bytes", maxString)
		}
		start += nul + 1
	}
	return nil
}

// step is what findTypes knows of a kind.
type step struct {
	fixed, elem uint8 // bytes of the record without elements, 0 if the kind is not known; of an element
	sorts       uint8 // see sortsOf
}

var steps = func() (steps [maxKind + 1]step) {
	for k := KindVoid + 1; int(k) < numKinds; k++ {
		steps[k] = step{fixed: recordLen + shapes[k].info, elem: shapes[k].elem, sorts: sortsOf[k]}
	}
	return steps
}()

// findTypes walks the types section and notes where each record starts and of which sort it is. No processor can guess the
// next kind, so nothing branches on it.
func (t *Table) findTypes() error {
	b, big := t.types, t.big
	offs := make([]uint32, len(b)/recordLen)
	for i := range t.sorts {
		t.sorts[i] = make([]uint64, len(offs)/64+1)
	}
	n, pos := 0, uint64(0)
	for block := 0; pos < uint64(len(b)); block++ {
		var named, refs, protos, arrays uint64 // of 64 types
		for bit := uint(0); bit < 64 && pos+recordLen <= uint64(len(b)); bit++ {
			info := getU32(b[pos+4:], big)
			kind, vlen := info>>24&maxKind, info&maxVlen
			s := &steps[kind]
			size := uint64(s.fixed) + uint64(s.elem)*uint64(vlen)
			if s.fixed == 0 {
				var err error
				if size, err = t.foreign(Kind(kind), vlen, n, int(pos)); err != nil {
					return err
				}
			}
			offs[n] = uint32(pos)
			n++
			pos += size
			named |= uint64(s.sorts>>sortNamed&1) << bit
			refs |= uint64(s.sorts>>sortRef&1) << bit
			protos |= uint64(s.sorts>>sortProto&1) << bit
			arrays |= uint64(s.sorts>>sortArray&1) << bit
		}
		t.sorts[sortNamed][block], t.sorts[sortRef][block], t.sorts[sortProto][block], t.sorts[sortArray][block] = named, refs, protos, arrays
		if left := uint64(len(b)) - pos; pos > uint64(len(b)) || left > 0 && left < recordLen {
			return t.cutOff(offs[:n], pos)
		}
	}
	t.offs = offs[:n:n]
	if uint64(t.firstID)+uint64(n) > maxOffset+1 {
		return t.typeErr(maxOffset+1, int(offs[maxOffset+1-t.firstID]), "more than %d types", maxOffset)
	}
	return nil
}

// cutOff is the error for a last record that does not end where the section does.
func (t *Table) cutOff(offs []uint32, pos uint64) error {
	n, left := len(offs), uint64(len(t.types))-pos
	if pos <= uint64(len(t.types)) {
		return t.typeErr(t.firstID+ID(n), int(pos), "record of %d bytes is cut off after %d", recordLen, left)
	}
	last := int(offs[n-1])
	info := getU32(t.types[last+4:], t.big)
	return t.typeErr(t.firstID+ID(n-1), last, "%v with vlen %d has %d bytes, %d are left",
		Kind(info>>24&maxKind), info&maxVlen, pos-uint64(last), len(t.types)-last)
}

// foreign returns the size in bytes of own type n, whose kind is not built in.
func (t *Table) foreign(kind Kind, vlen uint32, n, pos int) (uint64, error) {
	id := t.firstID + ID(n)
	if kind == KindVoid {
		return 0, t.typeErr(id, pos, "kind is 0")
	}
	info, elem, err := t.layoutOf(kind, id, pos)
	if err != nil {
		return 0, err
	}
	t.unknown++
	return recordLen + uint64(info) + uint64(elem)*uint64(vlen), nil
}

// layoutOf returns the sizes of a kind that is not built in, from the layout
// section of the blob or else of its direct base.
func (t *Table) layoutOf(kind Kind, id ID, pos int) (info, elem uint8, err error) {
	l := t.layout
	if len(l) == 0 && t.base != nil {
		l = t.base.layout
	}
	if len(l) == 0 {
		return 0, 0, t.typeErr(id, pos, "unknown kind %d, and no layout section", kind)
	}
	if int(kind) >= len(l)/layoutRecordLen {
		return 0, 0, t.typeErr(id, pos, "unknown kind %d, the layout section has %d records", kind, len(l)/layoutRecordLen)
	}
	r := l[int(kind)*layoutRecordLen:]
	if r[0]%4 != 0 || r[1]%4 != 0 {
		return 0, 0, t.typeErr(id, pos, "layout of kind %d has sizes %d and %d, not multiples of 4", kind, r[0], r[1])
	}
	return r[0], r[1], nil
}

// extremes is what a walk over the types sees. If all is well, as it mostly is, nothing has to be looked at twice.
type extremes struct {
	name, id uint32 // the highest string offset and type ID
	badFunc  bool   // a FUNC refers to something else than a FUNC_PROTO
}

// see takes in the string offsets and IDs of own type n.
func (x *extremes) see(t *Table, n int) {
	big := t.big
	rec := t.record(n)
	name, id := max(x.name, getU32(rec, big)), x.id
	switch e := rec[recordLen:]; kindOf(rec, big) {
	case KindFunc:
		proto := getU32(rec[8:], big)
		id = max(id, proto)
		x.badFunc = x.badFunc || uint64(proto) >= uint64(t.NumIDs()) || t.Kind(ID(proto)) != KindFuncProto
	case KindFuncProto:
		id = max(id, getU32(rec[8:], big))
		for ; len(e) >= 8; e = e[8:] {
			name, id = max(name, getU32(e, big)), max(id, getU32(e[4:], big))
		}
	case KindStruct, KindUnion:
		for ; len(e) >= 12; e = e[12:] {
			name, id = max(name, getU32(e, big)), max(id, getU32(e[4:], big))
		}
	case KindEnum:
		for ; len(e) >= 8; e = e[8:] {
			name = max(name, getU32(e, big))
		}
	case KindEnum64:
		for ; len(e) >= 12; e = e[12:] {
			name = max(name, getU32(e, big))
		}
	case KindArray:
		id = max(id, getU32(e, big), getU32(e[4:], big))
	case KindDatasec:
		for ; len(e) >= 12; e = e[12:] {
			id = max(id, getU32(e, big))
		}
	case KindPtr, KindFwd, KindTypedef, KindVolatile, KindConst, KindRestrict, KindVar, KindDeclTag, KindTypeTag:
		id = max(id, getU32(rec[8:], big))
	}
	x.name, x.id = name, id
}

// allGood tells whether every ID and string offset is in range, and every FUNC refers to a FUNC_PROTO.
func (t *Table) allGood() bool {
	var x extremes
	for n := range t.offs {
		x.see(t, n)
	}
	return !x.badFunc && x.name < uint32(t.StrEnd()) && x.id < uint32(t.NumIDs())
}

// Check is what ReadUnchecked leaves out of Read.
func (t *Table) Check() error {
	if t.allGood() {
		return nil
	}
	return t.findFault()
}

// findFault returns what is wrong with the first type that is wrong.
func (t *Table) findFault() error {
	ids, strEnd := uint32(t.NumIDs()), uint32(t.StrEnd())
	for i := range t.offs {
		id := t.firstID + ID(i)
		r := t.Type(id)
		if uint32(r.Name) >= strEnd {
			return t.typeErr(id, int(t.offs[i]), "%v: name offset %#x, the strings end at %#x", r.Kind, r.Name, strEnd)
		}
		names := r.ElemNames()
		for j := range names.N {
			if s := r.U32(names.At(j)); s >= strEnd {
				return t.typeErr(id, int(t.offs[i])+names.At(j), "%v: name offset %#x of element %d, the strings end at %#x", r.Kind, s, j, strEnd)
			}
		}
		refs := r.IDs()
		for j := range refs.N {
			if ref := r.U32(refs.At(j)); ref >= ids {
				return t.typeErr(id, int(t.offs[i])+refs.At(j), "%v: refers to type %d, the last one is %d", r.Kind, ref, ids-1)
			}
		}
		if r.Kind == KindFunc && t.Kind(r.Ref()) != KindFuncProto {
			return t.typeErr(id, int(t.offs[i])+8, "FUNC: refers to type %d (%v), not a FUNC_PROTO", r.SizeOrType, t.Kind(r.Ref()))
		}
	}
	return nil
}

// typeErr places an error at a byte offset in the types section.
func (t *Table) typeErr(id ID, pos int, format string, args ...any) error {
	return &FormatError{id, uint64(t.typesOff + pos), fmt.Sprintf(format, args...)}
}
