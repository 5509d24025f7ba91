// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"

	"github.com/btfgen/btfgen/encode/internal/dwarf"
	"github.com/btfgen/btfgen/internal/btf"
)

// variable is a VAR record of the unit being read.
type variable struct {
	rec     uint32
	section int    // index into the ELF file's sections
	off     uint32 // bytes from the start of the section
	size    uint32 // bytes, by its type; known once references are resolved
}

// Prefixes of names that tools made up (encode.md 5, rule 7).
var hiddenVars = [][]byte{
	[]byte("__UNIQUE_ID"), []byte("__tpstrtab_"), []byte("__exitcall_"), []byte("__gendwarfksyms_ptr_"),
	[]byte("__func_stack_frame_non_standard_"),
}

// variable adds a VAR for a variable of the unit that has an address in a section of
// interest (encode.md 5; the numbers are its rules).
func (w *walker) variable(u *dwarf.Unit, d *dwarf.DIE) error {
	loc, _ := d.Get(dwarf.AttrLocation)
	sec, off, ok := w.varPlace(u, &loc) // 4, 5, 12
	if !ok {
		return nil
	}
	decl, du := d, u // 6: the definition's attributes win, then the declaration's
	specAt, isSpec := d.Ref(dwarf.AttrSpecification)
	if isSpec {
		if du = w.unitAt(specAt); du == nil {
			w.warn(warnRef, u, d.At)
			return nil
		}
		if err := du.ReadDIE(specAt, &w.die2); err != nil {
			return err
		}
		decl = &w.die2
	}
	if d.Has(dwarf.AttrDeclaration) && !isSpec || d.Has(dwarf.AttrArtificial) { // 1, 3
		return nil
	}
	first, second, nu := d, decl, u
	if w.opt.Compat {
		first, nu = decl, du
	}
	name, err := w.nameOf(nu, first, dwarf.AttrName)
	if err == nil && name == 0 {
		name, err = w.nameOf(du, second, dwarf.AttrName)
	}
	if err != nil {
		return err
	}
	typ, err := w.typeOf(nu, first, dwarf.AttrType)
	if err == nil && typ == 0 {
		typ, err = w.typeOf(du, second, dwarf.AttrType)
	}
	if err != nil || name == 0 {
		return err
	}
	text := w.nameBytes(name)
	for _, p := range hiddenVars { // 7
		if bytes.HasPrefix(text, p) {
			return nil
		}
	}
	if !w.hasSymbol(text, sec, off) { // 8
		return nil
	}
	if !validName(text) { // 9
		return w.badVariable(u, d.At, text, "its name is no identifier")
	}
	if typ == 0 { // 10
		return w.badVariable(u, d.At, text, "it has no type")
	}
	linkage := btf.LinkageStatic
	if first.Flag(dwarf.AttrExternal) || second.Flag(dwarf.AttrExternal) {
		linkage = btf.LinkageGlobal
	}
	rec := w.add(d.At, btf.KindVar, name, typ, 0)
	w.out.Records[rec].Aux = linkage
	w.rank.Hide(uint32(d.At))
	w.vars = append(w.vars, variable{rec: rec, section: sec, off: off})
	w.act, w.child = actFunction, frame{kind: inVariable, rec: rec, comp: -1}
	if w.opt.Compat {
		w.tags = w.tags[:0] // gcc's are not read
	}
	if !isSpec {
		return nil
	}
	if w.opt.Compat { // only the declaration's own count
		w.child.kind = inNone
	}
	return w.tagsOf(specAt)
}

// badVariable leaves a variable out, or without encode_force ends the run.
func (w *walker) badVariable(u *dwarf.Unit, at int, name []byte, why string) error {
	if !w.opt.features.encodeForce {
		return u.Errorf(at, "variable %q cannot be encoded: %s", name, why)
	}
	w.warn(warnVar, u, at)
	if w.opt.Report {
		w.badVars = append(w.badVars, Omission{Kind: "var", Name: string(name), Reason: why, Offset: u.Off + uint64(at-u.Start)})
	}
	return nil
}

func (w *walker) nameBytes(id btf.NameID) []byte {
	if b, ok := id.Inline(nil); ok {
		return b
	}
	return w.in.names.Name(id)
}

// varPlace evaluates a variable's location: the section it stands in, if that is of interest.
func (w *walker) varPlace(u *dwarf.Unit, loc *dwarf.Value) (section int, off uint32, ok bool) {
	if !loc.IsBlock() {
		return 0, 0, false
	}
	e := dwarf.NewExpr(loc.B, u.ExprFormat(u.Big))
	op, ok := e.Next()
	if !ok {
		return 0, 0, false
	}
	addr := op.A
	switch op.Code {
	case dwarf.OpAddr:
	case dwarf.OpAddrx:
		if addr, ok = w.addrx(u, op.A); !ok {
			return 0, 0, false
		}
	default:
		return 0, 0, false
	}
	if plus, ok := e.Next(); ok && plus.Code == dwarf.OpPlusUconst {
		if _, more := e.Next(); !more {
			addr += plus.A
		}
	}
	section, off, ok = w.in.dataSection(addr)
	if ok && w.opt.Compat && w.in.rel != nil && w.in.rel.hiddenFromPahole(section, uint64(off)) {
		return 0, 0, false
	}
	return section, off, ok
}

// hasSymbol tells whether the symbol table agrees that the variable is there. pahole asks
// only where the offset is 0, since what the linker discarded reads as address 0.
func (w *walker) hasSymbol(name []byte, section int, off uint32) bool {
	switch {
	case w.in.functions == nil:
		return w.in.rel != nil || off != 0 || w.in.file.Sections[section].Addr != 0
	case w.opt.Compat:
		return off != 0 || w.in.functions.hasObjectIn(name, uint32(section))
	}
	return w.in.functions.hasObject(name, symAddr{uint32(section), w.in.symBase(section) + uint64(off)})
}

// validName tells whether a name is a BTF identifier of at most 127 bytes.
func validName(b []byte) bool {
	if len(b) == 0 || len(b) > 127 {
		return false
	}
	for i, c := range b {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '.'
		if !letter && !(i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return true
}

// sizeVars fills in the sizes of the unit's variables, and takes back those without one (rule 11).
func (w *walker) sizeVars() {
	kept := w.vars[:0]
	for _, v := range w.vars {
		r := &w.out.Records[v.rec]
		size, ok := w.typeSize(r.Ref, 0)
		if !ok || size == 0 || size > 0xffffffff {
			r.Flags |= btf.Unlisted
			continue
		}
		v.size = uint32(size)
		kept = append(kept, v)
	}
	w.vars = kept
}

// typeSize is the size in bytes of a record whose references are resolved.
func (w *walker) typeSize(rec uint32, depth int) (uint64, bool) {
	for range 4 * maxChain {
		r := &w.out.Records[rec]
		switch r.Kind {
		case btf.KindPtr, btf.KindFuncProto, btf.KindFunc:
			return uint64(w.unit.AddrSize), true
		case btf.KindInt, btf.KindFloat, btf.KindEnum, btf.KindEnum64, btf.KindUnion:
			return uint64(r.Size), true
		case btf.KindStruct:
			if r.Size == 1 && r.Count == 0 { // an empty C++ class
				return 0, true
			}
			return uint64(r.Size), true
		case btf.KindArray:
			if depth > maxChain {
				return 0, false
			}
			n, ok := w.typeSize(r.Ref, depth+1)
			if !ok || n > 1<<32 {
				return 0, false
			}
			return n * uint64(r.Size), true
		case btf.KindTypedef, btf.KindConst, btf.KindVolatile, btf.KindRestrict, btf.KindTypeTag:
			rec = r.Ref
		default:
			return 0, false
		}
	}
	return 0, false
}
