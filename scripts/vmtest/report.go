// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
)

// tailLines is how much of the console is shown when the machine stopped before its last check.
const tailLines = 40

// maxChecks bounds the plan. The console is not trusted: a kernel that goes wrong writes anything.
const maxChecks = 10_000

var (
	planLine  = regexp.MustCompile(`^1\.\.([0-9]{1,6})$`)
	checkLine = regexp.MustCompile(`^(not )?ok ([0-9]{1,6}) - (.*)$`)
)

// report reads the lines of a machine's console and prints those that are about checks.
type report struct {
	out            io.Writer
	planned        atomic.Int32 // number of checks, 0 before it is known
	passed, failed int
	seen           []bool   // by number of the check, from 1
	tail           []string // last lines of the console
}

// started reports whether init runs. It may be called while lines come in.
func (r *report) started() bool { return r.planned.Load() > 0 }

// line takes one line of the console.
func (r *report) line(text string) {
	text = strings.TrimRight(text, "\r")
	r.tail = append(r.tail, text)
	if len(r.tail) > tailLines {
		r.tail = r.tail[1:]
	}
	if m := planLine.FindStringSubmatch(text); m != nil && !r.started() {
		n, _ := strconv.Atoi(m[1])
		if n <= maxChecks {
			r.planned.Store(int32(n))
			r.seen = make([]bool, n+1)
		}
		return
	}
	m := checkLine.FindStringSubmatch(text)
	switch {
	case m != nil:
		n, _ := strconv.Atoi(m[2])
		if n < 1 || n >= len(r.seen) || r.seen[n] {
			r.fail("check %d is not of the plan, or came twice: %s", n, m[3])
			return
		}
		r.seen[n] = true
		if m[1] != "" {
			r.fail("%s", m[3])
			return
		}
		r.passed++
		fmt.Fprintln(r.out, "ok     ", m[3])
	case strings.HasPrefix(text, "# "):
		fmt.Fprintln(r.out, "       ", text[2:])
	case strings.HasPrefix(text, "Bail out!"):
		r.fail("%s", text)
	}
}

func (r *report) fail(format string, args ...any) {
	r.failed++
	fmt.Fprintln(r.out, "FAILED ", fmt.Sprintf(format, args...))
}

// finish counts what is missing as failed and reports whether everything passed.
func (r *report) finish() bool {
	missing := 0
	for n := 1; n < len(r.seen); n++ {
		if !r.seen[n] {
			missing++
		}
	}
	switch {
	case !r.started():
		r.fail("the machine did not come to its first check")
	case missing > 0:
		r.fail("%d of %d checks are missing", missing, len(r.seen)-1)
		r.failed += missing - 1 // one is counted
	}
	if missing > 0 || !r.started() {
		fmt.Fprintln(r.out, "        last lines of the console:")
		for _, line := range r.tail {
			fmt.Fprintln(r.out, "       ", line)
		}
	}
	return r.failed == 0
}
