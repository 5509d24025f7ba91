// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"sync"

	"github.com/btfgen/btfgen/encode"
	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/resolveids"
)

// reasons finds in a file's DWARF why its BTF is as it is. Nothing is computed before there is a warning.
type reasons struct {
	encode func() *encode.Result // with Report; nil if there is no DWARF
	base   *btf.Base             // of what encode returns
	types  *btf.Table            // that, read
}

// reasonsIn makes what is known of BTF that was just encoded part of the input.
func reasonsIn(enc *encode.Result, in *resolveids.Input) {
	r := reasons{encode: func() *encode.Result { return enc }, base: in.Base}
	r.into(in)
}

// reasonsOf does the same for BTF that somebody else has made of f: if there is a warning, f is encoded again. compat says
// that it was pahole.
func reasonsOf(f *elfview.File, in *resolveids.Input, k resolveids.Kernel, compat bool, jobs int) {
	opt := encode.Options{Jobs: jobs, Features: features(k, false), Compat: compat, StyleOfBase: true, Again: true, Report: true}
	var r reasons
	if in.Own.Base == nil { // else what is called a base may be a distilled one
		r.base, opt.Base = in.Base, in.Base
	}
	blob, split := in.BTF, in.Base != nil
	r.encode = sync.OnceValue(func() *encode.Result {
		if t, err := btf.Read(blob, nil); err == nil && !split {
			opt.Flat = !btf.NewBase(t).NestedArrays()
		}
		res, err := encode.Encode(f, opt)
		if err != nil {
			return nil // no DWARF, most of the time
		}
		return res
	})
	r.into(in)
}

// into makes what is known part of the input of resolveids.
func (r *reasons) into(in *resolveids.Input) {
	in.WhyNoFunc = func(name string) string {
		if res := r.encode(); res != nil {
			return res.WhyNoFunc(name)
		}
		return ""
	}
	in.Definitions = r.definitions
}

func (r *reasons) definitions(kind btf.Kind, name string) []resolveids.Definition {
	res := r.encode()
	if res == nil {
		return nil
	}
	if r.types == nil {
		var base *btf.Table
		if r.base != nil {
			base = r.base.Table()
		}
		var err error
		if r.types, err = btf.Read(res.BTF, base); err != nil {
			return nil
		}
	}
	var list []resolveids.Definition
	for _, d := range res.Definitions(kind, name) {
		list = append(list, resolveids.Definition{Types: r.types, ID: d.ID, Where: d.Where()})
	}
	return list
}
