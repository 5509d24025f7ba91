// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"errors"
	"io"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/urfave/cli/v2"

	"github.com/btfgen/btfgen/encode"
	"github.com/btfgen/btfgen/internal/btf"
)

// TestEncodeFlags maps command lines to jobs.
func TestEncodeFlags(t *testing.T) {
	plain := func(change func(*encodeJob)) *encodeJob {
		j := &encodeJob{options: encode.Options{Jobs: defaultJobs(), Features: "default", LangExclude: "rust", StyleOfBase: true},
			outs: []string{"out"}, files: []string{"a"}, maxMisses: -1}
		change(j)
		return j
	}
	tests := []struct {
		name string
		args []string
		want *encodeJob
		err  string
	}{
		{"plain", []string{"-o", "out", "a"}, plain(func(*encodeJob) {}), ""},
		{"out-dir", []string{"--out-dir", "testdata", "x/a", "y/b.ko"}, plain(func(j *encodeJob) {
			j.files, j.outs = []string{"x/a", "y/b.ko"}, []string{"testdata/a.btf", "testdata/b.ko.btf"}
		}), ""},
		{"flat, compatible, no languages", []string{"-o", "out", "--array-style", "flat", "--compat=pahole", "--lang-exclude", "none", "a"},
			plain(func(j *encodeJob) {
				j.options.Flat, j.options.StyleOfBase, j.options.Compat, j.options.LangExclude = true, false, true, "none"
			}), ""},
		{"features and workers", []string{"-o", "out", "-j", "3", "--features", "+layout", "--base", "none", "a"},
			plain(func(j *encodeJob) { j.options.Jobs, j.options.Features, j.bases.named = 3, "+layout", "none" }), ""},
		{"output", []string{"-o", "out", "--stats", "--json", "--verify", "--fatal-warnings", "-v", "--report", "r", "a"},
			plain(func(j *encodeJob) {
				j.stats, j.json, j.verify, j.fatal, j.verbose, j.report = true, true, newVerifier(true), true, true, "r"
				j.options.Report = true
			}), ""},
		{"no file", []string{"-o", "out"}, nil, "encode: no FILE given"},
		{"into the files", []string{"a", "b"}, plain(func(j *encodeJob) {
			j.files, j.outs, j.inPlace, j.options.Again = []string{"a", "b"}, []string{"", ""}, true, true
		}), ""},
		{"base that must not be", []string{"--base", "none", "--require-base", "a"}, nil, "encode: --base none and --require-base exclude each other"},
		{"two outputs", []string{"-o", "out", "--out-dir", "d", "a"}, nil, "encode: -o and --out-dir exclude each other"},
		{"two files", []string{"-o", "out", "a", "b"}, nil, "encode: -o takes one FILE, there are 2: use --out-dir"},
		{"flag last", []string{"-o", "out", "a", "-v"}, nil, "encode: -v stands behind a FILE: flags come first (./-v names a file)"},
		{"same names", []string{"--out-dir", "testdata", "x/a", "y/a"}, nil, "encode: x/a and y/a both give testdata/a.btf"},
		{"directory that is not there", []string{"--out-dir", "d", "a"}, nil, "write d: no such file or directory"},
		{"report is the output", []string{"-o", "out", "--report", "out", "a"}, nil, "encode: --report and the output are both out"},
		{"input is the output", []string{"-o", "script_test.go", "script_test.go"}, nil, "encode: the output would replace script_test.go"},
		{"report of two", []string{"--out-dir", "testdata", "--report", "r", "a", "b"}, nil, "encode: --report takes one FILE"},
		{"json alone", []string{"-o", "out", "--json", "a"}, nil, "encode: --json goes with --stats"},
		{"no workers", []string{"-o", "out", "-j", "0", "a"}, nil, "encode: -j 0: the number of workers is at least 1"},
		{"array style", []string{"-o", "out", "--array-style", "round", "a"}, nil, `encode: --array-style "round" is neither nested nor flat`},
		{"compat", []string{"-o", "out", "--compat", "gcc", "a"}, nil, `encode: --compat "gcc": only pahole is known`},
		{"language", []string{"-o", "out", "--lang-exclude", "klingon", "a"}, nil, `encode: unknown language "klingon"`},
		{"base", []string{"-o", "out", "--base", "vmlinux", "--distill", "--base-fwd", "strict", "--max-base-misses", "0", "a"},
			plain(func(j *encodeJob) {
				j.bases.named, j.options.Distill, j.options.FwdPolicy, j.maxMisses = "vmlinux", true, btf.StrictFwds, 0
			}), ""},
		{"misses", []string{"-o", "out", "--max-base-misses", "-1", "a"}, nil, "encode: --max-base-misses -1 is less than 0"},
		{"policy", []string{"-o", "out", "--base-fwd", "lax", "a"}, nil, `encode: --base-fwd "lax" is neither accept nor strict`},
		{"a list that is not there", []string{"-o", "out", "@nowhere"}, nil, "open nowhere: no such file or directory"},
		{"unknown flag", []string{"--nope", "a"}, nil, "encode: flag provided but not defined: -nope"},
		{"bad number", []string{"-j", "x", "a"}, nil, `encode: invalid value "x" for flag -j: parse error`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got *encodeJob
			cmd := encodeCommand()
			cmd.Action = func(c *cli.Context) (err error) {
				got, err = encodeFlags(c)
				return err
			}
			app := &cli.App{Writer: io.Discard, ErrWriter: io.Discard, Commands: []*cli.Command{cmd}, ExitErrHandler: func(*cli.Context, error) {}}
			err := app.Run(append([]string{"btfgen", "encode"}, test.args...))
			if test.err != "" {
				var usage *usageError
				if err == nil || err.Error() != test.err || !errors.As(err, &usage) && !errors.Is(err, fs.ErrNotExist) {
					t.Fatalf("error %v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.want, got, cmp.AllowUnexported(encodeJob{}, bases{}, verifier{}), cmpopts.IgnoreFields(verifier{}, "mu"), cmpopts.IgnoreFields(bases{}, "mu", "found"), cmpopts.IgnoreUnexported(encode.Options{}), cmpopts.IgnoreFields(encode.Options{}, "Progress")); d != "" {
				t.Error(d)
			}
		})
	}
}
