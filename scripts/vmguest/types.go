// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// wantTypes are the types of testdata/modules/btfgen_test, as describe writes them.
var wantTypes = []struct{ name, want string }{
	{"btfgen_test_bits", "struct btfgen_test_bits size 16 { u32 low @0:3; u32 middle @3:17; s32 negative @20:5; u64 wide @64:40; u8 plain @104 }"},
	{"btfgen_test_point_t", "typedef btfgen_test_point_t = struct size 16 { s32 x @0; s64 y @64 }"},
	{"btfgen_test_halves_t", "typedef btfgen_test_halves_t = union size 4 { u32 word @0; struct size 4 { u16 low @0; u16 high @16 } @0 }"},
	{"btfgen_test_order_t", "typedef btfgen_test_order_t = enum size 4 { BTFGEN_TEST_LESS = -1; BTFGEN_TEST_SAME = 0; BTFGEN_TEST_MORE = 1 }"},
	{"btfgen_test_ops", "struct btfgen_test_ops size 16 { u64 (*order)(struct task_struct *, u64) @0; u64 limit @64 }"},
	{"btfgen_test_sum", "func u64 btfgen_test_sum(u32 a, u64 b) [bpf_kfunc]"},
	{"btfgen_test_pid", "func int btfgen_test_pid(struct task_struct *task) [bpf_kfunc]"},
	{"btfgen_test_traced", "func btfgen_test_order_t btfgen_test_traced(struct btfgen_test_bits *bits, btfgen_test_halves_t *halves, u64 sum)"},
	{"btfgen_test_calls", "var u32 btfgen_test_calls global"},
	{"btfgen_test_last", "var btfgen_test_point_t btfgen_test_last global"},
}

// checkTypes compares the module's types with wantTypes. Kernels before 6.10 do not ask for the tags of kfuncs, and
// for those before 6.9 the module has no table of functions.
func checkTypes(module *btf.Spec, release version) error {
	var wrong []error
	for _, w := range wantTypes {
		if w.name == "btfgen_test_ops" && !release.atLeast(6, 9) {
			continue
		}
		typ, err := module.AnyTypeByName(w.name)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", w.name, err))
			continue
		}
		want := w.want
		if !release.atLeast(6, 10) {
			want = strings.TrimSuffix(want, " [bpf_kfunc]")
		}
		if got := describe(typ); got != want {
			wrong = append(wrong, fmt.Errorf("is   %s\nwant %s", got, want))
		}
	}
	return errors.Join(wrong...)
}

// checkPerCPU compares the section that lists the variables with the symbols of the module's file.
func checkPerCPU(module *btf.Spec, file string) error {
	f, err := elf.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		return err
	}
	type place struct{ offset, size uint32 }
	want := map[string]place{}
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_OBJECT && int(s.Section) < len(f.Sections) && f.Sections[s.Section].Name == ".data..percpu" {
			want[s.Name] = place{uint32(s.Value), uint32(s.Size)}
		}
	}
	var list *btf.Datasec
	if err := module.TypeByName(".data..percpu", &list); err != nil {
		return err
	}
	got := map[string]place{}
	for _, v := range list.Vars {
		got[v.Type.TypeName()] = place{v.Offset, v.Size}
	}
	if len(want) != 2 || !maps.Equal(got, want) {
		return fmt.Errorf(".data..percpu lists {offset size} %v, the symbols are %v", got, want)
	}
	return nil
}

// checkTask makes sure that the argument of a kfunc is the kernel's own struct task_struct, by its
// ID, and not one of the module that only looks like it.
func checkTask(kernel, module *btf.Spec) error {
	var want *btf.Struct
	if err := kernel.TypeByName("task_struct", &want); err != nil {
		return err
	}
	var pid *btf.Func
	if err := module.TypeByName("btfgen_test_pid", &pid); err != nil {
		return err
	}
	proto, ok := pid.Type.(*btf.FuncProto)
	if !ok || len(proto.Params) != 1 {
		return fmt.Errorf("btfgen_test_pid is %s", describe(pid))
	}
	pointer, ok := proto.Params[0].Type.(*btf.Pointer)
	if !ok {
		return fmt.Errorf("btfgen_test_pid is %s", describe(pid))
	}
	wantID, err := kernel.TypeID(want)
	if err != nil {
		return err
	}
	gotID, err := module.TypeID(pointer.Target)
	if errors.Is(err, btf.ErrNotFound) { // the prototype is the kernel's too, and the library looks no further
		gotID, err = kernel.TypeID(pointer.Target)
	}
	if err != nil {
		return err
	}
	if gotID != wantID {
		return fmt.Errorf("btfgen_test_pid takes a pointer to type %d, %s, the kernel's task_struct is %d", gotID, reference(pointer.Target), wantID)
	}
	return nil
}

// describe writes a type on one line: members with their offset in bits and, of bit-fields, size.
func describe(typ btf.Type) string {
	switch t := typ.(type) {
	case *btf.Typedef:
		return fmt.Sprintf("typedef %s = %s", t.Name, define(t.Type))
	case *btf.Func:
		proto, ok := t.Type.(*btf.FuncProto)
		if !ok {
			return fmt.Sprintf("func %s without prototype", t.Name)
		}
		s := "func " + declare(proto, t.Name)
		if len(t.Tags) > 0 {
			s += fmt.Sprint(" ", t.Tags)
		}
		return s
	case *btf.Var:
		return fmt.Sprintf("var %s %s", declare(t.Type, t.Name), t.Linkage)
	}
	return define(typ)
}

// define writes what a type is made of.
func define(typ btf.Type) string {
	switch t := typ.(type) {
	case *btf.Struct:
		return composite("struct", t.Name, t.Size, t.Members)
	case *btf.Union:
		return composite("union", t.Name, t.Size, t.Members)
	case *btf.Enum:
		var values []string
		for _, v := range t.Values {
			if t.Signed {
				values = append(values, fmt.Sprintf("%s = %d", v.Name, int64(v.Value)))
			} else {
				values = append(values, fmt.Sprintf("%s = %d", v.Name, v.Value))
			}
		}
		return fmt.Sprintf("%s size %d { %s }", named("enum", t.Name), t.Size, strings.Join(values, "; "))
	}
	return reference(typ)
}

func composite(kind, name string, size uint32, members []btf.Member) string {
	var fields []string
	for _, m := range members {
		field := fmt.Sprintf("%s @%d", declare(m.Type, m.Name), m.Offset)
		if m.BitfieldSize > 0 {
			field += fmt.Sprintf(":%d", m.BitfieldSize)
		}
		fields = append(fields, field)
	}
	return fmt.Sprintf("%s size %d { %s }", named(kind, name), size, strings.Join(fields, "; "))
}

// declare writes a name with its type, in the way of C.
func declare(typ btf.Type, name string) string {
	stars := ""
	for {
		pointer, ok := typ.(*btf.Pointer)
		if !ok {
			break
		}
		typ, stars = pointer.Target, stars+"*"
	}
	if proto, ok := typ.(*btf.FuncProto); ok {
		var params []string
		for _, p := range proto.Params {
			params = append(params, declare(p.Type, p.Name))
		}
		name = stars + name
		if stars != "" {
			name = "(" + name + ")"
		}
		return declare(proto.Return, name+"("+strings.Join(params, ", ")+")")
	}
	return strings.TrimRight(reference(typ)+" "+stars+name, " ")
}

// reference writes a type by its name, if it has one.
func reference(typ btf.Type) string {
	name := typ.TypeName()
	switch typ.(type) {
	case *btf.Void:
		return "void"
	case *btf.Struct:
		if name != "" {
			return "struct " + name
		}
		return define(typ)
	case *btf.Union:
		if name != "" {
			return "union " + name
		}
		return define(typ)
	case *btf.Int, *btf.Typedef:
		return name
	}
	return fmt.Sprintf("%v", typ)
}

func named(kind, name string) string {
	if name == "" {
		return kind
	}
	return kind + " " + name
}
