// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import "github.com/btfgen/btfgen/encode/internal/dwarf"

// What the walk does with a tag (dwarf.Abbrev.Act). The order is that of the switch in unit.go.
const (
	actNone = iota // nothing itself, but its children may hold types
	actJump        // neither it nor its children hold types
	actBase
	actPointer
	actConst
	actVolatile
	actRestrict
	actTypedef
	actStruct
	actUnion
	actEnum
	actArray
	actProto
	actMember
	actEnumerator
	actParam
	actVarargs
	actSubrange
	actSubprogram
	actVariable
	actInheritance
	actReference
	actPtrToMember
	actAtomic
	actUnspecified
	actString
	actUnit
	actAnnotation // from here on only the slow way
	actImportedUnit
	actFunction // a function that slow has dealt with; walker.child stands for it
	numActs
)

// What DIE the walk is inside of.
const (
	inNone   = iota // something whose own members do not matter
	inUnit          // directly in the unit
	inStruct        // struct, union or class
	inEnum
	inArray
	inProto    // function type, or function without a location
	inFunction // function with one
	inMember
	inParam
	inPointer
	inTypedef
	inVariable
)

const inAll = ^uint16(0)

// wantedIn[act] has bit p set if the act is to be done inside of p; elsewhere it is actNone.
// C spends half of its DIEs on parameters and variables of functions that nobody asks for.
var wantedIn = [numActs]uint16{
	actNone: inAll, actJump: inAll, actBase: inAll, actPointer: inAll, actConst: inAll, actVolatile: inAll,
	actRestrict: inAll, actTypedef: inAll, actStruct: inAll, actUnion: inAll, actEnum: inAll, actArray: inAll,
	actProto: inAll, actSubrange: inAll, actSubprogram: inAll, actReference: inAll, actPtrToMember: inAll,
	actAtomic: inAll, actUnspecified: inAll, actString: inAll, actUnit: inAll, actImportedUnit: inAll,
	actMember: 1 << inStruct, actInheritance: 1 << inStruct, actEnumerator: 1 << inEnum,
	actParam: 1<<inProto | 1<<inFunction, actVarargs: 1<<inProto | 1<<inFunction, actVariable: 1 << inUnit,
	actAnnotation: 1<<inStruct | 1<<inMember | 1<<inPointer | 1<<inTypedef | 1<<inVariable |
		1<<inProto | 1<<inFunction | 1<<inParam,
}

// The slots of the plan below.
const (
	slotName = iota
	slotType
	slotSize // byte size; data member location; value; upper bound
	slotMore // encoding; declaration; bit size; count
	slotBits // data bit offset
	slotSibling
)

// plan names the attributes that the walk reads by tag. One in Slow sends the DIE to the
// generic reader.
var plan = func() *dwarf.Plan {
	slots := func(a ...dwarf.Attr) (s [dwarf.NumSlots]dwarf.Attr) {
		copy(s[:], a)
		return s
	}
	const (
		name, typ, size = dwarf.AttrName, dwarf.AttrType, dwarf.AttrByteSize
	)
	ref := slots(0, typ)
	composite := dwarf.TagPlan{Slots: slots(name, 0, size, dwarf.AttrDeclaration),
		Slow: []dwarf.Attr{dwarf.AttrSpecification, dwarf.AttrSignature}}
	act := func(p dwarf.TagPlan, act uint8) dwarf.TagPlan {
		p.Act = act
		return p
	}
	jump := dwarf.TagPlan{Act: actJump, Slots: [dwarf.NumSlots]dwarf.Attr{slotSibling: dwarf.AttrSibling}}
	return dwarf.NewPlan(map[dwarf.Tag]dwarf.TagPlan{
		dwarf.TagCompileUnit:   {Act: actUnit},
		dwarf.TagPartialUnit:   {Act: actUnit},
		dwarf.TagTypeUnit:      {Act: actUnit},
		dwarf.TagSkeletonUnit:  {Act: actUnit},
		dwarf.TagImportedUnit:  {Act: actImportedUnit},
		dwarf.TagBaseType:      {Act: actBase, Slots: slots(name, 0, size, dwarf.AttrEncoding)},
		dwarf.TagPointerType:   {Act: actPointer, Slots: ref},
		dwarf.TagConstType:     {Act: actConst, Slots: ref},
		dwarf.TagVolatileType:  {Act: actVolatile, Slots: ref},
		dwarf.TagRestrictType:  {Act: actRestrict, Slots: ref},
		dwarf.TagTypedef:       {Act: actTypedef, Slots: slots(name, typ)},
		dwarf.TagStructType:    act(composite, actStruct),
		dwarf.TagClassType:     act(composite, actStruct),
		dwarf.TagInterfaceType: act(composite, actStruct),
		dwarf.TagUnionType:     act(composite, actUnion),
		dwarf.TagEnumerationType: {Act: actEnum, Slots: slots(name, typ, size, dwarf.AttrDeclaration),
			Slow: composite.Slow},
		dwarf.TagArrayType:      {Act: actArray, Slots: ref},
		dwarf.TagSubroutineType: {Act: actProto, Slots: ref},
		dwarf.TagMember: {Act: actMember, Slots: slots(name, typ, dwarf.AttrDataMemberLoc, dwarf.AttrBitSize, dwarf.AttrDataBitOffset),
			Slow: []dwarf.Attr{dwarf.AttrBitOffset, dwarf.AttrExternal, dwarf.AttrDeclaration}},
		dwarf.TagEnumerator: {Act: actEnumerator, Slots: slots(name, 0, dwarf.AttrConstValue)},
		dwarf.TagFormalParameter: {Act: actParam, Slots: slots(name, typ),
			Slow: []dwarf.Attr{dwarf.AttrAbstractOrigin, dwarf.AttrLocation, dwarf.AttrConstValue}},
		dwarf.TagUnspecifiedParams: {Act: actVarargs},
		dwarf.TagSubrangeType:      {Act: actSubrange, Slots: slots(0, typ, dwarf.AttrUpperBound, dwarf.AttrCount)},
		dwarf.TagSubprogram: {Act: actSubprogram, Slots: slots(name, typ, 0, dwarf.AttrDeclaration),
			Slow: []dwarf.Attr{dwarf.AttrLowpc, dwarf.AttrRanges, dwarf.AttrAbstractOrigin, dwarf.AttrSpecification, dwarf.AttrCalling}},
		dwarf.TagVariable: {Act: actVariable, Slots: slots(name, typ),
			Slow: []dwarf.Attr{dwarf.AttrLocation}},
		dwarf.TagInheritance:       {Act: actInheritance},
		dwarf.TagReferenceType:     {Act: actReference, Slots: ref},
		dwarf.TagRvalueReference:   {Act: actReference, Slots: ref},
		dwarf.TagPtrToMemberType:   {Act: actPtrToMember, Slots: slots(0, 0, size)},
		dwarf.TagAtomicType:        {Act: actAtomic, Slots: ref},
		dwarf.TagUnspecifiedType:   {Act: actUnspecified},
		dwarf.TagStringType:        {Act: actString, Slots: slots(0, 0, size)},
		dwarf.TagInlinedSubroutine: jump,
		dwarf.TagCallSite:          jump,
		dwarf.TagGNUCallSite:       jump,
		dwarf.TagLLVMAnnotation:    {Act: actAnnotation},
	})
}()
