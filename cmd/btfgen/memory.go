// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// Most of what is allocated is in use to the end of a file, so that looking for garbage finds none: with the default of 100 % a
// kernel takes 3 % more time, a small module up to a quarter. It is looked for when memory comes near to memoryGoal.
const gcPercent = 1600

// memoryGoal is what a process tries not to exceed, in bytes: a batch with amdgpu.ko would grow to 1 GB, of which half is
// in use. Where that is more, it is three quarters of the size of the largest file; amdgpu.ko needs two thirds, a kernel one.
const memoryGoal = 700 << 20

// smallFile is the size of files, in bytes, that do not come near to memoryGoal, nor to any limit of the machine.
const smallFile = 16 << 20

// setMemory makes the settings above, to begin with.
func setMemory() {
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(memoryGoal)
}

// adjustMemory adjusts them to the files of a run. Where a cgroup leaves less memory, three quarters of that are the goal.
func adjustMemory(files ...string) {
	largest := int64(0)
	for _, f := range files {
		if fi, err := os.Stat(f); err == nil {
			largest = max(largest, fi.Size())
		}
	}
	if len(files) == 1 && largest < smallFile {
		return
	}
	goal := max(memoryGoal, largest/4*3)
	if most := memoryLimit(); most > 0 {
		goal = min(goal, most/4*3)
	}
	debug.SetMemoryLimit(goal)
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
