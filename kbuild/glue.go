// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
)

//go:embed glue
var glueFiles embed.FS

// GlueFile is a file with which kernel builds use btfgen.
type GlueFile struct {
	Name string
	Data []byte
	Mode fs.FileMode
}

// Glue returns the files, sorted by name, as they are for a btfgen that is called as program.
func Glue(program string) ([]GlueFile, error) {
	if err := checkProgram(program); err != nil {
		return nil, err
	}
	entries, err := glueFiles.ReadDir("glue")
	if err != nil {
		return nil, err
	}
	var files []GlueFile
	for _, e := range entries {
		b, err := glueFiles.ReadFile("glue/" + e.Name())
		if err != nil {
			return nil, err
		}
		f := GlueFile{e.Name(), []byte(strings.ReplaceAll(string(b), "@BTFGEN@", program)), 0o644}
		if strings.HasPrefix(string(b), "#!") {
			f.Mode = 0o755
		}
		files = append(files, f)
	}
	return files, nil
}

// checkProgram returns an error unless a name can stand in makefiles and scripts as it is.
func checkProgram(name string) error {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("/._+-@,", c)
	}
	switch i := strings.IndexFunc(name, func(c rune) bool { return !plain(c) }); {
	case name == "":
		return fmt.Errorf("the name of the program is empty")
	case i >= 0:
		return fmt.Errorf("%q: makefiles cannot name it because of %q", name, []rune(name[i:])[0])
	case strings.HasPrefix(name, "-"):
		return fmt.Errorf("%q: makefiles would take it for an option", name)
	}
	return nil
}

// personalityLinks are links to btfgen by whose names it is another program. The kernel's makefiles want both
// programs as one word each, and the second as a file that exists.
var personalityLinks = []string{"btfgen-pahole", "btfgen-resolve_btfids"}

// InstallGlue writes the files of Glue into a folder, which is made if it is not there, and beside them links of the
// names btfgen-pahole and btfgen-resolve_btfids to program. What has these names already is replaced.
func InstallGlue(dest, program string) error {
	files, err := Glue(program)
	if err != nil {
		return err
	}
	abs, err := filepath.Abs(dest)
	if err != nil {
		return err
	}
	if err := checkProgram(abs); err != nil {
		return err
	}
	if !filepath.IsAbs(program) {
		return fmt.Errorf("%q: links in %s need the whole path of the program", program, dest)
	}
	if err := os.MkdirAll(dest, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		if err := renameio.WriteFile(filepath.Join(dest, f.Name), f.Data, f.Mode, renameio.WithTempDir(dest), renameio.IgnoreUmask()); err != nil {
			return err
		}
	}
	for _, name := range personalityLinks {
		if err := renameio.Symlink(program, filepath.Join(dest, name)); err != nil {
			return err
		}
	}
	return nil
}

// ModuleRecipe is the value of the make variable cmd_btf_ko with which a kernel build has program give a linked
// module its BTF, in one step, and also where there is no vmlinux (scripts/Makefile.modfinal, since Linux 5.11).
func ModuleRecipe(program string) string { return program + " module --objtree=$(objtree) $@" }

// MakeFlags writes make variables, NAME=VALUE, as an environment variable GNUMAKEFLAGS or MAKEFLAGS holds them.
func MakeFlags(variables ...string) string {
	var words []string
	for _, v := range variables {
		words = append(words, strings.NewReplacer(`\`, `\\`, " ", `\ `, "\t", "\\\t", "$", "$$").Replace(v))
	}
	return strings.Join(words, " ")
}

// Recipes tells in plain words, and in lines to copy, how to build kernels and modules with btfgen. program is how it
// is called, folder where InstallGlue put its links.
func Recipes(program, folder string) string {
	module := "cmd_btf_ko=" + ModuleRecipe(program)
	return strings.NewReplacer("@MODULE@", module, "@FLAGS@", MakeFlags(module), "@BTFGEN@", program, "@DIR@", folder).Replace(recipes)
}

const recipes = `MODULES, Linux 5.11 and later: one step for each, in a build that stays as it is. The headers need neither
vmlinux nor resolve_btfids, and nobody needs pahole. btfgen doctor KDIR tells whether it will do.

    make -C KDIR M=$PWD '@MODULE@' modules

The same for what runs make where you do not (dkms, installers), from its environment:

    export GNUMAKEFLAGS='@FLAGS@'

KERNELS, from the configuration on: in the place of pahole and resolve_btfids. Modules get their BTF in the
kernel's own steps; with the variable above as well they get it in one.

    make PAHOLE=@DIR@/btfgen-pahole RESOLVE_BTFIDS=@DIR@/btfgen-resolve_btfids

BOTH, from a makefile that runs the kernel's:

    include @DIR@/Makefile.btfgen

For good, and for all who build there: a file GNUmakefile beside the Makefile of a kernel or of its headers, with

    include @DIR@/Makefile.btfgen
    include Makefile

LINUX 7.0 AND LATER, in a tree that may be changed: no compiler, no objcopy, no files in between.

    cp @DIR@/gen-btf.sh KDIR/scripts/gen-btf.sh

btfgen kbuild install --dest @DIR@ writes these files and links; btfgen kbuild show FILE prints one.
`
