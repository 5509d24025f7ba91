// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// writeOutput writes a file so that its name always stands for a whole one: the old until all of the new is on
// disk. An existing file keeps its permissions, and a link its target. A device or pipe is written to.
func writeOutput(path string, write func(io.Writer) error) error {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	fi, err := os.Stat(path)
	switch {
	case err != nil: // the directory is what counts, see below
	case fi.IsDir():
		return &fs.PathError{Op: "write", Path: path, Err: fmt.Errorf("is a directory")}
	case !fi.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		if err := write(f); err != nil {
			f.Close()
			return err
		}
		return f.Close()
	}
	t, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644), renameio.WithExistingPermissions())
	if err != nil {
		return err
	}
	defer t.Cleanup() // without effect once replaced
	if err := write(t); err != nil {
		return err
	}
	return t.CloseAtomicallyReplace()
}

// sameFile tells whether two names, of which the second need not exist, are one file.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
