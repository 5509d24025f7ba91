// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"runtime"

	"github.com/urfave/cli/v2"
)

// workerMemory is what one more worker may need, in bytes, with room to spare: its buffers for a
// large unit and its part of the tables.
const workerMemory = 64 << 20

// defaultJobs is the number of workers without -j: the CPUs that the process may use (GOMAXPROCS
// knows of affinity and cgroup quota), less if a memory limit of the cgroup leaves no room.
func defaultJobs() int {
	jobs := runtime.GOMAXPROCS(0)
	if limit := memoryLimit(); limit > 0 {
		jobs = min(jobs, int(limit/workerMemory))
	}
	return max(jobs, 1)
}

// jobsFlag is the number of workers that -j says, or the default. Its error is a usage error.
func jobsFlag(c *cli.Context) (int, error) {
	n := c.Int("j")
	switch {
	case c.IsSet("j") && n <= 0:
		return 0, usagef("%s: -j %d: the number of workers is at least 1", c.Command.Name, n)
	case n == 0:
		return defaultJobs(), nil
	}
	return n, nil
}
