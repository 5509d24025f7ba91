// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package parallel spreads work over goroutines, and with one worker over none: waking a thread for what is done in
// a fraction of a millisecond takes longer than doing it.
package parallel

import (
	"sync"

	"golang.org/x/sync/errgroup"
)

// Group is an errgroup.Group that calls functions at once if it has one worker.
type Group struct {
	workers int
	group   errgroup.Group
	err     error // the first, with one worker
}

// NewGroup returns a group with so many workers, at least one.
func NewGroup(workers int) *Group {
	g := &Group{workers: workers}
	g.group.SetLimit(max(workers, 1))
	return g
}

// Go calls f, at once or in a goroutine.
func (g *Group) Go(f func() error) {
	if g.workers > 1 {
		g.group.Go(f)
		return
	}
	if err := f(); g.err == nil {
		g.err = err
	}
}

// Wait returns the first error, when all functions have returned.
func (g *Group) Wait() error {
	if g.workers > 1 {
		return g.group.Wait()
	}
	return g.err
}

// Workers calls f with each number below n at the same time, with the last one from the caller's goroutine, and returns when all have returned.
func Workers(n int, f func(worker int)) {
	if n <= 0 {
		return
	}
	var wg sync.WaitGroup
	for i := range n - 1 {
		wg.Go(func() { f(i) })
	}
	defer wg.Wait()
	f(n - 1)
}
