// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// version is that of a kernel.
type version struct{ major, minor int }

func (v version) atLeast(major, minor int) bool {
	return v.major > major || v.major == major && v.minor >= minor
}

// parseVersion reads the two numbers that a release begins with, 0.0 if it does not.
func parseVersion(release string) (v version) {
	if n, err := fmt.Sscanf(release, "%d.%d", &v.major, &v.minor); n != 2 || err != nil {
		return version{}
	}
	return v
}

// moduleFile is a file of a module of this kernel.
type moduleFile struct {
	name    string
	depends []string
	btf     bool
}

// readModule reads .modinfo: NUL-terminated KEY=VALUE.
func readModule(path string) (moduleFile, error) {
	m := moduleFile{name: moduleNameOf(path)}
	f, err := elf.Open(path)
	if err != nil {
		return m, err
	}
	defer f.Close()
	m.btf = f.Section(".BTF") != nil
	info, err := section(f, ".modinfo")
	if err != nil {
		return m, fmt.Errorf("%s: %w", path, err)
	}
	for entry := range bytes.SplitSeq(info, []byte{0}) {
		if list, ok := bytes.CutPrefix(entry, []byte("depends=")); ok && len(list) > 0 {
			m.depends = strings.Split(string(list), ",")
		}
	}
	return m, nil
}

// moduleNameOf returns the name that the kernel gives to the module in a file.
func moduleNameOf(path string) string {
	return strings.ReplaceAll(strings.TrimSuffix(filepath.Base(path), ".ko"), "-", "_")
}

// loadOrder sorts modules so that each comes after those it depends on.
func loadOrder(modules map[string]moduleFile) (order []string, err error) {
	const open, done = 1, 2
	state := make(map[string]int)
	var visit func(name string) error
	visit = func(name string) error {
		if state[name] == done {
			return nil
		}
		if state[name] == open {
			return fmt.Errorf("%s depends on itself", name)
		}
		m, ok := modules[name]
		if !ok {
			return fmt.Errorf("there is no module %s", name)
		}
		state[name] = open
		for _, d := range m.depends {
			if err := visit(d); err != nil {
				return fmt.Errorf("%s needs %w", name, err)
			}
		}
		state[name] = done
		order = append(order, name)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// builtChecks are those of a kernel whose vmlinux and modules have been built together: each module in dir is loaded,
// btfgen_test.ko last. It has all that the release allows.
func builtChecks(opts options, dir string) []check {
	release := parseVersion(opts.release)
	list := []check{{"the kernel is " + opts.release, func() error { return checkRelease(opts.release) }}}
	list = append(list, kernelChecks(release, opts.programs)...)

	paths, err := filepath.Glob(filepath.Join(dir, "*.ko"))
	modules, files := map[string]moduleFile{}, map[string]string{}
	for _, path := range paths {
		m, e := readModule(path)
		err = errors.Join(err, e)
		if m.name != moduleName {
			modules[m.name], files[m.name] = m, path
		}
	}
	order, e := loadOrder(modules)
	if err = errors.Join(err, e); err != nil {
		return append(list, check{"the modules can be put in order", func() error { return err }})
	}
	for _, name := range order {
		list = append(list, check{"module " + name + " loads, and its BTF can be read", func() error {
			return checkModule(modules[name], files[name])
		}})
	}

	s := &session{file: filepath.Join(dir, moduleName+".ko"), release: release, programs: opts.programs}
	add := func(name string, run func() error) { list = append(list, check{moduleName + ": " + name, run}) }
	add("loads", s.load)
	add("the kernel has no complaint about BTF", s.checkQuiet)
	add(sysBTF+" exists and can be read", s.openBTF)
	add(".BTF_ids names the right types, sets are sorted", s.typed(func() error { return checkIDs(s.file, s.kernel) }))
	for _, c := range s.typedChecks() {
		add(c.name, c.run)
	}
	add("unloads", s.unload)
	return list
}

// checkModule loads a module of the tree. One whose types are all those of the kernel may have no BTF.
func checkModule(m moduleFile, path string) error {
	messages, err := load(path, 0)
	if err != nil {
		return err
	}
	if found := mentioning(messages, "BTF", "BPF:"); len(found) > 0 {
		return errors.New(strings.Join(found, "\n"))
	}
	if !m.btf {
		return nil
	}
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return err
	}
	_, err = loadModuleBTF(m.name, kernel)
	return err
}

// loadModuleBTF reads the BTF that the kernel has of a module.
func loadModuleBTF(name string, kernel *btf.Spec) (*btf.Spec, error) {
	f, err := os.Open("/sys/kernel/btf/" + name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	module, err := btf.LoadSplitSpecFromReader(f, kernel)
	if err != nil {
		return nil, err
	}
	for _, err := range module.All() { // reads each type
		if err != nil {
			return nil, err
		}
	}
	return module, nil
}
