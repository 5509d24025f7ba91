// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"io"
	"path/filepath"
	"testing"
)

// A rename within a directory cannot fail for want of room or another file system.
func TestOutputBesideFile(t *testing.T) {
	dir := t.TempDir()
	o, err := prepareOutput(filepath.Join(dir, "out"), func(w io.Writer) error {
		_, err := io.WriteString(w, "types")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := filepath.Dir(o.temp.Name()); got != dir {
		t.Errorf("the temporary file is in %s, the output in %s", got, dir)
	}
	o.discard()
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 0 {
		t.Errorf("left after discard: %v, %v", left, err)
	}
}
