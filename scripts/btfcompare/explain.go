// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/btfgen/btfgen/internal/btf"
)

// rule is one line of an allow-list:
//
//	PLACE KIND NAME RULE
//
// PLACE is only-a, only-b, differs, params, copies, copies-a (those of A), copies-b, own-a, own-b or *. KIND is a kind as the
// report spells it or *. NAME is what -list prints (see itemName), or a pattern
// for it (path.Match). RULE, the rest of the line, is the reason that the report
// counts by. Lines starting with # are comments.
type rule struct {
	place, kind, name, reason string
}

// rules is an allow-list. Most lines name one type, and there are thousands of
// them when the differences of another comparison serve as one, so these are
// found by name.
type rules struct {
	exact    map[string][]rule
	patterns []rule
}

// readFile adds the lines of a file. In a Markdown file they are those in code
// fences marked "btfcompare", so that the document that gives the reasons is the
// list as well.
func (r *rules) readFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := r.read(f, strings.HasSuffix(name, ".md")); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (r *rules) read(in io.Reader, markdown bool) error {
	sc := bufio.NewScanner(in)
	active := !markdown
	for line := 1; sc.Scan(); line++ {
		text := strings.TrimSpace(sc.Text())
		if markdown && strings.HasPrefix(text, "```") {
			active = text == "```btfcompare"
			continue
		}
		if !active || text == "" || text[0] == '#' {
			continue
		}
		if err := r.add(text); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
	return sc.Err()
}

func (r *rules) add(text string) error {
	f := strings.Fields(text)
	if len(f) < 4 {
		return fmt.Errorf("%q: want PLACE KIND NAME RULE", text)
	}
	l := rule{f[0], f[1], f[2], strings.Join(f[3:], " ")}
	switch place(l.place) {
	case onlyA, onlyB, differs, params, copies, copiesA, copiesB, ownA, ownB, "*":
	default:
		return fmt.Errorf("%q: unknown place %q", text, l.place)
	}
	if _, ok := kindByName(l.kind); !ok && l.kind != "*" {
		return fmt.Errorf("%q: unknown kind %q", text, l.kind)
	}
	if _, err := path.Match(l.name, ""); err != nil {
		return fmt.Errorf("%q: %w", text, err)
	}
	if strings.ContainsAny(l.name, `*?[\`) { // or the rendering of a pointer or array
		r.patterns = append(r.patterns, l)
	}
	if r.exact == nil {
		r.exact = make(map[string][]rule)
	}
	r.exact[l.name] = append(r.exact[l.name], l)
	return nil
}

// find returns the reason of the first rule for an item, exact names first.
func (r *rules) find(g *graph, it *item) (reason string, ok bool) {
	kind := g.kind[it.node].String()
	name := g.itemName(it.node)
	sided := it.place
	if sided == copies {
		sided = [...]place{sideA: copiesA, sideB: copiesB}[g.side[it.node]]
	}
	applies := func(l rule) bool {
		at := place(l.place)
		return (at == "*" || at == it.place || at == sided) && (l.kind == "*" || l.kind == kind)
	}
	for _, l := range r.exact[name] {
		if applies(l) {
			return l.reason, true
		}
	}
	for _, l := range r.patterns {
		if ok, _ := path.Match(l.name, name); ok && applies(l) {
			return l.reason, true
		}
	}
	return "", false
}

// itemName names a type in one word: a nameless one by its C rendering, a decl
// tag by its text and what it is on.
func (g *graph) itemName(n node) string {
	name := g.name[n]
	switch {
	case g.kind[n] == btf.KindDeclTag:
		_, typ := g.at(n)
		name = fmt.Sprintf("%s:%s:%d", name, g.name[g.refs(n)[0]], typ.ComponentIdx())
	case !g.named(n):
		name = g.decl(n, "")
	}
	return strings.Join(strings.Fields(name), "_")
}

// kindByName is the inverse of btf.Kind.String.
func kindByName(s string) (btf.Kind, bool) {
	for k := btf.KindInt; k.Known(); k++ {
		if k.String() == s {
			return k, true
		}
	}
	return 0, false
}
