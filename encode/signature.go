// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

// Whether a function can be called, or traced, by its source prototype is decided in two
// steps. The first, here, looks at one DIE: do its parameters arrive where the calling
// convention says? The second compares all DIEs of a name and asks the symbol table.
//
//	static int f(int a, int b) { return b; }     // gcc -O2: f.isra.0, b in edi
//
// Parameter a has no location (optimized), and b arrives in the register of a (unexpected).
// The rules are those of pahole (dwarf_loader.c, btf_encoder.c), where the better mode
// differs, abi.compat is asked.

// The texts of a function's omission, as pahole -V prints them and its tests read them.
const (
	reasonUnexpected   = "unexpected register usage for parameter"
	reasonInconsistent = "inconsistet prototype"
	reasonUncertain    = "uncertain parameter location"
	reasonReordered    = "reordered parameters"
	reasonOptimized    = "optimized parameters"
	reasonAmbiguous    = "ambiguous address"

	mismatchParamCount = "param count mismatch; %d params != %d params"
	mismatchReturn     = "return type mismatch"
	mismatchParam      = "param type mismatch for param#%d %s != %s"
)

// groupMarks is what is known of all functions of a name together, when one of them, the
// canonical instance, has been chosen.
type groupMarks struct {
	unexpected    bool // any instance
	inconsistent  bool // prototypes differ
	uncertain     bool // any instance
	reordered     bool // any instance
	optimizedSkip bool // the canonical instance, see marks.optimizedSkip
	ambiguous     bool // see funcTable.ambiguous
}

// skipReason returns why the name is left out: the last reason that holds, or "" if none does.
func (g *groupMarks) skipReason(consistentFunc bool) string {
	switch {
	case g.ambiguous:
		return reasonAmbiguous
	case g.optimizedSkip:
		return reasonOptimized
	case g.reordered:
		return reasonReordered
	case g.uncertain:
		return reasonUncertain
	case g.inconsistent && consistentFunc:
		return reasonInconsistent
	case g.unexpected:
		return reasonUnexpected
	}
	return ""
}

// param is a formal parameter of a function to analyze. The first part is filled by the
// caller, the second by analyze and markDrops.
type param struct {
	paramFacts

	isStruct bool // the type is a struct, through const and typedef only
	packed   bool // the type is an inferred packed struct, see packedTypes.uncertain
	isFloat  bool // the type is a floating-point number; not needed for pahole's verdicts
	aligned2 bool // the type's alignment is twice an address's size or more; not needed for pahole's verdicts

	asMember bool // with true signatures: only the member paramFacts.member is passed
	drop     bool // with true signatures, or if the function is reordered: it is not passed
}

// funcFacts is what the DIE of a function says apart from its parameters.
type funcFacts struct {
	clang     bool // the unit's producer is clang
	inline    bool // DW_AT_inline is present
	nocall    bool // DW_AT_calling_convention is DW_CC_nocall, here or on the abstract origin
	reordered bool // a parameter's abstract origin stands at another place in its list
}

// marks are the verdicts on one function.
type marks struct {
	unexpected       bool // a parameter is in another register than the ABI says
	optimizedParms   bool // a parameter is not passed, or not as the source says
	uncertain        bool // a parameter on the stack stands where only the compiler knows
	reordered        bool // funcFacts.reordered
	movedReg         bool // such a parameter is in a register, and none is a struct
	signatureChanged bool // the compiler says that it changed the calling convention
}

// optimizedSkip tells whether this function cannot stand for its name: the symbol at its
// address has a suffix of GCC's or clang's changed copies, and a parameter is affected.
// optimizedSym tells about the suffix (symOptimized at the address).
func (m *marks) optimizedSkip(trueSignature, optimizedSym bool) bool {
	return !trueSignature && m.optimizedParms && (m.signatureChanged || optimizedSym)
}

// analyze compares the places of the parameters ps of one function with what the ABI says.
// It allocates nothing.
func (a *abi) analyze(f *funcFacts, trueSignature bool, ps []param) marks {
	m := marks{
		signatureChanged: f.clang && !f.inline && f.nocall,
		reordered:        f.reordered,
	}
	if f.clang && !m.signatureChanged {
		a.checkRegisters(ps)
	} else {
		w := argWalk{abi: a, ps: ps, clang: f.clang, truth: trueSignature && m.signatureChanged}
		for i := range ps {
			w.next(i)
		}
	}
	byValue := false
	for i := range ps {
		p := &ps[i]
		m.optimizedParms = m.optimizedParms || p.optimized || !p.hasLoc
		m.unexpected = m.unexpected || p.unexpected
		byValue = byValue || p.isStruct
		m.uncertain = m.uncertain || i >= a.numArgs && p.packed
	}
	// How structs are split over registers is not followed, so one makes the rest unsure.
	m.unexpected = m.unexpected && !byValue
	return m
}

// checkRegisters marks parameters that are in unexpected registers, for a function that
// clang says has the source's signature: unused parameters keep their registers.
func (a *abi) checkRegisters(ps []param) {
	if a.regs == nil && !a.compat {
		return // nothing to compare with
	}
	r := 0
	for i := range ps {
		p := &ps[i]
		if p.inMemory {
			continue
		}
		if n, ok := a.fpSlots(p); ok {
			r += n
			continue
		}
		if r >= a.numArgs {
			return
		}
		r += a.pairGap(p, r)
		n := a.slots(p.sizeBytes)
		if p.reg >= 0 && !a.inSlots(p.reg, r, n) {
			p.unexpected = true
		}
		r += n
	}
}

// inSlots tells whether reg is one of the argument registers r to r+n-1.
func (a *abi) inSlots(reg int16, r, n int) bool {
	for i := r; i < min(r+n, len(a.regs)); i++ {
		if int16(a.regs[i]) == reg {
			return true
		}
	}
	return false
}

// fpSlots returns how many argument registers a floating-point parameter uses up; ok is
// false if p is none, or if floating-point values are passed in the general registers.
func (a *abi) fpSlots(p *param) (n int, ok bool) {
	if a.fpLast == 0 || !(a.isFP(p.reg) || p.isFloat && p.reg < 0) {
		return 0, false
	}
	n = a.slots(p.sizeBytes)
	switch {
	case !p.isFloat && n > 1:
		return a.numArgs, true // some words may be in general registers: no verdict from here on
	case a.fpSlot:
		return n, true
	}
	return 0, true
}

// pairGap returns 1 if p, that would start at argument register r, leaves it empty.
func (a *abi) pairGap(p *param, r int) int {
	if a.evenPair && p.aligned2 {
		return r & 1
	}
	return 0
}

// argWalk follows the parameters of a function of GCC, or of clang with a changed signature
// (truth, if true signatures are asked for).
type argWalk struct {
	abi   *abi
	ps    []param
	r     int // next argument register
	clang bool
	truth bool
}

// next looks at parameter i and moves on by the registers that it takes.
func (w *argWalk) next(i int) {
	p, a := &w.ps[i], w.abi
	if n, ok := a.fpSlots(p); ok {
		p.optimized = p.optimized || w.gone(p)
		w.r += n
		return
	}
	w.r += a.pairGap(p, w.r)
	slots := a.slots(p.sizeBytes)
	width := slots
	if p.inMemory {
		width = 1
	}
	switch {
	case p.hasLoc:
		w.located(i, slots, width)
	case p.hasConst && !w.clang:
		p.optimized = true
		w.r += width
	case w.truth && w.r < a.numArgs && w.nextIsAt(i, w.r+slots):
		w.r += slots // unused, but passed
	case w.truth:
		p.optimized = true
	default:
		w.r += width
	}
}

// gone tells whether a parameter is certainly not passed, whatever its registers.
func (w *argWalk) gone(p *param) bool {
	if p.hasLoc {
		return w.truth && p.locConst
	}
	return w.truth || p.hasConst && !w.clang
}

// located is next for a parameter that has a location.
func (w *argWalk) located(i, slots, width int) {
	p, a := &w.ps[i], w.abi
	exp := a.arg(w.r)
	switch {
	case w.truth && p.locConst:
		p.optimized = true
		return
	case w.r >= a.numArgs:
		return
	case w.truth && p.locStack:
		if p.inMemory {
			return
		}
		p.unexpected = true
	case p.reg < 0 && w.truth:
		p.unexpected = true
	case p.reg < 0:
		p.optimized = true
	case exp >= 0 && exp != p.reg:
		p.unexpected = true
	case w.truth && p.mask1|p.mask2 != 0:
		switch {
		case p.mask1 != 0 && p.mask2 != 0:
			width = slots
		case w.nextIsAt(i, w.r+slots):
			p.member = 0 // it was passed whole
			width = slots
		case p.member != 0:
			p.asMember = true
			width = 1
		}
	}
	w.r += width
}

// nextIsAt tells whether the parameter behind i is in argument register r.
func (w *argWalk) nextIsAt(i, r int) bool {
	if i+1 >= len(w.ps) || r >= w.abi.numArgs {
		return false
	}
	exp := w.abi.arg(r)
	return exp >= 0 && w.ps[i+1].reg == exp
}

// markDrops marks the parameters that the function's binary signature does not have, and
// returns how many remain.
func markDrops(m *marks, trueSignature bool, ps []param) (kept int) {
	for i := range ps {
		p := &ps[i]
		p.drop = m.reordered && (!p.hasLoc || p.optimized) ||
			trueSignature && m.signatureChanged && p.optimized
		if !p.drop {
			kept++
		}
	}
	return kept
}

// typeLayout tells the packed inference about the types of one unit. Types are named by
// whatever 32-bit handle the implementation likes.
type typeLayout interface {
	// shape describes t behind its typedefs and qualifiers.
	shape(t uint32) typeShape
	// field describes data member i of a struct or union, in the order of the DIEs.
	field(aggregate uint32, i int) typeField
}

type shapeKind uint8

const (
	shapeOther   shapeKind = iota // no alignment of its own
	shapeScalar                   // base type or enumeration
	shapePointer                  // pointer or reference
	shapeArray
	shapeStruct // struct or class
	shapeUnion
)

type typeShape struct {
	id        uint32 // the type's handle, once typedefs and qualifiers are gone
	kind      shapeKind
	direct    bool   // nothing had to be stripped
	named     bool   // it has a name
	sizeBytes uint64 // scalars, structs, unions
	elem      uint32 // arrays: handle of the element type
	fields    int    // structs, unions: number of data members
}

type typeField struct {
	typ       uint32
	offBytes  uint64 // from the start of the aggregate; of a bitfield, the byte of its first bit
	sizeBytes uint64 // bytes that it occupies, for a bitfield those that its bits touch
	bitfield  bool
}

// packedTypes infers which structs were declared packed, since DWARF does not say. It keeps
// its answers, so it serves one unit only; not safe for concurrent use.
type packedTypes struct {
	types    typeLayout
	addrSize uint64
	compat   bool
	aligns   map[uint32]uint64 // natural alignment of a struct or union
	packed   map[uint32]bool
}

// maxAlignDepth bounds the recursion through types nested by value.
const maxAlignDepth = 256

// reset makes it ready for the types of a unit, keeping its memory.
func (pt *packedTypes) reset(types typeLayout, a *abi) {
	pt.types, pt.addrSize, pt.compat = types, a.addrSize, a.compat
	if pt.aligns == nil {
		pt.aligns, pt.packed = make(map[uint32]uint64), make(map[uint32]bool)
	}
	clear(pt.aligns)
	clear(pt.packed)
}

// uncertain tells whether nobody but the compiler knows where a parameter of type t lies
// once it is on the stack. pahole asks only for a struct with a name that is the parameter's
// type without a typedef or qualifier (BETTER-22).
func (pt *packedTypes) uncertain(t uint32) bool {
	s := pt.types.shape(t)
	switch {
	case s.kind != shapeStruct && s.kind != shapeUnion:
		return false
	case pt.compat && (s.kind != shapeStruct || !s.direct || !s.named):
		return false
	}
	return pt.infer(&s)
}

// infer tells whether the struct or union s looks packed: it has no hole, and a member or its
// size is not aligned as the members' types are by nature.
func (pt *packedTypes) infer(s *typeShape) bool {
	if packed, done := pt.packed[s.id]; done {
		return packed
	}
	if s.kind == shapeStruct && pt.hasHole(s) {
		pt.packed[s.id] = false
		if pt.compat {
			pt.markMisplaced(s)
		}
		return pt.packed[s.id]
	}
	packed, largest := false, uint64(1)
	for i := 0; i < s.fields && !packed; i++ {
		f := pt.types.field(s.id, i)
		align := pt.align(f.typ, 0)
		largest = max(largest, align)
		packed = !f.bitfield && f.offBytes%align != 0
	}
	packed = packed || s.sizeBytes%largest != 0
	pt.packed[s.id] = packed
	return packed
}

// hasHole tells whether bytes of the struct s belong to no member.
func (pt *packedTypes) hasHole(s *typeShape) bool {
	end := uint64(0)
	for i := range s.fields {
		f := pt.types.field(s.id, i)
		if f.offBytes > end {
			return true
		}
		end = max(end, f.offBytes+f.sizeBytes)
	}
	return s.sizeBytes > end
}

// markMisplaced marks member structs that stand at unaligned offsets of a struct with holes:
// pahole takes them to be the packed ones.
func (pt *packedTypes) markMisplaced(s *typeShape) {
	for i := range s.fields {
		f := pt.types.field(s.id, i)
		if m := pt.types.shape(f.typ); m.kind == shapeStruct && f.offBytes%pt.align(f.typ, 0) != 0 {
			pt.packed[m.id] = true
		}
	}
}

// naturalAlign returns the alignment in bytes, at least 1, that a type has by nature: what its
// size or its largest member asks for. Attributes of the declaration are not looked at.
func (pt *packedTypes) naturalAlign(t uint32) uint64 { return pt.align(t, 0) }

func (pt *packedTypes) align(t uint32, depth int) uint64 {
	if depth > maxAlignDepth {
		return 1
	}
	s := pt.types.shape(t)
	switch s.kind {
	case shapePointer:
		return pt.addrSize
	case shapeScalar:
		return max(s.sizeBytes, 1)
	case shapeArray:
		return pt.align(s.elem, depth+1)
	case shapeStruct, shapeUnion:
	default:
		return 1
	}
	if align, done := pt.aligns[s.id]; done {
		return align
	}
	pt.aligns[s.id] = 1 // ends the recursion of a struct that contains itself
	align := uint64(1)
	for i := range s.fields {
		align = max(align, pt.align(pt.types.field(s.id, i).typ, depth+1))
	}
	pt.aligns[s.id] = align
	return align
}
