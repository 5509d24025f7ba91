// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/btfgen/btfgen/internal/testkit"
	"github.com/google/go-cmp/cmp"
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

func writeTemp(tb testing.TB, dir, name string, data []byte) string {
	tb.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// resolveBTFIDs has libbpf deduplicate a split blob, distill its base if asked to, and sort it. ok
// is false if it refuses.
func resolveBTFIDs(tb testing.TB, split, base []byte, distill bool) (newSplit, newBase []byte, ok bool) {
	tb.Helper()
	tool := needTool(tb, "resolve_btfids-7.3")
	dir := tb.TempDir()
	elf := writeTemp(tb, dir, "elf", (&testkit.ELF{Sections: []testkit.Section{{Name: ".text"}}}).Assemble().Data)
	args := []string{"--btf", writeTemp(tb, dir, "in", split), "--btf_base", writeTemp(tb, dir, "base", base)}
	if distill {
		args = append(args, "--distill_base")
	}
	if out, err := exec.Command(tool, append(args, elf)...).CombinedOutput(); err != nil {
		tb.Logf("%s: %v: %s", tool, err, out)
		return nil, nil, false
	}
	newSplit, err := os.ReadFile(elf + ".BTF")
	if err != nil {
		tb.Fatal(err)
	}
	if distill {
		if newBase, err = os.ReadFile(elf + ".BTF.base"); err != nil {
			tb.Fatal(err)
		}
	}
	return newSplit, newBase, true
}

// compareDistill distills what libbpf makes of a split blob before it distills, and compares with what it
// makes of that. It tells whether there was something to compare.
func compareDistill(t *testing.T, name string, split []byte, base *Table) bool {
	t.Helper()
	in, _, ok := resolveBTFIDs(t, split, base.Data(), false)
	if !ok {
		return false
	}
	wantSplit, wantBase, ok := resolveBTFIDs(t, in, base.Data(), true)
	d, err := Distill(mustRead(t, in, base))
	if (err == nil) != ok {
		t.Errorf("%s: error %v, libbpf accepts it: %v", name, err, ok)
	}
	if err != nil || !ok {
		return true
	}
	want := mustRead(t, wantSplit, mustRead(t, wantBase, nil))
	if want.Base().NumIDs() == 1 {
		return false // it makes an empty base
	}
	sorted, _, err := readDistilled(t, d).SortByName()
	if err != nil {
		t.Fatal(err)
	}
	got := mustRead(t, sorted, mustRead(t, d.Base, nil))
	for _, part := range []struct {
		name      string
		got, want *Table
	}{{"base", got.Base(), want.Base()}, {"split", got, want}} {
		if !bytes.Equal(part.got.Types(), part.want.Types()) {
			t.Errorf("%s: %s (-libbpf +ours):\n%s", name, part.name, cmp.Diff(dumpText(t, part.want), dumpText(t, part.got)))
		}
		if !bytes.Equal(part.got.Strings(), part.want.Strings()) {
			t.Errorf("%s: strings of the %s (-libbpf +ours):\n%s", name, part.name, cmp.Diff(textOf(part.want.Strings()), textOf(part.got.Strings())))
		}
	}
	return true
}

func TestDistillLibbpf(t *testing.T) {
	compared := 0
	for _, tt := range distillCases {
		if len(tt.base) > 1 {
			continue // it reads no chains from files
		}
		in := noteChain(t, false, tt.base[0], tt.split)
		if compareDistill(t, tt.name, in[1].Data(), in[0]) {
			compared++
		}
	}
	for _, tt := range [][2]string{{"FP 0; FN f 1", "DT tag 2 -1"}, {"I int 4; VAR v 1", "DS .data 4 2:0:4"}} {
		in := noteChain(t, false, tt[0], tt[1])
		if compareDistill(t, tt[0], in[1].Data(), in[0]) {
			compared++
		}
	}
	t.Logf("%d compared", compared)
	if compared < 15 {
		t.Error("too few")
	}
}

func TestDistillKernelLibbpf(t *testing.T) {
	blobs := kernelBlobs(t)
	base := mustRead(t, blobs[0], nil)
	compared := 0
	for i, b := range blobs[1:] {
		if compareDistill(t, fmt.Sprintf("blob %d", i+1), b, base) {
			compared++
		}
	}
	t.Logf("%d of %d compared", compared, len(blobs)-1)
}

// bpftoolRelocate has libbpf relocate a module onto a target, and returns the types as bpftool prints them;
// ok is false if it refuses.
func bpftoolRelocate(tb testing.TB, split, target *Table) (text string, ok bool) {
	tb.Helper()
	tool := needTool(tb, "bpftool")
	dir := tb.TempDir()
	module := (&testkit.ELF{Sections: []testkit.Section{
		{Name: ".BTF", Data: split.Data(), Align: 4}, {Name: ".BTF.base", Data: split.Base().Data(), Align: 4},
	}}).Assemble().Data
	return bpftoolDump(tb, tool, writeTemp(tb, dir, "module", module), writeTemp(tb, dir, "target", target.Data()))
}

func bpftoolDump(tb testing.TB, tool, file, base string) (text string, ok bool) {
	tb.Helper()
	out, err := exec.Command(tool, "-B", base, "btf", "dump", "file", file).Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		tb.Fatal(err)
	}
	return string(out), err == nil
}

// compareRelocate compares the kernel mode with libbpf: the verdict, and the types if there are any.
func compareRelocate(t *testing.T, name string, split, target *Table) (accepted bool) {
	t.Helper()
	want, ok := bpftoolRelocate(t, split, target)
	r, err := Relocate(split, target, RelocateKernel)
	if (err == nil) != ok {
		t.Errorf("%s: error %v, libbpf accepts it: %v", name, err, ok)
		return false
	}
	if !ok {
		return false
	}
	dir := t.TempDir()
	got, ok := bpftoolDump(t, needTool(t, "bpftool"), writeTemp(t, dir, "ours", r.Split), writeTemp(t, dir, "target", target.Data()))
	if !ok || got != want {
		t.Errorf("%s (-libbpf +ours):\n%s", name, cmp.Diff(want, got))
	}
	return true
}

func TestRelocateLibbpf(t *testing.T) {
	accepted, refused := 0, 0
	count := func(ok bool) {
		if ok {
			accepted++
		} else {
			refused++
		}
	}
	for _, tt := range relocateCases {
		count(compareRelocate(t, tt.name, topOf(noteChain(t, false, tt.base, tt.split)), topOf(noteChain(t, false, tt.target))))
	}
	for _, tt := range distillCases {
		if len(tt.base) > 1 {
			continue // libbpf misreads strings of chains (L9)
		}
		in := noteChain(t, false, tt.base[0], tt.split)
		d, err := Distill(in[1])
		if err != nil {
			t.Fatal(err)
		}
		count(compareRelocate(t, tt.name, readDistilled(t, d), in[0]))
	}
	t.Logf("%d accepted, %d refused", accepted, refused)
	if accepted < 20 || refused < 15 {
		t.Error("too few of a kind")
	}
}
