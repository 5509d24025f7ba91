// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"sync"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/btfcheck"
)

// verifier reads results with an independent parser. That takes much longer for the BTF of a kernel than for that of a module, so
// a base is read once. A nil verifier finds nothing wrong.
type verifier struct {
	mu    sync.Mutex // guards bases and their checkers
	bases map[*btf.Base]*btfcheck.Checker
}

// newVerifier returns a verifier if one is asked for.
func newVerifier(wanted bool) *verifier {
	if !wanted {
		return nil
	}
	return &verifier{bases: map[*btf.Base]*btfcheck.Checker{}}
}

// check reads a blob, which may have a distilled base or else be split against base; both may be nil.
func (v *verifier) check(blob, distilled []byte, base *btf.Base) error {
	if v == nil {
		return nil
	}
	var err error
	switch {
	case distilled != nil:
		var c *btfcheck.Checker
		if c, err = btfcheck.NewChecker(distilled); err == nil {
			err = c.Check(blob)
		}
	case base != nil:
		err = v.checkSplit(blob, base)
	default:
		err = btfcheck.Check(blob)
	}
	if err != nil {
		return fmt.Errorf("the result does not verify: %w", err)
	}
	return nil
}

func (v *verifier) checkSplit(blob []byte, base *btf.Base) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	c := v.bases[base]
	if c == nil {
		var err error
		if c, err = btfcheck.ReadBase(base.Table().Data()); err != nil {
			return err
		}
		v.bases[base] = c
	}
	return c.Check(blob)
}
