// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import "cmp"

// resolver walks the types as BPF_BTF_LOAD does (kernel/bpf/btf.c: btf_resolve): a
// type that refers to others is resolved after those, except where the walk may
// stop. Behind a pointer it stops at everything but modifiers and pointers; within
// a struct or array at everything but modifiers, structs and arrays. So recursive
// structs are fine, a typedef of itself is not. The nesting is at most 32, hence
// plain recursion.
type resolver struct {
	v       *validator
	t       *Table
	ptrSize uint32

	state  []resolveState // by ID
	target []ID           // by ID: what a resolved modifier or VAR ends in
	size   []uint32       // by ID: bytes of a resolved ARRAY

	root ID // where the walk began; the kernel blames it for loops and depth
	mode resolveMode
}

type resolveState uint8

const (
	resolveNew resolveState = iota
	resolveOpen
	resolveDone
	resolveFailed // or depends on one that did; no second problem is reported
)

type resolveMode uint8

const (
	modeAny       resolveMode = iota // stop at types that refer to nothing
	modePointer                      // a pointer was passed
	modeComposite                    // a struct, union or array was passed
)

// resolve reports the types of v.t that do not resolve. The types of a base come
// first, as they decide where the walk stops, but are not reported.
func (v *validator) resolve() {
	n := v.t.NumIDs()
	z := &resolver{v: v, t: v.t,
		state: make([]resolveState, n), target: make([]ID, n), size: make([]uint32, n)}
	z.ptrSize = uint32(cmp.Or(v.opt.PointerSize, v.t.PointerSize(), 8))
	for id := ID(1); int(id) < n && !v.full(); id++ {
		switch k := z.t.Kind(id); {
		case k == KindFuncProto:
			z.check(id, z.proto(z.t.Type(id)))
		case needsResolve(k):
			z.start(id)
		}
	}
}

func (z *resolver) check(id ID, f *fault) bool {
	if f != nil && id >= z.t.firstID {
		z.v.add(id, f)
	}
	return f == nil
}

// needsResolve tells whether a kind depends on the types it refers to. A FUNC_PROTO
// does, but is looked at apart.
func needsResolve(k Kind) bool {
	switch k {
	case KindPtr, KindStruct, KindUnion, KindArray, KindVar, KindFunc, KindDeclTag, KindDatasec:
		return true
	}
	return k.isModifier()
}

// sourceOnly tells whether nothing may refer to a kind, bar DATASEC and DECL_TAG.
func sourceOnly(k Kind) bool { return k == KindVar || k == KindDeclTag || k == KindDatasec }

// start resolves a type from nothing, unless it is known already.
func (z *resolver) start(id ID) bool {
	if z.state[id] != resolveNew {
		return z.state[id] == resolveDone
	}
	z.root, z.mode = id, modeAny
	return z.visit(id, 0)
}

// ready makes sure that a type referred to is resolved, or that the walk may stop
// at it. A false result has been reported.
func (z *resolver) ready(id ID, depth int) bool {
	k := z.t.Kind(id)
	stop := false
	switch z.mode {
	case modeAny:
		stop = !needsResolve(k)
	case modePointer:
		stop = !k.isModifier() && k != KindPtr
	case modeComposite:
		stop = !k.isModifier() && !isComposite(k)
	}
	return stop || z.visit(id, depth+1)
}

func isComposite(k Kind) bool { return k == KindArray || k == KindStruct || k == KindUnion }

func (z *resolver) visit(id ID, depth int) bool {
	switch z.state[id] {
	case resolveDone:
		return true
	case resolveFailed:
		return false
	case resolveOpen:
		return z.check(z.root, bad("Loop detected", "type %d contains itself", id))
	}
	if depth == maxKernelChain {
		return z.check(z.root, bad("Exceeded max resolving depth", "more than %d types deep", maxKernelChain))
	}
	r := z.t.Type(id)
	if z.mode == modeAny {
		if r.Kind == KindPtr {
			z.mode = modePointer
		} else if isComposite(r.Kind) {
			z.mode = modeComposite
		}
	}
	z.state[id] = resolveOpen
	ok := z.kind(id, r, depth)
	z.state[id] = resolveDone
	if !ok {
		z.state[id] = resolveFailed
	}
	return ok
}

func (z *resolver) kind(id ID, r Type, depth int) bool {
	switch r.Kind {
	case KindArray:
		return z.array(id, r, depth)
	case KindStruct, KindUnion:
		return z.members(id, r, depth)
	case KindFunc:
		return z.check(id, z.funcParams(r))
	case KindDatasec:
		return z.entries(id, r, depth)
	case KindDeclTag:
		return z.declTag(id, r, depth)
	}
	// modifier, PTR, VAR
	return z.ref(id, r, depth)
}

// ref resolves what has one type to refer to.
func (z *resolver) ref(id ID, r Type, depth int) bool {
	next := r.Ref()
	if sourceOnly(z.t.Kind(next)) {
		return z.check(id, bad("Invalid type_id", "refers to type %d (%v)", next, z.t.Kind(next)))
	}
	if !z.ready(next, depth) {
		return false
	}
	end := next
	if z.t.Kind(next).isModifier() {
		// Resolved within a struct, it may have stopped at a pointer.
		end = z.target[next]
		if !r.IsModifier() && z.t.Kind(end) == KindPtr && !z.ready(end, depth) {
			return false
		}
	}
	z.target[id] = end
	if _, ok := z.sizeOf(end); ok {
		return true
	}
	switch k := z.t.Kind(end); {
	case r.Kind == KindVar:
		return z.check(id, bad("Invalid type_id", "type %d (%v) has no size", end, k))
	case k == KindVoid || k == KindFwd || k == KindFuncProto:
		return true
	default:
		return z.check(id, bad("Invalid type_id", "refers to type %d (%v)", end, k))
	}
}

// sized follows a resolved modifier or VAR to the type it ends in.
func (z *resolver) sized(id ID) ID {
	if k := z.t.Kind(id); k.isModifier() || k == KindVar {
		return z.target[id]
	}
	return id
}

// sizeOf returns the size in bytes of a resolved type, if it has one.
func (z *resolver) sizeOf(id ID) (size uint32, ok bool) {
	id = z.sized(id)
	switch k := z.t.Kind(id); {
	case k == KindArray:
		return z.size[id], true
	case k == KindPtr:
		return z.ptrSize, true
	case k.Known() && shapes[k].sized:
		return z.t.Type(id).SizeOrType, true
	}
	return 0, false
}

// isRegular tells whether an INT has the bits of a C type, and all of them.
func isRegular(r Type) bool {
	_, off, bits := r.Int()
	switch bits {
	case 8, 16, 32, 64, 128:
		return off == 0
	}
	return false
}

func (z *resolver) array(id ID, r Type, depth int) bool {
	elem, index, n := r.Array()
	for _, ref := range []struct {
		id   ID
		rule string
	}{{index, "Invalid index"}, {elem, "Invalid elem"}} {
		if sourceOnly(z.t.Kind(ref.id)) {
			return z.check(id, bad(ref.rule, "type %d is %v", ref.id, z.t.Kind(ref.id)))
		}
		if !z.ready(ref.id, depth) {
			return false
		}
		if _, ok := z.sizeOf(ref.id); !ok {
			return z.check(id, bad(ref.rule, "type %d (%v) has no size", ref.id, z.t.Kind(z.sized(ref.id))))
		}
	}
	if x := z.t.Type(z.sized(index)); x.Kind != KindInt || !isRegular(x) {
		return z.check(id, bad("Invalid index", "type %d is not an INT of whole bytes", index))
	}
	if e := z.t.Type(z.sized(elem)); e.Kind == KindInt && !isRegular(e) {
		return z.check(id, bad("Invalid array of int", "type %d is not of whole bytes", elem))
	}
	size, _ := z.sizeOf(elem)
	total := uint64(size) * uint64(n)
	if total > 1<<32-1 {
		return z.check(id, bad("Array size overflows U32_MAX", "%d elements of %d bytes", n, size))
	}
	z.size[id] = uint32(total)
	return true
}

// funcParams checks a FUNC: Read has made sure that it refers to a FUNC_PROTO.
func (z *resolver) funcParams(r Type) *fault {
	p := z.t.Type(r.Ref())
	for i := range int(p.Vlen) {
		if name, typ := p.Param(i); name == 0 && typ != 0 {
			return bad("Invalid arg", "parameter %d of FUNC_PROTO %d has no name", i, r.Ref())
		}
	}
	return nil
}

// proto checks a FUNC_PROTO.
func (z *resolver) proto(r Type) *fault {
	if ret := r.Ref(); ret != 0 && !z.value(ret) {
		return bad("Invalid return type", "type %d (%v) has no size", ret, z.t.Kind(ret))
	}
	n := int(r.Vlen)
	for i := range n {
		name, typ := r.Param(i)
		if typ == 0 && i == n-1 {
			if name != 0 {
				return bad("Invalid arg", "parameter %d is void and has a name", i)
			}
			break
		}
		if name != 0 && !isIdentifier(z.t.Str(name)) {
			return bad("Invalid arg", "%q of parameter %d is not an identifier", z.t.Str(name), i)
		}
		if !z.value(typ) {
			return bad("Invalid arg", "parameter %d has type %d (%v), without a size", i, typ, z.t.Kind(typ))
		}
	}
	return nil
}

// value tells whether a type can be passed or returned; it resolves it if need be.
// A type that was at fault before counts as good, lest one fault be told twice.
func (z *resolver) value(id ID) bool {
	k := z.t.Kind(id)
	if sourceOnly(k) {
		return false
	}
	if needsResolve(k) && !z.start(id) {
		return true
	}
	_, ok := z.sizeOf(id)
	return ok
}

func (z *resolver) entries(id ID, r Type, depth int) bool {
	for i := range int(r.Vlen) {
		z.mode = modeAny
		typ, _, size := r.SecVar(i)
		if z.t.Kind(typ) != KindVar {
			return z.check(id, bad("Not a VAR kind member", "entry %d is type %d (%v)", i, typ, z.t.Kind(typ)))
		}
		if !z.ready(typ, depth) {
			return false
		}
		if want, _ := z.sizeOf(typ); size < want {
			return z.check(id, bad("Invalid size", "entry %d has %d bytes, its variable %d", i, size, want))
		}
	}
	return true
}

func (z *resolver) declTag(id ID, r Type, depth int) bool {
	to := z.t.Type(r.Ref())
	n := to.Vlen
	switch to.Kind {
	case KindStruct, KindUnion:
	case KindFunc:
		n = z.t.Type(to.Ref()).Vlen
	case KindVar, KindTypedef:
		n = 0
	default:
		return z.check(id, bad("Invalid type_id", "the tag is on type %d (%v)", r.Ref(), to.Kind))
	}
	if !z.ready(r.Ref(), depth) {
		return false
	}
	if i := r.ComponentIdx(); i != -1 && uint32(i) >= n {
		return z.check(id, bad("Invalid component_idx", "%d, type %d has %d components", i, r.Ref(), n))
	}
	return true
}
