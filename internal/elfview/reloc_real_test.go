// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfview

import (
	"bytes"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSameAsReadelf relocates every debug section of the relocatable files that
// BTFGEN_RELOCATABLE names, separated by colons, and compares the bytes with
// those that readelf of binutils makes of them.
func TestSameAsReadelf(t *testing.T) {
	paths := filepath.SplitList(os.Getenv("BTFGEN_RELOCATABLE"))
	if len(paths) == 0 {
		t.Skip("BTFGEN_RELOCATABLE names no files")
	}
	readelf, err := exec.LookPath("readelf")
	if err != nil {
		if os.Getenv("BTFGEN_REQUIRE_TOOLS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) { sameAsReadelf(t, readelf, path) })
	}
}

func sameAsReadelf(t *testing.T, readelf, path string) {
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	syms, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.NewRelocator(syms, nil)
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for i := range f.Sections {
		s := &f.Sections[i]
		if !strings.HasPrefix(s.Name, ".debug_") || !r.Applies(s) {
			continue
		}
		got, err := f.Data(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Apply(s, got, 0, nil); err != nil {
			t.Error(err)
			continue
		}
		want := hexDump(t, readelf, s.Name, path)
		if !bytes.Equal(got, want) {
			at := 0
			for at < min(len(got), len(want)) && got[at] == want[at] {
				at++
			}
			t.Errorf("%s: %d bytes, readelf has %d; they differ at %#x: % x, want % x", s.Name, len(got), len(want),
				at, got[at:min(at+16, len(got))], want[at:min(at+16, len(want))])
		}
		compared++
	}
	if compared == 0 {
		t.Error("no debug section has relocations")
	}
}

// hexDump returns the relocated contents of a section according to readelf.
func hexDump(t *testing.T, readelf, section, path string) []byte {
	out, err := exec.Command(readelf, "-z", "--relocated-dump="+section, path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, line := range strings.Split(string(out), "\n") {
		// "  0x00000010 00112233 44556677 8899aabb ccddeeff .."3DUfw........"
		rest, ok := strings.CutPrefix(line, "  0x")
		if !ok || len(rest) < 9 {
			continue
		}
		words := rest[9:min(len(rest), 9+36)]
		piece, err := hex.DecodeString(strings.ReplaceAll(words, " ", ""))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		b = append(b, piece...)
	}
	return b
}
