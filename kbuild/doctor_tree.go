// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// buildTree is a folder for make -C.
type buildTree struct {
	objtree string // where its output is, and the configuration; whole path
	srctree string // where its scripts are; whole path
	headers bool   // there is no source to make a kernel of
	version [2]int
	release string // 6.12.94+deb13-amd64; in a tree that was not built yet X.Y.Z
}

// pattern returns a regular expression that is compiled when it is first asked for, since only doctor does.
func pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// maxText bounds the text files that are read of a tree: makefiles, configurations.
const maxText = 16 << 20

// readText returns a text file of a tree.
func readText(path string) (string, error) {
	f, info, err := openRegular(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if size := info.Size(); size > maxText {
		return "", fmt.Errorf("%d bytes, at most %d are read", size, maxText)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxText))
	return string(b), withoutPath(err)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

var (
	includeLine = pattern(`(?m)^include[ \t]+(\S+)/Makefile[ \t]*$`)
	versionLine = pattern(`(?m)^(VERSION|PATCHLEVEL|SUBLEVEL)[ \t]*:?=[ \t]*(\d{1,4})[ \t]*$`)
)

// findTree fills in the tree. An output folder, and the folder of packaged headers, have a Makefile that includes the one
// of the source.
func (e *examination) findTree() error {
	dir, err := filepath.Abs(e.Dir)
	if err != nil {
		return err
	}
	e.srctree, e.objtree = dir, dir
	makefile, err := readText(filepath.Join(e.srctree, "Makefile"))
	if err != nil {
		return fmt.Errorf("%s is no kernel's: its Makefile %s", e.Dir, errText(err))
	}
	if m := includeLine().FindStringSubmatch(makefile); m != nil && !versionLine().MatchString(makefile) {
		e.srctree = e.below(dir, m[1])
		if makefile, err = readText(filepath.Join(e.srctree, "Makefile")); err != nil {
			return fmt.Errorf("%s belongs to the source in %s, whose Makefile %s", e.Dir, e.srctree, errText(err))
		}
	}
	if o := e.Make.Vars["O"]; o != "" {
		if e.objtree, err = filepath.Abs(o); err != nil { // make takes it as from where it was called, too
			return err
		}
	}
	found := map[string]string{}
	for _, m := range versionLine().FindAllStringSubmatch(makefile, -1) {
		if found[m[1]] == "" {
			found[m[1]] = m[2]
		}
	}
	if found["VERSION"] == "" || found["PATCHLEVEL"] == "" {
		return fmt.Errorf("%s is no kernel's: its Makefile has no VERSION and PATCHLEVEL", e.srctree)
	}
	for i, name := range []string{"VERSION", "PATCHLEVEL"} {
		if e.version[i], err = strconv.Atoi(found[name]); err != nil {
			return fmt.Errorf("%s/Makefile: %s: %w", e.srctree, name, err)
		}
	}
	if e.release = builtRelease(e.objtree); e.release == "" {
		e.release = found["VERSION"] + "." + found["PATCHLEVEL"]
		if s := found["SUBLEVEL"]; s != "" {
			e.release += "." + s
		}
	}
	e.headers = !exists(filepath.Join(e.srctree, "init/main.c"))
	kind := "source of a kernel"
	if e.headers {
		kind = "headers of a kernel, for modules"
	}
	e.fine("folder", fmt.Sprintf("%s: Linux %s, %s", e.Dir, e.release, kind))
	return nil
}

var utsRelease = pattern(`(?m)^#define UTS_RELEASE "([^"]*)"$`)

// builtRelease is the release that a build folder is of, "" if that is not known. Modules get the one in the
// header file. The other may differ: Debian's makefiles for 6.1 give it on the command line.
func builtRelease(objtree string) string {
	text, err := readText(filepath.Join(objtree, "include/generated/utsrelease.h"))
	if m := utsRelease().FindStringSubmatch(text); err == nil && m != nil && checkRelease(m[1]) == nil {
		return m[1]
	}
	r, err := readWord(filepath.Join(objtree, "include/config/kernel.release"))
	if err != nil || checkRelease(r) != nil {
		return ""
	}
	return r
}

// below is a path that a makefile in dir names.
func (e *examination) below(dir, path string) string {
	if !filepath.IsAbs(path) {
		return filepath.Join(dir, path)
	}
	return e.rooted(path)
}

// rooted is a path from the top, below Root.
func (e *examination) rooted(path string) string { return filepath.Join(cmp.Or(e.Root, "/"), path) }

// readConfig reads what the build will: a build of modules the configuration that the kernel was built with, that of a kernel
// .config, from which make makes the other. It reports whether there is one.
func (e *examination) readConfig() bool {
	name, do := ".config", "make defconfig, or copy the .config of a kernel here and make olddefconfig"
	if e.headers {
		name, do = "include/config/auto.conf", "install the headers again, they are not whole"
	}
	text, err := readText(filepath.Join(e.objtree, name))
	if err != nil {
		e.trouble("config", name+" "+errText(err), do)
		return false
	}
	e.config = map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		if line, ok := strings.CutPrefix(line, "CONFIG_"); ok {
			symbol, value, _ := strings.Cut(strings.TrimRight(line, "\r"), "=")
			e.config[symbol] = value
		}
	}
	return true
}

func (e *examination) is(symbol string) bool { return e.config[symbol] == "y" }

// modfinal is the makefile that links modules.
func (e *examination) modfinal() (string, error) {
	text, err := readText(filepath.Join(e.srctree, "scripts/Makefile.modfinal"))
	if err == nil && !strings.Contains(text, "cmd_btf_ko") {
		err = errors.New("has no BTF step")
	}
	return text, err
}
