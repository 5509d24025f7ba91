// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

import "debug/dwarf"

// Tag and Attr are those of the standard library, so that callers need one import.
type (
	Tag  = dwarf.Tag
	Attr = dwarf.Attr
)

// Tags (DWARF 5, table 7.3) that the encoder names.
const (
	TagArrayType         = dwarf.TagArrayType
	TagClassType         = dwarf.TagClassType
	TagEnumerationType   = dwarf.TagEnumerationType
	TagFormalParameter   = dwarf.TagFormalParameter
	TagImportedUnit      = dwarf.TagImportedUnit
	TagLexDwarfBlock     = dwarf.TagLexDwarfBlock
	TagMember            = dwarf.TagMember
	TagPointerType       = dwarf.TagPointerType
	TagReferenceType     = dwarf.TagReferenceType
	TagCompileUnit       = dwarf.TagCompileUnit
	TagStringType        = dwarf.TagStringType
	TagStructType        = dwarf.TagStructType
	TagSubroutineType    = dwarf.TagSubroutineType
	TagTypedef           = dwarf.TagTypedef
	TagUnionType         = dwarf.TagUnionType
	TagUnspecifiedParams = dwarf.TagUnspecifiedParameters
	TagInheritance       = dwarf.TagInheritance
	TagInlinedSubroutine = dwarf.TagInlinedSubroutine
	TagLabel             = dwarf.TagLabel
	TagPtrToMemberType   = dwarf.TagPtrToMemberType
	TagSubrangeType      = dwarf.TagSubrangeType
	TagBaseType          = dwarf.TagBaseType
	TagConstType         = dwarf.TagConstType
	TagEnumerator        = dwarf.TagEnumerator
	TagSubprogram        = dwarf.TagSubprogram
	TagVariable          = dwarf.TagVariable
	TagVolatileType      = dwarf.TagVolatileType
	TagRestrictType      = dwarf.TagRestrictType
	TagInterfaceType     = dwarf.TagInterfaceType
	TagUnspecifiedType   = dwarf.TagUnspecifiedType
	TagPartialUnit       = dwarf.TagPartialUnit
	TagRvalueReference   = dwarf.TagRvalueReferenceType
	TagTypeUnit          = dwarf.TagTypeUnit
	TagAtomicType        = dwarf.TagAtomicType
	TagCallSite          = dwarf.TagCallSite
	TagSkeletonUnit      = dwarf.TagSkeletonUnit
	TagGNUCallSite       = Tag(0x4109)
	TagLLVMAnnotation    = Tag(0x6000)
	TagGNUAnnotation     = Tag(0x6001)
)

// Attributes (DWARF 5, table 7.5) that the encoder names.
const (
	AttrSibling         = dwarf.AttrSibling
	AttrLocation        = dwarf.AttrLocation
	AttrName            = dwarf.AttrName
	AttrByteSize        = dwarf.AttrByteSize
	AttrBitOffset       = dwarf.AttrBitOffset
	AttrBitSize         = dwarf.AttrBitSize
	AttrLowpc           = dwarf.AttrLowpc
	AttrLanguage        = dwarf.AttrLanguage
	AttrImport          = dwarf.AttrImport
	AttrConstValue      = dwarf.AttrConstValue
	AttrInline          = dwarf.AttrInline
	AttrProducer        = dwarf.AttrProducer
	AttrUpperBound      = dwarf.AttrUpperBound
	AttrAbstractOrigin  = dwarf.AttrAbstractOrigin
	AttrArtificial      = dwarf.AttrArtificial
	AttrCalling         = dwarf.AttrCalling
	AttrCount           = dwarf.AttrCount
	AttrDataMemberLoc   = dwarf.AttrDataMemberLoc
	AttrDeclaration     = dwarf.AttrDeclaration
	AttrEncoding        = dwarf.AttrEncoding
	AttrExternal        = dwarf.AttrExternal
	AttrSpecification   = dwarf.AttrSpecification
	AttrType            = dwarf.AttrType
	AttrRanges          = dwarf.AttrRanges
	AttrSignature       = dwarf.AttrSignature
	AttrDataBitOffset   = dwarf.AttrDataBitOffset
	AttrStrOffsetsBase  = dwarf.AttrStrOffsetsBase
	AttrAddrBase        = dwarf.AttrAddrBase
	AttrRnglistsBase    = dwarf.AttrRnglistsBase
	AttrLoclistsBase    = dwarf.AttrLoclistsBase
	AttrGNUAnnotation   = Attr(0x2139)
	AttrGNUDwoName      = Attr(0x2130)
	AttrStrOffsetsBase4 = Attr(0x2131)
)

// Encodings of base types (DWARF 5, table 7.11).
const (
	EncAddress        = 0x01
	EncBoolean        = 0x02
	EncComplexFloat   = 0x03
	EncFloat          = 0x04
	EncSigned         = 0x05
	EncSignedChar     = 0x06
	EncImaginaryFloat = 0x09
)

// Unit types (DWARF 5, table 7.2). Units of DWARF 2 to 4 count as UnitCompile.
const (
	UnitCompile  = 0x01
	UnitType     = 0x02
	UnitPartial  = 0x03
	UnitSkeleton = 0x04
	UnitSplit    = 0x05
	UnitSplType  = 0x06
)

// Form is the encoding of an attribute's value (DWARF 5, table 7.6).
type Form uint16

// Forms of DWARF 2 to 5 and GNU's for alternate debug files.
const (
	FormAddr          Form = 0x01
	FormBlock2        Form = 0x03
	FormBlock4        Form = 0x04
	FormData2         Form = 0x05
	FormData4         Form = 0x06
	FormData8         Form = 0x07
	FormString        Form = 0x08
	FormBlock         Form = 0x09
	FormBlock1        Form = 0x0a
	FormData1         Form = 0x0b
	FormFlag          Form = 0x0c
	FormSdata         Form = 0x0d
	FormStrp          Form = 0x0e
	FormUdata         Form = 0x0f
	FormRefAddr       Form = 0x10
	FormRef1          Form = 0x11
	FormRef2          Form = 0x12
	FormRef4          Form = 0x13
	FormRef8          Form = 0x14
	FormRefUdata      Form = 0x15
	FormIndirect      Form = 0x16
	FormSecOffset     Form = 0x17
	FormExprloc       Form = 0x18
	FormFlagPresent   Form = 0x19
	FormStrx          Form = 0x1a
	FormAddrx         Form = 0x1b
	FormRefSup4       Form = 0x1c
	FormStrpSup       Form = 0x1d
	FormData16        Form = 0x1e
	FormLineStrp      Form = 0x1f
	FormRefSig8       Form = 0x20
	FormImplicitConst Form = 0x21
	FormLoclistx      Form = 0x22
	FormRnglistx      Form = 0x23
	FormRefSup8       Form = 0x24
	FormStrx1         Form = 0x25
	FormStrx2         Form = 0x26
	FormStrx3         Form = 0x27
	FormStrx4         Form = 0x28
	FormAddrx1        Form = 0x29
	FormAddrx2        Form = 0x2a
	FormAddrx3        Form = 0x2b
	FormAddrx4        Form = 0x2c
	FormGNUAddrIndex  Form = 0x1f01
	FormGNUStrIndex   Form = 0x1f02
	FormGNURefAlt     Form = 0x1f20
	FormGNUStrpAlt    Form = 0x1f21
)
