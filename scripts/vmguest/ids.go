// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// wantIDs is btfgen_test_ids of the module: the type that each place names, or "".
var wantIDs = []string{"task_struct", "", "btfgen_test_point_t", "btfgen_test_sum", "btfgen_test_bits"}

// checkIDs looks up the IDs of .BTF_ids in the module's file. The kernel moves only those of kfuncs
// to its own BTF (libbpf and kernel: btf_relocate_id), so the file is the place to look at the others.
// If the file has no .BTF.base, its BTF is split against kernel's.
func checkIDs(file string, kernel *btf.Spec) error {
	f, err := elf.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	spec, err := fileTypes(f, kernel)
	if err != nil {
		return err
	}
	name := func(id uint32) (string, error) {
		if id == 0 {
			return "", nil
		}
		typ, err := spec.TypeByID(btf.TypeID(id))
		if err != nil {
			return "", fmt.Errorf("ID %d in .BTF_ids: %w", id, err)
		}
		return typ.TypeName(), nil
	}

	list, err := words(f, "btfgen_test_ids", len(wantIDs))
	if err != nil {
		return err
	}
	for i, want := range wantIDs {
		got, err := name(list[i])
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("btfgen_test_ids[%d] is %d, %q, want %q", i, list[i], got, want)
		}
	}

	// include/linux/btf_ids.h: struct btf_id_set8. Its pairs of ID and flags are searched by ID.
	set, err := words(f, "btfgen_test_kfuncs", 6)
	if err != nil {
		return err
	}
	if set[0] != 2 {
		return fmt.Errorf("btfgen_test_kfuncs counts %d IDs, want 2", set[0])
	}
	if set[2] >= set[4] {
		return fmt.Errorf("btfgen_test_kfuncs is not sorted: %d before %d", set[2], set[4])
	}
	found := map[string]bool{}
	for _, id := range []uint32{set[2], set[4]} {
		s, err := name(id)
		if err != nil {
			return err
		}
		found[s] = true
	}
	if !found["btfgen_test_sum"] || !found["btfgen_test_pid"] {
		return fmt.Errorf("btfgen_test_kfuncs holds %v, want btfgen_test_sum and btfgen_test_pid", found)
	}
	return nil
}

// fileTypes reads .BTF over .BTF.base, or over kernel if there is none.
func fileTypes(f *elf.File, kernel *btf.Spec) (*btf.Spec, error) {
	base, err := section(f, ".BTF.base")
	switch {
	case err == nil:
		if kernel, err = btf.LoadSpecFromReader(bytes.NewReader(base)); err != nil {
			return nil, fmt.Errorf(".BTF.base: %w", err)
		}
	case kernel == nil:
		return nil, err
	}
	split, err := section(f, ".BTF")
	if err != nil {
		return nil, err
	}
	spec, err := btf.LoadSplitSpecFromReader(bytes.NewReader(split), kernel)
	if err != nil {
		return nil, fmt.Errorf(".BTF: %w", err)
	}
	return spec, nil
}

func section(f *elf.File, name string) ([]byte, error) {
	s := f.Section(name)
	if s == nil {
		return nil, fmt.Errorf("no section %s", name)
	}
	return s.Data()
}

// words returns n words of .BTF_ids, from a symbol on.
func words(f *elf.File, symbol string, n int) ([]uint32, error) {
	data, err := section(f, ".BTF_ids")
	if err != nil {
		return nil, err
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	for _, s := range symbols {
		if s.Name != symbol {
			continue
		}
		if s.Value > uint64(len(data)) || uint64(len(data))-s.Value < uint64(4*n) {
			return nil, fmt.Errorf("%s at %#x leaves .BTF_ids, which has %d bytes", symbol, s.Value, len(data))
		}
		list := make([]uint32, n)
		_, err := binary.Decode(data[s.Value:], f.ByteOrder, list)
		return list, err
	}
	return nil, errors.New("no symbol " + symbol)
}
