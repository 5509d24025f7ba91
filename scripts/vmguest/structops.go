// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"encoding/binary"
	"fmt"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// opsLimit is the limit of struct btfgen_test_ops.
const opsLimit = 1_000_000

// checkStructOps gives the module a table of functions with a program in it. The module runs the
// program once and accepts the table if the result is the sum of the task's pid and opsLimit.
func (s *session) checkStructOps() error {
	var task *btf.Struct
	if err := s.kernel.TypeByName("task_struct", &task); err != nil {
		return err
	}
	pid := int16(-1)
	for _, m := range task.Members {
		if m.Name == "pid" {
			pid = int16(m.Offset.Bytes())
		}
	}
	if pid < 0 {
		return fmt.Errorf("task_struct has no pid among its %d members", len(task.Members))
	}

	// The table as a program's own BTF describes it; the library finds the module's by its name.
	value := &btf.Struct{Name: "btfgen_test_ops", Size: 16, Members: []btf.Member{
		{Name: "order", Type: &btf.Pointer{Target: &btf.FuncProto{Return: &btf.Void{}}}},
		{Name: "limit", Type: &btf.Int{Name: "unsigned long", Size: 8}, Offset: 64},
	}}
	content := make([]byte, value.Size)
	binary.NativeEndian.PutUint64(content[8:], opsLimit)
	coll, err := ebpf.NewCollection(&ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{"table": {
			Type:       ebpf.StructOpsMap,
			Flags:      unix.BPF_F_LINK,
			Key:        &btf.Int{Size: 4},
			KeySize:    4,
			Value:      value,
			ValueSize:  value.Size,
			MaxEntries: 1,
			Contents:   []ebpf.MapKV{{Key: uint32(0), Value: content}},
		}},
		Programs: map[string]*ebpf.ProgramSpec{"order": {
			Type:       ebpf.StructOps,
			AttachType: ebpf.AttachStructOps,
			AttachTo:   "btfgen_test_ops:order",
			License:    "GPL",
			Instructions: asm.Instructions{
				asm.LoadMem(asm.R6, asm.R1, 8, asm.DWord), // limit
				asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), // task
				asm.LoadMem(asm.R0, asm.R1, pid, asm.Word),
				asm.Add.Reg(asm.R0, asm.R6),
				asm.Return(),
			},
		}},
	})
	if err != nil {
		return fmt.Errorf("%+v", err)
	}
	defer coll.Close()

	// The module sees the thread that attaches.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	attached, err := link.AttachStructOps(link.StructOpsOptions{Map: coll.Maps["table"]})
	if err != nil {
		return err
	}
	return attached.Close()
}
