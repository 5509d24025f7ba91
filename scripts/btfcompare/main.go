// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Btfcompare compares two BTF blobs by structure: type IDs, string offsets and
// order do not count. It is the check that an encoding says what another tool's
// encoding of the same file says.
//
//	btfcompare [flags] A B
//	btfcompare [flags] -own BLOB...
//
// A and B are raw BTF, ELF files with a section .BTF, or folders: then files of one
// name are compared, and the results summed up. With -base both are split BTF, with -base-b
// B on another base, which has the same types as the first but for their order. What
// B has there in surplus only because it did not see that the base has it, or that it
// has it already, is explained by that; an equal type is one with the same content
// throughout, where a forward declaration stands for its definition. -own compares
// split BTF with nothing but its base (see census of own types in own.go). With -ids the
// files are ELF files of the same objects, and what each word of .BTF_ids refers to is
// compared as well.
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
	fs.BoolVar(&c.flat, "flat-arrays", false, "multiply out nested dimensions on both sides; not with -base")
	base := fs.String("base", "", "both blobs are split BTF on this `FILE`")
	baseB := fs.String("base-b", "", "B is split BTF on this `FILE`, which has the types of -base in another order")
	ownBases := fs.Bool("own-bases", false, "each blob is split BTF on the base in its FILE.base, which is compared too")
	own := fs.Bool("own", false, "list which own types of split BTF have the name of a type of the base, and why")
	fs.BoolVar(&c.ids, "ids", false, "compare .BTF_ids of ELF files as well")
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
	switch {
	case *own && *base == "":
		return 0, errors.New("-own needs -base")
	case *own && fs.NArg() == 0:
		return 0, errors.New("no file given")
	case !*own && fs.NArg() != 2:
		return 0, fmt.Errorf("want two files, got %d", fs.NArg())
	case *level != "variant" && *level != "nominal":
		return 0, fmt.Errorf("unknown level %q", *level)
	case *base != "" && (c.flat || *ownBases):
		return 0, errors.New("-base excludes -flat-arrays and -own-bases")
	case *own && (c.ids || *baseB != ""):
		return 0, errors.New("-own excludes -ids and -base-b")
	case *baseB != "" && *base == "":
		return 0, errors.New("-base-b needs -base")
	}
	under, err := newBases(*base, *baseB, *ownBases)
	if err != nil {
		return 0, err
	}
	if *own {
		return runOwn(fs.Args(), under, &c, w)
	}
	a, b := fs.Arg(0), fs.Arg(1)
	if isDir(a) && isDir(b) {
		return runBatch(a, b, under, &c, *level == "nominal", w)
	}
	x, y, err := under.readPair(a, b)
	if err != nil {
		return 0, err
	}
	d := compare(newGraph(under.trunk, x, y, c.flat), *level == "nominal")
	var ids idReport
	if err := ids.add("", a, b, d, &c); err != nil {
		return 0, err
	}
	return d.report(w, &c) + ids.report(w, &c), nil
}

func isDir(name string) bool {
	fi, err := os.Stat(name)
	return err == nil && fi.IsDir()
}
