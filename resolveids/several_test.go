// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/btf"
)

// TestSeveral: a warning about several types of a name says how they differ, and which units have which. dwarf is the BTF that
// encoding again gives, of which the types in units have a place.
func TestSeveral(t *testing.T) {
	const (
		two   = "1 I int 4 s; 2 I long 8 s; 3 S s 4 x:1@0; 4 S s 8 x:2@0"
		base  = "1 I int 4 s; 2 P 1; 3 S s 16 a:1@0 b:2@64; 4 S other 8 s:5@0; 5 P 3"
		own   = "6 S s 4 x:1@0; 7 S own 8 o:8@0; 8 P 4"
		third = "6 S s 4 x:1@0; 7 S s 16 a:1@0 c:2@64; 8 S own 8 o:9@0; 9 P 4; 10 S user 16 s:11@0; 11 P 3"
	)
	tests := []struct {
		name       string
		base, blob string
		distill    bool
		dwarf      string // "": blob
		units      map[btf.ID]string
		want       []string
		ids        []string // nil: struct s and one that there is not
	}{
		{name: "nothing is known", blob: two, want: []string{"3, 4 - using 3: member x: int and long"}},
		{name: "both are known", blob: two, units: map[btf.ID]string{3: "a.c and 2 more units", 4: "b.c"},
			want: []string{"3, 4 - using 3: member x: int and long; 3 is of a.c and 2 more units, 4 of b.c"}},
		{name: "in another order", blob: two, dwarf: "1 I long 8 s; 2 S s 8 x:1@0; 3 I int 4 s; 4 S s 4 x:3@0", units: map[btf.ID]string{2: "b.c", 4: "a.c"},
			want: []string{"3, 4 - using 3: member x: int and long; 3 is of a.c, 4 of b.c"}},
		{name: "one is known", blob: two, dwarf: "1 I long 8 s; 2 S s 8 x:1@0", units: map[btf.ID]string{2: "b.c"},
			want: []string{"3, 4 - using 3: member x: int and long; 4 is of b.c"}},
		{name: "of other types", blob: two, dwarf: "1 I int 4; 2 S s 4 y:1@0", units: map[btf.ID]string{2: "b.c"},
			want: []string{"3, 4 - using 3: member x: int and long"}},
		{name: "three", blob: two + "; 5 S s 4 y:1@0", units: map[btf.ID]string{3: "a.c", 4: "b.c", 5: "c.c"}, want: []string{
			"3, 4 - using 3: member x: int and long; 3 is of a.c, 4 of b.c",
			`3, 5 - using 3: member 1 is "x" and "y"; 3 is of a.c, 5 of c.c`}},
		{name: "a typedef", blob: "1 I int 4 s; 2 T t 1; 3 T t 4; 4 P 1", units: map[btf.ID]string{2: "a.c", 3: "b.c"}, ids: []string{"typedef t", "typedef none"},
			want: []string{"2, 3 - using 2: int and int *; 2 is of a.c, 3 of b.c"}},
		{name: "of the base", base: base, blob: own, units: map[btf.ID]string{6: "a.c"},
			want: []string{`3, 6 - using 3: member 1 is "a" and "x"; 3 is of the base, 6 of a.c`}},
		{name: "of the base, units alone", base: base, blob: own, dwarf: "1 I int 4 s; 2 S s 4 x:1@0", units: map[btf.ID]string{2: "a.c"},
			want: []string{`3, 6 - using 3: member 1 is "a" and "x"; 3 is of the base, 6 of a.c`}},
		{name: "of the base, units unknown", base: base, blob: own, want: []string{`3, 6 - using 3: member 1 is "a" and "x"; 3 is of the base`}},
		// Its members come from the whole base, and what lies behind them has a name and a size.
		{name: "of a distilled base", base: base, blob: third, distill: true, units: map[btf.ID]string{6: "a.c", 7: "b.c"}, want: []string{
			`2, 4 - using 2: member 1 is "a" and "x"; 2 is of the base, 4 of a.c`,
			`2, 5 - using 2: member 2 is "b" and "c"; 2 is of the base, 5 of b.c`}},
		{name: "too deep to tell: in order", blob: deep(40, "int", "long"), units: map[btf.ID]string{1: "a.c", 2: "b.c"},
			want: []string{"1, 2 - using 1: 1 is of a.c, 2 of b.c"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := Input{}
			blob, baseBlob := blobs(t, tt.blob, tt.base, false)
			var base *btf.Table
			if in.BTF = blob; tt.base != "" {
				base = mustRead(t, baseBlob, nil)
				in.Base = btf.NewBase(base)
			}
			if tt.units != nil {
				table := mustRead(t, blob, base)
				if tt.dwarf != "" {
					again, _ := blobs(t, tt.dwarf, "", false)
					table = mustRead(t, again, nil)
				}
				in.Definitions = func(kind btf.Kind, name string) (list []Definition) {
					for id := btf.ID(1); int(id) < table.NumIDs(); id++ {
						if where, ok := tt.units[id]; ok && table.Kind(id) == kind && string(table.Name(id)) == name {
							list = append(list, Definition{table, id, where})
						}
					}
					return list
				}
			}
			if tt.ids == nil {
				tt.ids = []string{"struct s", "struct none"}
			}
			kernel := Kernel{6, 12} // which leaves types in their order
			res, err := Resolve(mustReadIDs(t, []part{list(tt.ids...)}, false), in, Options{Kernel: kernel, Distill: tt.distill})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range res.Warnings {
				if w.Kind == MultipleIDs {
					got = append(got, strings.TrimPrefix(w.Text, fmt.Sprintf("WARN: multiple IDs found for '%s': ", w.Name)))
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
}

// deep notes two structs s that differ n pointers further on.
func deep(n int, a, b string) string {
	note := "1 S s 8 p:3@0; 2 S s 8 p:4@0"
	for i := range n {
		note += fmt.Sprintf("; %d P %d; %d P %d", 3+2*i, 5+2*i, 4+2*i, 6+2*i)
	}
	return note + fmt.Sprintf("; %d I %s 4; %d I %s 8", 3+2*n, a, 4+2*n, b)
}

// Definitions are asked for once for each name, and only if there is a warning.
func TestDefinitionsAsked(t *testing.T) {
	for _, tt := range []struct {
		blob string
		want int
	}{{"1 S s 4; 2 S t 4", 0}, {"1 S s 4; 2 S s 8; 3 S s 12; 4 S s 16", 1}} {
		asked := 0
		blob, _ := blobs(t, tt.blob, "", false)
		in := Input{BTF: blob, Definitions: func(btf.Kind, string) []Definition { asked++; return nil }}
		if _, err := Resolve(mustReadIDs(t, []part{list("struct s", "struct none")}, false), in, Options{}); err != nil {
			t.Fatal(err)
		}
		if asked != tt.want {
			t.Errorf("%s: asked %d times", tt.blob, asked)
		}
	}
}

// However many functions are missing, no more are asked for than anybody reads of.
func TestMissingBounded(t *testing.T) {
	var want []string
	for i := range 300 {
		want = append(want, fmt.Sprintf("func f%d", i))
	}
	asked := 0
	blob, _ := blobs(t, "1 I int 4 s", "", false)
	res, err := Resolve(mustReadIDs(t, []part{list(want...)}, false), Input{BTF: blob, WhyNoFunc: func(string) string { asked++; return "because" }}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Warnings) != 300 || asked != maxDetails {
		t.Errorf("%d warnings, %d reasons", len(res.Warnings), asked)
	}
}
