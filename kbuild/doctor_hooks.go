// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"bytes"
	"cmp"
	"debug/elf"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
)

// hooks are the commands of the BTF steps, as make's variables have them.
type hooks struct {
	recipe   string // cmd_btf_ko instead of the kernel's; "": the kernel's
	pahole   string
	resolver string
	named    bool // resolver is not that of the tree
	fixed    bool // the folder itself is set up for btfgen, whoever calls make
}

// findHooks reads the variables, and the makefiles that others are told to read: by --eval, or by a GNUmakefile in the folder.
// What such a file overrides comes before the variables.
func (e *examination) findHooks() {
	vars := e.Make.Vars
	e.recipe = vars["cmd_btf_ko"]
	e.pahole = cmp.Or(vars["PAHOLE"], "pahole")
	e.resolver = cmp.Or(vars["RESOLVE_BTFIDS"], filepath.Join(e.objtree, "tools/bpf/resolve_btfids/resolve_btfids"))
	e.named = vars["RESOLVE_BTFIDS"] != ""
	for _, text := range e.Make.Evals {
		e.readIncludes("--eval", text)
	}
	if text, err := readText(filepath.Join(e.Dir, "GNUmakefile")); err == nil {
		e.fixed = e.readIncludes("GNUmakefile", text)
	}
}

var (
	includedFile = pattern(`(?m)^[ \t]*(-?include)[ \t]+(\S+)[ \t]*$`)
	ownRecipe    = pattern(`(?m)^override[ \t]+cmd_btf_ko[ \t]*:?=[ \t]*(.*)$`)
	ownProgram   = pattern(`(?m)^BTFGEN[ \t]*[:?]?=[ \t]*(\S+)[ \t]*$`)
)

// readIncludes looks for a recipe in the files that makefile text includes. It reports whether there is one.
func (e *examination) readIncludes(subject, text string) bool {
	found := false
	for _, m := range includedFile().FindAllStringSubmatch(text, -1) {
		name := m[2]
		if filepath.Base(name) == "Makefile" {
			continue // the kernel's
		}
		path := e.below(e.Dir, name)
		text, err := readText(path)
		if err != nil {
			if m[1] == "include" {
				e.trouble(subject, fmt.Sprintf("includes %s, which %s", name, errText(err)), "btfgen kbuild install --dest "+filepath.Dir(name))
			}
			continue
		}
		recipe := ownRecipe().FindStringSubmatch(text)
		if recipe == nil {
			continue
		}
		found = true
		program := "btfgen"
		if p := ownProgram().FindStringSubmatch(text); p != nil {
			program = p[1]
		}
		e.recipe = strings.ReplaceAll(recipe[1], "$(BTFGEN)", cmp.Or(e.Make.Vars["BTFGEN"], program))
		if filepath.Base(name) == "Makefile.btfgen" {
			e.pahole, e.resolver = filepath.Join(filepath.Dir(path), personalityLinks[0]), filepath.Join(filepath.Dir(path), personalityLinks[1])
			e.named = true
		}
	}
	return found
}

// checkRecipe looks at a step for modules that is not the kernel's.
func (e *examination) checkRecipe() {
	const subject = "cmd_btf_ko"
	if _, err := e.modfinal(); err != nil { // of a source: for headers this is the end
		e.warn(subject, "scripts/Makefile.modfinal "+errText(err)+": modules get none", "use Linux 5.11 or later")
		return
	}
	path, err := e.lookUp(e.recipe)
	switch program := firstWord(e.recipe); {
	case program == ":" || program == "true":
		e.trouble(subject, "switches the BTF step of modules off", "leave it out, or "+useRecipe)
		return
	case err != nil:
		e.trouble(subject, fmt.Sprintf("%q: %v", program, err), "install btfgen, or name it with its whole path")
		return
	case !isBTFGen(path):
		e.warn(subject, fmt.Sprintf("%q is not btfgen, what it makes is not known here", program), "")
		return
	}
	e.fine(subject, "modules get BTF from "+path+" in one step")
	if e.headers {
		e.checkBase()
	}
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(s), " ")
	return word
}

// checkBase looks where the single step looks.
func (e *examination) checkBase() {
	b, err := e.findBase()
	if err != nil {
		e.trouble("base", err.Error(), "install the kernel's image or its debug package, or save its BTF as "+BaseStore+"/"+e.release)
		return
	}
	e.fine("base", b.Path+": "+b.Why)
}

func (e *examination) findBase() (*Base, error) {
	return FindBase(BaseRequest{Release: e.release, ObjTree: e.objtree, Root: e.Root})
}

// checkVmlinux looks at what the kernel's own step splits the BTF of a module on. It reports whether that step is run.
func (e *examination) checkVmlinux() bool {
	const subject = "vmlinux"
	path := filepath.Join(e.objtree, "vmlinux")
	if !exists(path) {
		text := "is not there, so the kernel's makefile skips BTF, with a line about it and success"
		do := "btfgen kbuild show has a step that does without"
		if b, err := e.findBase(); err == nil {
			do += ": it finds the kernel's BTF in " + b.Path
		} else {
			do += ", once the kernel's image or its debug package is installed"
		}
		e.trouble(subject, text, do)
		return false
	}
	if to, err := filepath.EvalSymlinks(path); err == nil && strings.HasPrefix(to, e.rooted("/sys/kernel/btf")+"/") {
		if running, err := readWord(e.rooted("/proc/sys/kernel/osrelease")); err == nil && running != e.release {
			e.trouble(subject, fmt.Sprintf("is a link to the BTF of the running kernel, Linux %s: modules would not load", running), "remove it, and "+useRecipe)
			return true
		}
	}
	data, err := ReadBase(path)
	if err == nil {
		_, err = btf.Read(data, nil)
	}
	if err != nil {
		e.trouble(subject, "has no BTF to build on: "+errText(err), "remove it, and "+useRecipe)
		return true
	}
	e.fine(subject, fmt.Sprintf("is there, with %d bytes of BTF", len(data)))
	return true
}

// usesScript tells whether the kernel's own step is a script of its own, as from 7.0 on.
func (e *examination) usesScript() bool {
	text, err := e.modfinal()
	return err == nil && strings.Contains(text, "scripts/gen-btf.sh")
}

func (e *examination) checkScript() {
	if e.usesScript() && !exists(filepath.Join(e.srctree, "scripts/gen-btf.sh")) {
		e.trouble("gen-btf.sh", filepath.Join(e.srctree, "scripts/gen-btf.sh")+" is not there, and scripts/Makefile.modfinal runs it",
			"btfgen kbuild show gen-btf.sh prints one, or "+useRecipe)
	}
}

// checkDKMS looks whether DKMS would build as examined here.
func (e *examination) checkDKMS() {
	const subject = "dkms"
	if !exists(e.rooted("/usr/sbin/dkms")) && !exists(e.rooted("/usr/bin/dkms")) {
		return
	}
	if e.is("CC_IS_CLANG") && e.hidesClang() {
		e.warn(subject, "the kernel was compiled by clang, and its vmlinux does not say so, where dkms looks: it will use gcc", "remove "+filepath.Join(e.objtree, "vmlinux")+", which btfgen does not need, or build with LLVM=1")
	}
	var hook string
	for _, pattern := range []string{"/etc/kernel/header_postinst.d/btfgen", "/etc/systemd/system/dkms.service.d/*btfgen*", "/usr/lib/systemd/system/dkms.service.d/*btfgen*"} {
		if found, _ := filepath.Glob(e.rooted(pattern)); len(found) > 0 {
			hook = found[0]
		}
	}
	switch {
	case e.fixed:
	case hook != "":
		e.fine(subject, hook+" has it use btfgen")
	case e.recipe != "":
		e.warn(subject, "builds at boot and with packages know nothing of this environment or command line", "set GNUMAKEFLAGS for them, see btfgen kbuild show")
	}
}

// hidesClang tells whether there is a vmlinux whose .comment does not name the compiler.
func (e *examination) hidesClang() bool {
	path := filepath.Join(e.objtree, "vmlinux")
	file, info, err := openRegular(path)
	if err != nil {
		return false
	}
	defer file.Close()
	f, err := elfview.New(file, info.Size())
	if err != nil {
		return true // raw BTF
	}
	s := f.Section(".comment")
	if s == nil || s.Type == elf.SHT_NOBITS {
		return true
	}
	if n, err := f.Size(s); err != nil || n > maxText {
		return true
	}
	b, err := f.Data(s)
	return err != nil || !bytes.Contains(b, []byte("clang"))
}
