// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/btfgen/btfgen/elfpatch"
	"github.com/btfgen/btfgen/encode"
	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/kbuild"
	"github.com/btfgen/btfgen/resolveids"
)

func moduleCommand() *cli.Command {
	flags := append(chainFlags(),
		&cli.StringFlag{Name: "o", Usage: "write the edited module to `OUT`; FILE stays as it is"},
		&cli.StringFlag{Name: "base", DefaultText: "that of the module's kernel", Usage: "split against the BTF of `BASE`: raw BTF, vmlinux or boot image"},
		&cli.StringFlag{Name: "objtree", Usage: "look for the base in the kernel build folder `DIR` first, $(objtree) in its makefiles"},
		&cli.BoolFlag{Name: "require-base", DisableDefaultText: true, Usage: "fail for a module whose base is not found, which else stays as it is"},
		&cli.BoolFlag{Name: "distill", DisableDefaultText: true, Usage: "with .BTF.base, for kernels to come; the default for modules built out of tree"},
		&cli.BoolFlag{Name: "no-distill", DisableDefaultText: true, Usage: "without .BTF.base, the default for the kernel's own"},
		&cli.IntFlag{Name: "max-base-misses", DefaultText: "any", Usage: "fail if more than `N` structs and unions differ from those of their name in the base"},
		&cli.BoolFlag{Name: "strip-debug", DisableDefaultText: true, Usage: "take out the debug sections in the same pass"},
		&cli.BoolFlag{Name: "drop-signature", DisableDefaultText: true, Usage: "take off a signature, which an edited module makes invalid"},
		&cli.BoolFlag{Name: "recompress", DisableDefaultText: true, Usage: "edit compressed modules (.ko.gz, .ko.xz, .ko.zst), and compress them again"},
		&cli.BoolFlag{Name: "write-through", DisableDefaultText: true, Usage: "write into the file that is there, for hard links; not safe against a kill"},
		listFlag())
	return &cli.Command{
		Name:            "module",
		HideHelpCommand: true,
		OnUsageError:    func(_ *cli.Context, err error, _ bool) error { return usagef("module: %v", err) },
		Usage:           "give modules their BTF: all that a kernel build does after the link, in one step",
		ArgsUsage:       "FILE...",
		Description: "Each FILE is a linked module with DWARF. It gets .BTF, split against that of its kernel, if it was built out of\n" +
			"tree also .BTF.base, and the final IDs in .BTF_ids. The file is replaced whole, or stays as it was.",
		Flags:  flags,
		Action: moduleAction,
	}
}

// moduleJob is what the flags of module ask for.
type moduleJob struct {
	chain
	bases              bases
	out                string // "": into FILE
	requireBase        bool
	distill, noDistill bool
	patch              elfpatch.Options
	edits              []elfpatch.Edit // apart from those of BTF
}

func moduleAction(c *cli.Context) error {
	files, err := operands(c)
	if err != nil {
		return err
	}
	files = distinct(files)
	j := moduleJob{bases: bases{named: c.String("base"), objTree: c.String("objtree")}, out: c.String("o"), requireBase: c.Bool("require-base"), distill: c.Bool("distill"), noDistill: c.Bool("no-distill"),
		patch: elfpatch.Options{Recompress: c.Bool("recompress"), WriteThrough: c.Bool("write-through"), NoSync: true}}
	if j.chain, err = readChainFlags(c); err != nil {
		return err
	}
	switch {
	case j.out != "" && len(files) > 1:
		return usagef("module: -o takes one FILE, there are %d", len(files))
	case j.out != "" && sameFile(files[0], j.out):
		return usagef("module: -o %s is FILE: without -o it is edited", j.out)
	case j.out != "" && (j.patch.Recompress || j.patch.WriteThrough):
		return usagef("module: -o writes a new file, unpacked: --recompress and --write-through do not go with it")
	case j.distill && j.noDistill:
		return usagef("module: --distill and --no-distill exclude each other")
	case j.bases.named == "none":
		return usagef("module: the BTF of a module is split against a base: --base none does not go with it")
	case c.IsSet("max-base-misses") && c.Int("max-base-misses") < 0:
		return usagef("module: --max-base-misses %d is less than 0", c.Int("max-base-misses"))
	case c.IsSet("max-base-misses"):
		j.misses = c.Int("max-base-misses")
	}
	if c.Bool("drop-signature") {
		j.edits = append(j.edits, elfpatch.DropSignature())
	}
	if c.Bool("strip-debug") {
		j.edits = append(j.edits, elfpatch.StripDebug())
	}
	if j.verbose {
		j.bases.verbose = c.App.ErrWriter
	}
	j.bases.many = len(files) > fewModules
	b := batch{name: "module", files: files, jobs: j.options.Jobs, stderr: c.App.ErrWriter}
	j.options.Jobs = perFile(len(files), j.options.Jobs)
	return b.run(func(i int, stderr io.Writer) error {
		return withFlag(withBase(j.bases.broken, func() error { return j.file(files[i], stderr) }))
	})
}

// distinct leaves out names of files that have been named before, since two workers would edit one file. What is not there
// stays in, to be an error later.
func distinct(files []string) []string {
	type inode struct{ dev, ino uint64 }
	seen := map[inode]bool{}
	return slices.DeleteFunc(files, func(path string) bool {
		var st unix.Stat_t
		if unix.Stat(path, &st) != nil {
			return false
		}
		n := inode{uint64(st.Dev), st.Ino}
		again := seen[n]
		seen[n] = true
		return again
	})
}

// withFlag adds to an error the flag that allows what was refused.
func withFlag(err error) error {
	for _, f := range []struct {
		refused error
		flag    string
	}{{elfpatch.ErrSigned, "--drop-signature"}, {elfpatch.ErrPacked, "--recompress"}, {elfpatch.ErrLinked, "--write-through"}} {
		if errors.Is(err, f.refused) {
			return fmt.Errorf("%w (%s allows it)", err, f.flag)
		}
	}
	return err
}

// file does one module. It is as it was unless all went well.
func (j *moduleJob) file(path string, stderr io.Writer) error {
	target, err := elfpatch.Open(path, j.patch) // before it is read, so that a file that changes meanwhile is noticed
	if err != nil {
		return err
	}
	defer target.Close()
	if _, err := elfpatch.NewPlan(target, target.Size(), j.edits...); err != nil {
		return err // signed, or such that it could not be edited
	}
	f, err := openImage(target, path)
	if err != nil {
		return err
	}
	defer f.Close()
	if !kbuild.IsModule(f) {
		return errors.New("is no kernel module: there is no section .gnu.linkonce.this_module")
	}
	base, basePath, err := j.bases.of(f)
	var none *kbuild.NoBaseError
	switch {
	case errors.As(err, &none) && !j.requireBase && j.out == "":
		fmt.Fprintln(stderr, none.Skipped(path))
		return nil
	case err != nil:
		return err
	}
	distill, err := j.distills(f)
	if err != nil {
		return err
	}
	res, err := j.run(f, path, base, basePath, distill, false, nil, stderr)
	if err == nil {
		err = j.bases.changed()
	}
	var stripped *encode.NoDWARFError
	switch {
	case errors.As(err, &stripped):
		has, err := j.keeps(f, path, base, distill, stderr)
		switch {
		case !has:
			return stripped
		case err != nil:
			return fmt.Errorf("%w, and %w", stripped, err)
		}
		_, err = j.save(target, j.edits) // what else was asked for
		return err
	case errors.Is(err, encode.ErrNoTypes) && j.out == "": // Rust alone, say: builds go on without
		if j.verbose || j.fatal {
			fmt.Fprintf(stderr, "btfgen: %s: stays without BTF: %v\n", path, err)
		}
		if j.fatal {
			return errors.New("no BTF, and --fatal-warnings is given")
		}
		_, err := target.Apply(j.edits...) // what else was asked for
		return err
	case err != nil:
		return err
	}
	edits := append(j.edits[:len(j.edits):len(j.edits)], elfpatch.Set(".BTF", res.BTF))
	if res.Base != nil {
		edits = append(edits, elfpatch.Set(".BTF.base", res.Base))
	} else {
		edits = append(edits, elfpatch.Remove(".BTF.base"))
	}
	if res.IDs != nil {
		edits = append(edits, elfpatch.Replace(".BTF_ids", res.IDs))
	}
	changed, err := j.save(target, edits)
	if err != nil {
		return err
	}
	if j.verbose {
		return res.summary(stderr, path, j.out, changed)
	}
	return nil
}

// save makes the edits, in the file or in a copy. changed tells whether anything was written.
func (j *moduleJob) save(target *elfpatch.File, edits []elfpatch.Edit) (changed bool, err error) {
	if j.out == "" {
		return target.Apply(edits...)
	}
	plan, err := elfpatch.NewPlan(target, target.Size(), edits...)
	if err != nil {
		return false, err
	}
	return true, saveAll([]namedOutput{{j.out, func(w io.Writer) error {
		_, err := plan.WriteTo(w)
		return err
	}}})
}

// openImage opens what an ELF file holds, unpacked.
func openImage(target *elfpatch.File, path string) (*elfview.File, error) {
	if target.Packing() != elfpatch.Unpacked {
		return elfview.New(target, target.Size())
	}
	return elfview.Open(path) // which reads faster
}

// distills tells whether a module is to have a base of its own: by flag, or if it was built out of tree, for a kernel that
// takes one (resolveids.md 1).
func (j *moduleJob) distills(f *elfview.File) (bool, error) {
	if j.distill || j.noDistill {
		return j.distill, nil
	}
	info, err := kbuild.ReadModuleInfo(f)
	if err != nil {
		return false, err
	}
	k, err := j.kernelOf(f)
	return err == nil && !info.InTree && k.Has(resolveids.DistilledBase), err
}

// summary tells in a few lines what a module has now.
func (r *finished) summary(w io.Writer, path, out string, changed bool) error {
	var base *btf.Table
	var err error
	if base = r.base.Table(); r.Base != nil {
		if base, err = btf.Read(r.Base, nil); err != nil {
			return err
		}
	}
	t, err := btf.Read(r.BTF, base)
	if err != nil {
		return err
	}
	count := map[btf.Kind]int{}
	for id := base.NumIDs(); id < t.NumIDs(); id++ {
		count[t.Kind(btf.ID(id))]++
	}
	fmt.Fprintf(w, "btfgen: %s: .BTF has %d bytes: %d types, %d functions and %d variables of its own\n", path, len(r.BTF),
		t.NumIDs()-base.NumIDs()-count[btf.KindFunc]-count[btf.KindVar], count[btf.KindFunc], count[btf.KindVar])
	if r.Base != nil {
		fmt.Fprintf(w, "btfgen: %s: .BTF.base has %d bytes: %d types of the kernel's, by name and size\n", path, len(r.Base), base.NumIDs()-1)
	}
	if r.IDs != nil {
		fmt.Fprintf(w, "btfgen: %s: .BTF_ids has %d words, %d warnings\n", path, len(r.IDs)/4, len(r.Warnings))
	}
	switch {
	case out != "":
		fmt.Fprintf(w, "btfgen: %s: %s is written, for Linux %v\n", path, out, r.kernel)
	case changed:
		fmt.Fprintf(w, "btfgen: %s: is written, for Linux %v\n", path, r.kernel)
	default:
		fmt.Fprintf(w, "btfgen: %s: stays as it is, which is right for Linux %v\n", path, r.kernel)
	}
	return nil
}
