// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"

	"github.com/btfgen/btfgen/internal/btf"
)

// order returns, for each type ID of base b, the ID of the equal type of base a, so that blobs on either can be
// compared. Encoders order the types of one and the same kernel differently, and some leave several that are equal: b
// may have a type more often than a, but none that a lacks, and not one of a's less often.
func order(a, b *btf.Table) ([]node, error) {
	type equals struct {
		nodes []node // of a
		used  int    // by types of b
	}
	g := newGraph(newTrunk(nil), a, b, false)
	class := g.refine(g.labels, nil)
	of := make(map[uint32]*equals)
	for n := node(1); n < g.firstB; n++ {
		e := of[class[n]]
		if e == nil {
			e = new(equals)
			of[class[n]] = e
		}
		e.nodes = append(e.nodes, n)
	}
	ids := make([]node, b.NumIDs()) // void is void
	for n := g.firstB; n < node(g.len()); n++ {
		e := of[class[n]]
		if e == nil {
			return nil, fmt.Errorf("type %d, %v %s, is not in the other base", g.id(n), g.kind[n], g.itemName(n))
		}
		ids[g.id(n)] = e.nodes[min(e.used, len(e.nodes)-1)]
		e.used++
	}
	for n := node(1); n < g.firstB; n++ {
		if e := of[class[n]]; e.used < len(e.nodes) {
			return nil, fmt.Errorf("type %d of the other base, %v %s, is missing, or there are more of it there", n, g.kind[n], g.itemName(n))
		}
	}
	return ids, nil
}
