// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// toolTime is how long a tool may take to tell its version. Tests shorten it.
var toolTime = 10 * time.Second

// lookUp finds the program of a command line as the shell of a recipe does, which runs in objtree.
func (e *examination) lookUp(command string) (string, error) {
	words := strings.Fields(command)
	if len(words) == 0 {
		return "", errors.New("no command")
	}
	candidates := []string{words[0]}
	if !strings.Contains(words[0], "/") {
		candidates = nil
		for _, dir := range filepath.SplitList(e.Path) {
			candidates = append(candidates, filepath.Join(dir, words[0]))
		}
	} else if !filepath.IsAbs(words[0]) {
		candidates = []string{filepath.Join(e.objtree, words[0])}
	}
	err := errors.New("is not there")
	for _, p := range candidates {
		fi, statErr := os.Stat(p)
		switch {
		case statErr != nil:
		case fi.IsDir():
			err = fmt.Errorf("%s is a folder", p)
		case fi.Mode()&0o111 == 0:
			err = fmt.Errorf("%s may not be executed", p)
		default:
			return filepath.Abs(p)
		}
	}
	return "", err
}

// ask runs a tool. It returns what it printed on either output, and its exit code.
func (e *examination) ask(path string, args ...string) (text string, exit int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), toolTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true} // so that nothing it started outlives it
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = time.Second
	var out limited
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	var exited *exec.ExitError
	if errors.As(err, &exited) && exited.Exited() {
		err = nil
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("does not end within %v", toolTime)
	}
	return out.buf.String(), cmd.ProcessState.ExitCode(), withoutPath(err)
}

// limited keeps the first part of what is written to it.
type limited struct{ buf bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	l.buf.Write(p[:min(len(p), 4096-min(l.buf.Len(), 4096))])
	return len(p), nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// isBTFGen tells whether a program is btfgen under some name.
func isBTFGen(path string) bool {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	return strings.HasPrefix(filepath.Base(path), "btfgen")
}

var versionAnswer = pattern(`^v(\d)\.(\d{2})$`)

// checkPahole looks at the encoder of the kernel's own steps.
func (e *examination) checkPahole() {
	path, version, problem := e.findPahole()
	switch {
	case problem != "" && e.headers:
		e.trouble("pahole", problem+": "+e.withoutPahole(), "install it (package dwarves or pahole), or "+useRecipe)
		return
	case problem != "":
		e.trouble("pahole", problem+": make takes it for version 0, and "+e.withoutBTF(),
			"install it (package dwarves or pahole), or build with btfgen in its place, see btfgen kbuild show")
		return
	}
	name := fmt.Sprintf("%s is v%d.%02d", path, version/100, version%100)
	before := len(e.Findings)
	if !e.headers {
		if least, why := e.paholeFor(); version < least {
			e.trouble("pahole", fmt.Sprintf("%s, and %s needs v%d.%02d: %s", name, why, least/100, least%100, e.withoutBTF()),
				"install a newer one, or build with btfgen in its place, see btfgen kbuild show")
		}
	} else {
		e.checkPaholeOfModules(name, version, isBTFGen(path))
	}
	if len(e.Findings) == before {
		e.fine("pahole", name)
	}
}

// findPahole returns the program and its version as one number, or what is wrong with it.
func (e *examination) findPahole() (path string, version int, problem string) {
	command := e.pahole
	path, err := e.lookUp(command)
	if err != nil {
		return "", 0, fmt.Sprintf("%q: %v", command, err)
	}
	words := strings.Fields(command)
	if len(words) > 1 && !e.headers {
		return "", 0, fmt.Sprintf("%q has several words, which scripts/pahole-version.sh does not take", command)
	}
	text, exit, err := e.ask(path, append(words[1:], "--version")...)
	m := versionAnswer().FindStringSubmatch(firstLine(text))
	switch {
	case err != nil:
		return "", 0, fmt.Sprintf("%s: %v", path, err)
	case exit != 0 || m == nil:
		return "", 0, fmt.Sprintf("%s does not run here, or is no pahole: exit code %d, %q", path, exit, firstLine(text))
	}
	version, err = strconv.Atoi(m[1] + m[2])
	if err != nil {
		return "", 0, fmt.Sprintf("%s: version %s", path, m[0])
	}
	return path, version, ""
}

// withoutPahole is what a build of modules makes of it if there is no pahole (kbuild.md 1.1).
func (e *examination) withoutPahole() string {
	if e.usesScript() {
		return "the build fails, and make deletes the module"
	}
	return "the build goes on without a BTF section, and fails later if there is .BTF_ids"
}

// withoutBTF is what a build of a kernel makes of a pahole that will not do. In 6.12 all that needs one depends on its version.
func (e *examination) withoutBTF() string {
	if e.since(6, 12) {
		return "the configuration loses CONFIG_DEBUG_INFO_BTF without a word"
	}
	return "the configuration loses CONFIG_DEBUG_INFO_BTF without a word, or the link of vmlinux fails"
}

// checkPaholeOfModules compares with the pahole that the kernel is from.
func (e *examination) checkPaholeOfModules(name string, version int, own bool) {
	built := e.paholeOfKernel()
	if built >= 126 && version < 126 {
		e.trouble("pahole", fmt.Sprintf("%s, the kernel was configured with v%d.%02d, whose flags (--btf_features) it does not know", name, built/100, built%100),
			"install v1.26 or later, or "+useRecipe)
		return
	}
	if e.since(6, 11) && !e.since(7, 0) && !own && (version < 128 || built < 126) {
		e.warn("pahole", fmt.Sprintf("%s, which does not give modules a .BTF.base here: they load for this build of the kernel only", name), useRecipe)
	}
	if nested := 132; !own && built > 0 && (built >= nested) != (version >= nested) {
		e.warn("pahole", fmt.Sprintf("%s, the kernel was configured with v%d.%02d: before v1.32 arrays are written in another way, so modules get "+
			"a task_struct of their own and more, and kfuncs that take one are refused", name, built/100, built%100), useRecipe)
	}
}

// checkResolver looks at the program that resolves IDs.
func (e *examination) checkResolver() {
	const subject = "resolve_btfids"
	if !e.headers && !e.named {
		e.checkResolverSource()
		return
	}
	command := e.resolver
	what := "the build fails, and make deletes the module"
	do := "install the package that has it (linux-kbuild, linux-headers, kernel-devel), or " + useRecipe
	if !e.headers {
		what, do = "vmlinux is not linked", "name a file that is there: RESOLVE_BTFIDS=/…/btfgen-resolve_btfids"
	}
	path, err := e.lookUp(command)
	if err != nil {
		e.trouble(subject, fmt.Sprintf("%q: %v: %s", command, err, what), do)
		return
	}
	if !e.headers && !strings.Contains(command, "/") {
		e.trouble(subject, fmt.Sprintf("%q is no path, and make wants the file: %s", command, what), "RESOLVE_BTFIDS="+path)
		return
	}
	text, exit, err := e.ask(path, append(strings.Fields(command)[1:], "--help")...)
	const helpExit = 129 // of all programs with the kernel's option parser
	switch {
	case err != nil:
		e.trouble(subject, fmt.Sprintf("%s: %v: %s", path, err, what), do)
	case exit != helpExit:
		said := strings.ReplaceAll(firstLine(text), path, "it") // a missing library is told with the path, twice
		e.trouble(subject, fmt.Sprintf("%s does not run here (exit code %d, %q): %s", path, exit, said, what), do)
	default:
		e.fine(subject, path+" runs")
	}
}

// checkResolverSource is for a build that compiles the resolver itself: every one does that, and no variable stops it.
func (e *examination) checkResolverSource() {
	const subject = "resolve_btfids"
	dir := filepath.Join(e.srctree, "tools/bpf/resolve_btfids")
	if !exists(filepath.Join(dir, "main.c")) {
		e.trouble(subject, dir+" has no source of it, and make compiles it before all else", "unpack the kernel's source again, with tools/")
		return
	}
	for _, pattern := range []string{"usr/include/libelf.h", "usr/include/*/libelf.h", "usr/local/include/libelf.h"} {
		if found, _ := filepath.Glob(e.rooted(pattern)); len(found) > 0 {
			e.fine(subject, "is compiled by the build, "+found[0]+" is there")
			return
		}
	}
	e.warn(subject, "is compiled by the build and needs libelf.h, which is not in the usual places", "install libelf-dev, elfutils-libelf-devel or libelf")
}
