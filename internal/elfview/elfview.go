// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package elfview reads ELF files: sections, their contents, symbols.
//
// In: a file, or an io.ReaderAt with its size. Out: a header table held in
// memory, and contents read on demand into fresh heap memory. Nothing but what Map
// is asked for is mapped: a file that is cut short while it is read gives an error, not a
// signal, and pages of the file do not count as memory of the process.
//
// The rules are those of the System V gABI, "Object Files": both classes, both
// byte orders, extended section numbering, SHF_COMPRESSED with zlib or zstd,
// and the older ".zdebug_" sections of GNU tools. Program headers and
// relocations are not decoded.
//
// The input is hostile. A header table that cannot be read is an error of Open;
// a section with a bad extent is kept, and is an error when it is read.
package elfview

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"syscall"
	"time"
)

// ErrNotELF is wrapped by the error of Open for a file that is empty or starts
// with something else than the ELF magic.
var ErrNotELF = errors.New("not an ELF file")

// ErrChanged is wrapped by the error of Changed.
var ErrChanged = errors.New("changed while it was being read")

// FormatError is what is wrong with the input, and where. The file name is for
// the caller to add.
type FormatError struct {
	Section string // ".debug_info", or "ELF header", "section header 7", "section 7" (nameless)
	Off     uint64 // bytes from the start of what Section names, as stored in the file
	Msg     string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s+%#x: %s", e.Section, e.Off, e.Msg)
}

// File is an open ELF file. Its fields are read-only. Every method but Close is
// safe for concurrent use.
type File struct {
	Class    elf.Class
	Big      bool // big-endian
	Type     elf.Type
	Machine  elf.Machine
	Flags    uint32    // e_flags
	Sections []Section // Sections[i].Index == i; empty if the file has no section header table

	ShOff    uint64 // file offset of the section header table
	ShStrNdx int    // index into Sections of the section name table, 0 if there is none
	PhOff    uint64 // file offset of the program header table
	PhNum    int    // number of program headers, PN_XNUM resolved
	FileSize uint64 // bytes, when the file was opened

	order binary.ByteOrder
	r     io.ReaderAt
	file  *os.File // nil if made by New
	path  string
	mtime time.Time
}

// Open opens an ELF file for reading and keeps it open until Close. Anything but
// a regular file is an error. Errors do not name the file.
func Open(path string) (*File, error) {
	// Without O_NONBLOCK, opening a FIFO waits for a writer.
	fd, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, withoutPath(err)
	}
	f, err := fromFile(fd, path)
	if err != nil {
		fd.Close()
		return nil, err
	}
	return f, nil
}

func fromFile(fd *os.File, path string) (*File, error) {
	fi, err := fd.Stat()
	if err != nil {
		return nil, withoutPath(err)
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("is a %s, not a regular file", modeName(fi.Mode()))
	}
	f, err := New(newFileReader(fd), fi.Size())
	if err != nil {
		return nil, err
	}
	f.file, f.path, f.mtime = fd, path, fi.ModTime()
	return f, nil
}

func modeName(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "directory"
	case m&fs.ModeNamedPipe != 0:
		return "named pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	}
	return "device"
}

// New reads the headers of the ELF file of size bytes behind r.
func New(r io.ReaderAt, size int64) (*File, error) {
	if size <= 0 {
		return nil, fmt.Errorf("empty file: %w", ErrNotELF)
	}
	f := &File{r: r, FileSize: uint64(size)}
	shnum, shentsize, err := f.readHeader()
	if err != nil {
		return nil, err
	}
	if err := f.readSections(shnum, shentsize); err != nil {
		return nil, err
	}
	return f, nil
}

// Close closes the file that Open opened. What was read stays valid.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	return withoutPath(f.file.Close())
}

// Changed returns an error that wraps ErrChanged if the size or the modification
// time of the open file is not what it was at Open, or if its path now leads to
// another file. It returns nil for a File made by New.
func (f *File) Changed() error {
	if f.file == nil {
		return nil
	}
	now, err := f.file.Stat()
	if err != nil {
		return withoutPath(err)
	}
	if size := uint64(now.Size()); size != f.FileSize {
		return fmt.Errorf("%w: it had %d bytes, now %d", ErrChanged, f.FileSize, size)
	}
	if !now.ModTime().Equal(f.mtime) {
		return fmt.Errorf("%w: modified at %s", ErrChanged, now.ModTime().Format(time.RFC3339Nano))
	}
	there, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrChanged, withoutPath(err))
	}
	if !os.SameFile(now, there) {
		return fmt.Errorf("%w: replaced by another file", ErrChanged)
	}
	return nil
}

// Is64 reports whether the file is of class ELF64.
func (f *File) Is64() bool { return f.Class == elf.ELFCLASS64 }

// ehdr gives the offsets of those fields of the ELF header whose place depends
// on the class (gABI, "ELF Header").
type ehdr struct {
	size, addr                                   uint64 // bytes of the header, of an address
	phoff, shoff, flags, phnum, shentsize, shnum uint64
	shstrndx                                     uint64
}

var (
	ehdr32 = ehdr{size: 52, addr: 4, phoff: 28, shoff: 32, flags: 36, phnum: 44, shentsize: 46, shnum: 48, shstrndx: 50}
	ehdr64 = ehdr{size: 64, addr: 8, phoff: 32, shoff: 40, flags: 48, phnum: 56, shentsize: 58, shnum: 60, shstrndx: 62}
)

func (f *File) ehdr() *ehdr {
	if f.Is64() {
		return &ehdr64
	}
	return &ehdr32
}

func headerError(off uint64, format string, args ...any) error {
	return &FormatError{"ELF header", off, fmt.Sprintf(format, args...)}
}

// readHeader fills the fields that come from the ELF header, and returns
// e_shnum and e_shentsize as they stand there.
func (f *File) readHeader() (shnum, shentsize uint64, err error) {
	buf := make([]byte, min(ehdr64.size, f.FileSize))
	if err := f.pread(buf, 0, "ELF header", 0); err != nil {
		return 0, 0, err
	}
	if n := min(len(buf), len(elf.ELFMAG)); string(buf[:n]) != elf.ELFMAG {
		return 0, 0, fmt.Errorf("%w: starts with the bytes % x", ErrNotELF, buf[:n])
	}
	if len(buf) < elf.EI_NIDENT {
		return 0, 0, headerError(uint64(len(buf)), "the file ends within the %d identification bytes", elf.EI_NIDENT)
	}
	switch c := elf.Class(buf[elf.EI_CLASS]); c {
	case elf.ELFCLASS32, elf.ELFCLASS64:
		f.Class = c
	default:
		return 0, 0, headerError(elf.EI_CLASS, "unknown class %d", c)
	}
	switch d := elf.Data(buf[elf.EI_DATA]); d {
	case elf.ELFDATA2LSB:
		f.order = binary.LittleEndian
	case elf.ELFDATA2MSB:
		f.order, f.Big = binary.BigEndian, true
	default:
		return 0, 0, headerError(elf.EI_DATA, "unknown byte order %d", d)
	}
	if v := buf[elf.EI_VERSION]; v != byte(elf.EV_CURRENT) {
		return 0, 0, headerError(elf.EI_VERSION, "unknown ELF version %d", v)
	}
	h := f.ehdr()
	if uint64(len(buf)) < h.size {
		return 0, 0, headerError(uint64(len(buf)), "the file ends within the header of %d bytes", h.size)
	}
	f.Type = elf.Type(f.order.Uint16(buf[16:]))
	f.Machine = elf.Machine(f.order.Uint16(buf[18:]))
	f.Flags = f.order.Uint32(buf[h.flags:])
	f.PhOff = f.addr(buf[h.phoff:])
	f.PhNum = int(f.order.Uint16(buf[h.phnum:]))
	f.ShOff = f.addr(buf[h.shoff:])
	f.ShStrNdx = int(f.order.Uint16(buf[h.shstrndx:]))
	return uint64(f.order.Uint16(buf[h.shnum:])), uint64(f.order.Uint16(buf[h.shentsize:])), nil
}

// addr decodes a number as wide as an address of the class.
func (f *File) addr(b []byte) uint64 {
	if f.Is64() {
		return f.order.Uint64(b)
	}
	return uint64(f.order.Uint32(b))
}

// maxWhole bounds what is read, or decompressed, as one piece of memory. 32-bit
// DWARF cannot address more than 4 GiB of a section; twice that is a sparse file
// or a forged size.
const maxWhole = min(8<<30, math.MaxInt/2)

// spare is the capacity in bytes behind a section that is read whole, for readers that look at
// words.
const spare = 16

// whole reads size bytes at file offset off into fresh memory. The extent must
// lie within FileSize. name and base say where the bytes come from, for errors.
func (f *File) whole(off, size uint64, name string, base uint64) ([]byte, error) {
	if size > maxWhole {
		return nil, &FormatError{name, base, fmt.Sprintf("%d bytes are too many to read", size)}
	}
	if size == 0 {
		return []byte{}, nil
	}
	// FileSize may no longer be true. The last byte must be there before the
	// memory for all is asked for; reading in growing steps would copy.
	var last [1]byte
	if err := f.pread(last[:], off+size-1, name, base+size-1); err != nil {
		return nil, err
	}
	b := make([]byte, size, size+spare)
	if err := f.pread(b, off, name, base); err != nil {
		return nil, err
	}
	return b, nil
}

// pread fills b from file offset off. name and base are for errors.
func (f *File) pread(b []byte, off uint64, name string, base uint64) error {
	if off > math.MaxInt64 {
		return &FormatError{name, base, fmt.Sprintf("file offset %#x is beyond any file", off)}
	}
	n, err := f.r.ReadAt(b, int64(off))
	switch {
	case n == len(b):
		return nil
	case err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return &FormatError{name, base + uint64(n),
			fmt.Sprintf("the file now ends at %d bytes, it had %d when it was opened", off+uint64(n), f.FileSize)}
	}
	return fmt.Errorf("%s+%#x: %w", name, base+uint64(n), withoutPath(err))
}

// withoutPath drops the operation and the file name that package os puts into
// its errors. What remains still answers errors.Is.
func withoutPath(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
