// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package encode turns the DWARF of an ELF file into BTF.
//
// In: a linked image (vmlinux) or a relocatable file (a module, an object) with DWARF 2 to 5 of either
// format, byte order and address size, its symbol table and its .BTF_ids. Out: a raw .BTF blob,
// deduplicated, in the file's byte order, that means what pahole 1.32 would write (spec/encode.md says
// where and why it differs).
// Supplementary files (dwz -m, split DWARF) are not read.
package encode

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/btfgen/btfgen/encode/internal/dwarf"
	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/parallel"
	"github.com/btfgen/btfgen/internal/phase"
)

// Options of Encode. The zero value is what the command line gives without flags.
type Options struct {
	Jobs        int    // workers; 0 is one per CPU
	Features    string // list as in spec/encode.md 1.4; "" is "default"
	LangExclude string // languages whose units are left out; "" is "rust", "none" is none
	Flat        bool   // one ARRAY per array type, as pahole before 1.32, instead of one per dimension
	Compat      bool   // choose functions and variables as pahole 1.32 does (spec/encode.md 7.2)

	Base        *btf.Base     // the result is split against it; nil: it stands alone
	FwdPolicy   btf.FwdPolicy // for types of Base that lead to a FWD which the file defines
	StyleOfBase bool          // with Base: arrays and wide enums are as in it
	Again       bool          // the file's own .BTF.base, which else is an error, is about to be replaced
	Distill     bool          // with Base: a distilled base, and the result split against that
	Report      bool          // keep what the methods of Result need

	Timer    *phase.Timer            // nil for none
	Progress func(done, total int64) // called with bytes of .debug_info; from one goroutine at a time

	features features
	exclude  map[uint64]bool
}

// Check returns an error that tells what is wrong with the options, if anything.
func (o *Options) Check() error {
	var err error
	if o.features, err = parseFeatures(o.Features); err != nil {
		return err
	}
	list := o.LangExclude
	if list == "" {
		list = "rust"
	}
	o.exclude, err = parseLanguages(list)
	return err
}

// Result of Encode. With Options.Report its methods tell more, for which they read from the file again; they are not safe for
// concurrent use.
type Result struct {
	BTF      []byte
	Base     []byte         // Options.Distill: the distilled base
	Warnings []string       // one line each: what was degraded, how often, and where first
	Misses   []btf.BaseMiss // with Options.Base: structs and unions that are not as in it; texts of the first three

	origins *origins
}

// ErrNoTypes says that nothing is left to write: there is no unit with types, or every unit
// was left out for its language.
var ErrNoTypes = errors.New("no types: no unit of a wanted language has any")

// errMerge says that a unit refers to another one, so that all have to be read as one graph.
var errMerge = errors.New("units refer to each other")

// Encode reads the DWARF of f and returns its BTF. Errors do not name the file. The result is the
// same for any number of workers.
func Encode(f *elfview.File, options Options) (*Result, error) {
	opt := &options
	if err := opt.Check(); err != nil {
		return nil, err
	}
	if opt.Jobs <= 0 {
		opt.Jobs = runtime.GOMAXPROCS(0)
	}
	if opt.Base != nil {
		if err := followBase(f, opt); err != nil {
			return nil, err
		}
	}
	stop := opt.Timer.Start("open")
	in, err := openInput(f, opt)
	stop()
	if err != nil {
		return nil, err
	}
	if in.merged {
		if err := in.merge(); err != nil {
			return nil, err
		}
	}
	for {
		res, err := encode(in, opt)
		switch {
		case errors.Is(err, errMerge) && !in.merged:
			if err := in.merge(); err != nil {
				return nil, err
			}
		case errors.Is(err, btf.ErrSameNames) && !in.names.content:
			in.names.byContent()
		default:
			if err == nil {
				err = f.Changed()
			}
			if err != nil {
				return nil, err
			}
			return res, nil
		}
	}
}

// followBase checks that a base is for the machine of f, as far as it tells, and takes over its style: types
// written in another one would not be equal (encode.md 6.6).
func followBase(f *elfview.File, opt *Options) error {
	t := opt.Base.Table()
	if t.Big() != f.Big {
		return fmt.Errorf("byte order is %s, that of the base is %s: it is for another machine", orderName(f.Big), orderName(t.Big()))
	}
	if size := t.PointerSize(); size != 0 && size != int(addrSize(f)) {
		return fmt.Errorf("has pointers of %d bytes, the base of %d: it is for another machine", addrSize(f), size)
	}
	if f.Section(".BTF.base") != nil && !opt.Again {
		return errors.New("has a section .BTF.base: what it is to be encoded against is not known")
	}
	if opt.StyleOfBase {
		opt.Flat = !opt.Base.NestedArrays()
		opt.features.enum64 = opt.features.enum64 && opt.Base.UsesEnum64()
	}
	return nil
}

func orderName(big bool) string {
	if big {
		return "big-endian"
	}
	return "little-endian"
}

// encode is the phase list.
func encode(in *input, opt *Options) (res *Result, err error) {
	defer internalError(&err)
	run := &run{in: in, opt: opt, loops: map[int][]uint32{}}
	if opt.Base != nil {
		run.dedup = btf.NewSplitDedup(opt.Base, in.names, in.numGraphs(), in.typesGuess(), opt.FwdPolicy)
	} else {
		run.dedup = btf.NewDedup(in.names, in.numGraphs(), in.typesGuess())
	}
	stop := opt.Timer.Start("walk") // every unit: DIEs to records, records to classes
	run.dedup.Jobs = opt.Jobs
	err = run.walk()
	stop()
	if err != nil {
		return nil, err
	}
	if in.names.full() {
		return nil, fmt.Errorf("names of more than %d MiB, which overlap in .debug_str", maxInterned>>20)
	}
	stop = opt.Timer.Start("resolve") // names with several definitions
	err = run.dedup.Resolve(run.reload)
	stop()
	if err != nil {
		return nil, err
	}
	// Beyond this point no two types are found to be equal.
	for i := range run.insts {
		x := &run.insts[i]
		x.class = run.dedup.At(x.class, x.place)
	}
	for i := range run.vars {
		v := &run.vars[i]
		v.class = run.dedup.At(v.class, v.place)
	}
	stop = opt.Timer.Start("select") // functions, and meanwhile the order and names of types
	sel := &selector{in: in, opt: opt, d: run.dedup, insts: run.insts}
	out := run.dedup.NewWriter()
	var types []btf.ClassID
	var funcs []chosen
	g := parallel.NewGroup(opt.Jobs)
	g.Go(func() (err error) {
		defer internalError(&err)
		return elfview.CatchFaults(func() error { // strings of the base
			types = append(run.dedup.Types(), run.dedup.Vars()...)
			return out.Append(types)
		})
	})
	g.Go(func() (err error) {
		defer internalError(&err)
		funcs = sel.run()
		return nil
	})
	err = g.Wait()
	stop()
	if err != nil {
		return nil, err
	}
	if len(types) == 0 && len(funcs) == 0 && (opt.Base == nil || run.records == 0) {
		return nil, ErrNoTypes // else the base has all of them
	}
	stop = opt.Timer.Start("write") // IDs, strings, bytes
	order, err := run.order(types, funcs)
	if err == nil {
		err = out.Append(order[len(types):])
	}
	if err != nil {
		return nil, err
	}
	// Beyond this point no type is added and no ID changes.
	blob, err := out.Bytes(in.big, opt.features.layout, opt.Jobs)
	stop()
	if err != nil {
		return nil, err
	}
	run.count(out.Len(), len(funcs))
	res = &Result{BTF: blob, Warnings: run.warningTexts()}
	res.Misses = run.dedup.BaseMisses(3)
	if opt.Distill && opt.Base != nil {
		stop = opt.Timer.Start("distill")
		err = res.distill(opt.Base)
		stop()
		if err != nil {
			return nil, err
		}
	}
	if opt.Report {
		res.origins = &origins{run: run, ids: out, order: order, omitted: sel.omitted}
	}
	return res, nil
}

// distill replaces the base that the result is split against by a small one of its own.
func (r *Result) distill(base *btf.Base) error {
	t, err := btf.Read(r.BTF, base.Table())
	if err != nil {
		return err
	}
	d, err := btf.Distill(t)
	if err != nil {
		return err
	}
	r.BTF, r.Base = d.Split, d.Base
	return nil
}

// internalError turns a broken invariant of ours into an error, with the stack for whoever mends it.
func internalError(err *error) {
	if x := recover(); x != nil {
		if *err = elfview.FaultError(x); *err != nil {
			return
		}
		stack := make([]byte, 2048)
		*err = fmt.Errorf("internal error: %v\n%s", x, stack[:runtime.Stack(stack, false)])
	}
}

// run is the state of one pass over the units.
type run struct {
	in       *input
	opt      *Options
	dedup    *btf.Dedup
	insts    []instance
	vars     []placedVar
	funcTags []funcTag // with Compat: of all functions
	warnings [numWarnings]warning
	badVars  []Omission
	records  int64
	reloader *walker

	mu    sync.Mutex
	loops map[int][]uint32 // by unit: records whose reference was cut
}

// placedVar is a variable with its class.
type placedVar struct {
	class btf.ClassID
	place uint64 // of its DIE
	variable
}

// numGraphs is how many separate graphs of types the units are.
func (in *input) numGraphs() int {
	if in.merged {
		return 1
	}
	return len(in.units)
}

// typesGuess is about how many different types there are. Most of those of a unit are also in others, so
// that a file with many adds little for each, as long as it has one that is as large.
func (in *input) typesGuess() int {
	largest := uint64(0)
	for i := range in.units {
		largest = max(largest, in.units[i].Size)
	}
	return int(min(in.info.size/3200+largest/64, 1<<22))
}

// bytesPerJob is how much of .debug_info is worth another worker, whose memory costs more than it saves in
// a small module (ebt_pkttype.ko of Debian's 7.2, 190 KB, on two processors: 20.2 ms with two workers, 16.8 with one).
const bytesPerJob = 256 << 10

// walk reads all units in parallel and adds their types to the dedup.
func (r *run) walk() error {
	jobs := min(r.opt.Jobs, r.in.numGraphs(), 1+int(r.in.info.size/bytesPerJob))
	// The largest first, so that no worker is left alone with one at the end.
	queue := make([]int, r.in.numGraphs())
	for i := range queue {
		queue[i] = i
	}
	if !r.in.merged {
		slices.SortStableFunc(queue, func(a, b int) int {
			return int(int64(r.in.units[b].Size) - int64(r.in.units[a].Size))
		})
	}
	workers := make([]*worker, jobs)
	var next atomic.Int64
	var failed atomic.Bool
	progress := r.progress()
	for i := range workers {
		workers[i] = &worker{run: r, walker: newWalker(r.in, r.opt), add: r.dedup.NewWorker()}
		workers[i].insts = make([]instance, 0, r.in.groups()/jobs*9/8)
	}
	parallel.Workers(jobs, func(i int) {
		w := workers[i]
		for n := next.Add(1) - 1; n < int64(len(queue)) && !failed.Load(); n = next.Add(1) - 1 {
			unit := queue[n]
			if err := w.protected(unit); err != nil {
				w.err, w.errUnit = err, unit
				failed.Store(true)
				return
			}
			progress(unit)
		}
	})
	var first *worker
	for _, w := range workers {
		if w.err != nil && (first == nil || w.errUnit < first.errUnit) {
			first = w
		}
	}
	if first != nil {
		return first.err
	}
	total := 0
	for _, w := range workers {
		total += len(w.insts)
	}
	r.insts = make([]instance, 0, total)
	for _, w := range workers {
		r.insts = append(r.insts, w.insts...)
		r.vars = append(r.vars, w.vars...)
		r.badVars = append(r.badVars, w.badVars...)
		r.funcTags = append(r.funcTags, w.funcTags...)
		r.records += w.records
		w.addTo(&r.warnings)
	}
	return nil
}

// progress returns a function that reports a unit as done.
func (r *run) progress() func(unit int) {
	if r.opt.Progress == nil {
		return func(int) {}
	}
	var mu sync.Mutex
	var done, last int64
	total := int64(r.in.info.size)
	return func(unit int) {
		mu.Lock()
		defer mu.Unlock()
		if r.in.merged {
			done = total
		} else {
			done += int64(r.in.units[unit].Size)
		}
		if done-last >= total/200 || done == total {
			last = done
			r.opt.Progress(done, total)
		}
	}
}

// worker reads units and collects what is not a type.
type worker struct {
	*walker
	run      *run
	add      *btf.Worker
	insts    []instance
	vars     []placedVar
	funcTags []funcTag
	records  int64
	err      error
	errUnit  int
}

// protected turns a broken invariant of ours into an error that names the unit.
func (w *worker) protected(unit int) (err error) {
	defer func() {
		if x := recover(); x != nil {
			off := uint64(0)
			if !w.in.merged {
				off = w.in.units[unit].Off
			}
			stack := make([]byte, 2048)
			stack = stack[:runtime.Stack(stack, false)]
			err = &dwarf.DecodeError{Section: ".debug_info", Off: off, Msg: fmt.Sprintf("internal error in this unit: %v\n%s", x, stack)}
		}
	}()
	return w.unit(unit)
}

// cutLoops makes records of unit n that refer to nothing but themselves refer to void, now and
// whenever the unit is read again.
func (r *run) cutLoops(n int, records []uint32, u *btf.Unit) {
	r.mu.Lock()
	r.loops[n] = records
	r.mu.Unlock()
	for _, rec := range records {
		u.Records[rec].Ref = 0
	}
}

// unit reads one graph of types and adds it.
func (w *worker) unit(n int) error {
	if err := w.load(n); err != nil {
		return err
	}
	classes, err := w.add.Add(n, &w.out)
	var loop *btf.LoopError
	if errors.As(err, &loop) {
		for _, rec := range loop.Records {
			w.warnAt(warnLoop, w.out.Base+uint64(w.out.Records[rec].Pos))
		}
		w.run.cutLoops(n, slices.Clone(loop.Records), &w.out)
		classes, err = w.add.Add(n, &w.out)
	}
	if err != nil {
		return err
	}
	w.records += int64(len(w.out.Records) - 1) // the first is void
	for i := range w.funcs {
		fn := &w.funcs[i]
		if fn.concrete || fn.marks.uncertain {
			if g := w.out.Records[fn.rec].Aux; g != noGroup {
				w.insts = append(w.insts, instance{class: btf.ClassID(classes[fn.rec]), group: int32(g), located: fn.located,
					addr: fn.addr, place: w.out.Base + uint64(fn.place), marks: fn.marks})
			}
		}
	}
	for _, rec := range w.tagged {
		t := &w.out.Records[rec]
		if fn := &w.out.Records[t.Ref]; fn.Kind == btf.KindFunc {
			w.funcTags = append(w.funcTags, funcTag{w.out.Base + uint64(fn.Pos), t.Name, t.Aux})
		}
	}
	for _, v := range w.walker.vars {
		w.vars = append(w.vars, placedVar{btf.ClassID(classes[v.rec]), w.out.Base + uint64(w.out.Records[v.rec].Pos), v})
	}
	return nil
}
