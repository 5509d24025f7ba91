// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"

	"github.com/btfgen/btfgen/encode/internal/dwarf"
	"github.com/btfgen/btfgen/internal/btf"
)

func newWalker(in *input, opt *Options) *walker {
	w := &walker{in: in, opt: opt, byOffset: !in.names.content, flat: opt.Flat,
		aliases: map[uint32]uint32{}, groups: newGroupCache(in.info.size)}
	if !w.byOffset {
		w.cache = new(nameCache)
	}
	return w
}

// load fills w.out with graph n: one unit, or all of them.
func (w *walker) load(n int) error {
	if w.in.merged {
		return w.loadMerged()
	}
	h := &w.in.units[n]
	var buf []byte
	if w.in.info.data != nil {
		buf = w.in.info.data[h.Off : h.Off+h.Size+dwarf.Slack]
	} else {
		size := int(h.Size)
		if cap(w.buf) < size+dwarf.Slack {
			w.buf = make([]byte, size+dwarf.Slack, size+size/4+dwarf.Slack)
		}
		buf = w.buf[:size+dwarf.Slack]
		if err := w.in.info.readAt(buf[:size], h.Off); err != nil {
			return err
		}
	}
	w.reset(buf, h.Off)
	if w.units == nil {
		w.units = []dwarf.Unit{{Abbrevs: new(dwarf.AbbrevTable)}}
	}
	u := &w.units[0]
	*u = dwarf.Unit{Header: *h, Buf: buf, End: int(h.Size), Big: w.in.big, Abbrevs: u.Abbrevs}
	w.unit = u
	wanted, err := w.start(u)
	if err != nil || !wanted {
		return err
	}
	if u.Abbrevs.UsesRefAddr || u.Abbrevs.UsesRefSig8 {
		return errMerge
	}
	if err := w.walk(u); err != nil {
		return err
	}
	return w.finish()
}

// loadMerged reads all units into one graph.
func (w *walker) loadMerged() error {
	buf := w.in.info.data[: len(w.in.info.data)+dwarf.Slack : len(w.in.info.data)+dwarf.Slack]
	w.reset(buf, 0)
	w.units = make([]dwarf.Unit, len(w.in.units))
	tables := map[[2]uint64]*dwarf.AbbrevTable{}
	wanted := make([]bool, len(w.units))
	for i := range w.units {
		h := &w.in.units[i]
		key := tableKey(h)
		u := &w.units[i]
		*u = dwarf.Unit{Header: *h, Buf: buf, Start: int(h.Off), End: int(h.Off + h.Size), InfoBase: w.in.infoBase, Big: w.in.big, Abbrevs: tables[key]}
		compiled := u.Abbrevs != nil
		if !compiled {
			u.Abbrevs = new(dwarf.AbbrevTable)
			tables[key] = u.Abbrevs
		}
		w.unit = u
		var err error
		if wanted[i], err = w.startCompiled(u, compiled); err != nil {
			return err
		}
	}
	for i := range w.units {
		if !wanted[i] {
			continue
		}
		w.unit = &w.units[i]
		w.clang = w.isClang(w.unit)
		lang, _ := w.die.Const(dwarf.AttrLanguage)
		w.rust = lang == langRust
		if err := w.walk(w.unit); err != nil {
			return err
		}
	}
	return w.finish()
}

func (w *walker) start(u *dwarf.Unit) (wanted bool, err error) { return w.startCompiled(u, false) }

// startCompiled prepares a unit and reads its own DIE: bases of its parts of other sections, and whether
// its language is wanted.
func (w *walker) startCompiled(u *dwarf.Unit, compiled bool) (wanted bool, err error) {
	u.Init()
	if !compiled {
		if err := w.compile(u); err != nil {
			return false, err
		}
	}
	d := &w.die
	if err := u.ReadDIE(u.Start+int(u.FirstDIE), d); err != nil || d.Abbrev == nil {
		return false, err
	}
	if u.Version >= 5 { // where the first contribution starts, DWARF 5, 7.26 and 7.27
		head := uint64(8)
		if u.Is64 {
			head = 16
		}
		u.StrOffsetsBase, u.AddrBase = head, head
	}
	for attr, to := range map[dwarf.Attr]*uint64{dwarf.AttrStrOffsetsBase: &u.StrOffsetsBase, dwarf.AttrAddrBase: &u.AddrBase,
		dwarf.AttrLoclistsBase: &u.LoclistsBase, dwarf.AttrRnglistsBase: &u.RnglistsBase} {
		if v, ok := d.Get(attr); ok {
			*to = v.U
		}
	}
	switch d.Abbrev.Tag {
	case dwarf.TagSkeletonUnit:
		w.warn(warnPartial, u, d.At)
		return false, nil
	case dwarf.TagCompileUnit:
		if d.Has(dwarf.AttrGNUDwoName) {
			w.warn(warnPartial, u, d.At)
		}
	}
	lang, _ := d.Const(dwarf.AttrLanguage)
	w.rust = lang == langRust
	w.clang = w.isClang(u)
	return !w.opt.exclude[lang], nil
}

// compile compiles the unit's abbreviations, unless its table holds just these. Units of a hostile file
// may all name one large table, or tables that overlap: what is compiled in all is bounded.
func (w *walker) compile(u *dwarf.Unit) error {
	t := tableKey(&u.Header)
	if !w.in.merged && w.table == t {
		return nil
	}
	w.table = [2]uint64{}
	if err := u.Abbrevs.Compile(w.in.abbrev, u.AbbrevOff, &u.Header, u.Big, plan); err != nil {
		return err
	}
	w.table = t
	limit := 16*int64(len(w.in.abbrev)) + 64<<20
	if w.in.merged { // all tables are in memory at once
		limit = int64(len(w.in.abbrev)) + 1<<20
	}
	if w.compiled += int64(u.Abbrevs.Size); w.compiled > limit {
		return &dwarf.DecodeError{Section: ".debug_abbrev", Off: u.AbbrevOff, Msg: "tables overlap, or are named by too many units"}
	}
	return nil
}

// tableKey says which table the units like h have; never zero.
func tableKey(h *dwarf.Header) [2]uint64 {
	return [2]uint64{h.AbbrevOff, uint64(h.Version)<<16 | uint64(h.AddrSize)<<8 | uint64(h.OffsetSize())}
}

// isClang tells whether the unit's producer is clang, or another compiler that is built on it.
func (w *walker) isClang(u *dwarf.Unit) bool {
	d := &w.die
	if u.ReadDIE(u.Start+int(u.FirstDIE), d) != nil {
		return false
	}
	v, _ := d.Get(dwarf.AttrProducer)
	b, err := w.bytesOf(u, d.At, &v)
	return err == nil && bytes.Contains(b, []byte("clang"))
}

// reload is the btf.Reload of the run.
func (r *run) reload(n int, u *btf.Unit) error {
	if r.reloader == nil {
		r.reloader = newWalker(r.in, r.opt)
	}
	w := r.reloader
	w.out, *u = *u, w.out
	err := w.load(n)
	for _, rec := range r.loops[n] {
		w.out.Records[rec].Ref = 0
	}
	w.out, *u = *u, w.out
	return err
}
