// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/btfgen/btfgen/internal/btfcheck"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/testkit"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"btfgen": main, "pahole": main, "btfgen-pahole": main,
		"resolve_btfids": main, "btfgen-resolve_btfids": main})
}

// TestScripts runs the program as users do. Beside testscript's own commands there are
//
//	object NAME FILE    copies an object of testdata
//	exits N CMD ARG...  runs a command and compares its exit code
//	btf FILE            checks that a file is BTF
//	stats FILE          checks that a file is the JSON of --stats
//	section FILE S OUT  writes the contents of section S of an ELF file; with ! there must be none
func TestScripts(t *testing.T) {
	root := testkit.Root(t)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else each program takes a second with the race detector
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Getuid() == 0, nil
			}
			return false, errors.New("unknown condition")
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"object": func(ts *testscript.TestScript, _ bool, args []string) {
				b, err := os.ReadFile(filepath.Join(root, "testdata", "objects", args[0]+".elf"))
				ts.Check(err)
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), b, 0o644))
			},
			"exits": func(ts *testscript.TestScript, _ bool, args []string) {
				err := ts.Exec(args[1], args[2:]...)
				got := "0"
				var exit interface{ ExitCode() int }
				if errors.As(err, &exit) {
					got = strconv.Itoa(exit.ExitCode())
				} else if err != nil {
					ts.Fatalf("%v", err)
				}
				if got != args[0] {
					ts.Fatalf("exit code %s, want %s", got, args[0])
				}
			},
			"btf": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(btfcheck.Check([]byte(ts.ReadFile(args[0]))))
			},
			"section": func(ts *testscript.TestScript, not bool, args []string) {
				f, err := elfview.Open(ts.MkAbs(args[0]))
				ts.Check(err)
				defer f.Close()
				b, err := sectionData(f, args[1])
				ts.Check(err)
				if (b == nil) != not {
					ts.Fatalf("section %s: there is %v", args[1], b != nil)
				}
				if !not {
					ts.Check(os.WriteFile(ts.MkAbs(args[2]), b, 0o644))
				}
			},
			"stats": func(ts *testscript.TestScript, _ bool, args []string) {
				checkStats(ts, []byte(ts.ReadFile(args[0])))
			},
		},
	})
}

// checkStats checks the parts of --stats --json that tools rely on.
func checkStats(ts *testscript.TestScript, data []byte) {
	var report struct {
		Schema int
		Phases []struct {
			Name string
			Wall int64 `json:"wall_ns"`
		}
		Counts []struct {
			Name string
			N    int64
		}
		Memory map[string]int64
	}
	ts.Check(json.Unmarshal(data, &report))
	var phases, counts []string
	for _, p := range report.Phases {
		phases = append(phases, p.Name)
	}
	for _, c := range report.Counts {
		counts = append(counts, c.Name)
	}
	if report.Schema != 1 || report.Memory["peak_rss_bytes"] <= 0 {
		ts.Fatalf("schema %d, memory %v", report.Schema, report.Memory)
	}
	for _, want := range []string{"open", "walk", "resolve", "select", "write", "save"} {
		if !slices.Contains(phases, want) {
			ts.Fatalf("phases %q: no %q", phases, want)
		}
	}
	for _, want := range []string{"units", "type instances", "types written", "functions", "variables"} {
		if !slices.Contains(counts, want) {
			ts.Fatalf("counts %q: no %q", counts, want)
		}
	}
}
