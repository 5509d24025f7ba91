// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package btf reads, checks and writes BTF, the kernel's type format: the content
// of the ELF sections .BTF and .BTF.base.
//
// Bytes go in through Read, which checks everything that a later access relies on,
// and come out through Assemble and Table.Write. Both byte orders, every header
// length, split BTF on a chain of bases and kinds known only by a layout section
// are read. .BTF.ext is not.
//
// Sources: Documentation/bpf/btf.rst, include/uapi/linux/btf.h, kernel/bpf/btf.c
// (what the kernel refuses), libbpf btf.c (what libbpf refuses). Where the two
// differ, the comment at the check says which one is followed.
package btf

import (
	"bytes"
	"fmt"
)

// Table is one parsed blob, with its base if it is split. It is immutable and safe
// for concurrent readers. It aliases the bytes given to Read.
type Table struct {
	data   []byte // whole blob
	hdrLen int
	big    bool

	types, layout, strs          []byte // own sections, alias data; layout may be nil
	typesOff, layoutOff, strsOff int    // byte offsets of them in data

	base     *Table             // nil when standalone
	firstID  ID                 // of the own types
	strBase  StrOff             // of strs[0]
	offs     []uint32           // byte offset in types of the own type i, its ID less firstID
	sorts    [numSorts][]uint64 // bit i of each tells whether own type i is of that sort; nil if the table was edited
	unknown  int                // own types of a kind above those known
	orderBad bool               // sections not in the order types, layout, strings
}

// FormatError is the one error of this package: what is wrong with a blob, and where.
type FormatError struct {
	ID  ID     // the type at fault; 0: the blob as a whole
	Off uint64 // byte offset in the blob
	Msg string
}

func (e *FormatError) Error() string {
	if e.ID == 0 {
		return fmt.Sprintf("btf+%#x: %s", e.Off, e.Msg)
	}
	return fmt.Sprintf("btf+%#x: type %d: %s", e.Off, e.ID, e.Msg)
}

// Big tells whether the blob is big-endian.
func (t *Table) Big() bool { return t.big }

// HeaderLen returns hdr_len in bytes.
func (t *Table) HeaderLen() int { return t.hdrLen }

// HasLayout tells whether the blob has a layout section of its own.
func (t *Table) HasLayout() bool { return len(t.layout) > 0 }

// Base returns the table this one is split against, or nil.
func (t *Table) Base() *Table { return t.base }

// FirstID returns the ID of the first own type: 1, or the base's NumIDs.
func (t *Table) FirstID() ID { return t.firstID }

// NumIDs returns the number of IDs in use, void and the base's types included; the
// own types are [FirstID, NumIDs).
func (t *Table) NumIDs() int { return int(t.firstID) + len(t.offs) }

// NumUnknown returns how many own types are of a kind that is not Known.
func (t *Table) NumUnknown() int { return t.unknown }

// Data returns the whole blob; it aliases the input.
func (t *Table) Data() []byte { return t.data }

// Types returns the own types section; it aliases the input.
func (t *Table) Types() []byte { return t.types }

// Layout returns the own layout section, nil without one; it aliases the input.
func (t *Table) Layout() []byte { return t.layout }

// Strings returns the own string section; it aliases the input. Its first byte has
// the string offset StrBase.
func (t *Table) Strings() []byte { return t.strs }

// StrBase returns the string offset of the first own string: 0, or the length of
// the strings of all bases.
func (t *Table) StrBase() StrOff { return t.strBase }

// StrEnd returns the first string offset past the own strings, where a blob split
// against this one starts.
func (t *Table) StrEnd() StrOff { return t.strBase + StrOff(len(t.strs)) }

// Str returns the string at an offset without its NUL, aliasing the input. Every
// offset that stands in a type is good; for another one from StrEnd on it panics.
func (t *Table) Str(off StrOff) []byte {
	for off < t.strBase {
		t = t.base
	}
	s := t.strs[off-t.strBase:]
	return s[:bytes.IndexByte(s, 0)]
}

// LookupStr is Str for an offset of any value: ok is false where there is no string.
func (t *Table) LookupStr(off StrOff) (s []byte, ok bool) {
	if off >= t.StrEnd() {
		return nil, false
	}
	return t.Str(off), true
}

// Name returns the name of a type, empty for void and anonymous ones, aliasing the
// input. The caller keeps id < NumIDs.
func (t *Table) Name(id ID) []byte { return t.Str(t.Type(id).Name) }

// Type returns a type by ID; 0 gives KindVoid. The caller keeps id < NumIDs.
func (t *Table) Type(id ID) Type {
	if id == 0 {
		return Type{}
	}
	for id < t.firstID {
		t = t.base
	}
	return t.own(int(id - t.firstID))
}

// own returns own type i.
func (t *Table) own(i int) Type { return decodeType(t.record(i), t.big) }

// record returns the bytes of own type i.
func (t *Table) record(i int) []byte {
	start, end := t.offs[i], uint32(len(t.types))
	if i+1 < len(t.offs) {
		end = t.offs[i+1]
	}
	return t.types[start:end:end]
}

// kindOf returns the kind of a record.
func kindOf(rec []byte, big bool) Kind { return Kind(getU32(rec[4:], big) >> 24 & maxKind) }

// Lookup is Type for an ID of any value: ok is false where there is no type.
func (t *Table) Lookup(id ID) (typ Type, ok bool) {
	if uint64(id) >= uint64(t.NumIDs()) {
		return Type{}, false
	}
	return t.Type(id), true
}

// Kind returns the kind of a type; it is cheaper than Type.
func (t *Table) Kind(id ID) Kind {
	if id == 0 {
		return KindVoid
	}
	for id < t.firstID {
		t = t.base
	}
	return Kind(getU32(t.types[t.offs[id-t.firstID]+4:], t.big) >> 24 & maxKind)
}

// longNames are the spellings under which compilers describe C's long, the type
// that has the size of a pointer (libbpf btf.c: determine_ptr_size).
var longNames = map[string]bool{
	"long": true, "long int": true, "int long": true,
	"unsigned long": true, "long unsigned": true,
	"unsigned long int": true, "unsigned int long": true, "long unsigned int": true,
	"long int unsigned": true, "int unsigned long": true, "int long unsigned": true,
}

// PointerSize returns the size of a pointer in bytes, 4 or 8, as told by the first
// INT that is a C long, in the lowest base that has one; 0 where nothing tells.
// BTF does not record it: the class of the ELF file, where there is one, knows better.
func (t *Table) PointerSize() int {
	if t.base != nil {
		if n := t.base.PointerSize(); n != 0 {
			return n
		}
	}
	for id := t.firstID; int(id) < t.NumIDs(); id++ {
		if t.Kind(id) != KindInt {
			continue
		}
		typ := t.Type(id)
		if (typ.SizeOrType == 4 || typ.SizeOrType == 8) && longNames[string(t.Str(typ.Name))] {
			return int(typ.SizeOrType)
		}
	}
	return 0
}

// Type is one decoded type record. It aliases the blob and is passed by value.
// The methods for one kind must not be called for another; an index must be below
// Vlen.
type Type struct {
	Name       StrOff
	SizeOrType uint32 // size in bytes, or the ID of the type referred to, by kind
	Vlen       uint32 // elements; linkage for a FUNC
	Kind       Kind
	Kflag      bool
	big        bool
	rec        []byte
}

func decodeType(rec []byte, big bool) Type {
	info := getU32(rec[4:], big)
	return Type{
		Name:       StrOff(getU32(rec, big)),
		SizeOrType: getU32(rec[8:], big),
		Vlen:       info & maxVlen,
		Kind:       Kind(info >> 24 & maxKind),
		Kflag:      info>>31 != 0,
		big:        big,
		rec:        rec,
	}
}

// Raw returns the whole record, aliasing the input; nil for void.
func (r Type) Raw() []byte { return r.rec }

// U32 returns the word at a byte offset from the start of the record.
func (r Type) U32(off int) uint32 { return getU32(r.rec[off:], r.big) }

// Ref returns SizeOrType as the ID it is for PTR, CONST, VOLATILE, RESTRICT,
// TYPEDEF, FUNC, FUNC_PROTO, VAR, DECL_TAG and TYPE_TAG.
func (r Type) Ref() ID { return ID(r.SizeOrType) }

// IDs returns where the type IDs of the record stand; read one with U32.
func (r Type) IDs() Fields { return IDFields(r.Kind, r.Vlen) }

// ElemNames returns where the names of the elements stand; read one with U32.
func (r Type) ElemNames() Fields { return ElemNameFields(r.Kind, r.Vlen) }

// IsModifier tells whether the type stands for another one with the same size and
// members: TYPEDEF, CONST, VOLATILE, RESTRICT, TYPE_TAG.
func (r Type) IsModifier() bool { return r.Kind.isModifier() }

func (k Kind) isModifier() bool {
	switch k {
	case KindTypedef, KindConst, KindVolatile, KindRestrict, KindTypeTag:
		return true
	}
	return false
}

// Member returns member i of a STRUCT or UNION: its offset in bits from the start
// of the type, and its size in bits if it is a bitfield of a kflag type, else 0.
func (r Type) Member(i int) (name StrOff, typ ID, offBits, bitfieldBits uint32) {
	m := r.rec[recordLen+12*i:]
	name, typ = StrOff(getU32(m, r.big)), ID(getU32(m[4:], r.big))
	offBits = getU32(m[8:], r.big)
	if r.Kflag {
		offBits, bitfieldBits = offBits&0xffffff, offBits>>24
	}
	return name, typ, offBits, bitfieldBits
}

// EnumValue returns value i of an ENUM or ENUM64, extended to 64 bits: if Kflag is
// set the value is signed and int64(value) is meant.
func (r Type) EnumValue(i int) (name StrOff, value uint64) {
	if r.Kind == KindEnum64 {
		v := r.rec[recordLen+12*i:]
		return StrOff(getU32(v, r.big)), uint64(getU32(v[8:], r.big))<<32 | uint64(getU32(v[4:], r.big))
	}
	v := r.rec[recordLen+8*i:]
	value = uint64(getU32(v[4:], r.big))
	if r.Kflag {
		value = uint64(int64(int32(value)))
	}
	return StrOff(getU32(v, r.big)), value
}

// Param returns parameter i of a FUNC_PROTO; a last one without name and type
// stands for "...".
func (r Type) Param(i int) (name StrOff, typ ID) {
	p := r.rec[recordLen+8*i:]
	return StrOff(getU32(p, r.big)), ID(getU32(p[4:], r.big))
}

// Array returns the element and index type of an ARRAY and its number of elements.
func (r Type) Array() (elem, index ID, nelems uint32) {
	return ID(r.U32(12)), ID(r.U32(16)), r.U32(20)
}

// Int returns the encoding of an INT (IntSigned and so on) and the place of its
// value within SizeOrType bytes, in bits.
func (r Type) Int() (enc, offBits, bits uint8) {
	v := r.U32(12)
	return uint8(v>>24) & 0xf, uint8(v >> 16), uint8(v)
}

// VarLinkage returns the linkage of a VAR.
func (r Type) VarLinkage() uint32 { return r.U32(12) }

// SecVar returns entry i of a DATASEC: the ID of a VAR, its offset from the start
// of the section and its size, in bytes.
func (r Type) SecVar(i int) (typ ID, off, size uint32) {
	v := r.rec[recordLen+12*i:]
	return ID(getU32(v, r.big)), getU32(v[4:], r.big), getU32(v[8:], r.big)
}

// ComponentIdx returns which member or parameter a DECL_TAG is on; -1: the whole.
func (r Type) ComponentIdx() int32 { return int32(r.U32(12)) }
