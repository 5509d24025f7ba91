// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Btfcompare compares two BTF blobs by structure: type IDs, string offsets and
// order do not count. It is the check that an encoding says what another tool's
// encoding of the same file says.
//
//	btfcompare [flags] A B
//
// Types are compared at two levels. Nominal: everything inside a type counts,
// but a reference to a named struct, union or enum counts by its name alone, so
// that a difference shows where it is and not in all that leads there. Variant:
// the same, but where a blob holds several types of one name the reference counts
// by what it points to. A third level, where nothing is cut short, is only
// counted: it tells how many types of a blob could still be merged.
//
// What differs is paired by name, told with its first difference, and matched
// with an allow-list (see rule). Types that differ only because of another item
// are counted as derived.
//
// Exit status: 0 if nothing is left unexplained, 1 if something is, 2 for bad
// usage or input.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/btfgen/btfgen/internal/btf"
)

func main() {
	open, err := run(os.Args[1:], os.Stdout)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "btfcompare:", err)
		os.Exit(2)
	case open > 0:
		os.Exit(1)
	}
}

// run does one comparison and returns the number of unexplained differences.
func run(args []string, w io.Writer) (int, error) {
	fs := flag.NewFlagSet("btfcompare", flag.ContinueOnError)
	c := config{ignore: make(map[btf.Kind]bool)}
	fs.IntVar(&c.show, "n", 5, "print the first `K` differences of each kind and place")
	fs.BoolVar(&c.list, "list", false, "print nothing but a line PLACE KIND NAME per unexplained difference")
	flat := fs.Bool("flat-arrays", false, "multiply out nested dimensions on both sides")
	base := fs.String("base", "", "both blobs are split BTF on this `FILE`")
	level := fs.String("level", "variant", "what decides: variant or nominal")
	fs.Func("ignore-kinds", "leave these kinds out (`LIST` such as PTR,CONST)", func(s string) error {
		for name := range strings.SplitSeq(s, ",") {
			k, ok := kindByName(name)
			if !ok {
				return fmt.Errorf("unknown kind %q", name)
			}
			c.ignore[k] = true
		}
		return nil
	})
	fs.Func("explain", "allow-list `FILE`; may be repeated", c.rules.readFile)
	fs.SetOutput(io.Discard) // main prints errors
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fs.SetOutput(w)
		fmt.Fprintln(w, "usage: btfcompare [flags] A B")
		fs.PrintDefaults()
		return 0, nil
	case err != nil:
		return 0, err
	}
	if fs.NArg() != 2 {
		return 0, fmt.Errorf("want two files, got %d", fs.NArg())
	}
	if *level != "variant" && *level != "nominal" {
		return 0, fmt.Errorf("unknown level %q", *level)
	}
	var under *btf.Table
	var err error
	if *base != "" {
		if under, err = read(*base, nil); err != nil {
			return 0, err
		}
	}
	a, err := read(fs.Arg(0), under)
	if err != nil {
		return 0, err
	}
	b, err := read(fs.Arg(1), under)
	if err != nil {
		return 0, err
	}
	return compare(newGraph(a, b, *flat), *level == "nominal").report(w, &c), nil
}

func read(name string, base *btf.Table) (*btf.Table, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	t, err := btf.Read(data, base)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}
