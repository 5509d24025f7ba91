// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

func filterOf(names ...string) *nameFilter {
	sums := make([]uint32, len(names))
	for i, n := range names {
		sums[i] = nameSum([]byte(n))
	}
	return newNameFilter(sums)
}

func TestNameFilter(t *testing.T) {
	var names, others []string
	for i := range 5000 {
		names = append(names, fmt.Sprintf("name_%d_of_many", i*i), fmt.Sprint(i))
		others = append(others, fmt.Sprintf("other_%d_of_many", i), fmt.Sprintf("%dx", i))
	}
	names = append(names, "", "a", "ab", "abc", "abcd", "abcdefg", "abcdefgh", "abcdefghi")
	f := filterOf(names...)
	for _, n := range names {
		if !f.has(nameSum([]byte(n))) {
			t.Errorf("%q is not in the filter", n)
		}
	}
	wrong := 0
	for _, n := range others {
		if f.has(nameSum([]byte(n))) {
			wrong++
		}
	}
	if wrong > len(others)/10 {
		t.Errorf("%d of %d other names pass", wrong, len(others))
	}
	if !f.covers(filterOf(names[:100]...)) || filterOf(names[:10]...).covers(f) {
		t.Error("covers is wrong")
	}
}

// The strings of an index that was made for some names are found, whether they are among these or not.
func TestIndexSomeStrings(t *testing.T) {
	tab := readNote(t, "1 I int 4 s; 2 S page 4 flags:1@0; 3 S page_pool 4 pool:1@0")
	s := indexSome(tab, filterOf("page", "nothing"))
	for range maxScans { // those that are searched for first, and those that are indexed then
		for _, name := range []string{"", "int", "page", "flags", "page_pool", "pool"} {
			off, ok := s.Find([]byte(name))
			if !ok || string(tab.Str(off)) != name {
				t.Errorf("%q: at %d, found %v", name, off, ok)
			}
		}
		for _, name := range []string{"nothing", "age", "ool", "page_", "flag", "page\x00page_pool"} {
			if off, ok := s.Find([]byte(name)); ok {
				t.Errorf("%q: found at %d", name, off)
			}
		}
	}
	if len(s.index.others.index.entries) == 0 {
		t.Error("the others were never indexed")
	}
}

// A partial index has every type that its names can lead to, and few others.
func TestBaseIndexOfNames(t *testing.T) {
	note := "1 I int 4 s; 2 S page 4 flags:1@0; 3 P 2; 4 C 3; 5 A 3 1 8; 6 FP 1 p:3; 7 P 6; 8 S other 4 x:1@0; 9 P 8; 10 FP 1 y:8; 11 U - 4 flags:1@0; 12 P 11; 13 FP 1 q:3"
	for i := range 500 {
		note += fmt.Sprintf("; %d S s%d 4 m%d:1@0; %d P %d", 14+2*i, i, i, 15+2*i, 14+2*i)
	}
	tab := readNote(t, note)
	x := newBaseIndex(tab, filterOf("page", "flags", "int", "p"))
	has := map[ID]bool{}
	for _, entries := range [][]idEntry{x.named.entries, x.exact.entries} {
		for _, e := range entries {
			has[e.id] = true
		}
	}
	for _, id := range []ID{1, 2, 3, 4, 5, 6, 7, 11, 12} {
		if !has[id] {
			t.Errorf("type %d (%v) is not in the index", id, tab.Kind(id))
		}
	}
	if n := len(has); n > 150 {
		t.Errorf("%d of %d types are in the index", n, tab.NumIDs()-1)
	}
	if all := newBaseIndex(tab, nil); len(all.named.entries)+len(all.exact.entries) != tab.NumIDs()-1 {
		t.Errorf("%d and %d types are in the index of all names, there are %d", len(all.named.entries), len(all.exact.entries), tab.NumIDs()-1)
	}
}

// A name may be the end of another string, and an empty one its very end.
func TestBaseIndexTail(t *testing.T) {
	const long = "unlike_any_other_page_with_a_long_name"
	for _, test := range []struct {
		name         string
		base, module string
		at, tail     int // patched: byte of type 2 where a name is, and what it is instead: the end of long from there on
	}{
		{"end", "2 S " + long + " 4 flags:1@0", "2 S page_with_a_long_name 4 flags:1@0", 0, len("unlike_any_other_")},
		{"no name", "2 U - 4 a:1@0 flags:1@0", "2 U - 4 -:1@0 flags:1@0", 12, len(long)},
		{"no name, of the type itself", "2 U a 4 flags:1@0", "2 U - 4 flags:1@0", 0, len(long)},
		{"no name at all", "2 U - 4 a:1@0", "2 U - 4 -:1@0", 12, len(long)},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := readNote(t, "1 I int 4 s; "+test.base+"; 3 P 2; 4 S "+long+" 4 last:1@0")
			blob := bytes.Clone(base.Data())
			PutU32(blob[base.typesOff+int(base.offs[1])+test.at:], base.big, uint32(base.Type(4).Name)+uint32(test.tail))
			base = mustRead(t, blob, nil)
			module := mustRead(t, noteBlob(t, false, "1 I int 4 s; "+test.module+"; 3 P 2; 4 P 3"), nil)
			for _, whole := range []bool{false, true} {
				b := NewBase(base)
				if whole {
					b.whole()
				}
				if text := splitText(t, b, module); text != "5 PTR 3\n" {
					t.Errorf("index of all names %v: got\n%s", whole, text)
				}
			}
		})
	}
}

// splitText returns what is left of a module without what its base has.
func splitText(t *testing.T, base *Base, module *Table) string {
	t.Helper()
	names := NewNameTable()
	var u Unit
	if err := module.Unit(&u, 0, names); err != nil {
		t.Fatal(err)
	}
	d := NewSplitDedup(base, names, 1, 1, AcceptFwds)
	if _, err := d.NewWorker().Add(0, &u); err != nil {
		t.Fatal(err)
	}
	if err := d.Resolve(nil); err != nil {
		t.Fatal(err)
	}
	out, err := d.Write(d.All(), false, false, 1)
	if err != nil {
		t.Fatal(err)
	}
	return dumpText(t, mustRead(t, out, base.Table()))
}

// The first names are indexed alone, names that are in such an index need no other, and a third set takes all.
func TestBaseIndexes(t *testing.T) {
	b := NewBase(readNote(t, "1 I int 4 s; 2 S page 4 flags:1@0"))
	set := func(n int) *nameFilter {
		names := make([]string, 1000)
		for i := range names {
			names[i] = fmt.Sprint(n, i)
		}
		return filterOf(names...)
	}
	first := b.index(filterOf("int", "page"))
	if first.names == nil || b.index(filterOf("page")) != first {
		t.Error("the first index is not of its names, or not used again")
	}
	second := b.index(set(1))
	if second == first || second.names == nil {
		t.Error("there is no second index")
	}
	third := b.index(set(2))
	if third.names != nil || third != b.whole() || b.index(set(3)) != third {
		t.Error("the third index is not of all names, or not used again")
	}
}

// respelled returns a standalone blob with other offsets of the same names: of copies of strings, of the ends of others, and of empty
// strings besides the first.
func respelled(t *testing.T, tab *Table, rng *rand.Rand) *Table {
	types, strs := bytes.Clone(tab.types), bytes.Clone(tab.strs)
	respell := func(at int) {
		off := getU32(types[at:], tab.big)
		name := tab.Str(StrOff(off))
		switch rng.IntN(4) {
		case 0:
			strs = append(strs, "end of "...)
			fallthrough
		case 1:
			off = uint32(len(strs))
			strs = append(append(strs, name...), 0)
		}
		PutU32(types[at:], tab.big, off)
	}
	for i, start := range tab.offs {
		r := tab.own(i)
		respell(int(start))
		for f, j := r.ElemNames(), 0; j < f.N; j++ {
			respell(int(start) + f.At(j))
		}
	}
	return mustRead(t, Assemble(tab.big, types, nil, strs), nil)
}

// However a base spells its names, modules share as much with it by the first indexes as by that of all names.
func TestBaseIndexRespelled(t *testing.T) {
	shared := 0
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 8))
		p := randomSplit(t, seed, seed%2 == 1)
		base := respelled(t, p.base, rng)
		some, err := runSplit(t, NewBase(base), p.units, AcceptFwds, 1, false)
		if err != nil {
			t.Fatal(err)
		}
		indexed := NewBase(base)
		indexed.whole()
		all, err := runSplit(t, indexed, p.units, AcceptFwds, 1, false)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(some.blob, all.blob) {
			t.Errorf("seed %d: got\n%s\nwith all names\n%s", seed, dumpText(t, some.table), dumpText(t, all.table))
		}
		for _, ids := range some.ids {
			for _, id := range ids {
				if id != 0 && int(id) < base.NumIDs() {
					shared++
				}
			}
		}
	}
	if shared == 0 {
		t.Error("nothing is shared")
	}
}
