// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"fmt"
	"slices"
	"strings"

	"github.com/btfgen/btfgen/encode"
)

const distilledBase = "distilled_base"

// paholeFeatures is the state of the features while a command line is read. Older options and names of features turn
// the same switches, and the last one counts.
type paholeFeatures struct {
	on     map[string]bool
	listed bool // a list was given
}

// initialFeatures is what pahole encodes when no feature is mentioned.
func initialFeatures() paholeFeatures {
	return paholeFeatures{on: map[string]bool{"var": true, "decl_tag": true, "type_tag": true, "enum64": true}}
}

// list returns the features that are on, as encode.Options takes them.
func (f *paholeFeatures) list() string {
	var names []string
	for _, name := range encode.FeatureNames() {
		if f.on[name] {
			names = append(names, name)
		}
	}
	if names == nil {
		return "," // a list of no names; the empty one would be the default
	}
	return strings.Join(names, ",")
}

// turn returns a setter for an option that turns a feature on or off.
func turn(name string, on bool) func(*paholeArgs, string) error {
	return func(a *paholeArgs, _ string) error {
		a.features.on[name] = on
		return nil
	}
}

// add turns the features of a list on (encode.md 1.4) and returns the names in it that are none. Lists
// add up; the first one turns off whatever was on.
func (f *paholeFeatures) add(list string) (unknown []string) {
	if !f.listed {
		f.listed = true
		clear(f.on)
	}
	turnOn := func(names []string) {
		for _, name := range names {
			f.on[name] = true
		}
	}
	list, plus := strings.CutPrefix(list, "+")
	if plus {
		turnOn(encode.DefaultFeatures())
	}
	known := encode.FeatureNames()
	for _, name := range strings.Split(list, ",") {
		switch {
		case name == "":
		case name == "default":
			turnOn(encode.DefaultFeatures())
		case name == "all": // as in v1.32, where this needs no base
			turnOn(slices.DeleteFunc(slices.Clone(known), func(s string) bool { return s == distilledBase }))
		case slices.Contains(known, name):
			f.on[name] = true
		default:
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// setFeatures is --btf_features: what is not known is for later versions.
func (a *paholeArgs) setFeatures(list string) error {
	for _, name := range a.features.add(list) {
		if a.Verbose {
			a.Notes = append(a.Notes, fmt.Sprintf("Ignoring unsupported feature '%s'", name))
		}
	}
	return nil
}

// setFeaturesStrict is --btf_features_strict.
func (a *paholeArgs) setFeaturesStrict(list string) error {
	if unknown := a.features.add(list); unknown != nil {
		return &PaholeError{paholeFailure, fmt.Sprintf("Feature '%s' in '%s' is not supported.  Supported BTF features are:\n%s",
			unknown[0], list, strings.Join(encode.FeatureNames(), ","))}
	}
	return nil
}
