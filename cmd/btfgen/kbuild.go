// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/btfgen/btfgen/kbuild"
)

func kbuildCommand() *cli.Command {
	program := &cli.StringFlag{Name: "btfgen", DefaultText: "this program", Usage: "the `PROGRAM` that builds are to run, a whole path"}
	return &cli.Command{
		Name:            "kbuild",
		HideHelpCommand: true,
		OnUsageError:    func(_ *cli.Context, err error, _ bool) error { return usagef("kbuild: %v", err) },
		Usage:           "what makes kernel builds use btfgen, without a change to the kernel",
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("kbuild: unknown command %q: it is show or install", c.Args().First())
			}
			return usagef("kbuild: show or install?")
		},
		Subcommands: []*cli.Command{
			{
				Name:            "show",
				HideHelpCommand: true,
				OnUsageError:    func(_ *cli.Context, err error, _ bool) error { return usagef("kbuild show: %v", err) },
				Usage:           "print the ways to build with btfgen, or one of the files for it",
				ArgsUsage:       "[FILE]",
				Description:     "FILE is " + strings.Join(glueNames(), " or ") + ", as kbuild install writes it.",
				Flags: []cli.Flag{program,
					&cli.StringFlag{Name: "dest", DefaultText: "where the links are, or DEST", Usage: "the `FOLDER` of kbuild install, to name in what is printed"}},
				Action: kbuildShow,
			},
			{
				Name:            "install",
				HideHelpCommand: true,
				OnUsageError:    func(_ *cli.Context, err error, _ bool) error { return usagef("kbuild install: %v", err) },
				Usage:           "write the files, and links to btfgen under the names of what it stands in for",
				Description: "Writes " + strings.Join(glueNames(), " and ") + ", and links btfgen-pahole and\n" +
					"btfgen-resolve_btfids. Files of these names are replaced.",
				Flags: []cli.Flag{program,
					&cli.StringFlag{Name: "dest", Usage: "the `FOLDER` to write to, made if it is not there"}},
				Action: kbuildInstall,
			},
		},
	}
}

func glueNames() []string {
	files, err := kbuild.Glue("btfgen")
	if err != nil {
		panic(err) // they are part of this program
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	return names
}

func kbuildShow(c *cli.Context) error {
	program, err := programFlag(c)
	if err != nil {
		return err
	}
	if c.NArg() > 1 {
		return usagef("kbuild show: there is one FILE, not %d", c.NArg())
	}
	files, err := kbuild.Glue(program)
	if err != nil {
		return usagef("kbuild show: --btfgen %v", err)
	}
	if name := c.Args().First(); name != "" {
		for _, f := range files {
			if f.Name == name {
				_, err := c.App.Writer.Write(f.Data)
				return err
			}
		}
		return usagef("kbuild show: no file %q: there are %s", name, strings.Join(glueNames(), " and "))
	}
	folder := c.String("dest")
	if folder == "" {
		folder = "DEST"
		if dir := filepath.Dir(program); filepath.IsAbs(dir) {
			if _, err := os.Stat(filepath.Join(dir, "btfgen-pahole")); err == nil {
				folder = dir
			}
		}
	}
	_, err = io.WriteString(c.App.Writer, kbuild.Recipes(program, folder))
	return err
}

func kbuildInstall(c *cli.Context) error {
	program, err := programFlag(c)
	switch {
	case err != nil:
		return err
	case c.NArg() > 0:
		return usagef("kbuild install: %q is too much: the folder stands behind --dest", c.Args().First())
	case c.String("dest") == "":
		return usagef("kbuild install: --dest FOLDER is needed")
	}
	if _, err := kbuild.Glue(program); err != nil {
		return usagef("kbuild install: --btfgen %v", err)
	}
	return kbuild.InstallGlue(c.String("dest"), program)
}

// programFlag is what --btfgen says, or the path of this program.
func programFlag(c *cli.Context) (string, error) {
	if p := c.String("btfgen"); p != "" {
		return p, nil
	}
	p, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("the path of this program is not known, name it with --btfgen: %w", err)
	}
	return p, nil
}
