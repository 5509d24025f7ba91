// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far a run is, on a terminal only and only if it takes a while.
type progress struct {
	w     io.Writer
	name  string
	start time.Time
	bar   *progressbar.ProgressBar
	tty   bool
}

func newProgress(w io.Writer, name string) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, name: name, start: time.Now(), tty: ok && term.IsTerminal(int(f.Fd()))}
}

func (p *progress) update(done, total int64) {
	if !p.tty || p.bar == nil && time.Since(p.start) < 200*time.Millisecond {
		return
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(p.name),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(50*time.Millisecond))
	}
	_ = p.bar.Set64(done) // a bar that cannot be drawn is no failure
}

func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
