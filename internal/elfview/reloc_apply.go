// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfview

import (
	"debug/elf"
	"encoding/binary"
	"math/bits"
)

// The entries are read in pieces, front to back, and each is applied as it is
// decoded: 1.5 million of them for xfs.ko of Linux 7.2. Nearly all are 64-bit RELA
// entries that store S + A in four or eight bytes, which rela64 does without a
// call. It hands all else, and everything that is wrong, to one, which knows all rules.

// relocPiece is how many bytes of entries are read at once. It is a multiple of
// every entry size, and small: its memory is new to a process that encodes one module.
const relocPiece = 24 * 10 << 8

// Apply relocates data, the whole contents of target as File.Data returns them,
// in place. Entries may be in any order; those for the same field work one upon
// the other, in the order of the file.
//
// canon, if it is not nil, is called with the offsets in section strSection that
// whole fields of four or eight bytes are to get, and replaces them with what to
// store instead. It gets them in batches, in an order that depends on the file alone,
// and must not keep the slice.
//
// Errors are a *FormatError of the relocation section, and leave data changed in
// part: a type that debug sections do not use, a field or a symbol that does not
// exist, a value too large for the field.
func (r *Relocator) Apply(target *Section, data []byte, strSection int, canon func(offs []uint64)) error {
	if r == nil {
		return nil
	}
	rel, err := r.relocations(target)
	if rel == nil || err != nil {
		return err
	}
	a := &relocApplier{
		Relocator: r, data: data, target: target, rel: rel, layout: r.layout(rel),
		order: r.file.order, strShndx: noSection, canon: canon,
	}
	if canon != nil {
		a.strShndx = uint32(strSection)
	}
	buf := make([]byte, min(relocPiece, rel.FileSize))
	for at := uint64(0); at < rel.FileSize; at += uint64(len(buf)) {
		buf = buf[:min(uint64(len(buf)), rel.FileSize-at)]
		if err := r.file.ReadAt(rel, buf, at); err != nil {
			return err
		}
		if a.layout.simple {
			err = a.rela64(buf, at)
		} else {
			err = a.entries(buf, at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// noSection is an index that no symbol has: SHN_XINDEX is always resolved.
const noSection = ^uint32(0)

// relocLayout says how the entries of a section are laid out.
type relocLayout struct {
	size   int // bytes of an entry
	is64   bool
	rela   bool // with an addend; without, it is in the field
	mips64 bool
	simple bool // rela64 can decode it
}

func (r *Relocator) layout(rel *Section) relocLayout {
	l := relocLayout{is64: r.file.Is64(), rela: rel.Type == elf.SHT_RELA, mips64: r.mips64}
	l.size = 2 * 4
	if l.rela {
		l.size = 3 * 4
	}
	if l.is64 {
		l.size *= 2
	}
	l.simple = l.is64 && l.rela && !l.mips64
	return l
}

// relocEntry is one relocation, of any layout.
type relocEntry struct {
	at     uint64 // offset of the entry in its section
	off    uint64 // of the field in the target
	addend uint64
	sym    uint32
	typ    uint32 // 64-bit MIPS: the first of three types in the low byte
}

// decode decodes the entry at the start of b.
func (l *relocLayout) decode(b []byte, order binary.ByteOrder) (e relocEntry) {
	if !l.is64 {
		e.off = uint64(order.Uint32(b))
		info := order.Uint32(b[4:])
		e.sym, e.typ = info>>8, info&0xff
		if l.rela {
			e.addend = uint64(int32(order.Uint32(b[8:])))
		}
		return e
	}
	e.off = order.Uint64(b)
	if l.mips64 {
		// Fields of their own: the symbol as a word, then, byte by byte in either byte
		// order, a special symbol for the second type, and the types, last first.
		e.sym = order.Uint32(b[8:])
		e.typ = uint32(b[13])<<16 | uint32(b[14])<<8 | uint32(b[15])
	} else {
		info := order.Uint64(b[8:])
		e.sym, e.typ = uint32(info>>32), uint32(info)
	}
	if l.rela {
		e.addend = order.Uint64(b[16:])
	}
	return e
}

// relocApplier is one run of Apply.
type relocApplier struct {
	*Relocator
	data     []byte
	target   *Section
	rel      *Section
	layout   relocLayout
	order    binary.ByteOrder
	strShndx uint32 // noSection without canon
	canon    func(offs []uint64)
	strings  [relocBatch]uint64 // what canon works on
	next     uint               // index into strings
}

func (a *relocApplier) errorf(e *relocEntry, format string, args ...any) error {
	return a.rel.errorf(e.at, format, args...)
}

// rela64 applies the 64-bit RELA entries in b, which starts at offset at of the
// relocation section.
func (a *relocApplier) rela64(b []byte, at uint64) error {
	const batch = relocBatch * rela64Size
	if a.canon == nil {
		return a.rela64Batch(b, at)
	}
	for i := 0; i < len(b); i += batch {
		p := b[i:min(i+batch, len(b))]
		a.rela64Strings(p)
		if err := a.rela64Batch(p, at+uint64(i)); err != nil {
			return err
		}
	}
	return nil
}

const (
	rela64Size = 24
	relocBatch = 64 // entries whose strings go to canon together
)

// rela64Strings fills a.strings with what the entries in b, not more than relocBatch,
// are to store for strings, in their order, but for those that rela64Batch leaves to one.
func (a *relocApplier) rela64Strings(b []byte) {
	data, symbols, big := a.data, a.symbols, a.file.Big
	offs := a.strings[:0]
	for p := b; len(p) >= rela64Size; p = p[rela64Size:] {
		off := binary.LittleEndian.Uint64(p)
		info := binary.LittleEndian.Uint64(p[8:])
		addend := binary.LittleEndian.Uint64(p[16:])
		if big {
			off, info, addend = bits.ReverseBytes64(off), bits.ReverseBytes64(info), bits.ReverseBytes64(addend)
		}
		sym := info >> 32
		if sym < uint64(len(symbols)) && off < uint64(len(data)) && len(data[off:]) >= 8 {
			if s := &symbols[sym]; a.isString(s, a.machine.rule(uint32(info))) {
				offs = append(offs, s.addr+addend)
			}
		}
	}
	if len(offs) > 0 {
		a.canon(offs)
	}
	a.next = 0
}

// nextString returns the next of a.strings.
func (a *relocApplier) nextString() uint64 {
	v := a.strings[a.next%relocBatch]
	a.next++
	return v
}

// isString reports whether an entry for a symbol stores what canon replaces.
func (a *relocApplier) isString(s *relocSymbol, rule relocRule) bool {
	return s.shndx == a.strShndx && rule.op() == relocAbs
}

// rela64Batch applies the entries in b. Those that store a string take it from a.strings.
//
// Looking up symbol and type for each entry is faster than comparing r_info with that of
// the entry before, and two kinds of store faster than a masked one (xfs.ko, entries in
// memory: 3.9 ms against 5.0 and 4.8). What is decoded for one is not kept in the loop, where it
// would push other values out of registers.
func (a *relocApplier) rela64Batch(b []byte, at uint64) error {
	data, symbols, rules := a.data, a.symbols, a.machine.rules
	big, strShndx := a.file.Big, a.strShndx
	for p := b; len(p) >= rela64Size; p = p[rela64Size:] {
		off := binary.LittleEndian.Uint64(p)
		info := binary.LittleEndian.Uint64(p[8:])
		v := binary.LittleEndian.Uint64(p[16:])
		if big {
			off, info, v = bits.ReverseBytes64(off), bits.ReverseBytes64(info), bits.ReverseBytes64(v)
		}
		typ, sym := uint64(uint32(info)), info>>32
		if typ < uint64(len(rules)) && sym < uint64(len(symbols)) && off < uint64(len(data)) && len(data[off:]) >= 8 {
			s := &symbols[sym]
			v += s.addr
			switch rules[typ] {
			case relocAbs | 4:
				if s.shndx == strShndx {
					v = a.nextString()
				}
				if !fits32(v) {
					break
				}
				w := uint32(v)
				if big {
					w = bits.ReverseBytes32(w)
				}
				binary.LittleEndian.PutUint32(data[off:], w)
				continue
			case relocAbs | 8:
				if s.shndx == strShndx {
					v = a.nextString()
				}
				if big {
					v = bits.ReverseBytes64(v)
				}
				binary.LittleEndian.PutUint64(data[off:], v)
				continue
			}
		}
		e := a.layout.decode(p, a.order)
		e.at = at + uint64(len(b)-len(p))
		if err := a.one(&e); err != nil {
			return err
		}
	}
	return nil
}

// entries applies the entries in b, which starts at offset at of the relocation
// section.
func (a *relocApplier) entries(b []byte, at uint64) error {
	for i := 0; i+a.layout.size <= len(b); i += a.layout.size {
		e := a.layout.decode(b[i:], a.order)
		e.at = at + uint64(i)
		if err := a.one(&e); err != nil {
			return err
		}
	}
	return nil
}

// fits32 reports whether four bytes hold v, as a signed or as an unsigned number.
func fits32(v uint64) bool { return v+1<<31 < 3<<31 }

// one applies one entry.
func (a *relocApplier) one(e *relocEntry) error {
	rule := a.machine.rule(e.typ)
	switch rule.op() {
	case 0:
		return a.errorf(e, "relocation type %s at %s+%#x is not one that debug sections use",
			a.machine.describe(e.typ), a.target.label(), e.off)
	case relocNone:
		return nil
	}
	if uint64(e.sym) >= uint64(len(a.symbols)) {
		return a.errorf(e, "symbol %d, there are %d symbols", e.sym, len(a.symbols))
	}
	s := &a.symbols[e.sym]
	switch rule.op() {
	case relocAddULEB, relocSubULEB, relocSetULEB:
		return a.uleb(e, rule.op(), s.addr+e.addend)
	}
	size := rule.size()
	if n := uint64(len(a.data)); e.off > n || uint64(size) > n-e.off {
		return a.errorf(e, "a field of %d bytes at %s+%#x, the section has %d bytes", size, a.target.label(), e.off, n)
	}
	field := a.data[e.off:][:size]
	old := a.load(field)
	addend := e.addend
	if !a.layout.rela {
		if op := rule.op(); op != relocAbs && op != relocTLS {
			return a.errorf(e, "relocation type %s has no addend of its own", a.machine.describe(e.typ))
		}
		addend = signExtend(old, size)
	}
	v := s.addr + addend
	switch rule.op() {
	case relocAbs:
		if a.isString(s, rule) {
			a.strings[0] = v
			a.canon(a.strings[:1])
			v = a.strings[0]
		}
		if a.layout.is64 && size == 4 && !fits32(v) {
			return a.errorf(e, "value %#x does not fit the four bytes at %s+%#x", v, a.target.label(), e.off)
		}
	case relocTLS:
		v -= a.machine.tlsBias
	case relocAdd:
		v = old + v
	case relocSub:
		v = old - v
	case relocSet:
	case relocAdd6:
		v = old&^0x3f | (old+v)&0x3f
	case relocSub6:
		v = old&^0x3f | (old-v)&0x3f
	case relocSet6:
		v = old&^0x3f | v&0x3f
	}
	a.store(field, v)
	return nil
}

// uleb works on a ULEB128 number, and keeps its length. A sum that is too large
// for that is truncated: what is stored is right if the difference fits, once the other
// entry for the field has been applied, in whatever order.
func (a *relocApplier) uleb(e *relocEntry, op relocRule, v uint64) error {
	if !a.layout.rela {
		return a.errorf(e, "relocation type %s has no addend of its own", a.machine.describe(e.typ))
	}
	if e.off >= uint64(len(a.data)) {
		return a.errorf(e, "a ULEB128 number at %s+%#x, the section has %d bytes", a.target.label(), e.off, len(a.data))
	}
	field := a.data[e.off:]
	field = field[:min(len(field), maxULEB128Bytes)]
	n, old := 0, uint64(0)
	for {
		if n == len(field) {
			return a.errorf(e, "a ULEB128 number without an end at %s+%#x", a.target.label(), e.off)
		}
		old |= uint64(field[n]&0x7f) << (7 * n)
		if n++; field[n-1]&0x80 == 0 {
			break
		}
	}
	switch op {
	case relocAddULEB:
		v = old + v
	case relocSubULEB:
		v = old - v
	}
	for i := range n {
		field[i] = field[i]&0x80 | byte(v>>(7*i))&0x7f
	}
	return nil
}

// load decodes a field of 1 to 8 bytes.
func (a *relocApplier) load(b []byte) (v uint64) {
	if len(b) == 4 {
		return uint64(a.order.Uint32(b))
	}
	for i := range b {
		at := i
		if !a.file.Big {
			at = len(b) - 1 - i
		}
		v = v<<8 | uint64(b[at])
	}
	return v
}

// store encodes the low bits of v into a field.
func (a *relocApplier) store(b []byte, v uint64) {
	if len(b) == 4 {
		a.order.PutUint32(b, uint32(v))
		return
	}
	for i := range b {
		at := i
		if a.file.Big {
			at = len(b) - 1 - i
		}
		b[at] = byte(v >> (8 * i))
	}
}

// signExtend extends a number of size bytes to 64 bits.
func signExtend(v uint64, size int) uint64 {
	shift := 64 - 8*size
	return uint64(int64(v<<shift) >> shift)
}
