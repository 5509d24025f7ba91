// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfcheck

import (
	"os"
	"testing"
)

// TestKernelLoads asks the running kernel about the blob in the file BTFGEN_LOAD, and checks that
// it looks at all: it must refuse the same blob with the size of its first type damaged.
func TestKernelLoads(t *testing.T) {
	path := os.Getenv("BTFGEN_LOAD")
	if path == "" {
		t.Skip("BTFGEN_LOAD names no file")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Load(data); err != nil {
		t.Fatalf("the kernel refuses %s: %v", path, err)
	}
	data[24+7] = 0x7f // kind of the first type
	if Load(data) == nil {
		t.Error("the kernel accepts a type of kind 127")
	}
}
