// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/testkit"
)

// testBase is the base of the tests here:
//
//	1 int, 2 long, 3 struct s { int a; }, 4 struct s *, 5 struct f; 6 struct f *,
//	7 struct user { struct f *p; struct s *q; }, 8 typedef user_t, 9 struct user *,
//	10 int (int x), 11 f(int x), 12 struct two { int a; }, 13 struct two { long a; }
func testBase() *blob {
	b := newBlob()
	i, l := b.int("int", 4), b.int("long", 8)
	s := b.structure(btf.KindStruct, "s", field{"a", i})
	ps := b.ptr(s)
	pf := b.ptr(b.add(btf.KindFwd, "f", 0, 0))
	user := b.structure(btf.KindStruct, "user", field{"p", pf}, field{"q", ps})
	b.ref(btf.KindTypedef, "user_t", user)
	b.ptr(user)
	b.fn("f", i, field{"x", i})
	b.structure(btf.KindStruct, "two", field{"a", i})
	b.structure(btf.KindStruct, "two", field{"a", l})
	return b
}

func over(t *testing.T, under *btf.Table, build func(b *blob)) *blob {
	t.Helper()
	b := &blob{base: under, next: btf.ID(under.NumIDs())}
	build(b)
	return b
}

// copyUser adds struct user with what it refers to, p of the given type.
func copyUser(b *blob, p btf.ID) btf.ID {
	s := b.structure(btf.KindStruct, "s", field{"a", 1})
	return b.structure(btf.KindStruct, "user", field{"p", b.ptr(p)}, field{"q", b.ptr(s)})
}

func TestFold(t *testing.T) {
	under := testBase().table(t)
	type build func(b *blob)
	none := func(b *blob) {}
	tests := []struct {
		name string
		a, b build
		want []string
	}{
		{
			name: "a copy of a type",
			a:    func(b *blob) { b.structure(btf.KindStruct, "own", field{"p", 4}) },
			b: func(b *blob) {
				s := b.structure(btf.KindStruct, "s", field{"a", 1})
				b.structure(btf.KindStruct, "own", field{"p", b.ptr(s)})
			},
			want: []string{"B own-b PTR struct_s_*", "B own-b STRUCT s"},
		},
		{
			name: "a copy on A's side",
			a:    func(b *blob) { b.structure(btf.KindStruct, "s", field{"a", 1}) },
			b:    none,
			want: []string{"A own-a STRUCT s"},
		},
		{
			name: "a copy on both sides",
			a:    func(b *blob) { b.structure(btf.KindStruct, "s", field{"a", 1}) },
			b:    func(b *blob) { b.structure(btf.KindStruct, "s", field{"a", 1}) },
		},
		{
			name: "no copy: another member",
			a:    none,
			b:    func(b *blob) { b.structure(btf.KindStruct, "s", field{"a", 2}) },
			want: []string{"B only-b STRUCT s"},
		},
		{
			name: "no copy: another type behind a pointer",
			a:    none,
			b: func(b *blob) {
				s := b.structure(btf.KindStruct, "s", field{"a", 2})
				user := b.structure(btf.KindStruct, "user", field{"p", 6}, field{"q", b.ptr(s)})
				b.ref(btf.KindTypedef, "user_t", user)
			},
			want: []string{"B only-b PTR struct_s_* derived", "B only-b STRUCT s", "B only-b STRUCT user", "B only-b TYPEDEF user_t"},
		},
		{
			name: "a forward declaration stands for its definition",
			a:    func(b *blob) { b.structure(btf.KindStruct, "f", field{"x", 1}) },
			b: func(b *blob) {
				f := b.structure(btf.KindStruct, "f", field{"x", 1})
				b.ref(btf.KindTypedef, "user_t", copyUser(b, f))
			},
			want: []string{"B own-b PTR struct_s_*", "B own-b STRUCT s", "B own-b STRUCT user", "B own-b TYPEDEF user_t"},
		},
		{
			name: "also where the base has the definition",
			a:    none,
			b:    func(b *blob) { b.ptr(b.add(btf.KindFwd, "s", 0, 0)) },
			want: []string{"B own-b FWD s", "B own-b PTR struct_s_*"},
		},
		{
			name: "but not one of another flavour",
			a:    none,
			b:    func(b *blob) { b.addFlag(btf.KindFwd, "s", true, 0, 0) },
			want: []string{"B only-b FWD s"},
		},
		{
			name: "nor one that may mean several",
			a:    none,
			b:    func(b *blob) { b.add(btf.KindFwd, "two", 0, 0) },
			want: []string{"B only-b FWD two"},
		},
		{
			name: "each of several definitions",
			a:    none,
			b: func(b *blob) {
				b.structure(btf.KindStruct, "two", field{"a", 2})
				b.structure(btf.KindStruct, "two", field{"b", 2})
			},
			want: []string{"B only-b STRUCT two", "B own-b STRUCT two"},
		},
		{
			name: "the definition of what the base announces is no copy",
			a:    none,
			b:    func(b *blob) { b.structure(btf.KindStruct, "f", field{"x", 1}) },
			want: []string{"B only-b STRUCT f"},
		},
		{
			name: "a function says which it means",
			a:    func(b *blob) { b.fn("g", 0, field{"x", b.ptr(b.structure(btf.KindStruct, "f", field{"x", 1}))}) },
			b:    func(b *blob) { b.structure(btf.KindStruct, "f", field{"x", 1}); b.fn("g", 0, field{"x", 6}) },
			want: []string{
				"A differs FUNC g", "A only-a FUNC_PROTO void_(struct_f_*x) derived", "A only-a PTR struct_f_* derived",
				"B differs FUNC g", "B only-b FUNC_PROTO void_(struct_f_*x) derived",
			},
		},
		{
			name: "a function that the base has, and one that it has not",
			a:    func(b *blob) { b.fn("f", 1, field{"x", 1}) },
			b:    func(b *blob) { b.fn("f", 1, field{"y", 1}) },
			want: []string{"A own-a FUNC f", "A own-a FUNC_PROTO int_(int_x)", "B only-b FUNC f", "B only-b FUNC_PROTO int_(int_y) derived"},
		},
		{
			name: "a pointer that nothing uses, to a type of the module's",
			a:    func(b *blob) { b.structure(btf.KindStruct, "f", field{"x", 1}) },
			b:    func(b *blob) { b.ptr(b.structure(btf.KindStruct, "f", field{"x", 1})) },
			want: []string{"B only-b PTR struct_f_*"},
		},
		{
			name: "a circle without a name stays",
			a:    none,
			b:    func(b *blob) { n := b.next; b.ptr(n + 1); b.ref(btf.KindConst, "", n) },
			want: []string{
				"B only-b CONST ..._" + strings.Repeat("const_*", 8) + "const",
				"B only-b PTR ..._*" + strings.Repeat("const_*", 8),
			},
		},
		{
			name: "variables are nobody's copies",
			a:    none,
			b:    func(b *blob) { b.add(btf.KindVar, "v", 0, 1, 1) },
			want: []string{"B only-b VAR v"},
		},
		{
			name: "two copies of a type of the module's",
			a:    func(b *blob) { b.structure(btf.KindStruct, "own", field{"p", 4}) },
			b: func(b *blob) {
				b.structure(btf.KindStruct, "own", field{"p", 4})
				b.structure(btf.KindStruct, "own", field{"p", 4})
			},
			want: []string{"B copies STRUCT own"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := newTrunk(under)
			a, b := over(t, under, tt.a).table(t), over(t, under, tt.b).table(t)
			if diff := cmp.Diff(tt.want, lines(compare(newGraph(tr, a, b, false), false))); diff != "" {
				t.Error(diff)
			}
			for _, x := range []*btf.Table{a, b} {
				if self := lines(compare(newGraph(tr, x, x, false), false)); len(self) != 0 {
					t.Errorf("a blob differs from itself: %q", self)
				}
			}
		})
	}
}

// TestVariants tells a reference to another one of several definitions, which both
// sides have, from one to a definition that is on one side only.
func TestVariants(t *testing.T) {
	under := testBase().table(t)
	build := func(means, second string) *btf.Table {
		return over(t, under, func(b *blob) {
			x := b.structure(btf.KindStruct, "v", field{"x", 1})
			y := b.structure(btf.KindStruct, "v", field{second, 2})
			if means == second {
				x = y
			}
			user := b.structure(btf.KindStruct, "holder", field{"p", b.ptr(x)})
			b.fn("g", 0, field{"h", b.ptr(user)})
			b.ptr(x)
			b.ptr(y)
		}).table(t)
	}
	announced := over(t, under, func(b *blob) {
		b.structure(btf.KindStruct, "v", field{"x", 1})
		b.structure(btf.KindStruct, "v", field{"y", 2})
		b.structure(btf.KindStruct, "holder", field{"p", b.ptr(b.add(btf.KindFwd, "v", 0, 0))})
	}).table(t)
	plain := over(t, under, func(b *blob) { b.structure(btf.KindStruct, "f", field{"x", 1}) }).table(t)
	orphan := func(root, to btf.ID) *btf.Table {
		return over(t, under, func(b *blob) {
			b.ptr(b.structure(btf.KindStruct, "f", field{"x", 1}))
			b.ptr(b.ref(btf.KindConst, "", to))
			if root != 0 {
				b.ref(btf.KindTypedef, "t", root)
			}
		}).table(t)
	}
	for _, tt := range []struct {
		name string
		a, b *btf.Table
		want map[string]string // rule by item, without those that follow from others
	}{
		{"the same", build("x", "y"), build("x", "y"), map[string]string{}},
		{"another one", build("x", "y"), build("y", "y"), map[string]string{
			"A differs STRUCT holder": "refers to another definition of struct v",
			"B differs STRUCT holder": "refers to another definition of struct v",
			"A only-a PTR struct v *": "refers to another definition of struct v",
			"B copies PTR struct v *": "superfluous, there is an equal one beside it",
		}},
		{"one that the other side has not", build("z", "z"), build("y", "y"), map[string]string{
			"A differs STRUCT v": "", "B differs STRUCT v": "",
			"A only-a PTR struct v *": "", "B only-b PTR struct v *": "",
		}},
		{"announced only", build("x", "y"), announced, map[string]string{
			"A differs STRUCT holder": "",
			"A only-a FUNC g":         "", "B only-b FWD v": "", "A only-a PTR struct v *": "",
		}},
		{"a part left over, and one that the base has not", plain, orphan(0, 3), map[string]string{
			"B only-b PTR struct f *":       "superfluous, a part of what is now the base's",
			"B only-b PTR const struct s *": "",
		}},
		{"a part that is used", plain, orphan(btf.ID(under.NumIDs()+1), 3), map[string]string{
			"B only-b TYPEDEF t": "", "B only-b PTR const struct s *": "",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := compare(newGraph(newTrunk(under), tt.a, tt.b, false), false)
			got := map[string]string{}
			for _, it := range d.items {
				if name := d.g.name[it.node]; !it.derived {
					if !d.g.named(it.node) {
						name = d.g.decl(it.node, "")
					}
					got[fmt.Sprintf("%v %v %v %s", d.g.side[it.node], it.place, d.g.kind[it.node], name)] = d.builtIn(it)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestListedRules reads the allow-list that the scripts use: it has to say something
// about modules, and nothing about what is not there.
func TestListedRules(t *testing.T) {
	var r rules
	if err := r.readFile("../../testdata/differences.md"); err != nil {
		t.Fatal(err)
	}
	under := testBase().table(t)
	empty := over(t, under, func(b *blob) {}).table(t)
	full := over(t, under, func(b *blob) {
		b.fn("f", 1, field{"x", 1})
		b.structure(btf.KindStruct, "s", field{"a", 1})
		b.fn("g", 1, field{"x", 1})
	}).table(t)
	got := map[string]string{}
	d := compare(newGraph(newTrunk(under), full, empty, false), false)
	for _, it := range d.items {
		if d.g.named(it.node) {
			got[fmt.Sprintf("%v %v", it.place, d.g.name[it.node])], _ = r.find(d.g, it)
		}
	}
	want := map[string]string{"own-a f": "functions of modules", "own-a s": "", "only-a g": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhy(t *testing.T) {
	under := testBase().table(t)
	for _, tt := range []struct {
		name  string
		build func(b *blob) btf.ID
		want  string
	}{
		{"size", func(b *blob) btf.ID { return b.structure(btf.KindStruct, "s", field{"a", 1}, field{"b", 1}) },
			"struct s: own has size 16, the base size 8"},
		{"member", func(b *blob) btf.ID { return b.structure(btf.KindStruct, "s", field{"b", 1}) },
			"struct s: own has member 0 b@0, the base member 0 a@0"},
		{"type of a member", func(b *blob) btf.ID { return b.structure(btf.KindStruct, "s", field{"a", 2}) },
			"struct s.a: own has name long, the base name int"},
		{"behind names", func(b *blob) btf.ID {
			s := b.structure(btf.KindStruct, "s", field{"a", 2})
			user := b.structure(btf.KindStruct, "user", field{"p", 6}, field{"q", b.ptr(s)})
			return b.ref(btf.KindTypedef, "user_t", user)
		}, "struct s.a: own has name long, the base name int"},
		{"announced", func(b *blob) btf.ID { return b.structure(btf.KindStruct, "f") },
			"announced in the base, defined here"},
		{"several", func(b *blob) btf.ID { return b.add(btf.KindFwd, "two", 0, 0) },
			"announced here, and the base has several definitions or another kind"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var id btf.ID
			g := newGraph(newTrunk(under), over(t, under, func(b *blob) { id = tt.build(b) }).table(t), nil, false)
			m := g.fold()
			if got := m.reason(node(id), g.namesakes(node(id))); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// folder writes blobs into a folder of that name.
func folder(t *testing.T, dir, name string, files map[string][]byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	for file, data := range files {
		if err := os.WriteFile(filepath.Join(path, file), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestRunSplit(t *testing.T) {
	dir := t.TempDir()
	base := testBase()
	under := base.table(t)
	split := func(build func(b *blob)) []byte { return over(t, under, build).bytes() }
	empty := split(func(b *blob) {})
	s := split(func(b *blob) { b.structure(btf.KindStruct, "s", field{"a", 1}) })
	other := split(func(b *blob) { b.structure(btf.KindStruct, "s", field{"a", 2}) })
	twice := split(func(b *blob) { b.add(btf.KindUnion, "u", 0, 8); b.add(btf.KindUnion, "u", 0, 8) })
	once := split(func(b *blob) { b.add(btf.KindUnion, "u", 0, 8) })
	invalid := split(func(b *blob) { b.add(btf.KindStruct, "0 bad name", 0, 8) })

	files := folder(t, dir, "", map[string][]byte{"base": base.bytes(), "other": other, "invalid": invalid,
		"elf":  (&testkit.ELF{Sections: []testkit.Section{{Name: ".BTF", Data: other}}}).Assemble().Data,
		"none": (&testkit.ELF{Sections: []testkit.Section{{Name: ".text"}}}).Assemble().Data})
	at := func(name string) string { return filepath.Join(files, name) }
	lean := folder(t, dir, "lean", map[string][]byte{"1": empty, "2": empty, "3": once})
	fat := folder(t, dir, "fat", map[string][]byte{"1": s, "2": s, "3": twice, "3.base": nil})
	wrong := folder(t, dir, "wrong", map[string][]byte{"1": other, "2": other, "3": once})
	more := folder(t, dir, "more", map[string][]byte{"1": empty, "2": empty, "3": once, "4": once})
	foreign := folder(t, dir, "foreign", map[string][]byte{"5": once})

	plain := func(size uint32) []byte { b := newBlob(); b.int("int", size); return b.bytes() }
	ref := func(base []byte) []byte {
		tab, err := btf.Read(base, nil)
		if err != nil {
			t.Fatal(err)
		}
		return over(t, tab, func(b *blob) { b.ptr(1) }).bytes()
	}
	d1 := folder(t, dir, "d1", map[string][]byte{"m": ref(plain(4)), "m.base": plain(4)})
	d2 := folder(t, dir, "d2", map[string][]byte{"m": ref(plain(8)), "m.base": plain(8)})

	tests := []struct {
		name string
		args []string
		open int
		want []string // somewhere in the output
		err  string   // somewhere in the error
	}{
		{name: "folders", args: []string{lean, lean}, want: []string{"3 pairs of files, 3 without unexplained differences", "\nunexplained: 0\n"}},
		{name: "what the other tool has too much", args: []string{lean, fat}, want: []string{
			"2  own-b STRUCT: superfluous, the base has an equal one", "1  copies UNION: superfluous, there is an equal one beside it", "\nunexplained: 0\n"}},
		{name: "what we have too much", args: []string{fat, lean}, open: 3, want: []string{
			"3 pairs of files, 0 without", "STRUCT, own-a:\n in 2 files, first 1\n", "equal to shared:3, which the other side uses", "UNION, copies:\n"}},
		{name: "what differs", args: []string{lean, wrong}, open: 2, want: []string{"1 without unexplained", "STRUCT, only-b:\n in 2 files, first 1\n"}},
		{name: "missing in A", args: []string{lean, more}, open: 1, want: []string{"missing: " + filepath.Join(lean, "4")}},
		{name: "missing in B", args: []string{more, lean}, open: 1, want: []string{"missing: " + filepath.Join(lean, "4")}},
		{name: "list", args: []string{"-list", lean, wrong}, open: 2, want: []string{"only-b STRUCT s\n"}},
		{name: "limit", args: []string{"-n", "0", lean, wrong}, open: 2, want: []string{"STRUCT, only-b: 1 more\n"}},
		{name: "ignored kinds", args: []string{"-ignore-kinds", "STRUCT", lean, wrong}, want: []string{"3 without unexplained"}},
		{name: "nothing in common", args: []string{lean, foreign}, err: "have no file in common"},
		{name: "own", args: []string{"-own", lean}, want: []string{
			"files 3  own types 1  ", "differ from it: 0, for 0 reasons", "0 with 0 names, 0 without"}},
		{name: "own copies", args: []string{"-own", fat}, open: 1, want: []string{
			"own types that the base has as well: 2 with 1 names, 0 without a name; functions: 0\n      2  STRUCT s\n"}},
		{name: "own namesakes", args: []string{"-own", wrong, at("other")}, want: []string{
			"differ from it: 3, for 1 reasons\n      3  struct s.a: own has name long, the base name int  (struct s in 1)\n"}},
		{name: "own invalid", args: []string{"-own", at("invalid")}, open: 1, want: []string{"not valid: " + at("invalid")}},
		{name: "own without files", args: []string{"-own"}, err: "no file given"},
		{name: "ELF file", args: []string{at("elf"), at("other")}, want: []string{"\nunexplained: 0\n"}},
		{name: "ELF file without BTF", args: []string{at("none"), at("other")}, err: "no section .BTF"},
		{name: "flat", args: []string{"-flat-arrays", lean, lean}, err: "-base excludes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			open, err := run(append([]string{"-base", at("base")}, tt.args...), &out)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil || open != tt.open {
				t.Fatalf("%d unexplained, error %v, want %d in:\n%s", open, err, tt.open, out.String())
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in:\n%s", want, out.String())
				}
			}
		})
	}

	for _, tt := range []struct {
		name string
		args []string
		open int
		err  string
	}{
		{"distilled bases", []string{"-own-bases", d1, d1}, 0, ""},
		{"distilled bases that differ", []string{"-own-bases", d1, d2}, 3, ""},
		{"no distilled base", []string{"-own-bases", filepath.Join(lean, "1"), filepath.Join(lean, "1")}, 0, "1.base"},
		{"own needs a base", []string{"-own", lean}, 0, "-own needs -base"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			open, err := run(tt.args, new(strings.Builder))
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) || open != tt.open {
				t.Errorf("%d unexplained, error %v, want %d and %q", open, err, tt.open, tt.err)
			}
		})
	}
}
