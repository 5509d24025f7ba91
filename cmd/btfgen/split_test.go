// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"debug/elf"
	"testing"

	"github.com/btfgen/btfgen/internal/btf"
)

// TestCheckMachine: what a module and a base tell of their machines must agree.
func TestCheckMachine(t *testing.T) {
	long := make([]byte, btf.RecordSize(btf.KindInt, 0))
	btf.PutRecord(long, false, 1, btf.KindInt, false, 0, 8)
	btf.PutU32(long[12:], false, uint32(btf.IntSigned)<<24|64)
	base, err := btf.Read(btf.Assemble(false, long, nil, []byte("\x00long\x00")), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		split   splitBTF
		machine elf.Machine // of the base
		err     string
	}{
		{"same", splitBTF{machine: elf.EM_X86_64, is64: true, elf: true}, elf.EM_X86_64, ""},
		{"raw base", splitBTF{machine: elf.EM_X86_64, is64: true, elf: true}, elf.EM_NONE, ""},
		{"raw module", splitBTF{}, elf.EM_X86_64, ""},
		{"machine", splitBTF{machine: elf.EM_X86_64, is64: true, elf: true}, elf.EM_AARCH64, "is for EM_X86_64, the base for EM_AARCH64"},
		{"pointers", splitBTF{machine: elf.EM_386, elf: true}, elf.EM_NONE, "has pointers of 4 bytes, the base of 8: it is for another machine"},
	} {
		text := ""
		if err := tt.split.checkMachine(kernelBTF{base, tt.machine}); err != nil {
			text = err.Error()
		}
		if text != tt.err {
			t.Errorf("%s: error %q, want %q", tt.name, text, tt.err)
		}
	}
}
