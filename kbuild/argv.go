// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"errors"
	"fmt"
	"strings"
)

// argument tells whether an option takes one.
type argument uint8

const (
	noArgument      argument = iota
	needsArgument            // attached (-Fx, --path=x) or the next word
	mayHaveArgument          // attached only
)

// option is a word of a command line that changes a T. Its set may return errDone.
type option[T any] struct {
	short    byte // 0: none
	long     string
	argument argument
	set      func(to *T, value string) error
	value    string // what the help calls the argument
	help     string // "": not in the help
}

// errDone ends the reading of a command line at an option after which nothing counts, such as --version.
var errDone = errors.New("nothing else counts")

// argvError is a command line that does not fit the options. The texts are those of the GNU C library.
type argvError struct{ msg string }

func (e *argvError) Error() string { return e.msg }

func argvErrorf(format string, args ...any) error { return &argvError{fmt.Sprintf(format, args...)} }

// readArgv applies the options among args to a T, in order, and returns the other words, as getopt_long of
// the GNU C library does: options and operands mix until --, a long option may be cut short where that is
// unambiguous, short ones share a word (-JV), and a single - is an operand. The error is an *argvError or what
// a set returns; the T then is as far as the reading got.
func readArgv[T any](args []string, options []option[T], to *T) (operands []string, err error) {
	for len(args) > 0 && err == nil {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			return append(operands, args...), nil
		case strings.HasPrefix(arg, "--"):
			args, err = readLong(arg, args, options, to)
		case len(arg) > 1 && arg[0] == '-':
			args, err = readShort(arg[1:], args, options, to)
		default:
			operands = append(operands, arg)
		}
	}
	return operands, err
}

// readLong applies one long option. It returns the words after it.
func readLong[T any](arg string, rest []string, options []option[T], to *T) ([]string, error) {
	name, value, attached := strings.Cut(arg[len("--"):], "=")
	o, err := findLong(arg, name, options)
	switch {
	case err != nil:
		return nil, err
	case attached && o.argument == noArgument:
		return nil, argvErrorf("option '--%s' doesn't allow an argument", o.long)
	case attached || o.argument != needsArgument:
	case len(rest) == 0:
		return nil, argvErrorf("option '--%s' requires an argument", o.long)
	default:
		value, rest = rest[0], rest[1:]
	}
	return rest, o.set(to, value)
}

// findLong returns the option of a name, or the only one that starts with it.
func findLong[T any](arg, name string, options []option[T]) (*option[T], error) {
	var found []*option[T]
	for i := range options {
		o := &options[i]
		if o.long == name {
			return o, nil
		}
		if strings.HasPrefix(o.long, name) {
			found = append(found, o)
		}
	}
	switch len(found) {
	case 0:
		return nil, argvErrorf("unrecognized option '--%s'", name)
	case 1:
		return found[0], nil
	}
	var b strings.Builder
	for _, o := range found {
		fmt.Fprintf(&b, " '--%s'", o.long)
	}
	return nil, argvErrorf("option '%s' is ambiguous; possibilities:%s", arg, b.String())
}

// readShort applies the short options of a word, which is given without its hyphen. It returns the words after it.
func readShort[T any](word string, rest []string, options []option[T], to *T) ([]string, error) {
	for word != "" {
		o := findShort(word[0], options)
		if o == nil {
			return nil, argvErrorf("invalid option -- '%c'", word[0])
		}
		word = word[1:]
		value := ""
		switch {
		case o.argument == noArgument:
		case word != "" || o.argument == mayHaveArgument:
			value, word = word, ""
		case len(rest) == 0:
			return nil, argvErrorf("option requires an argument -- '%c'", o.short)
		default:
			value, rest = rest[0], rest[1:]
		}
		if err := o.set(to, value); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

func findShort[T any](c byte, options []option[T]) *option[T] {
	for i := range options {
		if options[i].short == c {
			return &options[i]
		}
	}
	return nil
}

// optionHelp returns a line for each option that has a help text.
func optionHelp[T any](options []option[T]) string {
	var b strings.Builder
	for i := range options {
		o := &options[i]
		if o.help == "" {
			continue
		}
		short := "   "
		if o.short != 0 {
			short = fmt.Sprintf("-%c,", o.short)
		}
		name := o.long
		switch o.argument {
		case needsArgument:
			name += "=" + o.value
		case mayHaveArgument:
			name += "[=" + o.value + "]"
		}
		fmt.Fprintf(&b, "  %s --%-38s %s\n", short, name, o.help)
	}
	return b.String()
}
