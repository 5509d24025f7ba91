// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"bufio"
	"fmt"
	"io"

	"github.com/btfgen/btfgen/internal/btf"
)

// Trace writes which ID each symbol gets in t, the final BTF, and how many elements each set has: the lines of
// resolve_btfids -v. Addresses are offsets in bytes in the section, before sets are sorted.
func (x *IDs) Trace(w io.Writer, t *btf.Table) error {
	r := resolver{ids: x, t: t}
	r.lookup()
	b := bufio.NewWriter(w)
	for i := range x.requests {
		q := &x.requests[i]
		for _, word := range q.words {
			fmt.Fprintf(b, "patching addr %5d: ID %7d [%s]\n", 4*word, r.found[i], q.name)
		}
	}
	for i := range x.sets {
		s := &x.sets[i]
		fmt.Fprintf(b, "sorting  addr %5d: cnt %6d [%s]\n", 4*s.word, s.count, s.name)
	}
	return b.Flush()
}
