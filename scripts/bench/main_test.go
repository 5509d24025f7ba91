// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	writes := "echo x >" + out
	tests := []struct {
		name string
		a, b string // shell text
		err  string // part of the error; "" for none
	}{
		{"both write", writes, writes, ""},
		{"nothing written", writes, "true", "B wrote no"},
		{"empty file", ":>" + out, writes, "A wrote no"},
		{"fails", writes, "echo broken >&2; exit 3", "exit status 3\nbroken"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			err := run([]string{"-runs", "3,2", "-out", out, "--", "sh", "-c", tt.a, "--", "sh", "-c", tt.b}, &b)
			if tt.err == "" {
				if err != nil {
					t.Fatal(err)
				}
				for _, want := range []string{"| A | 3 |", "| B | 2 |", "median of 2 pairs"} {
					if !strings.Contains(b.String(), want) {
						t.Errorf("no %q in\n%s", want, b.String())
					}
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

// TestBefore has commands that find their input only if it is made anew before each run.
func TestBefore(t *testing.T) {
	dir := t.TempDir()
	in, before := filepath.Join(dir, "in"), filepath.Join(dir, "before")
	if err := os.WriteFile(before, []byte("#!/bin/sh\n: >"+in+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	uses := []string{"--", "rm", in, "--", "rm", in}
	if err := run(append([]string{"-runs", "2,2", "-before", before}, uses...), io.Discard); err != nil {
		t.Error(err)
	}
	if err := run(append([]string{"-runs", "2,2"}, uses...), io.Discard); err == nil {
		t.Error("no error without the input")
	}
	if err := run(append([]string{"-before", filepath.Join(dir, "none")}, uses...), io.Discard); err == nil || !strings.Contains(err.Error(), "-before") {
		t.Errorf("error %v, want one about -before", err)
	}
}

func TestParseArgsErrors(t *testing.T) {
	for _, args := range [][]string{
		{"--", "a"},
		{"--", "a", "--"},
		{"-runs", "3", "--", "a", "--", "b"},
		{"-runs", "0,1", "--", "a", "--", "b"},
		{"-names", "one", "--", "a", "--", "b"},
	} {
		if p, err := parseArgs(args); err == nil {
			t.Errorf("%q accepted as %+v", args, p)
		}
	}
}

func TestReport(t *testing.T) {
	at := func(wall, cpu int, rss int64) sample {
		return sample{time.Duration(wall) * time.Second, time.Duration(cpu) * time.Second, rss << 20}
	}
	var b strings.Builder
	report(&b, [2]string{"new", "old"}, [2][]sample{
		{at(1, 2, 10), at(3, 4, 30), at(2, 3, 20)},
		{at(10, 20, 100), at(15, 16, 300)},
	}, [2]int64{5 << 20, 6 << 20})
	want := `| | runs | wall min | wall median | CPU min | CPU median | peak RSS | anonymous |
|---|---|---|---|---|---|---|---|
| new | 3 | 1.000 s | 2.000 s | 2.000 s | 3.000 s | 20 MiB | 5 MiB |
| old | 2 | 10.000 s | 10.000 s | 16.000 s | 16.000 s | 100 MiB | 6 MiB |

old takes 5.0 times the wall time and 4.0 times the CPU time of new (median of 2 pairs).
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestRSSAnon(t *testing.T) {
	if got := rssAnon([]byte("Name:\tx\nRssAnon:\t     120 kB\nRssFile: 4 kB\n")); got != 120<<10 {
		t.Errorf("rssAnon = %d", got)
	}
	if got := rssAnon([]byte("Name:\tx\n")); got != 0 {
		t.Errorf("rssAnon without the line = %d", got)
	}
}
