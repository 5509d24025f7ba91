// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"debug/elf"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/testkit"
)

func TestParseSymbol(t *testing.T) {
	tests := []struct {
		in       string // behind the prefix
		want     symbol
		original string
	}{
		{in: "struct__task_struct__1", want: symbol{kind: btf.KindStruct, name: "task_struct"}},
		{in: "union__u__2", want: symbol{kind: btf.KindUnion, name: "u"}},
		{in: "typedef__u32__3", want: symbol{kind: btf.KindTypedef, name: "u32"}},
		{in: "func____x64_sys_a__b__45", want: symbol{kind: btf.KindFunc, name: "__x64_sys_a__b"}},
		{in: "func__a___7", want: symbol{kind: btf.KindFunc, name: "a_"}},
		{in: "set__s", want: symbol{name: "s"}},
		{in: "set__8__s", want: symbol{name: "8__s"}},
		{in: "set8__k__1", want: symbol{pairs: true, name: "k__1"}},
		{in: "func__a", original: "FAILED to parse symbol name: func__a"},
		{in: "func__a__", original: "FAILED to parse symbol name: func__a__"},
		{in: "func__a_1", original: "FAILED to parse symbol name: func__a_1"},
		{in: "func____1", original: "FAILED to parse symbol name: func____1"},
		{in: "func_a__1", original: "FAILED to parse symbol name: func_a__1"},
		{in: "structs__a__1", original: "FAILED to parse symbol name: structs__a__1"},
		{in: "set__", original: "FAILED to parse set name: set__"},
		{in: "set8_s", original: "FAILED to parse set name: set8_s"},
		{in: "set9__s", original: "FAILED to parse set name: set9__s"},
		{in: "enum__e__1", original: "FAILED unsupported prefix enum__e__1"},
		{in: "", original: "FAILED unsupported prefix "},
	}
	for _, tt := range tests {
		got, original, err := parseSymbol(tt.in)
		if got != tt.want || original != tt.original || (err != nil) != (tt.original != "") {
			t.Errorf("%q: %+v, %q, %v; want %+v, %q", tt.in, got, original, err, tt.want, tt.original)
		}
	}
}

func FuzzParseSymbol(f *testing.F) {
	for _, s := range []string{"struct__task_struct__1", "set8__k", "func__a_1", "func____x__y__2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		s, original, err := parseSymbol(in)
		switch {
		case err != nil && (original == "" || s != symbol{}):
			t.Errorf("%q: %+v with the error %v, %q", in, s, err, original)
		case err == nil && (s.name == "" || !strings.Contains(in, "__"+s.name)):
			t.Errorf("%q: name %q", in, s.name)
		}
	})
}

// sym is a symbol of section 1.
func sym(name string, value, size uint64) testkit.Symbol {
	return testkit.Symbol{Name: symbolPrefix + name, Section: 1, Value: value, Size: size}
}

func TestReadIDsMalformed(t *testing.T) {
	tests := []struct {
		name     string
		section  testkit.Section
		symbols  []testkit.Symbol
		err      string
		original string
	}{
		{name: "unknown kind", symbols: []testkit.Symbol{sym("var__x__1", 0, 4)},
			err:      `.BTF_ids: symbol "__BTF_ID__var__x__1": unknown kind, it is to be struct, union, typedef, func, set8 or set`,
			original: "FAILED unsupported prefix var__x__1"},
		{name: "no number", symbols: []testkit.Symbol{sym("func__x", 0, 4)},
			err:      `.BTF_ids: symbol "__BTF_ID__func__x": no name and number behind "func"`,
			original: "FAILED to parse symbol name: func__x"},
		{name: "past the end", symbols: []testkit.Symbol{sym("func__x__1", 0x1010, 4)},
			err:      `.BTF_ids: symbol "__BTF_ID__func__x__1": address 0x1010 is outside the 16 bytes at 0x1000`,
			original: "FAILED patching index 4 out of bounds 4"},
		{name: "before the start", symbols: []testkit.Symbol{sym("func__x__1", 0xffc, 4)},
			err:      `.BTF_ids: symbol "__BTF_ID__func__x__1": address 0xffc is outside the 16 bytes at 0x1000`,
			original: "FAILED patching index -1 out of bounds 4"},
		{name: "in the middle of a word", symbols: []testkit.Symbol{sym("func__x__1", 0x1002, 4)},
			err: `.BTF_ids: symbol "__BTF_ID__func__x__1": address 0x1002 is no multiple of 4 bytes from the start of the section, 0x1000`},
		{name: "set without size", symbols: []testkit.Symbol{sym("set__s", 0x1000, 0)},
			err:      `.BTF_ids: symbol "__BTF_ID__set__s": size 0, the header of the set alone has 4 bytes`,
			original: "FAILED malformed data for set 's'"},
		{name: "set8 without flags", symbols: []testkit.Symbol{sym("set8__s", 0x1000, 4)},
			err:      `.BTF_ids: symbol "__BTF_ID__set8__s": size 4, the header of the set alone has 8 bytes`,
			original: "FAILED malformed data for set 's'"},
		{name: "half a pair", symbols: []testkit.Symbol{sym("set8__s", 0x1000, 12)},
			err:      `.BTF_ids: symbol "__BTF_ID__set8__s": size 12 is no multiple of 8, the bytes of an element`,
			original: "FAILED malformed data for set 's'"},
		{name: "half a word", symbols: []testkit.Symbol{sym("set__s", 0x1000, 6)},
			err:      `.BTF_ids: symbol "__BTF_ID__set__s": size 6 is no multiple of 4, the bytes of an element`,
			original: "FAILED malformed data for set 's'"},
		{name: "set past the end", symbols: []testkit.Symbol{sym("set__s", 0x1008, 12)},
			err:      `.BTF_ids: symbol "__BTF_ID__set__s": size 12, the section ends after 8 bytes of the set`,
			original: "FAILED malformed data for set 's'"},
		{name: "set of a huge size", symbols: []testkit.Symbol{sym("set__s", 0x1000, 1<<63)},
			err:      `.BTF_ids: symbol "__BTF_ID__set__s": size 9223372036854775808, the section ends after 16 bytes of the set`,
			original: "FAILED malformed data for set 's'"},
		{name: "two sets of one name", symbols: []testkit.Symbol{sym("set__s", 0x1000, 4), sym("set8__s", 0x1008, 8)},
			err: `.BTF_ids: two sets have the name "s"`},
		{name: "sets that overlap", symbols: []testkit.Symbol{sym("set__b", 0x1004, 4), sym("set8__a", 0x1000, 16)},
			err: `.BTF_ids: the sets "a" and "b" overlap`},
		{name: "set in the flags of the last pair", symbols: []testkit.Symbol{sym("set8__a", 0x1000, 16), sym("set__b", 0x100c, 4)},
			err: `.BTF_ids: the sets "a" and "b" overlap`},
		{name: "ID for the count of a set", symbols: []testkit.Symbol{sym("set__s", 0x1000, 12), sym("struct__x__1", 0x1000, 4)},
			err: `.BTF_ids: STRUCT "x" is asked for where the set "s" has no ID, 0 bytes behind its start`},
		{name: "ID for the flags of a set", symbols: []testkit.Symbol{sym("set8__s", 0x1000, 16), sym("func__x__1", 0x1004, 4)},
			err: `.BTF_ids: FUNC "x" is asked for where the set "s" has no ID, 4 bytes behind its start`},
		{name: "ID for the flags of an element", symbols: []testkit.Symbol{sym("set8__s", 0x1000, 16), sym("func__x__1", 0x100c, 4)},
			err: `.BTF_ids: FUNC "x" is asked for where the set "s" has no ID, 12 bytes behind its start`},
		{name: "compressed", section: testkit.Section{Name: sectionName, Flags: elf.SHF_COMPRESSED, Data: make([]byte, 32)},
			err: ".BTF_ids: is compressed"},
		{name: "debug data only", section: testkit.Section{Name: sectionName, Type: elf.SHT_NOBITS, MemSize: 16},
			err: ".BTF_ids+0x0: SHT_NOBITS has no contents in the file"},
	}
	for _, tt := range tests {
		for _, big := range []bool{false, true} {
			if tt.section.Name == "" {
				tt.section = testkit.Section{Name: sectionName, Addr: 0x1000, Data: make([]byte, 16)}
			}
			e := testkit.ELF{Big: big, Sections: []testkit.Section{tt.section}, Symbols: tt.symbols}
			x, err := ReadIDs(open(t, e.Assemble().Data))
			if err == nil || err.Error() != tt.err || x != nil {
				t.Errorf("%s: error %v, want %s", tt.name, err, tt.err)
			}
			var own *Error
			if errors.As(err, &own) && own.Original != tt.original {
				t.Errorf("%s: original error %q, want %q", tt.name, own.Original, tt.original)
			}
		}
	}
}

// A kind word that begins another one, two symbols of one word, and sets that touch each other are all right.
func TestReadIDsOrder(t *testing.T) {
	parts := []part{list("func b", "func a"), idSet("s", "struct c"), set8("t", 0, "func a 1"), idSet("u"), list("union b", "typedef b")}
	for _, addr := range []uint64{0, 0xffffffff82c30000} {
		x, err := ReadIDs(open(t, imageOf(parts, false, addr)))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range x.requests {
			got = append(got, fmt.Sprint(r.kind, " ", r.name, r.words))
		}
		for _, s := range x.sets {
			got = append(got, fmt.Sprint(s.name, s.word, s.count))
		}
		want := []string{"STRUCT c[3]", "UNION b[9]", "TYPEDEF b[10]", "FUNC b[0]", "FUNC a[1 6]", "u8 0", "t4 1", "s2 1"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("at %#x, -want +got\n%s", addr, d)
		}
	}
}

func TestReadIDsNone(t *testing.T) {
	x, err := ReadIDs(open(t, (&testkit.ELF{Sections: []testkit.Section{{Name: ".text"}}}).Assemble().Data))
	if x != nil || err != nil {
		t.Errorf("%v, %v for a file without .BTF_ids", x, err)
	}
}

// The last section of the name counts, and sections beyond the 16 bits of st_shndx are found.
func TestReadIDsSections(t *testing.T) {
	s := func(addr uint64) testkit.Section {
		return testkit.Section{Name: sectionName, Addr: addr, Data: make([]byte, 8)}
	}
	e := testkit.ELF{Extended: true, Sections: []testkit.Section{s(0x100), s(0x200)}, Symbols: []testkit.Symbol{
		{Name: symbolPrefix + "func__old__1", Section: 1, Value: 0x100},
		{Name: symbolPrefix + "func__new__1", Section: 2, Value: 0x204},
		{Name: symbolPrefix + "func__away__1", Special: elf.SHN_ABS, Value: 0x204},
		{Name: "other", Section: 2, Value: 0x200},
	}}
	f := open(t, e.Assemble().Data)
	x, err := ReadIDs(f)
	if err != nil {
		t.Fatal(err)
	}
	if len(x.requests) != 1 || x.requests[0].name != "new" || x.Offset != f.Sections[2].Off {
		t.Errorf("requests %v at file offset %#x", x.requests, x.Offset)
	}
}

func TestStripped(t *testing.T) {
	data := testkit.Section{Name: sectionName, Data: make([]byte, 16)}
	blob, _ := blobs(t, "1 I int 4 s", "", false)
	for _, tt := range []struct {
		name string
		elf  testkit.ELF
		want string
		ids  bool
	}{
		{"no symbol table", testkit.ELF{Sections: []testkit.Section{data}}, "16 bytes", false},
		{"no symbols", testkit.ELF{Sections: []testkit.Section{data}, Symtab: true}, "16 bytes", true},
		{"other symbols", testkit.ELF{Sections: []testkit.Section{data}, Symbols: []testkit.Symbol{{Name: "x", Section: 1}}}, "16 bytes", true},
		{"nothing to resolve", testkit.ELF{Sections: []testkit.Section{{Name: sectionName}}, Symtab: true}, "", true},
	} {
		x, err := ReadIDs(open(t, tt.elf.Assemble().Data))
		if err != nil {
			t.Fatal(err)
		}
		res, err := Resolve(x, Input{BTF: blob}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := "WARN: resolve_btfids: .BTF_ids has 16 bytes and no symbol tells which IDs they are: they stay as they are"
		if tt.want == "" {
			if len(res.Warnings) != 0 {
				t.Errorf("%s: %v", tt.name, res.Warnings)
			}
		} else if len(res.Warnings) != 1 || res.Warnings[0].Kind != Stripped || res.Warnings[0].Text != want {
			t.Errorf("%s: warnings %v", tt.name, res.Warnings)
		}
		if (res.IDs != nil) != tt.ids {
			t.Errorf("%s: IDs %v", tt.name, res.IDs)
		}
	}
}

// Names that share the memory of the string table cannot make the result much larger than the file.
func TestReadIDsLongNames(t *testing.T) {
	long := sym("func__"+strings.Repeat("x", 60<<10)+"__1", 0, 4)
	e := testkit.ELF{Sections: []testkit.Section{{Name: sectionName, Data: make([]byte, 4)}}}
	for range maxNames/(60<<10) + 1 {
		e.Symbols = append(e.Symbols, long)
	}
	image := e.Assemble()
	for i := range e.Symbols { // all have the first one's name
		image.SetSymbol(i+1, testkit.StName, 1)
	}
	_, err := ReadIDs(open(t, image.Data))
	if want := ".BTF_ids: names of symbols add up to more than 67108864 bytes"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
