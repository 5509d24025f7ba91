// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/btfgen/btfgen/internal/btf"
)

func relocateCommand() *cli.Command {
	return &cli.Command{
		Name:            "relocate",
		HideHelpCommand: true,
		OnUsageError:    func(_ *cli.Context, err error, _ bool) error { return usagef("relocate: %v", err) },
		Usage:           "tell whether a kernel would take a module's distilled BTF, and what it would see",
		ArgsUsage:       "FILE...",
		Description: "Each FILE is a module with .BTF and .BTF.base, or split BTF with the distilled base in FILE.base.\n" +
			"Without -o or --out-dir nothing is written: the exit status is the verdict.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "base", Usage: "BTF of the `KERNEL` that is to load the module: raw BTF, vmlinux or boot image"},
			&cli.StringFlag{Name: "o", Usage: "write the split BTF of the one FILE, on that kernel's BTF, to `OUT`"},
			&cli.StringFlag{Name: "out-dir", Usage: "write `DIR`/NAME.btf for each FILE"},
			&cli.StringFlag{Name: "mode", Value: "kernel", Usage: "`RULES` of matching: kernel, as kernels do, or strict, without their looseness and defects"},
			&cli.IntFlag{Name: "j", DefaultText: "by CPUs and memory", Usage: "`N` files at a time"},
			&cli.BoolFlag{Name: "v", DisableDefaultText: true, Usage: "print for each type of the distilled base what it was matched with, and doubts"},
			listFlag(),
		},
		Action: relocateAction,
	}
}

func relocateAction(c *cli.Context) error {
	files, err := operands(c)
	if err != nil {
		return err
	}
	write := c.String("o") != "" || c.String("out-dir") != ""
	outs, err := outputs("relocate", files, c.String("o"), c.String("out-dir"))
	switch {
	case err != nil && write:
		return err
	case c.String("base") == "":
		return usagef("relocate: --base KERNEL is needed")
	}
	if write {
		if err := keepBase("relocate", c.String("base"), outs); err != nil {
			return err
		}
	}
	mode := btf.RelocateKernel
	switch s := c.String("mode"); s {
	case "kernel":
	case "strict":
		mode = btf.RelocateStrict
	default:
		return usagef("relocate: --mode %q is neither kernel nor strict", s)
	}
	jobs, err := jobsFlag(c)
	if err != nil {
		return err
	}
	target, err := readBase(c.String("base"))
	if err != nil {
		return err
	}
	b := batch{name: "relocate", files: files, jobs: jobs, stderr: c.App.ErrWriter}
	return b.run(func(i int, stderr io.Writer) error {
		r, err := relocate(files[i], target, mode)
		if err != nil {
			return err
		}
		if c.Bool("v") {
			for _, m := range r.Matches {
				fmt.Fprintf(stderr, "btfgen: %s: type %d of its base is %d of the kernel's", files[i], m.ID, m.Target)
				if m.Text != "" {
					fmt.Fprintf(stderr, " (%s)", m.Text)
				}
				fmt.Fprintln(stderr)
			}
		}
		if !write {
			return nil
		}
		return saveAll([]namedOutput{{outs[i], writeBytes(r.Split)}})
	})
}

func relocate(file string, target kernelBTF, mode btf.RelocateMode) (*btf.Relocated, error) {
	s, err := readSplit(file)
	if err != nil {
		return nil, err
	}
	if s.distilled == nil {
		return nil, fmt.Errorf("no distilled base (.BTF.base): its BTF fits the kernel that it was made for, and no other")
	}
	if err := s.checkMachine(target); err != nil {
		return nil, err
	}
	base, err := btf.Read(s.distilled, nil)
	if err != nil {
		return nil, fmt.Errorf("distilled base: %w", err)
	}
	t, err := btf.Read(s.split, base)
	if err != nil {
		return nil, err
	}
	return btf.Relocate(t, target.Table, mode)
}
