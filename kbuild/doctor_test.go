// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"debug/elf"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/testkit"
)

// script is a tool that prints and exits. Files that start like this are executable in a sickroom.
func script(body string) []byte { return []byte("#!/bin/sh\n" + body + "\n") }

var (
	resolver  = script("echo usage >&2; exit 129")
	modfinal  = []byte("cmd_btf_ko = $(PAHOLE) -J $(PAHOLE_FLAGS) --btf_base vmlinux $@; $(RESOLVE_BTFIDS) -b vmlinux $@;\n")
	modfinal7 = []byte("cmd_btf_ko = $(CONFIG_SHELL) $(srctree)/scripts/gen-btf.sh --btf_base $(objtree)/vmlinux $@;\n")
)

const bothSet = "CONFIG_DEBUG_INFO_BTF=y\nCONFIG_DEBUG_INFO_BTF_MODULES=y\n"

// headers are the files of a distribution's headers with which BTF comes out.
func headers(version string) map[string][]byte {
	major, minor, _ := strings.Cut(version, ".")
	return map[string][]byte{
		"bin/pahole":                                        script("echo v1.30"),
		"usr/src/h/Makefile":                                []byte("include /usr/src/common/Makefile\n"),
		"usr/src/common/Makefile":                           []byte("# SPDX\nVERSION = " + major + "\nPATCHLEVEL = " + minor + "\nSUBLEVEL = 9\ninclude $(srctree)/x/Makefile\n"),
		"usr/src/common/scripts/Makefile.modfinal":          modfinal,
		"usr/src/h/include/config/kernel.release":           []byte(version + ".9-test\n"),
		"usr/src/h/include/config/auto.conf":                []byte(bothSet + "CONFIG_PAHOLE_VERSION=130\n"),
		"usr/src/h/vmlinux":                                 vmlinux("int"),
		"usr/src/h/tools/bpf/resolve_btfids/resolve_btfids": resolver,
	}
}

// source are the files of a kernel's source from which BTF comes out.
func source(version string) map[string][]byte {
	major, minor, _ := strings.Cut(version, ".")
	return map[string][]byte{
		"bin/pahole":                            script("echo v1.31"),
		"usr/include/x86_64-linux-gnu/libelf.h": nil,
		"linux/Makefile":                        []byte("VERSION = " + major + "\nPATCHLEVEL = " + minor + "\nSUBLEVEL =\n"),
		"linux/init/main.c":                     nil,
		"linux/scripts/Makefile.modfinal":       modfinal,
		"linux/tools/bpf/resolve_btfids/main.c": nil,
		"linux/.config":                         []byte("# CONFIG_X is not set\nCONFIG_BPF_SYSCALL=y\nCONFIG_DEBUG_INFO=y\nCONFIG_DEBUG_INFO_DWARF5=y\nCONFIG_MODULES=y\n" + bothSet),
	}
}

// sickroom writes files below a new folder. Scripts are executable.
func sickroom(t *testing.T, files map[string][]byte) string {
	t.Helper()
	root := tree(t, files)
	for name, b := range files {
		if strings.HasPrefix(string(b), "#!") {
			if err := os.Chmod(filepath.Join(root, name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

func TestExamine(t *testing.T) {
	const step = "have btfgen do it in one step, see btfgen kbuild show"
	own := map[string]string{"cmd_btf_ko": "ROOT/bin/btfgen module $@"}
	pair := map[string]string{"PAHOLE": "ROOT/bin/btfgen-pahole", "RESOLVE_BTFIDS": "ROOT/bin/btfgen-resolve_btfids"}
	btfgen := map[string][]byte{"bin/btfgen": script(""), "bin/btfgen-pahole": script("echo v1.32"), "bin/btfgen-resolve_btfids": resolver}
	const notWhere = "; ROOT/usr/lib/debug/lib/modules/6.12.9-test/vmlinux and 5 other names: not there; ROOT/usr/lib/btfgen/base/6.12.9-test: not there; " +
		"ROOT/boot/vmlinuz-6.12.9-test and 12 other names: not there; ROOT/sys/kernel/btf/vmlinux: not there"
	for _, test := range []struct {
		name  string
		of    map[string][]byte
		with  map[string][]byte // put in; nil: taken out
		vars  map[string]string
		evals []string
		want  []string // findings that are not fine; ROOT is the folder
	}{
		{name: "headers 6.12", of: headers("6.12")},
		{name: "headers 7.3", of: headers("7.3"), with: map[string][]byte{"usr/src/common/scripts/Makefile.modfinal": modfinal7, "usr/src/common/scripts/gen-btf.sh": script("")}},
		{name: "raw BTF", of: headers("6.12"), with: map[string][]byte{"usr/src/h/vmlinux": blob(false, "int")}},

		{name: "no Makefile", of: headers("6.12"), with: map[string][]byte{"usr/src/h/Makefile": nil},
			want: []string{"TROUBLE folder: ROOT/usr/src/h is no kernel's: its Makefile is not there; to do: name the folder that make is called with as -C"}},
		{name: "no source", of: headers("6.12"), with: map[string][]byte{"usr/src/common/Makefile": nil},
			want: []string{"TROUBLE folder: ROOT/usr/src/h belongs to the source in ROOT/usr/src/common, whose Makefile is not there; to do: name the folder that make is called with as -C"}},
		{name: "other Makefile", of: headers("6.12"), with: map[string][]byte{"usr/src/h/Makefile": []byte("obj-m := x.o\n")},
			want: []string{"TROUBLE folder: ROOT/usr/src/h is no kernel's: its Makefile has no VERSION and PATCHLEVEL; to do: name the folder that make is called with as -C"}},
		{name: "no auto.conf", of: headers("6.12"), with: map[string][]byte{"usr/src/h/include/config/auto.conf": nil},
			want: []string{"TROUBLE config: include/config/auto.conf is not there; to do: install the headers again, they are not whole"}},
		{name: "kernel without BTF", of: headers("6.12"), with: map[string][]byte{"usr/src/h/include/config/auto.conf": []byte("CONFIG_DEBUG_INFO=y\n")},
			want: []string{"TROUBLE config: this kernel has no BTF (CONFIG_DEBUG_INFO_BTF is not set), so its modules cannot; to do: use a kernel that has"}},
		{name: "no BTF of modules", of: headers("6.12"), with: map[string][]byte{"usr/src/h/include/config/auto.conf": []byte("CONFIG_DEBUG_INFO_BTF=y\n")},
			want: []string{"TROUBLE config: this kernel reads no BTF of modules (CONFIG_DEBUG_INFO_BTF_MODULES is not set); to do: use a kernel that does"}},
		{name: "before modules had any", of: headers("5.10"), with: map[string][]byte{"usr/src/common/scripts/Makefile.modfinal": []byte("cmd_ld_ko_o = x\n")},
			want: []string{
				"TROUBLE scripts: scripts/Makefile.modfinal has no BTF step; that of Linux 5.11 is the first with one; to do: btfgen module FILE.ko after the build, before it is stripped and signed"}},
		{name: "6.1", of: headers("6.1"),
			want: []string{"warning kernel: modules for Linux 6.1 have BTF for this very build of it: there is no .BTF.base before 6.11; to do: build them again for each update of the kernel"}},

		{name: "no vmlinux", of: headers("6.12"), with: map[string][]byte{"usr/src/h/vmlinux": nil},
			want: []string{"TROUBLE vmlinux: is not there, so the kernel's makefile skips BTF, with a line about it and success; to do: btfgen kbuild show has a step that does without, " +
				"once the kernel's image or its debug package is installed"}},
		{name: "no vmlinux, a debug package", of: headers("6.12"), with: map[string][]byte{"usr/src/h/vmlinux": nil, "usr/lib/debug/boot/vmlinux-6.12.9-test": vmlinux("int")},
			want: []string{"TROUBLE vmlinux: is not there, so the kernel's makefile skips BTF, with a line about it and success; to do: btfgen kbuild show has a step that does without: " +
				"it finds the kernel's BTF in ROOT/usr/lib/debug/boot/vmlinux-6.12.9-test"}},
		{name: "no vmlinux, one step", of: headers("6.12"), with: merge(btfgen, map[string][]byte{"usr/src/h/vmlinux": nil, "boot/vmlinux-6.12.9-test": vmlinux("int"), "bin/pahole": nil}), vars: own},
		{name: "no base, one step", of: headers("6.12"), with: merge(btfgen, map[string][]byte{"usr/src/h/vmlinux": nil}), vars: own,
			want: []string{"TROUBLE base: no base BTF for Linux 6.12.9-test: ROOT/usr/src/h/vmlinux: not there; ROOT/lib/modules/6.12.9-test/build/vmlinux: not there" + notWhere +
				"; to do: install the kernel's image or its debug package, or save its BTF as /usr/lib/btfgen/base/6.12.9-test"}},
		{name: "stripped vmlinux", of: headers("6.12"), with: map[string][]byte{"usr/src/h/vmlinux": vmlinux("")},
			want: []string{"TROUBLE vmlinux: has no BTF to build on: no section .BTF: built without BTF, or stripped of it; to do: remove it, and " + step}},
		{name: "cut off", of: headers("6.12"), with: map[string][]byte{"usr/src/h/vmlinux": blob(false, "int")[:40]},
			want: []string{"TROUBLE vmlinux: has no BTF to build on: BTF header: types and strings end at 0x2d, the data at 0x28: cut off; to do: remove it, and " + step}},
		{name: "broken types", of: headers("6.12"), with: map[string][]byte{"usr/src/h/vmlinux": func() []byte { b := blob(false, "int"); b[24] = 0xff; return b }()},
			want: []string{"TROUBLE vmlinux: has no BTF to build on: btf+0x18: type 1: INT: name offset 0xff, the strings end at 0x5; to do: remove it, and " + step}},

		{name: "no pahole", of: headers("6.12"), with: map[string][]byte{"bin/pahole": nil},
			want: []string{`TROUBLE pahole: "pahole": is not there: the build goes on without a BTF section, and fails later if there is .BTF_ids; to do: install it (package dwarves or pahole), or ` + step}},
		{name: "no pahole, 7.3", of: headers("7.3"), with: map[string][]byte{"bin/pahole": nil, "usr/src/common/scripts/Makefile.modfinal": modfinal7},
			want: []string{"TROUBLE gen-btf.sh: ROOT/usr/src/common/scripts/gen-btf.sh is not there, and scripts/Makefile.modfinal runs it; to do: btfgen kbuild show gen-btf.sh prints one, or " + step,
				`TROUBLE pahole: "pahole": is not there: the build fails, and make deletes the module; to do: install it (package dwarves or pahole), or ` + step}},
		{name: "pahole that is none", of: headers("6.12"), with: map[string][]byte{"bin/pahole": script("echo frob; exit 3")},
			want: []string{`TROUBLE pahole: ROOT/bin/pahole does not run here, or is no pahole: exit code 3, "frob": the build goes on without a BTF section, and fails later if there is .BTF_ids; ` +
				"to do: install it (package dwarves or pahole), or " + step}},
		{name: "pahole not executable", of: headers("6.12"), with: map[string][]byte{"bin/pahole": []byte("text")},
			want: []string{`TROUBLE pahole: "pahole": ROOT/bin/pahole may not be executed: the build goes on without a BTF section, and fails later if there is .BTF_ids; ` +
				"to do: install it (package dwarves or pahole), or " + step}},
		{name: "old pahole", of: headers("6.12"), with: map[string][]byte{"bin/pahole": script("echo v1.25")},
			want: []string{"TROUBLE pahole: ROOT/bin/pahole is v1.25, the kernel was configured with v1.30, whose flags (--btf_features) it does not know; to do: install v1.26 or later, or " + step}},
		{name: "pahole that does not distill", of: headers("6.12"), with: map[string][]byte{"bin/pahole": script("echo v1.27")},
			want: []string{"warning pahole: ROOT/bin/pahole is v1.27, which does not give modules a .BTF.base here: they load for this build of the kernel only; to do: " + step}},
		{name: "pahole of another style", of: headers("7.3"), with: map[string][]byte{"bin/pahole": script("echo v1.32")},
			want: []string{"warning pahole: ROOT/bin/pahole is v1.32, the kernel was configured with v1.30: before v1.32 arrays are written in another way, so modules get a task_struct of their own and more, " +
				"and kfuncs that take one are refused; to do: " + step}},
		{name: "btfgen for pahole and resolve_btfids", of: headers("6.12"), vars: pair,
			with: merge(btfgen, map[string][]byte{"bin/pahole": nil, "usr/src/h/tools/bpf/resolve_btfids/resolve_btfids": nil})},

		{name: "no resolve_btfids", of: headers("6.12"), with: map[string][]byte{"usr/src/h/tools/bpf/resolve_btfids/resolve_btfids": nil},
			want: []string{`TROUBLE resolve_btfids: "ROOT/usr/src/h/tools/bpf/resolve_btfids/resolve_btfids": is not there: the build fails, and make deletes the module; ` +
				"to do: install the package that has it (linux-kbuild, linux-headers, kernel-devel), or " + step}},
		{name: "resolve_btfids of another machine", of: headers("6.12"), with: map[string][]byte{"usr/src/h/tools/bpf/resolve_btfids/resolve_btfids": script("echo \"$0: libc.so.6: no GLIBC_2.99\"; exit 1")},
			want: []string{`TROUBLE resolve_btfids: ROOT/usr/src/h/tools/bpf/resolve_btfids/resolve_btfids does not run here (exit code 1, "it: libc.so.6: no GLIBC_2.99"): the build fails, and make deletes the module; ` +
				"to do: install the package that has it (linux-kbuild, linux-headers, kernel-devel), or " + step}},

		{name: "step switched off", of: headers("6.12"), vars: map[string]string{"cmd_btf_ko": ":"},
			want: []string{"TROUBLE cmd_btf_ko: switches the BTF step of modules off; to do: leave it out, or " + step}},
		{name: "step of somebody", of: headers("6.12"), vars: map[string]string{"cmd_btf_ko": "pahole -J $@"},
			want: []string{`warning cmd_btf_ko: "pahole" is not btfgen, what it makes is not known here`}},
		{name: "step not there", of: headers("6.12"), vars: map[string]string{"cmd_btf_ko": "/nowhere/btfgen module $@"},
			want: []string{`TROUBLE cmd_btf_ko: "/nowhere/btfgen": is not there; to do: install btfgen, or name it with its whole path`}},
		{name: "GNUmakefile", of: headers("6.12"), with: merge(btfgen, map[string][]byte{"bin/pahole": nil, "usr/sbin/dkms": nil,
			"usr/src/h/GNUmakefile": []byte("include /bin/Makefile.btfgen\ninclude Makefile\n"), "bin/Makefile.btfgen": ownMakefile(t)})},
		{name: "GNUmakefile without glue", of: headers("6.12"), with: map[string][]byte{"usr/src/h/GNUmakefile": []byte("include /opt/Makefile.btfgen\ninclude Makefile\n")},
			want: []string{"TROUBLE GNUmakefile: includes /opt/Makefile.btfgen, which is not there; to do: btfgen kbuild install --dest /opt"}},

		{name: "eval", of: headers("6.12"), evals: []string{"-include /opt/module.mk"}, with: merge(btfgen, map[string][]byte{"bin/pahole": nil,
			"opt/module.mk": []byte("# text\noverride cmd_btf_ko = btfgen module $@ || :\n")})},
		{name: "eval of what is not there", of: headers("6.12"), evals: []string{"-include /opt/module.mk"}},

		{name: "dkms", of: headers("6.12"), with: map[string][]byte{"usr/sbin/dkms": {}}},
		{name: "dkms elsewhere", of: headers("6.12"), with: merge(btfgen, map[string][]byte{"usr/sbin/dkms": {}}), vars: own,
			want: []string{"warning dkms: builds at boot and with packages know nothing of this environment or command line; to do: set GNUMAKEFLAGS for them, see btfgen kbuild show"}},
		{name: "dkms with hook", of: headers("6.12"), with: merge(btfgen, map[string][]byte{"usr/sbin/dkms": {}, "etc/kernel/header_postinst.d/btfgen": script("")}), vars: own},
		{name: "dkms and clang", of: headers("6.12"), with: map[string][]byte{"usr/sbin/dkms": {}, "usr/src/h/include/config/auto.conf": []byte(bothSet + "CONFIG_CC_IS_CLANG=y\nCONFIG_PAHOLE_VERSION=130\n")},
			want: []string{"warning dkms: the kernel was compiled by clang, and its vmlinux does not say so, where dkms looks: it will use gcc; " +
				"to do: remove ROOT/usr/src/h/vmlinux, which btfgen does not need, or build with LLVM=1"}},
		{name: "dkms and clang that is told", of: headers("6.12"), with: map[string][]byte{"usr/sbin/dkms": {}, "usr/src/h/vmlinux": clangVmlinux(),
			"usr/src/h/include/config/auto.conf": []byte(bothSet + "CONFIG_CC_IS_CLANG=y\nCONFIG_PAHOLE_VERSION=130\n")}},

		{name: "source 7.3", of: source("7.3")},
		{name: "source 6.1 and DWARF 5", of: source("6.1"), with: map[string][]byte{"bin/pahole": script("echo v1.20")},
			want: []string{"TROUBLE pahole: ROOT/bin/pahole is v1.20, and CONFIG_DEBUG_INFO_BTF with DWARF 5 needs v1.21: the configuration loses CONFIG_DEBUG_INFO_BTF without a word, or the link of vmlinux fails; " +
				"to do: install a newer one, or build with btfgen in its place, see btfgen kbuild show"}},
		{name: "source 7.3 with old pahole", of: source("7.3"), with: map[string][]byte{"bin/pahole": script("echo v1.21")},
			want: []string{"TROUBLE pahole: ROOT/bin/pahole is v1.21, and CONFIG_DEBUG_INFO_BTF needs v1.22: the configuration loses CONFIG_DEBUG_INFO_BTF without a word; " +
				"to do: install a newer one, or build with btfgen in its place, see btfgen kbuild show"}},
		{name: "source with Rust", of: source("6.12"), with: map[string][]byte{"bin/pahole": script("echo v1.23"),
			"linux/.config": []byte("CONFIG_BPF_SYSCALL=y\nCONFIG_DEBUG_INFO=y\nCONFIG_DEBUG_INFO_DWARF4=y\nCONFIG_RUST=y\n" + bothSet)},
			want: []string{"TROUBLE pahole: ROOT/bin/pahole is v1.23, and CONFIG_RUST together with BTF needs v1.24: the configuration loses CONFIG_DEBUG_INFO_BTF without a word; " +
				"to do: install a newer one, or build with btfgen in its place, see btfgen kbuild show"}},
		{name: "source without pahole", of: source("7.3"), with: map[string][]byte{"bin/pahole": nil},
			want: []string{`TROUBLE pahole: "pahole": is not there: make takes it for version 0, and the configuration loses CONFIG_DEBUG_INFO_BTF without a word; ` +
				"to do: install it (package dwarves or pahole), or build with btfgen in its place, see btfgen kbuild show"}},
		{name: "source and pahole of two words", of: source("7.3"), with: btfgen, vars: map[string]string{"PAHOLE": "ROOT/bin/btfgen pahole"},
			want: []string{`TROUBLE pahole: "ROOT/bin/btfgen pahole" has several words, which scripts/pahole-version.sh does not take: make takes it for version 0, and the configuration loses CONFIG_DEBUG_INFO_BTF without a word; ` +
				"to do: install it (package dwarves or pahole), or build with btfgen in its place, see btfgen kbuild show"}},
		{name: "source with btfgen", of: source("7.3"), with: merge(btfgen, map[string][]byte{"bin/pahole": nil}), vars: pair},
		{name: "source with all of btfgen", of: source("7.3"), with: merge(btfgen, map[string][]byte{"bin/pahole": nil}), vars: merge(pair, own)},
		{name: "source and resolver by name", of: source("7.3"), with: btfgen, vars: map[string]string{"RESOLVE_BTFIDS": "btfgen-resolve_btfids"},
			want: []string{`TROUBLE resolve_btfids: "btfgen-resolve_btfids" is no path, and make wants the file: vmlinux is not linked; to do: RESOLVE_BTFIDS=ROOT/bin/btfgen-resolve_btfids`}},
		{name: "source without libelf", of: source("7.3"), with: map[string][]byte{"usr/include/x86_64-linux-gnu/libelf.h": nil},
			want: []string{"warning resolve_btfids: is compiled by the build and needs libelf.h, which is not in the usual places; to do: install libelf-dev, elfutils-libelf-devel or libelf"}},
		{name: "source not configured", of: source("7.3"), with: map[string][]byte{"linux/.config": nil},
			want: []string{"TROUBLE config: .config is not there; to do: make defconfig, or copy the .config of a kernel here and make olddefconfig"}},
		{name: "source configured against BTF", of: source("7.3"), with: map[string][]byte{"linux/.config": []byte("CONFIG_DEBUG_INFO_REDUCED=y\nCONFIG_DEBUG_INFO_SPLIT=y\nCONFIG_GCC_PLUGIN_RANDSTRUCT=y\nCONFIG_MODULES=y\n")},
			want: []string{
				"TROUBLE config: CONFIG_BPF_SYSCALL is not set, and BTF needs it; to do: scripts/config -e BPF_SYSCALL",
				"TROUBLE config: CONFIG_DEBUG_INFO is not set: there is no DWARF to make BTF from; to do: scripts/config -d DEBUG_INFO_NONE -e DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT",
				"TROUBLE config: CONFIG_DEBUG_INFO_REDUCED excludes BTF; to do: scripts/config -d DEBUG_INFO_REDUCED",
				"TROUBLE config: CONFIG_DEBUG_INFO_SPLIT excludes BTF; to do: scripts/config -d DEBUG_INFO_SPLIT",
				"TROUBLE config: CONFIG_GCC_PLUGIN_RANDSTRUCT excludes BTF; to do: scripts/config -d RANDSTRUCT_FULL -e RANDSTRUCT_NONE",
				"TROUBLE config: CONFIG_DEBUG_INFO_BTF is not set; to do: scripts/config -e DEBUG_INFO_BTF && make olddefconfig"}},
		{name: "source without BTF of modules", of: source("7.3"), with: map[string][]byte{"linux/.config": []byte("CONFIG_BPF_SYSCALL=y\nCONFIG_DEBUG_INFO=y\nCONFIG_MODULES=y\nCONFIG_DEBUG_INFO_BTF=y\n")},
			want: []string{"warning config: CONFIG_DEBUG_INFO_BTF_MODULES is not set: vmlinux gets BTF, modules do not; to do: scripts/config -e DEBUG_INFO_BTF_MODULES && make olddefconfig"}},
		{name: "output folder", of: source("7.3"), vars: map[string]string{"O": "ROOT/out"}, with: map[string][]byte{"linux/.config": nil, "out/.config": source("7.3")["linux/.config"]}},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := merge(test.of, test.with)
			for name, b := range test.with {
				if b == nil {
					delete(files, name)
				}
			}
			root := sickroom(t, files)
			c := Checkup{Dir: filepath.Join(root, "usr/src/h"), Path: filepath.Join(root, "bin"), Root: root, Make: MakeSettings{Vars: map[string]string{}}}
			if _, isSource := test.of["linux/Makefile"]; isSource {
				c.Dir = filepath.Join(root, "linux")
			}
			for _, text := range test.evals {
				c.Make.Evals = append(c.Make.Evals, strings.ReplaceAll(text, "ROOT", root))
			}
			for name, v := range test.vars {
				c.Make.Vars[name] = strings.ReplaceAll(v, "ROOT", root)
			}
			d, err := Examine(c)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			comes := true
			for _, f := range d.Findings {
				if f.Subject == "disk" {
					continue // that of this machine
				}
				if f.Level != Fine {
					got = append(got, strings.ReplaceAll(f.String(), root, "ROOT"))
				}
				comes = comes && f.Level != Trouble
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if d.Comes() != comes {
				t.Errorf("comes: %v, want %v", d.Comes(), comes)
			}
			if len(d.Findings) < 2 && comes {
				t.Errorf("only %d findings", len(d.Findings))
			}
		})
	}
}

// merge returns all of the maps in one, the last of each key.
func merge[V any](all ...map[string]V) map[string]V {
	out := map[string]V{}
	for _, m := range all {
		maps.Copy(out, m)
	}
	return out
}

func ownMakefile(t *testing.T) []byte {
	files, err := Glue("btfgen")
	if err != nil || files[0].Name != "Makefile.btfgen" {
		t.Fatal(files, err)
	}
	return files[0].Data
}

func clangVmlinux() []byte {
	e := testkit.ELF{Type: elf.ET_EXEC, Machine: elf.EM_X86_64, Sections: []testkit.Section{
		{Name: ".BTF", Data: blob(false, "int"), Align: 4}, {Name: ".comment", Data: []byte("clang version 21.1.0\x00"), Align: 1}}}
	return e.Assemble().Data
}

// TestExamineLink has the folk remedy: a link to the BTF of the running kernel, whichever that is.
func TestExamineLink(t *testing.T) {
	files := headers("6.12")
	delete(files, "usr/src/h/vmlinux")
	files["sys/kernel/btf/vmlinux"] = blob(false, "int")
	for running, want := range map[string]string{"6.12.9-test": "ok", "6.12.10-test": "TROUBLE"} {
		files["proc/sys/kernel/osrelease"] = []byte(running + "\n")
		root := sickroom(t, files)
		if err := os.Symlink("../../../sys/kernel/btf/vmlinux", filepath.Join(root, "usr/src/h/vmlinux")); err != nil {
			t.Fatal(err)
		}
		d, err := Examine(Checkup{Dir: filepath.Join(root, "usr/src/h"), Path: filepath.Join(root, "bin"), Root: root})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range d.Findings {
			if f.Subject == "vmlinux" && f.Level.String() != want {
				t.Errorf("running is %s: %v, want %s", running, f, want)
			}
		}
		if d.Comes() != (want == "ok") {
			t.Errorf("running is %s: comes %v", running, d.Comes())
		}
	}
}

// TestAskHangs has a tool that neither ends nor closes its output.
func TestAskHangs(t *testing.T) {
	defer func(d time.Duration) { toolTime = d }(toolTime)
	toolTime = 50 * time.Millisecond
	root := sickroom(t, merge(headers("6.12"), map[string][]byte{"bin/pahole": script("sleep 60 & sleep 60")}))
	d, err := Examine(Checkup{Dir: filepath.Join(root, "usr/src/h"), Path: filepath.Join(root, "bin") + ":" + os.Getenv("PATH"), Root: root})
	if err != nil || d.Comes() {
		t.Errorf("%v, %v", d, err)
	}
}

func TestReadMakeSettings(t *testing.T) {
	got := ReadMakeSettings(`PAHOLE=/env/pahole cmd_btf_ko=btfgen\ module\ $$@ --eval=-include\ x`, "ks -j8 --eval=y -- O=/out", []string{"PAHOLE=/arg/pahole", "V:=1"})
	want := MakeSettings{Vars: map[string]string{"PAHOLE": "/arg/pahole", "cmd_btf_ko": "btfgen module $@", "O": "/out", "V": "1"}, Evals: []string{"-include x", "y"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestBuildFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	root := tree(t, map[string][]byte{"proc/sys/kernel/osrelease": []byte("6.12.9-test\n")})
	if dir, err := BuildFolder(root); err == nil || !strings.Contains(err.Error(), "there are no headers for the running one") {
		t.Errorf("no headers: %q, %v", dir, err)
	}
	build := filepath.Join(root, "lib/modules/6.12.9-test/build")
	if err := os.MkdirAll(build, 0o755); err != nil {
		t.Fatal(err)
	}
	if dir, err := BuildFolder(root); err != nil || dir != build {
		t.Errorf("headers: %q, %v", dir, err)
	}
	if err := os.WriteFile(".config", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if dir, err := BuildFolder(root); err != nil || dir != "." {
		t.Errorf("in a kernel's folder: %q, %v", dir, err)
	}
}
