// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/btfgen/btfgen/internal/btf"
)

// Omission is a function or variable that was left out, for reports.
type Omission struct {
	Kind   string `json:"kind"` // "func" or "var"
	Name   string `json:"name"`
	Reason string `json:"reason"`
	Unit   string `json:"unit,omitempty"`   // name of the unit of the instance that decided
	Offset uint64 `json:"offset"`           // of its DIE in .debug_info
	Detail string `json:"detail,omitempty"` // for inconsistent prototypes: what differs
}

// Omissions returns the functions and variables that were left out, by name; nil without Options.Report.
func (r *Result) Omissions() ([]Omission, error) {
	if r.origins == nil {
		return nil, nil
	}
	in, opt := r.origins.run.in, r.origins.run.opt
	list := slices.Concat(r.origins.omitted, r.origins.run.badVars)
	slices.SortStableFunc(list, func(a, b Omission) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Offset, b.Offset))
	})
	w := newWalker(in, opt)
	names := map[int]string{}
	for i := range list {
		n := in.unitAt(list[i].Offset)
		_, list[i].Offset = in.where(list[i].Offset)
		if n < 0 {
			continue
		}
		if _, ok := names[n]; !ok {
			name, err := w.unitName(n)
			if err != nil {
				return nil, err
			}
			names[n] = name
		}
		list[i].Unit = names[n]
	}
	return list, nil
}

// advice is what whoever wrote a function can do about its omission.
var advice = map[string]string{
	reasonUnexpected:   keepAsWritten,
	reasonInconsistent: "functions of one name must have one prototype",
	reasonUncertain:    "a packed struct on the stack lies where the compiler wants it, pass a pointer to it",
	reasonReordered:    keepAsWritten,
	reasonOptimized:    keepAsWritten,
	reasonAmbiguous:    "several functions have the name, it needs one of its own",
}

const keepAsWritten = "the compiler does not call it as it is written, which __bpf_kfunc, or noinline and __noclone, prevent"

// WhyNoFunc says why there is no function of a name, and what to do about it. It is empty without Options.Report.
func (r *Result) WhyNoFunc(name string) string {
	if r.origins == nil {
		return ""
	}
	in, omitted := r.origins.run.in, r.origins.omitted
	i, found := slices.BinarySearchFunc(omitted, name, func(o Omission, name string) int { return cmp.Compare(o.Name, name) })
	switch funcs := r.classes(btf.KindFunc, name); {
	case found:
		o := &omitted[i]
		where := r.unitTitle(o.Offset)
		if o.Reason == reasonInconsistent || o.Reason == reasonAmbiguous {
			where = r.funcUnits(name)
		}
		why := strings.Replace(o.Reason, "inconsistet", "inconsistent", 1)
		if o.Detail != "" {
			why += ", " + o.Detail
		}
		return fmt.Sprintf("it was left out of BTF: %s (%s): %s", why, where, advice[o.Reason])
	case len(funcs) > 0:
		return fmt.Sprintf("DWARF has it (%s), and whoever made the BTF left it out", r.unitTitle(r.origins.run.dedup.Place(funcs[0])))
	case in.functions == nil:
		return ""
	case in.functions.lookup([]byte(name)) >= 0:
		return "there is a symbol of it, and no DWARF: it is assembly, an alias, of another language or compiled without -g"
	case r.origins.run.opt.Base != nil:
		return "the base has none and the file no symbol of it: it is inlined wherever it is called, or not configured"
	}
	return "there is no symbol of it: it is inlined wherever it is called, or not configured"
}

// WriteReport writes the omissions as JSON, one object per line.
func WriteReport(w io.Writer, list []Omission) error {
	enc := json.NewEncoder(w)
	for i := range list {
		if err := enc.Encode(&list[i]); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	return nil
}
