// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// commandRow is a command as completion scripts and manual pages see it: plain text, no markup of the flag parser.
type commandRow struct {
	Name        string       `json:"name"`
	Version     string       `json:"version,omitempty"` // of the program, for the program itself
	Usage       string       `json:"usage"`             // one phrase
	Args        string       `json:"args,omitempty"`    // what stands behind the flags
	Description string       `json:"description,omitempty"`
	Flags       []flagRow    `json:"flags,omitempty"`
	Commands    []commandRow `json:"commands,omitempty"`
}

// flagRow is a flag of a command.
type flagRow struct {
	Names   []string `json:"names"`           // as typed, with hyphens
	Value   string   `json:"value,omitempty"` // what the value is called, "" if there is none
	Default string   `json:"default,omitempty"`
	Usage   string   `json:"usage"`
}

// shells maps a shell to what writes its script.
var shells = map[string]func(*strings.Builder, commandRow){"bash": writeBash, "fish": writeFish, "zsh": writeZsh}

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:            "completion",
		HideHelpCommand: true,
		OnUsageError:    func(_ *cli.Context, err error, _ bool) error { return usagef("completion: %v", err) },
		Usage:           "print the script that completes command lines in a shell",
		ArgsUsage:       "bash|fish|zsh|json",
		Description: "bash: source the output, or save it as btfgen in bash-completion's folder. zsh: save it as _btfgen in a folder\n" +
			"of fpath. fish: save it as btfgen.fish in a folder of fish_complete_path. json: the commands and flags themselves.",
		Action: func(c *cli.Context) error {
			program, what := programRow(c.App), c.Args().First()
			if c.NArg() == 1 && what == "json" {
				e := json.NewEncoder(c.App.Writer)
				e.SetEscapeHTML(false)
				e.SetIndent("", "\t")
				return e.Encode(program)
			}
			write := shells[what]
			if c.NArg() != 1 || write == nil {
				return usagef("completion: name one of bash, fish, zsh and json")
			}
			var b strings.Builder
			write(&b, program)
			_, err := io.WriteString(c.App.Writer, b.String())
			return err
		},
	}
}

// programRow describes the program with all its commands, in the order of its help.
func programRow(app *cli.App) commandRow {
	return commandRow{Name: app.Name, Version: app.Version, Usage: app.Usage, Description: app.Description,
		Flags: flagRows(app.Flags), Commands: commandRows(app.Commands)}
}

func commandRows(commands []*cli.Command) []commandRow {
	var rows []commandRow
	for _, c := range commands {
		if c.Hidden || c.Name == "help" {
			continue
		}
		rows = append(rows, commandRow{Name: c.Name, Usage: c.Usage, Args: c.ArgsUsage, Description: c.Description,
			Flags: flagRows(c.Flags), Commands: commandRows(c.Subcommands)})
	}
	return rows
}

// flagRows describes the flags that help lists, in its order, with --help at the end whether the parser has added it
// already or not: it does so for the command that is run alone.
func flagRows(flags []cli.Flag) []flagRow {
	var rows []flagRow
	for _, f := range append(slices.Clip(flags), cli.HelpFlag) {
		d, ok := f.(cli.DocGenerationFlag)
		v, hides := f.(cli.VisibleFlag)
		if !ok || hides && !v.IsVisible() || f == cli.HelpFlag && slices.ContainsFunc(rows, isHelp) {
			continue
		}
		row := flagRow{}
		for _, name := range f.Names() {
			row.Names = append(row.Names, hyphens(name)+name)
		}
		row.Value, row.Usage = placeholder(d.GetUsage())
		if !d.TakesValue() {
			row.Value = ""
		} else {
			row.Value = cmp.Or(row.Value, "VALUE")
			if row.Default = strings.Trim(d.GetDefaultText(), `"`); row.Default == "0" {
				row.Default = "" // that of numbers which have none
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func isHelp(row flagRow) bool { return slices.Contains(row.Names, "--help") }

func hyphens(name string) string {
	if len(name) == 1 {
		return "-"
	}
	return "--"
}

// placeholder returns the word in backquotes, by which the flag parser's usage texts name a flag's value, and the text
// without backquotes.
func placeholder(usage string) (word, text string) {
	if before, rest, ok := strings.Cut(usage, "`"); ok {
		if word, after, ok := strings.Cut(rest, "`"); ok {
			return word, before + word + after
		}
	}
	return "", usage
}

// completes tells what a shell offers for a flag's value: "file", "dir" or nothing.
func (f flagRow) completes() string {
	switch f.Value {
	case "N", "X.Y", "STYLE", "TOOL", "POLICY", "RULES":
		return ""
	case "DIR", "FOLDER":
		return "dir"
	}
	return "file"
}

// operands tells what a shell offers behind the flags: "file", "dir", or the words that the argument is one of.
func (c commandRow) operands() (kind string, words []string) {
	arg := strings.Trim(c.Args, "[]. ")
	switch {
	case strings.Contains(arg, "|"):
		return "words", strings.Split(arg, "|")
	case strings.HasSuffix(arg, "DIR"):
		return "dir", nil
	case arg == "":
		return "", nil
	}
	return "file", nil
}

// each calls f for a command and all below it, with the words that lead to each, the program's own name not among them.
func (c commandRow) each(path []string, f func(path []string, c commandRow)) {
	f(path, c)
	for _, sub := range c.Commands {
		sub.each(append(slices.Clip(path), sub.Name), f)
	}
}
