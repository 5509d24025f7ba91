// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Loops of types that no tag cuts: recursive typedefs (Go writes them), anonymous structs that
// contain themselves through a pointer (no compiler does), and pointers to themselves (broken input).

package btf

import "fmt"

// LoopError says that some types refer to themselves without anything between that could
// end the type: a pointer to itself, a typedef of itself.
type LoopError struct {
	Unit    *Unit
	Records []uint32 // indexes of the types in question, all loops of the unit
}

func (e *LoopError) Error() string {
	r := &e.Unit.Records[e.Records[0]]
	return fmt.Sprintf("type at %#x refers to itself through %d reference types", e.Unit.Base+uint64(r.Pos), len(e.Records))
}

// refs calls f with each record that record i of the unit refers to.
func (u *Unit) refs(i uint32, f func(j uint32)) {
	r := &u.Records[i]
	f(r.Ref)
	switch r.Kind {
	case KindArray:
		f(r.Aux)
	case KindStruct, KindUnion, KindFuncProto, KindDatasec:
		for _, m := range u.Members[r.First : r.First+r.Count] {
			f(m.Ref)
		}
	}
}

// cutLoops finds the strongly connected sets of records that are left when tags are cut, gives
// their records a provisional reference made of what can be seen without following any, and
// leaves all others to be hashed again. dedup_refine.go later tells apart what that mixes up.
func (h *hasher) cutLoops() error {
	sets := h.components()
	h.cyclic = map[uint32]bool{}
	var endless []uint32
	for _, set := range sets {
		kinds := uint32(0)
		for _, i := range set {
			kinds |= 1 << h.u.Records[i].Kind
			h.cyclic[i] = true
		}
		ends := kinds&(1<<KindStruct|1<<KindUnion|1<<KindFuncProto) != 0 ||
			kinds&(1<<KindTypedef) != 0 && kinds&(1<<KindPtr) != 0
		if !ends {
			endless = append(endless, set...)
		}
	}
	if endless != nil {
		return &LoopError{h.u, endless}
	}
	h.addReferrers()
	h.reset()
	for i := range h.cyclic {
		r := &h.u.Records[i]
		a, b := fold(^uint64(r.Kind), ^uint64(r.Flags&Kflag), uint64(r.Name)|uint64(r.Size)<<32, 0, 0)
		a, b = fold(a, b, uint64(r.Count), 0, 0)
		h.ref[i], h.state[i] = hash128{a, b}, stateDone
	}
	return nil
}

// addReferrers adds whatever leads to a loop without passing through a tag: a loop may have been written out
// for some steps before it closes, and then the records of these steps are equal to those that follow.
func (h *hasher) addReferrers() {
	start, from := h.u.referrers()
	var todo []uint32
	for i := range h.cyclic {
		todo = append(todo, i)
	}
	for len(todo) > 0 {
		j := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, i := range from[start[j]:start[j+1]] {
			if i != 0 && !h.cyclic[i] && h.u.Records[i].tagClass() == 0 {
				h.cyclic[i] = true
				todo = append(todo, i)
			}
		}
	}
}

// components returns the sets of two or more records, or one that refers to itself, that
// reach each other without passing through a tag (Tarjan 1972, with an explicit stack).
func (h *hasher) components() [][]uint32 {
	n := len(h.u.Records)
	order := make([]uint32, n) // 1 + order of discovery
	low := make([]uint32, n)
	done := make([]bool, n)
	var path, open []uint32
	var sets [][]uint32
	next := uint32(1)
	cut := func(j uint32) bool { return j == 0 || h.u.Records[j].tagClass() != 0 }
	for root := uint32(1); root < uint32(n); root++ {
		if order[root] != 0 || cut(root) {
			continue
		}
		path = append(path[:0], root)
		for len(path) > 0 {
			i := path[len(path)-1]
			if order[i] == 0 {
				order[i], low[i] = next, next
				next++
				open = append(open, i)
				h.u.refs(i, func(j uint32) {
					if !cut(j) && order[j] == 0 {
						path = append(path, j)
					}
				})
				continue
			}
			path = path[:len(path)-1]
			if done[i] { // mentioned twice before it was reached
				continue
			}
			self := false
			h.u.refs(i, func(j uint32) {
				if cut(j) || done[j] {
					return
				}
				self = self || j == i
				low[i] = min(low[i], low[j])
			})
			if low[i] != order[i] {
				continue
			}
			at := len(open) - 1
			for open[at] != i {
				at--
			}
			set := append([]uint32(nil), open[at:]...)
			open = open[:at]
			for _, j := range set {
				done[j] = true
			}
			if len(set) > 1 || self {
				sets = append(sets, set)
			}
		}
	}
	return sets
}
