// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// overlappingNames returns a blob, split if there is a base, of n FWDs, each of which has another name: an offset
// in one of a few strings that are as long as a blob may hold.
func overlappingNames(n int, base *Table) []byte {
	start := 0
	strs := []byte{0}
	if base != nil {
		start, strs = int(base.StrEnd()), nil
	}
	types := make([]byte, 0, n*recordLen)
	for i := range n {
		if i%(maxString-8) == 0 {
			strs = append(strs, bytes.Repeat([]byte("x"), maxString-8)...)
			strs = fmt.Appendf(strs, "%08d\x00", i)
		}
		off := start + len(strs) - 1 - maxString + i%(maxString-8)
		types = types[:len(types)+recordLen]
		PutRecord(types[len(types)-recordLen:], false, StrOff(off), KindFwd, false, 0, 0)
	}
	return Assemble(false, types, nil, strs)
}

// manyNames is how many of overlappingNames have more than maxNameBytes.
const manyNames = maxNameBytes / (maxString / 2)

// TestReadLongStrings: what is as long as it may be is read.
func TestReadLongStrings(t *testing.T) {
	name := strings.Repeat("x", maxString)
	blob := noteBlob(t, false, "S "+name+" 4; S a 4; W "+name+"y s")
	if _, err := Read(blob, nil); err == nil {
		t.Error("a string of 4097 bytes was read")
	}
	tab := mustRead(t, noteBlob(t, false, "S "+name+" 4; S a 4; W "+name[1:]+" s"), nil)
	if string(tab.Name(1)) != name {
		t.Errorf("name of %d bytes", len(tab.Name(1)))
	}
}

// TestOverlappingNames: a blob of a few megabytes whose names would have gigabytes is refused by whatever copies
// them, before they are there.
func TestOverlappingNames(t *testing.T) {
	const want = "names add up to more than 67108864 bytes"
	tab := mustRead(t, overlappingNames(manyNames, nil), nil)
	if _, err := Merge([]*Table{tab}, false, 1); err == nil || err.Error() != want {
		t.Errorf("Merge: error %v", err)
	}
	base := NewBase(readNote(t, "I int 4 s"))
	split := mustRead(t, overlappingNames(manyNames, base.Table()), base.Table())
	if _, err := MergeSplit(base, []*Table{split}, AcceptFwds, 1); err == nil || err.Error() != want {
		t.Errorf("MergeSplit: error %v", err)
	}
}

// tailNames has as names the tails of one string.
type tailNames []byte

func (n tailNames) Name(id NameID) []byte { return n[id-1:] }

// TestOverlappingNamesOfUnits is TestOverlappingNames for names that no blob holds.
func TestOverlappingNamesOfUnits(t *testing.T) {
	names := tailNames(bytes.Repeat([]byte("x"), 1<<20))
	u := unitOf(500, func(u *Unit, i uint32, r *Record) { r.Kind, r.Size, r.Aux, r.Name = KindInt, 4, 1, NameID(i) })
	d := NewDedup(names, 1, 1)
	if _, err := d.NewWorker().Add(0, u); err != nil {
		t.Fatal(err)
	}
	if err := d.Resolve(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Write(d.All(), false, false, 1); err != errLongNames {
		t.Errorf("error %v", err)
	}
	d = NewSplitDedup(NewBase(readNote(t, "I int 4 s")), names, 1, 1, AcceptFwds)
	if _, err := d.NewWorker().Add(0, u); err != nil {
		t.Fatal(err)
	}
	if err := d.Resolve(nil); err != errLongNames {
		t.Errorf("with a base: error %v", err)
	}
}
