// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
)

// writeInitramfs writes a cpio archive with init as /init and the modules in /modules. The kernel
// has /dev/console in an archive of its own.
func writeInitramfs(name, init string, modules []string) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	w := &cpioWriter{w: bufio.NewWriter(f)}
	w.file("init", 0o755, init)
	w.directory("modules")
	for _, m := range modules {
		w.file("modules/"+filepath.Base(m), 0o644, m)
	}
	return w.close()
}

// cpioWriter writes the format of Documentation/driver-api/early-userspace/buffer-format.rst, with
// magic 070701. The first error sticks.
type cpioWriter struct {
	w    *bufio.Writer
	size int64 // bytes so far
	err  error
}

const (
	modeDirectory = 0o040000
	modeFile      = 0o100000
)

func (c *cpioWriter) directory(name string) { c.entry(name, modeDirectory|0o755, 0, nil) }

func (c *cpioWriter) file(name string, perm uint32, source string) {
	if c.err != nil {
		return
	}
	f, err := os.Open(source)
	if err != nil {
		c.err = err
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		c.err = err
		return
	}
	if info.Size() > math.MaxUint32 {
		c.err = fmt.Errorf("%s: %d bytes do not fit into an initramfs", source, info.Size())
		return
	}
	c.entry(name, modeFile|perm, info.Size(), f)
}

// entry writes a header of 13 numbers in hexadecimal, the name and size bytes of data.
func (c *cpioWriter) entry(name string, mode uint32, size int64, data io.Reader) {
	if c.err != nil {
		return
	}
	const inode, owner, group, links, mtime, device, check = 0, 0, 0, 1, 0, 0, 0
	c.write(fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		inode, mode, owner, group, links, mtime, size, device, device, device, device, len(name)+1, check, name))
	c.pad()
	if data != nil && c.err == nil {
		var n int64
		n, c.err = io.CopyN(c.w, data, size)
		c.size += n
	}
	c.pad()
}

func (c *cpioWriter) write(s string) {
	if c.err == nil {
		var n int
		n, c.err = c.w.WriteString(s)
		c.size += int64(n)
	}
}

// pad writes zeros up to a multiple of 4.
func (c *cpioWriter) pad() { c.write("\x00\x00\x00"[:-c.size&3]) }

func (c *cpioWriter) close() error {
	c.entry("TRAILER!!!", 0, 0, nil)
	if c.err != nil {
		return c.err
	}
	return c.w.Flush()
}
