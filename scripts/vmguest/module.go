// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	moduleName = "btfgen_test"
	sysBTF     = "/sys/kernel/btf/" + moduleName
)

// anyRelease makes the kernel ignore its release and the CRCs of symbols, which differ between point
// releases and have nothing to do with BTF. It needs CONFIG_MODULE_FORCE_LOAD.
const anyRelease = unix.MODULE_INIT_IGNORE_MODVERSIONS | unix.MODULE_INIT_IGNORE_VERMAGIC

// load puts the module into the kernel, with flags of finit_module, and returns what the kernel said meanwhile.
func load(file string, flags int) (messages []string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	log, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/kmsg: %w", err)
	}
	defer unix.Close(log)
	if _, err := unix.Seek(log, 0, unix.SEEK_END); err != nil {
		return nil, fmt.Errorf("/dev/kmsg: %w", err)
	}
	err = unix.FinitModule(int(f.Fd()), "", flags)
	messages, logErr := readMessages(log)
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", file, err, strings.Join(messages, "\n"))
	}
	return messages, errors.Join(err, logErr)
}

// readMessages returns the texts that are left in the kernel's log.
func readMessages(log int) ([]string, error) {
	var messages []string
	buf := make([]byte, 8192) // a read returns one record, or EINVAL if it does not fit
	for {
		n, err := unix.Read(log, buf)
		switch {
		case err == unix.EAGAIN:
			return messages, nil
		case err == unix.EPIPE: // records were overwritten before they were read
			continue
		case err != nil:
			return messages, fmt.Errorf("/dev/kmsg: %w", err)
		}
		_, text, _ := bytes.Cut(buf[:n], []byte(";")) // Documentation/ABI/testing/dev-kmsg
		line, _, _ := bytes.Cut(text, []byte("\n"))
		messages = append(messages, string(line))
	}
}

// unload takes the module out of the kernel. Programs that used it are freed some time after they
// are closed, and hold it until then.
func unload() error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := unix.DeleteModule(moduleName, unix.O_NONBLOCK)
		if err == nil || err == unix.ENOENT {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("unloading %s: %w", moduleName, err)
		}
	}
	if hasBTF() {
		return fmt.Errorf("%s is still there", sysBTF)
	}
	return nil
}

func hasBTF() bool {
	_, err := os.Stat(sysBTF)
	return err == nil
}

func isLoaded() bool {
	_, err := os.Stat("/sys/module/" + moduleName)
	return err == nil
}

// mentioning returns the messages that contain one of the texts.
func mentioning(messages []string, texts ...string) []string {
	var found []string
	for _, m := range messages {
		if slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(m, text) }) {
			found = append(found, m)
		}
	}
	return found
}
