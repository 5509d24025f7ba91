// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"debug/dwarf"
	"debug/elf"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/btfgen/btfgen/internal/btf"
	. "github.com/btfgen/btfgen/internal/testkit"
)

// fuzzed encodes a file in both modes and checks what holds of every input: no panic, no result besides an
// error, a result that reads back, and memory within bounds.
func fuzzed(t *testing.T, image []byte, features string) {
	var before, after runtime.MemStats
	for _, compat := range []bool{false, true} {
		runtime.ReadMemStats(&before)
		start := time.Now()
		res, err := encodeImage(t, image, Options{Jobs: 1, Features: features, Report: true, Compat: compat, Flat: compat, LangExclude: "none"})
		runtime.ReadMemStats(&after)
		// The fixed tables of a run, and what a compressed section of this size may hold.
		if got, most := after.TotalAlloc-before.TotalAlloc, uint64(256<<20+4096*len(image)); got > most {
			t.Errorf("%d bytes of input made it allocate %d bytes, more than %d", len(image), got, most)
		}
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("%d bytes of input took %v", len(image), d)
		}
		sane(t, "fuzzed input", res, err)
		if err == nil {
			asked(t, res)
		}
	}
}

// asked asks a result for the reasons behind types and functions of all names that it has or left out.
func asked(t *testing.T, res *Result) {
	table, err := btf.Read(res.BTF, nil)
	if err != nil {
		t.Fatal(err)
	}
	for id := btf.ID(1); int(id) < min(table.NumIDs(), 200); id++ {
		kind, name := table.Kind(id), string(table.Name(id))
		if name == "" || kind == btf.KindDeclTag || kind == btf.KindDatasec || kind == btf.KindTypeTag {
			continue
		}
		for _, d := range res.Definitions(kind, name) {
			if table.Kind(d.ID) != kind || string(table.Name(d.ID)) != name || d.Unit == "" {
				t.Errorf("%v %q is defined as %+v", kind, name, d)
			}
		}
	}
	list, err := res.Omissions()
	if err != nil {
		return // a unit whose name cannot be read
	}
	for i := range list[:min(len(list), 50)] {
		if list[i].Kind == "func" && res.WhyNoFunc(list[i].Name) == "" {
			t.Errorf("nothing is known of %q, which was left out", list[i].Name)
		}
	}
}

// FuzzEncode takes any file.
func FuzzEncode(f *testing.F) {
	for _, name := range []string{"typedefs.gcc-i686.dwarf5", "dwz.gcc-s390x.dwarf5", "compressed.gcc-x86_64.dwarf5.zlib", "type_units.gcc-x86_64.dwarf4",
		"percpu.gcc-powerpc.dwarf5", "kfuncs_arena.gcc-x86_64.dwarf5", "functions_clones.gcc-x86_64.dwarf4", "bitfields.clang-x86_64.dwarf2",
		"module.gcc-x86_64.dwarf5", "functions_optimized.gcc-riscv64.dwarf5.rel", "type_units.gcc-x86_64.dwarf4.rel", "relocatable_units.gcc-i686.dwarf5"} {
		image, err := os.ReadFile(Object(f, name+".elf"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(image)
	}
	f.Fuzz(func(t *testing.T, image []byte) { fuzzed(t, image, "all") })
}

// FuzzUnits takes the sections of units, and puts a sound ELF file around them.
func FuzzUnits(f *testing.F) {
	seeds := []*DWARF{
		file(Base("int", 4), pointer("p", "int"), D(dwarf.TagStructType, Name("s"), Size(8), D(dwarf.TagMember, Name("m"), Type("p"), At(0))),
			D(dwarf.TagSubprogram, Name("func"), Type("int"), lowpc(0x1000), arg(Name("a"), Type("int"), expr(0x55)))),
		file(Base("int", 4), D(dwarf.TagVariable, Name("vari"), Type("int"), addrOf(8)), D(dwarf.TagSubprogram, "f", Name("func"), Num(dwarf.AttrInline, 1), arg("a", Name("a"), Type("int"))),
			D(dwarf.TagSubprogram, origin("f"), lowpc(0x1000), arg(origin("a"), ref(dwarf.AttrLocation, FormSecOffset, 0)))),
		file(D(dwarf.TagPointerType, annotation("i")), gnu("i", "btf_type_tag", "x"), D(dwarf.TagEnumerationType, Name("e"), Size(4), D(dwarf.TagEnumerator, Name("E"), ref(dwarf.AttrConstValue, FormSdata, -1)))),
		{Units: []*Unit{CU(pointer("q", "far"), D(dwarf.TagPointerType, ref(dwarf.AttrType, FormRefAddr, "far"))), CU(D(dwarf.TagStructType, "far", Name("far"), Size(1)))}},
	}
	for i, d := range seeds {
		d.Extra = map[string][]byte{".debug_loclists": {7, 0x10, 0x20, 1, 0x55, 0}}
		if i == 3 {
			d.Units[0].Root.Kids = d.Units[0].Root.Kids[1:]
		}
		s := map[string][]byte{}
		for _, sec := range d.Sections() {
			s[sec.Name] = sec.Data
		}
		f.Add(s[".debug_info"], s[".debug_abbrev"], s[".debug_str"], s[".debug_loclists"], []byte{}, uint8(i))
	}
	f.Fuzz(func(t *testing.T, info, abbrev, str, lists, types []byte, flags uint8) {
		d := &DWARF{Big: flags&1 != 0, Extra: map[string][]byte{".debug_info": info, ".debug_abbrev": abbrev, ".debug_str": str,
			".debug_loclists": lists, ".debug_loc": lists, ".debug_rnglists": lists, ".debug_ranges": lists, ".debug_addr": lists, ".debug_str_offsets": lists}}
		if len(types) > 0 {
			d.Extra[".debug_types"] = types
		}
		e := d.ELF(fnSym("func", 0x1000), fnSym("func.isra.0", 0x1010), varSym("vari", 0x2008))
		e.Symtab = flags&2 == 0
		if flags&2 != 0 {
			e.Symbols = nil
		}
		e.Machine = [4]elf.Machine{elf.EM_X86_64, elf.EM_AARCH64, elf.EM_S390, elf.EM_PPC64}[flags>>2&3]
		fuzzed(t, e.Assemble().Data, map[bool]string{false: "all", true: "enum64,encode_force"}[flags&0x80 != 0])
	})
}
