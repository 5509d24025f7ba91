// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/btfgen/btfgen/encode"
)

// Exit statuses of pahole.
const (
	paholeFailure = 1
	paholeUsage   = 64 // EX_USAGE
)

// Pahole is what a command line of pahole asks for (encode.md 1).
type Pahole struct {
	Text  string   // to print on standard output instead of encoding, if not ""
	Notes []string // lines for standard error

	File        string // to encode
	Detached    string // where the BTF goes; "": into File
	Base        string // file whose BTF the result is split against; "": it stands alone
	Jobs        int    // workers; 0: as many as there are processors
	Features    string // list for encode.Options
	LangExclude string // list for encode.Options
	Distill     bool   // with a base: write also a distilled one
	Flat        bool   // without a base: one ARRAY per array type, as the reported version does
	Verbose     bool   // tell on standard output which functions are left out
}

// PaholeError ends the run of a pahole command.
type PaholeError struct {
	Exit int    // status, as pahole's
	Text string // lines for standard error
}

func (e *PaholeError) Error() string { return e.Text }

func paholeErrorf(exit int, format string, args ...any) error {
	return &PaholeError{exit, "pahole: " + fmt.Sprintf(format, args...)}
}

// ParsePahole reads the command line of pahole, without its name: what kernels from 5.11 to 7.3 write and
// all that decides what is encoded. Options of pahole's other work, which is to print types, are refused. The
// error is a *PaholeError. Of the environment BTFGEN_PAHOLE_VERSION and PAHOLE_LANG_EXCLUDE count.
func ParsePahole(args []string) (*Pahole, error) { return parsePahole(args, os.Getenv) }

// paholeArgs is a command line while it is read.
type paholeArgs struct {
	Pahole
	encode   bool
	numeric  bool // print the version as a number
	version  string
	features paholeFeatures
	langs    *string // argument of --lang_exclude
}

func parsePahole(args []string, getenv func(string) string) (*Pahole, error) {
	a := &paholeArgs{Pahole: Pahole{Jobs: 1}, version: paholeVersion, features: initialFeatures()}
	if v := getenv("BTFGEN_PAHOLE_VERSION"); v != "" {
		if err := a.setVersion("BTFGEN_PAHOLE_VERSION", v); err != nil {
			return nil, err
		}
	}
	operands, err := readArgv(args, paholeOptions(), a)
	var usage *argvError
	switch {
	case errors.Is(err, errDone):
		return &Pahole{Text: a.Text}, nil
	case errors.As(err, &usage):
		return nil, paholeErrorf(paholeUsage, "%v\nTry `pahole --help' for more information.", err)
	case err != nil:
		return nil, err
	}
	if err := a.languages(getenv); err != nil {
		return nil, err
	}
	if a.numeric {
		return &Pahole{Text: strings.ReplaceAll(a.version, ".", "") + "\n"}, nil
	}
	if err := a.check(operands); err != nil {
		return nil, err
	}
	a.File = operands[0]
	a.Features = a.features.list()
	// A distilled base has its place in the ELF file only; from 7.0 on resolve_btfids makes it.
	a.Distill = a.features.on[distilledBase] && a.Detached == ""
	a.Flat = a.version < firstNested
	return &a.Pahole, nil
}

// check tells what cannot be done as asked.
func (a *paholeArgs) check(operands []string) error {
	switch {
	case !a.encode:
		return paholeErrorf(paholeUsage, "btfgen stands in for it and encodes BTF (-J); to print types run pahole of the package dwarves")
	case len(operands) == 0:
		return paholeErrorf(paholeUsage, "no FILE to encode\n%s", paholeUsageLine)
	case len(operands) > 1:
		return paholeErrorf(paholeUsage, "one FILE can be encoded at a time, there are %d: %s", len(operands), strings.Join(operands, " "))
	case a.features.on[distilledBase] && a.Detached == "" && a.Base == "":
		return paholeErrorf(paholeFailure, "feature %s: there is no --btf_base to distill", distilledBase)
	}
	return nil
}

// languages settles whose units are left out and checks the names.
func (a *paholeArgs) languages(getenv func(string) string) error {
	list := getenv("PAHOLE_LANG_EXCLUDE")
	if a.langs != nil {
		list = *a.langs
	}
	a.LangExclude = "none"
	if list != "" {
		a.LangExclude = list
	}
	check := encode.Options{LangExclude: a.LangExclude}
	if err := check.Check(); err != nil {
		return paholeErrorf(paholeFailure, "%v", err)
	}
	return nil
}

const (
	// paholeVersion is the version that is reported: the one whose choice of functions and variables we follow. Kernels
	// choose what they ask for by it.
	paholeVersion = "1.32"

	// firstNested is the first version with one ARRAY per dimension (encode.md 3.9).
	firstNested = "1.32"
)

// setVersion sets the version to report, of which from tells where it was given. Kernels read it as one number, major and
// minor behind each other, and compare it with others of three digits.
func (a *paholeArgs) setVersion(from, version string) error {
	v := strings.TrimPrefix(version, "v")
	if len(v) != len("1.32") || v[1] != '.' || strings.Trim(v[:1]+v[2:], "0123456789") != "" || v[0] == '0' {
		return paholeErrorf(paholeFailure, "%s: %q is no version such as %s", from, version, paholeVersion)
	}
	a.version = v
	return nil
}

// setJobs reads the number of workers. What is none counts as 1.
func (a *paholeArgs) setJobs(value string) error {
	a.Jobs = 0
	if value != "" {
		n, _ := strconv.Atoi(value)
		a.Jobs = max(n, 1)
	}
	return nil
}

// setHashBits checks what tunes a table that we do not have.
func (a *paholeArgs) setHashBits(value string) error {
	if n, err := strconv.Atoi(value); err == nil && n < 32 {
		return nil
	}
	return &PaholeError{paholeFailure, fmt.Sprintf("Invalid --hashbits value (%s) should be less than 32", value)}
}

// setFormats checks that DWARF is among the formats to be tried.
func (a *paholeArgs) setFormats(value string) error {
	if !slices.Contains(strings.Split(value, ","), "dwarf") {
		return paholeErrorf(paholeFailure, "--format_path %q: BTF is encoded from dwarf only", value)
	}
	return nil
}
