// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/btfgen/btfgen/internal/elfview"
)

// maxBTF bounds a base. The kernel takes strings up to 16 MiB and a million types;
// the largest kernels have 6 MB in all.
const maxBTF = 256 << 20

// maxImage bounds a boot image, which is read whole. A unified image holds an
// initial file system too.
const maxImage = 1 << 30

// ReadBase returns the BTF in a file, in memory of its own: raw BTF, an ELF file
// with a section .BTF, or a boot image with either inside. Of the BTF only the header is checked, and that
// it can serve as a base: it is not split. Errors do not name the file.
func ReadBase(path string) ([]byte, error) {
	k, err := readKernel(path, false)
	if err != nil {
		return nil, err
	}
	return k.btf, nil
}

// MapBase is ReadBase for bytes that may be mapped, see elfview.MapFile.
func MapBase(path string) (*Base, error) {
	k, err := readKernel(path, true)
	if err != nil {
		return nil, err
	}
	return newBase(path, k, "named"), nil
}

// kernelFile is what a file says of a kernel.
type kernelFile struct {
	btf     []byte
	mapped  bool        // btf is the file itself
	info    fs.FileInfo // of the file, when it was opened
	big     bool        // byte order of btf
	form    string      // "ELF", "raw BTF", "bzImage, xz"
	machine elf.Machine // EM_NONE: unknown
	release string      // "": unknown; only boot images are searched for it
	buildID []byte      // nil: unknown; only looked for if there is no BTF
}

// readKernel reads what kind of file stands at path. With an error, the build ID
// may be set. The BTF is mapped if that is allowed and the file is not compressed.
func readKernel(path string, mapped bool) (kernelFile, error) {
	f, info, err := openRegular(path)
	if err != nil {
		return kernelFile{}, err
	}
	defer f.Close()
	k, err := kernelFromFile(f, info.Size(), mapped)
	k.info = info
	return k, err
}

func kernelFromFile(f *os.File, size int64, mapped bool) (kernelFile, error) {
	if size == 0 {
		return kernelFile{}, errors.New("empty file")
	}
	head := make([]byte, min(size, btfHeaderNew))
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), head); err != nil {
		return kernelFile{}, withoutPath(err)
	}
	switch {
	case isELF(head):
		e, err := elfview.New(f, size)
		if err != nil {
			return kernelFile{}, err
		}
		if s := wrapped(e); s != nil && e.Section(".BTF") == nil {
			return kernelFromWrapper(e, s)
		}
		return kernelFromELF(e, mapped)
	case isBTF(head):
		return kernelFromBTF(f, head, size, mapped)
	}
	if size > maxImage {
		return kernelFile{}, fmt.Errorf("neither ELF nor BTF, and with %d bytes too large for a boot image", size)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), b); err != nil {
		return kernelFile{}, withoutPath(err)
	}
	return kernelFromImage(b)
}

// openRegular opens a regular file.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	// Without O_NONBLOCK, opening a FIFO waits for a writer.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, withoutPath(err)
	}
	fi, err := f.Stat()
	switch {
	case err != nil:
		err = withoutPath(err)
	case fi.IsDir():
		err = errors.New("is a directory")
	case !fi.Mode().IsRegular():
		err = errors.New("is not a regular file")
	default:
		return f, fi, nil
	}
	f.Close()
	return nil, nil, err
}

// withoutPath drops the operation and the file name that package os puts into its
// errors. What remains still answers errors.Is.
func withoutPath(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func isELF(b []byte) bool {
	return len(b) >= len(elf.ELFMAG) && string(b[:len(elf.ELFMAG)]) == elf.ELFMAG
}

// kernelFromELF reads .BTF.
func kernelFromELF(f *elfview.File, mapped bool) (kernelFile, error) {
	k := kernelFile{form: "ELF", machine: f.Machine}
	if IsModule(f) {
		return k, errors.New("is a module, its BTF needs a base itself")
	}
	s := f.Section(".BTF")
	if s == nil {
		k.buildID = buildIDOf(f)
		return k, errors.New("no section .BTF: built without BTF, or stripped of it")
	}
	if s.Type == elf.SHT_NOBITS {
		k.buildID = buildIDOf(f)
		return k, errors.New("section .BTF has no contents: they were stripped, or are in the file this one is the debug data of")
	}
	n, err := f.Size(s)
	if err == nil && n > maxBTF {
		err = fmt.Errorf("section .BTF has %d bytes, at most %d are read", n, maxBTF)
	}
	switch {
	case err != nil:
	case mapped:
		k.btf, k.mapped, err = f.Map(s)
	default:
		k.btf, err = f.Data(s)
	}
	if err == nil {
		k.big, err = checkBase(k.btf)
	}
	if err != nil {
		k.btf, k.mapped, k.buildID = nil, false, buildIDOf(f)
		return k, err
	}
	return k, nil
}

// kernelFromBTF reads a file that is raw BTF and starts with head.
func kernelFromBTF(f *os.File, head []byte, size int64, mapped bool) (kernelFile, error) {
	h, err := readBTFHeader(head)
	if err == nil && h.size > maxBTF {
		err = fmt.Errorf("BTF header: %d bytes, at most %d are read", h.size, maxBTF)
	}
	if err == nil {
		err = h.fits(uint64(size))
	}
	if err != nil {
		return kernelFile{}, err
	}
	k := kernelFile{form: "raw BTF"}
	if mapped {
		k.btf, k.mapped = elfview.MapFile(f, 0, size)
	}
	if !k.mapped { // nor can it be in sysfs before Linux 6.16
		k.btf = make([]byte, size)
		if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), k.btf); err != nil {
			return kernelFile{}, withoutPath(err)
		}
	}
	if k.big, err = checkBase(k.btf); err != nil {
		return kernelFile{}, err
	}
	return k, nil
}

// The header of BTF (include/uapi/linux/btf.h: struct btf_header).
const (
	btfMagic     = 0xeb9f
	btfHeaderMin = 24
	btfHeaderNew = 32 // with a layout
)

// btfHeader is what the header says of the blob's extent.
type btfHeader struct {
	big     bool
	size    uint64 // bytes of the whole blob
	strs    uint64 // offset of the strings in the blob
	strsLen uint64 // their bytes
}

func isBTF(b []byte) bool {
	return len(b) >= 2 && (byteOrder(false).Uint16(b) == btfMagic || byteOrder(true).Uint16(b) == btfMagic)
}

// readBTFHeader reads the header b starts with; b may end behind its known fields.
func readBTFHeader(b []byte) (btfHeader, error) {
	if len(b) < btfHeaderMin {
		return btfHeader{}, fmt.Errorf("BTF header: %d bytes, it has at least %d", len(b), btfHeaderMin)
	}
	if !isBTF(b) {
		return btfHeader{}, fmt.Errorf("BTF header: magic is % x, not eb9f in either byte order", b[:2])
	}
	h := btfHeader{big: byteOrder(true).Uint16(b) == btfMagic}
	order := byteOrder(h.big)
	if b[2] != 1 {
		return h, fmt.Errorf("BTF header: version is %d, only 1 is known", b[2])
	}
	headerLen := uint64(order.Uint32(b[4:]))
	if headerLen < btfHeaderMin {
		return h, fmt.Errorf("BTF header: hdr_len is %d, at least %d is needed", headerLen, btfHeaderMin)
	}
	end := func(field int) uint64 {
		return uint64(order.Uint32(b[field:])) + uint64(order.Uint32(b[field+4:]))
	}
	body := max(end(8), end(16))
	if headerLen >= btfHeaderNew && len(b) >= btfHeaderNew {
		body = max(body, end(24))
	}
	h.size = headerLen + body
	h.strs, h.strsLen = headerLen+uint64(order.Uint32(b[16:])), uint64(order.Uint32(b[20:]))
	return h, nil
}

// fits returns an error unless the blob has as many bytes as there are.
func (h *btfHeader) fits(size uint64) error {
	switch {
	case h.size > size:
		return fmt.Errorf("BTF header: types and strings end at %#x, the data at %#x: cut off", h.size, size)
	case h.size < size:
		return fmt.Errorf("BTF header: types and strings end at %#x, %d bytes follow", h.size, size-h.size)
	}
	return nil
}

// checkBase returns the byte order of a blob, and an error unless its header is
// sound and it can stand alone. Everything else is for its reader to check.
func checkBase(b []byte) (big bool, err error) {
	h, err := readBTFHeader(b)
	if err != nil {
		return false, err
	}
	if err := h.fits(uint64(len(b))); err != nil {
		return false, err
	}
	if h.strsLen == 0 || b[h.strs] != 0 {
		return false, errors.New("is split BTF, it needs a base itself")
	}
	return h.big, nil
}
