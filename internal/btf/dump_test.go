// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"errors"
	"testing"

	"github.com/btfgen/btfgen/internal/testkit/btfnote"
	"github.com/google/go-cmp/cmp"
)

func TestDump(t *testing.T) {
	const want = `1 INT int 4 s
2 PTR 1
3 ARRAY 1 1 10
4 STRUCT s1 8 kf f1:1@0 f2:1@32:16
5 UNION u1 8 f1:1@0 f2:2@0
6 ENUM e1 4 v1=1 v2=2
7 FWD fwd s
8 TYPEDEF typedef1 1
9 VOLATILE 1
10 CONST 1
11 RESTRICT 2
12 FUNC func1 13 g
13 FUNC_PROTO 1 p1:1 p2:2 -:0
14 VAR var1 1 g
15 DATASEC .data 12 14:4:4
16 FLOAT float 4
17 DECL_TAG tag1 4 1
18 TYPE_TAG tag2 1
19 ENUM64 e2 8 s v3=-1 v4=4886718345
20 ENUM e3 4 s v5=-5
21 FWD fwdu u
22 INT field 4 - 3:5
23 INT char 1 c
24 INT bool 1 b
25 FUNC func2 13 s
26 ENUM64 e4 8 v6=18446744073709551615
27 DECL_TAG tag3 12 -1 kf
`
	for _, big := range []bool{false, true} {
		got := dumpText(t, mustRead(t, noteBlob(t, big, noteAllKinds), nil))
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("big %v (-want +got):\n%s", big, d)
		}
	}
}

// dumpCases are odd types: the text, which as a note makes the same type again.
var dumpCases = []string{
	`1 INT "long unsigned int" 8 -`,
	`1 INT "a\"b\\c\n\xff\u00e4" 1 -`,
	`1 INT - 4 -`,
	`1 INT "-" 4 -`,
	`1 INT a 4 3`,
	`1 INT a 4 15 255:255`,
	`1 INT a 4 - 0:31`,
	`1 INT a 4 s !int=285212704`,
	`1 STRUCT - 4 kf "a b":0@16777215:255 -:1@0`,
	`1 STRUCT s 4 kf`,
	`1 STRUCT s 4294967295 a:1@4294967295`,
	`1 ENUM "e:=" 4 s "=:"=-2147483648 b=2147483647`,
	`1 ENUM e 4 a=4294967295`,
	`1 ENUM64 e 8 s a=-9223372036854775808 b=9223372036854775807`,
	`1 ENUM - 4`,
	`1 FWD "a;b#c" u`,
	`1 TYPEDEF a 0 !vlen=3 !kf`,
	`1 PTR 0 !name="a b" !vlen=16777215 !kf`,
	`1 ARRAY 0 0 4294967295 !name=n !word=9 !kf`,
	`1 FWD f s !word=1 !vlen=1`,
	`1 FUNC_PROTO 0 a:1 -:0 !name=p !kf`,
	`1 VAR v 0 x`,
	`1 VAR v 0 4294967295`,
	`1 DATASEC ".a b" 4 1:2:3 0:4294967295:0 !kf`,
	`1 FLOAT f 3 !vlen=1`,
	`1 DECL_TAG t 0 -2147483648`,
	`1 TYPE_TAG "user \"x\"" 0 kf`,
	`1 FUNC f 2 7 !kf` + "\n" + `2 FUNC_PROTO 0`,
}

func TestDumpRoundTrip(t *testing.T) {
	for _, text := range append(dumpCases, "") {
		if text != "" {
			text += "\n"
		}
		if got := dumpText(t, readNote(t, text)); got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
}

func TestDumpSplit(t *testing.T) {
	base := btfnote.New(false)
	if err := base.Add("1 I int 4"); err != nil {
		t.Fatal(err)
	}
	split := base.Split()
	const want = "2 STRUCT int 4 int:1@0 b:2@0\n"
	if err := split.Add(want); err != nil {
		t.Fatal(err)
	}
	if got := dumpText(t, mustRead(t, split.Bytes(), mustRead(t, base.Bytes(), nil))); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestDumpError(t *testing.T) {
	if err := Dump(brokenWriter{}, readNote(t, "1 I int 4")); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}
