// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"fmt"
	"strings"
	"testing"

	"github.com/btfgen/btfgen/internal/btf"
)

// The notes define types 1 and 2, which are compared.
func TestDifference(t *testing.T) {
	tests := []struct{ name, note, want string }{
		{"size", "1 S s 4 x:3@0; 2 S s 8 x:3@0; 3 I int 4 s", "4 and 8 bytes"},
		{"number of members", "1 S s 4 x:3@0; 2 S s 4 x:3@0 y:3@0; 3 I int 4 s", "1 and 2 members"},
		{"name of a member", "1 S s 4 x:3@0; 2 S s 4 y:3@0; 3 I int 4 s", `member 1 is "x" and "y"`},
		{"offset", "1 S s 8 x:3@0; 2 S s 8 x:3@32; 3 I int 4 s", "member x is at bit 0 and 32"},
		{"bitfield", "1 S s 4 x:3@0:3; 2 S s 4 x:3@0:4; 3 I int 4 s", "member x has 3 and 4 bits"},
		{"kind of a member", "1 S s 8 x:3@0; 2 S s 8 x:4@0; 3 P 0; 4 I int 4 s", "member x: void * and int"},
		{"deep", "1 S s 8 x:3@0; 2 S s 8 x:4@0; 3 P 5; 4 P 6; 5 S t 4 -:7@0; 6 S t 4 -:8@0; 7 U - 4 a:9@0; 8 U - 4 b:9@0; 9 I int 4 s",
			`member x: member 1: member 1 is "a" and "b"`},
		{"cycle", "1 S s 8 x:3@0; 2 S s 8 x:4@0; 3 P 1; 4 P 2", ""},
		{"parameter", "1 FN f 3; 2 FN f 4; 3 FP 0 a:5; 4 FP 0 a:6; 5 C 7; 6 P 7; 7 S s 4", "parameter 1: const struct s and struct s *"},
		{"name of a parameter", "1 FN f 3; 2 FN f 4; 3 FP 0 a:5; 4 FP 0 b:5; 5 I int 4 s", `parameter 1 is called "a" and "b"`},
		{"number of parameters", "1 FN f 3; 2 FN f 4; 3 FP 0 a:5; 4 FP 0; 5 I int 4 s", "1 and 0 parameters"},
		{"return value", "1 FN f 3; 2 FN f 4; 3 FP 5; 4 FP 0; 5 I int 4 s", "return value: int and void"},
		{"linkage", "1 FN f 3 s; 2 FN f 3 g; 3 FP 0", "one has linkage 0, the other 1"},
		{"typedef", "1 T t 3; 2 T t 4; 3 A 5 6 3; 4 A 5 6 4; 5 I char 1; 6 I int 4 s", "char[3] and char[4]"},
		{"elements of arrays", "1 T t 3; 2 T t 4; 3 A 5 6 3; 4 A 6 6 3; 5 I char 1; 6 I int 4 s", "char and int"},
		{"forward", "1 T t 3; 2 T t 4; 3 W x u; 4 U x 4", "union x (declared only) and union x"},
		{"enum", "1 T t 3; 2 T t 4; 3 E e 4 a=1; 4 E e 4 a=-2", "value 1 is a=1 and a=-2"},
		{"length of an enum", "1 T t 3; 2 T t 4; 3 E e 4 a=1; 4 E e 4 a=1 b=2", "1 values in 4 bytes and 2 in 4"},
		{"int", "1 T t 3; 2 T t 4; 3 I int 4; 4 I int 8", "int of 4 and 8 bytes"},
		{"anonymous", "1 T t 3; 2 T t 4; 3 S - 4; 4 E - 4", "struct {...} and enum {...}"},
		{"none", "1 S s 4 x:3@0; 2 S s 4 x:3@0; 3 I int 4 s", ""},
		{"long name", "1 T t 3; 2 T t 4; 3 S " + strings.Repeat("n", 101) + " 4; 4 I int 4 s", "struct (long name) and int"},
	}
	for _, tt := range tests {
		blob, _ := blobs(t, tt.note, "", false)
		if got := difference(both(mustRead(t, blob, nil))); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Of a type in a distilled base only name and size are left: it may be any that has these.
func TestDifferenceDistilled(t *testing.T) {
	const base = "1 S s 8; 2 E e 4; 3 U u 8; 4 I int 4 s"
	tests := []struct{ note, want string }{
		{"5 S s 8 x:4@0", ""},
		{"5 S s 16 x:4@0", "struct s of 8 and 16 bytes"},
		{"5 U s 8 x:4@0", "struct s and union s"},
		{"5 S own 8 x:4@0", "struct s and struct own"},
	}
	for _, tt := range tests {
		blob, baseBlob := blobs(t, tt.note, base, false)
		tab := mustRead(t, blob, mustRead(t, baseBlob, nil))
		if got := difference(side{tab, 1}, side{tab, 5}); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.note, got, tt.want)
		}
	}
	// What leads there, in BTF that has the whole.
	blob, baseBlob := blobs(t, "5 S o 24 s:1@0 e:2@64 u:3@128", base, false)
	whole, _ := blobs(t, "1 S o 24 s:2@0 e:3@64 u:4@128; 2 S s 8 x:5@0; 3 E64 e 4 v=1; 4 U u 8 x:5@0; 5 I long 8 s", "", false)
	a, b := side{mustRead(t, blob, mustRead(t, baseBlob, nil)), 5}, side{mustRead(t, whole, nil), 1}
	if ab, ba := difference(a, b), difference(b, a); ab != "" || ba != "" {
		t.Errorf("%q and %q", ab, ba)
	}
}

// both returns the types 1 and 2.
func both(t *btf.Table) (a, b side) { return side{t, 1}, side{t, 2} }

// Types may be as large or as deep as they want.
func TestDifferenceBounded(t *testing.T) {
	var note strings.Builder
	const n = 100000
	for id := 1; id <= 2; id++ {
		fmt.Fprintf(&note, "%d FP 0", id)
		for range n {
			note.WriteString(" a:0")
		}
		if id == 2 {
			note.WriteString(" b:0")
		}
		note.WriteString("; ")
	}
	blob, _ := blobs(t, note.String(), "", false)
	if got := difference(both(mustRead(t, blob, nil))); got != "" {
		t.Errorf("%q", got)
	}
	note.Reset()
	for id := 1; id <= 2*n; id += 2 {
		fmt.Fprintf(&note, "%d P %d; %d P %d; ", id, id+2, id+1, id+3)
	}
	blob, _ = blobs(t, note.String()+fmt.Sprintf("%d I int 4; %d I long 8", 2*n+1, 2*n+2), "", false)
	if got := difference(both(mustRead(t, blob, nil))); got != "" {
		t.Errorf("%q", got)
	}
}
