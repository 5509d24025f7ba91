// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/btfgen/btfgen/elfpatch"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/phase"
	"github.com/btfgen/btfgen/kbuild"
)

func vmlinuxCommand() *cli.Command {
	return &cli.Command{
		Name:            "vmlinux",
		HideHelpCommand: true,
		OnUsageError:    func(_ *cli.Context, err error, _ bool) error { return usagef("vmlinux: %v", err) },
		Usage:           "make what the link of vmlinux takes: an object with .BTF, and the IDs for .BTF_ids",
		ArgsUsage:       "FILE",
		Description: "FILE is a linked kernel with DWARF. FILE.btf.o is the object to link it with again, FILE.BTF_ids the\n" +
			"content of .BTF_ids, which resolve --patch-ids writes into the result. FILE itself stays as it is.",
		Flags: append(chainFlags(),
			&cli.BoolFlag{Name: "layout", DisableDefaultText: true, Usage: "with the sizes of all kinds of types, for readers to come"},
			&cli.StringFlag{Name: "btf", Usage: "also write the raw BTF to `OUT`"},
			&cli.BoolFlag{Name: "stats", DisableDefaultText: true, Usage: "print times, counts and memory to standard error"}),
		Action: vmlinuxAction,
	}
}

func vmlinuxAction(c *cli.Context) error {
	x, err := readChainFlags(c)
	if err != nil {
		return err
	}
	if c.Args().Len() != 1 {
		return usagef("vmlinux: there is one FILE, not %d", c.Args().Len())
	}
	path := c.Args().First()
	raw := c.String("btf")
	for _, other := range []string{path, path + ".btf.o", path + ".BTF_ids"} {
		if raw != "" && (filepath.Clean(raw) == filepath.Clean(other) || sameFile(other, raw)) {
			return usagef("vmlinux: --btf %s is the name of another file", raw)
		}
	}
	var timer *phase.Timer
	if c.Bool("stats") {
		timer = phase.New()
	}
	x.options.Jobs = share(x.options.Jobs)
	adjustMemory(path)
	if err := vmlinux(&x, path, raw, c.Bool("layout"), timer, c.App.ErrWriter); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if timer != nil {
		return timer.WriteText(c.App.ErrWriter)
	}
	return nil
}

func vmlinux(x *chain, path, raw string, layout bool, timer *phase.Timer, stderr io.Writer) error {
	f, err := elfview.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if kbuild.IsModule(f) {
		return errors.New("is a module: btfgen module is for these")
	}
	res, err := x.run(f, path, nil, "", false, layout, timer, stderr)
	if err != nil {
		return err
	}
	object, err := elfpatch.Object(elfpatch.Target{Class: f.Class, Big: f.Big, Machine: f.Machine, Flags: f.Flags}, res.BTF)
	if err != nil {
		return err
	}
	outs := []namedOutput{{path + ".btf.o", writeBytes(object)}}
	if res.IDs != nil {
		outs = append(outs, namedOutput{path + ".BTF_ids", writeBytes(res.IDs)})
	} else if err := os.Remove(path + ".BTF_ids"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err // that of an earlier run would be taken for this one's
	}
	if raw != "" {
		outs = append(outs, namedOutput{raw, writeBytes(res.BTF)})
	}
	if err := saveAll(outs); err != nil {
		return err
	}
	if x.verbose {
		fmt.Fprintf(stderr, "btfgen: %s: for Linux %v: .BTF has %d bytes, .BTF_ids %d, %d warnings\n", path, res.kernel, len(res.BTF), len(res.IDs), len(res.Warnings))
	}
	return nil
}
