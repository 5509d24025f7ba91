// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// What the tests of the engine share: running it over units, and brute force to check
// what comes out. The oracles are quadratic and share nothing with the engine but Unit and Table.

// outcome of a run over units.
type outcome struct {
	blob  []byte
	table *Table
	ids   [][]ID // by unit and record: the type of the output
	stats Stats
}

// checkUnitsOf looks at each record for what UnitsOf tells without.
func checkUnitsOf(d *Dedup, units []*Unit, classes [][]uint32, order []ClassID) error {
	holders := map[ClassID][]int{}
	for n, u := range units {
		for i := range u.Records {
			r := &u.Records[i]
			id := d.At(ClassID(classes[n][i]), u.Base+uint64(r.Pos))
			if r.isFwd() && r.Name != 0 {
				continue // it stands for a definition, and is none
			}
			if h := holders[id]; len(h) == 0 || h[len(h)-1] != n {
				holders[id] = append(h, n)
			}
		}
	}
	unitOf := func(place uint64) int {
		n := len(units) - 1
		for units[n].Base > place {
			n--
		}
		return n
	}
	for i, id := range order {
		if d.class(uint32(id)).isFwd() || i%(1+len(order)/10) != 0 { // each looks at all records
			continue
		}
		if got := d.UnitsOf(id, unitOf); !slices.Equal(got, holders[id]) {
			c, _ := d.Class(id)
			return fmt.Errorf("class %d, %v of name %d, is in the units %v, want %v", id, c.Kind, c.Name, got, holders[id])
		}
	}
	return nil
}

// runDedup deduplicates units with the given number of workers. Places follow the order of the units.
func runDedup(tb testing.TB, names Names, units []*Unit, workers int) (*outcome, error) {
	tb.Helper()
	place := uint64(0)
	for _, u := range units {
		u.Base = place
		place += uint64(len(u.Records))
	}
	d := NewDedup(names, len(units), 1)
	classes := make([][]uint32, len(units))
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for k := range workers {
		wg.Go(func() {
			w := d.NewWorker()
			for n := k; n < len(units); n += workers {
				var err error
				if classes[n], err = w.Add(n, units[n]); err != nil {
					errs[k] = err
				}
				runtime.Gosched()
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	err := d.Resolve(func(n int, u *Unit) error {
		u.Base = units[n].Base
		u.Records = append(u.Records[:0], units[n].Records...)
		u.Members = append(u.Members[:0], units[n].Members...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	order := d.All()
	id := make([]ID, d.NumClasses())
	for i, c := range order {
		id[c] = ID(i + 1)
	}
	if err := checkUnitsOf(d, units, classes, order); err != nil {
		return nil, err
	}
	o := &outcome{ids: make([][]ID, len(units)), stats: d.Stats}
	if o.blob, err = d.Write(order, false, false, workers); err != nil {
		return nil, err
	}
	if o.table, err = Read(o.blob, nil); err != nil {
		return nil, err
	}
	for n, u := range units {
		o.ids[n] = make([]ID, len(u.Records))
		for i := range u.Records {
			c := d.At(ClassID(classes[n][i]), u.Base+uint64(u.Records[i].Pos))
			if t := d.tags.of[c]; t != 0 && d.class(uint32(c)).isFwd() && id[c] == 0 {
				c = ClassID(d.tags.tags[t-1].meaning)
			}
			if o.ids[n][i] = id[c]; o.ids[n][i] == 0 && i != 0 && u.Records[i].Flags&Unlisted == 0 {
				return nil, fmt.Errorf("unit %d record %d, %v: class %d is not in the output", n, i, u.Records[i].Kind, c)
			}
		}
	}
	return o, nil
}

// content is all of a type but its references, as a comparable value.
func content(t *Table, id ID) string {
	if id == 0 {
		return ""
	}
	r := t.Type(id)
	b := slices.Clone(r.Raw())
	for f, i := r.IDs(), 0; i < f.N; i++ {
		PutU32(b[f.At(i):], t.big, 0)
	}
	PutU32(b, t.big, 0)
	b = append(append(b, t.Str(r.Name)...), 0)
	for f, i := r.ElemNames(), 0; i < f.N; i++ {
		PutU32(b[f.At(i):], t.big, 0)
		b = append(append(b, t.Str(StrOff(r.U32(f.At(i))))...), 0)
	}
	return string(b)
}

func refsOf(t *Table, id ID) []ID {
	if id == 0 {
		return nil
	}
	r := t.Type(id)
	var ids []ID
	for f, i := r.IDs(), 0; i < f.N; i++ {
		ids = append(ids, ID(r.U32(f.At(i))))
	}
	return ids
}

// canonical returns a text that two tables share if and only if one is the other with its types in
// another order, provided that no two types of either are bisimilar or that they are alike in number: the sorted
// hashes of what can be seen from each type within NumIDs steps.
func canonical(t *Table) string {
	n := t.NumIDs()
	base, cur, next := make([]uint64, n), make([]uint64, n), make([]uint64, n)
	for id := range n {
		h := fnv.New64a()
		h.Write([]byte(content(t, ID(id))))
		base[id] = h.Sum64()
		cur[id] = base[id]
	}
	for range n {
		for id := range n {
			h := base[id]
			for _, ref := range refsOf(t, ID(id)) {
				h = (h ^ cur[ref]) * 0x9e3779b97f4a7c15
				h ^= h >> 29
			}
			next[id] = h
		}
		cur, next = next, cur
	}
	slices.Sort(cur)
	return fmt.Sprintf("%x", cur)
}

// bisimilar returns the number of the class of each type of a table under the greatest bisimulation: Moore's rounds.
// VAR and DATASEC are only equal to themselves. fwd, if not nil, is followed first wherever a type is meant.
func bisimilar(t *Table, fwd func(ID) ID) (class []int, classes int) {
	n := t.NumIDs()
	class = make([]int, n)
	for {
		index := map[string]int{}
		next := make([]int, n)
		for id := range n {
			at := ID(id)
			if fwd != nil {
				at = fwd(at)
			}
			key := content(t, at)
			if k := t.Kind(at); k == KindVar || k == KindDatasec {
				key += fmt.Sprint(" at ", at)
			}
			for _, ref := range refsOf(t, at) {
				key += fmt.Sprint(" ", class[ref])
			}
			c, ok := index[key]
			if !ok {
				c = len(index)
				index[key] = c
			}
			next[id] = c
		}
		if len(index) == classes {
			return next, classes
		}
		class, classes = next, len(index)
	}
}

// completes tells whether type out of b is type in of a, where a may only declare what b defines, all the way down.
func completes(a *Table, in ID, b *Table, out ID) error {
	type pair struct{ in, out ID }
	seen := map[pair]bool{}
	todo := []pair{{in, out}}
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[p] {
			continue
		}
		seen[p] = true
		if isDeclaration(a, p.in) && tagOf(a, p.in) == tagOf(b, p.out) {
			continue
		}
		if content(a, p.in) != content(b, p.out) {
			return fmt.Errorf("type %d, which refers to %d, became %d, which refers to %d in its place", in, p.in, out, p.out)
		}
		x, y := refsOf(a, p.in), refsOf(b, p.out)
		for i := range x {
			todo = append(todo, pair{x[i], y[i]})
		}
	}
	return nil
}

func isDeclaration(t *Table, id ID) bool {
	if id == 0 || len(t.Name(id)) == 0 {
		return false
	}
	k := t.Kind(id)
	return k == KindFwd || (k == KindEnum || k == KindEnum64) && t.Type(id).Vlen == 0
}

// tagOf returns what a type is referred to as, "" for one that has no tag.
func tagOf(t *Table, id ID) string {
	if id == 0 || len(t.Name(id)) == 0 {
		return ""
	}
	r := t.Type(id)
	name := string(t.Name(id))
	switch {
	case r.Kind == KindStruct || r.Kind == KindFwd && !r.Kflag:
		return "struct " + name
	case r.Kind == KindUnion || r.Kind == KindFwd:
		return "union " + name
	case r.Kind == KindEnum || r.Kind == KindEnum64:
		return "enum " + name
	}
	return ""
}

// checkOutcome checks what holds for every run: each type of the input became one that completes
// it (R1), no two types of the output are the same, and the output is a fixed point (R3).
func checkOutcome(t testing.TB, names Names, units []*Unit, o *outcome) error {
	for n, u := range units {
		in := unitTable(t, names, u)
		for i := 1; i < len(u.Records); i++ {
			if err := completes(in, ID(i), o.table, o.ids[n][i]); err != nil {
				return fmt.Errorf("unit %d: %w", n, err)
			}
		}
	}
	if _, classes := bisimilar(o.table, nil); classes != o.table.NumIDs() {
		return fmt.Errorf("%d types, but only %d are different", o.table.NumIDs(), classes)
	}
	again, err := Merge([]*Table{o.table}, false, 1)
	if err != nil {
		return fmt.Errorf("again: %w", err)
	}
	if !bytes.Equal(again, o.blob) {
		return fmt.Errorf("not idempotent, the second time it becomes\n%s", dumpText(t, mustRead(t, again, nil)))
	}
	return nil
}

// unitTable writes a unit as it is.
func unitTable(tb testing.TB, names Names, u *Unit) *Table {
	tb.Helper()
	d := NewDedup(names, 0, 0)
	d.table, d.first, d.tags.of = nil, nil, nil
	order := make([]ClassID, 0, len(u.Records))
	d.AddClass(Record{}, nil)
	for i := 1; i < len(u.Records); i++ {
		r := u.Records[i]
		order = append(order, d.AddClass(r, u.Members[r.First:r.First+r.Count]))
	}
	blob, err := d.Write(order, false, false, 1)
	if err != nil {
		tb.Fatal(err)
	}
	return mustRead(tb, blob, nil)
}
