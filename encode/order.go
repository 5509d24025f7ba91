// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"cmp"
	"slices"

	"github.com/btfgen/btfgen/internal/btf"
)

// order appends to the types and variables what follows them: prototypes and functions by name,
// tags of functions, sections of variables.
func (r *run) order(types []btf.ClassID, funcs []chosen) ([]btf.ClassID, error) {
	d := r.dedup
	kfuncs, err := r.kfuncs()
	if err != nil {
		return nil, err
	}
	e := emitter{run: r, listed: make([]bool, d.NumClasses()), kfuncs: kfuncs, order: types}
	for _, id := range types {
		e.listed[id] = true
	}
	e.addFuncs(funcs)
	e.addSections()
	return e.order, nil
}

// emitter appends what is decided after the types are known.
type emitter struct {
	run    *run
	listed []bool // by class: it has a place in order
	kfuncs map[string]uint32
	order  []btf.ClassID
	arena  map[btf.ClassID]btf.ClassID // pointer -> the same into the arena's address space
}

func (e *emitter) add(r btf.Record, members []btf.Member) btf.ClassID {
	id := e.run.dedup.AddClass(r, members)
	e.order = append(e.order, id)
	return id
}

// addFuncs adds functions with their prototypes, and then their tags.
func (e *emitter) addFuncs(funcs []chosen) {
	d, names := e.run.dedup, e.run.in.names
	feat := &e.run.opt.features
	tagsOf := e.tagsByClass()
	if e.run.opt.Compat {
		tagsOf = e.tagsByPlace()
	}
	type tag struct {
		fn btf.ClassID
		funcTag
	}
	var tags []tag
	kfunc, fastcall := btf.NameID(0), btf.NameID(0)
	for _, f := range funcs {
		r, _ := d.Class(f.class)
		proto := d.Target(f.class, r.Ref)
		flags, isKfunc := e.kfuncs[string(f.name)]
		isKfunc = isKfunc && !f.full
		if isKfunc && feat.attributes {
			proto = e.arenaProto(proto, flags)
		}
		if int(proto) < len(e.listed) && !e.listed[proto] {
			e.listed[proto] = true
			e.order = append(e.order, proto)
		}
		fn := f.class
		if f.full || isKfunc && feat.attributes {
			name := r.Name
			if f.full {
				name = names.intern(f.name)
			}
			fn = e.add(btf.Record{Kind: btf.KindFunc, Name: name, Ref: uint32(proto), Aux: btf.LinkageStatic}, nil)
		} else {
			d.SetAux(fn, btf.LinkageStatic)
			e.order = append(e.order, fn)
		}
		for _, t := range tagsOf(f) {
			tags = append(tags, tag{fn, t})
		}
		if isKfunc && feat.declTag {
			if kfunc == 0 {
				kfunc, fastcall = names.same("bpf_kfunc"), names.same("bpf_fastcall")
			}
			tags = append(tags, tag{fn, funcTag{text: kfunc, comp: ^uint32(0)}})
			if flags&kfuncFastcall != 0 {
				tags = append(tags, tag{fn, funcTag{text: fastcall, comp: ^uint32(0)}})
			}
		}
	}
	for _, t := range tags {
		e.add(btf.Record{Kind: btf.KindDeclTag, Name: t.text, Ref: uint32(t.fn), Aux: t.comp}, nil)
	}
}

// funcTag is a decl tag of a function.
type funcTag struct {
	place uint64 // of the function's DIE
	text  btf.NameID
	comp  uint32
}

// tagsByClass finds the tags that any description of a function has: what inlining or another
// unit's declaration lost is there again (encode.md 7.1, 12).
func (e *emitter) tagsByClass() func(chosen) []funcTag {
	d := e.run.dedup
	tags := map[btf.ClassID][]funcTag{}
	d.FuncTags(func(tag, fn btf.ClassID) {
		r, _ := d.Class(tag)
		tags[fn] = append(tags[fn], funcTag{text: r.Name, comp: r.Aux})
	})
	return func(f chosen) []funcTag { return tags[f.class] }
}

// tagsByPlace finds the tags of the one description that was chosen, as pahole does.
func (e *emitter) tagsByPlace() func(chosen) []funcTag {
	slices.SortStableFunc(e.run.funcTags, func(a, b funcTag) int { return cmp.Compare(a.place, b.place) })
	return func(f chosen) []funcTag {
		var tags []funcTag
		i, _ := slices.BinarySearchFunc(e.run.funcTags, f.place, func(t funcTag, p uint64) int { return cmp.Compare(t.place, p) })
		for ; i < len(e.run.funcTags) && e.run.funcTags[i].place == f.place; i++ {
			if t := e.run.funcTags[i]; !slices.Contains(tags, t) {
				tags = append(tags, t)
			}
		}
		return tags
	}
}

// arenaProto returns the prototype with the pointers that the flags of a kfunc name moved to
// the arena's address space (encode.md 4.8).
func (e *emitter) arenaProto(proto btf.ClassID, flags uint32) btf.ClassID {
	if flags&(kfuncArenaRet|kfuncArenaArg1|kfuncArenaArg2) == 0 {
		return proto
	}
	d := e.run.dedup
	r, members := d.Class(proto)
	r.Ref = uint32(d.Target(proto, r.Ref))
	members = slices.Clone(members)
	for i := range members {
		members[i].Ref = uint32(d.Target(proto, members[i].Ref))
	}
	if flags&kfuncArenaRet != 0 {
		r.Ref = e.arenaPtr(r.Ref)
	}
	for i, flag := range []uint32{kfuncArenaArg1, kfuncArenaArg2} {
		if flags&flag != 0 && i < len(members) {
			members[i].Ref = e.arenaPtr(members[i].Ref)
		}
	}
	return e.add(r, members)
}

// arenaPtr returns the pointer to what ptr points to, tagged; ptr itself if it is no pointer.
func (e *emitter) arenaPtr(ptr uint32) uint32 {
	d := e.run.dedup
	r, _ := d.Class(btf.ClassID(ptr))
	if r.Kind != btf.KindPtr {
		e.run.warnings[warnTag].add(d.Place(btf.ClassID(ptr)))
		return ptr
	}
	target := d.Target(btf.ClassID(ptr), r.Ref)
	if id, ok := e.arena[target]; ok {
		return uint32(id)
	}
	tag := e.add(btf.Record{Kind: btf.KindTypeTag, Flags: btf.Kflag, Name: e.run.in.names.same("address_space(1)"), Ref: uint32(target)}, nil)
	id := e.add(btf.Record{Kind: btf.KindPtr, Ref: uint32(tag)}, nil)
	if e.arena == nil {
		e.arena = map[btf.ClassID]btf.ClassID{}
	}
	e.arena[target] = id
	return uint32(id)
}

// maxSecVars is the most entries of a DATASEC that older kernels accept.
const maxSecVars = 0xffff

// addSections adds a DATASEC for each section with variables (encode.md 5).
func (e *emitter) addSections() {
	vars := e.run.vars
	slices.SortFunc(vars, func(a, b placedVar) int {
		return cmp.Or(cmp.Compare(a.section, b.section), cmp.Compare(a.off, b.off), cmp.Compare(a.place, b.place))
	})
	for len(vars) > 0 {
		n := 1
		for n < len(vars) && vars[n].section == vars[0].section {
			n++
		}
		list := vars[:n]
		vars = vars[n:]
		if len(list) > maxSecVars {
			for _, v := range list[maxSecVars:] {
				e.run.warnings[warnDatasec].add(v.place)
			}
			list = list[:maxSecVars]
		}
		members := make([]btf.Member, len(list))
		for i, v := range list {
			members[i] = btf.Member{Ref: uint32(v.class), A: v.off, B: v.size}
		}
		last := list[len(list)-1]
		name := e.run.in.names.same(e.run.in.file.Sections[last.section].Name)
		e.add(btf.Record{Kind: btf.KindDatasec, Name: name, Size: last.off + last.size}, members)
	}
}

// kfuncs reads the kfuncs of .BTF_ids, by name.
func (r *run) kfuncs() (map[string]uint32, error) {
	if !r.opt.features.kfuncTags || r.in.functions == nil {
		return nil, nil
	}
	f := r.in.file
	s := f.Section(".BTF_ids")
	if s == nil {
		return nil, nil
	}
	data, err := f.Data(s)
	if err != nil {
		return nil, err
	}
	ids := idsSection{index: uint32(s.Index), addr: s.Addr, data: data, big: r.in.big}
	list, err := ids.kfuncs(r.in.functions.syms)
	if err != nil {
		return nil, err
	}
	m := make(map[string]uint32, len(list))
	for _, k := range list {
		m[string(k.name)] = k.flags
	}
	return m, nil
}

// warningTexts renders the warnings in a fixed order.
func (r *run) warningTexts() []string {
	var texts []string
	for kind := range r.warnings {
		if x := &r.warnings[kind]; x.count > 0 {
			texts = append(texts, x.text(kind, r.in))
		}
	}
	return texts
}

func (r *run) count(types, funcs int) {
	t := r.opt.Timer
	t.Count("units", int64(len(r.in.units)))
	t.Count("type instances", r.records)
	t.Count("types written", int64(types))
	t.Count("ambiguous names", int64(r.dedup.Stats.Ambiguous))
	t.Count("odd units", int64(r.dedup.Stats.OddUnits))
	t.Count("deviating instances", int64(r.dedup.Stats.Deviating))
	t.Count("types they are", int64(r.dedup.Stats.Blocks))
	t.Count("functions", int64(funcs))
	t.Count("variables", int64(len(r.vars)))
}
