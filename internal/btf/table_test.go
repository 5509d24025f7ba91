// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTypeAccess(t *testing.T) {
	for _, big := range []bool{false, true} {
		tab := mustRead(t, noteBlob(t, big, noteAllKinds), nil)
		str := func(off StrOff) string { return string(tab.Str(off)) }
		var got []string
		put := func(format string, args ...any) { got = append(got, fmt.Sprintf(format, args...)) }

		enc, off, bits := tab.Type(1).Int()
		put("int %s %d %d %d %d", tab.Name(1), tab.Type(1).SizeOrType, enc, off, bits)
		put("ptr %d", tab.Type(2).Ref())
		elem, index, n := tab.Type(3).Array()
		put("array %d %d %d", elem, index, n)
		for i := range 2 {
			name, typ, off, bits := tab.Type(4).Member(i)
			put("member %s %d %d %d", str(name), typ, off, bits)
		}
		for _, id := range []ID{6, 19, 20, 26} {
			name, v := tab.Type(id).EnumValue(0)
			put("value %s %d %v", str(name), v, tab.Type(id).Kflag)
		}
		_, v := tab.Type(19).EnumValue(1)
		put("value %#x", v)
		put("fwd %v %v", tab.Type(7).Kflag, tab.Type(21).Kflag)
		put("func %d %d", tab.Type(12).Vlen, tab.Type(25).Vlen)
		for i := range 3 {
			name, typ := tab.Type(13).Param(i)
			put("param %q %d", str(name), typ)
		}
		put("var %d", tab.Type(14).VarLinkage())
		typ, sec, size := tab.Type(15).SecVar(0)
		put("entry %d %d %d", typ, sec, size)
		put("tag %d %d %v", tab.Type(17).ComponentIdx(), tab.Type(27).ComponentIdx(), tab.Type(27).Kflag)
		enc, off, bits = tab.Type(22).Int()
		put("field %d %d %d", enc, off, bits)
		put("void %v %d %v", tab.Type(0).Kind, len(tab.Type(0).Raw()), tab.Kind(0))

		want := []string{"int int 4 1 0 32", "ptr 1", "array 1 1 10", "member f1 1 0 0", "member f2 1 32 16",
			"value v1 1 false", "value v3 18446744073709551615 true", "value v5 18446744073709551611 true",
			"value v6 18446744073709551615 false", "value 0x123456789", "fwd false true", "func 1 0",
			`param "p1" 1`, `param "p2" 2`, `param "" 0`, "var 1", "entry 14 4 4", "tag 1 -1 true", "field 0 3 5", "void VOID 0 VOID"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("big %v (-want +got):\n%s", big, d)
		}
	}
}

// TestFields follows libbpf's selftest of its field iterator.
func TestFields(t *testing.T) {
	const note = `1 I int 4; 2 C 1; 3 A 2 1 3; 4 S s1 8 f1:3@0 f2:1@32; 5 U u1 8 f1:1@0; 6 E e1 4 v=1 w=2
		7 W f s; 8 T t 1; 9 V 1; 10 C 1; 11 R 1; 12 FN fn 13; 13 FP 1 p1:1 p2:3; 14 VAR v 1; 15 VAR w 1
		16 DS .d 8 14:0:4 15:4:4; 17 F fl 4; 18 DT tag 4; 19 TT tt 1; 20 E64 e64 8 x=1; 21 P 1; 22 FP 0`
	tab := readNote(t, note)
	want := map[Kind]string{
		KindInt: "[] [int]", KindConst: "[1] []", KindArray: "[2 1] []", KindStruct: "[3 1] [s1 f1 f2]", KindUnion: "[1] [u1 f1]",
		KindEnum: "[] [e1 v w]", KindFwd: "[0] [f]", KindTypedef: "[1] [t]", KindVolatile: "[1] []", KindRestrict: "[1] []",
		KindFunc: "[13] [fn]", KindFuncProto: "[0] []", KindVar: "[1] [w]", KindDatasec: "[14 15] [.d]", KindFloat: "[] [fl]",
		KindDeclTag: "[4] [tag]", KindTypeTag: "[1] [tt]", KindEnum64: "[] [e64 x]", KindPtr: "[1] []",
	}
	got := map[Kind]string{}
	fields := func(id ID) string {
		r := tab.Type(id)
		var ids, names []string
		for f, i := r.IDs(), 0; i < f.N; i++ {
			ids = append(ids, fmt.Sprint(r.U32(f.At(i))))
		}
		if r.Name != 0 {
			names = append(names, string(tab.Name(id)))
		}
		for f, i := r.ElemNames(), 0; i < f.N; i++ {
			names = append(names, string(tab.Str(StrOff(r.U32(f.At(i))))))
		}
		return fmt.Sprintf("[%s] [%s]", strings.Join(ids, " "), strings.Join(names, " "))
	}
	for id := ID(1); int(id) < tab.NumIDs(); id++ {
		got[tab.Kind(id)] = fields(id)
		if n := len(tab.Type(id).Raw()); n != RecordSize(tab.Kind(id), tab.Type(id).Vlen) {
			t.Errorf("type %d has %d bytes", id, n)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got, want := fields(13), "[1 1 3] [p1 p2]"; got != want {
		t.Errorf("FUNC_PROTO: got %s, want %s", got, want)
	}
}

func TestPointerSize(t *testing.T) {
	for _, tt := range []struct {
		note string
		want int
	}{
		{"", 0},
		{"1 I int 4", 0},
		{`1 I "long int" 8`, 8},
		{`1 I "unsigned int long" 4`, 4},
		{`1 I "long unsigned int" 4; 2 I long 8`, 4},
		{`1 I long 16; 2 I "int long" 8`, 8},
		{`1 I "long long" 8; 2 F long 8`, 0},
	} {
		tab := readNote(t, tt.note)
		if got := tab.PointerSize(); got != tt.want {
			t.Errorf("%q: got %d, want %d", tt.note, got, tt.want)
		}
	}
	base := readNote(t, `1 I long 4`)
	split := mustRead(t, Assemble(false, unhex(t, "06000000 00000001 08000000 40000000"), nil, []byte("long\x00")), base)
	if got := split.PointerSize(); got != 4 {
		t.Errorf("split: got %d, want that of the base, 4", got)
	}
	if string(split.Name(2)) != "long" {
		t.Errorf("name %q", split.Name(2))
	}
}
