// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package resolveids fills the section .BTF_ids of a kernel image or module with the IDs of the types that its
// symbols name, and makes the final BTF that these IDs are of. It does what the kernel's resolve_btfids
// does, of Linux 7.3, or for an older kernel what that one expects.
//
// In: an ELF file with .BTF_ids, and its BTF, which pahole or btfgen has made. Out: BTF, a distilled base if it is
// asked for, and the content of .BTF_ids. Nothing is written to files; package elfpatch does that.
//
// Sources: tools/bpf/resolve_btfids/main.c, include/linux/btf_ids.h, include/linux/btf.h, kernel/bpf/btf.c.
package resolveids

import (
	"errors"
	"fmt"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/phase"
)

// Input is what Resolve works on, apart from .BTF_ids.
type Input struct {
	BTF  []byte    // of the file, whole or split against Base
	Base *btf.Base // nil: BTF is whole
	Own  OwnBTF    // of the file; its zero value: it has none, or it is BTF
	Once bool      // BTF has each of its types once, and none of Base's, as the encoder leaves it

	// WhyNoFunc says why a function is not in BTF, "" if that is not known. nil: nothing is known.
	WhyNoFunc func(name string) string
	// Definitions returns the types of a kind and name that the file's units define. nil: nothing is known.
	Definitions func(kind btf.Kind, name string) []Definition
}

// Definition is a type of the file's DWARF.
type Definition struct {
	Types *btf.Table // as which it was encoded
	ID    btf.ID     // in Types
	Where string     // the units that have it, for messages
}

// OwnBTF is the BTF that a file has now. IDs that are in its .BTF_ids already are those of this BTF.
type OwnBTF struct {
	BTF  []byte // section .BTF; nil if there is none
	Base []byte // section .BTF.base; nil if there is none
}

// ReadOwn reads the sections .BTF and .BTF.base. It does not look at what they hold.
func ReadOwn(f *elfview.File) (own OwnBTF, err error) {
	for _, s := range []struct {
		name string
		to   *[]byte
	}{{".BTF", &own.BTF}, {".BTF.base", &own.Base}} {
		if sec := f.Section(s.name); sec != nil {
			if *s.to, err = f.Data(sec); err != nil {
				return OwnBTF{}, err
			}
		}
	}
	return own, nil
}

// Options of Resolve. The zero value is what the command line gives without flags, for the newest kernel.
type Options struct {
	Kernel    Kernel        // decides what is edited, and whether types are sorted
	Distill   bool          // make a distilled base, and BTF split against that: for a module that is built out of tree
	IDsOnly   bool          // leave BTF as it is, and look up IDs in it: resolve_btfids before 7.0
	FwdPolicy btf.FwdPolicy // for types of Base that lead to a FWD which the file defines
	Jobs      int           // workers; 0 is one

	Timer *phase.Timer // nil for none
}

// Result of Resolve.
type Result struct {
	BTF      []byte    // final; of Input with IDsOnly
	Base     []byte    // with Distill: the distilled base, which BTF is split against
	IDs      []byte    // content of .BTF_ids; nil if the file has none, or no symbol table
	Warnings []Warning // in the order of resolve_btfids
}

// Resolve makes the final BTF of a file and the content of its .BTF_ids. ids may be nil, for a file without that section. Errors
// do not name the file; they are *Error, *FlagsError, *btf.FormatError and *btf.LoopError, or tell what is wrong with the
// options. The result is the same for any number of workers.
func Resolve(ids *IDs, in Input, opt Options) (*Result, error) {
	r := &resolver{ids: ids, in: in, opt: opt}
	for _, p := range []struct {
		name string
		run  func() error
	}{
		{"check", r.check},
		{"read", r.open},
		{"kfuncs", r.edit},
		{"dedup", r.dedup},
		{"distill", r.distill},
		{"sort", r.sort},
		// Beyond this point no type is added and no ID changes.
		{"ids", r.resolve},
	} {
		stop := opt.Timer.Start(p.name)
		err := p.run()
		stop()
		if err != nil {
			return nil, err
		}
	}
	return &r.out, nil
}

// resolver is a run of Resolve.
type resolver struct {
	ids   *IDs
	in    Input
	opt   Options
	t     *btf.Table // the BTF so far
	data  []byte     // .BTF_ids as compilers leave it
	found []btf.ID   // by request

	edited bool     // types were added to the BTF, or changed
	wide   []btf.ID // after distilling, by ID before that: the ID in the distilled base
	units  origins
	asked  int // why there is no function
	out    Result
}

func (r *resolver) warn(w Warning) { r.out.Warnings = append(r.out.Warnings, w) }

// check looks for options that contradict each other.
func (r *resolver) check() error {
	switch {
	case !r.opt.Distill:
		return nil
	case r.opt.IDsOnly:
		return errors.New("BTF cannot be distilled and left as it is")
	case r.in.Base == nil:
		return errors.New("there is no base that could be distilled")
	case !r.opt.Kernel.Has(DistilledBase):
		return fmt.Errorf("kernel %v knows no distilled base, which came with %v", r.opt.Kernel, since[DistilledBase])
	}
	return nil
}

// open reads the BTF and puts .BTF_ids into the state in which compilers leave it.
func (r *resolver) open() error {
	if err := r.read(r.in.BTF); err != nil {
		return err
	}
	if r.ids == nil {
		return nil
	}
	if r.t.Big() != r.ids.big {
		return fmt.Errorf("%s is %s, BTF is %s: it is of another machine", sectionName, orderName(r.ids.big), orderName(r.t.Big()))
	}
	r.out.Warnings = append(r.out.Warnings, r.ids.Warnings...)
	var err error
	r.data, err = r.ids.original(r.old)
	return err
}

func orderName(big bool) string {
	if big {
		return "big-endian"
	}
	return "little-endian"
}

// old returns the BTF that IDs in the section refer to before it is resolved.
func (r *resolver) old() (*btf.Table, error) {
	switch own := r.in.Own; {
	case own.BTF == nil:
		return r.t, nil
	case own.Base != nil:
		base, err := btf.Read(own.Base, nil)
		if err != nil {
			return nil, err
		}
		return btf.Read(own.BTF, base)
	default:
		return btf.Read(own.BTF, r.base())
	}
}

func (r *resolver) base() *btf.Table {
	if r.in.Base == nil {
		return nil
	}
	return r.in.Base.Table()
}

// read makes a blob the BTF so far.
func (r *resolver) read(blob []byte) (err error) {
	r.t, err = btf.Read(blob, r.base())
	return err
}

func (r *resolver) edit() error {
	if r.opt.IDsOnly {
		return nil
	}
	return r.editKfuncs(r.data)
}

func (r *resolver) dedup() error {
	if r.opt.IDsOnly {
		return nil
	}
	if r.edited || !r.in.Once {
		t, err := btf.Deduplicate(r.t, r.in.Base, r.opt.FwdPolicy, r.opt.Jobs)
		if err != nil {
			return err
		}
		r.t = t
	}
	if r.t.HasLayout() && !r.opt.Kernel.Has(LayoutSection) {
		return r.read(r.t.WithoutLayout())
	}
	return nil
}

func (r *resolver) distill() error {
	if !r.opt.Distill {
		return nil
	}
	d, err := btf.Distill(r.t)
	if err != nil {
		return err
	}
	base, err := btf.Read(d.Base, nil)
	if err != nil {
		return err
	}
	r.out.Base, r.wide = d.Base, d.IDs[:r.t.FirstID()]
	r.t, err = btf.Read(d.Split, base)
	return err
}

func (r *resolver) sort() error {
	if !r.opt.IDsOnly && r.opt.Kernel.Has(SortedTypes) && !r.t.IsSorted() {
		blob, _, err := r.t.SortByName()
		if err != nil {
			return err
		}
		if r.t, err = btf.Read(blob, r.t.Base()); err != nil {
			return err
		}
	}
	r.out.BTF = r.t.Data()
	return nil
}

// resolve looks up the IDs and writes them.
func (r *resolver) resolve() error {
	if r.ids == nil || !r.ids.Symbols {
		return nil
	}
	r.lookup()
	r.warnMissing()
	r.ids.patch(r.data, r.found)
	r.out.IDs = r.data
	return nil
}
