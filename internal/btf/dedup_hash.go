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

// word folds one word into both lanes.
func (h *hash128) word(w uint64) {
	hi, lo := bits.Mul64(h.a^w^keyA, mulA)
	h.a = hi ^ lo
	hi, lo = bits.Mul64(h.b^w^keyB, mulB)
	h.b = hi ^ lo
}

// pair folds a word and another hash in, with one multiplication per lane: each lane
// of x only into its own.
func (h *hash128) pair(w uint64, x *hash128) {
	hi, lo := bits.Mul64(h.a^w^keyA, x.a^mulA)
	h.a = hi ^ lo
	hi, lo = bits.Mul64(h.b^w^keyB, x.b^mulB)
	h.b = hi ^ lo
}

// words folds two words in.
func (h *hash128) words(w, v uint64) {
	hi, lo := bits.Mul64(h.a^w^keyA, v^mulA)
	h.a = hi ^ lo
	hi, lo = bits.Mul64(h.b^w^keyB, v^mulB)
	h.b = hi ^ lo
}

const enumTag = 3

// tagClass says what a named type is referred to as: 0 for a type that is referred to by
// content. struct, union and enum have separate name spaces here, as a forward declaration says which it is.
func (r *Record) tagClass() uint32 {
	if r.Name == 0 {
		return 0
	}
	switch r.Kind {
	case KindStruct:
		return 1
	case KindUnion:
		return 2
	case KindFwd:
		return 1 + uint32(r.Flags&Kflag)
	case KindEnum, KindEnum64:
		return enumTag
	}
	return 0
}

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
	h.start()
	h.all()
	if h.loops {
		if err := h.cutLoops(); err != nil {
			return err
		}
		h.all()
	}
	return nil
}

// start gives the tags their references.
func (h *hasher) start() {
	clear(h.state)
	h.tags = h.tags[:0]
	h.ref[0], h.key[0], h.state[0] = hash128{1, 1}, hash128{1, 1}, stateDone
	for i := range h.u.Records {
		if c := h.u.Records[i].tagClass(); c != 0 {
			var t hash128
			t.word(uint64(c)<<32 | uint64(h.u.Records[i].Name))
			h.ref[i], h.state[i] = t, stateDone
			h.tags = append(h.tags, uint32(i))
		}
	}
}

// all hashes what is not done yet, and then the tags, whose references everything else waits for.
func (h *hasher) all() {
	for i := 1; i < len(h.u.Records); i++ {
		if h.state[i] != stateDone {
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

// pend notes that record j, which is referred to, is not done.
func (h *hasher) pend(j uint32) {
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
	var k hash128
	aux := r.Aux
	if r.Kind == KindArray { // an index
		aux = 0
	}
	k.words(uint64(r.Count)|uint64(aux)<<32, uint64(r.Kind)|uint64(r.Flags&Kflag)<<8)
	if h.state[r.Ref] != stateDone {
		h.pend(r.Ref)
	}
	k.pair(uint64(r.Name)|uint64(r.Size)<<32, &h.ref[r.Ref])
	switch r.Kind {
	case KindArray:
		if h.state[r.Aux] != stateDone {
			h.pend(r.Aux)
		}
		k.pair(0, &h.ref[r.Aux])
	case KindStruct, KindUnion:
		for m := range h.u.Members[r.First : r.First+r.Count] {
			m := &h.u.Members[int(r.First)+m]
			if h.state[m.Ref] != stateDone {
				h.pend(m.Ref)
			}
			k.pair(uint64(m.Name)|uint64(m.A)<<32, &h.ref[m.Ref])
			if r.Flags&Kflag != 0 {
				k.word(uint64(m.B))
			}
		}
	case KindEnum, KindEnum64:
		for m := range h.u.Members[r.First : r.First+r.Count] {
			m := &h.u.Members[int(r.First)+m]
			k.words(uint64(m.Name)|uint64(m.A)<<32, uint64(m.B))
		}
	case KindFuncProto:
		for m := range h.u.Members[r.First : r.First+r.Count] {
			m := &h.u.Members[int(r.First)+m]
			if h.state[m.Ref] != stateDone {
				h.pend(m.Ref)
			}
			k.pair(uint64(m.Name), &h.ref[m.Ref])
		}
	case KindVar, KindDatasec: // never merged: the place is the identity
		k.word(h.u.Base + uint64(r.Pos))
	}
	if !h.ready {
		return false
	}
	k.a |= 1 // 0 marks a free entry of the table
	k.b |= 1
	h.key[i] = k
	if inner {
		h.ref[i], h.state[i] = k, stateDone
	}
	return true
}
