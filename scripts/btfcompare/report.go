// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/btfgen/btfgen/internal/btf"
)

// config is what the command line asks for.
type config struct {
	show   int // items to print in full per kind and place
	flat   bool
	list   bool
	ids    bool // compare .BTF_ids
	ignore map[btf.Kind]bool
	rules  rules
}

// row is one line of the table.
type row struct {
	total     [3]int
	places    map[place]int
	copies    [3]int
	variant   int // items that are equal at the nominal level
	derived   int
	explained int
	open      []*item
}

// judge applies the allow-list and counts per kind.
func (d *diff) judge(c *config) map[btf.Kind]*row {
	rows := make(map[btf.Kind]*row)
	for n, s := range d.g.side {
		k := d.g.kind[n]
		if s == shared || c.ignore[k] {
			continue
		}
		if rows[k] == nil {
			rows[k] = &row{places: make(map[place]int)}
		}
		rows[k].total[s]++
	}
	for _, it := range d.items {
		k := d.g.kind[it.node]
		if c.ignore[k] {
			continue
		}
		r := rows[k]
		if !d.told(it) {
			continue
		}
		r.places[it.place]++
		if it.place == copies {
			r.copies[d.g.side[it.node]]++
		}
		if !it.nominal && it.place != copies {
			r.variant++
		}
		if it.derived {
			r.derived++
			continue
		}
		if it.rule, _ = c.rules.find(d.g, it); it.rule == "" {
			it.rule = d.builtIn(it)
		}
		if it.rule != "" {
			r.explained++
			continue
		}
		r.open = append(r.open, it)
	}
	return rows
}

// told reports whether an item is told by itself and not with its partner of A's.
func (d *diff) told(it *item) bool {
	return it.partner == 0 || d.g.side[it.node] != sideB || d.g.kind[it.partner] != d.g.kind[it.node]
}

// builtIn explains, in split BTF, what B has too much of without saying more, and a
// reference to another one of several definitions: the unit that it comes from only
// announces the tag, or is one of several that define it differently.
func (d *diff) builtIn(it *item) string {
	if d.match == nil {
		return ""
	}
	switch {
	case it.place == ownB:
		return "superfluous, the base has an equal one"
	case it.orphan:
		return "superfluous, a part of what is now the base's"
	case it.place == copies && d.g.side[it.node] == sideB:
		return "superfluous, there is an equal one beside it"
	}
	if tag, ok := d.tagMeant(it); ok {
		return "refers to another definition of " + tag
	}
	return ""
}

// report writes the comparison and returns the number of unexplained items.
func (d *diff) report(w io.Writer, c *config) int {
	rows := d.judge(c)
	open := 0
	for _, r := range rows {
		open += len(r.open)
	}
	if c.list {
		for _, k := range slices.Sorted(maps.Keys(rows)) {
			for _, it := range rows[k].open {
				fmt.Fprintln(w, it.place, k, d.g.itemName(it.node))
			}
		}
		return open
	}
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "kind\tA\tB\tonly A\tonly B\tdiffers\tparams\tcopies A\tcopies B\tvariant\tderived\texplained\tunexplained\t")
	for _, k := range slices.Sorted(maps.Keys(rows)) {
		r := rows[k]
		fmt.Fprintf(tw, "%v\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", k, r.total[sideA], r.total[sideB],
			r.places[onlyA], r.places[onlyB], r.places[differs], r.places[params], r.copies[sideA], r.copies[sideB],
			r.variant, r.derived, r.explained, len(r.open))
	}
	tw.Flush()
	d.functions(w, c)
	d.sharing(w)
	d.reasons(w)
	for _, k := range slices.Sorted(maps.Keys(rows)) {
		d.details(w, c, k, rows[k].open)
	}
	fmt.Fprintf(w, "\nunexplained: %d\n", open)
	return open
}

// functions compares names and prototypes of functions, each alone.
func (d *diff) functions(w io.Writer, c *config) {
	if c.ignore[btf.KindFunc] {
		return
	}
	var names, protos, bare [3]map[any]bool
	for s := range names {
		names[s], protos[s], bare[s] = make(map[any]bool), make(map[any]bool), make(map[any]bool)
	}
	for n, k := range d.g.kind {
		if s := d.g.side[n]; k == btf.KindFunc && s != shared {
			names[s][d.g.name[n]] = true
			protos[s][d.nominal[n]] = true
			bare[s][d.noArgs[n]] = true
		}
	}
	fmt.Fprintln(w)
	for _, f := range []struct {
		what string
		sets [3]map[any]bool
	}{
		{"FUNC names", names},
		{"FUNC name and prototype", protos},
		{"the same without parameter names", bare},
	} {
		fmt.Fprintf(w, "%-33s A %6d  B %6d  only A %5d  only B %5d\n", f.what,
			len(f.sets[sideA]), len(f.sets[sideB]), missing(f.sets[sideA], f.sets[sideB]), missing(f.sets[sideB], f.sets[sideA]))
	}
}

// missing counts the members of a that b lacks.
func missing(a, b map[any]bool) int {
	n := 0
	for x := range a {
		if !b[x] {
			n++
		}
	}
	return n
}

// sharing tells how well each blob is deduplicated, and which names have another
// number of types on one side than on the other.
func (d *diff) sharing(w io.Writer) {
	g := d.g
	count := g.count(d.full)
	var nodes, classes, alone [3]int
	for _, s := range []side{sideA, sideB} {
		other := sideA + sideB - s
		for class, n := range count[s] {
			nodes[s] += int(n)
			if n > 0 {
				classes[s]++
				if count[other][class] == 0 {
					alone[s]++
				}
			}
		}
	}
	fmt.Fprintln(w)
	for _, s := range []side{sideA, sideB} {
		fmt.Fprintf(w, "%v: %d types, %d distinct when nothing is cut (%d superfluous), %d of these only in %v\n",
			s, nodes[s], classes[s], nodes[s]-classes[s], alone[s], s)
	}

	per := make(map[pairKey]*[3]int)
	for n := range node(g.len()) {
		if key, ok := g.pairKey(n); ok && g.side[n] != shared {
			if per[key] == nil {
				per[key] = new([3]int)
			}
			per[key][g.side[n]]++
		}
	}
	var keys []pairKey
	several := [3]int{}
	for key, c := range per {
		for s, n := range c {
			if n > 1 {
				several[s]++
			}
		}
		if c[sideA] != c[sideB] && c[sideA] > 0 && c[sideB] > 0 {
			keys = append(keys, key)
		}
	}
	fmt.Fprintf(w, "names with several types of one kind: A %d, B %d\n", several[sideA], several[sideB])
	slices.SortFunc(keys, func(x, y pairKey) int {
		return cmp.Or(cmp.Compare(x.kind, y.kind), cmp.Compare(x.name, y.name))
	})
	for _, key := range keys[:min(len(keys), 40)] {
		fmt.Fprintf(w, "  %v %s: A %d, B %d\n", key.kind, key.name, per[key][sideA], per[key][sideB])
	}
	if len(keys) > 40 {
		fmt.Fprintf(w, "  and %d more names\n", len(keys)-40)
	}
}

// reasons counts what the allow-list explains.
func (d *diff) reasons(w io.Writer) {
	count := make(map[string]int)
	for _, it := range d.items {
		if it.rule != "" {
			count[fmt.Sprintf("%s %v: %s", it.place, d.g.kind[it.node], it.rule)]++
		}
	}
	printCounts(w, "\nexplained by a rule:", count)
}

// details prints the first unexplained items of a kind, by place and name.
func (d *diff) details(w io.Writer, c *config, k btf.Kind, open []*item) {
	g := d.g
	slices.SortStableFunc(open, func(x, y *item) int {
		return cmp.Or(cmp.Compare(x.place, y.place), cmp.Compare(g.name[x.node], g.name[y.node]))
	})
	left := make(map[place]int)
	for _, it := range open {
		if left[it.place]++; left[it.place] > c.show {
			continue
		}
		if left[it.place] == 1 {
			fmt.Fprintf(w, "\n%v, %s:\n", k, it.place)
		}
		d.detail(w, it)
	}
	for _, p := range []place{onlyA, onlyB, differs, params, copies, ownA, ownB} {
		if n := left[p] - c.show; n > 0 {
			fmt.Fprintf(w, "  %v %s: %d more\n", k, p, n)
		}
	}
}

func (d *diff) detail(w io.Writer, it *item) {
	g := d.g
	note := ""
	if !it.nominal && it.place != copies {
		note = " (equal but for the variant of an ambiguous name it refers to)"
	}
	switch it.place {
	case copies:
		note = " (the other side has fewer)"
	case ownA, ownB:
		note = " (equal to " + g.where(g.rep[it.node]) + ", which the other side uses)"
	}
	fmt.Fprintf(w, "  %s %s%s\n", g.where(it.node), g.define(it.node), note)
	if it.partner != 0 {
		a, b := it.node, it.partner
		fmt.Fprintf(w, "  %s %s\n", g.where(b), g.define(b))
		if g.side[a] == sideB {
			a, b = b, a
		}
		fmt.Fprintf(w, "    %s\n", d.firstDifference(a, b))
	}
}
