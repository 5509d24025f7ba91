// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"encoding/binary"
	"strconv"
)

const (
	recordLen       = 12  // bytes of the record every type begins with (struct btf_type)
	layoutRecordLen = 4   // bytes of a layout record: info_sz, elem_sz, u16 flags
	maxKind         = 127 // 7 bits since 2026; 5 before
	maxVlen         = 1<<24 - 1
)

// shape says how the record of one kind is built: the common 12 bytes, info bytes,
// then vlen elements of elem bytes. Every field of a known kind is one u32.
//
// The ID fields of each kind lie in an arithmetic sequence, FUNC_PROTO included
// (return type at 8, parameters at 16, 24, ...); that is what id* describe.
type shape struct {
	name    string
	info    uint8 // bytes
	elem    uint8 // bytes
	idPos   uint8 // offset of the first ID field from the start of the record
	idStep  uint8 // bytes from one ID field to the next
	idFixed uint8 // ID fields outside the elements
	idElem  bool  // each element has one ID field
	names   bool  // each element starts with a name
	sized   bool  // the third word is a size in bytes
}

// shapes is the one description of the kinds (include/uapi/linux/btf.h); the size
// of a type, its fields, the layout section and the byte swap all follow from it.
var shapes = [numKinds]shape{
	KindVoid:      {name: "VOID"},
	KindInt:       {name: "INT", info: 4, sized: true},
	KindPtr:       {name: "PTR", idPos: 8, idStep: 4, idFixed: 1},
	KindArray:     {name: "ARRAY", info: 12, idPos: 12, idStep: 4, idFixed: 2},
	KindStruct:    {name: "STRUCT", elem: 12, idPos: 16, idStep: 12, idElem: true, names: true, sized: true},
	KindUnion:     {name: "UNION", elem: 12, idPos: 16, idStep: 12, idElem: true, names: true, sized: true},
	KindEnum:      {name: "ENUM", elem: 8, names: true, sized: true},
	KindFwd:       {name: "FWD", idPos: 8, idStep: 4, idFixed: 1},
	KindTypedef:   {name: "TYPEDEF", idPos: 8, idStep: 4, idFixed: 1},
	KindVolatile:  {name: "VOLATILE", idPos: 8, idStep: 4, idFixed: 1},
	KindConst:     {name: "CONST", idPos: 8, idStep: 4, idFixed: 1},
	KindRestrict:  {name: "RESTRICT", idPos: 8, idStep: 4, idFixed: 1},
	KindFunc:      {name: "FUNC", idPos: 8, idStep: 4, idFixed: 1},
	KindFuncProto: {name: "FUNC_PROTO", elem: 8, idPos: 8, idStep: 8, idFixed: 1, idElem: true, names: true},
	KindVar:       {name: "VAR", info: 4, idPos: 8, idStep: 4, idFixed: 1},
	KindDatasec:   {name: "DATASEC", elem: 12, idPos: 12, idStep: 12, idElem: true, sized: true},
	KindFloat:     {name: "FLOAT", sized: true},
	KindDeclTag:   {name: "DECL_TAG", info: 4, idPos: 8, idStep: 4, idFixed: 1},
	KindTypeTag:   {name: "TYPE_TAG", idPos: 8, idStep: 4, idFixed: 1},
	KindEnum64:    {name: "ENUM64", elem: 12, names: true, sized: true},
}

// String returns the name after BTF_KIND_, or "KIND20" for a kind this package
// knows only by its layout.
func (k Kind) String() string {
	if k.Known() {
		return shapes[k].name
	}
	return "KIND" + strconv.Itoa(int(k))
}

// Known tells whether the fields of the kind are known; if not, its types are
// opaque: they can be read, found by name and written as they are, nothing else.
func (k Kind) Known() bool { return int(k) < numKinds }

// Fields gives the byte offsets, from the start of a record, of its fields of one
// sort: Pos, Pos+Step, ..., N of them.
type Fields struct {
	Pos  int
	Step int
	N    int
}

// At returns the byte offset of field i, i < N.
func (f Fields) At(i int) int { return f.Pos + i*f.Step }

// IDFields returns where the type IDs of a record stand, in the order in which
// libbpf visits them. The zero type word of a FWD is one of them. An unknown kind
// has none, for want of knowing them.
func IDFields(k Kind, vlen uint32) Fields {
	if !k.Known() {
		return Fields{}
	}
	s := &shapes[k]
	n := int(s.idFixed)
	if s.idElem {
		n += int(vlen)
	}
	return Fields{int(s.idPos), int(s.idStep), n}
}

// ElemNameFields returns where the names of the members, enumerators or parameters
// of a record stand. The name of the type itself comes before them, at offset 0.
func ElemNameFields(k Kind, vlen uint32) Fields {
	if !k.Known() || !shapes[k].names {
		return Fields{}
	}
	return Fields{recordLen, int(shapes[k].elem), int(vlen)}
}

// RecordSize returns the whole length in bytes of a record of a known kind.
func RecordSize(k Kind, vlen uint32) int {
	s := &shapes[k]
	return recordLen + int(s.info) + int(s.elem)*int(vlen)
}

// LayoutSection returns the layout section for the kinds this package knows: 20
// records of 4 bytes, indexed by kind. A reader uses it to step over kinds it does
// not know. The flags are reserved, hence nothing depends on the byte order yet.
func LayoutSection(big bool) []byte {
	b := make([]byte, numKinds*layoutRecordLen)
	for k, s := range shapes {
		r := b[k*layoutRecordLen:]
		r[0], r[1] = s.info, s.elem
		PutU16(r[2:], big, 0)
	}
	return b
}

// PutU16 writes v in the given byte order.
func PutU16(b []byte, big bool, v uint16) {
	if big {
		binary.BigEndian.PutUint16(b, v)
	} else {
		binary.LittleEndian.PutUint16(b, v)
	}
}

// PutU32 writes v in the given byte order.
func PutU32(b []byte, big bool, v uint32) {
	if big {
		binary.BigEndian.PutUint32(b, v)
	} else {
		binary.LittleEndian.PutUint32(b, v)
	}
}

// PutRecord writes the 12 bytes every type begins with. The caller keeps
// kind <= 127 and vlen <= 0xffffff, and writes what follows (RecordSize).
func PutRecord(b []byte, big bool, name StrOff, kind Kind, kflag bool, vlen, sizeOrType uint32) {
	info := uint32(kind)<<24 | vlen
	if kflag {
		info |= 1 << 31
	}
	_ = b[recordLen-1]
	PutU32(b, big, uint32(name))
	PutU32(b[4:], big, info)
	PutU32(b[8:], big, sizeOrType)
}

func getU16(b []byte, big bool) uint16 {
	if big {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

func getU32(b []byte, big bool) uint32 {
	if big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}
