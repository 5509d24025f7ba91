// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package phase measures the phases of a run: wall time, CPU time, counts and
// peak memory, printed as a table or as JSON. Memory comes from
// /proc/self/status and is 0 where there is no such file.
package phase

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"
)

// Timer collects phases and counts. A nil *Timer does nothing. All methods are
// safe for concurrent use.
type Timer struct {
	mu     sync.Mutex
	start  time.Time
	cpu    time.Duration // of the process, at New
	phases []entry       // in the order of their first Start
	counts []count       // in the order of their first Count
}

type entry struct {
	name      string
	wall, cpu time.Duration
}

type count struct {
	name string
	n    int64
}

// New returns a timer whose total starts now.
func New() *Timer {
	return &Timer{start: time.Now(), cpu: processCPU()}
}

func nothing() {}

// Start begins a phase; the returned function ends it and does nothing when
// called again. Phases of one name add up. CPU time is that of the whole
// process, so phases that overlap each count it in full.
func (t *Timer) Start(name string) (stop func()) {
	if t == nil {
		return nothing
	}
	t.mu.Lock()
	i := t.entry(name)
	t.mu.Unlock()
	wall, cpu := time.Now(), processCPU()
	var once sync.Once
	return func() {
		once.Do(func() {
			w, c := time.Since(wall), processCPU()-cpu
			t.mu.Lock()
			defer t.mu.Unlock()
			t.phases[i].wall += w
			t.phases[i].cpu += c
		})
	}
}

// entry returns the index into phases of a name, adding it if new.
func (t *Timer) entry(name string) int {
	for i := range t.phases {
		if t.phases[i].name == name {
			return i
		}
	}
	t.phases = append(t.phases, entry{name: name})
	return len(t.phases) - 1
}

// Count adds n to the count of a name.
func (t *Timer) Count(name string, n int64) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.counts {
		if t.counts[i].name == name {
			t.counts[i].n += n
			return
		}
	}
	t.counts = append(t.counts, count{name, n})
}

// Report is what WriteJSON writes. Fields are only ever added; a change of
// meaning changes Schema. Times are in nanoseconds, memory in bytes.
type Report struct {
	Schema int     `json:"schema"` // 1
	Phases []Phase `json:"phases"`
	Total  Span    `json:"total"` // since New
	Counts []Count `json:"counts"`
	Memory Memory  `json:"memory"`
}

// Phase is a named span.
type Phase struct {
	Name string `json:"name"`
	Span
}

// Span is a stretch of time: on the clock, and user plus system CPU time of the
// whole process in it.
type Span struct {
	WallNS int64 `json:"wall_ns"`
	CPUNS  int64 `json:"cpu_ns"`
}

// Count is a named number.
type Count struct {
	Name string `json:"name"`
	N    int64  `json:"n"`
}

// Memory is the memory of the process, 0 where unknown.
type Memory struct {
	PeakRSS int64 `json:"peak_rss_bytes"` // VmHWM: the most that was resident, file pages included
	Anon    int64 `json:"anon_bytes"`     // RssAnon: resident now and not backed by a file
}

// Report returns what was measured so far. A phase that has not ended counts
// nothing. The report of a nil Timer is empty.
func (t *Timer) Report() Report {
	r := Report{Schema: 1, Phases: []Phase{}, Counts: []Count{}}
	if t == nil {
		return r
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r.Total = span(time.Since(t.start), processCPU()-t.cpu)
	r.Memory = processMemory()
	for _, e := range t.phases {
		r.Phases = append(r.Phases, Phase{e.name, span(e.wall, e.cpu)})
	}
	for _, c := range t.counts {
		r.Counts = append(r.Counts, Count{c.name, c.n})
	}
	return r
}

func span(wall, cpu time.Duration) Span {
	return Span{wall.Nanoseconds(), cpu.Nanoseconds()}
}

// WriteJSON writes the report as one JSON object and a newline; a nil Timer
// writes nothing.
func (t *Timer) WriteJSON(w io.Writer) error {
	if t == nil {
		return nil
	}
	b, err := json.MarshalIndent(t.Report(), "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// WriteText writes the report as a table for people: times in milliseconds,
// memory in MiB. A nil Timer writes nothing.
func (t *Timer) WriteText(w io.Writer) error {
	if t == nil {
		return nil
	}
	return t.Report().writeText(w)
}

func (r Report) writeText(w io.Writer) error {
	rows := [][3]string{{"phase", "wall ms", "cpu ms"}}
	for _, p := range r.Phases {
		rows = append(rows, [3]string{p.Name, ms(p.WallNS), ms(p.CPUNS)})
	}
	rows = append(rows, [3]string{"total", ms(r.Total.WallNS), ms(r.Total.CPUNS)})
	for _, c := range r.Counts {
		rows = append(rows, [3]string{c.Name, strconv.FormatInt(c.N, 10)})
	}
	rows = append(rows,
		[3]string{"peak rss MiB", mib(r.Memory.PeakRSS)},
		[3]string{"anonymous MiB", mib(r.Memory.Anon)})

	var width [3]int
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b bytes.Buffer
	for _, row := range rows {
		line := fmt.Sprintf("%-*s  %*s  %*s", width[0], row[0], width[1], row[1], width[2], row[2])
		b.WriteString(strings.TrimRight(line, " "))
		b.WriteByte('\n')
	}
	_, err := w.Write(b.Bytes())
	return err
}

func ms(ns int64) string { return strconv.FormatFloat(float64(ns)/1e6, 'f', 1, 64) }

func mib(n int64) string { return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) }

// processCPU returns the user plus system time of the process, 0 if unknown.
func processCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func processMemory() Memory {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return Memory{}
	}
	return Memory{PeakRSS: statusBytes(status, "VmHWM:"), Anon: statusBytes(status, "RssAnon:")}
}

// statusBytes returns a field of /proc/PID/status that is given in kB, in bytes;
// 0 if the field is missing or malformed (proc(5)).
func statusBytes(status []byte, field string) int64 {
	for line := range bytes.Lines(status) {
		rest, ok := bytes.CutPrefix(line, []byte(field))
		if !ok {
			continue
		}
		parts := bytes.Fields(rest)
		if len(parts) != 2 || string(parts[1]) != "kB" {
			return 0
		}
		n, err := strconv.ParseInt(string(parts[0]), 10, 53)
		if err != nil || n < 0 {
			return 0
		}
		return n << 10
	}
	return 0
}
