// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import "strings"

// makeFlags is what a variable MAKEFLAGS or GNUMAKEFLAGS says.
type makeFlags struct {
	options   []string          // words before the variables; the first may be bare letters
	variables map[string]string // of NAME=VALUE, the last of each name counts
}

// parseMakeFlags splits the value of MAKEFLAGS or GNUMAKEFLAGS as GNU make does (main.c: decode_env_switches):
// words end at spaces and tabs, a backslash takes the next character as it is. With dollars, as in a variable that makes have
// not read yet, $$ is one $; anything else make would expand stays as it is.
func parseMakeFlags(text string, dollars bool) makeFlags {
	f := makeFlags{variables: map[string]string{}}
	if dollars {
		text = strings.ReplaceAll(text, "$$", "$")
	}
	for _, word := range makeWords(text) {
		switch name, value, isVariable := strings.Cut(word, "="); {
		case word == "--":
		case isVariable && !strings.HasPrefix(word, "-"):
			f.variables[strings.TrimRight(name, ":+?!")] = value
		default:
			f.options = append(f.options, word)
		}
	}
	return f
}

func makeWords(text string) []string {
	var words []string
	var word strings.Builder
	inWord := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == ' ' || c == '\t':
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
			continue
		case c == '\\' && i+1 < len(text):
			i++
			fallthrough
		default:
			word.WriteByte(text[i])
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}
