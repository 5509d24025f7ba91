// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"reflect"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/btfgen/btfgen/encode"
	"github.com/btfgen/btfgen/kbuild"
)

// TestPersonality: which program a command line is for.
func TestPersonality(t *testing.T) {
	tests := []struct {
		args   []string
		pahole bool
		rest   []string
	}{
		{[]string{"/usr/bin/pahole", "-J", "a"}, true, []string{"-J", "a"}},
		{[]string{"./btfgen-pahole"}, true, []string{}},
		{[]string{"btfgen", "pahole", "-j4", "a"}, true, []string{"-j4", "a"}},
		{[]string{"pahole", "pahole"}, true, []string{"pahole"}},
		{[]string{"btfgen", "encode", "pahole"}, false, nil},
		{[]string{"btfgen", "-v", "pahole"}, false, nil},
		{[]string{"btfgen"}, false, nil},
		{[]string{""}, false, nil},
		{[]string{"pahole-1.32"}, false, nil},
	}
	for _, test := range tests {
		program, rest := personality(test.args)
		is := program != nil && reflect.ValueOf(program).Pointer() == reflect.ValueOf(paholeMain).Pointer()
		if is != test.pahole || program == nil != !test.pahole {
			t.Errorf("%q: pahole is %v", test.args, is)
		}
		if d := cmp.Diff(test.rest, rest); test.pahole && d != "" {
			t.Errorf("%q: %s", test.args, d)
		}
	}
}

// TestPaholeOptions: what of a command line gets to Encode.
func TestPaholeOptions(t *testing.T) {
	always := encode.Options{Jobs: 1, Features: "var", LangExclude: "none", StyleOfBase: true, Again: true, Compat: true}
	with := func(change func(*encode.Options)) encode.Options { o := always; change(&o); return o }
	tests := []struct {
		name string
		in   kbuild.Pahole
		want encode.Options
	}{
		{"plain", kbuild.Pahole{Jobs: 1}, always},
		{"all processors", kbuild.Pahole{}, with(func(o *encode.Options) { o.Jobs = defaultJobs() })},
		{"no more than those", kbuild.Pahole{Jobs: 1000 * runtime.NumCPU()}, with(func(o *encode.Options) { o.Jobs = defaultJobs() })},
		{"flat", kbuild.Pahole{Jobs: 1, Flat: true}, with(func(o *encode.Options) { o.Flat = true })},
		{"distilled", kbuild.Pahole{Jobs: 1, Distill: true}, with(func(o *encode.Options) { o.Distill = true })},
		{"report", kbuild.Pahole{Jobs: 1, Verbose: true}, with(func(o *encode.Options) { o.Report = true })},
	}
	for _, test := range tests {
		test.in.Features, test.in.LangExclude = "var", "none"
		got := paholeOptions(&test.in)
		if d := cmp.Diff(test.want, got, cmpopts.IgnoreUnexported(encode.Options{}), cmpopts.IgnoreFields(encode.Options{}, "Progress")); d != "" {
			t.Errorf("%s: %s", test.name, d)
		}
	}
}
