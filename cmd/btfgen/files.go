// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
)

func listFlag() cli.Flag {
	return &cli.StringFlag{Name: "modules-order", Usage: "also the modules that `LIST`, the modules.order of a kernel build, names beside it"}
}

// operands returns the files that a command is to work on: its arguments, those that an argument @LIST names,
// one in a line, and those of --modules-order.
func operands(c *cli.Context) ([]string, error) {
	name := c.Command.Name
	var files []string
	for _, arg := range c.Args().Slice() {
		list, isList := strings.CutPrefix(arg, "@")
		switch {
		case strings.HasPrefix(arg, "-"):
			return nil, usagef("%s: %s stands behind a FILE: flags come first (./%s names a file)", name, arg, arg)
		case isList:
			lines, err := readLines(list)
			if err != nil {
				return nil, err
			}
			files = append(files, lines...)
		default:
			files = append(files, arg)
		}
	}
	if list := c.String("modules-order"); list != "" {
		lines, err := readLines(list)
		if err != nil {
			return nil, err
		}
		for _, line := range lines {
			files = append(files, inTree(filepath.Dir(list), line))
		}
	}
	if len(files) == 0 {
		if c.Args().Present() || c.IsSet("modules-order") {
			return nil, fmt.Errorf("%s: the list is empty", name)
		}
		return nil, usagef("%s: no FILE given", name)
	}
	return files, nil
}

// inTree is the file of a line in the modules.order of a folder: the module itself, or since Linux 6.3 the
// object that it is made of. Once installed, the folder is that of the release and lines start with kernel/.
func inTree(dir, line string) string {
	if base, ok := strings.CutSuffix(line, ".o"); ok {
		line = base + ".ko"
	}
	return filepath.Join(dir, line)
}

// readLines returns the lines of a file that are not empty.
func readLines(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, line := range strings.Split(string(b), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// outputs says where the results of files go, in order: out for the one file, or dir/NAME.btf. Beside
// the result there is more under the same name with each of the suffixes. dir must be there. Its other errors are usage errors.
func outputs(command string, files []string, out, dir string, suffixes ...string) ([]string, error) {
	switch {
	case out != "" && dir != "":
		return nil, usagef("%s: -o and --out-dir exclude each other", command)
	case out != "" && len(files) > 1:
		return nil, usagef("%s: -o takes one FILE, there are %d: use --out-dir", command, len(files))
	case dir != "":
		if fi, err := os.Stat(dir); err != nil {
			return nil, outputError(dir, err)
		} else if !fi.IsDir() {
			return nil, outputError(dir, &fs.PathError{Err: syscall.ENOTDIR})
		}
	}
	var outs []string
	from := map[string]string{} // output -> FILE
	for _, f := range files {
		to := out
		if to == "" {
			to = filepath.Join(dir, filepath.Base(f)+".btf")
		}
		outs = append(outs, to)
		for _, suffix := range append([]string{""}, suffixes...) {
			if other, twice := from[to+suffix]; twice {
				return nil, usagef("%s: %s and %s both give %s", command, other, f, to+suffix)
			}
			from[to+suffix] = f
			if sameFile(f, to+suffix) {
				return nil, usagef("%s: the output would replace %s", command, f)
			}
		}
	}
	return outs, nil
}

// keepBase returns a usage error if one of the outputs, or what stands beside it, would replace the base.
func keepBase(command, base string, outs []string, suffixes ...string) error {
	fi, err := os.Stat(base)
	if err != nil {
		return nil // whoever reads it says so
	}
	for _, out := range outs {
		for _, suffix := range append([]string{""}, suffixes...) {
			if other, err := os.Stat(out + suffix); err == nil && os.SameFile(fi, other) {
				return usagef("%s: the output would replace the base %s", command, base)
			}
		}
	}
	return nil
}
