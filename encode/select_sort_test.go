// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestSortByName: names that begin alike for up to several words of eight bytes, and ones that
// are the beginning of others.
func TestSortByName(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var list []chosen
	for range 3000 {
		name := strings.Repeat("a", rng.IntN(80)) + strings.Repeat("\xff", rng.IntN(3)) + string(rune('a'+rng.IntN(3)))
		list = append(list, chosen{name: []byte(name)})
	}
	list = append(list, chosen{name: []byte{}}, chosen{name: []byte(strings.Repeat("a", 8))})
	want := slices.Clone(list)
	slices.SortFunc(want, func(a, b chosen) int { return bytes.Compare(a.name, b.name) })
	sortByName(list)
	for i := range list {
		if !bytes.Equal(list[i].name, want[i].name) {
			t.Fatalf("%d: %q, want %q", i, list[i].name, want[i].name)
		}
	}
}
