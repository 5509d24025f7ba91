// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/btfgen/btfgen/kbuild"
)

// batch is the work on several files. One that fails does not stop the others.
type batch struct {
	name   string // for the progress bar
	files  []string
	jobs   int // files at a time
	stderr io.Writer
}

// run calls work for each file, the largest first. What work prints, and its failure, come out in the order of
// the files.
func (b *batch) run(work func(i int, stderr io.Writer) error) error {
	adjustMemory(b.files...)
	if len(b.files) == 1 {
		if err := work(0, b.stderr); err != nil {
			return fmt.Errorf("%s: %w", b.files[0], err)
		}
		return nil
	}
	sizes := make([]int64, len(b.files))
	total := int64(0)
	queue := make([]int, len(b.files))
	for i, f := range b.files {
		queue[i] = i
		if fi, err := os.Stat(f); err == nil {
			sizes[i] = fi.Size()
		}
		total += sizes[i]
	}
	slices.SortStableFunc(queue, func(x, y int) int { return cmp.Compare(sizes[y], sizes[x]) })
	bar := newProgress(b.stderr, b.name)
	var mu sync.Mutex // guards all below
	var done int64
	printed, failed := 0, 0
	said := make([]*bytes.Buffer, len(b.files))
	finish := func(i int, buf *bytes.Buffer, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failed++
			fmt.Fprintf(buf, "btfgen: %s: %v\n", b.files[i], err)
		}
		said[i] = buf
		done += sizes[i]
		for ; printed < len(said) && said[printed] != nil; printed++ {
			if said[printed].Len() > 0 {
				bar.finish()
				_, _ = b.stderr.Write(said[printed].Bytes()) // nowhere to say that it failed
			}
		}
		bar.update(done, total)
	}
	workers := b.jobs
	var server *kbuild.Jobserver
	if workers > 1 {
		var err error
		if server, err = makeJobs(); err != nil {
			fmt.Fprintf(b.stderr, "btfgen: %v: one file at a time\n", err)
			workers = 1
		}
	}
	spread(len(queue), workers, server, func(n int) {
		buf := new(bytes.Buffer)
		finish(queue[n], buf, work(queue[n], buf))
	})
	bar.finish()
	if failed > 0 {
		return fmt.Errorf("%d of %d files failed", failed, len(b.files))
	}
	return nil
}

// spread calls do for each number below n, with up to so many workers. Each but the first needs a token for each call.
func spread(n, workers int, server *kbuild.Jobserver, do func(int)) {
	waiting, stop := context.WithCancel(context.Background())
	defer stop()
	var next atomic.Int64
	var wg sync.WaitGroup
	for worker := range min(workers, n) {
		wg.Go(func() {
			for {
				if worker > 0 && server.Acquire(waiting) != nil {
					return // all files are taken, or make has gone
				}
				i := int(next.Add(1)) - 1
				if i < n {
					do(i)
				}
				if worker > 0 {
					server.Release()
				}
				if i >= n {
					stop() // those that wait for a token
					return
				}
			}
		})
	}
	wg.Wait()
}
