// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"fmt"
	"math/bits"
)

// The limits of the kernel (include/uapi/linux/btf.h, include/linux/kallsyms.h).
const (
	maxKernelID    = 0xfffff
	maxKernelSID   = 0xffffff
	maxKernelName  = 512      // bytes of an identifier or section name
	maxKernelBlob  = 16 << 20 // bytes that BPF_BTF_LOAD takes
	maxKernelChain = 32       // modifiers in a row; also nesting while resolving
)

// Problem is one reason for which the kernel refuses a blob.
type Problem struct {
	ID     ID // 0: the blob as a whole
	Kind   Kind
	Name   string
	Rule   string // the class of the fault, worded as in the kernel's verifier log
	Detail string
}

func (p Problem) Error() string {
	if p.ID == 0 {
		return fmt.Sprintf("%s: %s", p.Rule, p.Detail)
	}
	return fmt.Sprintf("type %d %v %s: %s: %s", p.ID, p.Kind, appendName(nil, []byte(p.Name)), p.Rule, p.Detail)
}

// ValidateOptions chooses what Validate looks for. The zero value asks for what the
// kernel checks of every blob: vmlinux, modules, .BTF.base and BPF_BTF_LOAD.
type ValidateOptions struct {
	// Resolve adds what only BPF_BTF_LOAD checks: that sizes, member placement and
	// references between types make sense. vmlinux and modules need not pass.
	Resolve bool

	// PointerSize is that of the target in bytes. 0: what the blob tells, else 8.
	PointerSize int

	// Max ends the search after so many problems; 0: no limit.
	Max int
}

// Validate checks the own types of t by the rules of the kernel, and returns at most
// one problem per type and phase, in the order the kernel would meet them: each
// record alone, how types resolve (Resolve, if no record is at fault), modifier
// chains. kernel/bpf/btf.c: btf_check_all_metas, btf_check_all_types,
// btf_check_type_tags.
func Validate(t *Table, opt ValidateOptions) []Problem {
	v := &validator{t: t, opt: opt}
	v.blob()
	for id := t.firstID; int(id) < t.NumIDs() && !v.full(); id++ {
		v.add(id, checkRecord(t, t.Type(id)))
	}
	if opt.Resolve && len(v.problems) == 0 {
		v.resolve()
	}
	v.chains()
	return v.problems
}

type validator struct {
	t        *Table
	opt      ValidateOptions
	problems []Problem
}

// fault is a rule that does not hold, and why; nil is none.
type fault struct{ rule, detail string }

func bad(rule, format string, args ...any) *fault {
	return &fault{rule, fmt.Sprintf(format, args...)}
}

func (v *validator) add(id ID, f *fault) {
	if f == nil || v.full() {
		return
	}
	p := Problem{ID: id, Rule: f.rule, Detail: f.detail}
	if id != 0 {
		p.Kind, p.Name = v.t.Kind(id), string(v.t.Name(id))
	}
	v.problems = append(v.problems, p)
}

func (v *validator) full() bool { return v.opt.Max > 0 && len(v.problems) >= v.opt.Max }

// blob checks what no single type is to blame for.
func (v *validator) blob() {
	t := v.t
	if t.orderBad {
		v.add(0, bad("Section order", "libbpf wants types, layout, strings"))
	}
	if len(t.strs) > maxKernelSID+1 {
		v.add(0, bad("Invalid string section", "%d bytes, the limit is %d", len(t.strs), maxKernelSID+1))
	}
	if t.NumIDs() > maxKernelID+1 {
		v.add(0, bad("Exceeded max num of types", "%d, the limit is %d", t.NumIDs()-1, maxKernelID))
	}
	if !v.opt.Resolve {
		return
	}
	if len(t.data) > maxKernelBlob {
		v.add(0, bad("Blob too large", "%d bytes, the limit is %d", len(t.data), maxKernelBlob))
	}
	if t.base == nil && len(t.offs) == 0 {
		v.add(0, bad("No type found", "the blob has no types"))
	}
}

// checkRecord checks one record without looking at other types.
func checkRecord(t *Table, r Type) *fault {
	if !r.Kind.Known() {
		return bad("Invalid kind", "%d", r.Kind)
	}
	if r.Name > maxKernelSID {
		return bad("Invalid name_offset", "%#x, the limit is %#x", r.Name, maxKernelSID)
	}
	if shapes[r.Kind].elem == 0 && r.Kind != KindFunc && r.Vlen != 0 {
		return bad("vlen != 0", "vlen is %d", r.Vlen)
	}
	if r.Kflag && !kflagUsed(r.Kind) {
		return bad("Invalid btf_info kind_flag", "kflag is set")
	}
	if !wordUsed(r.Kind) && r.SizeOrType != 0 {
		return bad(map[Kind]string{KindFwd: "type != 0", KindArray: "size != 0"}[r.Kind], "it is %d", r.SizeOrType)
	}
	if f := checkTypeName(t, r); f != nil {
		return f
	}
	ids := r.IDs()
	for i := range ids.N {
		if id := r.U32(ids.At(i)); id > maxKernelID {
			return bad("Invalid type_id", "%d, the limit is %d", id, maxKernelID)
		}
	}
	switch r.Kind {
	case KindInt:
		return checkInt(r)
	case KindArray:
		return checkArray(r)
	case KindStruct, KindUnion:
		return checkMembers(t, r)
	case KindEnum, KindEnum64:
		return checkValues(t, r)
	case KindFunc:
		if r.Vlen > LinkageGlobal {
			return bad("Invalid func linkage", "%d", r.Vlen)
		}
	case KindVar:
		if r.Ref() == 0 {
			return bad("Invalid type_id", "type is void")
		}
		if l := r.VarLinkage(); l > LinkageGlobal {
			return bad("Linkage not supported", "%d", l)
		}
	case KindDatasec:
		return checkEntries(r)
	case KindFloat:
		switch r.SizeOrType {
		case 2, 4, 8, 12, 16:
		default:
			return bad("Invalid type_size", "%d", r.SizeOrType)
		}
	case KindDeclTag:
		if i := r.ComponentIdx(); i < -1 {
			return bad("Invalid component_idx", "%d", i)
		}
	}
	return nil
}

// checkTypeName applies the rule for names that the kind has.
func checkTypeName(t *Table, r Type) *fault {
	name := t.Str(r.Name)
	switch r.Kind {
	case KindInt, KindFloat:
		return nil
	case KindStruct, KindUnion, KindEnum, KindEnum64:
		if r.Name == 0 {
			return nil
		}
	case KindDatasec:
		if !isSectionName(name) {
			return bad("Invalid name", "%q is not a section name", name)
		}
		return nil
	case KindDeclTag:
		if len(name) == 0 {
			return bad("Invalid value", "the tag is empty")
		}
		return nil
	case KindTypeTag:
		if len(name) == 0 {
			return bad("Invalid name", "the tag is empty")
		}
		return nil
	case KindFwd, KindTypedef, KindFunc, KindVar:
	default:
		if r.Name != 0 {
			return bad("Invalid name", "%q, a %v has none", name, r.Kind)
		}
		return nil
	}
	if !isIdentifier(name) {
		return bad("Invalid name", "%q is not an identifier", name)
	}
	return nil
}

func checkInt(r Type) *fault {
	enc, off, nbits := r.Int()
	sum := uint32(off) + uint32(nbits)
	switch {
	case r.U32(12)>>28 != 0:
		return bad("Invalid int_data", "%#x", r.U32(12))
	case sum > 128:
		return bad("nr_bits exceeds 128", "%d bits at %d", nbits, off)
	case (sum+7)/8 > r.SizeOrType:
		return bad("nr_bits exceeds type_size", "%d bits at %d in %d bytes", nbits, off, r.SizeOrType)
	case bits.OnesCount8(enc) > 1 || enc > IntBool:
		return bad("Unsupported encoding", "%d", enc)
	}
	return nil
}

func checkArray(r Type) *fault {
	elem, index, _ := r.Array()
	switch {
	case elem == 0:
		return bad("Invalid elem", "element type is void")
	case index == 0:
		return bad("Invalid index", "index type is void")
	}
	return nil
}

func checkMembers(t *Table, r Type) *fault {
	last := uint32(0)
	for i := range int(r.Vlen) {
		name, typ, off, _ := r.Member(i)
		switch {
		case name > maxKernelSID:
			return bad("Invalid member name_offset", "%#x of member %d", name, i)
		case name != 0 && !isIdentifier(t.Str(name)):
			return bad("Invalid name", "%q of member %d is not an identifier", t.Str(name), i)
		case typ == 0:
			return bad("Invalid type_id", "type of member %d is void", i)
		case r.Kind == KindUnion && off != 0:
			return bad("Invalid member bits_offset", "member %d of a union is at bit %d", i, off)
		case off < last:
			return bad("Invalid member bits_offset", "member %d is at bit %d, before the last one, %d", i, off, last)
		case (uint64(off)+7)/8 > uint64(r.SizeOrType):
			return bad("Member bits_offset exceeds its struct size", "member %d is at bit %d of %d bytes", i, off, r.SizeOrType)
		}
		last = off
	}
	return nil
}

func checkValues(t *Table, r Type) *fault {
	if r.SizeOrType > 8 || bits.OnesCount32(r.SizeOrType) != 1 {
		return bad("Unexpected size", "%d", r.SizeOrType)
	}
	for i := range int(r.Vlen) {
		name, _ := r.EnumValue(i)
		if name > maxKernelSID {
			return bad("Invalid name_offset", "%#x of value %d", name, i)
		}
		if !isIdentifier(t.Str(name)) {
			return bad("Invalid name", "%q of value %d is not an identifier", t.Str(name), i)
		}
	}
	return nil
}

func checkEntries(r Type) *fault {
	size := uint64(r.SizeOrType)
	if size == 0 {
		return bad("size == 0", "a section has a size")
	}
	end := uint64(0)
	for i := range int(r.Vlen) {
		typ, off, n := r.SecVar(i)
		switch {
		case typ == 0:
			return bad("Invalid type_id", "entry %d is void", i)
		case uint64(off) < end:
			return bad("Invalid offset", "entry %d is at %d, before the end of the last one, %d", i, off, end)
		case uint64(off) >= size:
			return bad("Invalid offset", "entry %d is at %d, the section has %d bytes", i, off, size)
		case n == 0 || uint64(n) > size:
			return bad("Invalid size", "entry %d has %d bytes, the section %d", i, n, size)
		case uint64(off)+uint64(n) > size:
			return bad("Invalid offset+size", "entry %d ends at %d, the section has %d bytes", i, uint64(off)+uint64(n), size)
		}
		end = uint64(off) + uint64(n)
	}
	return nil
}

// chains looks for modifiers in a row, as they would hold up the kernel's walks. It
// goes by ID and does not look behind a type that it has passed, or one of the
// base, so a long chain is fine if each type comes before those that refer to it.
// Linux 6.18 also wants type tags before the other modifiers of a chain; this
// follows 7.3, which does not.
func (v *validator) chains() {
	passed := v.t.firstID - 1
	for id := v.t.firstID; int(id) < v.t.NumIDs() && !v.full(); id++ {
		cur := id
		for n := 0; v.t.Kind(cur).isModifier(); n++ {
			if n == maxKernelChain {
				v.add(id, bad("Max chain length or cycle detected", "more than %d modifiers in a row", maxKernelChain))
				break
			}
			if cur <= passed {
				break
			}
			cur = v.t.Type(cur).Ref()
		}
		passed = id
	}
}

// identByte marks the bytes of identifiers: what the kernel's ctype table calls
// letters and digits, which is Latin-1, and "_", ".".
var identByte = func() (p [256]bool) {
	for _, c := range []byte("_.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		p[c] = true
	}
	for c := 0xc0; c <= 0xff; c++ {
		p[c] = c != 0xd7 && c != 0xf7 // multiplication and division sign
	}
	return p
}()

func isIdentifier(s []byte) bool {
	if len(s) == 0 || len(s) > maxKernelName || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	for _, c := range s {
		if !identByte[c] {
			return false
		}
	}
	return true
}

// isSectionName: the kernel's isprint, which is Latin-1 too.
func isSectionName(s []byte) bool {
	if len(s) == 0 || len(s) > maxKernelName {
		return false
	}
	for _, c := range s {
		if c < 0x20 || c >= 0x7f && c < 0xa0 {
			return false
		}
	}
	return true
}
