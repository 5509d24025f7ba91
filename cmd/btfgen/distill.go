// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/btfgen/btfgen/internal/btf"
)

func distillCommand() *cli.Command {
	return &cli.Command{
		Name:            "distill",
		HideHelpCommand: true,
		OnUsageError:    func(_ *cli.Context, err error, _ bool) error { return usagef("distill: %v", err) },
		Usage:           "make a module's BTF survive kernel updates: replace its base by a small one",
		ArgsUsage:       "FILE...",
		Description: "Each FILE is a module with split BTF, or the split BTF itself. OUT is the BTF for its section\n" +
			".BTF, and OUT.base that for .BTF.base: what of the base the module uses, by name and size. From\n" +
			"these the kernel finds the types again when it loads the module (since Linux 6.11).",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "base", Usage: "the `BASE` that the BTF is split on: raw BTF, vmlinux or boot image"},
			&cli.StringFlag{Name: "o", Usage: "write the BTF of the one FILE to `OUT` and OUT.base"},
			&cli.StringFlag{Name: "out-dir", Usage: "write `DIR`/NAME.btf and DIR/NAME.btf.base for each FILE"},
			&cli.IntFlag{Name: "j", DefaultText: "by CPUs and memory", Usage: "`N` files at a time"},
			listFlag(),
		},
		Action: distillAction,
	}
}

func distillAction(c *cli.Context) error {
	files, err := operands(c)
	if err != nil {
		return err
	}
	if c.String("o") == "" && c.String("out-dir") == "" {
		return usagef("distill: give -o OUT or --out-dir DIR; into the ELF file, with its IDs, it is btfgen resolve --distill --in-place")
	}
	outs, err := outputs("distill", files, c.String("o"), c.String("out-dir"), ".base")
	if err != nil {
		return err
	}
	if c.String("base") == "" {
		return usagef("distill: --base BASE is needed")
	}
	if err := keepBase("distill", c.String("base"), outs, ".base"); err != nil {
		return err
	}
	jobs, err := jobsFlag(c)
	if err != nil {
		return err
	}
	base, err := readBase(c.String("base"))
	if err != nil {
		return err
	}
	b := batch{name: "distill", files: files, jobs: jobs, stderr: c.App.ErrWriter}
	return b.run(func(i int, _ io.Writer) error {
		s, err := readSplit(files[i])
		if err != nil {
			return err
		}
		if s.distilled != nil {
			return fmt.Errorf("has a distilled base already")
		}
		if err := s.checkMachine(base); err != nil {
			return err
		}
		t, err := btf.Read(s.split, base.Table)
		if err != nil {
			return err
		}
		d, err := btf.Distill(t)
		if err != nil {
			return err
		}
		return saveAll([]namedOutput{{outs[i], writeBytes(d.Split)}, {outs[i] + ".base", writeBytes(d.Base)}})
	})
}
