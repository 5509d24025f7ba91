// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// checkHeadersConfig looks at the configuration of a kernel that is built already. It reports whether its modules can have BTF
// and its makefiles have a step for it.
func (e *examination) checkHeadersConfig() bool {
	if !e.is("DEBUG_INFO_BTF") {
		e.trouble("config", "this kernel has no BTF (CONFIG_DEBUG_INFO_BTF is not set), so its modules cannot", "use a kernel that has")
		return false
	}
	if !e.is("DEBUG_INFO_BTF_MODULES") {
		e.trouble("config", "this kernel reads no BTF of modules (CONFIG_DEBUG_INFO_BTF_MODULES is not set)", "use a kernel that does")
		return false
	}
	e.fine("config", "CONFIG_DEBUG_INFO_BTF and CONFIG_DEBUG_INFO_BTF_MODULES are set")
	if _, err := e.modfinal(); err != nil {
		e.trouble("scripts", "scripts/Makefile.modfinal "+errText(err)+"; that of Linux 5.11 is the first with one",
			"btfgen module FILE.ko after the build, before it is stripped and signed")
		return false
	}
	if !e.since(6, 11) {
		e.warn("kernel", fmt.Sprintf("modules for Linux %d.%d have BTF for this very build of it: there is no .BTF.base before 6.11", e.version[0], e.version[1]),
			"build them again for each update of the kernel")
	}
	return true
}

// checkSourceConfig looks at the configuration of a kernel to be built. A symbol that is set although something
// forbids it is unset by make without a word.
func (e *examination) checkSourceConfig() {
	before := len(e.Findings)
	for _, r := range []struct {
		wrong    bool
		text, do string
	}{
		{!e.is("BPF_SYSCALL"), "CONFIG_BPF_SYSCALL is not set, and BTF needs it", "scripts/config -e BPF_SYSCALL"},
		{!e.is("DEBUG_INFO"), "CONFIG_DEBUG_INFO is not set: there is no DWARF to make BTF from",
			"scripts/config -d DEBUG_INFO_NONE -e DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT"},
		{e.is("DEBUG_INFO_REDUCED"), "CONFIG_DEBUG_INFO_REDUCED excludes BTF", "scripts/config -d DEBUG_INFO_REDUCED"},
		{e.is("DEBUG_INFO_SPLIT"), "CONFIG_DEBUG_INFO_SPLIT excludes BTF", "scripts/config -d DEBUG_INFO_SPLIT"},
		{e.is("GCC_PLUGIN_RANDSTRUCT") && !e.is("COMPILE_TEST"), "CONFIG_GCC_PLUGIN_RANDSTRUCT excludes BTF", "scripts/config -d RANDSTRUCT_FULL -e RANDSTRUCT_NONE"},
		{e.is("HEXAGON"), "Kconfig excludes BTF for Hexagon", ""},
		{!e.is("DEBUG_INFO_BTF"), "CONFIG_DEBUG_INFO_BTF is not set", "scripts/config -e DEBUG_INFO_BTF && make olddefconfig"},
	} {
		if r.wrong {
			e.trouble("config", r.text, r.do)
		}
	}
	switch {
	case len(e.Findings) > before:
	case !e.is("MODULES"):
		e.fine("config", "CONFIG_DEBUG_INFO_BTF is set, and there are no modules")
	case !e.is("DEBUG_INFO_BTF_MODULES"):
		e.warn("config", "CONFIG_DEBUG_INFO_BTF_MODULES is not set: vmlinux gets BTF, modules do not",
			"scripts/config -e DEBUG_INFO_BTF_MODULES && make olddefconfig")
	default:
		e.fine("config", "CONFIG_DEBUG_INFO_BTF and CONFIG_DEBUG_INFO_BTF_MODULES are set")
	}
}

// paholeFor is the least version of pahole that the Kconfig files of a release want (one number, 131 for v1.31), and why.
func (e *examination) paholeFor() (least int, why string) {
	least, why = 116, "CONFIG_DEBUG_INFO_BTF"
	switch {
	case e.since(7, 0):
		least = 122
	case !e.is("DEBUG_INFO_DWARF4"):
		least, why = 121, "CONFIG_DEBUG_INFO_BTF with DWARF 5"
	}
	if e.is("DEBUG_INFO_BTF_MODULES") && least < 119 {
		least, why = 119, "CONFIG_DEBUG_INFO_BTF_MODULES"
	}
	if e.is("RUST") && least < 124 {
		least, why = 124, "CONFIG_RUST together with BTF"
	}
	return least, why
}

// paholeOfKernel is the version of pahole that the kernel was configured with, 0 if that is not known. The flags that a build
// of modules passes follow from it.
func (e *examination) paholeOfKernel() int {
	n, err := strconv.Atoi(e.config["PAHOLE_VERSION"])
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// leastDisk is what a kernel with debugging information and few drivers takes, in bytes. That of a distribution takes 30 GB.
const leastDisk = 10 << 30

func (e *examination) checkDisk() {
	var st unix.Statfs_t
	if unix.Statfs(e.objtree, &st) != nil {
		return // the build will say
	}
	if free := st.Bavail * uint64(st.Bsize); free < leastDisk {
		e.warn("disk", fmt.Sprintf("%d MB are free for %s: a kernel with debugging information takes 10 to 30 GB", free>>20, e.objtree), "make room, or build elsewhere with make O=FOLDER")
	}
}
