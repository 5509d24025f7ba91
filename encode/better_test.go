// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"slices"
	"strings"
	"testing"

	. "github.com/btfgen/btfgen/internal/testkit"

	"github.com/btfgen/btfgen/internal/elfview"
)

// The numbers are those of encode.md 7.1: what pahole gets wrong, and what we do instead. Those that say
// which functions, variables and tags are listed are tested with Compat too (7.2), where pahole 1.32's choice counts.

// encodeImage encodes a file that a test has built.
func encodeImage(t testing.TB, image []byte, opt Options) (*Result, error) {
	t.Helper()
	f, err := elfview.New(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		return nil, err
	}
	return Encode(f, opt)
}

// encodeDWARF encodes units and returns the dump.
func encodeDWARF(t testing.TB, d *DWARF, opt Options, symbols ...Symbol) string {
	t.Helper()
	res, err := encodeImage(t, d.ELF(symbols...).Assemble().Data, opt)
	if err != nil {
		t.Fatal(err)
	}
	return dump(t, res.BTF)
}

func fnSym(name string, addr uint64) Symbol {
	return Symbol{Name: name, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Section: 1, Value: addr}
}
func varSym(name string, addr uint64) Symbol {
	return Symbol{Name: name, Type: elf.STT_OBJECT, Bind: elf.STB_GLOBAL, Section: 2, Value: addr}
}

func lowpc(addr int) Attr { return Attr{Attr: dwarf.AttrLowpc, Form: FormAddr, Val: addr} }
func origin(label string) Attr {
	return Attr{Attr: dwarf.AttrAbstractOrigin, Form: FormRef4, Val: label}
}
func spec(label string) Attr        { return Attr{Attr: dwarf.AttrSpecification, Form: FormRef4, Val: label} }
func expr(ops ...byte) Attr         { return Attr{Attr: dwarf.AttrLocation, Form: FormExprloc, Val: ops} }
func arg(args ...any) *DIE          { return D(dwarf.TagFormalParameter, args...) }
func pointer(label, to string) *DIE { return D(dwarf.TagPointerType, label, Type(to)) }
func producer(name string) Attr     { return Attr{Attr: dwarf.AttrProducer, Form: FormStrp, Val: name} }
func addrOf(at byte) Attr           { return expr(3, at, 0x20, 0, 0, 0, 0, 0, 0) } // DW_OP_addr 0x2000+at
func file(args ...any) *DWARF       { return &DWARF{Units: []*Unit{CU(args...)}} }
func tagged(name, text string) *DIE { return D(0x6000, Name(name), constText(text)) }
func constText(text string) Attr    { return Attr{Attr: dwarf.AttrConstValue, Form: FormStrp, Val: text} }
func annotation(label string) Attr  { return Attr{Attr: 0x2139, Form: FormRef4, Val: label} }
func gnu(label, name, text string, more ...any) *DIE {
	return D(0x6001, append([]any{label, Name(name), constText(text)}, more...)...)
}

// check compares a dump with lines that it must have and, after a "!", must not have.
func check(t testing.TB, dump string, want ...string) {
	t.Helper()
	for _, w := range want {
		w, not := strings.CutPrefix(w, "!")
		if strings.Contains(dump, w) == not {
			t.Errorf("%q: present is %v; in\n%s", w, !not, dump)
		}
	}
}

func TestBetterTypes(t *testing.T) {
	tests := []struct {
		name string
		in   *DWARF
		opt  Options
		want []string
	}{
		{"6: member of void or of nothing", file(
			D(dwarf.TagUnspecifiedType, "null", Name("decltype(nullptr)")),
			D(dwarf.TagStructType, Name("s"), Size(16),
				D(dwarf.TagMember, Name("a"), Type("null"), At(0)),
				D(dwarf.TagMember, Name("b"), Attr{Attr: dwarf.AttrType, Form: FormRef4, Val: 0xffff}, At(8)),
				D(dwarf.TagMember, Name("c"), At(9)))), Options{},
			[]string{"1 STRUCT s 16 a:0@0 b:0@64 c:0@72\n"}},
		{"7: complex numbers are opaque", file(
			D(dwarf.TagBaseType, "c", Name("complex double"), Size(16), Enc(3)),
			D(dwarf.TagTypedef, Name("t"), Type("c"))), Options{},
			[]string{"1 STRUCT - 16\n2 TYPEDEF t 1\n"}},
		{"7: complex numbers without float are INT", file(
			D(dwarf.TagBaseType, "c", Name("complex double"), Size(16), Enc(3))), Options{Features: "var"},
			[]string{"1 INT \"complex double\" 16 -\n"}},
		{"8: what C does not have", file(Base("int", 4),
			D(dwarf.TagAtomicType, "a", Type("int")),
			D(dwarf.TagReferenceType, "r", Type("int")),
			D(dwarf.TagRvalueReferenceType, "rr", Type("int")),
			D(dwarf.TagPtrToMemberType, "m", Type("int")),
			D(dwarf.TagPtrToMemberType, "mf", Type("int"), Size(16)),
			D(dwarf.TagStringType, "s", Size(7)),
			D(dwarf.TagSubrangeType, "sub", Type("int")),
			D(dwarf.TagInterfaceType, "i", Name("iface"), Size(8)),
			D(dwarf.TagTypedef, Name("ta"), Type("a")), D(dwarf.TagTypedef, Name("tr"), Type("r")),
			D(dwarf.TagTypedef, Name("trr"), Type("rr")), D(dwarf.TagTypedef, Name("tm"), Type("m")),
			D(dwarf.TagTypedef, Name("tmf"), Type("mf")), D(dwarf.TagTypedef, Name("ts"), Type("s")),
			D(dwarf.TagTypedef, Name("tsub"), Type("sub")), D(dwarf.TagTypedef, Name("ti"), Type("i"))), Options{},
			[]string{"1 INT int 4 s\n2 PTR 1\n3 PTR 0\n4 STRUCT - 16\n5 STRUCT - 7\n6 STRUCT iface 8\n7 TYPEDEF ta 1\n8 TYPEDEF tr 2\n" +
				"9 TYPEDEF trr 2\n10 TYPEDEF tm 3\n11 TYPEDEF tmf 4\n12 TYPEDEF ts 5\n13 TYPEDEF tsub 1\n14 TYPEDEF ti 6\n"}},
		{"9: static members before DWARF 5", file(Base("int", 4),
			D(dwarf.TagStructType, Name("s"), Size(4),
				D(dwarf.TagMember, Name("shared"), Type("int"), Flag(dwarf.AttrExternal), Flag(dwarf.AttrDeclaration)),
				D(dwarf.TagMember, Name("own"), Type("int"), At(0)))), Options{},
			[]string{"STRUCT s 4 own:1@0\n", "!shared"}},
		{"10: members too far for a struct with bitfields", file(Base("int", 4),
			D(dwarf.TagStructType, Name("s"), Num(dwarf.AttrByteSize, 1<<22),
				D(dwarf.TagMember, Name("near"), Type("int"), Num(dwarf.AttrBitSize, 3), Num(dwarf.AttrDataBitOffset, 5)),
				D(dwarf.TagMember, Name("far"), Type("int"), Num(dwarf.AttrBitSize, 3), Num(dwarf.AttrDataBitOffset, 1<<24)),
				D(dwarf.TagMember, Name("plain"), Type("int"), Num(dwarf.AttrDataMemberLoc, 1<<21)),
				D(dwarf.TagMember, Name("last"), Type("int"), Num(dwarf.AttrDataMemberLoc, 1<<21-1)))), Options{},
			[]string{"STRUCT s 4194304 kf near:1@5:3 last:1@16777208\n"}},
		{"11: unspecified type inside of a class", file(Base("int", 4),
			D(dwarf.TagClassType, Name("c"), Size(8), D(dwarf.TagUnspecifiedType, "u", Name("nothing"))),
			pointer("p", "int"), D(dwarf.TagTypedef, Name("t"), Type("p")), D(dwarf.TagTypedef, Name("tu"), Type("u"))), Options{},
			[]string{"3 PTR 1\n4 TYPEDEF t 3\n5 TYPEDEF tu 0\n"}},
		{"15: odd things do not end the run", file(Base("int", 4),
			D(dwarf.TagEnumerationType, Name("e"), Size(3), D(dwarf.TagEnumerator, Name("A"), Num(dwarf.AttrConstValue, 1))),
			D(dwarf.TagEnumerationType, Name("wide"), Size(4),
				D(dwarf.TagEnumerator, Name("BIG"), Attr{Attr: dwarf.AttrConstValue, Form: FormData8, Val: 1 << 40}),
				D(dwarf.TagEnumerator, Num(dwarf.AttrConstValue, 1)),
				D(dwarf.TagEnumerator, Name("OK"), Num(dwarf.AttrConstValue, 2))),
			D(dwarf.TagBaseType, Name("float24"), Size(3), Enc(4)),
			D(dwarf.TagBaseType, Size(4), Enc(5)),
			D(dwarf.TagTypedef, "anon", Type("int")), D(dwarf.TagTypedef, Name("t"), Type("anon")),
			D(dwarf.TagStructType, Flag(dwarf.AttrDeclaration))), Options{},
			[]string{"2 ENUM e 4 A=1\n3 ENUM wide 4 OK=2\n4 STRUCT - 3\n5 STRUCT - 4\n6 TYPEDEF t 1\n", "!FWD"}},
		{"3.4: base types of odd sizes", file(
			D(dwarf.TagBaseType, Name("i24"), Size(3), Enc(5)), D(dwarf.TagBaseType, Name("big"), Size(32), Enc(7))), Options{},
			[]string{"INT __SANITIZED_FAKE_INT__ 4 s\n", "INT __SANITIZED_FAKE_INT__ 4 -\n", "!i24"}},
		{"3.7: Rust's members in the order of their offsets", &DWARF{Units: []*Unit{{Root: D(dwarf.TagCompileUnit, Name("r.rs"), Num(dwarf.AttrLanguage, 0x1c),
			Base("int", 4), D(dwarf.TagStructType, Name("s"), Size(12), D(dwarf.TagMember, Name("b"), Type("int"), At(8)),
				D(dwarf.TagMember, Name("a"), Type("int"), At(0)), D(dwarf.TagMember, Name("c"), Type("int"), At(4))))}}},
			Options{LangExclude: "none"}, []string{"STRUCT s 12 a:1@0 c:1@32 b:1@64\n"}},
		{"3.9: dimensions", file(Base("int", 4),
			D(dwarf.TagArrayType, Type("int"), D(dwarf.TagSubrangeType, Num(dwarf.AttrUpperBound, 2)), D(dwarf.TagSubrangeType, Num(dwarf.AttrCount, 4))),
			D(dwarf.TagArrayType, Type("int"), D(dwarf.TagSubrangeType, expr(0x30), Attr{Attr: dwarf.AttrUpperBound, Form: FormExprloc, Val: []byte{0x30}})),
			D(dwarf.TagArrayType, Type("int"))), Options{},
			[]string{"ARRAY 3 1 3\n", "ARRAY 1 1 4\n", "ARRAY 1 1 0\n", "ARRAY 1 1 1\n"}},
		{"3.9: dimensions, flat", file(Base("int", 4),
			D(dwarf.TagArrayType, Type("int"), D(dwarf.TagSubrangeType, Num(dwarf.AttrUpperBound, 2)), D(dwarf.TagSubrangeType, Num(dwarf.AttrCount, 4)))),
			Options{Flat: true}, []string{"1 INT int 4 s\n2 ARRAY 1 1 12\n"}},
		{"3.9: no int in the unit", file(Base("char", 1), D(dwarf.TagArrayType, Type("char"), D(dwarf.TagSubrangeType, Num(dwarf.AttrCount, 4)))), Options{},
			[]string{"ARRAY 1 3 4\n", "3 INT int 4 s\n"}},
		{"3.11: gcc's type tags are in order", file(D(dwarf.TagPointerType, annotation("inner")),
			gnu("outer", "btf_type_tag", "outer"), gnu("inner", "btf_type_tag", "inner", annotation("outer"))), Options{},
			[]string{"1 PTR 2\n2 TYPE_TAG inner 3\n3 TYPE_TAG outer 0\n"}},
		{"3.11: clang's are written the other way round", file(
			D(dwarf.TagPointerType, tagged("btf_type_tag", "outer"), tagged("btf_type_tag", "inner"))), Options{},
			[]string{"1 PTR 3\n2 TYPE_TAG outer 0\n3 TYPE_TAG inner 2\n"}},
		{"3.11: gcc's chain ends at another kind", file(D(dwarf.TagPointerType, annotation("a")),
			gnu("b", "btf_type_tag", "b"), gnu("other", "btf_decl_tag", "no", annotation("b")), gnu("a", "btf_type_tag", "a", annotation("other"))),
			Options{}, []string{"1 PTR 2\n2 TYPE_TAG a 0\n", "!TAG b"}},
		{"type_tag off", file(D(dwarf.TagPointerType, tagged("btf_type_tag", "x")), D(dwarf.TagPointerType, annotation("a")), gnu("a", "btf_type_tag", "a")),
			Options{Features: "var,decl_tag"}, []string{"1 PTR 0\n", "!TAG"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, v := range []DWARF{{Version: 5}, {Version: 4}, {Version: 3}, {Version: 5, Is64: true}, {Version: 4, Is64: true, Big: true}, {Version: 5, Big: true, AddrSize: 4}} {
				v.Units = test.in.Units
				test.opt.Compat = v.Big // it is no choice of types
				check(t, encodeDWARF(t, &v, test.opt), test.want...)
			}
		})
	}
}

// TestBetterTags is about item 12: which decl tags a function or variable has.
func TestBetterTags(t *testing.T) {
	fn := func(args ...any) *DIE { return D(dwarf.TagSubprogram, args...) }
	tests := []struct {
		name           string
		in             *DWARF
		better, compat []string
	}{
		{"12: tags of an inlined function's abstract instance", file(Base("int", 4),
			fn("f", Name("func"), Type("int"), Num(dwarf.AttrInline, 1), tagged("btf_decl_tag", "mine")),
			fn(origin("f"), lowpc(0x1000))),
			[]string{"FUNC func", "DECL_TAG mine 3 -1\n"}, []string{"FUNC func", "!DECL_TAG"}},
		{"12: tags of a declaration", file(Base("int", 4),
			fn("f", Name("func"), Type("int"), Flag(dwarf.AttrDeclaration), tagged("btf_decl_tag", "mine"), tagged("btf_type_tag", "no")),
			fn(spec("f"), Type("int"), lowpc(0x1000))),
			[]string{"FUNC func", "DECL_TAG mine 3 -1\n", "!no"}, []string{"FUNC func", "!DECL_TAG"}},
		{"12: own tags and those of a variable's declaration", file(Base("int", 4),
			D(dwarf.TagVariable, "v", Name("vari"), Type("int"), Flag(dwarf.AttrExternal), Flag(dwarf.AttrDeclaration), tagged("btf_decl_tag", "decl")),
			D(dwarf.TagVariable, spec("v"), addrOf(8), tagged("btf_decl_tag", "def"))),
			[]string{"VAR vari 1 g", "DECL_TAG decl 2 -1\n", "DECL_TAG def 2 -1\n"}, []string{"VAR vari 1 g", "DECL_TAG decl 2 -1\n", "!def"}},
		{"12: gcc's tags of a typedef, union and variable", file(Base("int", 4), gnu("g", "btf_decl_tag", "gcc"),
			D(dwarf.TagTypedef, Name("td"), Type("int"), annotation("g")),
			D(dwarf.TagUnionType, Name("un"), Size(4), annotation("g")),
			D(dwarf.TagVariable, Name("vari"), Type("int"), addrOf(8), annotation("g"))),
			[]string{"DECL_TAG gcc 2 -1\n", "DECL_TAG gcc 4 -1\n", "DECL_TAG gcc 6 -1\n"},
			[]string{"TYPEDEF td", "UNION un", "VAR vari", "!DECL_TAG"}},
		{"3.12: gcc's tags of a struct, member, function and parameter", file(Base("int", 4), gnu("a", "btf_decl_tag", "one"),
			gnu("b", "btf_decl_tag", "two", annotation("a")), gnu("c", "btf_type_tag", "not_me", annotation("a")),
			D(dwarf.TagStructType, Name("s"), Size(8), annotation("b"),
				D(dwarf.TagMember, Name("m0"), Type("int"), At(0)), D(dwarf.TagMember, Name("m1"), Type("int"), At(4), annotation("b"))),
			fn(Name("func"), Type("int"), lowpc(0x1000), annotation("a"), arg(Name("p"), Type("int"), expr(0x55), annotation("c")))),
			[]string{"DECL_TAG one 2 1\n", "DECL_TAG two 2 1\n", "DECL_TAG one 2 -1\n", "DECL_TAG two 2 -1\n", "DECL_TAG one 8 -1\n", "DECL_TAG one 8 0\n", "!not_me"},
			[]string{"DECL_TAG one 2 1\n", "DECL_TAG two 2 1\n", "DECL_TAG one 2 -1\n", "DECL_TAG two 2 -1\n", "DECL_TAG one 8 -1\n", "DECL_TAG one 8 0\n", "!not_me"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			check(t, encodeDWARF(t, test.in, Options{}, fnSym("func", 0x1000), varSym("vari", 0x2008)), test.better...)
			check(t, encodeDWARF(t, test.in, Options{Compat: true}, fnSym("func", 0x1000), varSym("vari", 0x2008)), test.compat...)
			check(t, encodeDWARF(t, test.in, Options{Features: "var,type_tag"}, fnSym("func", 0x1000), varSym("vari", 0x2008)), "!DECL_TAG")
		})
	}
}

// one function with code per call: name, address, parameters.
func code(name string, addr int, args ...any) *DIE {
	return D(dwarf.TagSubprogram, append([]any{Name(name), Type("int"), lowpc(addr)}, args...)...)
}

func in(reg byte, name, typ string) *DIE { return arg(Name(name), Type(typ), expr(0x50+reg)) }

func TestBetterFunctions(t *testing.T) {
	long := strings.Repeat("parameter_", 20)
	ranges := file(Base("int", 4), Base("long", 8),
		D(dwarf.TagSubprogram, Name("func"), Type("int"), lowpc(0x1040), arg(Name("weak"), Type("int"), expr(0x55))),
		D(dwarf.TagSubprogram, Name("func"), Type("int"), Attr{Attr: dwarf.AttrRanges, Form: FormSecOffset, Val: 0}, arg(Name("strong"), Type("int"), expr(0x55))))
	ranges.Version = 4
	ranges.Extra = map[string][]byte{".debug_ranges": append([]byte{0, 0x10, 0, 0, 0, 0, 0, 0, 8, 0x10, 0, 0, 0, 0, 0, 0}, make([]byte, 16)...)}
	packed := []any{Base("int", 4), Base("char", 1), D(dwarf.TagStructType, "pk", Name("pk"), Size(5),
		D(dwarf.TagMember, Name("c"), Type("char"), At(0)), D(dwarf.TagMember, Name("i"), Type("int"), At(1))),
		D(dwarf.TagConstType, "cpk", Type("pk")),
		code("func", 0x1000, in(5, "a", "int"), in(4, "b", "int"), in(1, "c", "int"), in(2, "d", "int"), in(8, "e", "int"), in(9, "f", "int"),
			arg(Name("p"), Type("cpk"), expr(0x91, 0)))}
	ppc := file(producer("clang version 17"), Base("int", 4), code("func", 0x1000, in(3, "a", "int")))
	tests := []struct {
		name           string
		in             *DWARF
		opt            Options
		machine        elf.Machine
		symbols        []Symbol
		better, compat []string
	}{
		{"13: long names are not cut", file(Base("int", 4), code("func", 0x1000, in(5, long, "int"))), Options{}, 0,
			[]Symbol{fnSym("func", 0x1000)}, []string{" " + long + ":1\n"}, []string{" " + long + ":1\n"}},
		{"16: the last name is ambiguous too", file(Base("int", 4), code("func", 0x1000)), Options{}, 0,
			[]Symbol{fnSym("func", 0x1000), fnSym("func", 0x1010), fnSym("early", 0x1020)}, []string{"!FUNC"}, []string{"FUNC func"}},
		{"16: another name", file(Base("int", 4), code("func", 0x1000)), Options{}, 0,
			[]Symbol{fnSym("func", 0x1000), fnSym("func", 0x1010), fnSym("late", 0x1020)}, []string{"!FUNC"}, []string{"!FUNC"}},
		{"16b: true signatures of an ambiguous name", file(Base("int", 4), code("func", 0x1000)), Options{Features: "+true_signature"}, 0,
			[]Symbol{fnSym("func.isra.0", 0x1000), fnSym("func", 0x1010), fnSym("late", 0x1020)}, []string{"!FUNC"}, []string{"FUNC func.isra.0 "}},
		{"4.7: pahole 1.32 compares only those with an address", file(Base("int", 4), Base("long", 8),
			D(dwarf.TagSubprogram, Name("func"), Type("int"), Num(dwarf.AttrInline, 1), arg(Name("other"), Type("long"))),
			code("func", 0x1000, in(5, "own", "int"))), Options{Features: "+true_signature"}, 0,
			[]Symbol{fnSym("func", 0x1000), fnSym("late", 0x1020)}, []string{"!FUNC"}, []string{"own:1\n"}},
		{"18: return type of the specification", file(Base("int", 4),
			D(dwarf.TagSubprogram, "d", Name("func"), Type("int"), Flag(dwarf.AttrDeclaration)),
			D(dwarf.TagSubprogram, spec("d"), lowpc(0x1000))), Options{}, 0,
			[]Symbol{fnSym("func", 0x1000)}, []string{"FUNC_PROTO 1\n"}, []string{"FUNC_PROTO 0\n"}},
		{"18: name at the end of a chain", file(Base("int", 4),
			D(dwarf.TagSubprogram, "d", Name("func"), Type("int"), Flag(dwarf.AttrDeclaration)),
			D(dwarf.TagSubprogram, "o", spec("d"), Num(dwarf.AttrInline, 1)),
			D(dwarf.TagSubprogram, origin("o"), lowpc(0x1000))), Options{}, 0,
			[]Symbol{fnSym("func", 0x1000)}, []string{"FUNC func"}, []string{"FUNC func", "FUNC_PROTO 0\n"}},
		{"19: the entry of DW_AT_ranges", ranges, Options{}, 0,
			[]Symbol{fnSym("func", 0x1000)}, []string{"strong:1\n"}, []string{"weak:1\n"}},
		{"31: the instance at the symbol gives the names", file(Base("int", 4),
			code("func", 0x1040, in(5, "weak", "int")), code("func", 0x1000, in(5, "strong", "int"))), Options{}, 0,
			[]Symbol{fnSym("func", 0x1000)}, []string{"strong:1\n"}, []string{"strong:1\n"}},
		{"20: registers of powerpc64", ppc, Options{}, elf.EM_PPC64, []Symbol{fnSym("func", 0x1000)}, []string{"FUNC func"}, []string{"!FUNC"}},
		{"21: floating-point registers", file(Base("int", 4), D(dwarf.TagBaseType, "double", Name("double"), Size(8), Enc(4)),
			code("func", 0x1000, in(17, "x", "double"), in(5, "a", "int"))), Options{}, 0,
			[]Symbol{fnSym("func", 0x1000)}, []string{"FUNC func"}, []string{"!FUNC"}},
		{"22: packed behind const", file(packed...), Options{}, 0, []Symbol{fnSym("func", 0x1000)}, []string{"!FUNC"}, []string{"FUNC func"}},
		{"4.3: what gcc removed stands behind the dots", file(Base("int", 4), D(dwarf.TagStructType, "st", Name("st"), Size(4)),
			code("func", 0x1000, in(5, "a", "int"), D(dwarf.TagUnspecifiedParameters), in(4, "b", "st"))), Options{}, 0,
			[]Symbol{fnSym("func", 0x1000)}, []string{"FUNC_PROTO 1 a:1 b:2 -:0\n"}, []string{"FUNC_PROTO 1 a:1 b:2 -:0\n"}},
		{"30: const void and void differ", file(Base("int", 4), D(dwarf.TagPointerType, "pv"), D(dwarf.TagConstType, "cv"), pointer("pcv", "cv"),
			code("func", 0x1000, in(5, "a", "pv")), D(dwarf.TagSubprogram, Name("func"), Type("int"), Num(dwarf.AttrInline, 1), arg(Name("a"), Type("pcv")))),
			Options{}, 0, []Symbol{fnSym("func", 0x1000)}, []string{"!FUNC"}, []string{"!FUNC"}},
		{"30: without consistent_func they may", file(Base("int", 4), D(dwarf.TagPointerType, "pv"), D(dwarf.TagConstType, "cv"), pointer("pcv", "cv"),
			code("func", 0x1000, in(5, "a", "pv")), D(dwarf.TagSubprogram, Name("func"), Type("int"), Num(dwarf.AttrInline, 1), arg(Name("a"), Type("pcv")))),
			Options{Features: "var"}, 0, []Symbol{fnSym("func", 0x1000)}, []string{"FUNC func"}, []string{"FUNC func"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, compat := range []bool{false, true} {
				test.opt.Compat = compat
				e := test.in.ELF(test.symbols...)
				e.Machine = test.machine
				res, err := encodeImage(t, e.Assemble().Data, test.opt)
				if err != nil {
					t.Fatal(err)
				}
				check(t, dump(t, res.BTF), map[bool][]string{false: test.better, true: test.compat}[compat]...)
			}
		})
	}
}

func TestBetterVariables(t *testing.T) {
	array := func(label string, args ...any) *DIE {
		return D(dwarf.TagArrayType, label, Type("int"), D(dwarf.TagSubrangeType, args...))
	}
	sym := varSym("vari", 0x2008)
	tests := []struct {
		name           string
		in             *DWARF
		opt            Options
		symbols        []Symbol
		better, compat []string
	}{
		{"plain", file(Base("int", 4), D(dwarf.TagVariable, Name("vari"), Type("int"), Flag(dwarf.AttrExternal), addrOf(8))), Options{},
			[]Symbol{sym}, []string{"2 VAR vari 1 g\n3 DATASEC .data..percpu 12 2:8:4\n"}, []string{"2 VAR vari 1 g\n3 DATASEC .data..percpu 12 2:8:4\n"}},
		{"23: no symbol at its address", file(Base("int", 4), D(dwarf.TagVariable, Name("vari"), Type("int"), addrOf(12))), Options{},
			[]Symbol{sym}, []string{"!VAR"}, []string{"VAR vari 1 s"}},
		{"23: at 0 pahole asks for a symbol too", file(Base("int", 4), D(dwarf.TagVariable, Name("gone"), Type("int"), addrOf(0))), Options{},
			[]Symbol{sym}, []string{"!VAR"}, []string{"!VAR"}},
		{"33: the definition's type wins", file(Base("int", 4), array("open"), array("four", Num(dwarf.AttrCount, 4)),
			D(dwarf.TagVariable, "d", Name("vari"), Type("open"), Flag(dwarf.AttrExternal), Flag(dwarf.AttrDeclaration)),
			D(dwarf.TagVariable, spec("d"), Type("four"), addrOf(8))), Options{},
			[]Symbol{sym}, []string{"VAR vari 3 g", "DATASEC .data..percpu 24"}, []string{"!VAR"}},
		{"var off", file(Base("int", 4), D(dwarf.TagVariable, Name("vari"), Type("int"), addrOf(8))), Options{Features: "float"},
			[]Symbol{sym}, []string{"!VAR", "!DATASEC"}, []string{"!VAR"}},
		{"rules 1, 2, 3, 7, 9, 10, 11", file(Base("int", 4), D(dwarf.TagStructType, "empty", Name("e"), Size(0)),
			D(dwarf.TagVariable, Name("declared"), Type("int"), Flag(dwarf.AttrDeclaration), addrOf(8)),
			D(dwarf.TagSubprogram, Name("f"), D(dwarf.TagVariable, Name("local"), Type("int"), addrOf(8))),
			D(dwarf.TagVariable, Name("artificial"), Type("int"), Flag(dwarf.AttrArtificial), addrOf(8)),
			D(dwarf.TagVariable, Name("__UNIQUE_ID_x"), Type("int"), addrOf(8)),
			D(dwarf.TagVariable, Name("not-a-name"), Type("int"), addrOf(8)),
			D(dwarf.TagVariable, Name("untyped"), addrOf(8)),
			D(dwarf.TagVariable, Name("empty"), Type("empty"), addrOf(8)),
			D(dwarf.TagVariable, Type("int"), addrOf(8)),
			D(dwarf.TagVariable, Name("register"), Type("int"), expr(0x50))), Options{},
			[]Symbol{varSym("declared", 0x2008), varSym("local", 0x2008), varSym("artificial", 0x2008), varSym("__UNIQUE_ID_x", 0x2008), varSym("not-a-name", 0x2008),
				varSym("untyped", 0x2008), varSym("empty", 0x2008), varSym("register", 0x2008)}, []string{"!VAR"}, []string{"!VAR"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			check(t, encodeDWARF(t, test.in, test.opt, test.symbols...), test.better...)
			test.opt.Compat = true
			check(t, encodeDWARF(t, test.in, test.opt, test.symbols...), test.compat...)
		})
	}
}

// TestManyVariables: kernels before 7.x refuse a vlen above 65535 (BETTER-24).
func TestManyVariables(t *testing.T) {
	const n = 65536 + 10
	d := file(Base("char", 1))
	d.AddrSize = 4
	var symbols []Symbol
	for i := range n {
		name := "v" + strings.Repeat("x", i%3) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676%26)) + string(rune('a'+i/17576%26))
		d.Units[0].Root.Kids = append(d.Units[0].Root.Kids, D(dwarf.TagVariable, Name(name), Type("char"), expr(3, byte(i), byte(i>>8), byte(0x10+i>>16), 0)))
		symbols = append(symbols, Symbol{Name: name, Type: elf.STT_OBJECT, Section: 2, Value: uint64(0x100000 + i)})
	}
	e := d.ELF(symbols...)
	e.Sections[1] = Section{Name: ".data..percpu", Addr: 0x100000, Type: elf.SHT_NOBITS, MemSize: 1 << 20}
	res, err := encodeImage(t, e.Assemble().Data, Options{})
	if err != nil {
		t.Fatal(err)
	}
	check(t, dump(t, res.BTF), " DATASEC .data..percpu 65535 ")
	if !slices.ContainsFunc(res.Warnings, func(w string) bool {
		return strings.Contains(w, "variables beyond 65535 of one section were left out (11 in all")
	}) {
		t.Errorf("warnings: %q", res.Warnings)
	}
}

// TestPrototypesOfPrototypes: function types that take each other twice have as many paths as two to the power of
// their depth. The comparison of two such must end.
func TestPrototypesOfPrototypes(t *testing.T) {
	d := &DWARF{}
	for i, leaf := range []string{"int", "cint"} {
		u := CU(Base("int", 4), D(dwarf.TagConstType, "cint", Type("int")), pointer("p0", leaf))
		last := "p0"
		for n := range 40 {
			proto, next := "f"+string(rune('A'+n)), "p"+string(rune('A'+n))
			u.Root.Kids = append(u.Root.Kids, D(dwarf.TagSubroutineType, proto, arg(Type(last)), arg(Type(last))), pointer(next, proto))
			last = next
		}
		u.Root.Kids = append(u.Root.Kids, D(dwarf.TagSubprogram, Name("func"), lowpc(0x1000+16*i), arg(Name("a"), Type(last), expr(0x55))))
		d.Units = append(d.Units, u)
	}
	check(t, encodeDWARF(t, d, Options{}, fnSym("func", 0x1000)), "!FUNC func")
}
