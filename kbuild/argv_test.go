// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// record is a T for readArgv that keeps what options were set to.
type record []string

func recordOption(short byte, long string, argument argument) option[record] {
	return option[record]{short: short, long: long, argument: argument, value: "X", help: "help of " + long,
		set: func(r *record, value string) error {
			*r = append(*r, long+"="+value)
			if long == "stop" {
				return errDone
			}
			return nil
		}}
}

func recordOptions() []option[record] {
	return []option[record]{
		recordOption('J', "encode", noArgument),
		recordOption(0, "encode_detached", needsArgument),
		recordOption(0, "encode_force", noArgument),
		recordOption('j', "jobs", mayHaveArgument),
		recordOption('F', "format", needsArgument),
		recordOption('V', "verbose", noArgument),
		recordOption('s', "stop", noArgument),
	}
}

func TestReadArgv(t *testing.T) {
	tests := []struct {
		args     string
		set      string
		operands string
		err      string
	}{
		{"", "", "", ""},
		{"-J a", "encode=", "a", ""},
		{"a -J b --verbose c", "encode= verbose=", "a b c", ""},
		{"-J -- -V --nope", "encode=", "-V --nope", ""},
		{"-", "", "-", ""},
		{"-JV", "encode= verbose=", "", ""},
		{"-JFx", "encode= format=x", "", ""},
		{"-JF x", "encode= format=x", "", ""},
		{"-F -J", "format=-J", "", ""},
		{"-j -j4 -Jj8 a", "jobs= jobs=4 encode= jobs=8", "a", ""},
		{"-j 4", "jobs=", "4", ""},
		{"-j4V", "jobs=4V", "", ""},
		{"--jobs 4 --jobs=4", "jobs= jobs=4", "4", ""},
		{"--format x --format=y --format=", "format=x format=y format=", "", ""},
		{"--format=a=b", "format=a=b", "", ""},
		{"--form x --verb", "format=x verbose=", "", ""},
		{"--encode", "encode=", "", ""}, // also the beginning of others
		{"--encode_d --stop", "encode_detached=--stop", "", ""},
		{"-V --stop -J --nope", "verbose= stop=", "", "nothing else counts"},
		{"-Vs -k", "verbose= stop=", "", "nothing else counts"},
		{"--encode_", "", "", "option '--encode_' is ambiguous; possibilities: '--encode_detached' '--encode_force'"},
		{"--enc=x", "", "", "option '--enc=x' is ambiguous; possibilities: '--encode' '--encode_detached' '--encode_force'"},
		{"--nope=x", "", "", "unrecognized option '--nope'"},
		{"-V -Jk", "verbose= encode=", "", "invalid option -- 'k'"},
		{"--verb=3", "", "", "option '--verbose' doesn't allow an argument"},
		{"--form", "", "", "option '--format' requires an argument"},
		{"a -F", "", "a", "option requires an argument -- 'F'"},
	}
	for _, test := range tests {
		var set record
		operands, err := readArgv(strings.Fields(test.args), recordOptions(), &set)
		if got := strings.Join(set, " "); got != test.set {
			t.Errorf("%q sets %q, want %q", test.args, got, test.set)
		}
		if got := strings.Join(operands, " "); got != test.operands {
			t.Errorf("%q has the operands %q, want %q", test.args, got, test.operands)
		}
		var argv *argvError
		switch {
		case test.err == "" && err == nil:
		case test.err == "" || err == nil, err.Error() != test.err, !errors.As(err, &argv) && !errors.Is(err, errDone):
			t.Errorf("%q: error %v, want %q", test.args, err, test.err)
		}
	}
}

func TestOptionHelp(t *testing.T) {
	options := []option[record]{recordOption('J', "encode", noArgument), recordOption('j', "jobs", mayHaveArgument),
		recordOption(0, "base", needsArgument), {long: "hidden"}}
	const want = "  -J, --encode                                 help of encode\n" +
		"  -j, --jobs[=X]                               help of jobs\n" +
		"      --base=X                                 help of base\n"
	if d := cmp.Diff(want, optionHelp(options)); d != "" {
		t.Error(d)
	}
}

// FuzzReadArgv: whatever the words, each is an option, the argument of one, or an operand; and the words that
// were understood, written out one by one, are understood the same.
func FuzzReadArgv(f *testing.F) {
	for _, s := range []string{"-J\x00a", "-JFx\x00-j4\x00--\x00-V", "--enc=x", "--form\x00", "--\x00\x00-", "-\xff", "--=", "a\x00--jobs=\x00-F"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words := strings.Split(line, "\x00")
		var set record
		operands, err := readArgv(words, recordOptions(), &set)
		var argv *argvError
		if err != nil && !errors.As(err, &argv) && !errors.Is(err, errDone) {
			t.Fatalf("%q: error %v", words, err)
		}
		for _, o := range operands {
			if !slices.Contains(words, o) {
				t.Fatalf("%q has the operand %q", words, o)
			}
		}
		if err != nil {
			return
		}
		var again []string
		for _, s := range set {
			name, value, _ := strings.Cut(s, "=")
			switch {
			case name == "jobs" && value == "", name != "jobs" && name != "format" && name != "encode_detached":
				again = append(again, "--"+name)
			default:
				again = append(again, "--"+name+"="+value)
			}
		}
		again = append(append(again, "--"), operands...)
		var set2 record
		operands2, err := readArgv(again, recordOptions(), &set2)
		if err != nil || !slices.Equal(set, set2) || !slices.Equal(operands, operands2) {
			t.Fatalf("%q gives %q and %q, but %q gives %q and %q, error %v", words, set, operands, again, set2, operands2, err)
		}
	})
}
