// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"fmt"
	"strings"
)

// languages maps the names that kernel builds use to DW_AT_language codes (DWARF 5, table 7.17).
var languages = map[string]uint64{
	"c89": 0x01, "c": 0x02, "ada83": 0x03, "c++": 0x04, "cobol74": 0x05, "cobol85": 0x06, "fortran77": 0x07,
	"fortran90": 0x08, "pascal83": 0x09, "modula2": 0x0a, "java": 0x0b, "c99": 0x0c, "ada95": 0x0d, "fortran95": 0x0e,
	"pli": 0x0f, "objc": 0x10, "objc++": 0x11, "upc": 0x12, "d": 0x13, "python": 0x14, "opencl": 0x15, "go": 0x16,
	"modula3": 0x17, "haskell": 0x18, "c++03": 0x19, "c++11": 0x1a, "ocaml": 0x1b, "rust": 0x1c, "c11": 0x1d,
	"swift": 0x1e, "julia": 0x1f, "dylan": 0x20, "c++14": 0x21, "fortran03": 0x22, "fortran08": 0x23, "renderscript": 0x24,
	"bliss": 0x25, "asm": 0x8001,
}

const langRust = 0x1c

// parseLanguages turns a comma-separated list of names into codes. "none" is the empty list.
func parseLanguages(list string) (map[uint64]bool, error) {
	codes := map[uint64]bool{}
	for _, name := range strings.Split(list, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "" || name == "none" {
			continue
		}
		code, ok := languages[name]
		if !ok {
			return nil, fmt.Errorf("unknown language %q", name)
		}
		codes[code] = true
	}
	return codes, nil
}
