// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"cmp"
	"slices"

	"github.com/btfgen/btfgen/internal/btf"
)

// patch writes the IDs that were found and the counts of sets into data, and sorts the sets.
func (x *IDs) patch(data []byte, found []btf.ID) {
	for i := range x.requests {
		for _, w := range x.requests[i].words {
			x.putWord(data, w, uint32(found[i]))
		}
	}
	for i := range x.sets {
		s := &x.sets[i]
		x.putWord(data, s.word, s.count)
		x.sort(data, s)
	}
}

// sort sorts a set by ID; flags follow their IDs. IDs that are equal, such as 0 of types that were not found, keep their order.
// The kernel searches sets by bisection (kernel/bpf/btf.c: btf_id_set8_contains).
func (x *IDs) sort(data []byte, s *set) {
	type element struct{ id, flags uint32 }
	list := make([]element, s.count)
	for i := range list {
		w := s.at(uint32(i))
		list[i].id = x.word(data, w)
		if s.pairs {
			list[i].flags = x.word(data, w+1)
		}
	}
	slices.SortStableFunc(list, func(a, b element) int { return cmp.Compare(a.id, b.id) })
	for i, e := range list {
		w := s.at(uint32(i))
		x.putWord(data, w, e.id)
		if s.pairs {
			x.putWord(data, w+1, e.flags)
		}
	}
}
