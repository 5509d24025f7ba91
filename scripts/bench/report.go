// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"
)

// report writes the table. A ratio above 1 means that the first command took
// less; it is the median over the runs that stood side by side.
func report(w io.Writer, names [2]string, runs [2][]sample, anon [2]int64) {
	fmt.Fprintln(w, "| | runs | wall min | wall median | CPU min | CPU median | peak RSS | anonymous |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|")
	for i, name := range names {
		wall, cpu, rss := columns(runs[i])
		fmt.Fprintf(w, "| %s | %d | %s | %s | %s | %s | %s | %s |\n", name, len(runs[i]),
			seconds(slices.Min(wall)), seconds(median(wall)), seconds(slices.Min(cpu)), seconds(median(cpu)),
			mib(median(rss)), mib(anon[i]))
	}
	pairs := min(len(runs[0]), len(runs[1]))
	var wall, cpu []float64
	for n := range pairs {
		wall = append(wall, ratio(runs[1][n].wall, runs[0][n].wall))
		cpu = append(cpu, ratio(runs[1][n].cpu, runs[0][n].cpu))
	}
	fmt.Fprintf(w, "\n%s takes %.1f times the wall time and %.1f times the CPU time of %s (median of %d pairs).\n",
		names[1], median(wall), median(cpu), names[0], pairs)
}

func columns(runs []sample) (wall, cpu []time.Duration, rss []int64) {
	for _, s := range runs {
		wall = append(wall, s.wall)
		cpu = append(cpu, s.cpu)
		rss = append(rss, s.peakRSS)
	}
	return wall, cpu, rss
}

// median returns the middle value, of an even number the lower of the two in
// the middle: always a value that was measured.
func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

func ratio(b, a time.Duration) float64 { return float64(b) / float64(max(a, 1)) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }

func mib(n int64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }
