// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// sumA and sumB are what btfgen_test_sum is called with. It returns their sum.
const sumA, sumB = 700_000, 42

// session is what the checks of one build of the module share.
type session struct {
	file     string   // path of the module
	flags    int      // to load it with
	release  version  // of the kernel
	programs string   // what the kernel can do with them
	messages []string // of the kernel, while it was loaded
	kernel   *btf.Spec
	module   *btf.Spec // from /sys/kernel/btf, split over kernel
	handle   *btf.Handle
}

// checks lists everything that is checked, in order.
func checks(opts options) []check {
	list := []check{{"the kernel is " + opts.release, func() error { return checkRelease(opts.release) }}}
	add := func(build string, more ...check) {
		for _, c := range more {
			list = append(list, check{build + ": " + c.name, c.run})
		}
	}

	s := &session{file: "/modules/distilled.ko", flags: anyRelease, release: parseVersion(opts.release), programs: opts.programs}
	add("distilled",
		check{"the kernel takes .BTF.base as BTF of its own", s.checkBase},
		check{".BTF_ids names the right types, sets are sorted", func() error { return checkIDs(s.file, nil) }},
		check{"loads", s.load},
		check{"the kernel has no complaint about BTF", s.checkQuiet},
		check{sysBTF + " exists and can be read", s.openBTF},
	)
	add("distilled", s.typedChecks()...)
	add("distilled", check{"unloads", s.unload})

	plain := &session{file: "/modules/plain.ko", flags: anyRelease}
	add("plain (control)",
		check{"loads", plain.load},
		check{"has no BTF in the kernel, which says that kfuncs cannot be registered", plain.checkNoBTF},
		check{"its kfunc is in no BTF of the kernel, so cannot be called", checkUnknown},
		check{"unloads", plain.unload},
	)

	unresolved := &session{file: "/modules/unresolved.ko", flags: anyRelease}
	add("unresolved (control)",
		check{"loads", unresolved.load},
		check{sysBTF + " exists and can be read", unresolved.openBTF},
	)
	if opts.programs != programsNone {
		add("unresolved (control)", check{"its kfunc may not be called", unresolved.typed(unresolved.checkNotAllowed)})
	}
	add("unresolved (control)", check{"unloads", unresolved.unload})

	split := &session{file: "/modules/split.ko", flags: anyRelease, release: s.release, programs: s.programs}
	if opts.mismatch == "none" {
		add("split",
			check{"loads", split.load},
			check{"the kernel has no complaint about BTF", split.checkQuiet},
			check{sysBTF + " exists and can be read", split.openBTF},
		)
		add("split", split.typedChecks()...)
		add("split", check{"unloads", split.unload})
		return list
	}
	if opts.mismatch == "refused" {
		add("split for another kernel (control)", check{"is refused for its BTF", split.checkRefused})
		return list
	}
	add("split for another kernel (control)",
		check{"loads", split.load},
		check{"has no BTF in the kernel, which says that kfuncs cannot be registered", split.checkNoBTF},
		check{"its kfunc is in no BTF of the kernel, so cannot be called", checkUnknown},
		check{"unloads", split.unload},
	)
	return list
}

// typedChecks are what a module with BTF must pass, from types to programs.
func (s *session) typedChecks() []check {
	list := []check{
		{"types are right", s.typed(func() error { return checkTypes(s.module, s.release) })},
		{"the argument of a kfunc is the kernel's task_struct", s.typed(func() error { return checkTask(s.kernel, s.module) })},
		{"percpu variables have the offsets of their symbols", s.typed(func() error { return checkPerCPU(s.module, s.file) })},
	}
	switch s.programs {
	case programsNone:
		return list
	case programsLoad:
		list = append(list,
			check{"a kfunc with scalars verifies", s.typed(func() error { return s.checkVerifies(s.sumProgram) })},
			check{"a kfunc with a task_struct verifies", s.typed(func() error { return s.checkVerifies(s.pidProgram) })})
	default:
		list = append(list, s.runChecks()...)
	}
	if s.release.atLeast(6, 9) {
		list = append(list, check{"a struct_ops table with a program can be registered", s.typed(s.checkStructOps)})
	}
	return list
}

// runChecks run programs.
func (s *session) runChecks() []check {
	return []check{
		{"a kfunc with scalars verifies and runs", s.typed(s.checkSum)},
		{"a kfunc with a task_struct verifies and runs", s.typed(s.checkPid)},
		{"percpu variables can be read by type", s.typed(s.checkVariables)},
		{"an fentry program sees typed arguments and bit-fields", s.typed(s.checkTrace)},
	}
}

func (s *session) checkVerifies(program func() (asm.Instructions, error)) error {
	insns, err := program()
	if err != nil {
		return err
	}
	return verify(insns, s.handle)
}

func checkRelease(want string) error {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return err
	}
	if got := unix.ByteSliceToString(name.Release[:]); got != want {
		return fmt.Errorf("it is %s", got)
	}
	return nil
}

// checkBase loads .BTF.base as if it were the BTF of a program.
func (s *session) checkBase() error {
	f, err := elf.Open(s.file)
	if err != nil {
		return err
	}
	defer f.Close()
	base, err := section(f, ".BTF.base")
	if err != nil {
		return err
	}
	h, err := btf.NewHandleFromRawBTF(base)
	if err != nil {
		return fmt.Errorf("%+v", err)
	}
	return h.Close()
}

func (s *session) load() (err error) {
	s.messages, err = load(s.file, s.flags)
	return err
}

func (s *session) unload() error {
	if !isLoaded() {
		return errors.New("it is not loaded")
	}
	if s.handle != nil {
		s.handle.Close()
	}
	return unload()
}

func (s *session) checkQuiet() error {
	if !isLoaded() {
		return errors.New("it is not loaded")
	}
	// kernel/bpf/log.c puts BPF: before what the checks of BTF have to say.
	if m := mentioning(s.messages, "BTF", "BPF:"); len(m) > 0 {
		return errors.New(strings.Join(m, "\n"))
	}
	return nil
}

// openBTF sets what typed checks need.
func (s *session) openBTF() (err error) {
	if s.kernel, err = btf.LoadKernelSpec(); err != nil {
		return err
	}
	module, err := loadModuleBTF(moduleName, s.kernel)
	if err != nil {
		return err
	}
	if s.handle, err = moduleHandle(); err != nil {
		return err
	}
	s.module = module
	return nil
}

// typed makes a check fail where the BTF could not be read.
func (s *session) typed(run func() error) func() error {
	return func() error {
		if s.module == nil {
			return errors.New("there is no BTF of the module")
		}
		return run()
	}
}

// function returns the ID of a function of the module.
func (s *session) function(name string) (btf.TypeID, error) {
	var f *btf.Func
	if err := s.module.TypeByName(name, &f); err != nil {
		return 0, err
	}
	return s.module.TypeID(f)
}

func (s *session) sumProgram() (asm.Instructions, error) {
	id, err := s.function("btfgen_test_sum")
	if err != nil {
		return nil, err
	}
	return asm.Instructions{
		asm.Mov.Imm(asm.R1, sumA),
		asm.Mov.Imm(asm.R2, sumB),
		callKfunc(id),
		asm.Return(),
	}, nil
}

func (s *session) checkSum() error {
	insns, err := s.sumProgram()
	if err != nil {
		return err
	}
	got, err := runSyscallProgram(insns, s.handle)
	if err == nil && got != sumA+sumB {
		err = fmt.Errorf("the sum of %d and %d is %d", sumA, sumB, got)
	}
	return err
}

// pidProgram calls the kfunc with the calling task.
func (s *session) pidProgram() (asm.Instructions, error) {
	id, err := s.function("btfgen_test_pid")
	if err != nil {
		return nil, err
	}
	return asm.Instructions{
		asm.FnGetCurrentTaskBtf.Call(),
		asm.Mov.Reg(asm.R1, asm.R0),
		callKfunc(id),
		asm.Return(),
	}, nil
}

// checkPid calls the kfunc with this thread.
func (s *session) checkPid() error {
	insns, err := s.pidProgram()
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	got, err := runSyscallProgram(insns, s.handle)
	if want := unix.Gettid(); err == nil && got != uint32(want) {
		err = fmt.Errorf("the pid of thread %d is %d", want, got)
	}
	return err
}

// checkVariables reads this CPU's copies, before and after a call that changes them. The machine
// has one CPU.
func (s *session) checkVariables() error {
	before, err := s.readPerCPU("btfgen_test_calls", 0, asm.Word)
	if err != nil {
		return err
	}
	if err := s.checkSum(); err != nil {
		return err
	}
	for _, v := range []struct {
		name   string
		offset int16
		size   asm.Size
		want   uint32
	}{
		{"btfgen_test_calls", 0, asm.Word, before + 1},
		{"btfgen_test_last", 0, asm.Word, sumA},
		{"btfgen_test_last", 8, asm.DWord, sumB},
	} {
		got, err := s.readPerCPU(v.name, v.offset, v.size)
		if v.name == "btfgen_test_last" && !s.release.atLeast(6, 2) { // 6.1 looks for no struct behind a typedef: btf_struct_walk
			if refusal := "Type 'btfgen_test_point_t' is not a struct"; err == nil || !strings.Contains(err.Error(), refusal) {
				return fmt.Errorf("%s: want %q, got %d and %v", v.name, refusal, got, err)
			}
			continue
		}
		if err != nil {
			return err
		}
		if got != v.want {
			return fmt.Errorf("%s+%d is %d, want %d", v.name, v.offset, got, v.want)
		}
	}
	return nil
}

func (s *session) readPerCPU(name string, offset int16, size asm.Size) (uint32, error) {
	var v *btf.Var
	if err := s.module.TypeByName(name, &v); err != nil {
		return 0, err
	}
	id, err := s.module.TypeID(v)
	if err != nil {
		return 0, err
	}
	return runSyscallProgram(append(loadPerCPU(id, s.handle),
		asm.LoadMem(asm.R0, asm.R0, offset, size),
		asm.Return(),
	), s.handle)
}

func (s *session) checkNoBTF() error {
	if !isLoaded() {
		return errors.New("it is not loaded")
	}
	if hasBTF() {
		return fmt.Errorf("%s exists", sysBTF)
	}
	const want = "missing module BTF, cannot register kfunc"
	if len(mentioning(s.messages, want)) == 0 {
		return fmt.Errorf("the kernel did not say %q but\n%s", want, strings.Join(s.messages, "\n"))
	}
	return nil
}

// checkUnknown looks for the kfunc in all BTF of the kernel: without an ID it cannot be called.
func checkUnknown() error {
	if !isLoaded() {
		return errors.New("it is not loaded")
	}
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return err
	}
	if _, err := kernel.AnyTypeByName("btfgen_test_sum"); !errors.Is(err, btf.ErrNotFound) {
		return fmt.Errorf("vmlinux has btfgen_test_sum, or %v", err)
	}
	entries, err := os.ReadDir("/sys/kernel/btf")
	if err != nil {
		return err
	}
	for _, e := range entries { // nothing but the test module is loaded
		if e.Name() != "vmlinux" {
			return fmt.Errorf("there is BTF of %s", e.Name())
		}
	}
	return nil
}

func (s *session) checkNotAllowed() error {
	insns, err := s.sumProgram()
	if err != nil {
		return err
	}
	prog, err := loadSyscallProgram(insns, s.handle)
	if err == nil {
		prog.Close()
		return errors.New("the program was accepted")
	}
	if !strings.Contains(err.Error(), "calling kernel function btfgen_test_sum is not allowed") {
		return err
	}
	return nil
}

func (s *session) checkRefused() error {
	messages, err := load(s.file, s.flags)
	if err == nil {
		return errors.Join(errors.New("it was loaded"), unload())
	}
	const want = "failed to validate module [" + moduleName + "] BTF: -22"
	if !errors.Is(err, unix.EINVAL) || len(mentioning(messages, want)) == 0 {
		return fmt.Errorf("the kernel did not say %q: %w", want, err)
	}
	return nil
}
