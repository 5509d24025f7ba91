// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package parallel

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
)

func TestGroup(t *testing.T) {
	first := errors.New("first")
	for _, workers := range []int{-1, 0, 1, 2, 7} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			g := NewGroup(workers)
			var mu sync.Mutex
			var got []int
			for i := range 20 {
				g.Go(func() error {
					mu.Lock()
					defer mu.Unlock()
					got = append(got, i)
					if i == 3 {
						return first
					}
					return nil
				})
				mu.Lock()
				if workers <= 1 && len(got) != i+1 {
					t.Errorf("call %d was left to a goroutine", i)
				}
				mu.Unlock()
			}
			if err := g.Wait(); err != first {
				t.Errorf("error %v", err)
			}
			if workers <= 1 && !slices.IsSorted(got) {
				t.Errorf("order %v", got)
			}
			if slices.Sort(got); len(got) != 20 || got[0] != 0 || got[19] != 19 {
				t.Errorf("called with %v", got)
			}
		})
	}
	g := NewGroup(2)
	g.Go(func() error { return nil })
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

func TestWorkers(t *testing.T) {
	for _, n := range []int{-1, 0, 1, 2, 9} {
		var all sync.WaitGroup
		all.Add(max(n, 0))
		var mu sync.Mutex
		got := map[int]bool{}
		before := runtime.NumGoroutine()
		Workers(n, func(worker int) {
			all.Done()
			all.Wait() // all run at the same time
			mu.Lock()
			defer mu.Unlock()
			got[worker] = true
			if n == 1 && runtime.NumGoroutine() > before {
				t.Error("one worker has a goroutine of its own")
			}
		})
		if len(got) != max(n, 0) {
			t.Errorf("%d workers: called for %v", n, got)
		}
	}
}
