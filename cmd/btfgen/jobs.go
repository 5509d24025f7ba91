// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"
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
