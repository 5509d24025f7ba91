// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/btf"
)

// needTool returns the path of a tool, or skips the test.
func needTool(tb testing.TB, name string) string {
	tb.Helper()
	tool, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("BTFGEN_REQUIRE_TOOLS") == "1" {
			tb.Fatal(err)
		}
		tb.Skip("no " + name + " in PATH")
	}
	return tool
}

// original is what the kernel's tool makes of a file.
type original struct {
	btf, base, ids []byte // files that it wrote; nil if it did not
	warnings       []string
	err            error
}

// runOriginal gives an ELF image and its BTF to resolve_btfids of Linux 7.3.
func runOriginal(tb testing.TB, image, blob, base []byte, distill bool) (o original) {
	tb.Helper()
	tool := needTool(tb, "resolve_btfids-7.3")
	dir := tb.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			tb.Fatal(err)
		}
		return path
	}
	args := []string{"--btf", write("in", blob)}
	if base != nil {
		args = append(args, "--btf_base", write("base", base))
	}
	if distill {
		args = append(args, "--distill_base")
	}
	elf := write("elf", image)
	out, err := exec.Command(tool, append(args, elf)...).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "WARN:") {
			o.warnings = append(o.warnings, strings.TrimSpace(line))
		}
	}
	if err != nil {
		o.err = errors.New(strings.TrimSpace(string(out)))
		return o
	}
	for _, f := range []struct {
		suffix string
		to     *[]byte
	}{{".BTF", &o.btf}, {".BTF.base", &o.base}, {".BTF_ids", &o.ids}} {
		b, err := os.ReadFile(elf + f.suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			tb.Fatal(err)
		}
		*f.to = b
	}
	return o
}

// compare compares all that the tool has written, and its warnings.
func (o *original) compare(t *testing.T, res *Result, base []byte) {
	t.Helper()
	var baseWant, baseGot *btf.Table
	switch {
	case o.base != nil:
		baseWant, baseGot = mustRead(t, o.base, nil), mustRead(t, res.Base, nil)
		if baseWant.NumIDs() == 1 {
			t.Log("it makes an empty base, which we do not")
			return
		}
		sameTable(t, ".BTF.base", baseWant, baseGot)
	case base != nil:
		baseWant = mustRead(t, base, nil)
		baseGot = baseWant
	}
	want, got := mustRead(t, o.btf, baseWant), mustRead(t, res.BTF, baseGot)
	sameTable(t, ".BTF", want, got)
	if d := cmp.Diff(wordsOf(o.ids, want.Big()), wordsOf(res.IDs, got.Big())); d != "" {
		t.Errorf(".BTF_ids, -resolve_btfids +ours\n%s", d)
	}
	o.compareWarnings(t, res)
}

func (o *original) compareWarnings(t *testing.T, res *Result) {
	t.Helper()
	if len(o.warnings) != len(res.Warnings) {
		t.Errorf("warnings, -resolve_btfids +ours\n%s", cmp.Diff(o.warnings, texts(res.Warnings)))
		return
	}
	for i, w := range res.Warnings {
		if !strings.HasPrefix(w.Text, o.warnings[i]) {
			t.Errorf("warning %d: %q does not begin as resolve_btfids has it: %q", i, w.Text, o.warnings[i])
		}
	}
}

// sameTable compares types and strings; the headers may differ in length.
func sameTable(t *testing.T, name string, want, got *btf.Table) {
	t.Helper()
	if string(want.Types()) != string(got.Types()) {
		t.Errorf("types of %s, -resolve_btfids +ours\n%s", name, diffLines(dump(t, want), dump(t, got)))
	}
	if string(want.Strings()) != string(got.Strings()) {
		lines := func(tab *btf.Table) string { return strings.ReplaceAll(string(tab.Strings()), "\x00", "\n") }
		t.Errorf("strings of %s, -resolve_btfids +ours\n%s", name, diffLines(lines(want), lines(got)))
	}
}

// diffLines compares two texts of which at most a part is of interest.
func diffLines(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for len(a) > 40 && len(b) > 40 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	return cmp.Diff(a[:min(len(a), 40)], b[:min(len(b), 40)])
}

// TestOracle gives the cases of TestResolve to the kernel's own tool.
func TestOracle(t *testing.T) {
	needTool(t, "resolve_btfids-7.3")
	for _, tt := range resolveCases {
		if tt.kernel != (Kernel{}) {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			for _, big := range []bool{false, true} {
				blob, base := blobs(t, tt.btf, tt.base, big)
				o := runOriginal(t, imageOf(tt.parts, big, 0), blob, base, tt.distill)
				res, err := tt.run(t, big)
				switch {
				case tt.differs != "":
					if o.err == nil && string(o.btf) == string(res.BTF) {
						t.Errorf("resolve_btfids does the same; expected: %s", tt.differs)
					}
				case err != nil && o.err != nil:
					if !strings.Contains(o.err.Error(), err.Error()) {
						t.Logf("ours: %v\nresolve_btfids: %v", err, o.err)
					}
				case err != nil || o.err != nil:
					t.Errorf("error %v; of resolve_btfids: %v", err, o.err)
				default:
					o.compare(t, res, base)
				}
			}
		})
	}
}
