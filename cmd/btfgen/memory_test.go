// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
)

func TestAdjustMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	dir := t.TempDir()
	file := func(name string, size int64) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const start = 123 << 20
	small, kernel, huge := file("small", 1<<20), file("kernel", 400<<20), file("huge", 2<<30)
	for _, test := range []struct {
		name  string
		files []string
		want  int64
	}{
		{"small", []string{small}, start},
		{"kernel", []string{kernel}, memoryGoal},
		{"batch", []string{small, small}, memoryGoal},
		{"huge", []string{small, huge}, 3 << 29},
		{"missing", []string{filepath.Join(dir, "missing"), small}, memoryGoal},
	} {
		want := test.want
		if most := memoryLimit(); most > 0 && want != start {
			want = min(want, most/4*3)
		}
		debug.SetMemoryLimit(start)
		adjustMemory(test.files...)
		if got := debug.SetMemoryLimit(-1); got != want {
			t.Errorf("%s: the goal is %d bytes, want %d", test.name, got, want)
		}
	}
}
