// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/btfgen/btfgen/internal/testkit"
)

// u is an unsigned type, as the kernel names it; s a signed one.
func u(name string, size uint32) btf.Type {
	return &btf.Typedef{Name: name, Type: &btf.Int{Name: "unsigned", Size: size}}
}

func s(name string, size uint32) btf.Type {
	return &btf.Typedef{Name: name, Type: &btf.Int{Name: "signed", Size: size, Encoding: btf.Signed}}
}

// testBits is struct btfgen_test_bits of testdata/modules/btfgen_test.
func testBits() *btf.Struct {
	return &btf.Struct{Name: "btfgen_test_bits", Size: 16, Members: []btf.Member{
		{Name: "low", Type: u("u32", 4), Offset: 0, BitfieldSize: 3},
		{Name: "middle", Type: u("u32", 4), Offset: 3, BitfieldSize: 17},
		{Name: "negative", Type: s("s32", 4), Offset: 20, BitfieldSize: 5},
		{Name: "wide", Type: u("u64", 8), Offset: 64, BitfieldSize: 40},
		{Name: "plain", Type: u("u8", 1), Offset: 104},
	}}
}

func TestDescribe(t *testing.T) {
	task := btf.FuncParam{Name: "task", Type: &btf.Pointer{Target: &btf.Struct{Name: "task_struct"}}}
	halves := &btf.Union{Size: 4, Members: []btf.Member{
		{Name: "word", Type: u("u32", 4)},
		{Type: &btf.Struct{Size: 4, Members: []btf.Member{{Name: "low", Type: u("u16", 2)}, {Name: "high", Type: u("u16", 2), Offset: 16}}}},
	}}
	order := &btf.Enum{Size: 4, Signed: true, Values: []btf.EnumValue{
		{Name: "BTFGEN_TEST_LESS", Value: ^uint64(0)}, {Name: "BTFGEN_TEST_SAME", Value: 0}, {Name: "BTFGEN_TEST_MORE", Value: 1},
	}}
	pid := &btf.Func{Name: "btfgen_test_pid", Tags: []string{"bpf_kfunc"}, Type: &btf.FuncProto{
		Return: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed},
		Params: []btf.FuncParam{task},
	}}
	ops := &btf.Struct{Name: "btfgen_test_ops", Size: 16, Members: []btf.Member{
		{Name: "order", Type: &btf.Pointer{Target: &btf.FuncProto{
			Return: u("u64", 8), Params: []btf.FuncParam{{Type: task.Type}, {Type: u("u64", 8)}}, // DWARF has no names there
		}}},
		{Name: "limit", Type: u("u64", 8), Offset: 64},
	}}
	types := map[string]btf.Type{
		"btfgen_test_ops":      ops,
		"btfgen_test_bits":     testBits(),
		"btfgen_test_halves_t": &btf.Typedef{Name: "btfgen_test_halves_t", Type: halves},
		"btfgen_test_order_t":  &btf.Typedef{Name: "btfgen_test_order_t", Type: order},
		"btfgen_test_pid":      pid,
		"btfgen_test_calls":    &btf.Var{Name: "btfgen_test_calls", Type: u("u32", 4), Linkage: btf.GlobalVar},
	}
	for _, w := range wantTypes {
		typ, ok := types[w.name]
		if !ok {
			continue
		}
		delete(types, w.name)
		if got := describe(typ); got != w.want {
			t.Errorf("describe:\n got %s\nwant %s", got, w.want)
		}
	}
	for name := range types {
		t.Errorf("%s is not in wantTypes", name)
	}
	unlike := testBits()
	unlike.Members[3].Offset++
	if got := describe(unlike); got == wantTypes[0].want {
		t.Errorf("describe does not tell %s from a struct with another offset", got)
	}
}

func TestReadMember(t *testing.T) {
	// As gcc lays out low 5, middle 99999, negative -7, wide 700000, plain 0xa5.
	little := [16]uint8{8: 0x60, 0xae, 0x0a, 13: 0xa5}
	binary.LittleEndian.PutUint32(little[:], 5|99999<<3|(-7&31)<<20)
	big := [16]uint8{13: 0xa5}
	binary.BigEndian.PutUint32(big[:], 5<<29|99999<<12|(-7&31)<<7)
	binary.BigEndian.PutUint64(big[8:], 700000<<24|0xa5<<16)
	want := map[string]int64{"low": 5, "middle": 99999, "negative": -7, "wide": 700000, "plain": 0xa5}
	for _, c := range []struct {
		order binary.ByteOrder
		data  [16]uint8
	}{{binary.LittleEndian, little}, {binary.BigEndian, big}} {
		for _, m := range testBits().Members {
			got, err := readMember(c.order, c.data, m)
			if err != nil || got != want[m.Name] {
				t.Errorf("%s, %s: got %d, %v, want %d", c.order, m.Name, got, err, want[m.Name])
			}
		}
	}

	bad := map[string]btf.Member{
		"past the end":      {Name: "x", Type: u("u32", 4), Offset: 128},
		"across words":      {Name: "x", Type: u("u32", 4), Offset: 48, BitfieldSize: 17},
		"larger than words": {Name: "x", Type: u("u128", 16)},
		"not an integer":    {Name: "x", Type: testBits()},
	}
	for name, m := range bad {
		if got, err := readMember(binary.LittleEndian, little, m); err == nil {
			t.Errorf("%s: got %d, want an error", name, got)
		}
	}
}

func TestCallKfunc(t *testing.T) {
	ins := callKfunc(4711)
	if !ins.IsKfuncCall() || ins.Constant != 4711 || ins.Offset != moduleFD {
		t.Errorf("callKfunc gives %v", ins)
	}
	if ins.OpCode != 0x85 || ins.Src != asm.R2 {
		t.Errorf("encoded as %#x with source %d, want 0x85 with 2", uint32(ins.OpCode), ins.Src)
	}
}

// TestChecks makes sure that each kind of kernel gets its control, and that lines are told apart by name.
func TestChecks(t *testing.T) {
	for mismatch, want := range map[string]string{"refused": "is refused for its BTF", "allowed": "has no BTF in the kernel", "none": "types are right"} {
		names := map[string]bool{}
		control := false
		for _, c := range checks(options{release: "1.2.3", mismatch: mismatch}) {
			if names[c.name] {
				t.Errorf("%s: two checks are named %q", mismatch, c.name)
			}
			names[c.name] = true
			control = control || strings.HasPrefix(c.name, "split") && strings.Contains(c.name, want)
		}
		if !control {
			t.Errorf("%s: no check %q of the split module", mismatch, want)
		}
	}
}

func TestChecksWithoutJIT(t *testing.T) {
	for _, c := range checks(options{release: "6.12.1", mismatch: "none", programs: programsNone}) {
		if strings.Contains(c.name, "verifies") || strings.Contains(c.name, "program") || strings.Contains(c.name, "called") && !strings.HasPrefix(c.name, "plain") {
			t.Errorf("%s: needs a JIT", c.name)
		}
	}
}

func TestRunTurnsPanicIntoError(t *testing.T) {
	if err := run(check{"panics", func() error { panic("broken") }}); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("got %v", err)
	}
	want := errors.New("wrong")
	if err := run(check{"fails", func() error { return want }}); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
	if err := run(check{"passes", func() error { return nil }}); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestMentioning(t *testing.T) {
	messages := []string{"btfgen_test: loading out-of-tree module taints kernel.", "btfgen_test: missing module BTF, cannot register kfuncs", "BPF:Invalid name"}
	got := mentioning(messages, "BTF", "BPF:")
	if len(got) != 2 || got[0] != messages[1] || got[1] != messages[2] {
		t.Errorf("got %q", got)
	}
}

func TestParseVersion(t *testing.T) {
	for release, want := range map[string]version{
		"6.12.107+deb13-cloud-amd64": {6, 12}, "7.3.4-btfgen": {7, 3}, "7.3": {7, 3}, "7": {}, "": {}, "next": {},
	} {
		if got := parseVersion(release); got != want {
			t.Errorf("%q: got %v, want %v", release, got, want)
		}
	}
	v := version{6, 12}
	if !v.atLeast(6, 12) || !v.atLeast(6, 9) || !v.atLeast(5, 20) || v.atLeast(6, 13) || v.atLeast(7, 0) {
		t.Errorf("%v is compared wrongly", v)
	}
}

func TestLoadOrder(t *testing.T) {
	on := func(depends ...string) moduleFile { return moduleFile{depends: depends} }
	tests := []struct {
		name    string
		modules map[string]moduleFile
		want    string
		err     string
	}{
		{"none", nil, "", ""},
		{"chain", map[string]moduleFile{"a": on("c", "b"), "b": on("c"), "c": on()}, "c b a", ""},
		{"shared", map[string]moduleFile{"a": on("x"), "b": on("x"), "x": on()}, "x a b", ""},
		{"missing", map[string]moduleFile{"a": on("b"), "b": on("c")}, "", "a needs b needs there is no module c"},
		{"cycle", map[string]moduleFile{"a": on("b"), "b": on("a")}, "", "a needs b needs a depends on itself"},
	}
	for _, tt := range tests {
		got, err := loadOrder(tt.modules)
		if strings.Join(got, " ") != tt.want && err == nil || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("%s: got %q, %v; want %q, %s", tt.name, got, err, tt.want, tt.err)
		}
	}
}

func TestReadModule(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, sections ...testkit.Section) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, (&testkit.ELF{Sections: sections}).Assemble().Data, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	info := func(text string) testkit.Section { return testkit.Section{Name: ".modinfo", Data: []byte(text)} }

	got, err := readModule(write("nf-nat.ko", info("license=GPL\x00depends=nf_conntrack,libcrc32c\x00intree=Y\x00"), testkit.Section{Name: ".BTF"}))
	if err != nil || got.name != "nf_nat" || !got.btf || strings.Join(got.depends, " ") != "nf_conntrack libcrc32c" {
		t.Errorf("got %+v, %v", got, err)
	}
	got, err = readModule(write("x.ko", info("depends=\x00")))
	if err != nil || got.name != "x" || got.btf || got.depends != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := readModule(write("y.ko")); err == nil || !strings.Contains(err.Error(), "y.ko: no section .modinfo") {
		t.Errorf("without .modinfo: %v", err)
	}
}

// TestBuiltChecks looks at the plan: what the release has, each module after what it needs, no two of a name.
func TestBuiltChecks(t *testing.T) {
	dir := t.TempDir()
	for name, depends := range map[string]string{"first.ko": "second", "second.ko": "", "btfgen_test.ko": ""} {
		e := testkit.ELF{Sections: []testkit.Section{{Name: ".modinfo", Data: []byte("depends=" + depends + "\x00")}}}
		if err := os.WriteFile(filepath.Join(dir, name), e.Assemble().Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	plan := func(release string) string {
		seen := map[string]bool{}
		var names []string
		for _, c := range builtChecks(options{release: release}, dir) {
			if seen[c.name] {
				t.Errorf("%s: two checks are named %q", release, c.name)
			}
			seen[c.name] = true
			names = append(names, c.name)
		}
		return strings.Join(names, "\n")
	}
	later, earlier := plan("7.3.4-btfgen"), plan("6.1.192-btfgen")
	for _, want := range []string{"the kernel is 7.3.4-btfgen\n", "scheduler", "kfuncs of the kernel", "struct_ops",
		"module second loads, and its BTF can be read\nmodule first loads, and its BTF can be read\nbtfgen_test: loads\n"} {
		if !strings.Contains(later, want) {
			t.Errorf("7.3: no %q in\n%s", want, later)
		}
	}
	for _, unwanted := range []string{"scheduler", "kfuncs of the kernel", "struct_ops"} {
		if strings.Contains(earlier, unwanted) {
			t.Errorf("6.1: %q in\n%s", unwanted, earlier)
		}
	}
}

func TestFindMember(t *testing.T) {
	inner := &btf.Struct{Members: []btf.Member{{Name: "deep", Type: u("u32", 4), Offset: 32}}}
	members := []btf.Member{
		{Name: "named", Type: &btf.Struct{Members: []btf.Member{{Name: "hidden", Type: u("u32", 4)}}}},
		{Type: &btf.Const{Type: &btf.Union{Members: []btf.Member{{Type: inner}}}}, Offset: 64},
	}
	if got, ok := findMember(members, "deep"); !ok || got != 96 {
		t.Errorf("deep: got %d, %v, want 96", got, ok)
	}
	if _, ok := findMember(members, "hidden"); ok {
		t.Error("hidden is a member of a named one, not of the struct")
	}
}
