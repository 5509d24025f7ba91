// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"errors"
	"fmt"
	"strings"
)

// check is one line of the report. Checks run in order and may depend on earlier ones.
type check struct {
	name string
	run  func() error
}

// report runs the checks and prints, in the Test Anything Protocol, the plan and one line for each.
// An error's text follows as comments.
func report(checks []check) {
	fmt.Printf("1..%d\n", len(checks))
	for i, c := range checks {
		err := run(c)
		if err == nil {
			fmt.Printf("ok %d - %s\n", i+1, c.name)
			continue
		}
		fmt.Printf("not ok %d - %s\n", i+1, c.name)
		for line := range strings.Lines(err.Error()) {
			fmt.Printf("# %s\n", strings.TrimRight(line, "\n"))
		}
	}
}

// run turns a panic into an error, so that the checks after it still run.
func run(c check) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.Join(err, fmt.Errorf("panic: %v", p))
		}
	}()
	return c.run()
}
