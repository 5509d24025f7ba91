// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// kernelChecks are about vmlinux itself, whose BTF is under test.
func kernelChecks(release version, programs string) []check {
	list := []check{
		{"the kernel has no complaint about its BTF", checkBoot},
		{"the kernel's BTF can be read", checkKernelBTF},
		{"an fentry program follows pointers from a typed argument", checkOpen},
	}
	if release.atLeast(6, 12) { // before, no kfunc without side effects is for our type of program, and there is no sched_ext
		if programs != programsLoad {
			list = append(list, check{"kfuncs of the kernel verify and run", checkTaskFromPid})
		}
		list = append(list, check{"a scheduler of BPF programs runs, and calls a kfunc", checkScheduler})
	}
	return list
}

// checkBoot looks for complaints about BTF in the kernel's log.
func checkBoot() error {
	log, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("/dev/kmsg: %w", err)
	}
	defer unix.Close(log)
	messages, err := readMessages(log)
	if err != nil {
		return err
	}
	if len(messages) < 10 {
		return fmt.Errorf("the kernel's log has %d lines only", len(messages))
	}
	if m := mentioning(messages, "BTF", "BPF:", "kfunc", "WARNING:"); len(m) > 0 {
		return errors.New(strings.Join(m, "\n"))
	}
	return nil
}

func checkKernelBTF() error {
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return err
	}
	n := 0
	for _, err := range kernel.All() { // reads each type
		if err != nil {
			return err
		}
		n++
	}
	if n < 10_000 {
		return fmt.Errorf("there are %d types only", n)
	}
	return nil
}

// memberOffset returns where a member of a struct of the kernel is, in bytes.
func memberOffset(kernel *btf.Spec, structName, member string) (int16, error) {
	var typ *btf.Struct
	if err := kernel.TypeByName(structName, &typ); err != nil {
		return 0, err
	}
	if offset, ok := findMember(typ.Members, member); ok {
		return int16(offset.Bytes()), nil
	}
	return 0, fmt.Errorf("struct %s has no %s among its %d members", structName, member, len(typ.Members))
}

// findMember looks into nameless members too.
func findMember(members []btf.Member, name string) (btf.Bits, bool) {
	for _, m := range members {
		if m.Name == name {
			return m.Offset, true
		}
		var inner []btf.Member
		switch t := btf.UnderlyingType(m.Type).(type) {
		case *btf.Struct:
			inner = t.Members
		case *btf.Union:
			inner = t.Members
		}
		if m.Name == "" {
			if offset, ok := findMember(inner, name); ok {
				return m.Offset + offset, true
			}
		}
	}
	return 0, false
}

// checkOpen traces security_file_open, which each opening of a file calls, and compares the inode's number that the
// program reads with that of the file.
func checkOpen() error {
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return err
	}
	inode, err := memberOffset(kernel, "file", "f_inode")
	if err != nil {
		return err
	}
	number, err := memberOffset(kernel, "inode", "i_ino")
	if err != nil {
		return err
	}
	seen, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		return err
	}
	defer seen.Close()
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type:       ebpf.Tracing,
		AttachType: ebpf.AttachTraceFEntry,
		AttachTo:   "security_file_open",
		License:    "GPL",
		Instructions: asm.Instructions{
			asm.LoadMapValue(asm.R6, seen.FD(), 0),
			asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), // struct file
			asm.LoadMem(asm.R1, asm.R1, inode, asm.DWord),
			asm.LoadMem(asm.R1, asm.R1, number, asm.DWord),
			asm.StoreMem(asm.R6, 0, asm.R1, asm.DWord),
			asm.Mov.Imm(asm.R0, 0),
			asm.Return(),
		},
	})
	if err != nil {
		return fmt.Errorf("%+v", err)
	}
	defer prog.Close()
	attached, err := link.AttachTracing(link.TracingOptions{Program: prog})
	if err != nil {
		return err
	}
	defer attached.Close()

	f, err := os.Open("/init")
	if err != nil {
		return err
	}
	defer f.Close()
	var got uint64
	if err := seen.Lookup(uint32(0), &got); err != nil {
		return err
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		return err
	}
	if got != stat.Ino {
		return fmt.Errorf("the program saw inode %d, it is %d", got, stat.Ino)
	}
	return nil
}

// kernelFunction returns the ID of a function of vmlinux. The library takes name___x for name as well.
func kernelFunction(kernel *btf.Spec, name string) (btf.TypeID, error) {
	types, err := kernel.AnyTypesByName(name)
	if err != nil {
		return 0, err
	}
	for _, typ := range types {
		if f, ok := typ.(*btf.Func); ok && f.Name == name {
			return kernel.TypeID(f)
		}
	}
	return 0, fmt.Errorf("function %s: %w", name, btf.ErrNotFound)
}

// checkTaskFromPid takes a reference to this thread by one kfunc, reads a member, and drops it by another.
func checkTaskFromPid() error {
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return err
	}
	acquire, err := kernelFunction(kernel, "bpf_task_from_pid")
	if err != nil {
		return err
	}
	release, err := kernelFunction(kernel, "bpf_task_release")
	if err != nil {
		return err
	}
	tgid, err := memberOffset(kernel, "task_struct", "tgid")
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	got, err := runSyscallProgram(asm.Instructions{
		asm.Mov.Imm(asm.R1, int32(unix.Gettid())),
		callKernel(acquire),
		asm.JEq.Imm(asm.R0, 0, "none"),
		asm.LoadMem(asm.R6, asm.R0, tgid, asm.Word),
		asm.Mov.Reg(asm.R1, asm.R0),
		callKernel(release),
		asm.Mov.Reg(asm.R0, asm.R6),
		asm.Return(),
		asm.Mov.Imm(asm.R0, -1).WithSymbol("none"),
		asm.Return(),
	}, nil)
	if want := unix.Getpid(); err == nil && got != uint32(want) {
		err = fmt.Errorf("the process of thread %d is %d, want %d", unix.Gettid(), int32(got), want)
	}
	return err
}

const (
	dsqGlobal    = math.MinInt64 | 1 // include/linux/sched/ext.h: SCX_DSQ_GLOBAL
	sliceDefault = 20_000_000        // SCX_SLICE_DFL, in ns
)

// checkScheduler lets a table of struct sched_ext_ops schedule this machine. Its one program puts each task into the global
// queue, by a kfunc, and counts.
func checkScheduler() error {
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return err
	}
	insert, err := kernelFunction(kernel, "scx_bpf_dsq_insert")
	if errors.Is(err, btf.ErrNotFound) { // before 6.13
		insert, err = kernelFunction(kernel, "scx_bpf_dispatch")
	}
	if err != nil {
		return err
	}
	const name = "btfgen_test"
	value := &btf.Struct{Name: "sched_ext_ops", Size: 136, Members: []btf.Member{
		{Name: "enqueue", Type: &btf.Pointer{Target: &btf.FuncProto{Return: &btf.Void{}}}},
		{Name: "name", Type: &btf.Array{Index: &btf.Int{Size: 4}, Type: &btf.Int{Name: "char", Size: 1}, Nelems: 128}, Offset: 64},
	}}
	content := make([]byte, value.Size)
	copy(content[8:], name)
	count, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		return err
	}
	defer count.Close()
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
		Programs: map[string]*ebpf.ProgramSpec{"enqueue": {
			Type:       ebpf.StructOps,
			AttachType: ebpf.AttachStructOps,
			AttachTo:   "sched_ext_ops:enqueue",
			License:    "GPL",
			Instructions: asm.Instructions{
				asm.LoadMapValue(asm.R6, count.FD(), 0),
				asm.Mov.Imm(asm.R0, 1),
				asm.AddAtomic.Mem(asm.R6, asm.R0, asm.DWord, 0),
				asm.LoadMem(asm.R4, asm.R1, 8, asm.DWord), // flags
				asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), // task
				asm.LoadImm(asm.R2, dsqGlobal, asm.DWord),
				asm.Mov.Imm(asm.R3, sliceDefault),
				callKernel(insert),
				asm.Mov.Imm(asm.R0, 0),
				asm.Return(),
			},
		}},
	})
	if err != nil {
		return fmt.Errorf("%+v", err)
	}
	defer coll.Close()
	attached, err := link.AttachStructOps(link.StructOpsOptions{Map: coll.Maps["table"]})
	if err != nil {
		return err
	}
	defer attached.Close()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var n uint64
		if err := count.Lookup(uint32(0), &n); err != nil {
			return err
		}
		state, err := os.ReadFile("/sys/kernel/sched_ext/state")
		if err != nil {
			return err
		}
		switch {
		case strings.TrimSpace(string(state)) != "enabled":
			return fmt.Errorf("the scheduler is %s", state)
		case n >= 10:
			return attached.Close()
		case time.Now().After(deadline):
			return fmt.Errorf("the scheduler has got %d tasks within 5 s", n)
		}
	}
}
