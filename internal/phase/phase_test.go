// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package phase

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNilTimer(t *testing.T) {
	var timer *Timer
	var out bytes.Buffer
	use := func() {
		timer.Start("walk")()
		timer.Count("units", 1)
		if timer.WriteText(&out) != nil || timer.WriteJSON(&out) != nil {
			t.Error("error")
		}
	}
	if n := testing.AllocsPerRun(10, use); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if out.Len() != 0 {
		t.Errorf("wrote %q", out.String())
	}
	if r := timer.Report(); len(r.Phases) != 0 || r.Total.WallNS != 0 {
		t.Errorf("%+v", r)
	}
}

func TestOrderAndSums(t *testing.T) {
	timer := New()
	outer := timer.Start("zz outer")
	timer.Start("inner")()
	timer.Start("aa last")()
	stop := timer.Start("inner")
	time.Sleep(2 * time.Millisecond)
	stop()
	stop() // counts once
	outer()
	timer.Count("units", 3)
	timer.Count("types", 5)
	timer.Count("units", 4)

	r := timer.Report()
	var names []string
	for _, p := range r.Phases {
		names = append(names, p.Name)
	}
	if want := []string{"zz outer", "inner", "aa last"}; !slices.Equal(names, want) {
		t.Errorf("phases %q, want %q", names, want)
	}
	if diff := cmp.Diff([]Count{{"units", 7}, {"types", 5}}, r.Counts); diff != "" {
		t.Error(diff)
	}
	out, in := r.Phases[0].WallNS, r.Phases[1].WallNS
	if in < 2e6 || out < in || r.Total.WallNS < out {
		t.Errorf("inner %d ns, outer %d ns, total %d ns", in, out, r.Total.WallNS)
	}
	if again := timer.Report().Phases[1].WallNS; again != in {
		t.Errorf("inner was %d ns, now %d ns", in, again)
	}
}

func TestCPU(t *testing.T) {
	timer := New()
	stop := timer.Start("busy")
	sum := 0
	for from := processCPU(); processCPU()-from < 20*time.Millisecond; {
		for i := range 1000 {
			sum += i
		}
	}
	stop()
	if r := timer.Report(); r.Phases[0].CPUNS < 20e6 || r.Total.CPUNS < r.Phases[0].CPUNS {
		t.Errorf("%+v (%d)", r, sum)
	}
}

func TestConcurrentUse(t *testing.T) {
	timer := New()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				timer.Count("units", 1)
			}
			timer.Start("walk")()
			timer.Report()
		})
	}
	wg.Wait()
	if r := timer.Report(); len(r.Phases) != 1 || len(r.Counts) != 1 || r.Counts[0].N != 8000 {
		t.Errorf("%+v", r)
	}
}

var sampleReport = Report{
	Schema: 1,
	Phases: []Phase{
		{"walk", Span{731_234_567, 1_115_000_000}},
		{"émission", Span{40_000, 0}},
	},
	Total:  Span{800_000_000, 1_200_000_000},
	Counts: []Count{{"units", 2754}},
	Memory: Memory{PeakRSS: 99 << 20, Anon: 71<<20 + 1<<19},
}

func TestText(t *testing.T) {
	const want = `phase          wall ms  cpu ms
walk             731.2  1115.0
émission           0.0     0.0
total            800.0  1200.0
units             2754
peak rss MiB      99.0
anonymous MiB     71.5
`
	var out bytes.Buffer
	if err := sampleReport.writeText(&out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// TestSchema pins the JSON form: scripts read it.
func TestSchema(t *testing.T) {
	const want = `{"schema":1,` +
		`"phases":[{"name":"walk","wall_ns":731234567,"cpu_ns":1115000000},{"name":"émission","wall_ns":40000,"cpu_ns":0}],` +
		`"total":{"wall_ns":800000000,"cpu_ns":1200000000},` +
		`"counts":[{"name":"units","n":2754}],` +
		`"memory":{"peak_rss_bytes":103809024,"anon_bytes":74973184}}`
	got, err := json.Marshal(sampleReport)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestWriteJSON(t *testing.T) {
	var out bytes.Buffer
	if err := New().WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(out.Bytes(), []byte("}\n")) || !bytes.Contains(out.Bytes(), []byte(`"phases": []`)) {
		t.Errorf("%s", out.Bytes())
	}
	var r Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || r.Schema != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteErrors(t *testing.T) {
	if err := New().WriteText(brokenWriter{}); !errors.Is(err, errBroken) {
		t.Errorf("text: %v", err)
	}
	if err := New().WriteJSON(brokenWriter{}); !errors.Is(err, errBroken) {
		t.Errorf("JSON: %v", err)
	}
}

func TestStatusBytes(t *testing.T) {
	tests := []struct {
		status string
		want   int64
	}{
		{"Name:\tx\nVmHWM:\t   12345 kB\nRssAnon:\t 1 kB\n", 12345 << 10},
		{"VmHWM:\t12 kB", 12 << 10},
		{"", 0},
		{"XVmHWM:\t12 kB\n", 0},
		{"VmHWM:\t12 MB\n", 0},
		{"VmHWM:\t12\n", 0},
		{"VmHWM:\t-12 kB\n", 0},
		{"VmHWM:\tmany kB\n", 0},
		{"VmHWM:\t9999999999999999999 kB\n", 0},
	}
	for _, tt := range tests {
		if got := statusBytes([]byte(tt.status), "VmHWM:"); got != tt.want {
			t.Errorf("%q: %d, want %d", tt.status, got, tt.want)
		}
	}
}

func TestProcessMemory(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip(err)
	}
	if m := processMemory(); m.PeakRSS < 1<<20 || m.Anon < 1<<16 || m.Anon > m.PeakRSS {
		t.Errorf("%+v", m)
	}
}
