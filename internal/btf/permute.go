// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// Permute returns the blob with its own types in another order. ids gives for each of the NumIDs old IDs the new
// one: void and the types of the base keep theirs, the own types take each other's (libbpf btf.c: btf__permute).
// Strings, layout and the length of the header stay as they are. The error is a *FormatError.
//
// Whoever holds IDs of the old order, such as .BTF_ids, has to map them as well.
func (t *Table) Permute(ids []ID) ([]byte, error) {
	if len(ids) != t.NumIDs() {
		return nil, failAt(0, "renumbering has %d IDs, the blob has %d", len(ids), t.NumIDs())
	}
	for id := range t.firstID {
		if ids[id] != id {
			return nil, failAt(0, "renumbering gives type %d, which is not an own one, the ID %d", id, ids[id])
		}
	}
	order := make([]ID, len(t.offs)) // old IDs, by place
	for id := t.firstID; int(id) < len(ids); id++ {
		to := ids[id]
		if to < t.firstID || int(to) >= len(ids) {
			return nil, t.ownErr(id, "gets the ID %d, own ones are %d to %d", to, t.firstID, len(ids)-1)
		}
		if other := order[to-t.firstID]; other != 0 {
			return nil, t.ownErr(id, "gets the ID %d, as type %d does", to, other)
		}
		order[to-t.firstID] = id
	}
	if err := t.needKnown(); err != nil {
		return nil, err
	}
	types := make([]byte, 0, len(t.types))
	for _, id := range order {
		at := len(types)
		types = append(types, t.Type(id).rec...)
		decodeType(types[at:], t.big).mapIDs(ids)
	}
	return t.with(types, t.strs), nil
}

// IsSorted tells whether the names of the own types ascend, as SortByName leaves them. The kernel takes it for
// granted of vmlinux, and looks names up by bisection.
func (t *Table) IsSorted() bool {
	var last []byte
	for id := t.firstID; int(id) < t.NumIDs(); id++ {
		name := t.Name(id)
		if bytes.Compare(last, name) > 0 {
			return false
		}
		last = name
	}
	return true
}

// SortByName returns the blob with its own types by name, and the new ID of each of the NumIDs old ones, those of
// the base included. Names compare byte by byte, anonymous types come first, equal names keep their order, as the
// kernel's resolve_btfids does it. The error is a *FormatError.
func (t *Table) SortByName() (blob []byte, ids []ID, err error) {
	ranks, err := t.nameRanks()
	if err != nil {
		return nil, nil, err
	}
	next := make([]ID, len(ranks)+1) // by rank: how many types have it, then the next ID
	for _, r := range ranks {
		next[r]++
	}
	id := t.firstID
	for i, n := range next {
		next[i] = id
		id += n
	}
	ids = make([]ID, t.NumIDs())
	for i := range t.firstID {
		ids[i] = i
	}
	for i, r := range ranks {
		ids[int(t.firstID)+i] = next[r]
		next[r]++
	}
	blob, err = t.Permute(ids)
	if err != nil {
		return nil, nil, err
	}
	return blob, ids, nil
}

// nameRanks returns for each own type the place of its name among the different names, 0 for the
// empty one. Only one name of each string offset is compared.
func (t *Table) nameRanks() ([]uint32, error) {
	uses := make([]uint64, len(t.offs)) // string offset, then index into offs
	for i, off := range t.offs {
		uses[i] = uint64(getU32(t.types[off:], t.big))<<32 | uint64(i)
	}
	slices.Sort(uses)

	type name struct {
		key   uint64 // the first 8 bytes, so that most names differ without being read
		first uint32 // index into uses
		n     uint32 // uses
	}
	names := make([]name, 0, len(uses))
	str := func(n name) []byte { return t.Str(StrOff(uses[n.first] >> 32)) }
	total := 0
	for i := 0; i < len(uses); {
		n := name{first: uint32(i)}
		for ; i < len(uses) && uses[i]>>32 == uses[n.first]>>32; i++ {
			n.n++
		}
		s := str(n)
		if total += len(s); total > maxNameBytes {
			return nil, t.ownErr(t.firstID+ID(uint32(uses[n.first])), "names add up to more than %d bytes", maxNameBytes)
		}
		var key [8]byte
		copy(key[:], s)
		n.key = binary.BigEndian.Uint64(key[:])
		names = append(names, n)
	}
	compare := func(a, b name) int {
		if a.key != b.key || byte(a.key) == 0 {
			return cmp.Compare(a.key, b.key) // names of less than 8 bytes end in zeros
		}
		return bytes.Compare(str(a), str(b))
	}
	slices.SortFunc(names, compare)

	ranks := make([]uint32, len(t.offs))
	rank := uint32(0)
	for i, n := range names {
		if i == 0 && n.key != 0 || i > 0 && compare(names[i-1], n) != 0 {
			rank++
		}
		for _, u := range uses[n.first : n.first+n.n] {
			ranks[uint32(u)] = rank
		}
	}
	return ranks, nil
}

// mapIDs replaces each ID in a record, which must be writable, by ids[ID].
func (r Type) mapIDs(ids []ID) {
	f := r.IDs()
	for i := range f.N {
		b := r.rec[f.At(i):]
		PutU32(b, r.big, uint32(ids[getU32(b, r.big)]))
	}
}

// needKnown returns an error if an own type is of a kind known by its layout only.
func (t *Table) needKnown() error {
	if t.unknown == 0 {
		return nil
	}
	id := t.firstID
	for t.Kind(id).Known() {
		id++
	}
	return t.ownErr(id, "kind %d is unknown, its references cannot be followed", t.Kind(id))
}

// with returns a blob with the header length, the layout section and the byte order of t, and with
// other types and strings.
func (t *Table) with(types, strs []byte) []byte {
	b := make([]byte, 0, t.hdrLen+len(types)+len(t.layout)+len(strs))
	b = append(b, t.data[:t.hdrLen]...)
	end := uint32(0)
	put := func(field int, section []byte) {
		PutU32(b[field:], t.big, end)
		PutU32(b[field+4:], t.big, uint32(len(section)))
		end += uint32(len(section))
		b = append(b, section...)
	}
	put(8, types)
	if len(t.layout) > 0 {
		put(24, t.layout)
	}
	put(16, strs)
	return b
}

// ownErr returns an error that names an own type.
func (t *Table) ownErr(id ID, format string, args ...any) error {
	return t.typeErr(id, int(t.offs[id-t.firstID]), "%s: %s", t.label(id), fmt.Sprintf(format, args...))
}

// label returns how messages call a type: its kind as in C, and its name.
func (t *Table) label(id ID) string {
	r := t.Type(id)
	name := t.Str(r.Name)
	if len(name) > maxKernelName {
		name = append(slices.Clone(name[:maxKernelName]), "..."...)
	}
	return string(appendName([]byte(kindWord(r)+" "), name))
}

// kindWord returns what C calls a type.
func kindWord(r Type) string {
	switch r.Kind {
	case KindInt:
		return "integer"
	case KindFloat:
		return "float"
	case KindStruct:
		return "struct"
	case KindUnion:
		return "union"
	case KindEnum, KindEnum64:
		return "enum"
	case KindFwd:
		if r.Kflag {
			return "forward union"
		}
		return "forward struct"
	}
	return r.Kind.String()
}
