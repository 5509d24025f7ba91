// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// progress shows how far a run is, on a terminal only and only if it takes a while.
type progress struct {
	w     io.Writer
	name  string
	start time.Time
	shown *mpb.Progress // nil until there is a bar
	bar   *mpb.Bar
	tty   bool
}

func newProgress(w io.Writer, name string) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, name: name, start: time.Now(), tty: ok && term.IsTerminal(int(f.Fd()))}
}

func (p *progress) update(done, total int64) {
	if !p.tty || p.shown == nil && time.Since(p.start) < 200*time.Millisecond {
		return
	}
	if p.shown == nil {
		p.shown = mpb.New(mpb.WithOutput(p.w), mpb.WithWidth(30), mpb.WithRefreshRate(50*time.Millisecond))
		p.bar = p.shown.AddBar(0, mpb.PrependDecorators(decor.Name(p.name+" ")), mpb.AppendDecorators(decor.Percentage()))
		p.bar.SetTotal(total, false) // with a total from the start it would end at 100 %, and stay on the screen
	}
	p.bar.SetCurrent(done)
}

// finish takes the bar away. A later update would show another one.
func (p *progress) finish() {
	if p.shown != nil {
		p.bar.Abort(true)
		p.shown.Wait()
		p.shown = nil
	}
}
