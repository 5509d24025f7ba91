// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBaseMissesNested: unions without a name that hold each other twenty times, eight deep, are not looked at once for each of
// the 20^8 ways to the member that leads to the difference.
func TestBaseMissesNested(t *testing.T) {
	note := func(first, size int) string {
		var b strings.Builder
		fmt.Fprintf(&b, "%d I int 4 s; %d S q %d a:%d@0; %d P %d", first, first+1, size, first, first+2, first+1)
		for i := range 8 {
			fmt.Fprintf(&b, "; %d U - 8", first+3+i)
			for m := range 20 {
				fmt.Fprintf(&b, " m%d:%d@0", m, first+2+i)
			}
		}
		fmt.Fprintf(&b, "; %d S s 8 in:%d@0", first+11, first+10)
		return b.String()
	}
	tables := noteChain(t, false, note(1, 4), note(13, 8))
	d, err := mergeSplit(NewBase(tables[0]), tables[1:], AcceptFwds, false)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range d.BaseMisses(3) {
		got = append(got, m.Name+": "+m.Text)
	}
	want := []string{"struct q: size 8 bytes, 4 in the base", `struct s: member 0 "in": union {20 members, 8 bytes} leads to other types in the base`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestBaseMissesNames: names are shortened and quoted where that is needed, since messages go to a terminal.
func TestBaseMissesNames(t *testing.T) {
	long := strings.Repeat("x", maxString)
	tables := noteChain(t, false, `1 I int 4 s; 2 S "a\x1b[2J" 4 m:1@0; 3 S `+long+` 4`, `4 S "a\x1b[2J" 8; 5 S `+long+` 8`)
	d, err := mergeSplit(NewBase(tables[0]), tables[1:], AcceptFwds, false)
	if err != nil {
		t.Fatal(err)
	}
	misses := d.BaseMisses(0)
	if len(misses) != 2 || misses[0].Name != `struct "a\x1b[2J"` || misses[1].Name != "struct "+long[:maxKernelName] {
		t.Errorf("got %+v", misses)
	}
}
