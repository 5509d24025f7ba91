// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// The name-scoped hash. In C every cycle of types passes through a named struct, union or
// enum, so if a reference to one of these counts by its name alone, what is left has no
// cycles and is hashed by plain memoised recursion:
//
//	struct list { struct list *next; };      hash(struct list) = H(STRUCT, "list", 8, "next", hash(PTR))
//	                                         hash(PTR)         = H(PTR, tag(STRUCT, "list"))
//
// Two types with equal hashes are the same type provided that each name means one type
// everywhere; dedup_refine.go deals with the few names that do not. A forward declaration is
// referred to by the same tag as its definition, so resolving it costs nothing.
//
// Identity is 128 bits: two lanes that hash the same words with different multipliers and see nothing
// of each other. With n different types the chance that two collide is n*n/2^129.

package btf

import "math/bits"

type hash128 struct{ a, b uint64 }

const (
	mulA = 0x9e3779b97f4a7c15
	mulB = 0xd6e8feb86659fd93
	keyA = 0xa0761d6478bd642f
	keyB = 0xe7037ed1a0b428db
)

// fold takes one word into both lanes, each with a multiplier of its own, and returns them. They are
// passed by value, so that they stay in registers.
func fold(a, b, w, x, y uint64) (uint64, uint64) {
	hiA, loA := bits.Mul64(a^w^keyA, x^mulA)
	hiB, loB := bits.Mul64(b^w^keyB, y^mulB)
	return hiA ^ loA, hiB ^ loB
}

const enumTag = 3

// tagClass says what a named type is referred to as: 0 for a type that is referred to by
// content. struct, union and enum have separate name spaces here, as a forward declaration says which it is.
func (r *Record) tagClass() uint32 {
	if r.Name == 0 {
		return 0
	}
	c := uint32(tagClasses[r.Kind&31])
	if r.Kind == KindFwd {
		c += uint32(r.Flags & Kflag)
	}
	return c
}

var tagClasses = [32]uint8{KindStruct: 1, KindUnion: 2, KindFwd: 1, KindEnum: enumTag, KindEnum64: enumTag}

// isFwd tells whether the record only declares its tag.
func (r *Record) isFwd() bool {
	return r.Kind == KindFwd || (r.Kind == KindEnum || r.Kind == KindEnum64) && r.Count == 0
}

const (
	stateNew  = iota // nothing known
	stateOpen        // its references are being hashed
	stateDone        // ref is valid
)

// hasher computes the hashes of one unit; a Worker reuses it.
type hasher struct {
	u      *Unit
	ref    []hash128 // what a reference to the record contributes
	key    []hash128 // identity of the record itself; differs from ref for tags
	state  []uint8   // of ref
	tags   []uint32  // records that are referred to by name
	stack  []uint32
	ready  bool            // of the record being visited: all it refers to is done
	loops  bool            // a reference leads back to its own record without passing through a tag
	cyclic map[uint32]bool // the records of such loops, nil in any C program
}

// run fills key. The only error is a *LoopError.
func (h *hasher) run(u *Unit) error {
	n := len(u.Records)
	h.u, h.loops, h.cyclic = u, false, nil
	if cap(h.ref) < n {
		h.ref = make([]hash128, n+n/4)
		h.key = make([]hash128, n+n/4)
		h.state = make([]uint8, n+n/4)
	}
	h.ref, h.key, h.state = h.ref[:n], h.key[:n], h.state[:n]
	h.reset()
	h.all()
	if h.loops {
		if err := h.cutLoops(); err != nil {
			return err
		}
		h.all()
	}
	return nil
}

// reset forgets all references but that to void.
func (h *hasher) reset() {
	clear(h.state)
	h.tags = h.tags[:0]
	h.ref[0], h.key[0], h.state[0] = hash128{1, 1}, hash128{1, 1}, stateDone
}

// all hashes what is not done yet, and then the tags, whose references everything else waits for.
func (h *hasher) all() {
	for i := 1; i < len(h.u.Records); i++ {
		if h.state[i] == stateDone {
			continue
		}
		if c := h.u.Records[i].tagClass(); c != 0 {
			h.tag(uint32(i), c)
		} else {
			h.settle(uint32(i))
		}
	}
	for i := range h.cyclic {
		h.settle(i)
	}
	for _, i := range h.tags {
		h.settle(i)
	}
}

// tag gives record i, which is referred to by name, its reference.
func (h *hasher) tag(i, class uint32) {
	t := &h.ref[i]
	t.a, t.b = fold(0, 0, uint64(class)<<32|uint64(h.u.Records[i].Name), 0, 0)
	h.state[i] = stateDone
	h.tags = append(h.tags, i)
}

// settle hashes record i and all that it needs.
func (h *hasher) settle(i uint32) {
	if !h.visit(i) {
		h.walk()
		h.visit(i)
	}
}

// walk empties the stack, visiting each record once more when all it refers to is done. The
// stack is our own: the depth of a hostile graph is not ours to choose.
func (h *hasher) walk() {
	for len(h.stack) > 0 {
		t := h.stack[len(h.stack)-1]
		if h.state[t] == stateDone || h.visit(t) {
			h.stack = h.stack[:len(h.stack)-1]
		}
	}
}

// pend sees to record j, which is referred to and not done.
func (h *hasher) pend(j uint32) {
	if c := h.u.Records[j].tagClass(); c != 0 {
		h.tag(j, c)
		return
	}
	if h.state[j] == stateOpen { // only what lies on the path to the visited record is open
		h.loops = true
		return
	}
	h.stack = append(h.stack, j)
	h.ready = false
}

// visit hashes record i if everything it refers to is done. Otherwise it pushes what is
// not and returns false; the caller comes back once.
func (h *hasher) visit(i uint32) bool {
	r := &h.u.Records[i]
	inner := h.state[i] != stateDone
	if inner {
		h.state[i] = stateOpen
	}
	h.ready = true
	aux := r.Aux
	if r.Kind == KindArray { // an index
		aux = 0
	}
	a, b := fold(0, 0, uint64(r.Count)|uint64(aux)<<32, uint64(r.Kind)|uint64(r.Flags&Kflag)<<8, uint64(r.Kind)|uint64(r.Flags&Kflag)<<8)
	if h.state[r.Ref] != stateDone {
		h.pend(r.Ref)
	}
	ref := &h.ref[r.Ref]
	a, b = fold(a, b, uint64(r.Name)|uint64(r.Size)<<32, ref.a, ref.b)
	for n := range h.u.Members[r.First : r.First+r.Count] {
		m := &h.u.Members[int(r.First)+n]
		if h.state[m.Ref] != stateDone {
			h.pend(m.Ref)
		}
		ref := &h.ref[m.Ref]
		a, b = fold(a, b, uint64(m.Name)|uint64(m.A)<<32, ref.a, ref.b)
		if m.B != 0 {
			a, b = fold(a, b, uint64(m.B), 0, 0)
		}
	}
	switch r.Kind {
	case KindArray:
		if h.state[r.Aux] != stateDone {
			h.pend(r.Aux)
		}
		ref := &h.ref[r.Aux]
		a, b = fold(a, b, 0, ref.a, ref.b)
	case KindVar, KindDatasec: // never merged: the place is the identity
		a, b = fold(a, b, h.u.Base+uint64(r.Pos), 0, 0)
	}
	if !h.ready {
		return false
	}
	a |= 1 // 0 marks a free entry of the table
	b |= 1
	h.key[i].a, h.key[i].b = a, b
	if inner {
		h.ref[i].a, h.ref[i].b = a, b
		h.state[i] = stateDone
	}
	return true
}
