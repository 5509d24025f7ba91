// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// splitProgram is a random program, part of whose units are in the base.
type splitProgram struct {
	base      *Table
	units     []*Unit
	ambiguous bool // several definitions of a name occur
	merged    bool // the base has no two types that are the same
}

// randomSplit returns a program; the base is deduplicated or, as some that are met in the wild, is not.
func randomSplit(tb testing.TB, seed uint64, ambiguous bool) *splitProgram {
	rng := rand.New(rand.NewPCG(seed, 5))
	units := slices.DeleteFunc(randomProgram(seed, ambiguous), unfit)
	for len(units) < 2 {
		units = append(units, unitOf(1, func(_ *Unit, _ uint32, r *Record) { r.Kind = KindPtr }))
	}
	n := 1 + rng.IntN(len(units)-1)
	p := &splitProgram{units: units[n:], ambiguous: ambiguous, merged: rng.IntN(4) != 0}
	names := NewNameTable()
	p.base = unitTable(tb, names, joinUnits(units[:n]))
	if p.merged {
		blob, err := Merge([]*Table{p.base}, false, 1)
		if err != nil {
			tb.Fatal(err)
		}
		p.base = mustRead(tb, blob, nil)
	}
	return p
}

// unfit tells whether a unit has a loop that nothing ends, or one of prototypes alone, which is not looked for in the base.
func unfit(u *Unit) bool {
	var h hasher
	var loop *LoopError
	if errors.As(h.run(u), &loop) {
		return true
	}
	for i := range u.Records {
		seen := map[uint32]bool{}
		todo := []uint32{uint32(i)}
		for len(todo) > 0 {
			at := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if seen[at] || !looksUp(u.Records[at].Kind) {
				continue
			}
			seen[at] = true
			back := false
			u.refs(at, func(j uint32) {
				back = back || j == uint32(i)
				todo = append(todo, j)
			})
			if back {
				return true
			}
		}
	}
	return false
}

// splitOutcome of a run over units, with the ID of each record in the output; 0 for one that was only part of types of the base.
type splitOutcome struct {
	blob   []byte
	table  *Table
	ids    [][]ID
	d      *Dedup
	hidden int
}

// runSplit deduplicates units against a base.
func runSplit(tb testing.TB, base *Base, units []*Unit, policy FwdPolicy, workers int, whole bool) (*splitOutcome, error) {
	tb.Helper()
	place := uint64(0)
	for _, u := range units {
		u.Base = place
		place += uint64(len(u.Records))
	}
	d := NewSplitDedup(base, NewNameTable(), len(units), 1, policy)
	d.split.whole = whole
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
	if err := errors.Join(errs...); err != nil {
		return nil, err
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
	o := &splitOutcome{d: d, ids: make([][]ID, len(units))}
	order := d.All()
	id := make([]ID, d.NumClasses())
	for i, c := range order {
		id[c] = ID(base.t.NumIDs() + i)
	}
	for c := range id {
		if b := d.BaseID(ClassID(c)); b != 0 {
			id[c] = b
		} else if d.split.hidden[c] {
			o.hidden++
		}
	}
	if o.blob, err = d.Write(order, false, false, workers); err != nil {
		return nil, err
	}
	if o.table, err = Read(o.blob, base.t); err != nil {
		return nil, err
	}
	for n, u := range units {
		o.ids[n] = make([]ID, len(u.Records))
		for i := range u.Records {
			c := d.At(ClassID(classes[n][i]), u.Base+uint64(u.Records[i].Pos))
			if t := d.tags.of[c]; t != 0 && d.class(uint32(c)).isFwd() && id[c] == 0 {
				c = ClassID(d.tags.tags[t-1].meaning)
			}
			if o.ids[n][i] = id[c]; id[c] == 0 && i != 0 && !d.split.hidden[c] {
				return nil, fmt.Errorf("unit %d record %d, %v: class %d is not in the output", n, i, u.Records[i].Kind, c)
			}
		}
	}
	return o, nil
}

// completesSplit is completes for an output that is split. A type of the base may declare what the module
// defines, if a STRUCT, UNION or TYPEDEF leads there: an enum, a name that the base defines as well, and with accepts any.
func completesSplit(a *Table, in ID, b *Table, out ID, accepts bool) error {
	type pair struct {
		in, out ID
		soft    bool // everything on the way is soft
	}
	seen := map[pair]bool{}
	todo := []pair{{in, out, true}}
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
		if isDeclaration(b, p.out) && tagOf(a, p.in) == tagOf(b, p.out) && (accepts || b.Kind(p.out) != KindFwd || baseDefines(b, tagOf(b, p.out))) && !p.soft && p.out < b.FirstID() {
			continue
		}
		if content(a, p.in) != content(b, p.out) {
			return fmt.Errorf("type %d, which refers to %d, became %d, which refers to %d in its place", in, p.in, out, p.out)
		}
		x, y := refsOf(a, p.in), refsOf(b, p.out)
		for i := range x {
			todo = append(todo, pair{x[i], y[i], p.soft && isSoft(a.Kind(p.in))})
		}
	}
	return nil
}

func baseDefines(t *Table, tag string) bool {
	for id := ID(1); id < t.FirstID(); id++ {
		if tagOf(t, id) == tag && !isDeclaration(t, id) {
			return true
		}
	}
	return false
}

// checkSplit runs everything that must hold for a program.
func checkSplit(t testing.TB, seed uint64, p *splitProgram, policy FwdPolicy) error {
	rng := rand.New(rand.NewPCG(seed, 6))
	base := NewBase(p.base)
	o, err := runSplit(t, base, p.units, policy, 1, false)
	if err != nil {
		return err
	}
	text := func(blob []byte) string {
		tab, err := Read(blob, p.base)
		if err != nil {
			return err.Error()
		}
		return dumpText(t, tab)
	}
	for n, u := range p.units {
		in := unitTable(t, NewNameTable(), u)
		for i := 1; i < len(u.Records); i++ {
			if out := o.ids[n][i]; out != 0 {
				if err := completesSplit(in, ID(i), o.table, out, policy == AcceptFwds || !p.merged); err != nil {
					return fmt.Errorf("unit %d: %w\noutput\n%s", n, err, text(o.blob))
				}
			}
		}
	}
	whole, err := runSplit(t, base, p.units, policy, 1, true)
	if err != nil {
		return fmt.Errorf("whole base: %w", err)
	}
	if !bytes.Equal(whole.blob, o.blob) {
		return fmt.Errorf("other result with the whole base\noutput\n%s\nwith the whole base\n%s", text(o.blob), text(whole.blob))
	}
	indexed := NewBase(p.base)
	indexed.whole()
	all, err := runSplit(t, indexed, p.units, policy, 1, false)
	if err != nil {
		return fmt.Errorf("whole index: %w", err)
	}
	if !bytes.Equal(all.blob, o.blob) {
		return fmt.Errorf("other result with an index of all names\noutput\n%s\nwith all names\n%s", text(o.blob), text(all.blob))
	}
	if p.merged {
		if err := checkDifferent(o.table); err != nil {
			return fmt.Errorf("%w\noutput\n%s", err, text(o.blob))
		}
		again, err := MergeSplit(base, []*Table{o.table}, policy, 1)
		if err != nil {
			return fmt.Errorf("again: %w", err)
		}
		if !bytes.Equal(again, o.blob) && !twoWays(o.table) {
			return fmt.Errorf("not idempotent\noutput\n%s\nthe second time\n%s", text(o.blob), text(again))
		}
	}
	if p.merged && !p.ambiguous {
		if want, ok := idealSplit(t, p, policy); ok && len(o.table.offs)+o.hidden != want {
			return fmt.Errorf("%d types and %d hidden, the ideal is %d\noutput\n%s", len(o.table.offs), o.hidden, want, text(o.blob))
		}
	}
	return checkSchedules(t, base, p, policy, o, rng)
}

// twoWays tells whether a name that the base only declares is defined more than once: a type of the base then
// is equal to one with either definition, and once that is gone, to one with the other.
func twoWays(t *Table) bool {
	defs, base := map[string]int{}, map[string]bool{}
	for id := ID(1); int(id) < t.NumIDs(); id++ {
		tag := tagOf(t, id)
		switch declares := isDeclaration(t, id); {
		case tag == "":
		case id < t.FirstID() && declares:
			base[tag] = true
		case !declares:
			if defs[tag]++; base[tag] && defs[tag] > 1 {
				return true
			}
		}
	}
	return false
}

// checkDifferent makes sure that no own type is like another one, own or of the base.
func checkDifferent(t *Table) error {
	class, _ := bisimilar(t, nil)
	first := map[int]int{}
	for id, c := range class {
		if other, ok := first[c]; ok && id >= int(t.FirstID()) {
			return fmt.Errorf("types %d and %d are the same", other, id)
		}
		first[c] = id
	}
	return nil
}

// checkSchedules makes sure that the order of units and types and the number of workers do not matter.
func checkSchedules(t testing.TB, base *Base, p *splitProgram, policy FwdPolicy, o *splitOutcome, rng *rand.Rand) error {
	shuffled := slices.Clone(p.units)
	rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	permuted := make([]*Unit, len(p.units))
	for i, u := range p.units {
		permuted[i] = permuteUnit(u, rng.Perm(len(u.Records)-1))
	}
	var twice []*Unit
	for range 2 {
		for _, u := range p.units {
			twice = append(twice, cloneUnit(u))
		}
	}
	for what, units := range map[string][]*Unit{"units shuffled": shuffled, "types shuffled": permuted, "input twice": twice} {
		other, err := runSplit(t, base, units, policy, 1+rng.IntN(3), false)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if canonical(o.table) != canonical(other.table) {
			return fmt.Errorf("%s: other result\noutput\n%s\n%s\n%s", what, dumpText(t, o.table), what, dumpText(t, other.table))
		}
	}
	one, err := runSplit(t, base, p.units, policy, 1, false) // places are theirs again
	if err != nil {
		return err
	}
	three, err := runSplit(t, base, p.units, policy, 3, false)
	if err != nil {
		return err
	}
	if !bytes.Equal(one.blob, three.blob) || !bytes.Equal(one.blob, o.blob) {
		return errors.New("3 workers: other bytes")
	}
	return nil
}

// idealSplit returns how many types of the module are not the base's, where each name means one thing in all: by brute force over the
// graph of all types. Hidden parts count. ok is false where that is not so simple: a loop of prototypes alone.
func idealSplit(t testing.TB, p *splitProgram, policy FwdPolicy) (want int, ok bool) {
	names := NewNameTable()
	u := new(Unit)
	if err := p.base.Unit(u, 0, names); err != nil {
		t.Fatal(err)
	}
	own := joinUnits(p.units)
	for i := range own.Records { // names of the units are inline
		own.Records[i].Name = nameIn(names, own.Records[i].Name)
	}
	for i := range own.Members {
		own.Members[i].Name = nameIn(names, own.Members[i].Name)
	}
	all := unitTable(t, names, joinUnits([]*Unit{u, own}))
	ends := ID(p.base.NumIDs()) // of the base
	baseDef, def := map[string]ID{}, map[string]ID{}
	for id := ID(1); int(id) < all.NumIDs(); id++ {
		if tag := tagOf(all, id); tag != "" {
			if !isDeclaration(all, id) || def[tag] == 0 {
				def[tag] = id
			}
			if id < ends && (!isDeclaration(all, id) || baseDef[tag] == 0) {
				baseDef[tag] = id
			}
		}
	}
	completed := func(id ID) bool { // a declaration of the base that the module defines
		return id != 0 && id < ends && isDeclaration(all, id) && isDeclaration(all, baseDef[tagOf(all, id)]) && !isDeclaration(all, def[tagOf(all, id)])
	}
	resolve := func(id ID) ID {
		if id == 0 || !isDeclaration(all, id) || policy == StrictFwds && completed(id) && all.Kind(id) == KindFwd {
			return id
		}
		if d := def[tagOf(all, id)]; d != 0 {
			return d
		}
		return id
	}
	class, _ := bisimilar(all, resolve)
	ok = true
	var faithful func(id ID, depth int) bool // a type of the base that means what it says, along soft types
	faithful = func(id ID, depth int) bool {
		if depth > all.NumIDs() {
			ok = false
			return false
		}
		if completed(id) {
			return false
		}
		for _, ref := range refsOf(all, id) {
			if k := all.Kind(ref); completed(ref) || looksUp(k) && !faithful(ref, depth+1) {
				return false
			}
		}
		return true
	}
	bound := map[int]bool{}
	for id := ID(0); id < ends; id++ {
		if !looksUp(all.Kind(id)) && !completed(id) || looksUp(all.Kind(id)) && faithful(id, 0) {
			bound[class[id]] = true
		}
	}
	rest := map[int]bool{}
	for id := ends; int(id) < all.NumIDs(); id++ {
		if !bound[class[id]] {
			rest[class[id]] = true
		}
	}
	return len(rest), ok
}

func nameIn(names *NameTable, id NameID) NameID {
	b, _ := id.Inline(nil)
	return names.ID(b)
}

func TestSplitRandom(t *testing.T) {
	for _, ambiguous := range []bool{false, true} {
		for policy := AcceptFwds; policy <= StrictFwds; policy++ {
			failed := 0
			kinds := map[string]int{}
			check := func(seed uint64, p *splitProgram) error {
				return protect(func() error { return checkSplit(t, seed, p, policy) })
			}
			for seed := *dedupFirst; seed < *dedupFirst+uint64(*dedupSeeds/2); seed++ {
				p := randomSplit(t, seed, ambiguous)
				err := check(seed, p)
				if err == nil {
					continue
				}
				failed++
				kinds[digits.ReplaceAllString(strings.SplitN(err.Error(), "\n", 2)[0], "#")]++
				if failed <= 1 || os.Getenv("BTFGEN_TEST_ALL") != "" {
					p.units = shrink(p.units, func(units []*Unit) bool {
						q := *p
						q.units = units
						return len(units) > 0 && !slices.ContainsFunc(units, unfit) && check(seed, &q) != nil
					})
					t.Errorf("seed %d, ambiguous %v, merged %v, policy %d: %v\nbase\n%s%s", seed, ambiguous, p.merged, policy, check(seed, p), dumpText(t, p.base), unitTexts(t, p.units))
				}
			}
			if failed > 0 {
				t.Errorf("%d programs fail (ambiguous %v, policy %d) %v", failed, ambiguous, policy, kinds)
			}
		}
	}
}
