// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/btfgen/btfgen/resolveids"
)

// Exit statuses of resolve_btfids.
const (
	resolveFailure = 255
	resolveUsage   = 129 // of a wrong command line, and of --help
)

// ResolveBTFIDs is what a command line of resolve_btfids asks for (resolveids.md 13).
type ResolveBTFIDs struct {
	File          string // ELF file
	BTF           string // file with its BTF; "": File itself
	Base          string // file whose BTF that is split against; "": none
	PatchIDs      string // file with the new content of .BTF_ids; "": IDs are looked up. If set, all but File and Verbose are ignored
	Distill       bool   // with a base: make a distilled one
	FatalWarnings bool
	Verbose       int // 1: tell each ID, 2: and the sections of File

	Version resolveids.Kernel // behave as the program of this release; zero: Generation tells
}

// ResolveError ends the run of a resolve_btfids command.
type ResolveError struct {
	Exit int    // status, as resolve_btfids'
	Text string // lines for standard error
}

func (e *ResolveError) Error() string { return e.Text }

// ResolveErrorf is a failure of resolve_btfids.
func ResolveErrorf(format string, args ...any) *ResolveError {
	return &ResolveError{resolveFailure, fmt.Sprintf(format, args...)}
}

// resolveVersion is the variable that says which release's program to be.
const resolveVersion = "BTFGEN_RESOLVE_BTFIDS_VERSION"

// sideFiles is the first release whose program writes files beside the ELF file, which it leaves alone.
var sideFiles = resolveids.Kernel{Major: 7, Minor: 0}

// ParseResolveBTFIDs reads the command line of resolve_btfids, without its name, as kernels from 5.9 to 7.3 write it.
// The error is a *ResolveError. Of the environment BTFGEN_RESOLVE_BTFIDS_VERSION counts.
func ParseResolveBTFIDs(args []string) (*ResolveBTFIDs, error) {
	return parseResolveBTFIDs(args, os.Getenv)
}

func parseResolveBTFIDs(args []string, getenv func(string) string) (*ResolveBTFIDs, error) {
	r := new(ResolveBTFIDs)
	operands, err := readLeading(args, resolveOptions(), r)
	var usage *argvError
	switch {
	case errors.Is(err, errDone):
		return nil, &ResolveError{resolveUsage, resolveHelp()}
	case errors.As(err, &usage):
		return nil, &ResolveError{resolveUsage, fmt.Sprintf("resolve_btfids: %v\n%s", err, resolveHelp())}
	case err != nil:
		return nil, err
	case len(operands) != 1:
		return nil, &ResolveError{resolveUsage, fmt.Sprintf("resolve_btfids: there is one ELF object, not %d\n%s", len(operands), resolveHelp())}
	}
	r.File = operands[0]
	if v := getenv(resolveVersion); v != "" {
		if r.Version, err = resolveids.ParseKernel(strings.TrimPrefix(v, "v")); err != nil {
			return nil, ResolveErrorf("resolve_btfids: %s: %v", resolveVersion, err)
		}
		if r.Distill && r.Version.Major < sideFiles.Major {
			return nil, ResolveErrorf("resolve_btfids: option '--distill_base' came with %v, %s is %s", sideFiles, resolveVersion, v)
		}
	}
	return r, nil
}

// readLeading applies options up to the first operand. What follows is operands, whatever it looks like.
func readLeading[T any](args []string, options []option[T], to *T) (operands []string, err error) {
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && err == nil {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			return args, nil
		case strings.HasPrefix(arg, "--"):
			args, err = readLong(arg, args, options, to)
		default:
			args, err = readShort(arg[1:], args, options, to)
		}
	}
	return args, err
}

func resolveOptions() []option[ResolveBTFIDs] {
	path := func(long string, to func(*ResolveBTFIDs) *string) func(*ResolveBTFIDs, string) error {
		return func(r *ResolveBTFIDs, value string) error {
			if value == "" { // a variable of make that is not set must not turn one mode into another
				return ResolveErrorf("resolve_btfids: option '--%s' names no file", long)
			}
			*to(r) = value
			return nil
		}
	}
	return []option[ResolveBTFIDs]{
		{'b', "btf_base", needsArgument, path("btf_base", func(r *ResolveBTFIDs) *string { return &r.Base }), "FILE", "BTF that the object's is split against: raw, or in an ELF file"},
		{'v', "verbose", noArgument, func(r *ResolveBTFIDs, _ string) error {
			r.Verbose++
			return nil
		}, "", "tell each ID; twice: also the sections"},
		{0, "btf", needsArgument, path("btf", func(r *ResolveBTFIDs) *string { return &r.BTF }), "FILE", "BTF of the object, if it is not in its section .BTF"},
		{0, "distill_base", noArgument, func(r *ResolveBTFIDs, _ string) error {
			r.Distill = true
			return nil
		}, "", "make of the base a small one for .BTF.base"},
		{0, "fatal_warnings", noArgument, func(r *ResolveBTFIDs, _ string) error {
			r.FatalWarnings = true
			return nil
		}, "", "fail if there are warnings"},
		{0, "patch_btfids", needsArgument, path("patch_btfids", func(r *ResolveBTFIDs) *string { return &r.PatchIDs }), "FILE", "write FILE into section .BTF_ids of the object, no more"},
		{'h', "help", noArgument, func(*ResolveBTFIDs, string) error { return errDone }, "", "print this"},
	}
}

func resolveHelp() string {
	return `Usage: resolve_btfids [OPTION...] OBJECT
   or: resolve_btfids --patch_btfids FILE OBJECT
btfgen in the place of resolve_btfids: makes the IDs in section .BTF_ids of an ELF file those of its BTF.

` + optionHelp(resolveOptions()) + `
With --btf or --distill_base, or for an OBJECT of Linux 7.0 or newer, it does as kernels from 7.0 on
expect: the results are OBJECT.BTF, OBJECT.BTF.base and OBJECT.BTF_ids. Else it does as those before
expect: OBJECT gets its IDs in place, and the BTF stays as it is. ` + resolveVersion + `,
6.12 or 7.3, say, decides between them where this is wrong, as in the selftests of 6.x.`
}

// Generation returns the release that resolve_btfids is to serve, and whether its results go beside the ELF file, as from 7.0
// on, or into it. release is that of the ELF file, zero if it does not tell.
//
// Kernels say it with the command line. Up to 6.19 they give the ELF file, which pahole has put .BTF into, and maybe a base;
// from 7.0 on always --btf, which is pahole's detached output. A build that asks for side files is of 7.0 or of the
// development before it, whatever its release, and has a kernel that expects sorted types. Without any of these options
// it is the kernel that tells. The selftests of 6.x, user programs, are the exception: they give --btf and expect the IDs in
// place; there the version that was asked for has to.
func (r *ResolveBTFIDs) Generation(release resolveids.Kernel) (kernel resolveids.Kernel, beside bool) {
	switch {
	case r.Version != (resolveids.Kernel{}):
		return r.Version, r.Version.Major >= sideFiles.Major
	case release.Major >= sideFiles.Major:
		return release, true
	case r.BTF == "" && !r.Distill:
		return release, false
	case release != (resolveids.Kernel{}):
		return sideFiles, true
	}
	return release, true
}
