// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	dedupSeeds = flag.Int("dedup.seeds", 500, "random graphs that TestDedupRandom checks")
	dedupFirst = flag.Uint64("dedup.first", 0, "the first of their seeds")
)

// generator makes units that look like the compile units of one program: copies of one graph of
// types, here and there with a declaration for a definition, with something changed or there twice.
type generator struct {
	*rand.Rand
	ambiguous bool // several definitions of a name occur
}

// randomProgram returns the units of one program.
func randomProgram(seed uint64, ambiguous bool) []*Unit {
	g := &generator{rand.New(rand.NewPCG(seed, 1)), ambiguous}
	master := g.graph(3 + g.IntN(10))
	units := make([]*Unit, 1+g.IntN(4))
	for i := range units {
		u := cloneUnit(master)
		for n := g.IntN(3); n > 0; n-- {
			g.declare(u)
		}
		if g.ambiguous {
			for n := g.IntN(3); n > 0; n-- {
				g.change(u)
			}
		}
		if g.IntN(4) == 0 {
			g.twice(u)
		}
		units[i] = permuteUnit(u, g.Perm(len(u.Records)-1))
	}
	return units
}

// graph returns a random graph of n types.
func (g *generator) graph(n int) *Unit {
	u := new(Unit)
	u.Reset(0)
	kinds := []Kind{KindInt, KindPtr, KindPtr, KindConst, KindArray, KindStruct, KindStruct, KindStruct, KindUnion, KindEnum,
		KindFwd, KindTypedef, KindFuncProto, KindEnum64, KindStruct, KindDeclTag, KindTypeTag}
	named := 0
	for i := 1; i <= n; i++ {
		r := Record{Pos: uint32(i), Kind: kinds[g.IntN(len(kinds))], First: uint32(len(u.Members))}
		name := func() NameID {
			named++
			if g.ambiguous {
				return g.name(2)
			}
			return InlineName([]byte{'A' + byte(named%26), 'a' + byte(named/26)})
		}
		ref := func() uint32 { return uint32(g.IntN(n + 1)) }
		switch r.Kind {
		case KindInt:
			r.Name, r.Size = g.name(2), 4
		case KindPtr, KindConst:
			r.Ref = ref()
		case KindTypeTag:
			r.Ref, r.Name = ref(), g.name(2)
		case KindDeclTag:
			r.Ref, r.Name, r.Aux = ref(), g.name(2), uint32(g.IntN(2))
		case KindArray:
			r.Ref, r.Aux, r.Size = ref(), ref(), uint32(g.IntN(2))
		case KindTypedef:
			r.Ref, r.Name = ref(), g.name(3)
		case KindStruct, KindUnion:
			if r.Size = 8; g.IntN(4) != 0 {
				r.Name = name()
			}
			r.Count = uint32(g.IntN(3))
		case KindEnum, KindEnum64:
			if r.Size = 4; g.IntN(4) != 0 {
				r.Name = name()
			}
			r.Count = uint32(g.IntN(3))
		case KindFwd:
			r.Name = name()
			r.Flags = RecordFlags(g.IntN(2)) * Kflag
		case KindFuncProto:
			r.Ref = ref()
			r.Count = uint32(g.IntN(2))
		}
		for m := range r.Count {
			member := Member{Name: InlineName([]byte{'m' + byte(m)})}
			if r.Kind == KindEnum || r.Kind == KindEnum64 {
				member.A = uint32(g.IntN(2))
			} else {
				member.Ref = ref()
			}
			u.Members = append(u.Members, member)
		}
		u.Records = append(u.Records, r)
	}
	return u
}

func (g *generator) name(n int) NameID { return InlineName([]byte{'a' + byte(g.IntN(n))}) }

// declare turns a definition into a declaration.
func (g *generator) declare(u *Unit) {
	r := &u.Records[1+g.IntN(len(u.Records)-1)]
	if r.Name == 0 {
		return
	}
	switch r.Kind {
	case KindStruct:
		r.Kind, r.Flags = KindFwd, 0
	case KindUnion:
		r.Kind, r.Flags = KindFwd, Kflag
	case KindEnum, KindEnum64:
		r.Kind, r.Flags = KindEnum, 0
		r.Size = 4
	default:
		return
	}
	if r.Kind == KindFwd {
		r.Size = 0
	}
	r.Count = 0
}

// change makes something else of a type.
func (g *generator) change(u *Unit) {
	r := &u.Records[1+g.IntN(len(u.Records)-1)]
	switch {
	case r.Kind == KindFwd:
	case (r.Kind == KindStruct || r.Kind == KindUnion || r.Kind == KindFuncProto) && r.Count > 0:
		u.Members[r.First].Ref = uint32(g.IntN(len(u.Records)))
	case r.Kind == KindInt || r.Kind == KindStruct || r.Kind == KindUnion || r.Kind == KindArray:
		r.Size++
	case (r.Kind == KindEnum || r.Kind == KindEnum64) && r.Count > 0:
		u.Members[r.First].A++
	}
}

// twice appends a copy of the unit to itself, with some references from one to the other.
func (g *generator) twice(u *Unit) {
	n, m := uint32(len(u.Records))-1, uint32(len(u.Members))
	other := func(ref uint32) uint32 {
		if ref != 0 && g.IntN(4) != 0 {
			ref += n
		}
		return ref
	}
	for i := uint32(1); i <= n; i++ {
		r := u.Records[i]
		r.Pos, r.Ref = i+n, other(r.Ref)
		if r.Kind == KindArray {
			r.Aux = other(r.Aux)
		}
		r.First += m
		u.Records = append(u.Records, r)
	}
	for _, x := range u.Members[:m] {
		x.Ref = other(x.Ref)
		u.Members = append(u.Members, x)
	}
}

func cloneUnit(u *Unit) *Unit {
	return &Unit{Base: u.Base, Records: slices.Clone(u.Records), Members: slices.Clone(u.Members)}
}

// permuteUnit puts record i+1 at perm[i]+1.
func permuteUnit(u *Unit, perm []int) *Unit {
	p := &Unit{Records: make([]Record, len(u.Records)), Members: slices.Clone(u.Members)}
	to := func(ref uint32) uint32 {
		if ref == 0 {
			return 0
		}
		return uint32(perm[ref-1]) + 1
	}
	for i := range perm {
		r := u.Records[i+1]
		r.Ref = to(r.Ref)
		if r.Kind == KindArray {
			r.Aux = to(r.Aux)
		}
		r.Pos = uint32(perm[i]) + 1
		p.Records[perm[i]+1] = r
	}
	for i := range p.Members {
		p.Members[i].Ref = to(p.Members[i].Ref)
	}
	return p
}

// checkProgram runs everything that must hold for the units of a program. Units with a loop that nothing
// ends are left out first.
func checkProgram(t testing.TB, seed uint64, units []*Unit, ambiguous bool) error {
	units = slices.DeleteFunc(slices.Clone(units), func(u *Unit) bool {
		var h hasher
		var loop *LoopError
		return errors.As(h.run(u), &loop)
	})
	if len(units) == 0 {
		return nil
	}
	rng := rand.New(rand.NewPCG(seed, 2))
	names := NewNameTable()
	o, err := runDedup(t, names, units, 1)
	if err != nil {
		return err
	}
	if err := checkOutcome(t, names, units, o); err != nil {
		return fmt.Errorf("%w\noutput\n%s", err, dumpText(t, o.table))
	}
	if !ambiguous {
		if want := idealCount(t, names, units); o.table.NumIDs() != want {
			return fmt.Errorf("%d types, the ideal is %d\noutput\n%s", o.table.NumIDs(), want, dumpText(t, o.table))
		}
	}
	same := func(what string, units []*Unit) error {
		p, err := runDedup(t, names, units, 1+rng.IntN(3))
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if canonical(o.table) != canonical(p.table) {
			return fmt.Errorf("%s: other result\noutput\n%s\n%s\n%s", what, dumpText(t, o.table), what, dumpText(t, p.table))
		}
		return nil
	}
	shuffled := slices.Clone(units)
	rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	if err := same("units shuffled", shuffled); err != nil {
		return err
	}
	for i := range shuffled {
		shuffled[i] = permuteUnit(units[i], rng.Perm(len(units[i].Records)-1))
	}
	if err := same("types shuffled", shuffled); err != nil {
		return err
	}
	var twice []*Unit
	for range 2 {
		for _, u := range units {
			twice = append(twice, cloneUnit(u))
		}
	}
	if err := same("input twice", twice); err != nil {
		return err
	}
	p, err := runDedup(t, names, units, 3)
	if err != nil {
		return err
	}
	o2, err := runDedup(t, names, units, 1)
	if err != nil {
		return err
	}
	if !bytes.Equal(p.blob, o2.blob) {
		return errors.New("3 workers: other bytes")
	}
	return nil
}

// joinUnits returns all units as one.
func joinUnits(units []*Unit) *Unit {
	all := new(Unit)
	all.Reset(0)
	for _, u := range units {
		n, m := uint32(len(all.Records))-1, uint32(len(all.Members))
		for _, r := range u.Records[1:] {
			if r.Ref != 0 {
				r.Ref += n
			}
			if r.Kind == KindArray && r.Aux != 0 {
				r.Aux += n
			}
			r.First += m
			r.Pos += n
			all.Records = append(all.Records, r)
		}
		for _, x := range u.Members {
			if x.Ref != 0 {
				x.Ref += n
			}
			all.Members = append(all.Members, x)
		}
	}
	return all
}

// idealCount returns how many types there are under the greatest bisimulation, once
// every declaration with a definition anywhere stands for it.
func idealCount(t testing.TB, names Names, units []*Unit) int {
	table := unitTable(t, names, joinUnits(units))
	defs := map[string]ID{}
	for id := ID(1); int(id) < table.NumIDs(); id++ {
		if tag := tagOf(table, id); tag != "" && (!isDeclaration(table, id) || defs[tag] == 0) {
			defs[tag] = id
		}
	}
	_, classes := bisimilar(table, func(id ID) ID {
		if isDeclaration(table, id) {
			return defs[tagOf(table, id)]
		}
		return id
	})
	return classes
}

func TestDedupRandom(t *testing.T) {
	for _, ambiguous := range []bool{false, true} {
		failed := 0
		kinds := map[string]int{}
		for seed := *dedupFirst; seed < *dedupFirst+uint64(*dedupSeeds); seed++ {
			err := protect(func() error { return checkProgram(t, seed, randomProgram(seed, ambiguous), ambiguous) })
			if err == nil {
				continue
			}
			failed++
			kinds[digits.ReplaceAllString(strings.SplitN(err.Error(), "\n", 2)[0], "#")]++
			if failed <= 1 || os.Getenv("BTFGEN_TEST_ALL") != "" {
				t.Errorf("seed %d, ambiguous %v: %s", seed, ambiguous, minimize(t, seed, randomProgram(seed, ambiguous), ambiguous))
			}
		}
		if failed > 0 {
			t.Errorf("%d programs fail (ambiguous %v) %v", failed, ambiguous, kinds)
		}
	}
}

var digits = regexp.MustCompile(`[0-9]+`)

// protect turns a panic into an error.
func protect(f func() error) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("panic: %v", x)
		}
	}()
	return f()
}

// minimize drops units and types of a program that fails as long as it does, and describes the rest.
func minimize(t testing.TB, seed uint64, units []*Unit, ambiguous bool) string {
	check := func(units []*Unit) error {
		return protect(func() error { return checkProgram(t, seed, units, ambiguous) })
	}
	units = shrink(units, func(units []*Unit) bool { return check(units) != nil })
	return check(units).Error() + "\n" + unitTexts(t, units)
}

// shrink drops units and types as long as what is left fails.
func shrink(units []*Unit, fails func([]*Unit) bool) []*Unit {
	for again := true; again; {
		again = false
		for i := 0; i < len(units); i++ {
			if fewer := slices.Delete(slices.Clone(units), i, i+1); fails(fewer) {
				units, again = fewer, true
				i--
			}
		}
		for i, u := range units {
			for r := len(u.Records) - 1; r > 0; r-- {
				for _, smaller := range []*Unit{dropRecord(u, r), shortRecord(u, r), plainRecord(u, r)} {
					if smaller == nil {
						continue
					}
					less := slices.Clone(units)
					less[i] = smaller
					if fails(less) {
						u, units, again = smaller, less, true
						break
					}
				}
			}
		}
	}
	return units
}

func unitTexts(t testing.TB, units []*Unit) string {
	var b strings.Builder
	for i, u := range units {
		fmt.Fprintf(&b, "unit %d\n%s", i, dumpText(t, unitTable(t, NewNameTable(), u)))
	}
	return b.String()
}

// dropRecord returns u without record i; references to it become void.
func dropRecord(u *Unit, i int) *Unit {
	c := cloneUnit(u)
	for j := range c.Records {
		r := &c.Records[j]
		r.Ref = without(r.Ref, i)
		if r.Kind == KindArray {
			r.Aux = without(r.Aux, i)
		}
	}
	for j := range c.Members {
		c.Members[j].Ref = without(c.Members[j].Ref, i)
	}
	c.Records = slices.Delete(c.Records, i, i+1)
	for j := range c.Records {
		c.Records[j].Pos = uint32(j)
	}
	return c
}

func without(ref uint32, i int) uint32 {
	switch {
	case ref == uint32(i):
		return 0
	case ref > uint32(i):
		return ref - 1
	}
	return ref
}

// shortRecord returns u with a member less in record i.
func shortRecord(u *Unit, i int) *Unit {
	if u.Records[i].Count == 0 {
		return nil
	}
	c := cloneUnit(u)
	c.Records[i].Count--
	return c
}

// plainRecord returns u with a pointer in place of record i.
func plainRecord(u *Unit, i int) *Unit {
	r := u.Records[i]
	if r.Kind == KindPtr && r.Ref == 0 {
		return nil
	}
	c := cloneUnit(u)
	c.Records[i] = Record{Kind: KindPtr, Pos: r.Pos}
	return c
}
