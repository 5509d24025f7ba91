// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/btfgen/btfgen/elfpatch"
	"github.com/btfgen/btfgen/encode"
	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/kbuild"
)

// paholeMain does what kernel builds have pahole do, with its command line, output and exit codes (encode.md 1).
func paholeMain(args []string, stdout, stderr io.Writer) int {
	p, err := kbuild.ParsePahole(args)
	if err == nil {
		for _, note := range p.Notes {
			fmt.Fprintln(stderr, note)
		}
		if p.Text == "" {
			base := new(baseFile)
			err = withBase(func() error { return base.broken() }, func() error { return paholeEncode(p, base, stdout, stderr) })
		} else {
			_, err = io.WriteString(stdout, p.Text)
		}
	}
	var pe *kbuild.PaholeError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &pe):
		fmt.Fprintln(stderr, pe.Text)
		return pe.Exit
	}
	fmt.Fprintf(stderr, "btfgen: %v\n", err)
	return exitError
}

// paholeEncode encodes a file, and reads its base, if it has one, into base. One without types is no failure: there is no
// output then.
func paholeEncode(p *kbuild.Pahole, base *baseFile, stdout, stderr io.Writer) error {
	opt := paholeOptions(p)
	if p.Base != "" {
		var err error
		if opt.Base, err = readPaholeBase(p.Base, base); err != nil {
			return &kbuild.PaholeError{Exit: exitError, Text: fmt.Sprintf("Failed to parse base BTF '%s': %v", p.Base, err)}
		}
	}
	if p.Detached != "" && sameFile(p.File, p.Detached) {
		return fmt.Errorf("%s: the output would replace it", p.File)
	}
	var target *elfpatch.File // opened first, so that a file that changes while it is encoded is noticed
	if p.Detached == "" {
		var err error
		if target, err = elfpatch.Open(p.File, elfpatch.Options{NoSync: true}); err != nil {
			return fmt.Errorf("%s: %w", p.File, err)
		}
		defer target.Close()
	}
	opt.Jobs = share(opt.Jobs)
	adjustMemory(p.File)
	res, omitted, err := paholeResult(p, opt)
	if err == nil {
		err = base.Changed()
	}
	var none *encode.NoDWARFError
	switch {
	case errors.As(err, &none), errors.Is(err, encode.ErrNoTypes):
		if p.Verbose {
			fmt.Fprintf(stderr, "btfgen: %s: %v\n", p.File, err)
		}
		return removeStale(p.Detached)
	case err != nil:
		return fmt.Errorf("%s: %w", p.File, err)
	}
	if p.Verbose {
		tellAsPahole(p, res, omitted, stdout, stderr)
	}
	if target == nil {
		return saveAll([]namedOutput{{p.Detached, writeBytes(res.BTF)}})
	}
	if err := saveSections(target, p.File, res); err != nil {
		return fmt.Errorf("%s: %w", p.File, err)
	}
	return nil
}

func paholeResult(p *kbuild.Pahole, opt encode.Options) (res *encode.Result, omitted []encode.Omission, err error) {
	f, err := elfview.Open(p.File)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if res, err = encode.Encode(f, opt); err == nil {
		omitted, err = res.Omissions()
	}
	return res, omitted, err
}

// saveSections writes a result into the ELF file that it is of. The file gets a new time even if it has these sections
// already: make would otherwise bring them up to date again and again.
func saveSections(target *elfpatch.File, path string, res *encode.Result) error {
	base := elfpatch.Remove(".BTF.base") // that of another run would not go with this .BTF
	if res.Base != nil {
		base = elfpatch.Set(".BTF.base", res.Base)
	}
	changed, err := target.Apply(elfpatch.Set(".BTF", res.BTF), base)
	if err != nil || changed {
		return err
	}
	return os.Chtimes(path, time.Time{}, time.Now())
}

// paholeOptions maps a command line to the options of Encode.
func paholeOptions(p *kbuild.Pahole) encode.Options {
	opt := encode.Options{Jobs: defaultJobs(), Features: p.Features, LangExclude: p.LangExclude,
		Flat: p.Flat, StyleOfBase: true, Again: true, Compat: true, Distill: p.Distill, Report: p.Verbose}
	if p.Jobs > 0 {
		opt.Jobs = min(opt.Jobs, p.Jobs) // more than there is room for would only cost memory
	}
	return opt
}

// readPaholeBase reads the BTF of a base, which is mapped into base. Errors do not name the file.
func readPaholeBase(path string, base *baseFile) (*btf.Base, error) {
	var err error
	if base.Base, err = kbuild.MapBase(path); err != nil {
		return nil, err
	}
	if base.table, err = btf.ReadUnchecked(base.Data, nil); err != nil {
		return nil, err
	}
	return btf.NewBase(base.table), nil
}

// tellAsPahole prints what scripts read from pahole -V, why functions are left out, and on standard error the rest.
func tellAsPahole(p *kbuild.Pahole, res *encode.Result, omitted []encode.Omission, stdout, stderr io.Writer) {
	for _, o := range omitted {
		if o.Kind != "func" {
			fmt.Fprintf(stderr, "btfgen: %s: variable %s: %s\n", p.File, o.Name, o.Reason)
			continue
		}
		for _, why := range []string{o.Detail, o.Reason} {
			if why != "" {
				fmt.Fprintf(stdout, "%s : skipping BTF encoding of function due to %s\n", o.Name, why)
			}
		}
	}
	if len(res.Misses) > 0 {
		fmt.Fprintf(stderr, "btfgen: %s: %s\n", p.File, missText(res.Misses, p.Base))
	}
	for _, w := range res.Warnings {
		fmt.Fprintf(stderr, "btfgen: %s: %s\n", p.File, w)
	}
}

// removeStale removes the output of an earlier run where this one has none, lest it be taken for this one's.
func removeStale(path string) error {
	if fi, err := os.Lstat(path); err != nil || !fi.Mode().IsRegular() {
		return nil
	}
	return os.Remove(path)
}
