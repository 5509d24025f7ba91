// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"

	"github.com/btfgen/btfgen/internal/btf"
)

// order returns, for each type ID of a base, the ID of the equal type of another, so that blobs on either can be
// compared. Encoders order the types of one and the same kernel differently. Each type must have an equal one, all that
// it refers to included.
func order(a, b *btf.Table) ([]node, error) {
	if a.NumIDs() != b.NumIDs() {
		return nil, fmt.Errorf("has %d types, the other base %d", b.NumIDs()-1, a.NumIDs()-1)
	}
	g := newGraph(newTrunk(nil), a, b, false)
	class := g.refine(g.labels, nil)
	equal := make(map[uint32][]node) // types of a that no type of b has taken yet
	for n := node(1); n < g.firstB; n++ {
		equal[class[n]] = append(equal[class[n]], n)
	}
	ids := make([]node, b.NumIDs()) // void is void
	for n := g.firstB; n < node(g.len()); n++ {
		left := equal[class[n]]
		if len(left) == 0 {
			return nil, fmt.Errorf("the other base has no type, or fewer, such as %v %s, type %d", g.kind[n], g.itemName(n), g.id(n))
		}
		ids[g.id(n)], equal[class[n]] = left[0], left[1:]
	}
	return ids, nil
}
