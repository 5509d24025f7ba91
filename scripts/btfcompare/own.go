// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/btfgen/btfgen/internal/btf"
)

// census counts the own types of split blobs, and says of each that bears the name
// of a type of the base why it is not that one. For the verifier such a type is another than the
// kernel's, so there has to be a reason.
type census struct {
	files        int
	types, bytes int
	invalid      []string
	reasons      map[string]*namesakes // by reason
	surplus      map[string]int        // kind and name of types that the base has
	functions    int                   // that have the name and prototype of one of the base
	nameless     int                   // types without a name, and tags, that the base has
}

// namesakes are own types that differ from their namesakes in the base for one reason.
type namesakes struct {
	reason string
	types  int
	names  map[string]int
	first  string // file
}

// runOwn returns the number of types that the base has, without functions, and of
// blobs that the kernel would refuse.
func runOwn(args []string, b *bases, c *config, w io.Writer) (int, error) {
	var files []string
	for _, arg := range args {
		if !isDir(arg) {
			files = append(files, arg)
			continue
		}
		names, err := blobs(arg)
		if err != nil {
			return 0, err
		}
		for _, name := range names {
			files = append(files, filepath.Join(arg, name))
		}
	}
	s := &census{reasons: make(map[string]*namesakes), surplus: make(map[string]int)}
	for _, f := range files {
		t, err := b.read(f, b.table[0])
		if err != nil {
			return 0, err
		}
		s.add(f, t, newGraph(b.trunk, t, nil, false))
	}
	return s.report(w, c), nil
}

func (s *census) add(file string, t *btf.Table, g *graph) {
	s.files++
	s.types += g.len() - int(g.shared)
	s.bytes += len(t.Data())
	if p := btf.Validate(t, btf.ValidateOptions{Max: 1}); len(p) > 0 {
		s.invalid = append(s.invalid, fmt.Sprintf("%s: %v", file, p[0]))
	}
	m := g.fold()
	for n := g.shared; n < node(g.len()); n++ {
		same := g.namesakes(n)
		switch {
		case g.rep[n] != 0 && len(same) > 0:
			s.surplus[fmt.Sprintf("%v %s", g.kind[n], g.name[n])]++
		case g.rep[n] != 0 && g.kind[n] == btf.KindFunc:
			s.functions++
		case g.rep[n] != 0:
			s.nameless++
		case len(same) > 0:
			s.note(file, g, n, m.reason(n, same))
		}
	}
}

func (s *census) note(file string, g *graph, n node, reason string) {
	r := s.reasons[reason]
	if r == nil {
		r = &namesakes{reason: reason, names: make(map[string]int), first: filepath.Base(file)}
		s.reasons[reason] = r
	}
	r.types++
	r.names[keyword(g, n)+g.name[n]]++
}

// reason tells why an own type is none of those of the base with its name.
func (m *matcher) reason(n node, same []node) string {
	g := m.g
	best := same[0]
	for _, y := range same {
		if !g.forward(y) && !m.equal(n, y) {
			best = y
			break
		}
	}
	switch {
	case g.forward(n):
		return "announced here, and the base has several definitions or another kind"
	case g.forward(best):
		return "announced in the base, defined here"
	}
	return m.why(n, best)
}

func (s *census) report(w io.Writer, c *config) int {
	fmt.Fprintf(w, "files %d  own types %d  bytes %d\n", s.files, s.types, s.bytes)
	list := make([]*namesakes, 0, len(s.reasons))
	total := 0
	for _, r := range s.reasons {
		list = append(list, r)
		total += r.types
	}
	slices.SortFunc(list, func(x, y *namesakes) int {
		return cmp.Or(cmp.Compare(y.types, x.types), cmp.Compare(x.reason, y.reason))
	})
	fmt.Fprintf(w, "own types with the name of one of the base that differ from it: %d, for %d reasons\n", total, len(list))
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, r := range list[:min(len(list), c.show)] {
		fmt.Fprintf(tw, "%7d\t%s\t(%s in %s)\n", r.types, r.reason, most(r.names), r.first)
	}
	tw.Flush()
	if n := len(list) - c.show; n > 0 {
		fmt.Fprintf(w, "and %d more reasons\n", n)
	}
	fmt.Fprintf(w, "own types that the base has as well: %d with %d names, %d without a name; functions: %d\n",
		sum(s.surplus), len(s.surplus), s.nameless, s.functions)
	for _, name := range byCount(s.surplus)[:min(len(s.surplus), c.show)] {
		fmt.Fprintf(w, "%7d  %s\n", s.surplus[name], name)
	}
	for _, text := range s.invalid {
		fmt.Fprintf(w, "not valid: %s\n", text)
	}
	return len(s.surplus) + s.nameless + len(s.invalid)
}

// most returns the names that occur most often, up to three.
func most(names map[string]int) string {
	list := byCount(names)
	if len(list) > 3 {
		return strings.Join(list[:3], ", ") + fmt.Sprintf(" and %d more", len(list)-3)
	}
	return strings.Join(list, ", ")
}

// byCount returns the names, those with the largest count first.
func byCount(names map[string]int) []string {
	return slices.SortedFunc(maps.Keys(names), func(x, y string) int {
		return cmp.Or(cmp.Compare(names[y], names[x]), cmp.Compare(x, y))
	})
}

func sum(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}
