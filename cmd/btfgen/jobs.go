// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"

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

// memoryLimit is the least memory limit of the process's cgroup (version 2) and those above it, in
// bytes, 0 if there is none.
func memoryLimit() int64 {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0
	}
	path := ""
	for _, line := range strings.Split(string(b), "\n") {
		if p, ok := strings.CutPrefix(line, "0::"); ok {
			path = p
		}
	}
	least := int64(0)
	for {
		b, err := os.ReadFile("/sys/fs/cgroup" + path + "/memory.max")
		if err == nil {
			if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && n > 0 && (least == 0 || n < least) {
				least = n
			}
		}
		i := strings.LastIndexByte(path, '/')
		if i < 0 {
			return least
		}
		path = path[:i]
	}
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
