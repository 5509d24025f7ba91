// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/btf"
)

// blob builds small BTF by hand; IDs count from 1, or from those of the base.
type blob struct {
	big   bool
	base  *btf.Table
	next  btf.ID
	types []byte
	strs  []byte
}

func newBlob() *blob { return &blob{next: 1, strs: []byte{0}} }

func (b *blob) str(s string) uint32 {
	if s == "" {
		return 0
	}
	off := len(b.strs)
	b.strs = append(append(b.strs, s...), 0)
	if b.base != nil {
		off += int(b.base.StrEnd())
	}
	return uint32(off)
}

func (b *blob) add(k btf.Kind, name string, vlen, word uint32, rest ...uint32) btf.ID {
	return b.addFlag(k, name, false, vlen, word, rest...)
}

func (b *blob) addFlag(k btf.Kind, name string, kflag bool, vlen, word uint32, rest ...uint32) btf.ID {
	rec := make([]byte, 12+4*len(rest))
	btf.PutRecord(rec, b.big, btf.StrOff(b.str(name)), k, kflag, vlen, word)
	for i, v := range rest {
		btf.PutU32(rec[12+4*i:], b.big, v)
	}
	b.types = append(b.types, rec...)
	b.next++
	return b.next - 1
}

func (b *blob) int(name string, size uint32) btf.ID {
	return b.add(btf.KindInt, name, 0, size, 8*size)
}

func (b *blob) ref(k btf.Kind, name string, to btf.ID) btf.ID { return b.add(k, name, 0, uint32(to)) }
func (b *blob) ptr(to btf.ID) btf.ID                          { return b.ref(btf.KindPtr, "", to) }

func (b *blob) array(elem btf.ID, n uint32) btf.ID {
	return b.add(btf.KindArray, "", 0, 0, uint32(elem), 1, n)
}

type field struct {
	name string
	typ  btf.ID
}

// fields lays out members at 0, 64, 128 and so on.
func (b *blob) structure(k btf.Kind, name string, fields ...field) btf.ID {
	var rest []uint32
	for i, f := range fields {
		off := uint32(64 * i)
		if k == btf.KindUnion {
			off = 0
		}
		rest = append(rest, b.str(f.name), uint32(f.typ), off)
	}
	return b.add(k, name, uint32(len(fields)), uint32(8*len(fields)), rest...)
}

func (b *blob) fn(name string, ret btf.ID, params ...field) btf.ID {
	var rest []uint32
	for _, p := range params {
		rest = append(rest, b.str(p.name), uint32(p.typ))
	}
	proto := b.add(btf.KindFuncProto, "", uint32(len(params)), uint32(ret), rest...)
	return b.ref(btf.KindFunc, name, proto)
}

func (b *blob) tag(text string, on btf.ID) btf.ID {
	return b.add(btf.KindDeclTag, text, 0, uint32(on), ^uint32(0))
}

func (b *blob) bytes() []byte {
	return btf.Assemble(b.big, b.types, nil, b.strs)
}

func (b *blob) table(t *testing.T) *btf.Table {
	t.Helper()
	tab, err := btf.Read(b.bytes(), b.base)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// lines renders the items the way tests name them, derived ones with a mark.
func lines(d *diff) []string {
	var out []string
	for _, it := range d.items {
		s := fmt.Sprintf("%v %v %v %s", d.g.side[it.node], it.place, d.g.kind[it.node], d.g.itemName(it.node))
		if it.derived {
			s += " derived"
		}
		if !it.nominal && it.place != copies {
			s += " variant"
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

func TestCompare(t *testing.T) {
	loop := strings.Repeat("const_*", 8)
	type build func(b *blob)
	tests := []struct {
		name string
		a, b build
		flat bool
		want []string
	}{
		{
			name: "order, byte order and unused strings do not count",
			a: func(b *blob) {
				i := b.int("int", 4)
				b.structure(btf.KindStruct, "s", field{"a", i}, field{"next", 3})
				b.ptr(2)
				b.fn("f", i, field{"x", 3})
			},
			b: func(b *blob) {
				b.big = true
				b.str("unused")
				b.add(btf.KindFunc, "f", 0, 2)
				b.add(btf.KindFuncProto, "", 1, 5, b.str("x"), 4)
				b.structure(btf.KindStruct, "s", field{"a", 5}, field{"next", 4})
				b.ptr(3)
				b.int("int", 4)
			},
		},
		{
			name: "a changed member shows in its struct alone",
			a: func(b *blob) {
				i := b.int("int", 4)
				s := b.structure(btf.KindStruct, "s", field{"a", i})
				b.structure(btf.KindStruct, "user", field{"p", b.ptr(s)})
			},
			b: func(b *blob) {
				b.int("int", 4)
				l := b.int("long", 8)
				s := b.structure(btf.KindStruct, "s", field{"a", l})
				b.structure(btf.KindStruct, "user", field{"p", b.ptr(s)})
			},
			want: []string{"A differs STRUCT s", "B differs STRUCT s", "B only-b INT long"},
		},
		{
			name: "a missing function takes its prototype and tag along",
			a: func(b *blob) {
				i := b.int("int", 4)
				b.tag("bpf_kfunc", b.fn("f", i, field{"x", b.ptr(i)}))
			},
			b:    func(b *blob) { b.int("int", 4) },
			want: []string{"A only-a DECL_TAG bpf_kfunc:f:-1 derived", "A only-a FUNC f", "A only-a FUNC_PROTO int_(int_*x) derived", "A only-a PTR int_* derived"},
		},
		{
			name: "parameter names",
			a:    func(b *blob) { i := b.int("int", 4); b.fn("f", i, field{"x", i}) },
			b:    func(b *blob) { i := b.int("int", 4); b.fn("f", i, field{"y", i}) },
			want: []string{"A only-a FUNC_PROTO int_(int_x) derived", "A params FUNC f", "B only-b FUNC_PROTO int_(int_y) derived", "B params FUNC f"},
		},
		{
			name: "function linkage",
			a:    func(b *blob) { b.int("int", 4); b.add(btf.KindFunc, "f", 0, 3); b.add(btf.KindFuncProto, "", 0, 1) },
			b:    func(b *blob) { b.int("int", 4); b.add(btf.KindFunc, "f", 1, 3); b.add(btf.KindFuncProto, "", 0, 1) },
			want: []string{"A differs FUNC f", "B differs FUNC f"},
		},
		{
			name: "definition on one side, forward declaration on the other",
			a:    func(b *blob) { b.ptr(b.structure(btf.KindStruct, "s")) },
			b:    func(b *blob) { b.ptr(b.add(btf.KindFwd, "s", 0, 0)) },
			want: []string{"A differs STRUCT s", "B differs FWD s"},
		},
		{
			name: "forward declaration of another flavour",
			a:    func(b *blob) { b.ptr(b.addFlag(btf.KindFwd, "s", false, 0, 0)) },
			b:    func(b *blob) { b.ptr(b.addFlag(btf.KindFwd, "s", true, 0, 0)) },
			want: []string{"A only-a FWD s", "A only-a PTR struct_s_* derived", "B only-b FWD s", "B only-b PTR union_s_* derived"},
		},
		{
			name: "array dimensions",
			a: func(b *blob) {
				i := b.int("int", 4)
				b.ref(btf.KindTypedef, "grid", b.array(b.array(i, 3), 4))
			},
			b:    func(b *blob) { i := b.int("int", 4); b.ref(btf.KindTypedef, "grid", b.array(i, 12)) },
			want: []string{"A differs TYPEDEF grid", "A only-a ARRAY int_[3] derived", "A only-a ARRAY int_[4][3] derived", "B differs TYPEDEF grid", "B only-b ARRAY int_[12] derived"},
		},
		{
			name: "array dimensions multiplied out",
			a: func(b *blob) {
				i := b.int("int", 4)
				b.ref(btf.KindTypedef, "grid", b.array(b.array(i, 3), 4))
				b.ref(btf.KindTypedef, "row", b.array(b.array(i, 4), 3))
			},
			b: func(b *blob) {
				n := b.array(b.int("int", 4), 12)
				b.ref(btf.KindTypedef, "grid", n)
				b.ref(btf.KindTypedef, "row", n)
			},
			flat: true,
		},
		{
			name: "array cycle multiplied out",
			a:    func(b *blob) { b.int("int", 4); b.array(2, 3) },
			b:    func(b *blob) { b.int("int", 4); b.array(2, 3) },
			flat: true,
		},
		{
			name: "the other variant of an ambiguous name",
			a: func(b *blob) {
				i := b.int("int", 4)
				s1 := b.structure(btf.KindStruct, "s", field{"a", i})
				b.structure(btf.KindStruct, "s", field{"b", i})
				b.structure(btf.KindStruct, "user", field{"p", b.ptr(s1)})
				b.structure(btf.KindStruct, "far", field{"p", b.ptr(btf.ID(5))})
			},
			b: func(b *blob) {
				i := b.int("int", 4)
				b.structure(btf.KindStruct, "s", field{"a", i})
				s2 := b.structure(btf.KindStruct, "s", field{"b", i})
				b.structure(btf.KindStruct, "user", field{"p", b.ptr(s2)})
				b.structure(btf.KindStruct, "far", field{"p", b.ptr(btf.ID(5))})
			},
			want: []string{
				"A differs STRUCT user variant", "A only-a PTR struct_s_* derived variant",
				"B differs STRUCT user variant", "B only-b PTR struct_s_* derived variant",
			},
		},
		{
			name: "two copies",
			a: func(b *blob) {
				i := b.int("int", 4)
				b.structure(btf.KindStruct, "s", field{"a", i})
				b.structure(btf.KindStruct, "s", field{"a", i})
			},
			b:    func(b *blob) { i := b.int("int", 4); b.structure(btf.KindStruct, "s", field{"a", i}) },
			want: []string{"A copies STRUCT s"},
		},
		{
			name: "a changed typedef explains its users",
			a: func(b *blob) {
				i := b.int("int", 4)
				b.int("long", 8)
				u := b.ref(btf.KindTypedef, "u", i)
				b.structure(btf.KindStruct, "s", field{"a", b.ptr(u)})
			},
			b: func(b *blob) {
				b.int("int", 4)
				l := b.int("long", 8)
				u := b.ref(btf.KindTypedef, "u", l)
				b.structure(btf.KindStruct, "s", field{"a", b.ptr(u)})
			},
			want: []string{
				"A differs STRUCT s derived", "A differs TYPEDEF u", "A only-a PTR u_* derived",
				"B differs STRUCT s derived", "B differs TYPEDEF u", "B only-b PTR u_* derived",
			},
		},
		{
			name: "a typedef and its user that differ on their own",
			a: func(b *blob) {
				u := b.ref(btf.KindTypedef, "u", b.int("int", 4))
				b.structure(btf.KindStruct, "s", field{"a", u})
			},
			b: func(b *blob) {
				u := b.ref(btf.KindTypedef, "u", b.ptr(b.int("int", 4)))
				b.structure(btf.KindStruct, "s", field{"b", u})
			},
			want: []string{
				"A differs STRUCT s", "A differs TYPEDEF u",
				"B differs STRUCT s", "B differs TYPEDEF u", "B only-b PTR int_* derived",
			},
		},
		{
			name: "a section goes with its variables",
			a: func(b *blob) {
				i := b.int("int", 4)
				v := b.add(btf.KindVar, "v", 0, uint32(i), 1)
				w := b.add(btf.KindVar, "w", 0, uint32(i), 1)
				b.add(btf.KindDatasec, ".data", 2, 8, uint32(v), 0, 4, uint32(w), 4, 4)
			},
			b: func(b *blob) {
				i := b.int("int", 4)
				v := b.add(btf.KindVar, "v", 0, uint32(i), 1)
				b.add(btf.KindDatasec, ".data", 1, 8, uint32(v), 0, 4)
			},
			want: []string{"A differs DATASEC .data derived", "A only-a VAR w", "B differs DATASEC .data derived"},
		},
		{
			name: "a pointer that nothing uses",
			a:    func(b *blob) { b.ptr(b.ref(btf.KindConst, "", b.int("int", 4))) },
			b:    func(b *blob) { b.ref(btf.KindConst, "", b.int("int", 4)) },
			want: []string{"A only-a PTR const_int_*"},
		},
		{
			name: "a pointer to what the other side has not",
			a: func(b *blob) {
				i := b.int("int", 4)
				b.ptr(b.ref(btf.KindConst, "", b.structure(btf.KindStruct, "s", field{"a", i})))
			},
			b:    func(b *blob) { b.int("int", 4) },
			want: []string{"A only-a CONST const_struct_s derived", "A only-a PTR const_struct_s_* derived", "A only-a STRUCT s"},
		},
		{
			name: "a nameless chain that nothing uses",
			a:    func(b *blob) { b.ptr(b.ref(btf.KindConst, "", b.int("int", 4))) },
			b:    func(b *blob) { b.int("int", 4) },
			want: []string{"A only-a CONST const_int derived", "A only-a PTR const_int_*"},
		},
		{
			name: "a circle without a name is no excuse for itself",
			a:    func(b *blob) { b.int("int", 4); b.ptr(3); b.ref(btf.KindConst, "", 2) },
			b:    func(b *blob) { b.int("int", 4) },
			want: []string{"A only-a CONST ..._" + loop + "const", "A only-a PTR ..._*" + loop},
		},
		{
			name: "enumerators, signedness, bit fields and tags",
			a: func(b *blob) {
				b.add(btf.KindEnum, "e", 1, 4, b.str("x"), 1)
				b.addFlag(btf.KindEnum64, "f", true, 1, 8, b.str("y"), 1, 0)
				b.addFlag(btf.KindStruct, "bits", true, 1, 4, b.str("m"), 0, 3<<24)
				b.ptr(b.ref(btf.KindTypeTag, "user", 0))
			},
			b: func(b *blob) {
				b.add(btf.KindEnum, "e", 1, 4, b.str("x"), 2)
				b.addFlag(btf.KindEnum64, "f", false, 1, 8, b.str("y"), 1, 0)
				b.addFlag(btf.KindStruct, "bits", true, 1, 4, b.str("m"), 0, 4<<24)
				b.ptr(b.ref(btf.KindTypeTag, "rcu", 0))
			},
			want: []string{
				"A differs ENUM e", "A differs ENUM64 f", "A differs STRUCT bits",
				`A only-a PTR __tag("user")_void_*`, `A only-a TYPE_TAG __tag("user")_void derived`,
				"B differs ENUM e", "B differs ENUM64 f", "B differs STRUCT bits",
				`B only-b PTR __tag("rcu")_void_*`, `B only-b TYPE_TAG __tag("rcu")_void derived`,
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := newBlob(), newBlob()
			tt.a(a)
			tt.b(b)
			got := lines(compare(newGraph(newTrunk(nil), a.table(t), b.table(t), tt.flat), false))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if self := lines(compare(newGraph(newTrunk(nil), a.table(t), a.table(t), tt.flat), false)); len(self) != 0 {
				t.Errorf("a blob differs from itself: %q", self)
			}
		})
	}
}

func TestSplit(t *testing.T) {
	base := newBlob()
	i := base.int("int", 4)
	s := base.structure(btf.KindStruct, "s", field{"a", i})
	under := base.table(t)
	split := func(build func(b *blob)) *btf.Table {
		b := &blob{base: under, next: btf.ID(under.NumIDs())}
		build(b)
		return b.table(t)
	}
	a := split(func(b *blob) { b.ref(btf.KindTypedef, "own", b.ptr(s)) })
	b := split(func(b *blob) { p := b.ptr(s); b.ref(btf.KindTypedef, "own", p); b.ptr(i) })
	want := []string{"B only-b PTR int_*"}
	if diff := cmp.Diff(want, lines(compare(newGraph(newTrunk(under), a, b, false), false))); diff != "" {
		t.Error(diff)
	}
}

// TestRefine compares with bisimilarity computed pair by pair.
func TestRefine(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		g := &graph{start: []uint32{0}}
		const size = 24
		labels := make([]uint32, size)
		cut := make(cuts, size)
		for n := range size {
			labels[n] = uint32(rnd.IntN(3))
			if rnd.IntN(6) == 0 {
				cut[n] = uint32(rnd.IntN(2) + 1)
			}
			g.kind = append(g.kind, btf.KindPtr)
			for range labels[n] {
				g.edges = append(g.edges, node(rnd.IntN(size)))
			}
			g.start = append(g.start, uint32(len(g.edges)))
		}
		class := g.refine(labels, cut)
		same := bruteForce(g, labels, cut)
		for x := range size {
			for y := range size {
				if got := class[x] == class[y]; got != same[x][y] {
					t.Fatalf("seed %d: nodes %d and %d: same class %v, bisimilar %v", seed, x, y, got, same[x][y])
				}
			}
		}
	}
}

func bruteForce(g *graph, labels []uint32, cut cuts) [][]bool {
	same := make([][]bool, len(labels))
	for x := range same {
		same[x] = make([]bool, len(labels))
		for y := range same {
			same[x][y] = labels[x] == labels[y]
		}
	}
	for changed := true; changed; {
		changed = false
		for x := range same {
			for y := range same {
				for i, r := range g.refs(node(x)) {
					if !same[x][y] {
						break
					}
					q := g.refs(node(y))[i]
					if cut[r]|cut[q] != 0 && cut[r] != cut[q] || cut[r]|cut[q] == 0 && !same[r][q] {
						same[x][y], changed = false, true
					}
				}
			}
		}
	}
	return same
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	blobA, blobB := newBlob(), newBlob()
	i := blobA.int("int", 4)
	blobA.structure(btf.KindStruct, "s", field{"a", i}, field{"b", blobA.array(i, 3)})
	blobA.fn("gone", i)
	i = blobB.int("int", 4)
	blobB.structure(btf.KindStruct, "s", field{"a", i}, field{"b", blobB.array(i, 4)})
	a, b := write("a", blobA.bytes()), write("b", blobB.bytes())
	rules := write("rules", []byte("# comment\n\nonly-a FUNC gone known\ndiffers STRUCT ? known too\n"))
	markdown := write("rules.md", []byte("only-a FUNC gone not a rule here\n```btfcompare\ndiffers * s why\n```\n"))
	bad := write("bad", []byte("differs STRUCT\n"))

	variant := func(user uint32) []byte {
		b := newBlob()
		i := b.int("int", 4)
		b.structure(btf.KindStruct, "s", field{"a", i})
		b.structure(btf.KindStruct, "s", field{"b", i})
		b.ref(btf.KindTypedef, "user", btf.ID(user))
		return b.bytes()
	}
	first, second := write("first", variant(2)), write("second", variant(3))

	tests := []struct {
		name string
		args []string
		open int
		want string // somewhere in the output
		err  string // somewhere in the error
	}{
		{name: "equal", args: []string{a, a}, want: "unexplained: 0\n"},
		{name: "first difference", args: []string{a, b}, open: 2, want: ".b: A has elements 3, B has elements 4\n"},
		{name: "rendering", args: []string{a, b}, open: 2, want: "A:3 struct s { int a@0; int b[3]@64; } /*16*/\n"},
		{name: "functions", args: []string{a, b}, open: 2, want: "FUNC names                        A      1  B      0  only A     1  only B     0\n"},
		{name: "limit", args: []string{"-n", "0", a, b}, open: 2, want: "STRUCT differs: 1 more\n"},
		{name: "list", args: []string{"-list", a, b}, open: 2, want: "differs STRUCT s\nonly-a FUNC gone\n"},
		{name: "ignored kinds", args: []string{"-ignore-kinds", "FUNC,STRUCT", a, b}, open: 0, want: "unexplained: 0\n"},
		{name: "rules", args: []string{"-explain", rules, a, b}, want: "      1  only-a FUNC: known\n"},
		{name: "rules in markdown", args: []string{"-explain", markdown, a, b}, open: 1, want: "1  differs STRUCT: why\n"},
		{name: "variant", args: []string{first, second}, open: 1, want: "A has struct s (A:2), B has struct s (B:3)"},
		{name: "nominal", args: []string{"-level", "nominal", first, second}, want: "unexplained: 0\n"},
		{name: "help", args: []string{"-h"}, want: "-flat-arrays"},
		{name: "bad rule", args: []string{"-explain", bad, a, b}, err: `line 1: "differs STRUCT": want PLACE KIND NAME RULE`},
		{name: "unknown kind", args: []string{"-ignore-kinds", "STRUCTURE", a, b}, err: `unknown kind "STRUCTURE"`},
		{name: "unknown level", args: []string{"-level", "deep", a, b}, err: `unknown level "deep"`},
		{name: "one file", args: []string{a}, err: "want two files, got 1"},
		{name: "not BTF", args: []string{a, rules}, err: rules + ": "},
		{name: "no file", args: []string{a, filepath.Join(dir, "none")}, err: "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			open, err := run(tt.args, &out)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if open != tt.open || !strings.Contains(out.String(), tt.want) {
				t.Errorf("%d unexplained, want %d and %q in:\n%s", open, tt.open, tt.want, out.String())
			}
		})
	}
}

// A rule for copies may be for those of one side.
func TestCopiesRule(t *testing.T) {
	build := func(pointers int) *btf.Table {
		b := newBlob()
		i := b.int("int", 4)
		for range pointers {
			b.ptr(i)
		}
		return b.table(t)
	}
	for _, tt := range []struct {
		rule string
		a, b int // pointers
		open int
	}{
		{"copies-b PTR * why", 1, 3, 0},
		{"copies-b PTR * why", 3, 1, 2},
		{"copies-a PTR * why", 3, 1, 0},
		{"copies-a PTR * why", 1, 3, 2},
		{"copies PTR * why", 1, 3, 0},
		{"copies-b CONST * why", 1, 3, 2},
	} {
		var c config
		if err := c.rules.add(tt.rule); err != nil {
			t.Fatal(err)
		}
		d := compare(newGraph(newTrunk(nil), build(tt.a), build(tt.b), false), false)
		if open := d.report(io.Discard, &c); open != tt.open {
			t.Errorf("%s, %d pointers and %d: %d unexplained, want %d", tt.rule, tt.a, tt.b, open, tt.open)
		}
	}
}

func TestRuleErrors(t *testing.T) {
	for _, tt := range []struct{ line, err string }{
		{"everywhere FUNC f why", `unknown place "everywhere"`},
		{"differs FUNCTION f why", `unknown kind "FUNCTION"`},
		{"differs FUNC [ why", "syntax error in pattern"},
	} {
		var r rules
		if err := r.add(tt.line); err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q: error %v, want %q", tt.line, err, tt.err)
		}
	}
}

func TestDecl(t *testing.T) {
	b := newBlob()
	i := b.int("int", 4)
	proto := b.add(btf.KindFuncProto, "", 2, uint32(i), b.str("x"), uint32(b.next+1), 0, 0)
	p := b.ptr(0)
	constPtr := b.ref(btf.KindConst, "", p)
	fnPtr := b.ptr(proto)
	arr := b.array(fnPtr, 2)
	arrPtr := b.ptr(b.array(i, 7))
	anon := b.structure(btf.KindUnion, "", field{"i", i}, field{"p", p})
	outer := b.structure(btf.KindStruct, "outer", field{"", anon}, field{"ops", arr})
	signed := b.addFlag(btf.KindEnum, "e", true, 2, 4, b.str("minus"), ^uint32(0), b.str("one"), 1)
	g := newGraph(newTrunk(nil), b.table(t), b.table(t), false)
	for _, tt := range []struct {
		id     btf.ID
		define bool
		want   string
	}{
		{constPtr, false, "void *const v"},
		{fnPtr, false, "int (*v)(void *x, ...)"},
		{arr, false, "int (*v[2])(void *x, ...)"},
		{arrPtr, false, "int (*v)[7]"},
		{outer, false, "struct outer v"},
		{outer, true, "struct outer { union { int i@0; void *p@0; } /*16*/@0; int (*ops[2])(void *x, ...)@64; } /*16*/"},
		{signed, true, "enum e { minus=-1, one=1, } /*4*/"},
	} {
		got := g.decl(node(tt.id), "v")
		if tt.define {
			got = g.define(node(tt.id))
		}
		if got != tt.want {
			t.Errorf("type %d: %q, want %q", tt.id, got, tt.want)
		}
	}
}
