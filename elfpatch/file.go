// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Options say how files are written.
type Options struct {
	// Recompress allows edits of a compressed file, which is written back in its
	// format. Without it, such a file can only be read.
	Recompress bool

	// WriteThrough writes into the file that is there instead of replacing it, as
	// objcopy does: other hard links, open descriptors and attributes stay. A kill or
	// an error in the middle leaves a broken file.
	WriteThrough bool

	// NoSync does not wait for the disk. A kill still leaves the old file or the new
	// one, a crash of the machine may not. For what a build makes again.
	NoSync bool
}

// File is an ELF file on disk that is to be edited, a compressed one unpacked. As an
// io.ReaderAt it is the image. Reading is safe for concurrent use, Apply is not.
type File struct {
	path, target string // as given, and behind symbolic links
	fd           *os.File
	info         fs.FileInfo // when it was opened
	packing      Packing
	image        *bytes.Reader // what a packed file holds
	opt          Options
	applied      bool

	step func(name string) // called before each step of writing; for tests, else nil
}

// Open opens a file for reading and for one Apply, and keeps it open until Close.
// A compressed file is unpacked into memory, whatever its name says. Anything but a
// regular file is an error. Errors do not name the file.
func Open(path string, opt Options) (*File, error) {
	// Without O_NONBLOCK, opening a FIFO waits for a writer.
	fd, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, withoutPath(err)
	}
	f := &File{path: path, fd: fd, opt: opt}
	if err := f.load(); err != nil {
		fd.Close()
		return nil, err
	}
	return f, nil
}

func (f *File) load() (err error) {
	if f.info, err = f.fd.Stat(); err != nil {
		return withoutPath(err)
	}
	if !f.info.Mode().IsRegular() {
		return errors.New("is not a regular file")
	}
	if f.target, err = filepath.EvalSymlinks(f.path); err != nil {
		return withoutPath(err)
	}
	head := make([]byte, min(f.info.Size(), 8))
	if err := readFull(f.fd, head, 0); err != nil {
		return withoutPath(err)
	}
	if f.packing = packingOf(head); f.packing == Unpacked {
		return nil
	}
	if n := f.info.Size(); n > maxPacked {
		return fmt.Errorf("%v data of %d bytes, at most %d are unpacked", f.packing, n, maxPacked)
	}
	packed := make([]byte, f.info.Size())
	if err := readFull(f.fd, packed, 0); err != nil {
		return withoutPath(err)
	}
	image, err := unpack(f.packing, packed)
	if err != nil {
		return err
	}
	f.image = bytes.NewReader(image)
	return nil
}

// Packing returns how the file on disk is compressed.
func (f *File) Packing() Packing { return f.packing }

// Size returns the length of the image in bytes.
func (f *File) Size() int64 {
	if f.image != nil {
		return f.image.Size()
	}
	return f.info.Size()
}

// ReadAt reads the image, as io.ReaderAt.
func (f *File) ReadAt(b []byte, off int64) (int, error) {
	var src io.ReaderAt = f.fd
	if f.image != nil {
		src = f.image
	}
	n, err := src.ReadAt(b, off)
	return n, withoutPath(err)
}

// Close closes the file.
func (f *File) Close() error { return withoutPath(f.fd.Close()) }

// unchanged returns an error that wraps ErrChanged unless the file is still the one
// that was opened, in its place.
func (f *File) unchanged() error {
	now, err := f.fd.Stat()
	if err != nil {
		return withoutPath(err)
	}
	switch {
	case now.Size() != f.info.Size():
		return fmt.Errorf("%w: it had %d bytes, now %d", ErrChanged, f.info.Size(), now.Size())
	case !now.ModTime().Equal(f.info.ModTime()):
		return fmt.Errorf("%w: it was written to", ErrChanged)
	}
	for _, path := range []string{f.path, f.target} {
		there, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrChanged, withoutPath(err))
		}
		if !os.SameFile(now, there) {
			return fmt.Errorf("%w: replaced by another file", ErrChanged)
		}
	}
	return nil
}

// withoutPath drops the operation and the file name that package os puts into
// its errors. What remains still answers errors.Is.
func withoutPath(err error) error {
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe):
		return pe.Err
	case errors.As(err, &le):
		return le.Err
	}
	return err
}
