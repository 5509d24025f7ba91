// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestSplitKernel deduplicates each module of $BTFGEN_TEST_BTF again: no type is added, what is left is a fixed point, and asking the base for
// names gives what entering all of it gives.
func TestSplitKernel(t *testing.T) {
	blobs := kernelBlobs(t)
	if dir := os.Getenv("BTFGEN_TEST_MODULES"); dir != "" { // a directory of more of them
		names, err := filepath.Glob(filepath.Join(dir, "*.ko.BTF"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			blobs = append(blobs, b)
		}
	}
	table := mustRead(t, blobs[0], nil)
	start := time.Now()
	base := NewBase(table)
	t.Logf("base: %v", time.Since(start))
	start = time.Now()
	several := len(base.whole().several)
	t.Logf("index: %v later; nested %v, enum64 %v, several %d", time.Since(start), base.NestedArrays(), base.UsesEnum64(), several)
	before, after := 0, 0
	var spent time.Duration
	for i, b := range blobs[1:] {
		module := mustRead(t, b, table)
		start := time.Now()
		blob, err := MergeSplit(base, []*Table{module}, AcceptFwds, 1)
		took := time.Since(start)
		spent += took
		if err != nil {
			t.Fatalf("module %d: %v", i, err)
		}
		out := mustRead(t, blob, table)
		before += len(module.offs)
		after += len(out.offs)
		if len(blobs) < 20 {
			t.Logf("module %d: %d own types, %d after, %v", i, len(module.offs), len(out.offs), took)
		}
		if len(out.offs) > len(module.offs) {
			t.Errorf("module %d: %d own types became %d", i, len(module.offs), len(out.offs))
		}
		again, err := MergeSplit(base, []*Table{out}, AcceptFwds, 1)
		if err != nil || !bytes.Equal(again, blob) {
			t.Errorf("module %d: not idempotent, %d types, then %d: %v", i, len(out.offs), len(mustRead(t, again, table).offs), err)
		}
		if i%100 == 0 {
			whole := splitWhole(t, base, []*Table{module}, AcceptFwds)
			if !bytes.Equal(whole, blob) {
				t.Errorf("module %d: with all of the base entered %d types, not %d", i, len(mustRead(t, whole, table).offs), len(out.offs))
			}
		}
	}
	t.Logf("%d modules: %d own types, %d after, %v", len(blobs)-1, before, after, spent)
}

// splitWhole is MergeSplit with all types of the base entered.
func splitWhole(tb testing.TB, base *Base, tables []*Table, policy FwdPolicy) []byte {
	tb.Helper()
	d, err := mergeSplit(base, tables, policy, true)
	if err != nil {
		tb.Fatal(err)
	}
	blob, err := d.Write(d.All(), base.t.big, false, 1)
	if err != nil {
		tb.Fatal(err)
	}
	return blob
}

// TestSplitKernelLibbpf: libbpf finds nothing to merge in what we make of the first modules of $BTFGEN_TEST_BTF.
func TestSplitKernelLibbpf(t *testing.T) {
	blobs := kernelBlobs(t)
	table := mustRead(t, blobs[0], nil)
	base := NewBase(table)
	for i, b := range blobs[1:min(len(blobs), 20)] {
		blob, err := MergeSplit(base, []*Table{mustRead(t, b, table)}, AcceptFwds, 2)
		if err != nil {
			t.Fatal(err)
		}
		ours := mustRead(t, blob, table)
		again, _, ok := resolveBTFIDs(t, blob, table.Data(), false)
		if !ok {
			t.Errorf("module %d: libbpf refuses it", i)
			continue
		}
		if n := len(mustRead(t, again, table).offs); n != len(ours.offs) {
			t.Errorf("module %d: libbpf leaves %d of %d types", i, n, len(ours.offs))
		}
	}
}
