// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/resolveids"
)

// keeps tells whether a module without DWARF has BTF, from a run before it was stripped, and if so whether there is a reason why
// the module cannot stay as it is.
func (j *moduleJob) keeps(f *elfview.File, path string, base *btf.Base, distill bool, stderr io.Writer) (has bool, err error) {
	own, err := resolveids.ReadOwn(f)
	switch {
	case err != nil:
		return true, err
	case own.BTF == nil:
		return false, nil
	case distill && own.Base == nil:
		return true, errors.New("its .BTF has no .BTF.base, which btfgen resolve --distill --in-place makes")
	case own.Base != nil:
		base = nil
	}
	ids, err := resolveids.ReadIDs(f)
	if err != nil {
		return true, err
	}
	s := splitBTF{split: own.BTF, distilled: own.Base, is64: f.Is64(), elf: true}
	in := resolveids.Input{Own: own}
	var res *resolveids.Result
	if in.BTF, in.Base, err = s.onto(base); err == nil {
		res, err = resolveids.Resolve(ids, in, resolveids.Options{IDsOnly: true})
	}
	if err != nil {
		return true, fmt.Errorf("its BTF is of no use: %w", err)
	}
	if res.IDs != nil && !bytes.Equal(res.IDs, ids.Data) {
		return true, errors.New("its .BTF_ids is not of its .BTF: btfgen resolve --in-place looks the IDs up again")
	}
	for _, w := range res.Warnings {
		fmt.Fprintf(stderr, "%s (%s)\n", w.Text, path)
	}
	if n := len(res.Warnings); n > 0 && j.fatal {
		return true, fmt.Errorf("for the BTF that it has there are %d warnings, and --fatal-warnings is given", n)
	}
	if j.verbose {
		fmt.Fprintf(stderr, "btfgen: %s: stays as it is: there is no DWARF any more, and its BTF is there\n", path)
	}
	return true, nil
}
