// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Command mkman writes the manual pages of btfgen, in mdoc(7), into a folder: btfgen.1, and btfgen-COMMAND.1 for
// each command. Commands and flags come from btfgen itself, so they are those of that build:
//
//	btfgen completion json | mkman [-date SECONDS] DIR
//
// What no flag's text says (examples, files, exit codes) is in extra/COMMAND.mdoc. The pages depend on nothing else,
// so the same input gives the same bytes.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// command is a command in the output of btfgen completion json. The outermost is the program.
type command struct {
	Name, Version, Usage, Args, Description string

	Flags    []option
	Commands []command
}

type option struct {
	Names                 []string // with hyphens
	Value, Default, Usage string
}

func main() {
	date := flag.Int64("date", 0, "date of the pages, in `SECONDS` since 1970; SOURCE_DATE_EPOCH in scripts/package.sh")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: btfgen completion json | mkman [-date SECONDS] DIR")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(os.Stdin, flag.Arg(0), time.Unix(*date, 0).UTC()); err != nil {
		fmt.Fprintln(os.Stderr, "mkman:", err)
		os.Exit(1)
	}
}

// run writes a page for the program that r describes and one for each of its commands.
func run(r io.Reader, dir string, date time.Time) error {
	var program command
	if err := json.NewDecoder(r).Decode(&program); err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	if program.Name == "" || len(program.Commands) == 0 {
		return fmt.Errorf("standard input: no program with commands")
	}
	pages := map[string]string{program.Name: programPage(program, date)}
	for _, c := range program.Commands {
		pages[program.Name+"-"+c.Name] = commandPage(program, c, date)
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(dir, name+".1"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
