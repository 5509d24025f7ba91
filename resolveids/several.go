// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"fmt"
	"slices"
	"strings"

	"github.com/btfgen/btfgen/internal/btf"
)

// maxAllSteps is how many steps of comparisons with definitions there are in a run.
const maxAllSteps = 1 << 22

// origins are the units that types were found to be of.
type origins struct {
	known map[btf.ID]string         // by type; "" if they are not known
	left  map[*request][]Definition // not yet found to be those of a type
	steps int                       // of comparisons so far
}

// whySeveral says how two types of one name differ, and where they are from.
func (r *resolver) whySeveral(q *request, first, other btf.ID) string {
	var parts []string
	if s := difference(r.wideSide(first), r.wideSide(other)); s != "" {
		parts = append(parts, s)
	}
	var from []string
	for _, id := range []btf.ID{first, other} {
		switch s := r.unitsOf(q, id); {
		case s == "":
		case len(from) == 0:
			from = append(from, fmt.Sprintf("%d is of %s", id, s))
		default:
			from = append(from, fmt.Sprintf("%d of %s", id, s))
		}
	}
	if len(from) > 0 {
		parts = append(parts, strings.Join(from, ", "))
	}
	return strings.Join(parts, "; ")
}

// wideSide returns a type for a comparison: one of the distilled base as the base has it, with members.
func (r *resolver) wideSide(id btf.ID) side {
	if r.wide != nil && id < r.t.FirstID() {
		return side{r.base(), btf.ID(slices.Index(r.wide, id))}
	}
	return side{r.t, id}
}

// unitsOf says which units define a type, "" if that is not known. Definitions are told apart by what they are, so that it does
// not matter who made the BTF; where they look alike, they come in the order of the types, as kernels' tools and ours
// have it.
func (r *resolver) unitsOf(q *request, id btf.ID) string {
	switch s, ok := r.units.known[id]; {
	case id < r.t.FirstID():
		return "the base"
	case ok || r.in.Definitions == nil:
		return s
	}
	u := &r.units
	if u.known == nil {
		u.known, u.left = map[btf.ID]string{}, map[*request][]Definition{}
	}
	defs, ok := u.left[q]
	if !ok {
		defs = r.in.Definitions(q.kind, q.name)
	}
	i := slices.IndexFunc(defs, func(def Definition) bool {
		text, steps := compare(side{r.t, id}, side{def.Types, def.ID}, min(maxSteps, maxAllSteps-u.steps))
		u.steps += steps
		return text == "" && u.steps < maxAllSteps
	})
	u.known[id] = ""
	if i >= 0 {
		u.known[id] = defs[i].Where
		defs = slices.Delete(defs, i, i+1)
	}
	u.left[q] = defs
	return u.known[id]
}
