// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build unix

package elfview

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMapFile(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcde\n"), 1000)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, r := range []struct{ off, size int64 }{{0, 16000}, {1, 1}, {4096, 4096}, {5000, 11000}, {15999, 1}} {
		b, ok := MapFile(f, r.off, r.size)
		if !ok || !bytes.Equal(b, content[r.off:r.off+r.size]) || cap(b) != len(b) {
			t.Errorf("MapFile(%d, %d): ok %v, %d bytes, capacity %d", r.off, r.size, ok, len(b), cap(b))
		}
	}
	if _, ok := MapFile(f, 0, 0); ok {
		t.Error("nothing was mapped")
	}
}

func TestCatchFaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, 16000), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, ok := MapFile(f, 0, 16000)
	if !ok {
		t.Fatal("not mapped")
	}
	if err := os.Truncate(path, 10); err != nil {
		t.Fatal(err)
	}
	sum := byte(0)
	err = CatchFaults(func() error {
		for _, x := range b {
			sum += x
		}
		return nil
	})
	if !errors.Is(err, ErrChanged) || !strings.HasSuffix(err.Error(), "it has become shorter") {
		t.Errorf("a file that was cut short: %v", err)
	}
	own := errors.New("own")
	if err := CatchFaults(func() error { return own }); err != own {
		t.Errorf("error is %v", err)
	}
	defer func() {
		if x := recover(); x != "other" {
			t.Errorf("panic with %v", x)
		}
	}()
	_ = CatchFaults(func() error { panic("other") })
}
