// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/btfgen/btfgen/kbuild"
)

// Under make -j, workers beyond the first are jobs of make's: each takes a token of its jobserver, so that ten modules at a
// time with ten workers each do not become a hundred.

// makeJobs returns the jobserver of the make that runs this process, nil if there is none.
var makeJobs = sync.OnceValues(func() (*kbuild.Jobserver, error) {
	s, err := kbuild.JobserverFromEnv()
	if s != nil {
		openedJobs.Store(s)
		giveBackOnSignal(s)
	}
	return s, err
})

var openedJobs atomic.Pointer[kbuild.Jobserver]

// giveBackJobs returns all tokens to make. There is one worker from then on.
func giveBackJobs() { openedJobs.Load().Close() }

// giveBackOnSignal has the signals that end a build return the tokens before they end this process.
func giveBackOnSignal(s *kbuild.Jobserver) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		sig := (<-c).(syscall.Signal)
		s.Close()
		signal.Reset(sig)
		_ = syscall.Kill(os.Getpid(), sig) // by the signal itself, which make looks for
	}()
}

// share returns how many of the workers that want to work on one file may: below a make with a jobserver one, and
// as many more as it has tokens for now. They are given back when the command ends.
func share(want int) int {
	if want <= 1 {
		return want
	}
	s, err := makeJobs()
	if err != nil { // there are tokens, out of reach
		return 1
	}
	return 1 + s.TryAcquire(want-1)
}

// perFile returns how many workers a file gets that is one of so many: a batch has a worker for each.
func perFile(files, jobs int) int {
	if files > 1 {
		return 1
	}
	return share(jobs)
}
