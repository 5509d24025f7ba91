// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/btfgen/btfgen/internal/testkit/btfnote"
)

// FuzzRead: no input upsets Read; what it accepts is written as it was, survives a
// change of byte order, and can be looked at in every way.
func FuzzRead(f *testing.F) {
	base := btfnote.New(false)
	if err := base.Add(noteAllKinds); err != nil {
		f.Fatal(err)
	}
	bt := mustRead(f, base.Bytes(), nil)
	for _, big := range []bool{false, true} {
		f.Add(noteBlob(f, big, noteAllKinds), false)
	}
	for _, tt := range append(append([]validateCase{}, recordCases...), resolveCases...) {
		if len(tt.note) < 400 {
			f.Add(noteBlob(f, false, tt.note), false)
		}
	}
	split := base.Split()
	if err := split.Add("28 S s2 16 f1:3@0 f2:1@32 f3:2@64; 29 C 30; 30 T own 4"); err != nil {
		f.Fatal(err)
	}
	f.Add(split.Bytes(), true)
	layout := append(LayoutSection(false), 4, 8, 0, 0)
	f.Add(Assemble(false, unhex(f, "00000000 01000014 00000000 00000000 00000000 00000000"), layout, []byte{0}), false)

	f.Fuzz(func(t *testing.T, data []byte, split bool) {
		var base *Table
		if split {
			base = bt
		}
		tab, err := Read(data, base)
		if err != nil {
			var fe *FormatError
			if tab != nil || !errors.As(err, &fe) || fe.Off > uint64(len(data)) {
				t.Fatalf("table %v, error %v of %d bytes", tab, err, len(data))
			}
			return
		}
		if !bytes.Equal(tab.Write(), data) {
			t.Error("not written as it was read")
		}
		if tab.NumUnknown() == 0 {
			checkSwap(t, tab)
		}
		for _, p := range Validate(tab, ValidateOptions{Resolve: true}) {
			if p.Rule == "" || p.Detail == "" || p.ID != 0 && (p.ID < tab.FirstID() || int(p.ID) >= tab.NumIDs()) {
				t.Errorf("problem %#v", p)
			}
		}
		text := dumpText(t, tab)
		if n := strings.Count(text, "\n"); n != tab.NumIDs()-int(tab.FirstID()) {
			t.Errorf("%d lines for %d types", n, tab.NumIDs()-int(tab.FirstID()))
		}
		if tab.NumUnknown() == 0 && !split {
			again := btfnote.New(false)
			if err := again.Add(text); err != nil {
				t.Fatalf("the text is no note: %v", err)
			}
			if got := dumpText(t, mustRead(t, again.Bytes(), nil)); got != text {
				t.Errorf("text\n%s\nread back as\n%s", text, got)
			}
		}
		s := IndexStrings(tab)
		for id := tab.FirstID(); int(id) < tab.NumIDs(); id++ {
			if off, ok := s.Find(tab.Name(id)); ok && !bytes.Equal(tab.Str(off), tab.Name(id)) {
				t.Errorf("name of type %d found at %d", id, off)
			}
		}
		tab.PointerSize()
	})
}
