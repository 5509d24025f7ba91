// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/resolveids"
)

// TestResolveKernels has the command lines of kernel releases, and where they expect the results.
func TestResolveKernels(t *testing.T) {
	tests := []struct {
		name, args, release string
		want                ResolveBTFIDs
		kernel              string
		beside              bool
	}{
		{"5.15", "vmlinux", "5.15.200", ResolveBTFIDs{File: "vmlinux"}, "5.15", false},
		{"6.12", "vmlinux", "6.12.107+deb13-amd64", ResolveBTFIDs{File: "vmlinux"}, "6.12", false},
		{"6.12, module", "-b vmlinux /m/x.ko", "6.12.107", ResolveBTFIDs{File: "/m/x.ko", Base: "vmlinux"}, "6.12", false},
		{"6.18, V=1", "-v --fatal_warnings -b ./vmlinux x.ko", "6.18.0", ResolveBTFIDs{File: "x.ko", Base: "./vmlinux", FatalWarnings: true, Verbose: 1}, "6.18", false},
		{"6.x, nothing tells the release", "-b vmlinux x.ko", "", ResolveBTFIDs{File: "x.ko", Base: "vmlinux"}, "", false},
		{"7.3", "--btf .tmp_vmlinux1.BTF.1 .tmp_vmlinux1", "7.3.4", ResolveBTFIDs{File: ".tmp_vmlinux1", BTF: ".tmp_vmlinux1.BTF.1"}, "7.3", true},
		{"7.2, module", "--fatal_warnings --btf_base /b/vmlinux --btf x.ko.BTF.1 x.ko", "7.2.13",
			ResolveBTFIDs{File: "x.ko", Base: "/b/vmlinux", BTF: "x.ko.BTF.1", FatalWarnings: true}, "7.2", true},
		{"7.3, M=", "--distill_base --verbose --btf_base /b/vmlinux --btf x.ko.BTF.1 x.ko", "7.3.4",
			ResolveBTFIDs{File: "x.ko", Base: "/b/vmlinux", BTF: "x.ko.BTF.1", Distill: true, Verbose: 1}, "7.3", true},
		{"7.x, nothing tells the release", "--btf x.BTF.1 x", "", ResolveBTFIDs{File: "x", BTF: "x.BTF.1"}, "", true},
		{"7.x, by hand", "vmlinux", "7.2.13", ResolveBTFIDs{File: "vmlinux"}, "7.2", true},
		{"before 7.0", "--btf x.BTF.1 x", "6.19.0-rc3", ResolveBTFIDs{File: "x", BTF: "x.BTF.1"}, "7.0", true},
		{"before 7.0, M=", "--distill_base -b vmlinux x.ko", "6.19.0-rc3", ResolveBTFIDs{File: "x.ko", Base: "vmlinux", Distill: true}, "7.0", true},
		{"7.3, after the link", "--patch_btfids .tmp_vmlinux1.BTF_ids vmlinux.unstripped", "7.3.4",
			ResolveBTFIDs{File: "vmlinux.unstripped", PatchIDs: ".tmp_vmlinux1.BTF_ids"}, "7.3", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseResolveBTFIDs(strings.Fields(test.args), environment())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(&test.want, got); d != "" {
				t.Error(d)
			}
			checkGeneration(t, got, test.release, test.kernel, test.beside)
		})
	}
}

// checkGeneration compares what a release of the file, "" for none, makes of a command line.
func checkGeneration(t *testing.T, r *ResolveBTFIDs, release, kernel string, beside bool) {
	t.Helper()
	parse := func(s string) (k resolveids.Kernel) {
		if s != "" {
			var err error
			if k, err = resolveids.ParseKernel(s); err != nil {
				t.Fatal(err)
			}
		}
		return k
	}
	k, b := r.Generation(parse(release))
	if k != parse(kernel) || b != beside {
		t.Errorf("for Linux %v, beside is %v; want %v, %v", k, b, parse(kernel), beside)
	}
}

// TestResolveVersion: the environment overrules command line and file.
func TestResolveVersion(t *testing.T) {
	tests := []struct {
		args, version, release, kernel string
		beside                         bool
	}{
		{"--btf data.o test_progs", "6.12", "", "6.12", false}, // the selftests
		{"--btf x.BTF.1 x", "v6.19", "7.3.4", "6.19", false},
		{"x", "7.3", "6.12.1", "7.3", true},
		{"x", "7.0", "", "7.0", true},
		{"--distill_base x", "7.3.4", "6.12.1", "7.3", true},
	}
	for _, test := range tests {
		r, err := parseResolveBTFIDs(strings.Fields(test.args), environment("BTFGEN_RESOLVE_BTFIDS_VERSION="+test.version))
		if err != nil {
			t.Errorf("%s: %v", test.args, err)
			continue
		}
		checkGeneration(t, r, test.release, test.kernel, test.beside)
	}
}

// TestResolveSpellings: the ways of writing one command line.
func TestResolveSpellings(t *testing.T) {
	tests := []struct {
		args string
		want ResolveBTFIDs
	}{
		{"x", ResolveBTFIDs{}},
		{"--btf=a --btf_base=b x", ResolveBTFIDs{BTF: "a", Base: "b"}},
		{"--btf a=b x", ResolveBTFIDs{BTF: "a=b"}},
		{"--btf --btf_base x", ResolveBTFIDs{BTF: "--btf_base"}},
		{"--btf_b b -vvb c x", ResolveBTFIDs{Base: "c", Verbose: 2}},
		{"-bb --verb -v x", ResolveBTFIDs{Base: "b", Verbose: 2}},
		{"--dist --fat --pa=p x", ResolveBTFIDs{Distill: true, FatalWarnings: true, PatchIDs: "p"}},
		{"-v -- x", ResolveBTFIDs{Verbose: 1}},
	}
	for _, test := range tests {
		test.want.File = "x"
		got, err := parseResolveBTFIDs(strings.Fields(test.args), environment())
		if err != nil {
			t.Errorf("%s: %v", test.args, err)
		} else if d := cmp.Diff(&test.want, got); d != "" {
			t.Errorf("%s: %s", test.args, d)
		}
	}
	// Operands that look like options.
	for _, args := range []string{"-", "-- -v", "-- --"} {
		got, err := parseResolveBTFIDs(strings.Fields(args), environment())
		if want := strings.TrimPrefix(args, "-- "); err != nil || got.File != want || got.Verbose != 0 {
			t.Errorf("%s: %+v, %v", args, got, err)
		}
	}
}

func TestResolveErrors(t *testing.T) {
	tests := []struct {
		args, version string
		exit          int
		want          string // first line
	}{
		{"-h", "", 129, "Usage: resolve_btfids [OPTION...] OBJECT"},
		{"-v --help --nope", "", 129, "Usage: resolve_btfids [OPTION...] OBJECT"},
		{"", "", 129, "resolve_btfids: there is one ELF object, not 0"},
		{"-b vmlinux", "", 129, "resolve_btfids: there is one ELF object, not 0"},
		{"--", "", 129, "resolve_btfids: there is one ELF object, not 0"},
		{"a b", "", 129, "resolve_btfids: there is one ELF object, not 2"},
		{"x -v", "", 129, "resolve_btfids: there is one ELF object, not 2"}, // options come first
		{"--nope x", "", 129, "resolve_btfids: unrecognized option '--nope'"},
		{"--btf-base b x", "", 129, "resolve_btfids: unrecognized option '--btf-base'"},
		{"-x a", "", 129, "resolve_btfids: invalid option -- 'x'"},
		{"--bt a x", "", 129, "resolve_btfids: option '--bt' is ambiguous; possibilities: '--btf_base' '--btf'"},
		{"--fatal_warnings=1 x", "", 129, "resolve_btfids: option '--fatal_warnings' doesn't allow an argument"},
		{"--btf", "", 129, "resolve_btfids: option '--btf' requires an argument"},
		{"-vb", "", 129, "resolve_btfids: option requires an argument -- 'b'"},
		{"--btf= x", "", 255, "resolve_btfids: option '--btf' names no file"},
		{"--btf_base= x", "", 255, "resolve_btfids: option '--btf_base' names no file"},
		{"--patch_btfids= x", "", 255, "resolve_btfids: option '--patch_btfids' names no file"},
		{"x", "newest", 255, `resolve_btfids: BTFGEN_RESOLVE_BTFIDS_VERSION: "newest" is no release of the kernel, such as 6.12`},
		{"--distill_base x", "6.12", 255, "resolve_btfids: option '--distill_base' came with 7.0, BTFGEN_RESOLVE_BTFIDS_VERSION is 6.12"},
	}
	for _, test := range tests {
		r, err := parseResolveBTFIDs(strings.Fields(test.args), environment("BTFGEN_RESOLVE_BTFIDS_VERSION="+test.version))
		var re *ResolveError
		if r != nil || !errors.As(err, &re) {
			t.Errorf("%s: %+v, error %v", test.args, r, err)
			continue
		}
		first, rest, _ := strings.Cut(re.Text, "\n")
		if re.Exit != test.exit || first != test.want {
			t.Errorf("%s: %d, %s\nwant %d, %s", test.args, re.Exit, first, test.exit, test.want)
		}
		if all := strings.Contains(first+rest, "--patch_btfids=FILE"); all != (test.exit == resolveUsage) {
			t.Errorf("%s: the options are in the text: %v", test.args, all)
		}
	}
}

// FuzzParseResolveBTFIDs: any words give either something to do or an error with a text and a status.
func FuzzParseResolveBTFIDs(f *testing.F) {
	f.Add("-v\x00--btf\x00a\x00--btf_base=b\x00--fatal_warnings\x00x", "")
	f.Add("-vb\x00--\x00--\x00--", "7.3")
	f.Add("--pa=\x00x", "v6.12")
	f.Add("--dist\x00x", "5.15.1")
	f.Fuzz(func(t *testing.T, line, version string) {
		words := strings.Split(line, "\x00")
		r, err := parseResolveBTFIDs(words, environment("BTFGEN_RESOLVE_BTFIDS_VERSION="+version))
		var re *ResolveError
		if errors.As(err, &re) {
			if r != nil || re.Text == "" || re.Exit != resolveFailure && re.Exit != resolveUsage {
				t.Fatalf("%+v, error %+v", r, re)
			}
			return
		}
		if err != nil || r.File != words[len(words)-1] || r.Verbose < 0 {
			t.Fatalf("%+v, error %v", r, err)
		}
		if _, beside := r.Generation(resolveids.Kernel{}); r.Distill && !beside {
			t.Fatalf("%+v: distilled in place", r)
		}
	})
}
