// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/btfgen/btfgen/elfpatch"
	"github.com/btfgen/btfgen/encode"
	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/phase"
	"github.com/btfgen/btfgen/kbuild"
)

func encodeCommand() *cli.Command {
	return &cli.Command{
		Name:            "encode",
		HideHelpCommand: true,
		OnUsageError:    func(_ *cli.Context, err error, _ bool) error { return usagef("encode: %v", err) },
		Usage:           "read the DWARF of kernels and modules and write BTF",
		ArgsUsage:       "FILE...",
		Description: "Each FILE is an ELF file with DWARF and gives one raw, deduplicated BTF blob. That of a module holds only what\n" +
			"the BTF of its kernel, the base, does not have. Without -o and --out-dir it goes into FILE, as section .BTF.\n" +
			"@LIST stands for the files that LIST names.\n\n" +
			"Features (* is on by default):\n" + encode.FeatureHelp(),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "o", Usage: "write the BTF of the one FILE to `OUT`"},
			&cli.StringFlag{Name: "out-dir", Usage: "write `DIR`/NAME.btf for each FILE"},
			&cli.IntFlag{Name: "j", DefaultText: "by CPUs and memory", Usage: "`N` workers; the output does not depend on it"},
			&cli.StringFlag{Name: "features", Value: "default", Usage: "comma-separated `LIST` of features; +A adds A to the default"},
			&cli.StringFlag{Name: "lang-exclude", Value: "rust", Usage: "leave out units of the languages in `LIST`; \"none\" leaves out no unit"},
			&cli.StringFlag{Name: "array-style", DefaultText: "as the base, or nested", Usage: "multi-dimensional arrays as in `STYLE`: nested, as pahole 1.32, or flat, as before"},
			&cli.StringFlag{Name: "compat", Usage: "choose functions and variables as `TOOL` does: pahole"},
			&cli.StringFlag{Name: "base", DefaultText: "for modules that of their kernel", Usage: "split against the BTF of `BASE`: raw BTF, vmlinux or boot image; none: stand-alone"},
			&cli.BoolFlag{Name: "require-base", DisableDefaultText: true, Usage: "fail for a module whose base is not found, which else stays as it is; with -o and --out-dir that is so anyway"},
			&cli.StringFlag{Name: "base-fwd", Value: "accept", Usage: "types of the base that lead to a forward declaration which the module defines: `POLICY` accept, they serve, or strict, they do not"},
			&cli.IntFlag{Name: "max-base-misses", DefaultText: "any", Usage: "fail if more than `N` structs and unions differ from those of their name in the base"},
			&cli.BoolFlag{Name: "distill", DisableDefaultText: true, Usage: "write what the module uses of the base to OUT.base (.BTF.base), and split against that"},
			listFlag(),
			&cli.StringFlag{Name: "report", Usage: "write a JSON line for each function and variable left out to `FILE`"},
			&cli.BoolFlag{Name: "stats", DisableDefaultText: true, Usage: "print times, counts and memory to standard error"},
			&cli.BoolFlag{Name: "json", DisableDefaultText: true, Usage: "with --stats: as JSON"},
			&cli.BoolFlag{Name: "verify", DisableDefaultText: true, Usage: "read the output back with an independent parser before writing it"},
			&cli.BoolFlag{Name: "fatal-warnings", DisableDefaultText: true, Usage: "fail if anything had to be left out or simplified"},
			&cli.BoolFlag{Name: "v", DisableDefaultText: true, Usage: "print warnings"},
		},
		Action: encodeAction,
	}
}

// encodeJob is what the flags of encode ask for.
type encodeJob struct {
	options     encode.Options
	outs        []string // by operand, with inPlace all ""
	inPlace     bool     // into the ELF files
	requireBase bool
	report      string
	stats, json bool
	verify      *verifier
	fatal       bool
	verbose     bool
	files       []string
	bases       bases
	maxMisses   int // -1: any
}

// encodeFlags maps the command line to a job. Its errors are usage errors.
func encodeFlags(c *cli.Context) (*encodeJob, error) {
	j := &encodeJob{
		options: encode.Options{Jobs: c.Int("j"), Features: c.String("features"), LangExclude: c.String("lang-exclude"),
			Report: c.String("report") != ""},
		report: c.String("report"), stats: c.Bool("stats"), json: c.Bool("json"),
		verify: newVerifier(c.Bool("verify")), fatal: c.Bool("fatal-warnings"), verbose: c.Bool("v"),
		bases: bases{named: c.String("base")}, requireBase: c.Bool("require-base"), maxMisses: -1,
	}
	var err error
	if j.files, err = operands(c); err != nil {
		return nil, err
	}
	files, out, dir := j.files, c.String("o"), c.String("out-dir")
	switch {
	case j.bases.named == "none" && c.Bool("require-base"):
		return nil, usagef("encode: --base none and --require-base exclude each other")
	case j.json && !j.stats:
		return nil, usagef("encode: --json goes with --stats")
	case j.report != "" && len(files) > 1:
		return nil, usagef("encode: --report takes one FILE")
	case j.stats && len(files) > 1:
		return nil, usagef("encode: --stats takes one FILE")
	case c.IsSet("max-base-misses") && c.Int("max-base-misses") < 0:
		return nil, usagef("encode: --max-base-misses %d is less than 0", c.Int("max-base-misses"))
	case c.IsSet("max-base-misses"):
		j.maxMisses = c.Int("max-base-misses")
	}
	if j.options.Jobs, err = jobsFlag(c); err != nil {
		return nil, err
	}
	var suffixes []string
	if j.options.Distill = c.Bool("distill"); j.options.Distill {
		suffixes = []string{".base"}
	}
	if j.inPlace = out == "" && dir == ""; j.inPlace {
		j.files = distinct(j.files)
		files = j.files
		j.outs, j.options.Again = make([]string, len(files)), true
	} else if j.outs, err = outputs("encode", files, out, dir, suffixes...); err != nil {
		return nil, err
	}
	if b := j.bases.named; b != "" && b != "none" {
		if err := keepBase("encode", b, append(j.outs, j.report), suffixes...); err != nil {
			return nil, err
		}
	}
	for i, f := range files {
		switch {
		case j.report == "":
		case sameFile(f, j.report):
			return nil, usagef("encode: the output would replace %s", f)
		case j.outs[i] == j.report, j.options.Distill && j.outs[i]+".base" == j.report:
			return nil, usagef("encode: --report and the output are both %s", j.report)
		}
	}
	switch s := c.String("base-fwd"); s {
	case "accept":
	case "strict":
		j.options.FwdPolicy = btf.StrictFwds
	default:
		return nil, usagef("encode: --base-fwd %q is neither accept nor strict", s)
	}
	if err := readStyle(c, &j.options); err != nil {
		return nil, err
	}
	if err := j.options.Check(); err != nil {
		return nil, usagef("encode: %v", err)
	}
	return j, nil
}

func encodeAction(c *cli.Context) error {
	j, err := encodeFlags(c)
	if err != nil {
		return err
	}
	if j.verbose {
		j.bases.verbose = c.App.ErrWriter
	}
	j.bases.many = len(j.files) > fewModules
	b := batch{name: "encode", files: j.files, jobs: j.options.Jobs, stderr: c.App.ErrWriter}
	j.options.Jobs = perFile(len(j.files), j.options.Jobs)
	return b.run(func(i int, stderr io.Writer) error {
		return withBase(j.bases.broken, func() error { return j.file(j.files[i], j.outs[i], stderr) })
	})
}

// file encodes one file. The output exists only if all went well.
func (j *encodeJob) file(file, out string, stderr io.Writer) error {
	opt := j.options
	var target *elfpatch.File // opened first, so that a file that changes while it is encoded is noticed
	if j.inPlace {
		var err error
		if target, err = elfpatch.Open(file, elfpatch.Options{NoSync: true}); err != nil {
			return err
		}
		defer target.Close()
	}
	if j.stats {
		opt.Timer = phase.New()
	}
	f, err := elfview.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var basePath string
	opt.Base, basePath, err = j.bases.of(f)
	var none *kbuild.NoBaseError
	switch {
	case j.inPlace && !j.requireBase && errors.As(err, &none):
		fmt.Fprintln(stderr, none.Skipped(file))
		return nil
	case err != nil:
		return err
	}
	bar := newProgress(stderr, filepath.Base(file))
	opt.Progress = bar.update
	res, err := encode.Encode(f, opt)
	bar.finish()
	if err == nil {
		err = j.bases.changed()
	}
	if err != nil {
		return err
	}
	omitted, err := res.Omissions()
	if err != nil {
		return err
	}
	if n := len(res.Misses); n > 0 {
		text := missText(res.Misses, basePath)
		if j.maxMisses >= 0 && n > j.maxMisses {
			return fmt.Errorf("%s; at most %d are allowed", text, j.maxMisses)
		}
		if n > fewMisses || j.verbose {
			fmt.Fprintf(stderr, "btfgen: %s: %s\n", file, text)
		}
	}
	for _, w := range res.Warnings {
		if j.verbose || j.fatal {
			fmt.Fprintf(stderr, "btfgen: %s: %s\n", file, w)
		}
	}
	if j.fatal && len(res.Warnings) > 0 {
		return fmt.Errorf("%d kinds of warnings, and --fatal-warnings is given", len(res.Warnings))
	}
	if err := j.verify.check(res.BTF, res.Base, opt.Base); err != nil {
		return err
	}
	stop := opt.Timer.Start("save")
	if target != nil {
		err = saveSections(target, file, res)
	}
	if err == nil {
		err = j.save(out, res, omitted)
	}
	stop()
	if err != nil {
		return err
	}
	if j.json {
		return opt.Timer.WriteJSON(stderr)
	}
	if j.stats {
		return opt.Timer.WriteText(stderr)
	}
	return nil
}

// fewMisses is how many structs of a module may have the name of one of the kernel's, and be another, without a word about it: 6 of
// Debian's 1,018 cloud modules have one or two. With the BTF of another kernel there are hundreds.
const fewMisses = 8

// missText tells how many types are not as in the base, and what the first few are.
func missText(misses []btf.BaseMiss, base string) string {
	n := 0
	for n < len(misses) && misses[n].Text != "" {
		n++
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d structs and unions are not as in the base %s", len(misses), base)
	for i, m := range misses[:n] {
		sep := "; "
		if i == 0 {
			sep = ": "
		}
		fmt.Fprintf(&b, "%s%s: %s", sep, m.Name, m.Text)
	}
	if n < len(misses) {
		b.WriteString("; …")
	}
	return b.String()
}

// save writes the result, if it is not in the ELF file, and the report: both, or if one cannot be written neither.
func (j *encodeJob) save(out string, res *encode.Result, omitted []encode.Omission) error {
	var outs []namedOutput
	if !j.inPlace {
		outs = append(outs, namedOutput{out, writeBytes(res.BTF)})
		if res.Base != nil {
			outs = append(outs, namedOutput{out + ".base", writeBytes(res.Base)})
		}
	}
	if j.report != "" {
		outs = append(outs, namedOutput{j.report, func(w io.Writer) error { return encode.WriteReport(w, omitted) }})
	}
	return saveAll(outs)
}
