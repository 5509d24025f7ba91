// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/testkit"
)

// TestKernelFiles resolves again what a distribution has shipped: $BTFGEN_TEST_RESOLVED is a list of files as in PATH, a
// vmlinux with .BTF and symbols, then modules of it or folders of them.
func TestKernelFiles(t *testing.T) {
	env := os.Getenv("BTFGEN_TEST_RESOLVED")
	if env == "" {
		t.Skip("BTFGEN_TEST_RESOLVED names no files: vmlinux, then modules")
	}
	paths := filepath.SplitList(env)
	var base *btf.Base
	sections := 0
	for i, path := range paths {
		err := filepath.WalkDir(path, func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || i > 0 && !strings.HasSuffix(name, ".ko") {
				return err
			}
			f, err := elfview.Open(name)
			if err != nil {
				return err
			}
			defer f.Close()
			own, err := ReadOwn(f)
			if err != nil {
				return err
			}
			if checkShipped(t, name, f, own, base) {
				sections++
			}
			if i == 0 {
				tab, err := btf.Read(own.BTF, nil)
				if err != nil {
					return err
				}
				base = btf.NewBase(tab)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if sections == 0 {
		t.Error("no file has a section .BTF_ids")
	}
	t.Logf("%d sections .BTF_ids", sections)
}

// checkShipped resolves .BTF_ids of one file, and tells whether it has that section.
func checkShipped(t *testing.T, name string, f *elfview.File, own OwnBTF, base *btf.Base) bool {
	name = filepath.Base(name)
	ids, err := ReadIDs(f)
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if ids == nil || err != nil || own.BTF == nil {
		return false
	}
	kernel, ok, err := KernelOf(f)
	if err != nil || !ok {
		t.Errorf("%s: no release of a kernel: %v", name, err)
		return true
	}
	in := Input{BTF: own.BTF, Base: base}
	same, err := Resolve(ids, in, Options{Kernel: kernel, IDsOnly: true})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return true
	}
	if !bytes.Equal(same.IDs, ids.Data) {
		t.Errorf("%s: .BTF_ids differs from what was shipped", name)
	}
	for _, w := range same.Warnings {
		t.Logf("%s: %s", name, w.Text)
	}
	res, err := Resolve(ids, in, Options{Kernel: kernel})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return true
	}
	again := *ids
	again.Data = res.IDs
	twice, err := Resolve(&again, Input{BTF: res.BTF, Base: base}, Options{IDsOnly: true})
	if err != nil {
		t.Errorf("%s: again: %v", name, err)
	} else if !bytes.Equal(twice.IDs, res.IDs) {
		t.Errorf("%s: .BTF_ids resolved again differs", name)
	}
	compareKernel(t, name, ids, in)
	return true
}

// compareKernel gives .BTF_ids as the compiler has left it, and BTF that both sides have nothing to merge in, to the kernel's tool.
// The BTF of a vmlinux is $BTFGEN_TEST_BTF: that of 7.2 has marks of arena pointers, which the tool of 7.3 makes again.
func compareKernel(t *testing.T, name string, ids *IDs, in Input) {
	tab := mustRead(t, in.BTF, baseOf(in))
	data, err := ids.original(func() (*btf.Table, error) { return tab, nil })
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	var base []byte
	if in.Base != nil {
		base = in.Base.Table().Data()
	} else if other := os.Getenv("BTFGEN_TEST_BTF"); other == "" {
		return
	} else if in.BTF, err = os.ReadFile(other); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("resolve_btfids-7.3"); err != nil {
		return
	}
	fresh := *ids
	fresh.Data = data
	fresh.zero()
	once, err := btf.Deduplicate(mustRead(t, in.BTF, baseOf(in)), in.Base, btf.AcceptFwds, 2)
	if err != nil {
		t.Fatal(err)
	}
	in.BTF = once.Data()
	for _, distill := range []bool{false, true} {
		if distill && base == nil {
			continue
		}
		o := runOriginal(t, fresh.image(), in.BTF, base, distill)
		res, err := Resolve(&fresh, in, Options{Distill: distill})
		switch {
		case err != nil && o.err != nil:
			t.Logf("%s: both refuse it: %v; %v", name, err, o.err)
		case err != nil || o.err != nil:
			t.Errorf("%s: error %v; of resolve_btfids: %v", name, err, o.err)
		case base == nil:
			sameMeaning(t, ids, o.btf, o.ids, res)
			o.compareWarnings(t, res)
		default:
			o.compare(t, res, base)
		}
	}
}

func baseOf(in Input) *btf.Table {
	if in.Base == nil {
		return nil
	}
	return in.Base.Table()
}

// sameMeaning compares what IDs stand for, and how many types there are of each kind, name and number of elements. Of equal
// types another one may be left: the tool keeps the one that it has finished with first, we that of the lowest ID.
func sameMeaning(t *testing.T, ids *IDs, wantBTF, wantIDs []byte, res *Result) {
	t.Helper()
	want, got := mustRead(t, wantBTF, nil), mustRead(t, res.BTF, nil)
	type shape struct {
		kind btf.Kind
		name string
		vlen uint32
	}
	count := map[shape]int{}
	for i, tab := range []*btf.Table{want, got} {
		for id := btf.ID(1); int(id) < tab.NumIDs(); id++ {
			r := tab.Type(id)
			count[shape{r.Kind, string(tab.Str(r.Name)), r.Vlen}] += 1 - 2*i
		}
	}
	for s, n := range count {
		if n != 0 {
			t.Errorf("%v %q with %d elements: resolve_btfids has %d more", s.kind, s.name, s.vlen, n)
		}
	}
	meaning := func(tab *btf.Table, data []byte) []string {
		var list []string
		for _, r := range ids.requests {
			for _, w := range r.words {
				list = append(list, describe(tab, ids.word(data, w)))
			}
		}
		for i := range ids.sets {
			s := &ids.sets[i]
			at := len(list)
			for n := range s.count {
				e := fmt.Sprintf("set %s: %s", s.name, describe(tab, ids.word(data, s.at(n))))
				if s.pairs {
					e += fmt.Sprintf(" %#x", ids.word(data, s.at(n)+1))
				}
				list = append(list, e)
			}
			slices.Sort(list[at:])
		}
		return list
	}
	if d := cmp.Diff(meaning(want, wantIDs), meaning(got, res.IDs)); d != "" {
		t.Errorf("meaning of .BTF_ids, -resolve_btfids +ours\n%s", d)
	}
}

// zero clears the words that compilers leave empty.
func (x *IDs) zero() {
	for _, r := range x.requests {
		for _, w := range r.words {
			x.putWord(x.Data, w, 0)
		}
	}
	for _, s := range x.sets {
		x.putWord(x.Data, s.word, 0)
	}
}

// image returns a small ELF file with the section and its symbols.
func (x *IDs) image() []byte {
	var symbols []testkit.Symbol
	add := func(word uint32, size uint64, format string, args ...any) {
		symbols = append(symbols, testkit.Symbol{Name: symbolPrefix + fmt.Sprintf(format, args...), Section: 1, Value: uint64(4 * word), Size: size})
	}
	for _, r := range x.requests {
		for _, w := range r.words {
			add(w, 4, "%s__%s__%d", strings.ToLower(r.kind.String()), r.name, w)
		}
	}
	for _, s := range x.sets {
		kind, size := "set", uint64(4)
		if s.pairs {
			kind, size = "set8", 8
		}
		add(s.word, size*uint64(s.count+1), "%s__%s", kind, s.name)
	}
	e := testkit.ELF{Big: x.big, Symbols: symbols, Sections: []testkit.Section{{Name: sectionName, Flags: elf.SHF_ALLOC, Data: x.Data}}}
	return e.Assemble().Data
}
