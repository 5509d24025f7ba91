// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"fmt"
	"strings"
)

// features are the switches behind the names of the table.
type features struct {
	encodeForce, vars, float, declTag, typeTag, enum64, consistentFunc, kfuncTags bool
	globalVar, attributes, trueSignature, layout                                  bool

	noEffect bool // names that are accepted and change nothing
}

// featureTable is the one list of features: name, whether it is on by default, and its
// switch. The order is that of pahole's list (spec encode.md 2.1).
var featureTable = []struct {
	name  string
	def   bool
	field func(*features) *bool
	help  string
}{
	{"encode_force", true, func(f *features) *bool { return &f.encodeForce }, "leave out variables that cannot be described, instead of failing"},
	{"var", true, func(f *features) *bool { return &f.vars }, "variables of .data..percpu"},
	{"float", true, func(f *features) *bool { return &f.float }, "floating-point types as FLOAT, not INT"},
	{"decl_tag", true, func(f *features) *bool { return &f.declTag }, "btf_decl_tag attributes, and tags of kfuncs"},
	{"type_tag", true, func(f *features) *bool { return &f.typeTag }, "btf_type_tag attributes of pointers"},
	{"enum64", true, func(f *features) *bool { return &f.enum64 }, "enums wider than 4 bytes as ENUM64"},
	{"optimized_func", true, func(f *features) *bool { return &f.noEffect }, "no effect: functions with suffixed symbols are always considered"},
	{"consistent_func", true, func(f *features) *bool { return &f.consistentFunc }, "leave out functions whose prototypes differ between units"},
	{"decl_tag_kfuncs", true, func(f *features) *bool { return &f.kfuncTags }, "bpf_kfunc tags, found through .BTF_ids"},
	{"reproducible_build", false, func(f *features) *bool { return &f.noEffect }, "no effect: output never depends on the number of workers"},
	{"distilled_base", false, func(f *features) *bool { return &f.noEffect }, "no effect: --distill does it, and in pahole's command line this name"},
	{"global_var", false, func(f *features) *bool { return &f.globalVar }, "variables of all sections"},
	{"attributes", false, func(f *features) *bool { return &f.attributes }, "address_space(1) tags of arena kfuncs"},
	{"true_signature", false, func(f *features) *bool { return &f.trueSignature }, "signatures as compiled, for optimised functions"},
	{"layout", false, func(f *features) *bool { return &f.layout }, "layout section, which tells the size of each kind"},
	{"force_cu_merging", false, func(f *features) *bool { return &f.noEffect }, "no effect: units are merged where they have to be"},
}

// UnknownFeatureError names a feature that does not exist.
type UnknownFeatureError struct{ Name string }

func (e *UnknownFeatureError) Error() string {
	return fmt.Sprintf("unknown feature %q; known are: %s", e.Name, strings.Join(FeatureNames(), ", "))
}

// FeatureNames returns the names of all features, in the order of the table.
func FeatureNames() []string {
	names := make([]string, len(featureTable))
	for i := range featureTable {
		names[i] = featureTable[i].name
	}
	return names
}

// DefaultFeatures returns the names of the features that are on by default, in the order of the table.
func DefaultFeatures() []string {
	var names []string
	for i := range featureTable {
		if featureTable[i].def {
			names = append(names, featureTable[i].name)
		}
	}
	return names
}

// FeatureHelp returns one line per feature for the command's help.
func FeatureHelp() string {
	var b strings.Builder
	for _, f := range featureTable {
		mark := " "
		if f.def {
			mark = "*"
		}
		fmt.Fprintf(&b, "%s %-19s %s\n", mark, f.name, f.help)
	}
	return b.String()
}

func (f *features) setDefaults() {
	for i := range featureTable {
		if featureTable[i].def {
			*featureTable[i].field(f) = true
		}
	}
}

func (f *features) setAll() {
	for i := range featureTable {
		*featureTable[i].field(f) = true
	}
}

// parseFeatures reads a comma-separated list (spec encode.md 1.4): names turn features on, a leading +
// or the word default adds the defaults, all adds everything. The empty list is default.
// The error is an *UnknownFeatureError.
func parseFeatures(list string) (features, error) {
	var f features
	if list == "" {
		list = "default"
	}
	if rest, ok := strings.CutPrefix(list, "+"); ok {
		f.setDefaults()
		list = rest
	}
next:
	for _, name := range strings.Split(list, ",") {
		switch name {
		case "":
			continue
		case "default":
			f.setDefaults()
			continue
		case "all":
			f.setAll()
			continue
		}
		for i := range featureTable {
			if featureTable[i].name == name {
				*featureTable[i].field(&f) = true
				continue next
			}
		}
		return f, &UnknownFeatureError{name}
	}
	return f, nil
}
