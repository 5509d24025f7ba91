// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bufio"
	"io"
	"strconv"
)

// Dump writes the own types in ID order, one line each, as the canonical text that
// golden files hold. It depends on the types alone, not on byte order, header,
// layout or the place of a string, and it hides nothing: tables with equal text
// have equal types. Only an error of w is returned.
//
//	ID INT name size enc [offset:bits]     enc: s signed, c char, b bool, - none;
//	                                       offset:bits unless it is 0:8*size
//	ID PTR|VOLATILE|CONST|RESTRICT type
//	ID ARRAY elem index nelems
//	ID STRUCT|UNION name size [kf] member:type@bits[:bitfield] ...
//	ID ENUM|ENUM64 name size [s] value=number ...       s signed
//	ID FWD name s|u                                     struct, union
//	ID TYPEDEF name type
//	ID FUNC name type s|g|x|number                      linkage: static, global, extern
//	ID FUNC_PROTO return param:type ...                 "..." is -:0
//	ID VAR name type s|g|x|number
//	ID DATASEC name size var:offset:size ...            bytes
//	ID FLOAT name size
//	ID DECL_TAG name type component [kf]
//	ID TYPE_TAG name type [kf]
//	ID KIND20 record in hexadecimal                     a kind known by its layout only
//
// An empty name is "-". A name is in Go quotes if it has other bytes than letters,
// digits and _.$<>?,*&/ or would read as "-". A field that the kind does not use but
// that is not zero follows as !name=, !vlen=, !word= (size or type), !kf or !int=
// (the whole of an INT's word).
func Dump(w io.Writer, t *Table) error {
	d := dumper{t: t}
	out := bufio.NewWriterSize(w, 64<<10)
	for id := t.firstID; int(id) < t.NumIDs(); id++ {
		d.b = d.b[:0]
		d.line(id)
		if _, err := out.Write(d.b); err != nil {
			return err
		}
	}
	return out.Flush()
}

type dumper struct {
	t *Table
	b []byte
}

// line appends one type and its newline.
func (d *dumper) line(id ID) {
	r := d.t.Type(id)
	d.b = strconv.AppendUint(d.b, uint64(id), 10)
	d.str(" ", r.Kind.String())
	if !r.Kind.Known() {
		d.hex(r.Raw())
		return
	}
	if named(r.Kind) {
		d.name(" ", r.Name)
	}
	if wordUsed(r.Kind) {
		d.num(" ", uint64(r.SizeOrType))
	}
	d.detail(r)
	if !named(r.Kind) && len(d.t.Str(r.Name)) > 0 {
		d.name(" !name=", r.Name)
	}
	if !wordUsed(r.Kind) && r.SizeOrType != 0 {
		d.num(" !word=", uint64(r.SizeOrType))
	}
	if shapes[r.Kind].elem == 0 && r.Kind != KindFunc && r.Vlen != 0 {
		d.num(" !vlen=", uint64(r.Vlen))
	}
	if r.Kflag && !kflagUsed(r.Kind) {
		d.str(" !kf")
	}
	d.b = append(d.b, '\n')
}

// detail appends what follows name, size or type.
func (d *dumper) detail(r Type) {
	switch r.Kind {
	case KindInt:
		d.intDetail(r)
	case KindArray:
		elem, index, n := r.Array()
		d.num(" ", uint64(elem))
		d.num(" ", uint64(index))
		d.num(" ", uint64(n))
	case KindStruct, KindUnion:
		d.flag(r.Kflag, " kf")
		for i := range int(r.Vlen) {
			name, typ, off, bits := r.Member(i)
			d.name(" ", name)
			d.num(":", uint64(typ))
			d.num("@", uint64(off))
			if bits != 0 {
				d.num(":", uint64(bits))
			}
		}
	case KindEnum, KindEnum64:
		d.flag(r.Kflag, " s")
		for i := range int(r.Vlen) {
			name, v := r.EnumValue(i)
			d.name(" ", name)
			if r.Kflag {
				d.b = strconv.AppendInt(append(d.b, '='), int64(v), 10)
			} else {
				d.num("=", v)
			}
		}
	case KindFwd:
		d.flag(!r.Kflag, " s")
		d.flag(r.Kflag, " u")
	case KindFunc:
		d.linkage(r.Vlen)
	case KindFuncProto:
		for i := range int(r.Vlen) {
			name, typ := r.Param(i)
			d.name(" ", name)
			d.num(":", uint64(typ))
		}
	case KindVar:
		d.linkage(r.VarLinkage())
	case KindDatasec:
		for i := range int(r.Vlen) {
			typ, off, size := r.SecVar(i)
			d.num(" ", uint64(typ))
			d.num(":", uint64(off))
			d.num(":", uint64(size))
		}
	case KindDeclTag:
		d.b = strconv.AppendInt(append(d.b, ' '), int64(r.ComponentIdx()), 10)
		d.flag(r.Kflag, " kf")
	case KindTypeTag:
		d.flag(r.Kflag, " kf")
	}
}

func (d *dumper) intDetail(r Type) {
	enc, off, bits := r.Int()
	switch enc {
	case 0:
		d.str(" -")
	case IntSigned:
		d.str(" s")
	case IntChar:
		d.str(" c")
	case IntBool:
		d.str(" b")
	default:
		d.num(" ", uint64(enc))
	}
	if off != 0 || uint64(bits) != 8*uint64(r.SizeOrType) {
		d.num(" ", uint64(off))
		d.num(":", uint64(bits))
	}
	if w := r.U32(12); w&^0x0fff00ff != 0 {
		d.num(" !int=", uint64(w))
	}
}

func (d *dumper) linkage(v uint32) {
	switch v {
	case LinkageStatic:
		d.str(" s")
	case LinkageGlobal:
		d.str(" g")
	case LinkageExtern:
		d.str(" x")
	default:
		d.num(" ", uint64(v))
	}
}

// named tells whether a type of the kind can have a name.
func named(k Kind) bool {
	switch k {
	case KindPtr, KindArray, KindVolatile, KindConst, KindRestrict, KindFuncProto:
		return false
	}
	return true
}

// wordUsed tells whether the third word of the record has a meaning.
func wordUsed(k Kind) bool { return k != KindArray && k != KindFwd }

// kflagUsed tells whether kflag has a meaning.
func kflagUsed(k Kind) bool {
	switch k {
	case KindStruct, KindUnion, KindEnum, KindEnum64, KindFwd, KindDeclTag, KindTypeTag:
		return true
	}
	return false
}

func (d *dumper) str(s ...string) {
	for _, s := range s {
		d.b = append(d.b, s...)
	}
}

func (d *dumper) flag(set bool, s string) {
	if set {
		d.b = append(d.b, s...)
	}
}

func (d *dumper) num(sep string, v uint64) {
	d.b = strconv.AppendUint(append(d.b, sep...), v, 10)
}

func (d *dumper) name(sep string, off StrOff) {
	d.b = appendName(append(d.b, sep...), d.t.Str(off))
}

func (d *dumper) hex(b []byte) {
	const digits = "0123456789abcdef"
	d.b = append(d.b, ' ')
	for _, c := range b {
		d.b = append(d.b, digits[c>>4], digits[c&15])
	}
	d.b = append(d.b, '\n')
}

// appendName appends a name as Dump writes it.
func appendName(b, name []byte) []byte {
	if len(name) == 0 {
		return append(b, '-')
	}
	for _, c := range name {
		if !plainByte[c] {
			return strconv.AppendQuoteToASCII(b, string(name))
		}
	}
	return append(b, name...)
}

// plainByte marks the bytes that need no quotes.
var plainByte = func() (p [256]bool) {
	for _, c := range []byte("_.$<>?,*&/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		p[c] = true
	}
	return p
}()
