// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/btfgen/btfgen/encode/internal/dwarf"
	"github.com/btfgen/btfgen/internal/btf"
)

// Definition is a type of Result.BTF and where the file's DWARF has it.
type Definition struct {
	ID   btf.ID
	Unit string // the DW_AT_name of the first unit that has it, or if that has none, where it starts
	More int    // how many other units have it; -1 if that is not known, as units refer to each other
}

// Where names the first unit and says how many others there are.
func (d *Definition) Where() string {
	switch {
	case d.More == 1:
		return d.Unit + " and 1 more unit"
	case d.More > 1:
		return fmt.Sprintf("%s and %d more units", d.Unit, d.More)
	}
	return d.Unit
}

// origins is what the types of a Result were made of.
type origins struct {
	run   *run
	ids   *btf.Writer
	order []btf.ClassID

	omitted []Omission // functions, without their units
	titles  *walker    // reads the names of units
}

// Definitions returns the types of a kind and a name that are not the base's, by ID, with the units that define them. There
// are none without Options.Report, nor with Options.Distill, which gives types other IDs. It reads from the file
// that was encoded.
func (r *Result) Definitions(kind btf.Kind, name string) []Definition {
	if r.origins == nil || r.Base != nil {
		return nil
	}
	return r.define(r.classes(kind, name))
}

// classes returns the types of a kind and a name that are not the base's, by ID.
func (r *Result) classes(kind btf.Kind, name string) (list []btf.ClassID) {
	in, d := r.origins.run.in, r.origins.run.dedup
	for _, class := range r.origins.order {
		// A function under another name than in DWARF has no place.
		if c, _ := d.Class(class); c.Kind == kind && string(in.names.Name(c.Name)) == name && d.BaseID(class) == 0 && d.Place(class) < in.info.size {
			list = append(list, class)
		}
	}
	return list
}

// define returns some classes as definitions.
func (r *Result) define(classes []btf.ClassID) []Definition {
	in, d := r.origins.run.in, r.origins.run.dedup
	defs := make([]Definition, min(len(classes), maxDefinitions))
	for i := range defs {
		defs[i] = Definition{ID: r.origins.ids.ID(classes[i]), Unit: r.unitTitle(d.Place(classes[i])), More: -1}
		if !in.merged {
			defs[i].More = len(d.UnitsOf(classes[i], in.unitAt)) - 1
		}
	}
	return defs
}

// funcUnits names the units of all functions of a name, in BTF or not.
func (r *Result) funcUnits(name string) string {
	in, d := r.origins.run.in, r.origins.run.dedup
	var classes []btf.ClassID
	d.Funcs(func(f btf.Func) {
		if string(in.names.Name(f.Name)) == name && f.First < in.info.size {
			classes = append(classes, f.ID)
		}
	})
	slices.SortFunc(classes, func(a, b btf.ClassID) int { return cmp.Compare(d.Place(a), d.Place(b)) })
	var units []string
	for _, def := range r.define(classes) {
		units = append(units, def.Where())
	}
	return strings.Join(units, ", ")
}

// maxDefinitions is the most that Definitions returns. Kernels have up to three.
const maxDefinitions = 16

// unitTitle is how messages call the unit of a place.
func (r *Result) unitTitle(place uint64) string {
	in := r.origins.run.in
	if r.origins.titles == nil {
		r.origins.titles = newWalker(in, r.origins.run.opt)
	}
	n := in.unitAt(place)
	if name, err := r.origins.titles.unitName(n); err == nil && name != "" {
		return name
	}
	section, off := in.where(in.units[n].Off)
	return fmt.Sprintf("the unit at %s+%#x", section, off)
}

// unitAt returns the number of the unit that a place is in, -1 if it is before the first one.
func (in *input) unitAt(place uint64) int {
	n, ok := slices.BinarySearchFunc(in.units, place, func(h dwarf.Header, off uint64) int { return cmp.Compare(h.Off, off) })
	if !ok {
		n--
	}
	return n
}

// unitName reads the DW_AT_name of a unit.
func (w *walker) unitName(n int) (string, error) {
	h := &w.in.units[n]
	buf := make([]byte, h.Size+dwarf.Slack)
	if w.in.info.data != nil {
		copy(buf, w.in.info.data[h.Off:h.Off+h.Size])
	} else if err := w.in.info.readAt(buf[:h.Size], h.Off); err != nil {
		return "", err
	}
	w.units = []dwarf.Unit{{Header: *h, Buf: buf, End: int(h.Size), Big: w.in.big, Abbrevs: new(dwarf.AbbrevTable)}}
	w.unit, w.table = &w.units[0], [2]uint64{} // it has no abbreviations yet
	if _, err := w.start(w.unit); err != nil {
		return "", err
	}
	v, _ := w.die.Get(dwarf.AttrName)
	b, err := w.bytesOf(w.unit, w.die.At, &v)
	return string(b), err
}
