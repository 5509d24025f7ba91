// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// libbpfDedup has libbpf deduplicate a blob: resolve_btfids does, before it sorts the types. nil says
// that it refused.
func libbpfDedup(t *testing.T, blob []byte) *Table {
	t.Helper()
	tool, err := exec.LookPath("resolve_btfids-7.3")
	if err != nil {
		if os.Getenv("BTFGEN_REQUIRE_TOOLS") == "1" {
			t.Fatal(err)
		}
		t.Skip("no resolve_btfids-7.3 in PATH")
	}
	program, err := exec.LookPath("true") // any small ELF file does
	if err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	elf, in := filepath.Join(dir, "elf"), filepath.Join(dir, "in")
	if err := os.WriteFile(elf, image, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(in, blob, 0o600); err != nil {
		t.Fatal(err)
	}
	if exec.Command(tool, "--btf", in, elf).Run() != nil {
		return nil
	}
	out, err := os.ReadFile(elf + ".BTF")
	if err != nil {
		t.Fatal(err)
	}
	return mustRead(t, out, nil)
}

// TestDedupLibbpf: where no name is ambiguous, libbpf leaves at least as many types as we do, and
// nothing of ours is left for it to merge (R4).
func TestDedupLibbpf(t *testing.T) {
	fewer, compared := 0, 0
	for seed := range uint64(150) {
		in := unitTable(t, NewNameTable(), joinUnits(randomProgram(seed, false)))
		blob, err := Merge([]*Table{in}, false, 1)
		var loop *LoopError
		if errors.As(err, &loop) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		ours := mustRead(t, blob, nil)
		theirs := libbpfDedup(t, in.Data())
		if theirs == nil {
			continue // a reference cycle that it cannot take
		}
		compared++
		if theirs.NumIDs() < ours.NumIDs() {
			t.Errorf("seed %d: libbpf leaves %d types, we %d:\n%s\n%s\n%s", seed, theirs.NumIDs(), ours.NumIDs(), dumpText(t, in), dumpText(t, theirs), dumpText(t, ours))
		}
		if theirs.NumIDs() > ours.NumIDs() {
			fewer++
		}
		again := libbpfDedup(t, blob)
		if again == nil || again.NumIDs() != ours.NumIDs() || canonical(again) != canonical(ours) {
			t.Errorf("seed %d: libbpf makes something else of\n%s", seed, dumpText(t, ours))
		}
	}
	t.Logf("libbpf leaves more types in %d of %d cases", fewer, compared)
	if compared < 50 {
		t.Error("it refuses most of them")
	}
}

// TestDedupKernelLibbpf: libbpf finds nothing to merge in what we make of a kernel's types.
func TestDedupKernelLibbpf(t *testing.T) {
	blob, err := Merge([]*Table{mustRead(t, kernelBlobs(t)[0], nil)}, false, 2)
	if err != nil {
		t.Fatal(err)
	}
	again := libbpfDedup(t, blob)
	if again == nil {
		t.Fatal("libbpf refuses it")
	}
	if got, want := again.NumIDs(), mustRead(t, blob, nil).NumIDs(); got != want {
		t.Errorf("libbpf leaves %d of %d types", got, want)
	}
}
