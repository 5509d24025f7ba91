// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/btfgen/btfgen/encode"
	"github.com/btfgen/btfgen/internal/btfcheck"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/phase"
)

func encodeCommand() *cli.Command {
	return &cli.Command{
		Name:            "encode",
		HideHelpCommand: true,
		OnUsageError:    func(_ *cli.Context, err error, _ bool) error { return usagef("encode: %v", err) },
		Usage:           "read the DWARF of kernel images and modules and write BTF",
		ArgsUsage:       "FILE...",
		Description: "Each FILE is an ELF file with DWARF, linked or not, and gives one raw, deduplicated BTF blob.\n\n" +
			"Features (* is on by default):\n" + encode.FeatureHelp(),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "o", Usage: "write the BTF of the one FILE to `OUT`"},
			&cli.StringFlag{Name: "out-dir", Usage: "write `DIR`/NAME.btf for each FILE"},
			&cli.IntFlag{Name: "j", DefaultText: "by CPUs and memory", Usage: "`N` workers; the output does not depend on it"},
			&cli.StringFlag{Name: "features", Value: "default", Usage: "comma-separated `LIST` of features; +A adds A to the default"},
			&cli.StringFlag{Name: "lang-exclude", Value: "rust", Usage: "leave out units of the languages in `LIST`; \"none\" leaves out no unit"},
			&cli.StringFlag{Name: "array-style", Value: "nested", Usage: "multi-dimensional arrays as in `STYLE`: nested, as pahole 1.32, or flat, as before"},
			&cli.StringFlag{Name: "compat", Usage: "choose functions and variables as `TOOL` does: pahole"},
			&cli.StringFlag{Name: "base", Usage: "`BASE` of split BTF; for modules only none so far, which gives BTF that needs no base"},
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
	options       encode.Options
	outs          []string // by operand
	report        string
	stats, json   bool
	verify, fatal bool
	verbose       bool
	alone         bool // modules too: --base none
}

// encodeFlags maps the command line to a job. Its errors are usage errors.
func encodeFlags(c *cli.Context) (*encodeJob, error) {
	j := &encodeJob{
		options: encode.Options{Jobs: c.Int("j"), Features: c.String("features"), LangExclude: c.String("lang-exclude"),
			Report: c.String("report") != ""},
		report: c.String("report"), stats: c.Bool("stats"), json: c.Bool("json"),
		verify: c.Bool("verify"), fatal: c.Bool("fatal-warnings"), verbose: c.Bool("v"), alone: c.String("base") == "none",
	}
	files := c.Args().Slice()
	for _, f := range files {
		if strings.HasPrefix(f, "-") {
			return nil, usagef("encode: %s stands behind a FILE: flags come first (./%s names a file)", f, f)
		}
	}
	out, dir := c.String("o"), c.String("out-dir")
	switch {
	case len(files) == 0:
		return nil, usagef("encode: no FILE given")
	case out != "" && dir != "":
		return nil, usagef("encode: -o and --out-dir exclude each other")
	case out == "" && dir == "":
		return nil, usagef("encode: writing the section into the ELF file is not supported yet: give -o OUT or --out-dir DIR")
	case out != "" && len(files) > 1:
		return nil, usagef("encode: -o takes one FILE, there are %d: use --out-dir", len(files))
	case j.json && !j.stats:
		return nil, usagef("encode: --json goes with --stats")
	case j.report != "" && len(files) > 1:
		return nil, usagef("encode: --report takes one FILE")
	case c.IsSet("j") && j.options.Jobs <= 0:
		return nil, usagef("encode: -j %d: the number of workers is at least 1", j.options.Jobs)
	case c.String("base") != "" && c.String("base") != "none":
		return nil, usagef("encode: split BTF against a base is not supported yet")
	}
	from := map[string]string{} // output -> FILE
	for _, f := range files {
		to := out
		if to == "" {
			to = filepath.Join(dir, filepath.Base(f)+".btf")
		}
		switch other, twice := from[to]; {
		case twice:
			return nil, usagef("encode: %s and %s both give %s", other, f, to)
		case sameFile(f, to), sameFile(f, j.report):
			return nil, usagef("encode: the output would replace %s", f)
		}
		from[to] = f
		j.outs = append(j.outs, to)
	}
	if _, twice := from[j.report]; twice {
		return nil, usagef("encode: --report and the output are both %s", j.report)
	}
	switch s := c.String("array-style"); s {
	case "nested":
	case "flat":
		j.options.Flat = true
	default:
		return nil, usagef("encode: --array-style %q is neither nested nor flat", s)
	}
	switch s := c.String("compat"); s {
	case "":
	case "pahole":
		j.options.Compat = true
	default:
		return nil, usagef("encode: --compat %q: only pahole is known", s)
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
	if j.options.Jobs == 0 {
		j.options.Jobs = defaultJobs()
	}
	files := c.Args().Slice()
	failed := 0
	for i, file := range files {
		err := j.file(file, j.outs[i], c.App.ErrWriter)
		switch {
		case err == nil:
		case len(files) == 1:
			return fmt.Errorf("%s: %w", file, err)
		default: // each FILE has its own output, so the others go on
			failed++
			fmt.Fprintf(c.App.ErrWriter, "btfgen: %s: %v\n", file, err)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d files failed", failed, len(files))
	}
	return nil
}

// moduleSection is what only kernel modules have (scripts/module.lds.S of the kernel).
const moduleSection = ".gnu.linkonce.this_module"

// file encodes one file. The output exists only if all went well.
func (j *encodeJob) file(file, out string, stderr io.Writer) error {
	opt := j.options
	if j.stats {
		opt.Timer = phase.New()
	}
	f, err := elfview.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if !j.alone && f.Section(moduleSection) != nil {
		return fmt.Errorf("it is a module (it has a section %s), and split BTF is not supported yet: --base none gives BTF that needs no base", moduleSection)
	}
	bar := newProgress(stderr, filepath.Base(file))
	opt.Progress = bar.update
	res, err := encode.Encode(f, opt)
	bar.finish()
	if err != nil {
		return err
	}
	for _, w := range res.Warnings {
		if j.verbose || j.fatal {
			fmt.Fprintf(stderr, "btfgen: %s: %s\n", file, w)
		}
	}
	if j.fatal && len(res.Warnings) > 0 {
		return fmt.Errorf("%d kinds of warnings, and --fatal-warnings is given", len(res.Warnings))
	}
	if j.verify {
		if err := btfcheck.Check(res.BTF); err != nil {
			return fmt.Errorf("the result does not verify: %w", err)
		}
	}
	stop := opt.Timer.Start("save")
	err = j.save(out, res)
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

// save writes the result and the report: both, or if one cannot be written neither.
func (j *encodeJob) save(out string, res *encode.Result) error {
	blob, err := prepareOutput(out, func(w io.Writer) error {
		_, err := w.Write(res.BTF)
		return err
	})
	if err != nil {
		return err
	}
	defer blob.discard()
	if j.report != "" {
		report, err := prepareOutput(j.report, func(w io.Writer) error { return encode.WriteReport(w, res.Omissions) })
		if err != nil {
			return err
		}
		defer report.discard()
		if err := report.commit(); err != nil {
			return err
		}
	}
	return blob.commit()
}
