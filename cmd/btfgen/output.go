// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// output is a file that is complete under another name, or what is not a regular file and takes its bytes at commit.
type output struct {
	path  string
	temp  *renameio.PendingFile
	write func(io.Writer) error
}

// prepareOutput writes all of a file but its name, so that the name always stands for a whole file: the
// old one until commit. An existing file keeps its permissions, and a link its target. A device
// or pipe is written to by commit. Errors name path.
func prepareOutput(path string, write func(io.Writer) error) (*output, error) {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	fi, err := os.Stat(path)
	switch {
	case err != nil: // the directory is what counts, see below
	case fi.IsDir():
		return nil, &fs.PathError{Op: "write", Path: path, Err: errors.New("is a directory")}
	case !fi.Mode().IsRegular():
		return &output{path: path, write: write}, nil
	}
	t, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o644), renameio.WithExistingPermissions())
	if err != nil {
		return nil, outputError(path, err)
	}
	if err := write(t); err != nil {
		_ = t.Cleanup() // the first error counts
		return nil, outputError(path, err)
	}
	return &output{path: path, temp: t}, nil
}

// commit puts the file in place. Like a compiler's output it is not synced to the disk: after a crash of the machine
// the build is run again, and 4,000 modules would wait a minute for the disk.
func (o *output) commit() error {
	if o.temp != nil {
		if err := o.temp.File.Close(); err != nil {
			return outputError(o.path, err)
		}
		err := os.Rename(o.temp.Name(), o.path)
		if err == nil {
			o.temp = nil
		}
		return outputError(o.path, err)
	}
	f, err := os.OpenFile(o.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if err := o.write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// discard removes what was prepared; without effect after commit.
func (o *output) discard() {
	if o.temp != nil {
		_ = o.temp.Cleanup() // nothing to be done about a temporary file that stays
	}
}

// outputError names the output where the error names its temporary file.
func outputError(path string, err error) error {
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe):
		return &fs.PathError{Op: "write", Path: path, Err: pe.Err}
	case errors.As(err, &le):
		return &fs.PathError{Op: "write", Path: path, Err: le.Err}
	}
	return err
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
