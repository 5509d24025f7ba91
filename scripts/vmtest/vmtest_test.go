// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	tests := []struct {
		name           string
		lines          []string
		passed, failed int
		print          string // part of what is printed
	}{
		{"all pass", []string{"[    0.0] Linux", "1..2\r", "ok 1 - one\r", "ok 2 - two\r"}, 2, 0, "ok      two\n"},
		{"one fails", []string{"1..2", "not ok 1 - one", "# why", "ok 2 - two"}, 1, 1, "FAILED  one\n        why\n"},
		{"stopped", []string{"1..3", "ok 1 - one", "Kernel panic - not syncing"}, 1, 2, "        Kernel panic - not syncing\n"},
		{"stopped at the last", []string{"1..2", "ok 1 - one"}, 1, 1, "1 of 2 checks are missing"},
		{"no init", []string{"Kernel panic - not syncing: No working init found."}, 0, 1, "did not come to its first check"},
		{"nothing", nil, 0, 1, "did not come to its first check"},
		{"nothing planned", []string{"1..0"}, 0, 1, "did not come to its first check"},
		{"bail out", []string{"Bail out! mount /sys"}, 0, 2, "FAILED  Bail out! mount /sys\n"},
		{"check without plan", []string{"ok 1 - one"}, 0, 2, "not of the plan"},
		{"check twice", []string{"1..1", "ok 1 - one", "ok 1 - one"}, 1, 1, "came twice: one"},
		{"beyond the plan", []string{"1..1", "ok 1 - one", "ok 2 - two"}, 1, 1, "check 2 is not of the plan"},
		{"number 0", []string{"1..1", "ok 0 - zero", "ok 1 - one"}, 1, 1, "check 0 is not of the plan"},
		{"plan twice", []string{"1..2", "1..1", "ok 1 - one"}, 1, 1, "1 of 2 checks are missing"},
		{"absurd plan", []string{"1..999999"}, 0, 1, "did not come to its first check"},
		{"huge numbers", []string{"1..99999999999999999999", "1..1", "ok 99999999999999999999 - x", "ok 1 - one"}, 1, 0, "ok      one\n"},
		{"broken line", []string{"1..1", "ok 1 - o", "[ 3.0] oops ok 1 - one"}, 1, 0, "ok      o\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			r := report{out: &out}
			for _, line := range test.lines {
				r.line(line)
			}
			ok := r.finish()
			if r.passed != test.passed || r.failed != test.failed || ok != (test.failed == 0) {
				t.Errorf("%d passed, %d failed, %v; want %d and %d", r.passed, r.failed, ok, test.passed, test.failed)
			}
			if !strings.Contains(out.String(), test.print) {
				t.Errorf("printed\n%swithout %q", out.String(), test.print)
			}
		})
	}
}

func TestReportKeepsTail(t *testing.T) {
	var out strings.Builder
	r := report{out: &out}
	for range 1000 {
		r.line("early")
	}
	r.line("last words")
	r.finish()
	if n := strings.Count(out.String(), "early"); n != tailLines-1 || !strings.Contains(out.String(), "last words") {
		t.Errorf("%d early lines are shown, want %d, and the last one:\n%s", n, tailLines-1, out.String())
	}
}

func TestInitramfs(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	archive := filepath.Join(dir, "initramfs")
	if err := writeInitramfs(archive, write("guest", "#!"), []string{write("a.ko", "abcde"), write("b.ko", "")}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	// Each header has 110 bytes; names and data are padded so that what follows is at a multiple of 4.
	entry := func(mode, size, nameSize, rest string) string {
		zero := "00000000"
		return "070701" + zero + mode + zero + zero + "00000001" + zero + size + zero + zero + zero + zero + nameSize + zero + rest
	}
	want := entry("000081ed", "00000002", "00000005", "init\x00\x00#!\x00\x00") +
		entry("000041ed", "00000000", "00000008", "modules\x00\x00\x00") +
		entry("000081a4", "00000005", "0000000d", "modules/a.ko\x00\x00abcde\x00\x00\x00") +
		entry("000081a4", "00000000", "0000000d", "modules/b.ko\x00\x00") +
		entry("00000000", "00000000", "0000000b", "TRAILER!!!\x00\x00\x00\x00")
	if string(got) != want {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
	if err := writeInitramfs(archive, filepath.Join(dir, "missing"), nil); err == nil {
		t.Error("no error for an init that does not exist")
	}
}

func TestCommand(t *testing.T) {
	m := machine{platform: platforms["x86_64"], kernel: "bzImage", initramfs: "initrd", initArgs: []string{"-release=6.12", "-btf-mismatch=allowed"}}
	value := func(args []string, option string) string {
		i := slices.Index(args, option)
		if i < 0 || i+1 >= len(args) {
			t.Fatalf("no %s in %q", option, args)
		}
		return args[i+1]
	}
	for accel, cpu := range map[string]string{"kvm": "host", "tcg": "max,-cx16"} {
		args := m.command(accel)
		if value(args, "-accel") != accel || value(args, "-cpu") != cpu {
			t.Errorf("%s: %q", accel, args)
		}
		if line := value(args, "-append"); !strings.HasSuffix(line, " -- -release=6.12 -btf-mismatch=allowed") {
			t.Errorf("%s: init gets its arguments by %q", accel, line)
		}
	}
	for arch, platform := range platforms {
		m.platform = platform
		args := m.command("tcg")
		line := value(args, "-append")
		if args[0] != platform.qemu || value(args, "-kernel") != "bzImage" || !strings.HasPrefix(line, "console="+platform.console+" ") {
			t.Errorf("%s: %q", arch, args)
		}
	}
}

// TestBoot runs a stand-in for qemu.
func TestBoot(t *testing.T) {
	tests := []struct {
		name, script string
		limit        time.Duration
		passed       int
		err          string
	}{
		{"switches itself off", "echo 1..1; echo 'ok 1 - one'", time.Minute, 1, ""},
		{"qemu fails", "echo no such machine >&2; exit 3", time.Minute, 0, "qemu: exit status 3\nno such machine"},
		{"hangs", "echo 1..2; echo 'ok 1 - one'; exec sleep 100", 500 * time.Millisecond, 1, "still running after 500ms"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "qemu-system-x86_64"), []byte("#!/bin/sh\n"+test.script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
			r := report{out: io.Discard}
			err := machine{platform: platforms["x86_64"]}.boot(context.Background(), "tcg", test.limit, io.Discard, &r)
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("got error %v, want %q", err, test.err)
			}
			if r.passed != test.passed {
				t.Errorf("%d checks passed, want %d", r.passed, test.passed)
			}
		})
	}
}
