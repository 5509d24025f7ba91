// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import "bytes"

// StrMax is Str for a string of no more than max bytes: ok is false for a longer one, of which no more than that is
// looked at. Types may share a long name, so that a walk over all of them that compares names has to be bounded.
func (t *Table) StrMax(off StrOff, max int) (s []byte, ok bool) {
	for off < t.strBase {
		t = t.base
	}
	s = t.strs[off-t.strBase:]
	if len(s) > max+1 {
		s = s[:max+1]
	}
	n := bytes.IndexByte(s, 0)
	if n < 0 {
		return nil, false
	}
	return s[:n], true
}

// NameOff returns the string offset of the name of a type, 0 for void. It is cheaper than Type.
func (t *Table) NameOff(id ID) StrOff {
	if id == 0 {
		return 0
	}
	for id < t.firstID {
		t = t.base
	}
	return StrOff(getU32(t.types[t.offs[id-t.firstID]:], t.big))
}

// WithoutLayout returns the blob without its layout section, which kernels before 7.2 refuse. The header keeps its
// length.
func (t *Table) WithoutLayout() []byte {
	plain := *t
	plain.layout = nil
	b := plain.with(t.types, t.strs)
	if t.hdrLen >= headerLenNew {
		PutU32(b[24:], t.big, 0)
		PutU32(b[28:], t.big, 0)
	}
	return b
}
