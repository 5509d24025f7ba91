// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package kbuild is the contract with the kernel's build and its packages. So far
// it finds the base: the BTF of the kernel that a module is for.
//
// In: a module, or a release, and files in the places where builds, packages and
// running kernels keep theirs. Out: raw BTF. Files are only read, and of ELF files
// no more than headers and .BTF; boot images are unpacked in memory. Nothing comes
// from the environment. Unified images (UKI) and file systems are searched like
// any image, archives are not.
package kbuild

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/btfgen/btfgen/internal/elfview"
)

// BaseStore is the folder, below the root, of bases that were saved for kernels
// whose own are out of reach when modules are built: a file RELEASE of raw BTF
// (an ELF file with .BTF does as well), and RELEASE.build-id with the kernel's
// build ID in hexadecimal digits.
const BaseStore = "/usr/lib/btfgen/base"

// BaseRequest says for what a base is wanted, and where to look.
type BaseRequest struct {
	Explicit string      // the file that the user named; nothing else is looked at
	Module   *ModuleInfo // nil: no module; its byte order and machine are then not compared
	Release  string      // the target kernel's; "": that of Module
	ObjTree  string      // $(objtree) of the kernel build that calls, "" outside of one

	// Map allows the BTF to be mapped instead of read, see elfview.MapFile.
	Map bool

	// Root is the folder that stands for /, "" for / itself. Explicit and ObjTree
	// are not below it. Absolute symbolic links lead out of it.
	Root string
}

// Base is the BTF of a kernel.
type Base struct {
	Path    string
	Data    []byte      // raw BTF, maybe mapped (elfview.MapFile); of its contents only the header was checked
	Big     bool        // big-endian
	Machine elf.Machine // EM_NONE if the file does not tell, as raw BTF does not
	Why     string      // one phrase: what was chosen, in which form
	Tried   []Attempt   // what was passed over, in order

	mapped fs.FileInfo // what Path led to, if Data is mapped from it
}

func newBase(path string, k kernelFile, what string) *Base {
	b := &Base{Path: path, Data: k.btf, Big: k.big, Machine: k.machine, Why: what + ", " + k.form}
	if k.mapped {
		b.mapped = k.info
	}
	return b
}

// Changed returns an error if Data may not be what it was: somebody has written into the file. One that took its
// place has no effect.
func (b *Base) Changed() error {
	if b == nil || b.mapped == nil {
		return nil
	}
	now, err := os.Stat(b.Path)
	if err != nil || !os.SameFile(now, b.mapped) || now.Size() == b.mapped.Size() && now.ModTime().Equal(b.mapped.ModTime()) {
		return nil
	}
	return fmt.Errorf("base %s %w", b.Path, elfview.ErrChanged)
}

// Attempt is a place that gave no base.
type Attempt struct {
	Path string
	Why  string // one phrase
}

// ErrNoBase is what a *NoBaseError answers to errors.Is.
var ErrNoBase = errors.New("no base BTF")

// NoBaseError is the error of FindBase if no base was named and none was found.
// Unless a base is required, kernel builds expect the module to be left as it is,
// with one line about it (Skipped), and success.
type NoBaseError struct {
	Release string // "" if it is not known
	Tried   []Attempt
}

func (e *NoBaseError) Error() string {
	s := "no base BTF"
	if e.Release != "" {
		s += " for Linux " + e.Release
	}
	return s + ": " + e.tried()
}

// Is makes errors.Is(err, ErrNoBase) true.
func (e *NoBaseError) Is(target error) bool { return target == ErrNoBase }

// Skipped returns the line to print for a module that stays without BTF: what the
// kernel's own makefile prints (scripts/Makefile.modfinal), then what was tried.
func (e *NoBaseError) Skipped(module string) string {
	return fmt.Sprintf("Skipping BTF generation for %s due to unavailability of vmlinux (%s)", module, e.tried())
}

func (e *NoBaseError) tried() string {
	parts := make([]string, len(e.Tried))
	for i, a := range e.Tried {
		parts[i] = a.Path + ": " + a.Why
	}
	return strings.Join(parts, "; ")
}

// FindBase returns the base for a module: the file named, which must do, or else
// the first that exists and fits of
//
//  1. vmlinux in the tree of the kernel build that calls, or in the build folder
//     of the target release;
//  2. the debug vmlinux of that release;
//  3. the base store;
//  4. its boot image;
//  5. the running kernel, if it is that release, of that build.
//
// A base fits if it has BTF that stands alone in the module's byte order, and if
// neither its machine nor its release, where it tells them, is another. One that was named may
// be of another release; the tree that calls is taken to know its own. If there is none, the
// error is a *NoBaseError.
func FindBase(req BaseRequest) (*Base, error) {
	s := baseSearch{req: req, release: req.Release}
	if s.release == "" && req.Module != nil {
		s.release = req.Module.Release
	}
	if req.Explicit != "" {
		k, err := readKernel(req.Explicit, req.Map)
		if err == nil {
			err = s.machineFits(k)
		}
		if err != nil {
			return nil, fmt.Errorf("base %s: %w", req.Explicit, err)
		}
		return newBase(req.Explicit, k, "named"), nil
	}
	for _, p := range s.places() {
		if b := s.look(p); b != nil {
			b.Tried = s.tried
			return b, nil
		}
	}
	return nil, &NoBaseError{Release: s.release, Tried: s.tried}
}

// baseSearch is the state of one FindBase.
type baseSearch struct {
	req     BaseRequest
	release string // of the target, "" if not known
	tried   []Attempt
	seen    []fs.FileInfo // files that were looked at, under whatever name
	ids     []knownID
}

// knownID is a build ID of the target kernel.
type knownID struct {
	path string // where it was found
	id   []byte
}

// place is where a base may be: a file under one of several names.
type place struct {
	what  string // for Base.Why
	paths []string
	own   bool // belongs to the build that calls: only the byte order is compared

	// before tells what speaks against reading the file at path, nil if nothing can.
	before func(path string) error

	// sideID tells a build ID of the target if the file has no usable BTF; may be nil.
	sideID func(path string) []byte
}

// look tries the names of a place. It returns nil if no file there does.
func (s *baseSearch) look(p place) *Base {
	missing := 0
	for _, path := range p.paths {
		fi, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			missing++
			s.sideID(p, path)
			continue
		}
		if err == nil && s.saw(fi) {
			continue
		}
		var k kernelFile
		if err != nil {
			err = withoutPath(err)
		} else if p.before != nil {
			err = p.before(path)
		}
		if err == nil {
			if k, err = readKernel(path, s.req.Map); err != nil {
				s.learnID(path, k.buildID)
			}
		}
		if err == nil {
			err = s.fits(k, p)
		}
		if err == nil {
			return newBase(path, k, p.what)
		}
		s.sideID(p, path)
		s.tried = append(s.tried, Attempt{path, err.Error()})
	}
	if missing == len(p.paths) && missing > 0 {
		name := p.paths[0]
		if missing > 1 {
			name = fmt.Sprintf("%s and %d other names", name, missing-1)
		}
		s.tried = append(s.tried, Attempt{name, "not there"})
	}
	return nil
}

// saw reports whether a file was looked at before, and remembers it.
func (s *baseSearch) saw(fi fs.FileInfo) bool {
	for _, other := range s.seen {
		if os.SameFile(fi, other) {
			return true
		}
	}
	s.seen = append(s.seen, fi)
	return false
}

func (s *baseSearch) sideID(p place, path string) {
	if p.sideID != nil {
		s.learnID(path, p.sideID(path))
	}
}

func (s *baseSearch) learnID(path string, id []byte) {
	if len(id) > 0 {
		s.ids = append(s.ids, knownID{path, id})
	}
}

// fits returns what speaks against a file that was read.
func (s *baseSearch) fits(k kernelFile, p place) error {
	if err := s.orderFits(k); err != nil || p.own {
		return err
	}
	if k.release != "" && k.release != s.release {
		return fmt.Errorf("is of Linux %s, not %s", k.release, s.release)
	}
	return s.machineFits(k)
}

// machineFits returns what speaks against a file of whatever release.
func (s *baseSearch) machineFits(k kernelFile) error {
	if err := s.orderFits(k); err != nil {
		return err
	}
	if m := s.req.Module; m != nil && k.machine != elf.EM_NONE && k.machine != m.Machine {
		return fmt.Errorf("is for %v, the module for %v", k.machine, m.Machine)
	}
	return nil
}

func (s *baseSearch) orderFits(k kernelFile) error {
	if m := s.req.Module; m != nil && m.Big != k.big {
		return fmt.Errorf("its BTF is %s, the module %s", orderName(k.big), orderName(m.Big))
	}
	return nil
}

func orderName(big bool) string {
	if big {
		return "big-endian"
	}
	return "little-endian"
}

// places lists where to look, in order.
func (s *baseSearch) places() []place {
	var list []place
	if s.req.ObjTree != "" {
		list = append(list, place{what: "vmlinux of this kernel build", own: true,
			paths: []string{filepath.Join(s.req.ObjTree, "vmlinux")}})
	}
	if err := checkRelease(s.release); err != nil {
		s.tried = append(s.tried, Attempt{"kernel release", err.Error()})
		return list
	}
	r := s.release
	root := func(names ...string) []string {
		for i, name := range names {
			names[i] = filepath.Join(cmp.Or(s.req.Root, "/"), name)
		}
		return names
	}
	modules := "lib/modules/" + r
	if _, err := os.Stat(root(modules)[0]); err != nil {
		if _, err := os.Stat(root("usr/" + modules)[0]); err == nil {
			modules = "usr/" + modules
		}
	}
	debug := "usr/lib/debug/"
	images := []string{"boot/vmlinuz-" + r, modules + "/vmlinuz", "boot/vmlinux-" + r, modules + "/vmlinux",
		"boot/vmlinux-" + r + ".gz", modules + "/vmlinux.gz", modules + "/vmlinux.xz", modules + "/vmlinux.zst",
		"boot/Image-" + r, modules + "/Image", "boot/image-" + r, modules + "/image", "boot/kernel-" + r}
	return append(list,
		place{what: "vmlinux of the build folder", paths: root(modules + "/build/vmlinux"), before: s.buildFolderFits},
		place{what: "debug vmlinux", paths: root(
			debug+"lib/modules/"+r+"/vmlinux", debug+"usr/lib/modules/"+r+"/vmlinux", debug+"boot/vmlinux-"+r,
			debug+"lib/modules/"+r+"/vmlinux.debug", debug+"usr/lib/modules/"+r+"/vmlinux.debug", debug+"boot/vmlinux-"+r+".debug")},
		place{what: "base store", paths: root(BaseStore + "/" + r), sideID: storedID},
		place{what: "boot image", paths: append(root(images...), bootEntries(root("boot", "efi", "boot/efi"), r)...)},
		place{what: "running kernel", paths: root("sys/kernel/btf/vmlinux"), before: s.runningFits})
}

// maxRelease is the length of a release: the kernel has room for 64 bytes, NUL
// included (include/uapi/linux/utsname.h).
const maxRelease = 64

// checkRelease returns an error unless a release can be part of a path: it may
// come from a module.
func checkRelease(r string) error {
	switch {
	case r == "":
		return errors.New("not known: the module has no vermagic")
	case len(r) > maxRelease || r == "." || r == ".." || strings.ContainsFunc(r, func(c rune) bool { return c <= ' ' || c == '/' || c == 0x7f }):
		return fmt.Errorf("%.80q is none", r)
	}
	return nil
}

// bootEntries returns the kernels that kernel-install put into folders named by
// machine, FOLDER/MACHINE/RELEASE/linux.
func bootEntries(folders []string, release string) []string {
	var paths []string
	for _, folder := range folders {
		entries, _ := os.ReadDir(folder) // absent or not readable: nothing to try
		for _, e := range entries {
			path := filepath.Join(folder, e.Name(), release, "linux")
			if _, err := os.Stat(path); err == nil {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

// buildFolderFits tells whether the folder of a vmlinux was since used for another
// release. Folders that do not tell fit.
func (s *baseSearch) buildFolderFits(path string) error {
	if r := builtRelease(filepath.Dir(path)); r != "" && r != s.release {
		return fmt.Errorf("the folder is now that of Linux %s, not %s", r, s.release)
	}
	return nil
}

// runningFits tells whether the running kernel is the target: same release, same
// machine, and same build as far as that is known. A kernel that was built again
// may keep its release.
func (s *baseSearch) runningFits(path string) error {
	kernel := filepath.Dir(filepath.Dir(path)) // sys/kernel
	proc := filepath.Join(kernel, "../../proc/sys/kernel")
	r, err := readWord(filepath.Join(proc, "osrelease"))
	if err != nil {
		return fmt.Errorf("release of the running kernel: %w", err)
	}
	if r != s.release {
		return fmt.Errorf("running is Linux %s, not %s", r, s.release)
	}
	if m := s.req.Module; m != nil {
		arch, err := readWord(filepath.Join(proc, "arch")) // since Linux 6.1
		if err != nil {
			arch = runtime.GOARCH
		}
		if host, known := machines[arch]; known && host != m.Machine {
			return fmt.Errorf("running is a kernel for %v, the module is for %v", host, m.Machine)
		}
	}
	if len(s.ids) == 0 {
		return nil
	}
	notes, err := readSmall(filepath.Join(kernel, "notes"))
	if err != nil {
		return fmt.Errorf("build ID of the running kernel: %w", err)
	}
	id := buildIDIn(notes, false)
	if id == nil {
		id = buildIDIn(notes, true)
	}
	for _, k := range s.ids {
		if !bytes.Equal(k.id, id) {
			return fmt.Errorf("build ID of the running kernel is %x, that of %s is %x", id, k.path, k.id)
		}
	}
	return nil
}

// machines maps what uname and Go call a machine.
var machines = map[string]elf.Machine{
	"x86_64": elf.EM_X86_64, "amd64": elf.EM_X86_64,
	"i686": elf.EM_386, "386": elf.EM_386,
	"aarch64": elf.EM_AARCH64, "arm64": elf.EM_AARCH64,
	"armv7l": elf.EM_ARM, "arm": elf.EM_ARM,
	"s390x":   elf.EM_S390,
	"ppc64le": elf.EM_PPC64, "ppc64": elf.EM_PPC64,
	"riscv64": elf.EM_RISCV,
	"mips64":  elf.EM_MIPS, "mips64le": elf.EM_MIPS, "mips": elf.EM_MIPS, "mipsle": elf.EM_MIPS,
	"loongarch64": elf.EM_LOONGARCH, "loong64": elf.EM_LOONGARCH,
}

// storedID reads the build ID beside an entry of the base store.
func storedID(path string) []byte {
	text, err := readWord(path + ".build-id")
	if err != nil {
		return nil
	}
	id, err := hex.DecodeString(text)
	if err != nil {
		return nil
	}
	return id
}

// readWord returns the contents of a small file without the blanks around them.
func readWord(path string) (string, error) {
	b, err := readSmall(path)
	return strings.TrimSpace(string(b)), err
}

// readSmall returns up to 64 KiB of a file. Files below /proc and /sys do not tell
// their size.
func readSmall(path string) ([]byte, error) {
	f, _, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 64<<10))
	return b, withoutPath(err)
}
