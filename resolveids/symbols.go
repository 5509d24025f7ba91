// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"fmt"
	"strings"

	"github.com/btfgen/btfgen/internal/btf"
)

const symbolPrefix = "__BTF_ID__"

// symbol is what the name of a __BTF_ID__ symbol says.
type symbol struct {
	kind  btf.Kind // STRUCT, UNION, TYPEDEF or FUNC; void for a set
	pairs bool     // of a set: its elements are an ID and flags
	name  string   // of the type, or of the set
}

// symbolKinds are the words behind the prefix. set8 comes before set, which begins it.
var symbolKinds = []struct {
	word  string
	kind  btf.Kind
	pairs bool
}{
	{"struct", btf.KindStruct, false},
	{"union", btf.KindUnion, false},
	{"typedef", btf.KindTypedef, false},
	{"func", btf.KindFunc, false},
	{"set8", btf.KindVoid, true},
	{"set", btf.KindVoid, false},
}

// parseSymbol reads the name of a symbol behind symbolPrefix:
//
//	kind__name__unique    a word that is to hold the ID of a type
//	set__name set8__name  the first word of a set
//
// A name may contain two underscores; unique, which the preprocessor makes of a counter, does not.
// On failure, original is what the kernel's resolve_btfids says.
func parseSymbol(rest string) (s symbol, original string, err error) {
	for _, k := range symbolKinds {
		after, found := strings.CutPrefix(rest, k.word)
		if !found {
			continue
		}
		name, found := strings.CutPrefix(after, "__")
		if k.kind == btf.KindVoid {
			if !found || name == "" {
				return s, "FAILED to parse set name: " + rest, fmt.Errorf("no name of a set behind %q", k.word)
			}
			return symbol{pairs: k.pairs, name: name}, "", nil
		}
		end := strings.LastIndex(name, "_")
		if !found || end < 2 || name[end-1] != '_' || end+1 == len(name) {
			return s, "FAILED to parse symbol name: " + rest, fmt.Errorf("no name and number behind %q", k.word)
		}
		return symbol{kind: k.kind, name: name[:end-1]}, "", nil
	}
	return s, "FAILED unsupported prefix " + rest, fmt.Errorf("unknown kind, it is to be struct, union, typedef, func, set8 or set")
}
