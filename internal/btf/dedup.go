// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Deduplication: many units, each a graph of types, become one graph in which no two types
// mean the same (spec dedup.md 6 and 7). The phases:
//
//	Worker.Add   in parallel, per unit: hash every record with references to tags cut
//	             (dedup_hash.go), look the hashes up in one table (dedup_table.go), keep the content of new ones
//	Resolve      names with several definitions: decide what each reference to them means,
//	             split what differs (dedup_tags.go, dedup_refine.go)
//	             with a base: enter it first (dedup_base.go), and last see what is of it (dedup_bind.go)
//
// after which a class is a type of the output; emit.go numbers and writes them.

package btf

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/btfgen/btfgen/internal/parallel"
)

// ClassID names a class of equal types of a Dedup. 0 is void. Numbers depend on the
// schedule of the workers and mean nothing beyond identity.
type ClassID uint32

// Dedup collects the types of all units. Add may run in many workers at once; all else
// belongs to one goroutine, after the last Add.
type Dedup struct {
	names  Names
	table  *table
	mu     sync.Mutex // guards blocks and units during Add
	blocks []*block
	units  [][]uint32 // by unit: the class of each record
	loops  []int      // units with loops that no tag cuts

	// Valid after Resolve.
	first   []uint64 // by class: least place of a listed record, noPlace if there is none
	tags    tagTable
	into    mergers         // classes that turned out to be another one
	keepFwd map[uint32]bool // forward declarations that something refers to although their tag has definitions
	// Records whose class is not the one that Add said.
	instances map[instanceKey]uint32

	split *split // nil for a standalone blob

	Jobs  int // goroutines of Resolve; 0 is one per processor
	Stats Stats
}

// Stats counts what Resolve had to do.
type Stats struct {
	Ambiguous int // names with several definitions
	OddUnits  int // units that mean something else by one of them than most
	Deviating int // records in these that are affected
	Blocks    int // different types that these records are
	Loaded    int // types of the base that were looked at
}

// NewDedup starts a run over the given number of units; types is a guess at the number of different
// types, for sizing.
func NewDedup(names Names, units, types int) *Dedup {
	d := &Dedup{names: names, table: newTable(types * 2), units: make([][]uint32, units),
		keepFwd: map[uint32]bool{}, instances: map[instanceKey]uint32{}}
	d.addBlock() // class 0 is void; the rest of the block stays unused
	return d
}

func (d *Dedup) addBlock() (first uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.blocks = append(d.blocks, &block{members: make([]Member, 0, 2*blockSize)})
	return uint32(len(d.blocks)-1) << blockBits
}

func (d *Dedup) class(id uint32) *class {
	return &d.blocks[id>>blockBits].classes[id&(blockSize-1)]
}

func (d *Dedup) members(id uint32) []Member {
	b := d.blocks[id>>blockBits]
	c := &b.classes[id&(blockSize-1)]
	return b.members[c.First : c.First+c.Count]
}

// Worker is the scratch memory of one goroutine that calls Add.
type Worker struct {
	d     *Dedup
	h     hasher
	ids   idBlock
	fresh []uint32 // records whose class is new
	slab  []uint32 // rest of the memory that unit class lists are cut from

	slabSize int
}

// NewWorker returns a worker of d.
func (d *Dedup) NewWorker() *Worker { return &Worker{d: d, ids: idBlock{d: d}} }

// Add enters the types of a unit, whose number is below the units of NewDedup and used once.
// It returns the class of each record; the slice stays valid and is not to be changed. u may be
// reused. The error is a *LoopError, with which nothing was entered.
func (w *Worker) Add(unit int, u *Unit) ([]uint32, error) {
	if err := w.h.run(u); err != nil {
		return nil, err
	}
	n := len(u.Records)
	ids := w.cut(n)
	w.fresh = w.fresh[:0]
	w.d.table.acquire(n)
	for i := 1; i < n; i++ {
		if i%touchBlock == 1 {
			w.d.table.touch(w.h.key[i:min(i+touchBlock, n)])
		}
		r := &u.Records[i]
		place := uint64(noPlace)
		if r.Flags&Unlisted == 0 {
			place = u.Base + uint64(r.Pos)
		}
		id, isNew := w.d.table.find(&w.h.key[i], place, &w.ids)
		ids[i] = id
		if isNew {
			w.fresh = append(w.fresh, uint32(i))
		}
	}
	w.d.table.release(n, len(w.fresh))
	w.keep(u, ids)
	w.d.units[unit] = ids
	if w.h.cyclic != nil {
		w.d.mu.Lock()
		w.d.loops = append(w.d.loops, unit)
		w.d.mu.Unlock()
	}
	return ids, nil
}

// keep copies the content of new classes.
func (w *Worker) keep(u *Unit, ids []uint32) {
	var b *block
	at := -1
	for _, i := range w.fresh {
		id := ids[i]
		if int(id>>blockBits) != at {
			at = int(id >> blockBits)
			w.d.mu.Lock()
			b = w.d.blocks[at]
			w.d.mu.Unlock()
		}
		r := &u.Records[i]
		c := &b.classes[id&(blockSize-1)]
		c.Record = *r
		c.loop = w.h.cyclic[i]
		c.Ref = ids[r.Ref]
		if r.Kind == KindArray {
			c.Aux = ids[r.Aux]
		}
		c.First = uint32(len(b.members))
		for _, m := range u.Members[r.First : r.First+r.Count] {
			m.Ref = ids[m.Ref]
			b.members = append(b.members, m)
		}
	}
}

// cut returns memory for the classes of n records.
func (w *Worker) cut(n int) []uint32 {
	if n > len(w.slab) {
		w.slabSize = min(max(2*w.slabSize, 2*n), 64<<10)
		w.slab = make([]uint32, max(n, w.slabSize))
	}
	s := w.slab[:n:n]
	w.slab = w.slab[n:]
	return s
}

// Reload fills u with the records of a unit once more, exactly as they were added.
type Reload func(unit int, u *Unit) error

// Resolve decides what references to names with several definitions mean. After it no class is
// added and no class changes.
func (d *Dedup) Resolve(reload Reload) error {
	if d.split != nil {
		if err := d.enterBase(); err != nil {
			return err
		}
	}
	d.collect()
	if ambiguous := d.settle(); len(ambiguous) > 0 || len(d.loops) > 0 {
		if err := d.refine(ambiguous, reload); err != nil {
			return err
		}
	}
	if d.split != nil {
		d.bind()
	}
	return nil
}

// inParallel calls f with the numbers below n, from Jobs goroutines.
func (d *Dedup) inParallel(n int, f func(i int)) {
	var next atomic.Int64
	jobs := d.Jobs
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	parallel.Workers(min(jobs, n), func(int) {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			f(i)
		}
	})
}
