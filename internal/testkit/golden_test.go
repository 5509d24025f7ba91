// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder takes the failures that a check under test reports.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func TestCompareGolden(t *testing.T) {
	dir := t.TempDir()
	present := filepath.Join(dir, "present.txt")
	if err := os.WriteFile(present, []byte("one\ntwo\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path, got string
		want            string // part of the reported error; "" for none
	}{
		{"equal", present, "one\ntwo\n", ""},
		{"changed line", present, "one\n2\n", "from line 2:\n-\"two\\n\"\n+\"2\\n\"\n"},
		{"missing last newline", present, "one\ntwo", "present.txt differs"},
		{"no file", filepath.Join(dir, "absent.txt"), "one\n", "run the test with -update"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &recorder{TB: t}
			compareGolden(r, tt.path, tt.got, false)
			got := strings.Join(r.errors, "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("reported %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCompareGoldenUpdate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "file.txt")
	compareGolden(t, path, "text\n", true)
	compareGolden(t, path, "text\n", false)
}

func TestObjects(t *testing.T) {
	all := Objects(t, "structs.*")
	if len(all) < 10 {
		t.Errorf("%d objects of structs.c, want 10 or more", len(all))
	}
	if Object(t, filepath.Base(all[0])) != all[0] {
		t.Errorf("Object and Objects disagree about %s", all[0])
	}
}
