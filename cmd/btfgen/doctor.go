// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/btfgen/btfgen/kbuild"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:            "doctor",
		HideHelpCommand: true,
		OnUsageError:    func(_ *cli.Context, err error, _ bool) error { return usagef("doctor: %v", err) },
		Usage:           "tell whether BTF will come out of a kernel or module build, and what to change",
		ArgsUsage:       "[KDIR] [VARIABLE=VALUE...]",
		Description: "KDIR is what make is called with as -C: a kernel's source, its output folder, or its headers. Without, it is\n" +
			"the working directory, or the build folder of the running kernel. Variables are those that make is called\n" +
			"with: PAHOLE, RESOLVE_BTFIDS, cmd_btf_ko and O count; GNUMAKEFLAGS of the environment counts as well.\n\n" +
			"Prints a line for each finding. The exit code is 0 if BTF will come out, 1 if not.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "root", DefaultText: "/", Usage: "look for kernels, headers and DKMS below `DIR`; programs are run from here"},
		},
		Action: doctorAction,
	}
}

func doctorAction(c *cli.Context) error {
	var dirs, vars []string
	for _, arg := range c.Args().Slice() {
		switch {
		case strings.HasPrefix(arg, "-"):
			return usagef("doctor: %s stands behind KDIR: flags come first", arg)
		case strings.Contains(arg, "="):
			vars = append(vars, arg)
		default:
			dirs = append(dirs, arg)
		}
	}
	if len(dirs) > 1 {
		return usagef("doctor: there is one KDIR, not %d", len(dirs))
	}
	x := kbuild.Checkup{Path: os.Getenv("PATH"), Root: c.String("root"),
		Make: kbuild.ReadMakeSettings(os.Getenv("GNUMAKEFLAGS"), os.Getenv("MAKEFLAGS"), vars)}
	if len(dirs) == 1 {
		x.Dir = dirs[0]
	} else {
		var err error
		if x.Dir, err = kbuild.BuildFolder(x.Root); err != nil {
			return err
		}
	}
	d, err := kbuild.Examine(x)
	if err != nil {
		return err
	}
	for _, f := range d.Findings {
		if _, err := fmt.Fprintln(c.App.Writer, f); err != nil {
			return err
		}
	}
	if !d.Comes() {
		return errors.New("BTF will not come out of this build")
	}
	_, err = fmt.Fprintln(c.App.Writer, "BTF will come out of this build")
	return err
}
