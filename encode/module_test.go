// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"debug/dwarf"
	"errors"
	"testing"

	"github.com/btfgen/btfgen/internal/btf"
	. "github.com/btfgen/btfgen/internal/testkit"
)

// TestNothingOwn: a module all of whose types are the kernel's has BTF, with nothing in it. So it is with
// cast_common.ko of Debian's 7.2, which is made of tables.
func TestNothingOwn(t *testing.T) {
	encoded := func(d *DWARF, base *btf.Base) (*Result, error) {
		return encodeImage(t, d.ELF().Assemble().Data, Options{Base: base})
	}
	record := D(dwarf.TagStructType, "s", Name("s"), Size(4), D(dwarf.TagMember, Name("a"), Type("int"), At(0)))
	kernel, err := encoded(file(Base("int", 4), record, pointer("p", "s")), nil)
	if err != nil {
		t.Fatal(err)
	}
	table, err := btf.Read(kernel.BTF, nil)
	if err != nil {
		t.Fatal(err)
	}
	base := btf.NewBase(table)
	res, err := encoded(file(Base("int", 4), record), base)
	if err != nil {
		t.Fatal(err)
	}
	split, err := btf.Read(res.BTF, table)
	if err != nil {
		t.Fatal(err)
	}
	if split.NumIDs() != table.NumIDs() {
		t.Errorf("%d own types", split.NumIDs()-table.NumIDs())
	}
	if _, err := encoded(file(), base); !errors.Is(err, ErrNoTypes) {
		t.Errorf("a file without types: error %v, want %v", err, ErrNoTypes)
	}
}

// TestNoneAtSymbol: where no instance of a function stands at its symbol, the first that
// is code anywhere counts, before those that were only inlined (seen with pahole 1.32: ld -r of a
// unit that inlines f and one that has it as code).
func TestNoneAtSymbol(t *testing.T) {
	instance := func(name string, more ...any) *Unit {
		number := name + "'s int"
		return CU(D(dwarf.TagBaseType, number, Name("int"), Size(4), Enc(5)), D(dwarf.TagSubprogram, append(more,
			Name("func"), Type(number), arg(Name(name), Type(number), expr(0x55)))...))
	}
	inlined, first, second := instance("inlined"), instance("first", lowpc(0x1040)), instance("second", lowpc(0x1080))
	for _, test := range []struct {
		name   string
		units  []*Unit
		symbol uint64
		want   string
	}{
		{"code before what was inlined", []*Unit{inlined, first}, 0x1000, "first:1\n"},
		{"the first with code", []*Unit{inlined, first, second}, 0x1000, "first:1\n"},
		{"the one at the symbol", []*Unit{inlined, first, second}, 0x1080, "second:1\n"},
		{"none with code", []*Unit{inlined, instance("other")}, 0x1000, "inlined:1\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, compat := range []bool{false, true} {
				check(t, encodeDWARF(t, &DWARF{Units: test.units}, Options{Compat: compat}, fnSym("func", test.symbol)), test.want)
			}
		})
	}
}
