// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"strings"
)

// The scripts hold all words, so completing does not run the program.

// writeBash writes a script for bash 4 or later. Where it has no words to offer, bash offers files.
func writeBash(w *strings.Builder, program commandRow) {
	fmt.Fprintf(w, `# bash completion for %[1]s

_%[1]s() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} path= i
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = ]]; then # --flag=value is three words
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		case $path/${COMP_WORDS[i]} in
`, program.Name)
	program.each(nil, func(path []string, _ commandRow) {
		if len(path) > 0 {
			fmt.Fprintf(w, "\t\t/%[1]s) path=/%[1]s ;;\n", strings.Join(path, "/"))
		}
	})
	fmt.Fprint(w, "\t\tesac\n\tdone\n\tCOMPREPLY=()\n\tlocal words= valued=\n\tcase $path in\n")
	program.each(nil, func(path []string, c commandRow) {
		name := "''"
		if len(path) > 0 {
			name = "/" + strings.Join(path, "/")
		}
		_, words := c.operands()
		for _, sub := range c.Commands {
			words = append(words, sub.Name)
		}
		var flags, valued []string
		for _, f := range c.Flags {
			flags = append(flags, f.Names...)
			if f.Value != "" {
				valued = append(valued, f.Names...)
			}
		}
		fmt.Fprintf(w, "\t%s)\n\t\tif [[ $cur == -* ]]; then words='%s'; else words='%s'; fi\n\t\tvalued=' %s '\n\t\t;;\n",
			name, strings.Join(flags, " "), strings.Join(words, " "), strings.Join(valued, " "))
	})
	fmt.Fprintf(w, `	esac
	if [[ $valued != *" $prev "* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	fi
}

complete -o default -F _%[1]s %[1]s
`, program.Name)
}

// writeZsh writes a function for zsh's completion system.
func writeZsh(w *strings.Builder, program commandRow) {
	fmt.Fprintf(w, "#compdef %s\n", program.Name)
	program.each(nil, func(path []string, c commandRow) {
		fmt.Fprintf(w, "\n_%s() {\n", strings.Join(append([]string{program.Name}, path...), "_"))
		if len(c.Commands) > 0 {
			fmt.Fprintf(w, "\tlocal -a commands\n\tcommands=(\n")
			for _, sub := range c.Commands {
				fmt.Fprintf(w, "\t\t%s\n", shellQuote(sub.Name+":"+sub.Usage))
			}
			fmt.Fprint(w, "\t)\n\tlocal curcontext=$curcontext state line\n")
		}
		fmt.Fprint(w, "\t_arguments -S")
		for _, f := range c.Flags {
			fmt.Fprintf(w, " \\\n\t\t%s", f.zsh())
		}
		if len(c.Commands) == 0 {
			if kind, words := c.operands(); kind != "" {
				fmt.Fprintf(w, " \\\n\t\t%s", shellQuote("*:"+zshText(c.Args)+":"+zshAction(kind, words)))
			}
			fmt.Fprint(w, "\n}\n")
			return
		}
		fmt.Fprint(w, " \\\n\t\t'1:command:->command' \\\n\t\t'*::argument:->argument'\n\tcase $state in\n"+
			"\tcommand) _describe command commands ;;\n\targument)\n\t\tcase $words[1] in\n")
		for _, sub := range c.Commands {
			fmt.Fprintf(w, "\t\t%[1]s) _%[2]s_%[1]s ;;\n", sub.Name, strings.Join(append([]string{program.Name}, path...), "_"))
		}
		fmt.Fprint(w, "\t\tesac\n\t\t;;\n\tesac\n}\n")
	})
	fmt.Fprintf(w, "\n_%s \"$@\"\n", program.Name)
}

// zsh returns the flag as a word for _arguments.
func (f flagRow) zsh() string {
	spec := "[" + zshText(f.Usage) + "]"
	if f.Value != "" {
		spec += ":" + zshText(f.Value) + ":" + zshAction(f.completes(), nil)
		if strings.HasPrefix(f.Names[0], "--") {
			spec = "=" + spec // the value stands behind = or in the next word
		}
	}
	if len(f.Names) > 1 { // any one of them, once
		all := strings.Join(f.Names, " ")
		return shellQuote("("+all+")") + "{" + strings.ReplaceAll(all, " ", ",") + "}" + shellQuote(spec)
	}
	return shellQuote(f.Names[0] + spec)
}

func zshAction(kind string, words []string) string {
	switch kind {
	case "file":
		return "_files"
	case "dir":
		return "_files -/"
	case "words":
		return "(" + strings.Join(words, " ") + ")"
	}
	return " "
}

// zshText quotes what ends a part of a specification.
func zshText(s string) string {
	return strings.NewReplacer(`\`, `\\`, ":", `\:`, "[", `\[`, "]", `\]`).Replace(s)
}

// writeFish writes commands for fish 3 or later.
func writeFish(w *strings.Builder, program commandRow) {
	fmt.Fprintf(w, "# fish completion for %s\n", program.Name)
	program.each(nil, func(path []string, c commandRow) {
		when := "__fish_use_subcommand"
		if len(path) > 0 {
			var parts []string
			for _, p := range path {
				parts = append(parts, "__fish_seen_subcommand_from "+p)
			}
			when = strings.Join(parts, "; and ")
		}
		start := fmt.Sprintf("complete -c %s -n %s", program.Name, shellQuote(when))
		fmt.Fprintln(w)
		if kind, words := c.operands(); kind == "words" {
			fmt.Fprintf(w, "%s -f -a %s\n", start, shellQuote(strings.Join(words, " ")))
		} else if kind == "" || len(c.Commands) > 0 {
			fmt.Fprintf(w, "%s -f\n", start)
		}
		for _, sub := range c.Commands {
			inner := when
			if len(path) > 0 {
				inner += "; and not __fish_seen_subcommand_from " + strings.Join(names(c.Commands), " ")
			}
			fmt.Fprintf(w, "complete -c %s -n %s -a %s -d %s\n", program.Name, shellQuote(inner), sub.Name, shellQuote(sub.Usage))
		}
		for _, f := range c.Flags {
			fmt.Fprint(w, start)
			for _, name := range f.Names {
				if long, ok := strings.CutPrefix(name, "--"); ok {
					fmt.Fprint(w, " -l "+long)
				} else {
					fmt.Fprint(w, " -s "+name[1:])
				}
			}
			switch {
			case f.Value == "":
			case f.completes() == "":
				fmt.Fprint(w, " -x")
			case f.completes() == "dir":
				fmt.Fprint(w, " -x -a '(__fish_complete_directories)'")
			default:
				fmt.Fprint(w, " -r -F")
			}
			fmt.Fprintf(w, " -d %s\n", shellQuote(f.Usage))
		}
	})
}

func names(commands []commandRow) []string {
	var list []string
	for _, c := range commands {
		list = append(list, c.Name)
	}
	return list
}

// shellQuote makes one word of s for sh, bash and zsh, and for fish unless a backslash stands before another one or a quote.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
