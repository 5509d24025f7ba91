// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/btfgen/btfgen/encode"
	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/phase"
	"github.com/btfgen/btfgen/resolveids"
)

// chain is the way from DWARF to final BTF and the IDs in .BTF_ids, in memory: what a kernel build runs pahole and
// resolve_btfids for.
type chain struct {
	options encode.Options
	kernel  resolveids.Kernel // zero: that which the file is of
	misses  int               // so many structs may differ from those of the base; -1: any
	verify  *verifier
	fatal   bool // warnings are errors
	verbose bool
}

// chainFlags are those of the commands that go all the way.
func chainFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "j", DefaultText: "by CPUs and memory", Usage: "`N` workers; the output does not depend on it"},
		&cli.StringFlag{Name: "target-kernel", DefaultText: "that of the file", Usage: "make what Linux `X.Y` knows and expects"},
		&cli.StringFlag{Name: "lang-exclude", Value: "rust", Usage: "leave out units of the languages in `LIST`; \"none\" leaves out no unit"},
		&cli.StringFlag{Name: "array-style", DefaultText: "as the base, or nested", Usage: "multi-dimensional arrays as in `STYLE`: nested, as pahole 1.32, or flat, as before"},
		&cli.StringFlag{Name: "compat", Usage: "choose functions and variables as `TOOL` does: pahole"},
		&cli.BoolFlag{Name: "verify", DisableDefaultText: true, Usage: "read the BTF back with an independent parser before it is written"},
		&cli.BoolFlag{Name: "fatal-warnings", DisableDefaultText: true, Usage: "fail if an ID stays unresolved, or anything had to be left out or simplified"},
		&cli.BoolFlag{Name: "v", DisableDefaultText: true, Usage: "tell what is done, and print all warnings"},
	}
}

// readChainFlags maps the flags of chainFlags. Its errors are usage errors.
func readChainFlags(c *cli.Context) (x chain, err error) {
	x = chain{options: encode.Options{LangExclude: c.String("lang-exclude")}, misses: -1,
		verify: newVerifier(c.Bool("verify")), fatal: c.Bool("fatal-warnings"), verbose: c.Bool("v")}
	if x.options.Jobs, err = jobsFlag(c); err != nil {
		return x, err
	}
	if s := c.String("target-kernel"); s != "" {
		if x.kernel, err = resolveids.ParseKernel(s); err != nil {
			return x, usagef("%s: --target-kernel: %v", c.Command.Name, err)
		}
	}
	if err := readStyle(c, &x.options); err != nil {
		return x, err
	}
	if err := x.options.Check(); err != nil {
		return x, usagef("%s: %v", c.Command.Name, err)
	}
	return x, nil
}

// readStyle maps --array-style and --compat. Its errors are usage errors.
func readStyle(c *cli.Context, opt *encode.Options) error {
	switch s := c.String("array-style"); s {
	case "":
		opt.StyleOfBase = true
	case "nested":
	case "flat":
		opt.Flat = true
	default:
		return usagef("%s: --array-style %q is neither nested nor flat", c.Command.Name, s)
	}
	switch s := c.String("compat"); s {
	case "":
	case "pahole":
		opt.Compat = true
	default:
		return usagef("%s: --compat %q: only pahole is known", c.Command.Name, s)
	}
	return nil
}

// kernelOf is the release that the output for f is for.
func (x *chain) kernelOf(f *elfview.File) (resolveids.Kernel, error) {
	if x.kernel != (resolveids.Kernel{}) {
		return x.kernel, nil
	}
	k, _, err := resolveids.KernelOf(f) // the newest, if nothing tells
	return k, err
}

// features are those that kernel builds ask for, as far as the release knows them. What tags kfuncs is the
// business of resolveids (resolveids.md 1).
func features(k resolveids.Kernel, layout bool) string {
	list := []string{"encode_force", "var", "optimized_func", "consistent_func"}
	for _, f := range []struct {
		name string
		of   resolveids.Feature
	}{{"float", resolveids.Floats}, {"decl_tag", resolveids.DeclTags}, {"type_tag", resolveids.TypeTags}, {"enum64", resolveids.Enum64s}} {
		if k.Has(f.of) {
			list = append(list, f.name)
		}
	}
	if layout && k.Has(resolveids.LayoutSection) {
		list = append(list, "layout")
	}
	return strings.Join(list, ",")
}

// finished is what a chain gives.
type finished struct {
	*resolveids.Result
	ids    *resolveids.IDs // nil: there is no .BTF_ids
	kernel resolveids.Kernel
	base   *btf.Base // as given
}

// run makes the BTF of f and the content of its .BTF_ids. basePath is for messages, which name path.
func (x *chain) run(f *elfview.File, path string, base *btf.Base, basePath string, distill, layout bool, timer *phase.Timer, stderr io.Writer) (*finished, error) {
	out := &finished{base: base}
	var err error
	if out.kernel, err = x.kernelOf(f); err != nil {
		return nil, err
	}
	if out.ids, err = resolveids.ReadIDs(f); err != nil {
		return nil, err
	}
	in := resolveids.Input{Base: base, Once: true}
	if in.Own, err = resolveids.ReadOwn(f); err != nil {
		return nil, err
	}
	opt := x.options
	opt.Features, opt.Base, opt.Timer = features(out.kernel, layout), base, timer
	opt.Again, opt.Report = true, out.ids != nil // omissions are the reasons why IDs stay unresolved
	bar := newProgress(stderr, path)
	opt.Progress = bar.update
	enc, err := encode.Encode(f, opt)
	bar.finish()
	if err != nil {
		return nil, err
	}
	in.BTF = enc.BTF
	reasonsIn(enc, &in)
	out.Result, err = resolveids.Resolve(out.ids, in, resolveids.Options{Kernel: out.kernel, Distill: distill, Jobs: opt.Jobs, FwdPolicy: opt.FwdPolicy, Timer: timer})
	if err != nil {
		return nil, err
	}
	if err := x.tell(enc, out, path, basePath, stderr); err != nil {
		return nil, err
	}
	if err := x.verify.check(out.BTF, out.Base, out.base); err != nil {
		return nil, err
	}
	return out, nil
}

// tell prints warnings, and fails if they are too many.
func (x *chain) tell(enc *encode.Result, out *finished, path, basePath string, stderr io.Writer) error {
	if n := len(enc.Misses); n > 0 {
		text := missText(enc.Misses, basePath)
		if x.misses >= 0 && n > x.misses {
			return fmt.Errorf("%s; at most %d are allowed", text, x.misses)
		}
		if n > fewMisses || x.verbose {
			fmt.Fprintf(stderr, "btfgen: %s: %s\n", path, text)
		}
	}
	fatal := len(out.Warnings)
	for _, w := range out.Warnings {
		fmt.Fprintf(stderr, "%s (%s)\n", w.Text, path) // begins as from the kernel's tool, for whoever searches build logs
	}
	for _, w := range enc.Warnings {
		if x.verbose || x.fatal {
			fatal++
			fmt.Fprintf(stderr, "btfgen: %s: %s\n", path, w)
		}
	}
	if x.fatal && fatal > 0 {
		return fmt.Errorf("%d warnings, and --fatal-warnings is given", fatal)
	}
	return nil
}
