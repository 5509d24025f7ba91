// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"strings"

	"github.com/btfgen/btfgen/encode"
)

const paholeUsageLine = "Usage: pahole -J [OPTION...] FILE"

// paholeOptions returns all options of pahole v1.32, so that what may be cut short is the same, and one of ours.
func paholeOptions() []option[paholeArgs] {
	options := append(outputOptions(), encodingOptions()...)
	options = append(options, infoOptions()...)
	options = append(options, refused("does not know this option of pahole", otherEncoding)...)
	return append(options, refused("encodes BTF; to print types run pahole of the package dwarves", printing)...)
}

// outputOptions say what is read and written.
func outputOptions() []option[paholeArgs] {
	return []option[paholeArgs]{
		{'J', "btf_encode", noArgument, func(a *paholeArgs, _ string) error {
			a.encode = true
			return nil
		}, "", "encode BTF: section .BTF of FILE"},
		{0, "btf_encode_detached", needsArgument, func(a *paholeArgs, path string) error {
			a.encode = true
			return setPath(&a.Detached, "btf_encode_detached", path)
		}, "OUT", "the same, written to OUT; FILE stays as it is"},
		{0, "btf_base", needsArgument, func(a *paholeArgs, path string) error {
			return setPath(&a.Base, "btf_base", path)
		}, "BASE", "leave out what is in the BTF of BASE: raw BTF or vmlinux"},
		{'j', "jobs", mayHaveArgument, (*paholeArgs).setJobs, "N", "N workers, or one per processor"},
		{'F', "format_path", needsArgument, (*paholeArgs).setFormats, "dwarf", "where types are read from"},
		{'V', "verbose", noArgument, func(a *paholeArgs, _ string) error {
			a.Verbose = true
			return nil
		}, "", "tell which functions are left out, and why"},
	}
}

// setPath sets the name of a file. A variable of make that is not set must not turn a split encoding into one that stands alone.
func setPath(to *string, option, path string) error {
	if path == "" {
		return paholeErrorf(paholeFailure, "option '--%s' names no file", option)
	}
	*to = path
	return nil
}

// encodingOptions choose what is encoded.
func encodingOptions() []option[paholeArgs] {
	return []option[paholeArgs]{
		{0, "btf_features", needsArgument, (*paholeArgs).setFeatures, "LIST", "features, or default, or all; +LIST adds to default"},
		{0, "features", needsArgument, (*paholeArgs).setFeatures, "LIST", "the same"},
		{0, "btf_features_strict", needsArgument, (*paholeArgs).setFeaturesStrict, "LIST", "the same, and an unknown feature is an error"},
		{0, "skip_encoding_btf_vars", noArgument, turn("var", false), "", "no percpu variables"},
		{0, "skip_encoding_btf_decl_tag", noArgument, turn("decl_tag", false), "", "no tags of declarations"},
		{0, "skip_encoding_btf_type_tag", noArgument, turn("type_tag", false), "", "no tags of pointers"},
		{0, "skip_encoding_btf_enum64", noArgument, turn("enum64", false), "", "no enums of 64 bits"},
		{0, "skip_encoding_btf_inconsistent_proto", noArgument, turn("consistent_func", true), "", "no functions with several prototypes"},
		{0, "btf_gen_floats", noArgument, turn("float", true), "", "floating-point types"},
		{0, "btf_gen_optimized", noArgument, turn("optimized_func", true), "", "no effect: functions with suffixes are considered"},
		{0, "btf_gen_all", noArgument, func(a *paholeArgs, _ string) error { return a.setFeatures("all") }, "", "all features"},
		{0, "btf_encode_force", noArgument, turn("encode_force", true), "", "leave out variables that cannot be encoded"},
		{0, "btf_attributes", noArgument, turn("attributes", true), "", "attributes of arena pointers"},
		{0, "reproducible_build", noArgument, turn("reproducible_build", true), "", "no effect: it always is"},
		{0, "lang_exclude", needsArgument, func(a *paholeArgs, list string) error {
			a.langs = &list
			return nil
		}, "LIST", "leave out units in these languages"},
		{0, "hashbits", needsArgument, (*paholeArgs).setHashBits, "N", "no effect"},
		{0, "fixup_silly_bitfields", noArgument, func(*paholeArgs, string) error { return nil }, "", "no effect"},
	}
}

// infoOptions print something about pahole.
func infoOptions() []option[paholeArgs] {
	tell := func(text func(*paholeArgs) string) func(*paholeArgs, string) error {
		return func(a *paholeArgs, _ string) error {
			a.Text = text(a)
			return errDone
		}
	}
	return []option[paholeArgs]{
		{0, "version", noArgument, tell(func(a *paholeArgs) string { return "v" + a.version + "\n" }), "", "print the version that is stood in for"},
		{0, "numeric_version", noArgument, func(a *paholeArgs, _ string) error {
			a.numeric = true
			return nil
		}, "", "print it as a number"},
		{0, "btfgen_pahole_version", needsArgument, func(a *paholeArgs, v string) error {
			return a.setVersion("--btfgen_pahole_version", v)
		}, "1.NN", "report this version; so does BTFGEN_PAHOLE_VERSION in the environment"},
		{0, "supported_btf_features", noArgument, tell(func(*paholeArgs) string {
			return strings.Join(encode.FeatureNames(), ",") + "\n"
		}), "", "print the names of all features"},
		{'?', "help", noArgument, tell(func(*paholeArgs) string {
			return paholeUsageLine + "\nbtfgen in the place of pahole: encodes BTF from the DWARF of FILE, a kernel or module.\n\n" +
				optionHelp(paholeOptions())
		}), "", "print this"},
		{0, "usage", noArgument, tell(func(*paholeArgs) string { return paholeUsageLine + "\n" }), "", "print the first line of this"},
	}
}

// refused returns options that we have nothing for. Names is a list of long options; a word before one, of one letter,
// is its short form, and = behind it says that it has an argument.
func refused(why, names string) []option[paholeArgs] {
	var options []option[paholeArgs]
	var short byte
	for _, name := range strings.Fields(names) {
		if len(name) == 1 {
			short = name[0]
			continue
		}
		o := option[paholeArgs]{short: short, long: name}
		if long, ok := strings.CutSuffix(name, "="); ok {
			o.long, o.argument = long, needsArgument
		}
		o.set = func(*paholeArgs, string) error {
			return paholeErrorf(paholeUsage, "option '--%s': btfgen, which stands in for pahole, %s", o.long, why)
		}
		options = append(options, o)
		short = 0
	}
	return options
}

// otherEncoding are options that would change what is encoded.
const otherEncoding = `lang= kabi_prefix= X cu_exclude= first_obj_only running_kernel_vmlinux Z ctf_encode`

// printing are options for printing types.
const printing = `
	a anon_include A nested_anon_include B bit_holes= classes_as_structs compile contains_enumerator= count= c cacheline_size=
	C class_name= devel_version d recursive D decl_exclude= E expand_types flat_arrays f find_pointers_to= header_type= hex
	H holes= i contains= I show_decl_info l show_first_biggest_size_base_type_member m nr_methods M show_only_data_members
	n nr_members N class_name_len packed padding_ge= prettify= ptr_table_stats p expand_pointers P packable q quiet range=
	r rel_offset R reorganize seek_bytes= show_private_classes size_bytes= skip= skip_emitting_atomic_typedefs skip_missing
	sort structs suppress_aligned_attribute suppress_force_paddings suppress_packed s sizes S show_reorg_steps t separator=
	T nr_definitions unions u defined_in with_embedded_flexible_array with_flexible_array w word_size= x exclude=
	y prefix_filter= z hole_size_ge=`
