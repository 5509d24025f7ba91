// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import "fmt"

// WarningKind says what a Warning is about.
type WarningKind uint8

const (
	Unresolved  WarningKind = iota // no type of the name: its ID is 0
	OnlyInBase                     // the same, of a type that the base has and the distilled one has not
	MultipleIDs                    // several types of the name: the first is used
	NoSymbol                       // an element of a set of kfuncs that no symbol names
	NoFunc                         // a kfunc that the BTF has no function for
	Stripped                       // IDs that no symbol tells anything of: they stay as they are
)

// Warning is something that is not as it should be and does not end the run.
type Warning struct {
	Kind WarningKind
	Name string // of the type, or of the set
	Text string // one line; of what the kernel's resolve_btfids warns of it begins with the text that it prints
}

func warnUnresolved(kind WarningKind, name, detail string) Warning {
	return Warning{kind, name, withDetail("WARN: resolve_btfids: unresolved symbol "+name, detail)}
}

func warnMultiple(name string, first, other uint32, detail string) Warning {
	text := fmt.Sprintf("WARN: multiple IDs found for '%s': %d, %d - using %d", name, first, other, first)
	return Warning{MultipleIDs, name, withDetail(text, detail)}
}

func warnNoSymbol(set string, entry int) Warning {
	return Warning{NoSymbol, set, fmt.Sprintf("WARN: resolve_btfids: no BTF ID symbol for %s entry %d", set, entry)}
}

func warnNoFunc(name, set, detail string) Warning {
	return Warning{NoFunc, name, withDetail(fmt.Sprintf("WARN: resolve_btfids: no BTF func for kfunc %s in %s", name, set), detail)}
}

func warnStripped(size int) Warning {
	return Warning{Stripped, sectionName, fmt.Sprintf("WARN: resolve_btfids: %s has %d bytes and no symbol tells which IDs they are: they stay as they are", sectionName, size)}
}

func withDetail(text, detail string) string {
	if detail == "" {
		return text
	}
	return text + ": " + detail
}
