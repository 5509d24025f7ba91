// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"bytes"
	"fmt"

	"github.com/btfgen/btfgen/internal/btf"
)

// maxKfuncParams is more than any function of C has. The kernel takes a dozen.
const maxKfuncParams = 255

// maxKfuncName is the longest name of a kfunc with implicit arguments in bytes (include/linux/kallsyms.h: KSYM_NAME_LEN).
const maxKfuncName = 512 - 1

const (
	kfuncTag     = "bpf_kfunc"
	fastcallTag  = "bpf_fastcall"
	implSuffix   = "_impl"
	addressSpace = "address_space(1)" // the attribute of a pointer to memory of an arena
)

// declTag is a DECL_TAG on a kfunc.
type declTag struct {
	name      btf.StrOff
	component uint32
	kflag     bool
}

// kfuncEditor makes the types of kfuncs what BPF programs are to see (tools/bpf/resolve_btfids/main.c of Linux 7.3: btf2btf).
// For a function f of a set of kfuncs it
//
//  1. tags f as a kfunc, and as one that keeps more registers than others,
//  2. names what f really is f_impl, and takes from f the arguments that the verifier supplies,
//  3. marks pointers into arenas.
//
// Types are appended in the order in which resolve_btfids does it, and many are there already: dedup comes next.
type kfuncEditor struct {
	e      *btf.Editor
	kernel Kernel
	funcs  map[string]btf.ID    // own functions by name; f_impl among them
	tags   map[btf.ID][]declTag // of functions with implicit arguments, in the order of their IDs
}

// editKfuncs edits what there is to edit for a kernel. data is the content of .BTF_ids as compilers leave it.
func (r *resolver) editKfuncs(data []byte) error {
	if !r.opt.Kernel.Has(KfuncTags) || r.ids == nil {
		return nil
	}
	entries := r.ids.kfuncEntries(data)
	if len(entries) == 0 {
		return nil
	}
	funcs := map[string]btf.ID{}
	for _, e := range entries {
		funcs[e.name] = 0
		if e.flags&kfImplicitArgs != 0 {
			funcs[e.name+implSuffix] = 0
		}
	}
	ownFuncs(r.t, funcs)
	kfuncs, err := r.findKfuncs(funcs, entries)
	if err != nil || len(kfuncs) == 0 {
		return err
	}
	ed := kfuncEditor{e: btf.NewEditor(r.t, r.in.Base), kernel: r.opt.Kernel, funcs: funcs}
	ed.collectTags(kfuncs)
	for i := range kfuncs {
		if n := ed.proto(&kfuncs[i]).Vlen; n > maxKfuncParams {
			return fmt.Errorf("kfunc %.100q: %d parameters, no more than %d are believed", kfuncs[i].name, n, maxKfuncParams)
		}
		if err := ed.edit(&kfuncs[i]); err != nil {
			return fmt.Errorf("kfunc %.100q: %w", kfuncs[i].name, err)
		}
	}
	r.t, r.edited = ed.e.Done(), true
	return nil
}

// collectTags finds the tags that the functions with implicit arguments have.
func (d *kfuncEditor) collectTags(kfuncs []kfunc) {
	d.tags = map[btf.ID][]declTag{}
	for _, k := range kfuncs {
		if k.flags&kfImplicitArgs != 0 {
			d.tags[k.id] = nil
		}
	}
	if len(d.tags) == 0 {
		return
	}
	t := d.e.Table()
	for id := t.FirstID(); int(id) < t.NumIDs(); id++ {
		if t.Kind(id) != btf.KindDeclTag {
			continue
		}
		typ := t.Type(id)
		if tags, wanted := d.tags[typ.Ref()]; wanted {
			d.tags[typ.Ref()] = append(tags, declTag{typ.Name, uint32(typ.ComponentIdx()), typ.Kflag})
		}
	}
}

// proto returns the prototype that a function has now.
func (d *kfuncEditor) proto(k *kfunc) btf.Type {
	t := d.e.Table()
	return t.Type(t.Type(k.id).Ref())
}

func (d *kfuncEditor) edit(k *kfunc) error {
	if err := d.tag(k.id, kfuncTag); err != nil {
		return err
	}
	if k.flags&kfFastcall != 0 {
		if err := d.tag(k.id, fastcallTag); err != nil {
			return err
		}
	}
	if k.flags&kfImplicitArgs != 0 && d.kernel.Has(ImplicitArgs) {
		if err := d.hideArgs(k); err != nil {
			return err
		}
	}
	if d.kernel.Has(TagAttributes) {
		return d.markArena(k)
	}
	return nil
}

// tag puts a DECL_TAG on a function.
func (d *kfuncEditor) tag(fn btf.ID, value string) error {
	name, err := d.e.Str([]byte(value))
	if err != nil {
		return err
	}
	tag := declTag{name: name, component: ^uint32(0)}
	if tags, wanted := d.tags[fn]; wanted {
		d.tags[fn] = append(tags, tag)
	}
	return d.addTag(fn, tag)
}

func (d *kfuncEditor) addTag(fn btf.ID, tag declTag) error {
	_, err := d.e.Add(tag.name, btf.KindDeclTag, tag.kflag, 0, uint32(fn), tag.component)
	return err
}

// hideArgs names the whole function f_impl, unless the source does so itself, and ends the parameters of f before the
// first that the verifier supplies.
func (d *kfuncEditor) hideArgs(k *kfunc) error {
	if len(k.name) > maxKfuncName {
		return fmt.Errorf("name of %d bytes, %d are possible", len(k.name), maxKfuncName)
	}
	t := d.e.Table()
	fn := t.Type(k.id)
	proto := t.Type(fn.Ref())
	params := parameters(proto)
	for i, p := range params {
		if isImplicit(t, p.Type) {
			params = params[:i]
			break
		}
	}
	result := proto.Ref()
	if d.funcs[k.name+implSuffix] == 0 {
		if err := d.addImpl(k, fn.Vlen, fn.Ref()); err != nil {
			return err
		}
	}
	id, err := d.e.AddProto(result, params)
	if err != nil {
		return err
	}
	d.e.SetProto(k.id, id)
	return nil
}

// addImpl appends the FUNC f_impl, with copies of the tags of f but the one that makes it a kfunc.
func (d *kfuncEditor) addImpl(k *kfunc, linkage uint32, proto btf.ID) error {
	name, err := d.e.Str([]byte(k.name + implSuffix))
	if err != nil {
		return err
	}
	impl, err := d.e.Add(name, btf.KindFunc, false, linkage, uint32(proto))
	if err != nil {
		return err
	}
	d.funcs[k.name+implSuffix] = impl
	for _, tag := range d.tags[k.id] {
		if is(d.e.Table(), tag.name, kfuncTag) {
			continue
		}
		if err := d.addTag(impl, tag); err != nil {
			return err
		}
	}
	return nil
}

// isImplicit tells whether the verifier supplies an argument of a type: a pointer to what it knows of the program,
// or of the type that memory is for.
func isImplicit(t *btf.Table, id btf.ID) bool {
	ptr := strip(t, id)
	if ptr.Kind != btf.KindPtr {
		return false
	}
	to := strip(t, ptr.Ref())
	if to.Kind != btf.KindStruct {
		return false
	}
	return is(t, to.Name, "bpf_prog_aux") || is(t, to.Name, "btf_struct_meta")
}

// is tells whether a string is name.
func is(t *btf.Table, off btf.StrOff, name string) bool {
	s, short := t.StrMax(off, len(name))
	return short && string(s) == name
}

// maxModifiers is how many modifiers in a row are followed; the kernel refuses more than 32.
const maxModifiers = 64

// strip returns the type behind qualifiers and type tags. As for resolve_btfids, a typedef hides what it stands for.
func strip(t *btf.Table, id btf.ID) btf.Type {
	typ := t.Type(id)
	for range maxModifiers {
		if !typ.IsModifier() || typ.Kind == btf.KindTypedef {
			break
		}
		typ = t.Type(typ.Ref())
	}
	return typ
}

// markArena gives the return value and the arguments of f that point into an arena pointers of the attribute
// address_space(1), unless they have it.
func (d *kfuncEditor) markArena(k *kfunc) error {
	t, proto := d.e.Table(), d.proto(k)
	params := parameters(proto)
	var marked []int // indexes of arguments
	for i, p := range params {
		name, _ := t.StrMax(p.Name, maxKfuncName)
		if !isArenaArg(name, i, k.flags) {
			continue
		}
		if has, err := hasAddressSpace(t, p.Type); err != nil {
			return fmt.Errorf("argument %d: %w", i+1, err)
		} else if !has {
			marked = append(marked, i)
		}
	}
	result := proto.Ref()
	if k.flags&kfArenaRet != 0 {
		has, err := hasAddressSpace(t, result)
		if err != nil {
			return fmt.Errorf("return value: %w", err)
		}
		if !has {
			if result, err = d.addArenaPtr(result); err != nil {
				return err
			}
		}
	}
	if len(marked) == 0 && result == proto.Ref() {
		return nil
	}
	id, err := d.e.AddProto(result, params)
	if err != nil {
		return err
	}
	for _, i := range marked {
		ptr, err := d.addArenaPtr(params[i].Type)
		if err != nil {
			return err
		}
		d.e.SetParam(id, i, ptr)
	}
	d.e.SetProto(k.id, id)
	return nil
}

// isArenaArg tells whether argument i is a pointer into an arena, by its name or by the flags of the kfunc.
func isArenaArg(name []byte, i int, flags uint32) bool {
	return bytes.HasSuffix(name, []byte("__arena")) || bytes.HasSuffix(name, []byte("__arena__nullable")) ||
		i == 0 && flags&kfArenaArg1 != 0 || i == 1 && flags&kfArenaArg2 != 0
}

// hasAddressSpace tells whether a type is a pointer that has the attribute already. The error says that it is no pointer,
// and cannot have it.
func hasAddressSpace(t *btf.Table, id btf.ID) (bool, error) {
	ptr := t.Type(id)
	if ptr.Kind != btf.KindPtr {
		return false, fmt.Errorf("type %d (%v) is to point into an arena and is no PTR", id, ptr.Kind)
	}
	tag := t.Type(ptr.Ref())
	return tag.Kind == btf.KindTypeTag && tag.Kflag && is(t, tag.Name, addressSpace), nil
}

// addArenaPtr appends a pointer to what ptr points to, with the attribute.
func (d *kfuncEditor) addArenaPtr(ptr btf.ID) (btf.ID, error) {
	name, err := d.e.Str([]byte(addressSpace))
	if err != nil {
		return 0, err
	}
	to := d.e.Table().Type(ptr).Ref()
	tag, err := d.e.Add(name, btf.KindTypeTag, true, 0, uint32(to))
	if err != nil {
		return 0, err
	}
	return d.e.Add(0, btf.KindPtr, false, 0, uint32(tag))
}

// parameters returns the parameters of a FUNC_PROTO.
func parameters(proto btf.Type) []btf.Param {
	params := make([]btf.Param, proto.Vlen)
	for i := range params {
		params[i].Name, params[i].Type = proto.Param(i)
	}
	return params
}
