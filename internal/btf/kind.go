// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

// Kind is the BTF kind of a type (include/uapi/linux/btf.h: BTF_KIND_*).
type Kind uint8

// The kinds up to Linux 7.3. Values above KindEnum64 are legal in a file whose
// layout section gives their size, see Table.
const (
	KindVoid Kind = iota
	KindInt
	KindPtr
	KindArray
	KindStruct
	KindUnion
	KindEnum
	KindFwd
	KindTypedef
	KindVolatile
	KindConst
	KindRestrict
	KindFunc
	KindFuncProto
	KindVar
	KindDatasec
	KindFloat
	KindDeclTag
	KindTypeTag
	KindEnum64

	numKinds = int(KindEnum64) + 1
)

// Sorts of types that a Table knows the members of, so that Base finds them without a look at the others.
const (
	sortNamed = iota // is found by its name, or the first in it: INT FLOAT STRUCT UNION ENUM ENUM64 FWD TYPEDEF
	sortRef          // only refers to others: PTR CONST VOLATILE RESTRICT TYPE_TAG ARRAY DECL_TAG FUNC_PROTO
	sortProto        // FUNC_PROTO
	sortArray        // ARRAY

	numSorts
)

// sortsOf has a bit for each sort that a kind is of.
var sortsOf = [numKinds]uint8{
	KindInt: 1 << sortNamed, KindFloat: 1 << sortNamed, KindStruct: 1 << sortNamed, KindUnion: 1 << sortNamed,
	KindEnum: 1 << sortNamed, KindEnum64: 1 << sortNamed, KindFwd: 1 << sortNamed, KindTypedef: 1 << sortNamed,
	KindPtr: 1 << sortRef, KindConst: 1 << sortRef, KindVolatile: 1 << sortRef, KindRestrict: 1 << sortRef,
	KindTypeTag: 1 << sortRef, KindDeclTag: 1 << sortRef,
	KindArray: 1<<sortRef | 1<<sortArray, KindFuncProto: 1<<sortRef | 1<<sortProto,
}

// ID is a type ID: 0 is void; in split BTF the own types follow those of the base.
type ID uint32

// StrOff is a string offset as it stands in a file: in split BTF the own strings
// follow those of the base.
type StrOff uint32

// Encoding of an INT (include/uapi/linux/btf.h: BTF_INT_*).
const (
	IntSigned uint8 = 1 << 0
	IntChar   uint8 = 1 << 1
	IntBool   uint8 = 1 << 2
)

// Linkage of a FUNC or VAR (include/uapi/linux/btf.h: enum btf_func_linkage, BTF_VAR_*).
const (
	LinkageStatic uint32 = 0
	LinkageGlobal uint32 = 1
	LinkageExtern uint32 = 2
)
