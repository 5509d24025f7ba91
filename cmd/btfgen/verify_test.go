// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"strings"
	"testing"

	"github.com/btfgen/btfgen/internal/btf"
)

// What is no BTF does not verify, alone, on a base, and on a distilled one; without --verify nobody looks.
func TestVerifier(t *testing.T) {
	empty := btf.Assemble(false, nil, nil, []byte{0})
	table, err := btf.Read(empty, nil)
	if err != nil {
		t.Fatal(err)
	}
	base := btf.NewBase(table)
	split := btf.Assemble(false, nil, nil, nil)
	v := newVerifier(true)
	for _, test := range []struct {
		name            string
		good, distilled []byte
		base            *btf.Base
	}{{"alone", empty, nil, nil}, {"split", split, nil, base}, {"distilled", split, empty, base}} {
		if err := v.check(test.good, test.distilled, test.base); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		err := v.check([]byte("no BTF"), test.distilled, test.base)
		if err == nil || !strings.HasPrefix(err.Error(), "the result does not verify: ") {
			t.Errorf("%s: error %v", test.name, err)
		}
	}
	if len(v.bases) != 1 {
		t.Errorf("%d bases were read", len(v.bases))
	}
	if err := newVerifier(false).check([]byte("no BTF"), nil, nil); err != nil {
		t.Error(err)
	}
}
