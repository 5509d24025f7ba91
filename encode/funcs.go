// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Functions, as the walk meets them. Each DW_TAG_subprogram whose name is that of a function
// symbol becomes a FUNC record and an unlisted FUNC_PROTO: which functions are emitted is decided in
// select.go when all units are known. A function with code is also kept as an instance: where
// it is, and what the locations of its parameters say about how it is called.

package encode

import (
	"errors"
	"io"

	"github.com/btfgen/btfgen/encode/internal/dwarf"
	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/pages"
)

// function is a FUNC record of the unit being read.
type function struct {
	rec    uint32 // index of the FUNC record; the prototype's is the next
	first  uint32 // its parameters are params[first:first+n], only if concrete
	n      uint32
	place  uint32 // of the DIE
	origin int    // index in the buffer of the abstract origin, 0 if there is none
	// Where the origin of parameter number nextComp is, if they follow each other as they mostly do.
	nextParam int
	nextComp  int32
	addr      uint64
	located   bool // addr is known
	concrete  bool // it has code, so its parameters may have locations
	inline    bool // DW_AT_inline
	nocall    bool // DW_CC_nocall
	clang     bool // of the unit, see walker.clang
	reorder   bool
	marks     marks
}

// rawParam is what the DIE of a parameter says of its location.
type rawParam struct {
	loc      dwarf.Value
	hasLoc   bool
	hasConst bool
	moved    bool // it has another place in the list of the abstract origin
}

// noGroup in the Aux of a FUNC record tells that it is not to be emitted.
const noGroup = 0xffffffff

// groupCache remembers the symbol group of a name: the same inline functions stand in thousands of units.
// Its length is a power of two.
type groupCache []cachedGroup

type cachedGroup struct {
	name  btf.NameID
	group int32
}

// groupCacheSize is how many entries a vmlinux is worth. A module has a small part of its functions.
const groupCacheSize = 1 << 15

// newGroupCache returns a cache for a file with size bytes of .debug_info.
func newGroupCache(size uint64) groupCache {
	n := uint64(1 << 8)
	for n < groupCacheSize && n < size/512 {
		n *= 2
	}
	return pages.Touched[cachedGroup](int(n))
}

// group returns the symbol group of a function's name, or -1. Without a symbol table every
// name has a group, and only external functions count (encode.md 7.1 item 3).
func (w *walker) group(name btf.NameID) int32 {
	c := &w.groups[int(name^name>>15)&(len(w.groups)-1)]
	if c.name != name {
		var b []byte
		if s, ok := name.Inline(nil); ok {
			b = s
		} else {
			b = w.in.names.Name(name)
		}
		c.name, c.group = name, w.in.group(b)
	}
	return c.group
}

// function starts the record of a function without code of its own: one that is inlined or only
// declared elsewhere in the unit.
func (w *walker) function(child *frame, at int, f *fields) {
	if f.more != 0 || f.name == 0 {
		return
	}
	if group := w.group(f.name); group >= 0 && w.in.functions != nil {
		w.startFunction(child, at, f.name, f.typ, group)
		child.kind = inProto
	}
}

func (w *walker) startFunction(child *frame, at int, name btf.NameID, ret uint32, group int32) {
	rec := w.add(at, btf.KindFunc, name, uint32(at+1), 0)
	w.out.Records[rec].Aux = uint32(group)
	w.rank.Hide(uint32(at))
	w.add(at+1, btf.KindFuncProto, 0, ret, 0)
	w.out.Records[rec+1].Flags = btf.Unlisted
	*child = frame{kind: inFunction, rec: rec + 1, first: uint32(len(w.out.Members)), fn: int32(len(w.funcs))}
	w.funcs = append(w.funcs, function{rec: rec, place: uint32(at), first: uint32(len(w.params))})
}

// concrete starts the record of a function with code, or with its name or type elsewhere.
func (w *walker) concrete(u *dwarf.Unit, d *dwarf.DIE) error {
	w.act = actNone
	if d.Has(dwarf.AttrDeclaration) {
		return nil
	}
	fn := function{place: uint32(d.At), clang: w.clang, inline: d.Has(dwarf.AttrInline)}
	cc, _ := d.Const(dwarf.AttrCalling)
	fn.nocall = cc == 3
	external := d.Flag(dwarf.AttrExternal)
	name, err := w.nameOf(u, d, dwarf.AttrName)
	if err != nil {
		return err
	}
	ret, err := w.typeOf(u, d, dwarf.AttrType)
	if err != nil {
		return err
	}
	if err := w.address(u, d, &fn); err != nil {
		return err
	}
	name, ret, err = w.inherit(d, &fn, name, ret)
	if err != nil || name == 0 {
		return err
	}
	if w.in.functions == nil && !external {
		return nil
	}
	group := w.group(name)
	if group < 0 {
		return nil
	}
	w.startFunction(&w.child, d.At, name, ret, group)
	started := &w.funcs[len(w.funcs)-1]
	fn.rec, fn.first, fn.concrete = started.rec, started.first, true
	*started = fn
	w.act = actFunction
	return nil
}

// inherit takes name and return type from the abstract origin, else from the specification,
// and so on along the chain; pahole follows one link, and none for the type of a specification
// (encode.md 4.2, 7.1 item 18).
func (w *walker) inherit(d *dwarf.DIE, fn *function, name btf.NameID, ret uint32) (btf.NameID, uint32, error) {
	links := maxChain
	if w.opt.Compat {
		links = 1
	}
	spec := 0
	for range links {
		at, ok := d.Ref(dwarf.AttrAbstractOrigin)
		isOrigin := ok
		if !ok {
			if at, ok = d.Ref(dwarf.AttrSpecification); !ok {
				break
			}
		}
		u := w.unitAt(at)
		if u == nil {
			break
		}
		d = &w.die2
		if err := u.ReadDIE(at, d); err != nil {
			return 0, 0, err
		}
		if !isOrigin {
			spec = at
		}
		if isOrigin && fn.origin == 0 {
			fn.origin, fn.nextParam = at, d.Next
			cc, _ := d.Const(dwarf.AttrCalling)
			fn.nocall = cc == 3
		}
		var err error
		if name == 0 {
			if name, err = w.nameOf(u, d, dwarf.AttrName); err != nil {
				return 0, 0, err
			}
		}
		if ret == 0 && (isOrigin || !w.opt.Compat) {
			if ret, err = w.typeOf(u, d, dwarf.AttrType); err != nil {
				return 0, 0, err
			}
		}
	}
	if spec == 0 || w.opt.Compat {
		return name, ret, nil
	}
	return name, ret, w.tagsOf(spec)
}

// address finds where a function's code starts. pahole does not look at DW_AT_ranges.
func (w *walker) address(u *dwarf.Unit, d *dwarf.DIE, fn *function) error {
	v, ok := d.Get(dwarf.AttrLowpc)
	if ok {
		fn.addr, fn.located = w.addr(u, &v)
		return nil
	}
	if v, ok = d.Get(dwarf.AttrRanges); !ok || w.opt.Compat {
		return nil
	}
	var err error
	fn.addr, fn.located, err = w.rangesEntry(u, &v)
	return err
}

// addr resolves a value of class address.
func (w *walker) addr(u *dwarf.Unit, v *dwarf.Value) (uint64, bool) {
	switch v.Form {
	case dwarf.FormAddr:
		return v.U, true
	case dwarf.FormAddrx, dwarf.FormAddrx1, dwarf.FormAddrx2, dwarf.FormAddrx3, dwarf.FormAddrx4, dwarf.FormGNUAddrIndex:
		return w.addrx(u, v.U)
	}
	return 0, false
}

// addrx reads an entry of the unit's part of .debug_addr.
func (w *walker) addrx(u *dwarf.Unit, index uint64) (uint64, bool) {
	size := uint64(u.AddrSize)
	off := u.AddrBase + index*size
	table := w.in.addr
	if index >= uint64(len(table)) || off > uint64(len(table)) || size > uint64(len(table))-off {
		return 0, false
	}
	return w.in.uint(table[off : off+size]), true
}

// rangesEntry returns the first address of a range list.
func (w *walker) rangesEntry(u *dwarf.Unit, v *dwarf.Value) (uint64, bool, error) {
	sec, off := &w.in.ranges, v.U
	if u.Version >= 5 {
		sec = &w.in.rnglists
		if v.Form == dwarf.FormRnglistx {
			size := uint64(u.OffsetSize())
			b, err := w.ranges.at(sec, u.RnglistsBase+v.U*size, int(size))
			if err != nil {
				return 0, false, err
			}
			if uint64(len(b)) < size {
				return 0, false, nil
			}
			off = u.RnglistsBase + w.in.uint(b[:size])
		}
	}
	list := dwarf.RangeList{Version: u.Version, AddrSize: u.AddrSize, Base: 0,
		Addrx: func(i uint64) (uint64, bool) { return w.addrx(u, i) }}
	for n := windowSize; ; n *= 4 {
		b, err := w.ranges.at(sec, off, n)
		if err != nil {
			return 0, false, err
		}
		addr, ok, err := list.Entry(dwarf.Cursor{Section: sec.name, Data: b, Base: off, Big: w.in.big})
		if errors.Is(err, dwarf.ErrWindow) && len(b) == n {
			continue
		}
		return addr, ok, err
	}
}

// slowParam reads a parameter that has a location or takes its name and type from its origin.
func (w *walker) slowParam(u *dwarf.Unit, d *dwarf.DIE, cur *frame, f *fields) error {
	var p rawParam
	p.loc, p.hasLoc = d.Get(dwarf.AttrLocation)
	p.hasConst = d.Has(dwarf.AttrConstValue)
	var err error
	if f.name, err = w.nameOf(u, d, dwarf.AttrName); err != nil {
		return err
	}
	if f.typ, err = w.typeOf(u, d, dwarf.AttrType); err != nil {
		return err
	}
	if at, ok := d.Ref(dwarf.AttrAbstractOrigin); ok && f.typ == 0 {
		if err := w.inheritParam(at, cur, f, &p); err != nil {
			return err
		}
	}
	if cur.kind == inFunction {
		w.params = append(w.params, p)
	}
	return nil
}

// inheritParam takes a parameter's name and type from its abstract origin.
func (w *walker) inheritParam(at int, cur *frame, f *fields, p *rawParam) error {
	u := w.unitAt(at)
	if u == nil {
		w.warn(warnRef, w.unit, at)
		return nil
	}
	if err := u.ReadDIE(at, &w.die2); err != nil {
		return err
	}
	var err error
	if name, e := w.nameOf(u, &w.die2, dwarf.AttrName); name != 0 || e != nil {
		f.name, err = name, e
	}
	if err != nil {
		return err
	}
	f.typ, err = w.typeOf(u, &w.die2, dwarf.AttrType)
	if cur.kind == inFunction {
		fn := &w.funcs[cur.fn]
		switch {
		case at == fn.nextParam && cur.comp == fn.nextComp && w.die2.Abbrev != nil && !w.die2.Abbrev.Children:
			fn.nextParam, fn.nextComp = w.die2.Next, fn.nextComp+1
		case fn.origin != 0 && !w.isParam(fn.origin, at, int(cur.comp)):
			fn.reorder, p.moved = true, true
		}
	}
	return err
}

// isParam tells whether the DIE at index at is parameter n of the function at origin, or at least not
// another one's.
func (w *walker) isParam(origin, at, n int) bool {
	u := w.unitAt(origin)
	d := &w.die2
	if u == nil || u.ReadDIE(origin, d) != nil || d.Abbrev == nil || !d.Abbrev.Children {
		return true
	}
	p, depth, seen := d.Next, 0, 0
	for p < u.End {
		if u.ReadDIE(p, d) != nil || !w.detour() {
			return true
		}
		switch {
		case d.Abbrev == nil:
			if depth == 0 {
				return true
			}
			depth--
		default:
			if depth == 0 && d.Abbrev.Act == actParam {
				if p == at {
					return seen == n
				}
				seen++
			} else if depth == 0 && seen > n {
				return true
			}
			if d.Abbrev.Children {
				depth++
			}
		}
		p = d.Next
	}
	return true
}

// closeFunction finishes a function when its children have been seen.
func (w *walker) closeFunction(cur *frame) {
	fn := &w.funcs[cur.fn]
	fn.n = uint32(len(w.params)) - fn.first
	if cur.flags&frameNameless != 0 {
		w.out.Records[fn.rec].Aux = noGroup
	}
}

// windowSize is what is read of a section at once, at least: Debian's 7.2 vmlinux has 14 KiB of
// location lists per unit.
const windowSize = 4096

// window is a piece of a section that a worker holds in memory: lists that belong to
// neighbours in .debug_info are neighbours in their section.
type window struct {
	sec  *section
	off  uint64
	data []byte
	buf  []byte
}

// at returns n bytes of a section from off, fewer where it ends.
func (w *window) at(sec *section, off uint64, n int) ([]byte, error) {
	if off >= sec.size {
		return nil, nil
	}
	if uint64(n) > sec.size-off {
		n = int(sec.size - off)
	}
	if sec.data != nil {
		return sec.data[off : off+uint64(n)], nil
	}
	if w.sec == sec && off >= w.off && off+uint64(n) <= w.off+uint64(len(w.data)) {
		return w.data[off-w.off:][:n], nil
	}
	size := min(max(n, 4*windowSize), int(sec.size-off))
	if cap(w.buf) < size {
		w.buf = make([]byte, size)
	}
	w.sec, w.off, w.data = sec, off, w.buf[:size]
	if err := sec.readAt(w.data, off); err != nil {
		w.sec = nil
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return w.data[:n], nil
}
