// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"debug/elf"
	"strings"
	"testing"
)

// Parameters of size bytes for tests.
func inReg(reg int16, size uint64) param {
	return param{paramFacts: paramFacts{reg: reg, sizeBytes: size, hasLoc: true}}
}
func absent(size uint64) param { return param{paramFacts: paramFacts{reg: -1, sizeBytes: size}} }
func somewhere(size uint64) param {
	p := absent(size)
	p.hasLoc = true
	return p
}
func onStack(size uint64) param {
	p := somewhere(size)
	p.locStack = true
	return p
}
func constLoc(size uint64) param {
	p := somewhere(size)
	p.locConst = true
	return p
}
func constValue(size uint64) param {
	p := absent(size)
	p.hasConst = true
	return p
}
func pieces(p param, mask1, mask2 uint64, member uint32) param {
	p.mask1, p.mask2, p.member = mask1, mask2, member
	return p
}
func float(p param) param    { p.isFloat = true; return p }
func aligned(p param) param  { p.aligned2 = true; return p }
func structed(p param) param { p.isStruct = true; return p }
func packed(p param) param   { p.packed = true; return p }

// verdicts writes what the analysis said of each parameter: u(nexpected), o(ptimized), m(ember), d(ropped).
func verdicts(ps []param) string {
	var b strings.Builder
	for i := range ps {
		if i > 0 {
			b.WriteByte(' ')
		}
		p := &ps[i]
		start := b.Len()
		for _, v := range []struct {
			c  byte
			on bool
		}{{'u', p.unexpected}, {'o', p.optimized}, {'m', p.asMember}, {'d', p.drop}} {
			if v.on {
				b.WriteByte(v.c)
			}
		}
		if b.Len() == start {
			b.WriteByte('-')
		}
	}
	return b.String()
}

// flagsOf writes the marks of a function.
func flagsOf(m marks) string {
	var s []string
	for _, v := range []struct {
		name string
		on   bool
	}{
		{"unexpected", m.unexpected}, {"optimized", m.optimizedParms}, {"uncertain", m.uncertain},
		{"reordered", m.reordered}, {"changed", m.signatureChanged},
	} {
		if v.on {
			s = append(s, v.name)
		}
	}
	return strings.Join(s, " ")
}

type analyzeTest struct {
	name    string
	machine elf.Machine // 0: x86-64
	compat  bool
	facts   funcFacts
	truth   bool // feature true_signature
	ps      []param
	want    string // verdicts, with the drops
	marks   string
}

func (tt *analyzeTest) run(t *testing.T) {
	machine, addrSize := tt.machine, uint8(8)
	switch machine {
	case 0:
		machine = elf.EM_X86_64
	case elf.EM_ARM, elf.EM_386, elf.EM_PPC:
		addrSize = 4
	}
	a := abiFor(machine, addrSize, tt.compat)
	for i := range tt.ps {
		tt.ps[i].inMemory = a.inMemory(tt.ps[i].sizeBytes)
	}
	m := a.analyze(&tt.facts, tt.truth, tt.ps)
	kept := markDrops(&m, tt.truth, tt.ps)
	got := verdicts(tt.ps)
	if got != tt.want || flagsOf(m) != tt.marks {
		t.Errorf("got %q, %q, want %q, %q", got, flagsOf(m), tt.want, tt.marks)
	}
	if n := len(tt.ps) - strings.Count(got, "d"); kept != n {
		t.Errorf("%d parameters kept, verdicts say %d", kept, n)
	}
}

// Mode C: clang, signature not changed.
func TestAnalyzeClang(t *testing.T) {
	clang := funcFacts{clang: true}
	tests := []analyzeTest{
		{name: "as the ABI says", facts: clang, ps: []param{inReg(5, 8), inReg(4, 4), inReg(1, 8)}, want: "- - -"},
		{name: "unused parameters keep their registers", facts: clang, ps: []param{absent(8), inReg(4, 8)}, want: "- -", marks: "optimized"},
		{name: "another register", facts: clang, ps: []param{inReg(4, 8)}, want: "u", marks: "unexpected"},
		{name: "second register of an aggregate", facts: clang, ps: []param{inReg(4, 16), inReg(1, 8)}, want: "- -"},
		{name: "beyond an aggregate", facts: clang, ps: []param{inReg(1, 16)}, want: "u", marks: "unexpected"},
		{name: "values in memory take no register", facts: clang, ps: []param{onStack(24), inReg(5, 8)}, want: "- -"},
		{name: "behind the registers anything goes", facts: clang,
			ps:   []param{inReg(5, 8), inReg(4, 8), inReg(1, 8), inReg(2, 8), inReg(8, 8), inReg(9, 8), inReg(3, 8)},
			want: "- - - - - - -"},
		{name: "structs excuse it", facts: clang, ps: []param{inReg(3, 8), structed(inReg(4, 8))}, want: "u -"},
		{name: "nocall on an inlined function counts for nothing", facts: funcFacts{clang: true, inline: true, nocall: true},
			ps: []param{inReg(4, 8)}, want: "u", marks: "unexpected"},
		{name: "constants are not looked at", facts: clang, ps: []param{constLoc(8), constValue(8), inReg(1, 8)}, want: "- - -", marks: "optimized"},

		{name: "s390x: one register each", machine: elf.EM_S390, facts: clang, ps: []param{inReg(2, 8), inReg(3, 8)}, want: "- -"},
		{name: "pahole has no registers for ppc64", machine: elf.EM_PPC64, compat: true, facts: clang, ps: []param{inReg(3, 8)}, want: "u", marks: "unexpected"},
		{name: "pahole, ppc64, without registers", machine: elf.EM_PPC64, compat: true, facts: clang, ps: []param{somewhere(8)}, want: "-"},
		{name: "pahole, i386", machine: elf.EM_386, compat: true, facts: clang, ps: []param{inReg(3, 4)}, want: "-"},
		{name: "ppc64", machine: elf.EM_PPC64, facts: clang, ps: []param{inReg(3, 8), inReg(5, 8)}, want: "- u", marks: "unexpected"},
		{name: "riscv", machine: elf.EM_RISCV, facts: clang, ps: []param{inReg(10, 8), inReg(11, 8)}, want: "- -"},
		{name: "sparc: no verdict", machine: elf.EM_SPARCV9, facts: clang, ps: []param{inReg(3, 8)}, want: "-"},

		{name: "pahole takes an FP register for an unexpected one", compat: true, facts: clang, ps: []param{inReg(17, 8), inReg(5, 8)}, want: "u u", marks: "unexpected"},
		{name: "FP registers", facts: clang, ps: []param{inReg(17, 8), inReg(5, 8), inReg(18, 4)}, want: "- - -"},
		{name: "unused FP parameter", facts: clang, ps: []param{float(absent(8)), inReg(5, 8)}, want: "- -", marks: "optimized"},
		{name: "FP aggregate: no verdict behind it", facts: clang, ps: []param{inReg(17, 16), inReg(4, 8)}, want: "- -"},
		{name: "FP parameter takes a slot on ppc64", machine: elf.EM_PPC64, facts: clang, ps: []param{inReg(33, 8), inReg(4, 8)}, want: "- -"},
		{name: "soft float on arm", machine: elf.EM_ARM, facts: clang, ps: []param{float(inReg(0, 4)), inReg(1, 4)}, want: "- -"},
		{name: "even pair on arm", machine: elf.EM_ARM, facts: clang, ps: []param{inReg(0, 4), aligned(inReg(2, 8))}, want: "- -"},
		{name: "unaligned pair on arm", machine: elf.EM_ARM, facts: clang, ps: []param{inReg(0, 4), inReg(3, 8)}, want: "- u", marks: "unexpected"},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}

// Mode G: gcc, or clang with a changed signature.
func TestAnalyzeGCC(t *testing.T) {
	all6 := func(more ...param) []param {
		return append([]param{inReg(5, 8), inReg(4, 8), inReg(1, 8), inReg(2, 8), inReg(8, 8), inReg(9, 8)}, more...)
	}
	tests := []analyzeTest{
		{name: "no parameters"},
		{name: "as the ABI says", ps: all6(), want: "- - - - - -"},
		{name: "seventh on the stack", ps: all6(onStack(8)), want: "- - - - - - -"},
		{name: "not free: nothing is said", ps: all6(inReg(3, 8), constLoc(8)), want: "- - - - - - - -"},
		{name: "another register", ps: []param{inReg(4, 8)}, want: "u", marks: "unexpected"},
		{name: "isra: the first is gone", ps: []param{absent(8), inReg(5, 8)}, want: "- u", marks: "unexpected optimized"},
		{name: "register not known", ps: []param{onStack(8), inReg(4, 8)}, want: "o -", marks: "optimized"},
		{name: "constant location", ps: []param{constLoc(8), inReg(4, 8)}, want: "o -", marks: "optimized"},
		{name: "constant value", ps: []param{constValue(4), inReg(4, 8)}, want: "o -", marks: "optimized"},
		{name: "no location keeps its register", ps: []param{absent(8), inReg(4, 8)}, want: "- -", marks: "optimized"},
		{name: "aggregate takes two", ps: []param{inReg(5, 16), inReg(1, 8)}, want: "- -"},
		{name: "what is in memory takes one", ps: []param{somewhere(24), inReg(4, 8)}, want: "o -", marks: "optimized"},
		{name: "s390x: large value by reference", machine: elf.EM_S390, ps: []param{inReg(2, 16), inReg(3, 8)}, want: "- -"},
		{name: "no table, no verdict", machine: elf.EM_ARC, compat: true, ps: []param{inReg(3, 8)}, want: "-"},
		{name: "pahole, loongarch: no registers at all", machine: elf.EM_LOONGARCH, compat: true, ps: []param{inReg(9, 8)}, want: "-"},
		{name: "loongarch", machine: elf.EM_LOONGARCH, ps: []param{inReg(4, 8), inReg(6, 8)}, want: "- u", marks: "unexpected"},
		{name: "i386 in the kernel", machine: elf.EM_386, ps: []param{inReg(0, 4), inReg(2, 4), inReg(1, 4), onStack(4)}, want: "- - - -"},
		{name: "i386, 64-bit number in eax:edx", machine: elf.EM_386, ps: []param{inReg(0, 8), inReg(1, 4)}, want: "- -"},
		{name: "structs excuse it", ps: []param{structed(inReg(4, 8))}, want: "u"},
		{name: "gcc does not know nocall", facts: funcFacts{nocall: true}, truth: true, ps: []param{absent(8)}, want: "-", marks: "optimized"},

		{name: "pahole takes an FP register for an unexpected one", compat: true, ps: []param{inReg(17, 8), inReg(5, 8)}, want: "u u", marks: "unexpected"},
		{name: "FP registers", ps: []param{inReg(17, 8), inReg(5, 8)}, want: "- -"},
		{name: "constant FP value", ps: []param{float(constValue(8)), inReg(5, 8)}, want: "o -", marks: "optimized"},
		{name: "long double on the stack", ps: []param{float(onStack(16)), inReg(5, 8)}, want: "- -"},
		{name: "even pair on aarch64", machine: elf.EM_AARCH64, ps: []param{inReg(0, 8), aligned(inReg(2, 16)), inReg(4, 8)}, want: "- - -"},
		{name: "pahole, aarch64: no pairs", machine: elf.EM_AARCH64, compat: true, ps: []param{inReg(0, 8), aligned(inReg(2, 16)), inReg(3, 8)}, want: "- u -", marks: "unexpected"},

		{name: "reordered: what is not passed goes", facts: funcFacts{reordered: true},
			ps: []param{inReg(5, 8), absent(8), constLoc(8)}, want: "- d od", marks: "optimized reordered"},
		{name: "packed struct behind the registers", ps: all6(packed(onStack(8))), want: "- - - - - - -", marks: "uncertain"},
		{name: "packed struct in registers", ps: []param{packed(structed(inReg(5, 8)))}, want: "-"},
		{name: "pahole, i386: a packed struct anywhere", machine: elf.EM_386, compat: true, ps: []param{packed(onStack(4))}, want: "-", marks: "uncertain"},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}

// Mode G with true signatures of clang functions whose signature is changed.
func TestAnalyzeTrueSignature(t *testing.T) {
	changed := funcFacts{clang: true, nocall: true}
	tests := []analyzeTest{
		{name: "constant location", ps: []param{constLoc(8), inReg(5, 8)}, want: "od -", marks: "optimized changed"},
		{name: "dead scalar", ps: []param{absent(8), inReg(5, 8)}, want: "od -", marks: "optimized changed"},
		{name: "unused but passed", ps: []param{absent(8), inReg(4, 8)}, want: "- -", marks: "optimized changed"},
		{name: "clang's constants are as good as dead", ps: []param{constValue(8), inReg(5, 8)}, want: "od -", marks: "optimized changed"},
		{name: "last one dead", ps: []param{inReg(5, 8), absent(8)}, want: "- od", marks: "optimized changed"},
		{name: "on the stack too early", ps: []param{onStack(8)}, want: "u", marks: "unexpected changed"},
		{name: "union in memory", ps: []param{onStack(24), inReg(5, 8), absent(8)}, want: "- - od", marks: "optimized changed"},
		{name: "register not known", ps: []param{somewhere(8)}, want: "u", marks: "unexpected changed"},
		{name: "another register", ps: []param{inReg(1, 8)}, want: "u", marks: "unexpected changed"},
		{name: "both words", ps: []param{pieces(inReg(5, 16), 1, 1, 7), inReg(1, 8)}, want: "- -", marks: "changed"},
		{name: "one member", ps: []param{pieces(inReg(5, 16), 1, 0, 7), inReg(4, 8)}, want: "m -", marks: "changed"},
		{name: "one word, but the next one shows that both came", ps: []param{pieces(inReg(5, 16), 1, 0, 7), inReg(1, 8)}, want: "- -", marks: "changed"},
		{name: "one word of no member", ps: []param{pieces(inReg(5, 16), 1, 0, 0), inReg(1, 8)}, want: "- -", marks: "changed"},
		{name: "foo(struct t a, struct t b, int i), only a.f1 passed", ps: []param{
			structed(pieces(inReg(5, 16), 1, 0, 7)), structed(pieces(inReg(4, 16), 1, 1, 0)), inReg(2, 4),
		}, want: "m - -", marks: "changed"},
		{name: "pieces count only as a member of the true signature", facts: funcFacts{clang: true},
			ps: []param{pieces(inReg(5, 16), 1, 0, 7), inReg(1, 8)}, want: "- -"},
		{name: "behind the registers nothing sits at an expected one", ps: []param{
			inReg(5, 8), inReg(4, 8), inReg(1, 8), inReg(2, 8), inReg(8, 8), absent(16), somewhere(8),
		}, want: "- - - - - od u", marks: "unexpected optimized changed"},
		{name: "machine without table", facts: changed, ps: []param{absent(8), somewhere(8)}, want: "od u",
			machine: elf.EM_SPARCV9, marks: "unexpected optimized changed"},
	}
	for _, tt := range tests {
		tt.truth = true
		if tt.facts == (funcFacts{}) {
			tt.facts = changed
		}
		t.Run(tt.name, tt.run)
	}
	off := analyzeTest{facts: changed, ps: []param{absent(8), inReg(4, 8)}, want: "- -", marks: "optimized changed"}
	t.Run("feature off", off.run)
}

// TestSampleFunctions: bar(int a, int b) with b unused, and the static function
// foo(int a, int b, int c), whose c is not passed, as compilers describe them at -O2.
func TestSampleFunctions(t *testing.T) {
	a := abiFor(elf.EM_X86_64, 8, false)
	for _, tt := range []struct {
		name    string
		facts   funcFacts
		truth   bool
		symbol  symFlags
		ps      []param
		reason  string
		dropped string
	}{
		{"gcc bar", funcFacts{}, false, symHere, []param{inReg(5, 4), inReg(4, 4)}, "", "- -"},
		{"gcc foo.constprop.0", funcFacts{}, false, symHere | symDotted | symOptimized,
			[]param{inReg(5, 4), inReg(4, 4), absent(4)}, reasonOptimized, "- - -"},
		{"gcc foo.constprop.0, true signature", funcFacts{}, true, symHere | symDotted | symOptimized,
			[]param{inReg(5, 4), inReg(4, 4), absent(4)}, "", "- - -"},
		{"gcc foo at no known address", funcFacts{}, false, 0,
			[]param{inReg(5, 4), inReg(4, 4), absent(4)}, "", "- - -"},
		{"clang bar", funcFacts{clang: true}, false, symHere, []param{inReg(5, 4), absent(4)}, "", "- -"},
		{"clang foo", funcFacts{clang: true, nocall: true}, false, symHere,
			[]param{inReg(5, 4), inReg(4, 4), absent(4)}, reasonOptimized, "- - -"},
		{"clang foo, true signature", funcFacts{clang: true, nocall: true}, true, symHere,
			[]param{inReg(5, 4), inReg(4, 4), absent(4)}, "", "- - od"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := a.analyze(&tt.facts, tt.truth, tt.ps)
			markDrops(&m, tt.truth, tt.ps)
			g := groupMarks{
				unexpected: m.unexpected, uncertain: m.uncertain, reordered: m.reordered,
				optimizedSkip: m.optimizedSkip(tt.truth, tt.symbol&symOptimized != 0),
			}
			if got := g.skipReason(true); got != tt.reason || verdicts(tt.ps) != tt.dropped {
				t.Errorf("got %q, %q, want %q, %q", got, verdicts(tt.ps), tt.reason, tt.dropped)
			}
		})
	}
}

func TestSkipReason(t *testing.T) {
	// Each row adds one mark to those above; the last one wins.
	var g groupMarks
	for _, tt := range []struct {
		set  func()
		want string
	}{
		{func() {}, ""},
		{func() { g.unexpected = true }, "unexpected register usage for parameter"},
		{func() { g.inconsistent = true }, "inconsistet prototype"},
		{func() { g.uncertain = true }, "uncertain parameter location"},
		{func() { g.reordered = true }, "reordered parameters"},
		{func() { g.optimizedSkip = true }, "optimized parameters"},
		{func() { g.ambiguous = true }, "ambiguous address"},
	} {
		tt.set()
		if got := g.skipReason(true); got != tt.want {
			t.Errorf("%+v: got %q, want %q", g, got, tt.want)
		}
	}
	g = groupMarks{inconsistent: true}
	if got := g.skipReason(false); got != "" {
		t.Errorf("inconsistent, without consistent_func: got %q, want none", got)
	}
}

func TestAnalyzeDoesNotAllocate(t *testing.T) {
	a := abiFor(elf.EM_X86_64, 8, false)
	ps := []param{inReg(5, 8), absent(8), inReg(1, 16)}
	f := &funcFacts{}
	if n := testing.AllocsPerRun(100, func() { a.analyze(f, false, ps) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// layoutFake is a typeLayout of types by number.
type layoutFake []struct {
	shape  typeShape
	fields []typeField
}

func (l layoutFake) shape(t uint32) typeShape {
	s := l[t].shape
	for s.kind == shapeOther && s.elem != 0 { // a typedef of elem
		s = l[s.elem].shape
		s.direct = false
		t = l[t].shape.elem
	}
	s.id, s.fields = t, len(l[t].fields)
	return s
}
func (l layoutFake) field(t uint32, i int) typeField { return l[t].fields[i] }

func TestPackedInference(t *testing.T) {
	const (
		void = iota
		char
		short
		integer
		long
		pointer
		ints // int[3]
		first
	)
	scalar := func(size uint64) typeShape { return typeShape{kind: shapeScalar, sizeBytes: size, direct: true} }
	aggregate := func(kind shapeKind, size uint64) typeShape {
		return typeShape{kind: kind, sizeBytes: size, direct: true, named: true}
	}
	field := func(typ uint32, off, size uint64) typeField {
		return typeField{typ: typ, offBytes: off, sizeBytes: size}
	}
	bits := func(typ uint32, off, size uint64) typeField {
		return typeField{typ: typ, offBytes: off, sizeBytes: size, bitfield: true}
	}
	base := layoutFake{
		{}, {shape: scalar(1)}, {shape: scalar(2)}, {shape: scalar(4)}, {shape: scalar(8)},
		{shape: typeShape{kind: shapePointer, direct: true}},
		{shape: typeShape{kind: shapeArray, elem: integer, direct: true}},
	}
	type row = struct {
		shape  typeShape
		fields []typeField
	}
	anonymous := aggregate(shapeStruct, 5)
	anonymous.named = false
	pk := row{aggregate(shapeStruct, 5), []typeField{field(char, 0, 1), field(integer, 1, 4)}}
	tests := []struct {
		name         string
		types        []row
		real, compat bool
	}{
		{"not an aggregate", []row{{shape: scalar(4)}}, false, false},
		{"member out of place", []row{pk}, true, true},
		{"anonymous", []row{{anonymous, pk.fields}}, true, false},
		{"behind a typedef", []row{{shape: typeShape{elem: first + 1}}, pk}, true, false},
		{"size not aligned", []row{{aggregate(shapeStruct, 6), []typeField{field(integer, 0, 4), field(short, 4, 2)}}}, true, true},
		{"aligned", []row{{aggregate(shapeStruct, 8), []typeField{field(integer, 0, 4), field(short, 4, 2), field(short, 6, 2)}}}, false, false},
		{"pointer out of place", []row{{aggregate(shapeStruct, 12), []typeField{field(integer, 0, 4), field(pointer, 4, 8)}}}, true, true},
		{"array out of place", []row{{aggregate(shapeStruct, 13), []typeField{field(char, 0, 1), field(ints, 1, 12)}}}, true, true},
		{"hole", []row{{aggregate(shapeStruct, 8), []typeField{field(char, 0, 1), field(integer, 4, 4)}}}, false, false},
		{"hole first", []row{{aggregate(shapeStruct, 5), []typeField{field(integer, 1, 4)}}}, false, false},
		{"tail padding", []row{{aggregate(shapeStruct, 9), []typeField{field(long, 0, 8)}}}, false, false},
		{"empty", []row{{shape: aggregate(shapeStruct, 0)}}, false, false},
		{"bitfield at any byte", []row{{aggregate(shapeStruct, 4), []typeField{bits(integer, 0, 1), bits(integer, 1, 3)}}}, false, false},
		{"bitfield in a short struct", []row{{aggregate(shapeStruct, 2), []typeField{bits(integer, 0, 2)}}}, true, true},
		{"union", []row{{aggregate(shapeUnion, 5), []typeField{field(integer, 0, 4), field(first+1, 0, 5)}}, pk}, true, false},
		{"ordinary union", []row{{aggregate(shapeUnion, 8), []typeField{field(integer, 0, 4), field(long, 0, 8)}}}, false, false},
		{"nested struct out of place", []row{
			{aggregate(shapeStruct, 9), []typeField{field(char, 0, 1), field(first+1, 1, 8)}},
			{aggregate(shapeStruct, 8), []typeField{field(integer, 0, 4), field(integer, 4, 4)}},
		}, true, true},
		{"struct that contains itself", []row{{aggregate(shapeStruct, 8), []typeField{field(integer, 0, 4), field(first, 4, 4)}}}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			types := append(append(layoutFake(nil), base...), tt.types...)
			for _, compat := range []bool{false, true} {
				var pt packedTypes
				pt.reset(types, abiFor(elf.EM_X86_64, 8, compat))
				want := tt.real
				if compat {
					want = tt.compat
				}
				for _, again := range []string{"first", "second"} {
					if got := pt.uncertain(first); got != want {
						t.Errorf("compat %v, asked the %s time: got %v, want %v", compat, again, got, want)
					}
				}
			}
		})
	}

	t.Run("struct in a struct with holes", func(t *testing.T) {
		types := append(append(layoutFake(nil), base...),
			row{aggregate(shapeStruct, 24), []typeField{field(char, 0, 1), field(first+1, 2, 8), field(long, 16, 8)}},
			row{aggregate(shapeStruct, 8), []typeField{field(integer, 0, 4), field(integer, 4, 4)}},
		)
		for _, compat := range []bool{false, true} {
			var pt packedTypes
			pt.reset(types, abiFor(elf.EM_X86_64, 8, compat))
			if pt.uncertain(first) {
				t.Errorf("compat %v: the outer one counts as packed", compat)
			}
			if got := pt.uncertain(first + 1); got != compat {
				t.Errorf("compat %v: inner one packed: %v", compat, got)
			}
			pt.reset(types, abiFor(elf.EM_X86_64, 8, compat))
			if pt.uncertain(first + 1) {
				t.Errorf("compat %v: reset keeps an answer", compat)
			}
		}
	})

	t.Run("deep nesting", func(t *testing.T) {
		types := append(layoutFake(nil), base...)
		const depth = 100_000
		for i := range uint32(depth) {
			types = append(types, row{aggregate(shapeStruct, 8), []typeField{field(first+i+1, 0, 8)}})
		}
		types = append(types, row{shape: scalar(8)})
		var pt packedTypes
		pt.reset(types, abiFor(elf.EM_X86_64, 8, false))
		if pt.uncertain(first) {
			t.Error("counts as packed")
		}
		if got := pt.naturalAlign(first + depth - 5); got != 8 {
			t.Errorf("alignment near the bottom: %d, want 8", got)
		}
	})
}
