// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTrace(t *testing.T) {
	blob, _ := blobs(t, "1 I int 4 s; 2 S s 4 x:1@0; 3 FP 0; 4 FN f 3", "", false)
	x := mustReadIDs(t, []part{list("func f", "-", "typedef later"), idSet("numbers", "struct s", "func f"), kfuncs("none")}, false)
	var b strings.Builder
	if err := x.Trace(&b, mustRead(t, blob, nil)); err != nil {
		t.Fatal(err)
	}
	const want = "patching addr    16: ID       2 [s]\n" +
		"patching addr     8: ID       0 [later]\n" +
		"patching addr     0: ID       4 [f]\n" +
		"patching addr    20: ID       4 [f]\n" +
		"sorting  addr    12: cnt      2 [numbers]\n" +
		"sorting  addr    24: cnt      0 [none]\n"
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
}
