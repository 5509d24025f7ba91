// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/encode"
)

// listOf returns the names of a list that are features, in the order of the table.
func listOf(names string) string {
	var out []string
	for _, name := range encode.FeatureNames() {
		if strings.Contains(","+names+",", ","+name+",") {
			out = append(out, name)
		}
	}
	return strings.Join(out, ",")
}

var (
	legacyFeatures  = "var,decl_tag,type_tag,enum64"
	defaultFeatures = strings.Join(encode.DefaultFeatures(), ",")
	allFeatures     = strings.Replace(strings.Join(encode.FeatureNames(), ","), "distilled_base,", "", 1)
)

// kernelList is what kernels ask for from 6.8 on; until 7.2 with decl_tag_kfuncs.
const kernelList = "encode_force,var,float,enum64,decl_tag,type_tag,optimized_func,consistent_func"

// TestPaholeKernels has the command lines of kernel releases.
func TestPaholeKernels(t *testing.T) {
	tests := []struct {
		name string
		args string
		want Pahole
	}{
		{"5.15, pahole 1.20", "-J --skip_encoding_btf_vars .tmp_vmlinux.btf",
			Pahole{File: ".tmp_vmlinux.btf", Jobs: 1, Features: listOf("decl_tag,type_tag,enum64")}},
		{"5.15, module", "-J --btf_gen_floats -j --skip_encoding_btf_enum64 --btf_base vmlinux fs/ext4/ext4.ko",
			Pahole{File: "fs/ext4/ext4.ko", Base: "vmlinux", Features: listOf("var,decl_tag,type_tag,float")}},
		{"6.1", "-J --btf_gen_floats -j --lang_exclude=rust --skip_encoding_btf_inconsistent_proto --btf_gen_optimized .tmp_vmlinux.btf",
			Pahole{File: ".tmp_vmlinux.btf", LangExclude: "rust", Features: listOf(legacyFeatures + ",float,consistent_func,optimized_func")}},
		{"6.12", "-J -j --btf_features=" + kernelList + ",decl_tag_kfuncs --lang_exclude=rust .tmp_vmlinux1",
			Pahole{File: ".tmp_vmlinux1", LangExclude: "rust", Features: listOf(kernelList + ",decl_tag_kfuncs")}},
		{"6.12, M=", "-J -j --btf_features=" + kernelList + ",decl_tag_kfuncs --lang_exclude=rust --btf_features=distilled_base --btf_base vmlinux x.ko",
			Pahole{File: "x.ko", Base: "vmlinux", LangExclude: "rust", Features: listOf(kernelList + ",decl_tag_kfuncs,distilled_base"), Distill: true}},
		{"6.12, timestamp", "-J -j --btf_features=" + kernelList + ",decl_tag_kfuncs -j --btf_features=+reproducible_build vmlinux",
			Pahole{File: "vmlinux", Features: listOf(kernelList + ",decl_tag_kfuncs,reproducible_build")}},
		{"6.18", "-J -j8 --btf_features=" + kernelList + ",decl_tag_kfuncs --btf_features=attributes --lang_exclude=rust x",
			Pahole{File: "x", Jobs: 8, LangExclude: "rust", Features: listOf(kernelList + ",decl_tag_kfuncs,attributes")}},
		{"7.2, module", "-J -j4 --btf_features=" + kernelList + ",decl_tag_kfuncs -j4 --btf_features=attributes --btf_features=layout --lang_exclude=rust" +
			" --btf_base /b/vmlinux --btf_encode_detached=x.ko.BTF.1 x.ko",
			Pahole{File: "x.ko", Base: "/b/vmlinux", Detached: "x.ko.BTF.1", Jobs: 4, LangExclude: "rust",
				Features: listOf(kernelList + ",decl_tag_kfuncs,attributes,layout")}},
		{"7.3", "-J -j --btf_features=" + kernelList + " -j --btf_features=layout --lang_exclude=rust --btf_encode_detached=.tmp_vmlinux1.BTF.1 .tmp_vmlinux1",
			Pahole{File: ".tmp_vmlinux1", Detached: ".tmp_vmlinux1.BTF.1", LangExclude: "rust", Features: listOf(kernelList + ",layout")}},
		{"7.3, pahole 1.25", "-J --btf_gen_floats -j16 --lang_exclude=rust --skip_encoding_btf_inconsistent_proto --btf_gen_optimized --btf_encode_detached=o x",
			Pahole{File: "x", Detached: "o", Jobs: 16, LangExclude: "rust", Features: listOf(legacyFeatures + ",float,consistent_func,optimized_func")}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.want.LangExclude == "" {
				test.want.LangExclude = "none"
			}
			got, err := parsePahole(strings.Fields(test.args), environment())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(&test.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// environment returns a Getenv of the variables NAME=VALUE.
func environment(vars ...string) func(string) string {
	return func(name string) string {
		for _, v := range vars {
			if value, ok := strings.CutPrefix(v, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

// TestPaholeFeatures: which features are on after a command line.
func TestPaholeFeatures(t *testing.T) {
	tests := []struct{ args, want string }{
		{"", legacyFeatures},
		{"--btf_gen_floats --btf_encode_force --btf_attributes --reproducible_build", legacyFeatures + ",float,encode_force,attributes,reproducible_build"},
		{"--skip_encoding_btf_vars --skip_encoding_btf_decl_tag --skip_encoding_btf_type_tag --skip_encoding_btf_enum64", ""},
		{"--btf_features=float", "float"},
		{"--features=float --btf_features=var", "float,var"},
		{"--btf_features float --btf_features_strict var,,layout", "float,var,layout"},
		{"--btf_features=default", defaultFeatures},
		{"--btf_features=+layout", defaultFeatures + ",layout"},
		{"--btf_features=layout,default", defaultFeatures + ",layout"},
		{"--btf_features_strict=default", defaultFeatures},
		{"--btf_features=layout,+float", "layout"}, // + is special in front only
		{"--btf_features=", ""},
		{"--btf_features=nonsense", ""},
		{"--btf_features=nonsense,float,Float", "float"},
		{"--btf_features=all", allFeatures},
		{"--btf_features_strict=float,all", allFeatures},
		{"--btf_gen_all", allFeatures},
		{"--btf_gen_all --btf_features=float", allFeatures},
		// The first list turns off what was on; what follows it counts.
		{"--btf_gen_floats --btf_features=var", "var"},
		{"--btf_features=var --btf_gen_floats", "var,float"},
		{"--btf_features=default --skip_encoding_btf_vars", strings.Replace(defaultFeatures, "var,", "", 1)},
		{"--skip_encoding_btf_vars --btf_features=default", defaultFeatures},
		{"--btf_features=global_var --skip_encoding_btf_vars", "global_var"},
		{"--skip_encoding_btf_inconsistent_proto --btf_features=var", "var"},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			p, err := parsePahole(append(strings.Fields(test.args), "-J", "x"), environment())
			if err != nil {
				t.Fatal(err)
			}
			want := listOf(test.want)
			if want == "" {
				want = ","
			}
			if p.Features != want {
				t.Errorf("features %s, want %s", p.Features, want)
			}
			options := encode.Options{Features: p.Features}
			if err := options.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPaholeValues: the options that have a value, and the environment.
func TestPaholeValues(t *testing.T) {
	tests := []struct {
		name, args, env string
		want            Pahole
	}{
		{"one worker", "-J x", "", Pahole{Jobs: 1}},
		{"workers", "-J x -j", "", Pahole{}},
		{"long", "-J x --jobs=3 --jobs", "", Pahole{}},
		{"the last", "-J x -j8 -j3", "", Pahole{Jobs: 3}},
		{"no workers", "-J x -j0", "", Pahole{Jobs: 1}},
		{"less than none", "-J x --jobs=-4", "", Pahole{Jobs: 1}},
		{"no number", "-J x -j4x", "", Pahole{Jobs: 1}},
		{"too many digits", "-J x -j99999999999999999999", "", Pahole{Jobs: 1<<63 - 1}},
		{"operand first", "x -JV", "", Pahole{Jobs: 1, Verbose: true}},
		{"cut short", "x --btf_encode_d y --lang_e=c11,Rust --btf_b z", "", Pahole{Jobs: 1, Detached: "y", LangExclude: "c11,Rust", Base: "z"}},
		{"languages", "-J x", "PAHOLE_LANG_EXCLUDE=rust", Pahole{Jobs: 1, LangExclude: "rust"}},
		{"option before environment", "-J x --lang_exclude=c --lang_exclude=c++", "PAHOLE_LANG_EXCLUDE=klingon", Pahole{Jobs: 1, LangExclude: "c++"}},
		{"unknown features", "-J x --btf_features=early -V --btf_features=a,var,b", "",
			Pahole{Jobs: 1, Verbose: true, Features: "var", Notes: []string{"Ignoring unsupported feature 'a'", "Ignoring unsupported feature 'b'"}}},
		{"older version", "-J x", "BTFGEN_PAHOLE_VERSION=1.31", Pahole{Jobs: 1, Flat: true}},
		{"version as option", "-J x --btfgen_pahole_version v1.32", "BTFGEN_PAHOLE_VERSION=1.25", Pahole{Jobs: 1}},
		{"no effect", "-J -Fctf,dwarf --hashbits=31 --fixup_silly_bitfields -- x", "", Pahole{Jobs: 1}},
		{"detached: no distilled base", "--btf_encode_detached=y x --btf_features=distilled_base", "", Pahole{Jobs: 1, Detached: "y", Features: "distilled_base"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.want.File = "x"
			if test.want.Features == "" {
				test.want.Features = listOf(legacyFeatures)
			}
			if test.want.LangExclude == "" {
				test.want.LangExclude = "none"
			}
			got, err := parsePahole(strings.Fields(test.args), environment(test.env))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(&test.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestPaholeText: what is printed instead of encoding.
func TestPaholeText(t *testing.T) {
	tests := []struct{ args, env, want string }{
		{"--version", "", "v1.32\n"},
		{"--version --nope", "", "v1.32\n"},
		{"--vers", "BTFGEN_PAHOLE_VERSION=1.25", "v1.25\n"},
		{"--btfgen_pahole_version=v1.24 --version", "BTFGEN_PAHOLE_VERSION=1.25", "v1.24\n"},
		{"--numeric_version", "", "132\n"},
		{"--numeric_version -J x y", "BTFGEN_PAHOLE_VERSION=1.25", "125\n"},
		{"-J --supported_btf_features -k", "", strings.Join(encode.FeatureNames(), ",") + "\n"},
		{"--usage", "", "Usage: pahole -J [OPTION...] FILE\n"},
	}
	for _, test := range tests {
		got, err := parsePahole(strings.Fields(test.args), environment(test.env))
		if err != nil {
			t.Errorf("%s: %v", test.args, err)
			continue
		}
		if d := cmp.Diff(&Pahole{Text: test.want}, got); d != "" {
			t.Errorf("%s: %s", test.args, d)
		}
	}
	for _, arg := range []string{"--help", "-?"} {
		p, err := parsePahole([]string{arg}, environment())
		if err != nil {
			t.Fatal(err)
		}
		// What scripts of the kernel look for, and the options of its flags.
		for _, want := range []string{"BTF", "--btf_encode_detached=", "--btf_features=", "--lang_exclude=", "--btf_gen_floats", "-j, --jobs[=N]"} {
			if !strings.Contains(p.Text, want) {
				t.Errorf("%s does not tell of %s", arg, want)
			}
		}
	}
}

func TestPaholeErrors(t *testing.T) {
	const (
		hint    = "\nTry `pahole --help' for more information."
		printed = ": btfgen, which stands in for pahole, encodes BTF; to print types run pahole of the package dwarves"
		unknown = ": btfgen, which stands in for pahole, does not know this option of pahole"
	)
	tests := []struct {
		args, env string
		exit      int
		want      string
	}{
		{"--nope", "", 64, "pahole: unrecognized option '--nope'" + hint},
		{"--nope --version", "", 64, "pahole: unrecognized option '--nope'" + hint},
		{"-J x -k", "", 64, "pahole: invalid option -- 'k'" + hint},
		{"-J x --btf_base", "", 64, "pahole: option '--btf_base' requires an argument" + hint},
		{"-J x --btf_feat=var", "", 64, "pahole: option '--btf_feat=var' is ambiguous; possibilities: '--btf_features' '--btf_features_strict'" + hint},
		{"-J x --s", "", 64, ""}, // a list
		{"-J", "", 64, "pahole: no FILE to encode\nUsage: pahole -J [OPTION...] FILE"},
		{"-J x y", "", 64, "pahole: one FILE can be encoded at a time, there are 2: x y"},
		{"", "", 64, "pahole: btfgen stands in for it and encodes BTF (-J); to print types run pahole of the package dwarves"},
		{"x", "", 64, "pahole: btfgen stands in for it and encodes BTF (-J); to print types run pahole of the package dwarves"},
		{"-C task_struct x", "", 64, "pahole: option '--class_name'" + printed},
		{"-J x --sort", "", 64, "pahole: option '--sort'" + printed},
		{"-J x --expand_t", "", 64, "pahole: option '--expand_types'" + printed},
		{"-J x -T", "", 64, "pahole: option '--nr_definitions'" + printed},
		{"-J x --lang=c11", "", 64, "pahole: option '--lang'" + unknown},
		{"-J x --kabi_prefix=a", "", 64, "pahole: option '--kabi_prefix'" + unknown},
		{"-J x -X drivers/", "", 64, "pahole: option '--cu_exclude'" + unknown},
		{"-J x -Z", "", 64, "pahole: option '--ctf_encode'" + unknown},
		{"-J x --btf_base=", "", 1, "pahole: option '--btf_base' names no file"},
		{"--btf_encode_detached= x", "", 1, "pahole: option '--btf_encode_detached' names no file"},
		{"-J x --lang_exclude=c,klingon", "", 1, `pahole: unknown language "klingon"`},
		{"--numeric_version", "PAHOLE_LANG_EXCLUDE=klingon", 1, `pahole: unknown language "klingon"`},
		{"-J x --hashbits=32", "", 1, "Invalid --hashbits value (32) should be less than 32"},
		{"-J x --hashbits=x", "", 1, "Invalid --hashbits value (x) should be less than 32"},
		{"-J x -F btf", "", 1, `pahole: --format_path "btf": BTF is encoded from dwarf only`},
		{"-J x --btf_features_strict=var,+nope", "", 1, "Feature '+nope' in 'var,+nope' is not supported.  Supported BTF features are:\n" + strings.Join(encode.FeatureNames(), ",")},
		{"-J x --btf_features=distilled_base", "", 1, "pahole: feature distilled_base: there is no --btf_base to distill"},
		{"--version", "BTFGEN_PAHOLE_VERSION=1.9", 1, `pahole: BTFGEN_PAHOLE_VERSION: "1.9" is no version such as 1.32`},
		{"--btfgen_pahole_version=132 --version", "", 1, `pahole: --btfgen_pahole_version: "132" is no version such as 1.32`},
		{"--btfgen_pahole_version=0.99", "", 1, `pahole: --btfgen_pahole_version: "0.99" is no version such as 1.32`},
		{"--btfgen_pahole_version=1.-3", "", 1, `pahole: --btfgen_pahole_version: "1.-3" is no version such as 1.32`},
	}
	for _, test := range tests {
		p, err := parsePahole(strings.Fields(test.args), environment(test.env))
		var pe *PaholeError
		if p != nil || !errors.As(err, &pe) {
			t.Errorf("%s: %+v, error %v", test.args, p, err)
			continue
		}
		if pe.Exit != test.exit || pe.Text != test.want && test.want != "" {
			t.Errorf("%s: %d, %s\nwant %d, %s", test.args, pe.Exit, pe.Text, test.exit, test.want)
		}
	}
}

// TestPaholeOptions: each name is there once.
func TestPaholeOptions(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range paholeOptions() {
		names := []string{"--" + o.long}
		if o.short != 0 {
			names = append(names, "-"+string(rune(o.short)))
		}
		for _, name := range names {
			if seen[name] {
				t.Errorf("%s is there twice", name)
			}
			seen[name] = true
		}
	}
}

// FuzzParsePahole: any words give either something to do or an error with a text and a status.
func FuzzParsePahole(f *testing.F) {
	f.Add("-J\x00-j8\x00--btf_features=+layout,x\x00--btf_base\x00a\x00b", "")
	f.Add("--version", "1.25")
	f.Add("--btf_encode_detached=\x00--lang_exclude=rust,,C\x00-", "v9.99")
	f.Add("--btf_features_strict=all,\x00-JZ", "\xff")
	f.Fuzz(func(t *testing.T, line, version string) {
		p, err := parsePahole(strings.Split(line, "\x00"), environment("BTFGEN_PAHOLE_VERSION="+version))
		var pe *PaholeError
		if errors.As(err, &pe) {
			if p != nil || pe.Text == "" || pe.Exit != paholeFailure && pe.Exit != paholeUsage {
				t.Fatalf("%+v, error %+v", p, pe)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.Text == "" {
			options := encode.Options{Features: p.Features, LangExclude: p.LangExclude}
			if err := options.Check(); err != nil || p.Jobs < 0 {
				t.Fatalf("%+v: %v", p, err)
			}
		}
	})
}
