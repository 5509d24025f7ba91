// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Command btfgen makes BTF, the type information of the Linux kernel, from DWARF.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// Exit codes (README.md).
const (
	exitOK    = 0
	exitError = 1 // bad input or failure
	exitUsage = 2
)

// version is set by the release build.
var version = "devel"

// usageError is a wrong command line.
type usageError struct{ msg string }

func (e *usageError) Error() string { return e.msg }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

func main() {
	setMemory()
	os.Exit(run(os.Args, os.Stdout, os.Stderr))
}

// splitJobs writes -jN, as make users type it, as -j N, which is all that the flag parser knows.
func splitJobs(args []string) []string {
	var out []string
	for i, a := range args {
		if a == "--" {
			return append(out, args[i:]...)
		}
		n, ok := strings.CutPrefix(a, "-j")
		if _, err := strconv.Atoi(n); ok && err == nil {
			out = append(out, "-j", n)
			continue
		}
		out = append(out, a)
	}
	return out
}

// personalities are the programs of others that btfgen stands in for, with their command lines. It is one of
// them if it is called by its name, or by that behind btfgen-, or if the name is the first argument.
var personalities = map[string]func(args []string, stdout, stderr io.Writer) int{
	"pahole":         paholeMain,
	"resolve_btfids": resolveBTFIDsMain,
}

// personality returns what stands in for another program, with its arguments, or nil.
func personality(args []string) (program func(args []string, stdout, stderr io.Writer) int, rest []string) {
	if p := personalities[strings.TrimPrefix(filepath.Base(args[0]), "btfgen-")]; p != nil {
		return p, args[1:]
	}
	if len(args) > 1 { // btfgen NAME
		return personalities[args[1]], args[2:]
	}
	return nil, nil
}

// run is main without the process: it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	defer giveBackJobs()
	if program, rest := personality(args); program != nil {
		return program(rest, stdout, stderr)
	}
	app := &cli.App{
		Name:    "btfgen",
		Usage:   "make BTF from DWARF, for Linux kernels and modules",
		Version: version,
		Description: "Called as pahole or resolve_btfids, with btfgen- before the name or not, or with it as first argument (btfgen pahole),\n" +
			"it takes the command line of that program. btfgen kbuild show tells how to build kernels and modules with it.",
		Writer:          stdout,
		ErrWriter:       stderr,
		HideHelpCommand: true,
		Commands:        []*cli.Command{encodeCommand(), moduleCommand(), vmlinuxCommand(), resolveCommand(), distillCommand(), relocateCommand(), completionCommand(), kbuildCommand(), doctorCommand()},
		ExitErrHandler:  func(*cli.Context, error) {},
		OnUsageError:    func(_ *cli.Context, err error, _ bool) error { return usagef("%v", err) },
		CommandNotFound: func(*cli.Context, string) {},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("unknown command %q; see btfgen --help", c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
	}
	err := app.Run(splitJobs(args))
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "btfgen: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(stderr, "btfgen: %v\n", err)
	return exitError
}
