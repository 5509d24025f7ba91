// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package modinfo

import (
	"bytes"
	"debug/elf"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/testkit"
)

func open(t *testing.T, image []byte) *elfview.File {
	t.Helper()
	f, err := elfview.New(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRead(t *testing.T) {
	section := func(s string) []testkit.Section { return []testkit.Section{{Name: ".modinfo", Data: []byte(s)}} }
	nobits := []testkit.Section{{Name: ".modinfo", Type: elf.SHT_NOBITS, MemSize: 100}}
	tests := []struct {
		name string
		in   []testkit.Section
		want Info
		err  string
	}{
		{name: "none"},
		{name: "empty", in: section("")},
		{name: "in tree", in: section("license=GPL\x00intree=Y\x00name=xfs\x00vermagic=7.2.13+deb14-amd64 SMP preempt mod_unload \x00"),
			want: Info{Name: "xfs", InTree: true, Release: "7.2.13+deb14-amd64", Vermagic: "7.2.13+deb14-amd64 SMP preempt mod_unload "}},
		{name: "zeros between, first counts", in: section("\x00\x00vermagic=6.1.0 SMP\x00\x00\x00vermagic=6.2.0 SMP\x00name=a\x00name=b\x00\x00"),
			want: Info{Name: "a", Release: "6.1.0", Vermagic: "6.1.0 SMP"}},
		{name: "one word", in: section("vermagic=6.1.0\x00intree=N\x00xname=c\x00name"), err: ".modinfo+0x0: the last entry does not end with a NUL"},
		{name: "no value", in: section("vermagic\x00name=\x00intree=Y\x00"), want: Info{InTree: true}},
		{name: "debug data of a module", in: nobits, err: ".modinfo+0x0: SHT_NOBITS has no contents in the file"},
	}
	for _, test := range tests {
		for _, big := range []bool{false, true} {
			e := testkit.ELF{Machine: elf.EM_S390, Big: big, Sections: test.in}
			got, err := Read(open(t, e.Assemble().Data))
			if test.err != "" {
				var fe *elfview.FormatError
				if !errors.As(err, &fe) || err.Error() != test.err {
					t.Errorf("%s: error %v, want %s", test.name, err, test.err)
				}
				continue
			}
			test.want.Big, test.want.Machine = big, elf.EM_S390
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			} else if d := cmp.Diff(&test.want, got); d != "" {
				t.Errorf("%s: -want +got\n%s", test.name, d)
			}
		}
	}
}

// A section that claims to be large is not read.
func TestReadLarge(t *testing.T) {
	e := testkit.ELF{Sections: []testkit.Section{{Name: ".modinfo", Data: make([]byte, maxSize+1)}}}
	_, err := Read(open(t, e.Assemble().Data))
	if want := ".modinfo+0x0: 16777217 bytes, at most 16777216 are believed"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
