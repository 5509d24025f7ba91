// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package tidy

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

const module = "github.com/btfgen/btfgen"

// everything, in a row of mayImport, allows all packages of the module.
const everything = "..."

// mayImport lists for each package, by its path from the top folder, which
// packages of the module its non-test files may import. A package that is not
// listed fails the test: give it a row. A row that ends in /* holds for the
// packages below that folder.
var mayImport = map[string][]string{
	"internal/btf":           {"internal/pages", "internal/parallel"},
	"internal/pages":         nil,
	"internal/parallel":      nil,
	"internal/elfview":       nil,
	"internal/modinfo":       {"internal/elfview"},
	"internal/phase":         nil,
	"internal/tidy":          nil,
	"encode/internal/dwarf":  nil,
	"internal/btfcheck":      {"internal/btf"},
	"elfpatch":               {"internal/elfview"},
	"encode":                 {"encode/internal/dwarf", "internal/btf", "internal/elfview", "internal/pages", "internal/parallel", "internal/phase"},
	"resolveids":             {"internal/btf", "internal/elfview", "internal/modinfo", "internal/phase"},
	"kbuild/internal/unpack": nil,
	"kbuild":                 {"kbuild/internal/unpack", "encode", "resolveids", "elfpatch", "internal/btf", "internal/btfcheck", "internal/elfview", "internal/modinfo", "internal/phase"},
	"cmd/btfgen":             {"encode", "resolveids", "elfpatch", "kbuild", "internal/btf", "internal/btfcheck", "internal/elfview", "internal/phase"},
	"internal/testkit":       nil,
	"internal/testkit/*":     {everything},
	"scripts/*":              {everything},
}

// only lists modules of others that few packages may use.
var only = map[string][]string{
	"github.com/cilium/ebpf":   {"internal/btfcheck", "scripts/vmguest"},
	"github.com/urfave/cli/v2": {"cmd/btfgen"},
}

// standardOnly are the packages whose non-test files import nothing from other modules.
var standardOnly = []string{"internal/btf", "internal/phase", "internal/testkit", "internal/tidy", "encode/internal/dwarf"}

// vague names say nothing about what a package holds.
var vague = []string{"util", "utils", "common", "helper", "helpers", "types", "misc"}

// checkPackage returns what is wrong with the imports of a package's non-test
// files; pkg is its path from the top folder.
func checkPackage(pkg string, imports []string) []string {
	var wrong []string
	if slices.Contains(vague, path.Base(pkg)) {
		wrong = append(wrong, "the package's name says nothing")
	}
	allowed, listed := mayImport[pkg]
	if !listed {
		allowed, listed = mayImport[path.Dir(pkg)+"/*"]
	}
	if !listed {
		return append(wrong, "the package has no row in internal/tidy/imports.go")
	}
	for _, imp := range imports {
		if own, ok := strings.CutPrefix(imp, module+"/"); ok {
			if !slices.Contains(allowed, own) && !slices.Contains(allowed, everything) {
				wrong = append(wrong, fmt.Sprintf("imports %s, which its row does not allow", own))
			}
			continue
		}
		if !strings.Contains(strings.Split(imp, "/")[0], ".") {
			continue // standard library
		}
		if slices.Contains(standardOnly, pkg) {
			wrong = append(wrong, fmt.Sprintf("imports %s, but may use the standard library only", imp))
		}
		for mod, users := range only {
			if (imp == mod || strings.HasPrefix(imp, mod+"/")) && !slices.Contains(users, pkg) {
				wrong = append(wrong, fmt.Sprintf("imports %s, which only %s may", imp, strings.Join(users, " and ")))
			}
		}
	}
	return wrong
}
