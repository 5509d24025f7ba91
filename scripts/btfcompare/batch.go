// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/btfgen/btfgen/internal/btf"
)

// group is a line in the table of a batch.
type group int

const (
	namedTypes group = iota
	functions
	variables
	tagsAndSections
	nameless
	numGroups
)

func (g group) String() string {
	return [...]string{"named types", "functions", "variables", "tags, sections", "nameless types"}[g]
}

func (g *graph) group(n node) group {
	switch k := g.kind[n]; {
	case k == btf.KindFunc:
		return functions
	case k == btf.KindVar:
		return variables
	case k == btf.KindDeclTag, k == btf.KindDatasec:
		return tagsAndSections
	case g.named(n):
		return namedTypes
	}
	return nameless
}

// tally sums up the comparisons of a batch.
type tally struct {
	pairs  int
	clean  int // nothing unexplained
	missed []string
	rows   [numGroups]struct {
		total, folded [3]int
		places        map[place]int
		copies        [3]int
		derived, open int
		explained     int
	}
	rules map[string]int
	open  map[string]*finding // by place, kind and name
	ids   idReport
}

// finding is something unexplained, in so many files.
type finding struct {
	kind  btf.Kind
	place place
	files int
	first string // file
	text  string // of the first
}

// runBatch compares the files of two folders that have the same name, over one base.
func runBatch(dirA, dirB string, b *bases, c *config, nominal bool, w io.Writer) (int, error) {
	names, missed, err := common(dirA, dirB)
	if err != nil {
		return 0, err
	}
	t := &tally{missed: missed, rules: make(map[string]int), open: make(map[string]*finding)}
	for i := range t.rows {
		t.rows[i].places = make(map[place]int)
	}
	for _, name := range names {
		fileA, fileB := filepath.Join(dirA, name), filepath.Join(dirB, name)
		x, y, err := b.readPair(fileA, fileB)
		if err != nil {
			return 0, err
		}
		d := compare(newGraph(b.trunk, x, y, c.flat), nominal)
		t.add(name, d, c)
		if err := t.ids.add(name+": ", fileA, fileB, d, c); err != nil {
			return 0, err
		}
	}
	return t.report(w, c) + t.ids.report(w, c), nil
}

// common returns the names of the files in both folders, and what is in one only. The
// distilled base NAME.base belongs to the file NAME.
func common(dirA, dirB string) (names, missed []string, err error) {
	have := make(map[string]int)
	for i, dir := range []string{dirA, dirB} {
		files, err := blobs(dir)
		if err != nil {
			return nil, nil, err
		}
		for _, f := range files {
			have[f] |= 1 << i
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		switch have[name] {
		case 1:
			missed = append(missed, filepath.Join(dirB, name))
		case 2:
			missed = append(missed, filepath.Join(dirA, name))
		default:
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, nil, fmt.Errorf("%s and %s have no file in common", dirA, dirB)
	}
	return names, missed, nil
}

// blobs returns the names of the files in a folder, in order, without distilled bases.
func blobs(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if !e.IsDir() && !strings.HasSuffix(e.Name(), ".base") {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// add sums up one comparison.
func (t *tally) add(name string, d *diff, c *config) {
	g := d.g
	rows := d.judge(c)
	for n := g.shared; n < node(g.len()); n++ {
		if c.ignore[g.kind[n]] {
			continue
		}
		r := &t.rows[g.group(n)]
		r.total[g.side[n]]++
		if g.folded(n) {
			r.folded[g.side[n]]++
		}
	}
	for _, it := range d.items {
		if !d.told(it) || c.ignore[g.kind[it.node]] {
			continue
		}
		r := &t.rows[g.group(it.node)]
		r.places[it.place]++
		switch {
		case it.place == copies:
			r.copies[g.side[it.node]]++
		}
		switch {
		case it.derived:
			r.derived++
		case it.rule != "":
			r.explained++
			t.rules[fmt.Sprintf("%s %v: %s", it.place, g.kind[it.node], it.rule)]++
		}
	}
	t.pairs++
	clean := true
	for k, row := range rows {
		for _, it := range row.open {
			clean = false
			t.rows[g.group(it.node)].open++
			t.find(name, d, k, it)
		}
	}
	if clean {
		t.clean++
	}
}

func (t *tally) find(name string, d *diff, k btf.Kind, it *item) {
	key := fmt.Sprintf("%s %v %s", it.place, k, d.g.itemName(it.node))
	f := t.open[key]
	if f == nil {
		var text bytes.Buffer
		d.detail(&text, it)
		f = &finding{kind: k, place: it.place, first: name, text: text.String()}
		t.open[key] = f
	}
	f.files++
}

// report writes the sums and returns the number of unexplained items.
func (t *tally) report(w io.Writer, c *config) int {
	open := len(t.missed)
	if !c.list {
		fmt.Fprintf(w, "%d pairs of files, %d without unexplained differences\n\n", t.pairs, t.clean)
		tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(tw, "\tA\tB\tin base A\tin base B\tonly A\tonly B\tdiffers\tparams\tcopies A\tcopies B\town A\town B\tderived\texplained\tunexplained\t")
		for i, r := range t.rows {
			fmt.Fprintf(tw, "%v\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", group(i),
				r.total[sideA], r.total[sideB], r.folded[sideA], r.folded[sideB], r.places[onlyA], r.places[onlyB],
				r.places[differs], r.places[params], r.copies[sideA], r.copies[sideB], r.places[ownA], r.places[ownB],
				r.derived, r.explained, r.open)
		}
		tw.Flush()
		printCounts(w, "\nexplained by a rule:", t.rules)
		for _, name := range t.missed {
			fmt.Fprintf(w, "missing: %s\n", name)
		}
	}
	for _, r := range t.rows {
		open += r.open
	}
	shown := make(map[string]int)
	for _, key := range slices.Sorted(maps.Keys(t.open)) {
		f := t.open[key]
		if c.list {
			fmt.Fprintln(w, key)
			continue
		}
		section := fmt.Sprintf("%v, %s", f.kind, f.place)
		if shown[section]++; shown[section] == 1 {
			fmt.Fprintf(w, "\n%s:\n", section)
		}
		if shown[section] <= c.show {
			fmt.Fprintf(w, " in %d files, first %s\n%s", f.files, f.first, f.text)
		}
	}
	if !c.list {
		for _, section := range slices.Sorted(maps.Keys(shown)) {
			if n := shown[section] - c.show; n > 0 {
				fmt.Fprintf(w, "%s: %d more\n", section, n)
			}
		}
		fmt.Fprintf(w, "\nunexplained: %d\n", open)
	}
	return open
}

// printCounts prints what there is, by name.
func printCounts(w io.Writer, title string, count map[string]int) {
	if len(count) == 0 {
		return
	}
	fmt.Fprintln(w, title)
	for _, k := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(w, "%7d  %s\n", count[k], k)
	}
}
