// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/btfgen/btfgen/internal/btf"
)

// Flags of a set8, and of a kfunc in one (include/linux/btf_ids.h: BTF_SET8_KFUNCS, include/linux/btf.h: KF_*).
const (
	setOfKfuncs uint32 = 1 << 0

	kfFastcall     uint32 = 1 << 12
	kfArenaRet     uint32 = 1 << 13
	kfArenaArg1    uint32 = 1 << 14
	kfArenaArg2    uint32 = 1 << 15
	kfImplicitArgs uint32 = 1 << 16
)

// kfunc is a function that BPF programs may call.
type kfunc struct {
	id    btf.ID // of its FUNC
	name  string
	flags uint32
}

// FlagsError says that a kfunc is in several sets with different flags.
type FlagsError struct {
	Name string
	A, B uint32
}

// Error returns the text of the kernel's resolve_btfids.
func (e *FlagsError) Error() string {
	return fmt.Sprintf("kfunc %s has inconsistent flags across BTF ID sets: 0x%x != 0x%x", e.Name, e.A, e.B)
}

// entry is an element of a set of kfuncs.
type entry struct {
	set   *set
	index uint32
	name  string // "" if no symbol names it
	flags uint32
}

// kfuncEntries returns the elements of all sets of kfuncs: sets by descending name, elements as they stand in data.
func (x *IDs) kfuncEntries(data []byte) []entry {
	var entries []entry
	for i := range x.sets {
		s := &x.sets[i]
		if !s.pairs || x.word(data, s.word+1)&setOfKfuncs == 0 {
			continue
		}
		for n := range s.count {
			e := entry{set: s, index: n, flags: x.word(data, s.at(n)+1)}
			if r, ok := x.named[s.at(n)]; ok {
				e.name = x.requests[r].name
			}
			entries = append(entries, e)
		}
	}
	return entries
}

// findKfuncs returns the functions of all sets of kfuncs by ascending ID, each once. They are own types of the blob: a function of
// the base is not the module's to change.
func (r *resolver) findKfuncs(funcs map[string]btf.ID, entries []entry) ([]kfunc, error) {
	byID := map[btf.ID]kfunc{}
	for _, e := range entries {
		id := funcs[e.name]
		switch {
		case e.name == "":
			r.warn(warnNoSymbol(e.set.name, int(e.index)))
			continue
		case id == 0:
			r.warn(warnNoFunc(e.name, e.set.name, r.whyNoFunc(e.name)))
			continue
		}
		k, again := byID[id]
		if again && k.flags != e.flags && r.opt.Kernel.Has(EqualFlags) {
			return nil, &FlagsError{e.name, k.flags, e.flags}
		}
		// Before 7.3 sets of different program types may differ, such as in whether the function sleeps.
		byID[id] = kfunc{id, e.name, k.flags | e.flags}
	}
	kfuncs := make([]kfunc, 0, len(byID))
	for _, k := range byID {
		kfuncs = append(kfuncs, k)
	}
	slices.SortFunc(kfuncs, func(a, b kfunc) int { return cmp.Compare(a.id, b.id) })
	return kfuncs, nil
}

// ownFuncs finds the first own FUNC of each name in funcs; names without one stay 0.
func ownFuncs(t *btf.Table, funcs map[string]btf.ID) {
	longest := 0
	for name := range funcs {
		longest = max(longest, len(name))
	}
	for id := t.FirstID(); int(id) < t.NumIDs(); id++ {
		if t.Kind(id) != btf.KindFunc {
			continue
		}
		name, short := t.StrMax(t.NameOff(id), longest)
		if !short {
			continue
		}
		if first, wanted := funcs[string(name)]; wanted && first == 0 {
			funcs[string(name)] = id
		}
	}
}
