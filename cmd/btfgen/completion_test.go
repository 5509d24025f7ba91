// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// completionOf returns what btfgen completion prints.
func completionOf(t *testing.T, shell string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if exit := run([]string{"btfgen", "completion", shell}, &stdout, &stderr); exit != exitOK || stderr.Len() > 0 {
		t.Fatalf("exit code %d: %s", exit, stderr.String())
	}
	return stdout.String()
}

func TestCompletionTable(t *testing.T) {
	var program commandRow
	if err := json.Unmarshal([]byte(completionOf(t, "json")), &program); err != nil {
		t.Fatal(err)
	}
	if program.Name != "btfgen" || program.Version != version {
		t.Errorf("the program is %s %s", program.Name, program.Version)
	}
	for _, name := range []string{"encode", "distill", "relocate", "completion"} {
		if !slices.Contains(names(program.Commands), name) {
			t.Errorf("no command %s", name)
		}
	}
	program.each(nil, func(path []string, c commandRow) {
		if c.Usage == "" {
			t.Errorf("btfgen %s: no usage", strings.Join(path, " "))
		}
		help := 0
		for _, f := range c.Flags {
			if f.Usage == "" || strings.Contains(f.Usage, "`") {
				t.Errorf("btfgen %s: flag %v: usage %q", strings.Join(path, " "), f.Names, f.Usage)
			}
			if isHelp(f) {
				help++
			}
		}
		if help != 1 {
			t.Errorf("btfgen %s: --help is listed %d times", strings.Join(path, " "), help)
		}
	})
	encode := program.Commands[slices.Index(names(program.Commands), "encode")]
	for _, want := range []flagRow{
		{Names: []string{"--out-dir"}, Value: "DIR", Usage: "write DIR/NAME.btf for each FILE"},
		{Names: []string{"--lang-exclude"}, Value: "LIST", Default: "rust", Usage: `leave out units of the languages in LIST; "none" leaves out no unit`},
		{Names: []string{"--verify"}, Usage: "read the output back with an independent parser before writing it"},
	} {
		i := slices.IndexFunc(encode.Flags, func(f flagRow) bool { return f.Names[0] == want.Names[0] })
		if i < 0 {
			t.Errorf("no flag %s", want.Names[0])
		} else if diff := cmp.Diff(want, encode.Flags[i]); diff != "" {
			t.Errorf("flag %s (-want +got):\n%s", want.Names[0], diff)
		}
	}
}

// sample is a program with two levels of commands, and texts that shells would take for syntax.
var sample = commandRow{Name: "prog", Usage: "do it", Flags: []flagRow{{Names: []string{"--help", "-h"}, Usage: "show help"}},
	Commands: []commandRow{
		{Name: "make", Usage: "make $(false) [it]: the file's `x`", Args: "FILE...", Flags: []flagRow{
			{Names: []string{"--base"}, Value: "BASE", Usage: "on \"BASE\"; not 'that'"},
			{Names: []string{"--big"}, Usage: "big"},
			{Names: []string{"-j"}, Value: "N", Usage: "N workers"}}},
		{Name: "tree", Usage: "trees", Commands: []commandRow{{Name: "show", Usage: "show one", Args: "a|b"}, {Name: "fell", Usage: "fell one", Args: "DIR"}}},
	}}

func TestCompletionBash(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		if os.Getenv("BTFGEN_REQUIRE_TOOLS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	var script strings.Builder
	writeBash(&script, sample)
	for _, tt := range []struct {
		words string // of the command line, the last one being completed
		want  string
	}{
		{"prog ", "make tree"},
		{"prog m", "make"},
		{"prog --", "--help"},
		{"prog x", ""},
		{"prog make --b", "--base --big"},
		{"prog make --base ", ""}, // files, which bash adds
		{"prog make --base = ", ""},
		{"prog make --base = f", ""},
		{"prog make --base f --bi", "--big"},
		{"prog make -", "--base --big -j"},
		{"prog tree ", "show fell"},
		{"prog tree show ", "a b"},
		{"prog tree fell ", ""},
		{"prog make tree sho", ""}, // an operand of make
	} {
		const ask = `eval "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _prog; echo "${COMPREPLY[*]}"`
		args := append([]string{"--norc", "-c", ask, "bash", script.String()}, strings.Split(tt.words, " ")...)
		out, err := exec.Command(bash, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v: %s", tt.words, err, out)
		}
		if got := strings.TrimSpace(string(out)); got != tt.want {
			t.Errorf("%q completes to %q, want %q", tt.words, got, tt.want)
		}
	}
}

// TestCompletionQuotes looks at words for zsh and fish, which scripts/check-packages.sh runs.
func TestCompletionQuotes(t *testing.T) {
	var zsh, fish strings.Builder
	writeZsh(&zsh, sample)
	writeFish(&fish, sample)
	for _, tt := range []struct{ script, want string }{
		{zsh.String(), `'make:make $(false) [it]: the file'\''s ` + "`x`'"},
		{zsh.String(), `'--base=[on "BASE"; not '\''that'\'']:BASE:_files'`},
		{zsh.String(), `'-j[N workers]:N: '`},
		{zsh.String(), `'(--help -h)'{--help,-h}'[show help]'`},
		{zsh.String(), `'*:FILE...:_files'`},
		{zsh.String(), `'*:a|b:(a b)'`},
		{zsh.String(), `'*:DIR:_files -/'`},
		{fish.String(), `complete -c prog -n '__fish_seen_subcommand_from make' -l base -r -F -d 'on "BASE"; not '\''that'\'''` + "\n"},
		{fish.String(), "complete -c prog -n '__fish_seen_subcommand_from make' -s j -x -d 'N workers'\n"},
		{fish.String(), "complete -c prog -n '__fish_use_subcommand' -l help -s h -d 'show help'\n"},
		{fish.String(), "complete -c prog -n '__fish_seen_subcommand_from tree; and __fish_seen_subcommand_from show' -f -a 'a b'\n"},
	} {
		if !strings.Contains(tt.script, tt.want) {
			t.Errorf("there is no %s in\n%s", tt.want, tt.script)
		}
	}
}

func TestCompletionUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"tcsh"}, {"bash", "zsh"}, {"json", "bash"}} {
		var stdout, stderr bytes.Buffer
		exit := run(append([]string{"btfgen", "completion"}, args...), &stdout, &stderr)
		if want := "btfgen: completion: name one of bash, fish, zsh and json\n"; exit != exitUsage || stderr.String() != want || stdout.Len() > 0 {
			t.Errorf("%q: exit code %d, %q", args, exit, stderr.String())
		}
	}
}
