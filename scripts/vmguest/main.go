// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Command vmguest is /init of the virtual machine that scripts/vmtest boots: it
// loads builds of testdata/modules/btfgen_test into the kernel, looks at what the
// kernel made of their BTF, prints a line for each check (see scripts/vmtest for
// the format), and ends the machine.
//
// With -built, vmlinux and the modules in /modules are one build (scripts/kernel-build.sh), with
// BTF by the tools under test: all modules are loaded, and what the kernel offers to BPF programs
// is used.
//
// Else the builds of the test module lie in /modules. They are the same code with different BTF:
//
//	distilled.ko    .BTF over .BTF.base, IDs resolved: everything must work
//	plain.ko        no BTF
//	unresolved.ko   the BTF of distilled.ko, but .BTF_ids as the compiler left it
//	split.ko        .BTF split against the kernel it was built for, which is not this one, unless -btf-mismatch is none
package main

import (
	"flag"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

type options struct {
	release  string // uname -r, as it must be
	mismatch string // what the kernel does with BTF that does not fit: allowed or refused; none: that of split.ko fits
	built    bool   // kernel and modules are one build
	programs string // what the kernel can do with BPF programs of our type: programsRun and so on
}

// What a kernel can do with programs.
const (
	programsRun  = "run"
	programsLoad = "load" // they are verified and can be attached, but not run by a system call, which is part of networking
	programsNone = "none" // there is no JIT, without which they may not call functions or be attached to them
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "vmguest: this is the first process of a virtual machine, see scripts/vmtest.sh")
		os.Exit(2)
	}
	var opts options
	flag.StringVar(&opts.release, "release", "", "")
	flag.StringVar(&opts.mismatch, "btf-mismatch", "", "")
	flag.BoolVar(&opts.built, "built", false, "")
	flag.StringVar(&opts.programs, "programs", programsRun, "")
	flag.Parse()

	if err := mountAll(); err != nil {
		fmt.Println("Bail out!", err)
	} else if opts.built {
		report(builtChecks(opts, "/modules"))
	} else {
		report(checks(opts))
	}
	unix.Sync()
	// The machine ends when it starts again, for which a kernel needs no ACPI. An error leaves a panic of the kernel, which
	// ends the machine too.
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
}

func mountAll() error {
	for _, m := range []struct{ kind, dir string }{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}} {
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.dir, m.kind, 0, ""); err != nil && err != unix.EBUSY {
			return fmt.Errorf("mount %s: %w", m.dir, err)
		}
	}
	return nil
}
