// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// progLoadAttr is the start of BPF_PROG_LOAD's part of include/uapi/linux/bpf.h: union bpf_attr,
// up to the table of file descriptors, which the cilium library fills only for programs from ELF files.
type progLoadAttr struct {
	progType           uint32
	insnCount          uint32
	insns              uint64
	license            uint64
	logLevel           uint32
	logSize            uint32
	logBuf             uint64
	kernVersion        uint32
	progFlags          uint32
	progName           [16]byte
	progIfindex        uint32
	expectedAttachType uint32
	progBTFFD          uint32
	funcInfoRecSize    uint32
	funcInfo           uint64
	funcInfoCount      uint32
	lineInfoRecSize    uint32
	lineInfo           uint64
	lineInfoCount      uint32
	attachBTFID        uint32
	attachFD           uint32
	coreReloCount      uint32
	fdArray            uint64
}

// moduleFD is the index of the module's BTF in the table of file descriptors. Index 0 means vmlinux.
const moduleFD = 1

// native is this machine's byte order, as one of the two values that the cilium library compares with.
func native() binary.ByteOrder {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

// loadSyscallProgram loads a program of type BPF_PROG_TYPE_SYSCALL that may refer to the BTF of the
// module, if that is not nil. The verifier's log is part of the error.
func loadSyscallProgram(insns asm.Instructions, module *btf.Handle) (*ebpf.Program, error) {
	var code bytes.Buffer
	if err := insns.Marshal(&code, native()); err != nil {
		return nil, err
	}
	text := code.Bytes()
	license := []byte("GPL\x00")
	log := make([]byte, 64<<10)
	fds := []int32{moduleFD: 0}
	if module != nil {
		fds[moduleFD] = int32(module.FD())
	}
	var pinner runtime.Pinner
	defer pinner.Unpin()
	attr := progLoadAttr{
		progType:  uint32(ebpf.Syscall),
		insnCount: uint32(len(text) / asm.InstructionSize),
		insns:     pin(&pinner, &text[0]),
		license:   pin(&pinner, &license[0]),
		logLevel:  1,
		logSize:   uint32(len(log)),
		logBuf:    pin(&pinner, &log[0]),
		progFlags: unix.BPF_F_SLEEPABLE, // required of this type
		fdArray:   pin(&pinner, &fds[0]),
	}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		verdict, _, _ := bytes.Cut(log, []byte{0})
		return nil, fmt.Errorf("program refused: %w\n%s", errno, strings.TrimSpace(string(verdict)))
	}
	return ebpf.NewProgramFromFD(int(fd))
}

// pin returns the address of what p points to, which stays valid until the pinner unpins it.
func pin[T any](pinner *runtime.Pinner, p *T) uint64 {
	pinner.Pin(p)
	return uint64(uintptr(unsafe.Pointer(p)))
}

// verify loads a program, which is not run.
func verify(insns asm.Instructions, module *btf.Handle) error {
	prog, err := loadSyscallProgram(insns, module)
	if err != nil {
		return err
	}
	return prog.Close()
}

// runSyscallProgram loads a program, runs it once and returns its result.
func runSyscallProgram(insns asm.Instructions, module *btf.Handle) (uint32, error) {
	prog, err := loadSyscallProgram(insns, module)
	if err != nil {
		return 0, err
	}
	defer prog.Close()
	return prog.Run(&ebpf.RunOptions{})
}

// callKfunc is the instruction that calls a function of the module.
func callKfunc(id btf.TypeID) asm.Instruction {
	ins := callKernel(id)
	ins.Offset = moduleFD
	return ins
}

// callKernel is the instruction that calls a function of vmlinux.
func callKernel(id btf.TypeID) asm.Instruction {
	return asm.Instruction{
		OpCode:   asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call),
		Src:      asm.PseudoKfuncCall,
		Constant: int64(id),
	}
}

// loadPerCPU are the instructions that put the address of this CPU's copy of a variable into R0.
func loadPerCPU(variable btf.TypeID, module *btf.Handle) asm.Instructions {
	const pseudoBTFID = asm.R3 // include/uapi/linux/bpf.h: BPF_PSEUDO_BTF_ID
	return asm.Instructions{
		{
			OpCode:   asm.LoadImmOp(asm.DWord),
			Dst:      asm.R1,
			Src:      pseudoBTFID,
			Constant: int64(module.FD())<<32 | int64(variable),
		},
		asm.FnThisCpuPtr.Call(),
	}
}

// moduleHandle returns the kernel's object for the module's BTF.
func moduleHandle() (*btf.Handle, error) {
	h, err := btf.FindHandle(func(info *btf.HandleInfo) bool { return info.IsKernel && info.Name == moduleName })
	if errors.Is(err, btf.ErrNotFound) {
		return nil, fmt.Errorf("the kernel has no BTF object for %s", moduleName)
	}
	return h, err
}
