// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
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
	data := [16]uint8{8: 0x60, 0xae, 0x0a, 13: 0xa5}
	want := map[string]int64{"low": 5, "middle": 99999, "negative": -7, "wide": 700000, "plain": 0xa5}
	word := uint32(5 | 99999<<3 | (-7&31)<<20)
	for i := range 4 {
		data[i] = uint8(word >> (8 * i))
	}
	for _, m := range testBits().Members {
		got, err := readMember(data, m)
		if err != nil || got != want[m.Name] {
			t.Errorf("%s: got %d, %v, want %d", m.Name, got, err, want[m.Name])
		}
	}

	bad := map[string]btf.Member{
		"past the end":      {Name: "x", Type: u("u32", 4), Offset: 128},
		"across words":      {Name: "x", Type: u("u32", 4), Offset: 48, BitfieldSize: 17},
		"larger than words": {Name: "x", Type: u("u128", 16)},
		"not an integer":    {Name: "x", Type: testBits()},
	}
	for name, m := range bad {
		if got, err := readMember(data, m); err == nil {
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
	for mismatch, want := range map[string]string{"refused": "is refused for its BTF", "allowed": "has no BTF in the kernel"} {
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
