// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// The shared table: hash of a type -> its class, and the first place where the class was seen.
// Every type of every unit is looked up once, a few million probes for a few hundred thousand
// classes, so a probe is one cache line: open addressing, 32-byte entries, no locks. Any
// schedule gives the same output: whether a hash is in the table at the end does not depend on who
// put it there, the place is a minimum, and class numbers, which do depend on the schedule, are never
// compared with each other or written.

package btf

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/btfgen/btfgen/internal/pages"
)

// entry is free while a is 0, being filled while b is 0, and complete after.
type entry struct {
	a, b  atomic.Uint64 // the hash, no half of which is 0
	first atomic.Uint64 // least place of a listed record, or noPlace
	class uint32
	_     uint32
}

const noPlace = math.MaxUint64

type table struct {
	grow    sync.RWMutex // held shared while entries are used
	entries []entry
	mask    uint64
	claimed atomic.Int64 // entries in use, or promised to units under way
}

func newTable(hint int) *table {
	size := 1024
	for size < hint {
		size *= 2
	}
	return &table{entries: pages.Touched[entry](size), mask: uint64(size - 1)}
}

// room is how many entries the table takes. A small one, which the cache holds, may be fuller: most units promise more than
// they use, and the memory that is not taken saves more time than shorter searches.
func (t *table) room() int64 {
	n := int64(len(t.entries))
	if n <= 1<<14 {
		return n * 7 / 8
	}
	return n * 5 / 8
}

// acquire makes sure that there is room for n more entries, and keeps the
// table from growing until release.
func (t *table) acquire(n int) {
	t.claimed.Add(int64(n))
	for {
		t.grow.RLock()
		if t.claimed.Load() <= t.room() {
			return
		}
		t.grow.RUnlock()
		t.grow.Lock()
		for t.claimed.Load() > t.room() {
			t.double()
		}
		t.grow.Unlock()
	}
}

// release gives back what acquire promised, except for used entries.
func (t *table) release(n, used int) {
	t.claimed.Add(int64(used - n))
	t.grow.RUnlock()
}

func (t *table) double() {
	old := t.entries
	t.entries = pages.Touched[entry](2 * len(old))
	t.mask = uint64(len(t.entries) - 1)
	for i := range old {
		e := &old[i]
		a := e.a.Load()
		if a == 0 {
			continue
		}
		at := a >> 8 & t.mask
		for t.entries[at].a.Load() != 0 {
			at = (at + 1) & t.mask
		}
		n := &t.entries[at]
		n.a.Store(a)
		n.b.Store(e.b.Load())
		n.first.Store(e.first.Load())
		n.class = e.class
	}
}

// touchBlock is how many entries are brought into the cache at once.
const touchBlock = 32

// touch loads the entries of some hashes. Nothing depends on what it reads, so the cache misses, which are most
// of the cost of a lookup, overlap; in find each would wait for the branch before it.
func (t *table) touch(keys []hash128) {
	for i := range keys {
		t.entries[keys[i].a>>8&t.mask].a.Load()
	}
}

// find returns the class of a hash, entering it if it is new, and lowers its first place.
func (t *table) find(h *hash128, place uint64, ids *idBlock) (class uint32, isNew bool) {
	for at := h.a >> 8 & t.mask; ; at = (at + 1) & t.mask {
		e := &t.entries[at]
		a := e.a.Load()
		if a == 0 {
			if !e.a.CompareAndSwap(0, h.a) {
				a = e.a.Load()
			} else {
				e.first.Store(place)
				e.class = ids.take()
				e.b.Store(h.b) // publishes the entry
				return e.class, true
			}
		}
		if a != h.a {
			continue
		}
		b := e.b.Load()
		for b == 0 {
			runtime.Gosched()
			b = e.b.Load()
		}
		if b != h.b {
			continue
		}
		for first := e.first.Load(); place < first; first = e.first.Load() {
			if e.first.CompareAndSwap(first, place) {
				break
			}
		}
		return e.class, false
	}
}

// class is a set of equal types: the content of one of them, with references to classes.
type class struct {
	Record      // Ref, Aux of an ARRAY and the members' Ref are classes; Pos is not used
	exact  bool // references mean the very class, not the tag it carries
	loop   bool // leads to itself without passing through a tag: the content is that of one of its records
}

const (
	blockBits = 9
	blockSize = 1 << blockBits
)

// block holds the content of consecutive classes, filled by one worker.
type block struct {
	classes [blockSize]class
	members []Member // class.First indexes these
}

// idBlock hands out the class numbers of one worker.
type idBlock struct {
	d    *Dedup
	next uint32
	end  uint32
}

func (b *idBlock) take() uint32 {
	if b.next == b.end {
		b.next = b.d.addBlock()
		b.end = b.next + blockSize
	}
	b.next++
	return b.next - 1
}
