// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// machine is what qemu boots.
type machine struct {
	platform          platform
	kernel, initramfs string
	initArgs          []string
}

// platform is an architecture as qemu has it: what a machine with a serial console and nothing else takes.
type platform struct {
	goarch  string // as Go calls it
	qemu    string
	cpu     string // to emulate
	board   []string
	console string // the kernel's name for the serial console
}

var platforms = map[string]platform{
	// Without cmpxchg16b: with it guests panicked or hung at random (qemu 7.2).
	"x86_64": {"amd64", "qemu-system-x86_64", "max,-cx16", []string{"-serial", "stdio"}, "ttyS0"},
	// Pointer authentication by the architecture's own function takes most of the time of an emulated boot.
	"arm64": {"arm64", "qemu-system-aarch64", "max,pauth-impdef=on", []string{"-machine", "virt", "-serial", "stdio"}, "ttyAMA0"},
	"s390x": {"s390x", "qemu-system-s390x", "max", []string{"-machine", "s390-ccw-virtio", "-chardev", "stdio,id=console",
		"-device", "sclpconsole,chardev=console"}, "ttyS1"},
}

// startLimit is how long a machine with hardware virtualisation may take to its first check, which
// it reaches within 3 s. Where virtualisation is incomplete, qemu exits at once or the guest hangs.
const startLimit = 20 * time.Second

// command is qemu's command line.
func (m machine) command(accel string) []string {
	cpu := m.platform.cpu
	if accel == "kvm" {
		cpu = "host"
	}
	// What is after -- are the arguments of init. Only emergencies go to the console, so that the
	// kernel does not write into the lines of init, and a panic ends the machine (-no-reboot).
	line := "console=" + m.platform.console + " loglevel=1 panic=-1 oops=panic mitigations=off -- " + strings.Join(m.initArgs, " ")
	return slices.Concat([]string{
		m.platform.qemu,
		"-accel", accel, "-cpu", cpu, "-smp", "1", "-m", "1024",
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
		"-kernel", m.kernel, "-initrd", m.initramfs, "-append", line,
	}, m.platform.board)
}

// boot runs the machine until it switches itself off, at most for the time of limit, and gives each
// line of its console to the report. The error says why the machine did not end by itself.
func (m machine) boot(ctx context.Context, accel string, limit time.Duration, log io.Writer, r *report) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := time.AfterFunc(limit, func() { cancel(fmt.Errorf("the machine was still running after %v", limit)) })
	defer stop.Stop()
	if accel == "kvm" {
		start := time.AfterFunc(startLimit, func() {
			if !r.started() {
				cancel(fmt.Errorf("no check within %v", startLimit))
			}
		})
		defer start.Stop()
	}

	args := m.command(accel)
	qemu := exec.CommandContext(ctx, args[0], args[1:]...) // which kills it, by its id
	var stderr strings.Builder
	qemu.Stderr = &stderr
	console, err := qemu.StdoutPipe()
	if err != nil {
		return err
	}
	if err := qemu.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(io.TeeReader(console, log))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		r.line(lines.Text())
	}
	if err := lines.Err(); err != nil && !errors.Is(err, os.ErrClosed) {
		cancel(fmt.Errorf("console: %w", err))
	}
	err = qemu.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err != nil {
		return fmt.Errorf("qemu: %w\n%s", err, strings.TrimSpace(stderr.String()))
	}
	return nil
}
