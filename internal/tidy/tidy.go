// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package tidy holds the rules of this repository that are about its files and
// not about what the program does: who imports whom, licence lines, sizes, test
// data. Its tests apply them to the tree; nothing else uses it.
package tidy

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// maxLines is the longest source file. Longer ones hold more than one thing.
const maxLines = 800

const license = "SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause"

// machinePath matches an absolute path into somebody's folders, as a build or
// an editor leaves it behind. System folders such as /usr and /proc are fine.
var machinePath = regexp.MustCompile("(?:^|[\\s\"'`(=:])/(?:home|root|tmp|work)/[\\w.-]+")

// generated matches the line that Go tools put into files they write.
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// isSource reports whether a file is code that somebody wrote, by its path from
// the top folder.
func isSource(name string) bool {
	switch path.Ext(name) {
	case ".go", ".sh", ".c", ".h", ".cc", ".S", ".ld", ".py":
		return true
	}
	return name == ".ci/run" || strings.HasPrefix(path.Base(name), "Makefile")
}

// isText reports whether a file is text: no zero byte near its start.
func isText(content []byte) bool {
	return !bytes.Contains(content[:min(len(content), 8000)], []byte{0})
}

// checkFile returns what is wrong with one file, as messages without its name.
func checkFile(name string, content []byte) []string {
	var wrong []string
	if !isText(content) {
		return nil
	}
	if isSource(name) && !generated.Match(content) {
		if head := firstLines(content, 2); !bytes.Contains(head, []byte(license)) {
			wrong = append(wrong, "no line "+license+" at the top")
		}
		if n := bytes.Count(content, []byte("\n")); n > maxLines {
			wrong = append(wrong, fmt.Sprintf("%d lines, more than %d", n, maxLines))
		}
	}
	for i, line := range bytes.Split(content, []byte("\n")) {
		if m := machinePath.Find(line); m != nil {
			wrong = append(wrong, fmt.Sprintf("line %d: path of a machine: %s", i+1, bytes.TrimSpace(m)))
		}
	}
	return wrong
}

func firstLines(content []byte, n int) []byte {
	end := 0
	for ; n > 0; n-- {
		i := bytes.IndexByte(content[end:], '\n')
		if i < 0 {
			return content
		}
		end += i + 1
	}
	return content[:end]
}

// objectRow matches the name that starts a row of the objects' table.
var objectRow = regexp.MustCompile(`(?m)^\| (\S+\.elf) \|`)

// checkObjects compares the rows of testdata/README.md with the files in
// testdata/objects, in both directions.
func checkObjects(readme string, files []string) []string {
	var rows, wrong []string
	for _, m := range objectRow.FindAllStringSubmatch(readme, -1) {
		if slices.Contains(rows, m[1]) {
			wrong = append(wrong, m[1]+" has two rows")
		}
		rows = append(rows, m[1])
		if !slices.Contains(files, m[1]) {
			wrong = append(wrong, m[1]+" has a row but is not there")
		}
	}
	for _, f := range files {
		if !slices.Contains(rows, f) {
			wrong = append(wrong, f+" has no row: run scripts/gen-testdata.sh")
		}
	}
	return wrong
}

// checkObject looks for paths of a machine inside an object, whatever stands
// before them: in a string table that is a zero byte.
func checkObject(content []byte) []string {
	var wrong []string
	for _, dir := range []string{"home", "root", "tmp", "work"} {
		if i := bytes.Index(content, []byte("/"+dir+"/")); i >= 0 {
			wrong = append(wrong, fmt.Sprintf("names a path below /%s at offset %#x", dir, i))
		}
	}
	return wrong
}
