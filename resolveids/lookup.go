// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/btfgen/btfgen/internal/btf"
)

// requestKinds are the kinds of types whose IDs can be asked for.
var requestKinds = [...]btf.Kind{btf.KindStruct, btf.KindUnion, btf.KindTypedef, btf.KindFunc}

// nameIndex finds names of one kind.
type nameIndex struct {
	at  map[string]int
	max int // bytes of the longest
}

func (x *nameIndex) add(name string, i int) {
	x.at[name] = i
	x.max = max(x.max, len(name))
}

// find returns what the name of a type of t stands for.
func (x *nameIndex) find(t *btf.Table, id btf.ID) (i int, ok bool) {
	name, short := t.StrMax(t.NameOff(id), x.max)
	if !short {
		return 0, false
	}
	i, ok = x.at[string(name)]
	return i, ok
}

// maxDetails is how many names with several types are looked at closely, and how many functions that are missing; a
// kernel has about ten.
const maxDetails = 100

// lookup finds the IDs of requests, base first, and of several types the first. It warns of
// the others as resolve_btfids does: as long as the kind has more symbols than names that were found.
func (r *resolver) lookup() {
	x, t := r.ids, r.t
	r.found = make([]btf.ID, len(x.requests))
	var index [btf.KindEnum64 + 1]nameIndex
	var left [btf.KindEnum64 + 1]int
	for _, k := range requestKinds {
		index[k].at = map[string]int{}
	}
	for i := range x.requests {
		q := &x.requests[i]
		index[q.kind].add(q.name, i)
		left[q.kind] += len(q.words)
	}
	details := 0
	for id := btf.ID(1); int(id) < t.NumIDs(); id++ {
		k := t.Kind(id)
		if !k.Known() || left[k] == 0 {
			continue
		}
		i, wanted := index[k].find(t, id)
		switch {
		case !wanted:
		case r.found[i] == 0:
			r.found[i] = id
			left[k]--
		default:
			q := &x.requests[i]
			detail := ""
			if details++; details <= maxDetails {
				detail = r.whySeveral(q, r.found[i], id)
			}
			r.warn(warnMultiple(q.name, uint32(r.found[i]), uint32(id), detail))
		}
	}
}

// whyNoFunc says why a function is not in BTF, for a warning; "" if that is not known.
func (r *resolver) whyNoFunc(name string) string {
	if r.asked++; r.in.WhyNoFunc == nil || r.asked > maxDetails {
		return ""
	}
	return r.in.WhyNoFunc(name)
}

// warnMissing warns of the requests that nothing was found for, with the reason, as far as it shows.
func (r *resolver) warnMissing() {
	missing := nameIndex{at: map[string]int{}}
	for i, id := range r.found {
		if id == 0 {
			missing.add(r.ids.requests[i].name, i)
		}
	}
	if len(missing.at) == 0 {
		return
	}
	others := kindsOf(r.t, &missing)
	var inBase map[string]uint32
	if r.opt.Distill {
		inBase = kindsOf(r.base(), &missing)
	}
	for i, id := range r.found {
		if id != 0 {
			continue
		}
		q := &r.ids.requests[i]
		if inBase[q.name]&(1<<q.kind) != 0 {
			r.warn(warnUnresolved(OnlyInBase, q.name, "it is a type of the base that the distilled one does not have"))
			continue
		}
		var parts []string
		if s := otherKind(others[q.name]); s != "" {
			parts = append(parts, s)
		}
		if q.kind == btf.KindFunc {
			if s := r.whyNoFunc(q.name); s != "" {
				parts = append(parts, s)
			}
		}
		r.warn(warnUnresolved(Unresolved, q.name, strings.Join(parts, "; ")))
	}
}

// kindsOf returns which kinds of types have the names of an index: 1<<kind.
func kindsOf(t *btf.Table, names *nameIndex) map[string]uint32 {
	kinds := map[string]uint32{}
	for id := btf.ID(1); int(id) < t.NumIDs(); id++ {
		if k := t.Kind(id); k.Known() && k != btf.KindDeclTag && k != btf.KindTypeTag {
			if name, short := t.StrMax(t.NameOff(id), names.max); short && len(name) > 0 {
				if _, ok := names.at[string(name)]; ok {
					kinds[string(name)] |= 1 << k
				}
			}
		}
	}
	return kinds
}

// otherKind says what a name stands for instead.
func otherKind(kinds uint32) string {
	switch {
	case kinds == 0:
		return ""
	case kinds&(1<<btf.KindFwd) != 0:
		return "it is declared and not defined"
	}
	return fmt.Sprintf("the name is that of a %v", btf.Kind(bits.TrailingZeros32(kinds)))
}
