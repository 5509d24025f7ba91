// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/resolveids"
)

func resolveCommand() *cli.Command {
	return &cli.Command{
		Name:            "resolve",
		HideHelpCommand: true,
		OnUsageError:    func(_ *cli.Context, err error, _ bool) error { return usagef("resolve: %v", err) },
		Usage:           "make BTF final, and look up the IDs that section .BTF_ids asks for",
		ArgsUsage:       "FILE",
		Description: "FILE is a kernel, a module or a program with BTF and .BTF_ids. The results are FILE.BTF, FILE.BTF_ids and, with\n" +
			"--distill, FILE.BTF.base; FILE itself stays as it is. Kfuncs get their tags, equal types become one, and types are\n" +
			"sorted, as the target kernel expects it. Called as resolve_btfids, or as btfgen resolve_btfids, btfgen takes the command\n" +
			"line of that program of the kernel.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "btf", DefaultText: "section .BTF", Usage: "take the BTF from `F`: raw, or of an ELF file"},
			&cli.StringFlag{Name: "base", DefaultText: "for modules .BTF.base or that of their kernel", Usage: "the BTF is split against that of `BASE`: raw BTF, vmlinux or boot image; none: it is whole"},
			&cli.BoolFlag{Name: "distill", DisableDefaultText: true, Usage: "make of the base a small one, FILE.BTF.base, and split the BTF against that"},
			&cli.BoolFlag{Name: "in-place", DisableDefaultText: true, Usage: "write the results into the sections of FILE instead, all at once"},
			&cli.StringFlag{Name: "patch-ids", Usage: "only write `BLOB`, as FILE.BTF_ids of an earlier run, into section .BTF_ids of FILE"},
			&cli.StringFlag{Name: "target-kernel", DefaultText: "that of FILE, or the newest", Usage: "make what Linux `X.Y` expects"},
			&cli.BoolFlag{Name: "fatal-warnings", DisableDefaultText: true, Usage: "fail if there are warnings, before anything is written"},
			&cli.BoolFlag{Name: "v", DisableDefaultText: true, Usage: "tell what is done, and each ID"},
		},
		Action: resolveAction,
	}
}

// resolveJob is what the flags of resolve ask for.
type resolveJob struct {
	file    string
	btf     string // "": that of the file
	bases   bases
	blob    string            // to be written into .BTF_ids; "": look up the IDs
	kernel  resolveids.Kernel // zero: that which the file is of
	distill bool
	inPlace bool
	fatal   bool
	verbose bool
}

// resolveFlags maps the command line to a job. Its errors are usage errors.
func resolveFlags(c *cli.Context) (*resolveJob, error) {
	j := &resolveJob{btf: c.String("btf"), bases: bases{named: c.String("base")}, blob: c.String("patch-ids"),
		distill: c.Bool("distill"), inPlace: c.Bool("in-place"), fatal: c.Bool("fatal-warnings"), verbose: c.Bool("v")}
	if c.Args().Len() != 1 {
		return nil, usagef("resolve: there is one FILE, not %d; flags come first", c.Args().Len())
	}
	j.file = c.Args().First()
	for _, name := range []string{"btf", "base", "patch-ids"} {
		if c.IsSet(name) && c.String(name) == "" {
			return nil, usagef("resolve: --%s names no file", name)
		}
	}
	if j.blob != "" {
		for _, name := range []string{"btf", "base", "distill", "target-kernel", "fatal-warnings"} {
			if c.IsSet(name) {
				return nil, usagef("resolve: --patch-ids looks nothing up: --%s does not go with it", name)
			}
		}
		return j, nil
	}
	if j.distill && j.bases.named == "none" {
		return nil, usagef("resolve: --distill needs a base: --base none does not go with it")
	}
	if j.btf != "" && !j.inPlace {
		for _, suffix := range sideFiles {
			if sameFile(j.btf, j.file+suffix) {
				return nil, usagef("resolve: the output would replace %s", j.btf)
			}
		}
	}
	if s := c.String("target-kernel"); s != "" {
		var err error
		if j.kernel, err = resolveids.ParseKernel(s); err != nil {
			return nil, usagef("resolve: --target-kernel: %v", err)
		}
	}
	return j, nil
}

func resolveAction(c *cli.Context) error {
	j, err := resolveFlags(c)
	if err != nil {
		return err
	}
	if j.verbose {
		j.bases.verbose = c.App.ErrWriter
	}
	return withBase(j.bases.broken, func() error { return j.run(c.App.ErrWriter) })
}

// run does what the flags ask for.
func (j *resolveJob) run(stderr io.Writer) error {
	f, err := openIDs(j.file)
	if err != nil {
		return fmt.Errorf("%s: %w", j.file, err)
	}
	defer f.close()
	if j.blob != "" {
		return f.patchIDs(j.blob)
	}
	ids, err := resolveids.ReadIDs(f.elf)
	if err != nil {
		return fmt.Errorf("%s: %w", j.file, err)
	}
	in, distilled, err := j.input(f)
	if err != nil {
		return err
	}
	if j.kernel == (resolveids.Kernel{}) {
		if j.kernel, _, err = resolveids.KernelOf(f.elf); err != nil {
			return fmt.Errorf("%s: %w", j.file, err)
		}
	}
	opt := resolveids.Options{Kernel: j.kernel, Distill: j.distill, Jobs: share(defaultJobs())}
	reasonsOf(f.elf, &in, j.kernel, false, opt.Jobs)
	res, err := resolveids.Resolve(ids, in, opt)
	var format *btf.FormatError
	switch {
	case errors.As(err, &format):
		return fmt.Errorf("%s: %w", cmp.Or(j.btf, j.file), err)
	case err != nil:
		return fmt.Errorf("%s: %w", j.file, err)
	}
	if res.Base == nil {
		res.Base = distilled
	}
	if err := j.tell(ids, in, res, stderr); err != nil {
		return err
	}
	if err := j.bases.changed(); err != nil {
		return err
	}
	if !j.inPlace {
		return f.saveBeside(res)
	}
	if err := f.saveInto(res); err != nil {
		return fmt.Errorf("%s: %w", j.file, err)
	}
	return nil
}

// input reads the BTF and its base. distilled is the base if that came with the BTF: it goes where the result goes.
func (j *resolveJob) input(f *idsFile) (in resolveids.Input, distilled []byte, err error) {
	if in.Own, err = resolveids.ReadOwn(f.elf); err != nil {
		return in, nil, fmt.Errorf("%s: %w", j.file, err)
	}
	from := cmp.Or(j.btf, j.file)
	s, err := f.blob(j.btf, in.Own)
	if err != nil {
		return in, nil, fmt.Errorf("%s: %w", from, err)
	}
	var base *btf.Base
	if s.distilled == nil || j.bases.named != "" {
		if base, _, err = j.bases.of(f.elf); err != nil {
			return in, nil, fmt.Errorf("%s: %w", j.file, err)
		}
	}
	if in.BTF, in.Base, err = s.onto(base); err != nil {
		return in, nil, fmt.Errorf("%s: %w", from, err)
	}
	if base == nil {
		distilled = s.distilled
	}
	return in, distilled, nil
}

// tell prints warnings, and fails if they are to be none.
func (j *resolveJob) tell(ids *resolveids.IDs, in resolveids.Input, res *resolveids.Result, stderr io.Writer) error {
	for _, w := range res.Warnings {
		fmt.Fprintln(stderr, w.Text) // as the kernel's tool has it, for whoever searches build logs
	}
	if n := len(res.Warnings); n > 0 && j.fatal {
		return fmt.Errorf("%s: %d warnings, and --fatal-warnings is given", j.file, n)
	}
	if !j.verbose {
		return nil
	}
	fmt.Fprintf(stderr, "btfgen: %s: for Linux %v, .BTF has %d bytes, .BTF.base %d, .BTF_ids %d\n", j.file, j.kernel, len(res.BTF), len(res.Base), len(res.IDs))
	if res.IDs == nil {
		return nil
	}
	return tellIDs(ids, res, in.Base, stderr)
}
