// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/btfgen/btfgen/elfpatch"
	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/kbuild"
	"github.com/btfgen/btfgen/resolveids"
)

// resolveBTFIDsMain does what kernel builds have resolve_btfids do, with its command line, messages and exit codes
// (resolveids.md 13).
func resolveBTFIDsMain(args []string, _, stderr io.Writer) int {
	r, err := kbuild.ParseResolveBTFIDs(args)
	if err == nil {
		base := new(baseFile)
		err = withBase(func() error { return base.broken() }, func() error { return resolveBTFIDs(r, base, stderr) })
	}
	if err == nil {
		return exitOK
	}
	var re *kbuild.ResolveError
	if !errors.As(err, &re) {
		re = kbuild.ResolveErrorf("FAILED: %v", err)
	}
	fmt.Fprintln(stderr, re.Text)
	return re.Exit
}

// resolveBTFIDs is a run of the program that a command line asks for. It reads the base, if there is one, into base.
func resolveBTFIDs(r *kbuild.ResolveBTFIDs, base *baseFile, stderr io.Writer) error {
	f, err := openIDs(r.File)
	if err != nil {
		return kbuild.ResolveErrorf("FAILED cannot open %s: %s", r.File, strerror(err))
	}
	defer f.close()
	if r.Verbose > 1 {
		tellSections(f.elf, stderr)
	}
	if r.PatchIDs != "" {
		return f.patchIDs(r.PatchIDs)
	}
	ids, err := resolveids.ReadIDs(f.elf)
	if err != nil {
		return resolveFailure(r.File, err)
	}
	release, _, err := resolveids.KernelOf(f.elf)
	if err != nil {
		return resolveFailure(r.File, err)
	}
	kernel, beside := r.Generation(release)
	var in resolveids.Input
	opt := resolveids.Options{Kernel: kernel, IDsOnly: !beside, Jobs: share(defaultJobs())}
	res := new(resolveids.Result)
	switch {
	case beside || ids != nil && ids.Symbols:
		if in, err = asResolveReads(r, f, base, opt.IDsOnly); err != nil {
			return err
		}
		reasonsOf(f.elf, &in, kernel, true, opt.Jobs)
		opt.Distill = r.Distill && in.Base != nil
		var format *btf.FormatError
		switch res, err = resolveids.Resolve(ids, in, opt); {
		case errors.As(err, &format):
			return noBTF(r, err)
		case err != nil:
			return resolveFailure(r.File, err)
		}
	case ids != nil: // stripped: nothing is looked up, so that there need not be BTF
		res.Warnings = ids.Warnings
	}
	for _, w := range res.Warnings {
		fmt.Fprintln(stderr, w.Text)
	}
	if r.Verbose > 0 && res.IDs != nil {
		if err := tellIDs(ids, res, in.Base, stderr); err != nil {
			return err
		}
	}
	if n := len(res.Warnings); n > 0 && r.FatalWarnings {
		return kbuild.ResolveErrorf("FAILED: %s: %d warnings, and --fatal_warnings is given: nothing is written", r.File, n)
	}
	if err := base.Changed(); err != nil {
		return resolveFailure(r.File, err)
	}
	return saveAsResolve(f, res, beside, r.Verbose > 0, stderr)
}

// asResolveReads reads the BTF and its base. With idsOnly, as programs before 7.0, a base is not asked for if the
// file comes with a distilled one: IDs are then of that.
func asResolveReads(r *kbuild.ResolveBTFIDs, f *idsFile, mapped *baseFile, idsOnly bool) (in resolveids.Input, err error) {
	if in.Own, err = resolveids.ReadOwn(f.elf); err != nil {
		return in, resolveFailure(r.File, err)
	}
	var base *btf.Base
	if r.Base != "" && (!idsOnly || in.Own.Base == nil) {
		if base, err = readPaholeBase(r.Base, mapped); err != nil {
			return in, kbuild.ResolveErrorf("FAILED: load base BTF from %s: %s", r.Base, strerror(err))
		}
	}
	s, err := f.blob(r.BTF, in.Own)
	if err == nil {
		in.BTF, in.Base, err = s.onto(base)
	}
	if err != nil {
		return in, noBTF(r, err)
	}
	return in, nil
}

// noBTF is an error of the BTF that is read.
func noBTF(r *kbuild.ResolveBTFIDs, err error) error {
	return kbuild.ResolveErrorf("FAILED: load BTF from %s: %s", cmp.Or(r.BTF, r.File), strerror(err))
}

// saveAsResolve writes the results where the program of the kernel's release has them.
func saveAsResolve(f *idsFile, res *resolveids.Result, beside, verbose bool, stderr io.Writer) error {
	said := fmt.Sprintf("update ok for %s\n", f.path)
	switch {
	case beside:
		if err := f.saveBeside(res); err != nil {
			return err
		}
		said = ""
		for i, data := range sides(res) {
			if data != nil {
				said += fmt.Sprintf("Dumped %d bytes of data to %s\n", len(data), f.path+sideFiles[i])
			}
		}
	case res.IDs == nil:
		return nil
	default:
		if err := f.apply(elfpatch.Replace(idsSection, res.IDs)); err != nil {
			return kbuild.ResolveErrorf("FAILED elf_update(WRITE): %s: %s", f.path, strerror(err))
		}
	}
	if verbose {
		_, _ = io.WriteString(stderr, said) // nowhere to say that it failed
	}
	return nil
}

// tellSections prints what resolve_btfids -vv does.
func tellSections(f *elfview.File, w io.Writer) {
	for i := 1; i < len(f.Sections); i++ {
		s := &f.Sections[i]
		fmt.Fprintf(w, "section(%d) %s, size %d, link %d, flags %x, type=%d\n", i, s.Name, s.FileSize, s.Link, uint64(s.Flags), uint32(s.Type))
	}
}

// tellIDs prints what resolve_btfids -v does of IDs.
func tellIDs(ids *resolveids.IDs, res *resolveids.Result, on *btf.Base, w io.Writer) error {
	var base *btf.Table
	switch {
	case res.Base != nil:
		var err error
		if base, err = btf.Read(res.Base, nil); err != nil {
			return err
		}
	case on != nil:
		base = on.Table()
	}
	t, err := btf.Read(res.BTF, base)
	if err != nil {
		return err
	}
	return ids.Trace(w, t)
}

// resolveFailure is the line that resolve_btfids prints, where there is one, and what we know of it.
func resolveFailure(file string, err error) error {
	text := fmt.Sprintf("FAILED: %s: %v", file, err)
	var ids *resolveids.Error
	var flags *resolveids.FlagsError
	switch {
	case errors.As(err, &ids) && ids.Original != "":
		text = ids.Original + "\n" + text
	case errors.As(err, &flags):
		text = fmt.Sprintf("ERROR: resolve_btfids: %v", err)
	}
	return kbuild.ResolveErrorf("%s", text)
}

// strerror is the text of an error as the C library writes it, where it is one of the system's.
func strerror(err error) string {
	var errno syscall.Errno
	switch {
	case errors.Is(err, errNoBTF):
		return fmt.Sprintf("No data available: %v", err) // libbpf's ENODATA
	case !errors.As(err, &errno):
		return err.Error()
	}
	text := errno.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}
