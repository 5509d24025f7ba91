// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package testkit

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/golden anew instead of comparing with it")

// Root returns the absolute path of the module's top folder.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = up
	}
}

// Object returns the path of one object of testdata/objects, such as
// "arrays.gcc-x86_64.dwarf5.elf".
func Object(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(Root(t), "testdata", "objects", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// Objects returns the paths of the objects whose names match a pattern of
// filepath.Match, sorted. No match fails the test, so that a renamed object
// cannot silently leave a test empty.
func Objects(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(Root(t), "testdata", "objects", pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatalf("no object matches %s", pattern)
	}
	return paths
}

// Golden compares a text with testdata/golden/name, line by line, or with
// -update writes it there.
func Golden(t testing.TB, name, got string) {
	t.Helper()
	if !filepath.IsLocal(name) {
		t.Fatalf("golden name %q leaves its folder", name)
	}
	compareGolden(t, filepath.Join(Root(t), "testdata", "golden", name), got, *update)
}

func compareGolden(t testing.TB, path, got string, write bool) {
	t.Helper()
	if write {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v (run the test with -update to write it)", err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if string(want) == got {
		return
	}
	t.Errorf("%s differs (-update accepts it):\n%s", filepath.Base(path), lineDiff(string(want), got))
}

// lineDiff shows the lines between the first and the last that differ.
func lineDiff(want, got string) string {
	const most = 30 // lines shown of each side
	w, g := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	line := 1
	for len(w) > 0 && len(g) > 0 && w[0] == g[0] {
		w, g, line = w[1:], g[1:], line+1
	}
	for len(w) > 0 && len(g) > 0 && w[len(w)-1] == g[len(g)-1] {
		w, g = w[:len(w)-1], g[:len(g)-1]
	}
	var b strings.Builder
	fmt.Fprintf(&b, "from line %d:\n", line)
	for _, side := range []struct {
		sign  string
		lines []string
	}{{"-", w}, {"+", g}} {
		for _, l := range side.lines[:min(most, len(side.lines))] {
			fmt.Fprintf(&b, "%s%q\n", side.sign, l)
		}
		if more := len(side.lines) - most; more > 0 {
			fmt.Fprintf(&b, "%s ... %d more\n", side.sign, more)
		}
	}
	return b.String()
}
