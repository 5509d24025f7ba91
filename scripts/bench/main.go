// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Command bench times two commands against each other, A B A B, so that what
// else the machine does hits both alike, and prints a Markdown table.
//
//	bench [-names A,B] [-runs 9,5] [-out FILE] [-before PROGRAM] -- COMMAND A... -- COMMAND B...
//
// Each command must exit with 0 and leave FILE, which is removed before each
// run, with at least one byte. Before each run PROGRAM makes what the commands change
// what it was; its time does not count. One run of each goes before and does not count;
// one after, not timed, samples its memory.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string, w io.Writer) error {
	p, err := parseArgs(args)
	if err != nil {
		return err
	}
	var runs [2][]sample
	for i := range p.commands { // page cache, and a mistake in a command shows before the long wait
		if _, err := p.measure(i); err != nil {
			return err
		}
	}
	for n := range max(p.runs[0], p.runs[1]) {
		for i := range p.commands {
			if n >= p.runs[i] {
				continue
			}
			s, err := p.measure(i)
			if err != nil {
				return err
			}
			runs[i] = append(runs[i], s)
		}
	}
	var anon [2]int64
	for i := range p.commands {
		if anon[i], err = p.anonymous(i); err != nil {
			return err
		}
	}
	report(w, p.names, runs, anon)
	return nil
}

// plan is what to run, how often.
type plan struct {
	names    [2]string
	runs     [2]int
	out      string // the file that each run must write; empty: none
	before   string // program to call before each run; empty: none
	commands [2][]string
}

func parseArgs(args []string) (*plan, error) {
	p := &plan{}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	names := fs.String("names", "A,B", "what the two commands are called")
	runs := fs.String("runs", "9,5", "how often each runs")
	fs.StringVar(&p.out, "out", "", "file that each command writes")
	fs.StringVar(&p.before, "before", "", "`PROGRAM` to call before each run, without arguments")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	rest := fs.Args()
	cut := slices.Index(rest, "--")
	if cut < 1 || cut == len(rest)-1 {
		return nil, errors.New("want two commands with -- between them")
	}
	p.commands = [2][]string{rest[:cut], rest[cut+1:]}
	var ok bool
	if p.names[0], p.names[1], ok = strings.Cut(*names, ","); !ok {
		return nil, fmt.Errorf("-names %s: want two", *names)
	}
	a, b, _ := strings.Cut(*runs, ",")
	for i, s := range []string{a, b} {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-runs %s: want two numbers above 0", *runs)
		}
		p.runs[i] = n
	}
	return p, nil
}

// sample is one run. peakRSS is of the process with its mapped files, and never
// below what this program holds itself, since the kernel counts from the fork.
type sample struct {
	wall, cpu time.Duration
	peakRSS   int64 // bytes
}

// measure runs command i once.
func (p *plan) measure(i int) (sample, error) {
	cmd, stderr, err := p.command(i)
	if err != nil {
		return sample{}, err
	}
	start := time.Now()
	err = cmd.Run()
	wall := time.Since(start)
	if err := p.check(i, err, stderr); err != nil {
		return sample{}, err
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return sample{wall, cpu, usage.Maxrss << 10}, nil // KiB on Linux
}

// anonymous runs command i once more and returns the largest anonymous memory
// seen in /proc, in bytes. Reading it costs the process time: not for timing.
func (p *plan) anonymous(i int) (int64, error) {
	cmd, stderr, err := p.command(i)
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	status := fmt.Sprintf("/proc/%d/status", cmd.Process.Pid)
	var most int64
	for {
		select {
		case err := <-done:
			return most, p.check(i, err, stderr)
		case <-tick.C:
			if text, err := os.ReadFile(status); err == nil {
				most = max(most, rssAnon(text))
			}
		}
	}
}

// command prepares command i and its input; its standard error goes to the buffer.
func (p *plan) command(i int) (*exec.Cmd, *bytes.Buffer, error) {
	if p.out != "" {
		if err := os.Remove(p.out); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, nil, err
		}
	}
	if p.before != "" {
		if text, err := exec.Command(p.before).CombinedOutput(); err != nil {
			return nil, nil, fmt.Errorf("-before %s: %w\n%s", p.before, err, text)
		}
	}
	argv := p.commands[i]
	cmd := exec.Command(argv[0], argv[1:]...)
	stderr := &bytes.Buffer{}
	cmd.Stderr = stderr
	return cmd, stderr, nil
}

// check turns the end of command i into an error if it did not do its work:
// some encoders exit with 0 without having written anything.
func (p *plan) check(i int, err error, stderr *bytes.Buffer) error {
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", p.names[i], err, stderr)
	}
	if p.out == "" {
		return nil
	}
	if info, err := os.Stat(p.out); err != nil || info.Size() == 0 {
		return fmt.Errorf("%s wrote no %s\n%s", p.names[i], p.out, stderr)
	}
	return nil
}

// rssAnon returns the bytes of the RssAnon line of a /proc/PID/status, or 0.
func rssAnon(status []byte) int64 {
	for line := range bytes.Lines(status) {
		var kib int64
		if n, _ := fmt.Sscanf(string(line), "RssAnon: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}
