// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Command vmtest boots a kernel in qemu with scripts/vmguest as its /init, and
// judges what that prints on the serial console: lines of the Test Anything
// Protocol, "1..N" first and then "ok" or "not ok" for each of N checks. A check
// that fails or is missing makes the exit status 1. scripts/vmtest.sh,
// scripts/kernel-build.sh and scripts/check-cross.sh prepare everything it needs.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	m := machine{}
	var arch, programs, release, mismatch, initFile, accel, logFile string
	var built bool
	var limit time.Duration
	flag.StringVar(&arch, "arch", "x86_64", "`NAME` of the machine's architecture: x86_64, arm64 or s390x")
	flag.StringVar(&m.kernel, "kernel", "", "boot the image `FILE`")
	flag.StringVar(&release, "release", "", "the kernel's `RELEASE`, which is checked")
	flag.StringVar(&mismatch, "btf-mismatch", "", "what that kernel does with BTF that does not fit: allowed or refused; none: all of it fits")
	flag.BoolVar(&built, "built", false, "kernel and modules are one build, all of whose BTF is checked; instead of -btf-mismatch")
	flag.StringVar(&programs, "programs", "run", "what to do with BPF programs: run; load, for a kernel without CONFIG_NET; none, for one without CONFIG_BPF_JIT")
	flag.StringVar(&initFile, "init", "", "run `FILE`, a build of scripts/vmguest")
	flag.StringVar(&accel, "accel", "auto", "kvm, tcg, or auto: kvm if that works")
	flag.DurationVar(&limit, "timeout", 90*time.Second, "time for a boot with all checks")
	flag.StringVar(&logFile, "log", "", "write the console to `FILE`")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: vmtest [OPTION]... MODULE...\nputs the modules into /modules of the machine")
		flag.PrintDefaults()
	}
	flag.Parse()
	known := mismatch == "allowed" || mismatch == "refused" || mismatch == "none"
	var supported bool
	m.platform, supported = platforms[arch]
	if !supported || !slices.Contains([]string{"run", "load", "none"}, programs) || m.kernel == "" || release == "" || initFile == "" || known == built || flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	m.initArgs = []string{"-release=" + release, "-btf-mismatch=" + mismatch}
	if built {
		m.initArgs = []string{"-release=" + release, "-built"}
	}
	m.initArgs = append(m.initArgs, "-programs="+programs)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	ok, err := run(ctx, m, initFile, flag.Args(), accel, logFile, limit)
	if err != nil {
		fmt.Fprintln(os.Stderr, "vmtest:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// run boots the machine and reports whether all checks passed. The error says what kept the machine
// from coming to its end, even if everything was checked by then.
func run(ctx context.Context, m machine, initFile string, modules []string, accel, logFile string, limit time.Duration) (ok bool, err error) {
	dir, err := os.MkdirTemp("", "vmtest-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	m.initramfs = filepath.Join(dir, "initramfs")
	if err := writeInitramfs(m.initramfs, initFile, modules); err != nil {
		return false, err
	}
	console := io.Discard
	if logFile != "" {
		f, err := os.Create(logFile)
		if err != nil {
			return false, err
		}
		defer f.Close()
		console = f
	}

	accels := []string{accel}
	if accel == "auto" {
		accels = []string{"tcg"}
		if m.platform.goarch == runtime.GOARCH && kvmOpens() {
			accels = []string{"kvm", "tcg"}
		}
	}
	for i, accel := range accels {
		r := report{out: os.Stdout}
		start := time.Now()
		err = m.boot(ctx, accel, limit, console, &r)
		if !r.started() && i+1 < len(accels) && ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "vmtest: no boot with %s, emulating\n", accel)
			continue
		}
		ok = r.finish()
		fmt.Printf("%d passed, %d failed (%s, %.1f s)\n", r.passed, r.failed, accel, time.Since(start).Seconds())
		break
	}
	return ok, err
}

// kvmOpens reports whether qemu may try to use the processor's virtualisation. That a machine then
// boots is not said: nested virtualisation can be incomplete.
func kvmOpens() bool {
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	f.Close()
	return true
}
