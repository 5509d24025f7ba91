// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// Checkup says which build Examine is to judge.
type Checkup struct {
	Dir  string // what make is called with as -C: a kernel's source, its output folder, or the folder of its headers
	Make MakeSettings
	Path string // where programs are looked for, as in PATH
	Root string // the folder that stands for / where kernels, headers and DKMS are looked for; "" for / itself
}

// Level tells how much a finding counts.
type Level uint8

const (
	Fine    Level = iota
	Warning       // BTF comes out, but read this
	Trouble       // it does not
)

func (l Level) String() string { return [...]string{"ok", "warning", "TROUBLE"}[l] }

// Finding is one thing about a build.
type Finding struct {
	Level   Level
	Subject string // config, pahole, resolve_btfids, ...
	Text    string // what is so
	Do      string // what to do about it; "" if there is nothing to be done
}

func (f Finding) String() string {
	s := fmt.Sprintf("%-8s%s: %s", f.Level, f.Subject, f.Text)
	if f.Do != "" {
		s += "; to do: " + f.Do
	}
	return s
}

// Diagnosis is what Examine found, in the order of a build.
type Diagnosis struct{ Findings []Finding }

// Comes tells whether BTF will come out of the build: there is no trouble.
func (d *Diagnosis) Comes() bool {
	for _, f := range d.Findings {
		if f.Level == Trouble {
			return false
		}
	}
	return true
}

// MakeSettings is what make is told by its command line and environment, apart from what to make.
type MakeSettings struct {
	Vars  map[string]string // variables
	Evals []string          // makefile text, of --eval
}

// ReadMakeSettings returns the settings of a make that is called with args (words NAME=VALUE) in an environment of
// these GNUMAKEFLAGS and MAKEFLAGS.
func ReadMakeSettings(gnumakeflags, makeflags string, args []string) MakeSettings {
	m := MakeSettings{Vars: map[string]string{}}
	for _, text := range []string{gnumakeflags, makeflags} {
		f := parseMakeFlags(text, true)
		maps.Copy(m.Vars, f.variables)
		for _, o := range f.options {
			if e, ok := strings.CutPrefix(o, "--eval="); ok {
				m.Evals = append(m.Evals, e)
			}
		}
	}
	for _, a := range args {
		name, value, _ := strings.Cut(a, "=")
		m.Vars[strings.TrimRight(name, ":+?!")] = value
	}
	return m
}

// BuildFolder is the folder to examine if none is named: the working directory, if kernels or modules are built in it, or
// that where modules for the running kernel are built.
func BuildFolder(root string) (string, error) {
	for _, name := range []string{".config", "include/config/auto.conf", "scripts/Makefile.modfinal"} {
		if exists(name) {
			return ".", nil
		}
	}
	release, err := readWord(filepath.Join(cmp.Or(root, "/"), "proc/sys/kernel/osrelease"))
	if err == nil {
		err = checkRelease(release)
	}
	if err != nil {
		return "", fmt.Errorf("release of the running kernel: %w", err)
	}
	dir := filepath.Join(cmp.Or(root, "/"), "lib/modules", release, "build")
	if !exists(dir) {
		return "", fmt.Errorf("the working directory is no kernel's, and there are no headers for the running one (%s)", dir)
	}
	return dir, nil
}

// Examine tells whether BTF comes out of a kernel build, or for headers of a build of modules, as far as that can be told
// before it. It runs the tools that the build would, to see whether they do run here and which version they
// are; it writes nothing. The error is that Dir cannot be read.
func Examine(c Checkup) (*Diagnosis, error) {
	e := examination{Checkup: c}
	if _, err := os.ReadDir(c.Dir); err != nil {
		return nil, err
	}
	if err := e.findTree(); err != nil {
		e.trouble("folder", err.Error(), "name the folder that make is called with as -C")
		return &e.Diagnosis, nil
	}
	e.findHooks()
	if !e.readConfig() {
		return &e.Diagnosis, nil
	}
	if !e.headers {
		e.checkSourceConfig()
		e.checkDisk()
	} else if !e.checkHeadersConfig() {
		return &e.Diagnosis, nil
	}
	own := true // the kernel's own steps are run, for vmlinux if not for modules
	if e.recipe != "" {
		e.checkRecipe()
		own = !e.headers
	} else if e.headers {
		own = e.checkVmlinux()
	}
	if own {
		e.checkScript()
		e.checkPahole()
		e.checkResolver()
	}
	if e.headers {
		e.checkDKMS()
	}
	return &e.Diagnosis, nil
}

// examination is the state of one Examine.
type examination struct {
	Checkup
	Diagnosis
	buildTree
	hooks
	config map[string]string // of the kernel, without CONFIG_; not set: ""
}

func (e *examination) fine(subject, text string)        { e.add(Fine, subject, text, "") }
func (e *examination) warn(subject, text, do string)    { e.add(Warning, subject, text, do) }
func (e *examination) trouble(subject, text, do string) { e.add(Trouble, subject, text, do) }

func (e *examination) add(level Level, subject, text, do string) {
	e.Findings = append(e.Findings, Finding{level, subject, text, do})
}

// since tells whether the kernel is of release major.minor or later.
func (e *examination) since(major, minor int) bool {
	return e.version[0] > major || e.version[0] == major && e.version[1] >= minor
}

// useRecipe is the advice that helps wherever the kernel's own BTF step has trouble with modules.
const useRecipe = "have btfgen do it in one step, see btfgen kbuild show"

// errText is an error without the path of a file that the sentence names anyway.
func errText(err error) string {
	if errors.Is(err, os.ErrNotExist) {
		return "is not there"
	}
	return withoutPath(err).Error()
}
