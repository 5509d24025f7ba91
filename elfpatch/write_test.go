// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// put writes the sample to a file of mode 0640 with an old time.
func put(t *testing.T, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.ko")
	if err := os.WriteFile(path, b, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	return path
}

// patch opens a file and applies edits.
func patch(path string, opt Options, edits ...Edit) (bool, error) {
	f, err := Open(path, opt)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return f.Apply(edits...)
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func stat(t *testing.T, path string) (fs.FileInfo, *syscall.Stat_t) {
	t.Helper()
	fi, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fi, fi.Sys().(*syscall.Stat_t)
}

// onlyFile fails if there is another file in the folder of path.
func onlyFile(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(path) {
			t.Errorf("%s is left behind", e.Name())
		}
	}
}

func TestApply(t *testing.T) {
	v := le64
	b := sample(v).Assemble().Data
	long := append(bytes.Repeat([]byte("x"), 3*block), b...) // of many blocks
	wide := sample(v)
	wide.Sections[11].Data = bytes.Repeat([]byte{1}, 3*block)
	wideImage := wide.Assemble().Data
	ids := bytes.Clone(wide.Sections[11].Data)
	ids[0], ids[len(ids)-1] = 2, 2
	near := bytes.Clone(wide.Sections[11].Data)
	near[0], near[20] = 2, 2
	tests := []struct {
		name    string
		in      []byte
		edits   []Edit
		opt     Options
		changed bool
		inode   bool // the same one
	}{
		{"nothing", b, nil, Options{}, false, true},
		{"the same bytes", b, []Edit{Replace(".BTF_ids", make([]byte, 12))}, Options{}, false, true},
		{"one block", wideImage, []Edit{Replace(".BTF_ids", near)}, Options{}, true, true},
		{"two blocks", wideImage, []Edit{Replace(".BTF_ids", ids)}, Options{}, true, false},
		{"two blocks, not synced", wideImage, []Edit{Replace(".BTF_ids", ids)}, Options{NoSync: true}, true, false},
		{"two blocks, through", wideImage, []Edit{Replace(".BTF_ids", ids)}, Options{WriteThrough: true}, true, true},
		{"add", b, []Edit{Set(".BTF", long)}, Options{}, true, false},
		{"add, through", b, []Edit{Set(".BTF", long)}, Options{WriteThrough: true}, true, true},
		{"strip", wideImage, []Edit{StripDebug()}, Options{}, true, false},
		{"strip, through", wideImage, []Edit{StripDebug()}, Options{WriteThrough: true, NoSync: true}, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := put(t, tt.in)
			before, st := stat(t, path)
			changed, err := patch(path, tt.opt, tt.edits...)
			if err != nil {
				t.Fatal(err)
			}
			if changed != tt.changed {
				t.Errorf("changed is %v", changed)
			}
			if !bytes.Equal(readFile(t, path), editOnce(t, tt.in, tt.edits...)) {
				t.Error("the file is not the plan")
			}
			after, now := stat(t, path)
			if (now.Ino == st.Ino) != tt.inode {
				t.Errorf("inode %d, was %d", now.Ino, st.Ino)
			}
			if after.Mode() != before.Mode() || now.Uid != st.Uid || now.Gid != st.Gid {
				t.Errorf("mode %v of %d:%d, was %v of %d:%d", after.Mode(), now.Uid, now.Gid, before.Mode(), st.Uid, st.Gid)
			}
			if after.ModTime().Equal(before.ModTime()) == tt.changed {
				t.Errorf("time %v, was %v", after.ModTime(), before.ModTime())
			}
			onlyFile(t, path)
			if changed, err := patch(path, tt.opt, tt.edits...); changed || err != nil {
				t.Errorf("once more: changed %v, error %v", changed, err)
			}
		})
	}
}

// TestAttributes: another owner, a mode with more than permissions, and an attribute of the user's.
func TestAttributes(t *testing.T) {
	path := put(t, sample(le64).Assemble().Data)
	if os.Getuid() == 0 {
		if err := os.Chown(path, 12345, 23456); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(path, 0o751|fs.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	hasXattr := unix.Setxattr(path, "user.btfgen", []byte("kept"), 0) == nil
	before, st := stat(t, path)
	if _, err := patch(path, Options{}, Set(".BTF", btfData)); err != nil {
		t.Fatal(err)
	}
	after, now := stat(t, path)
	if after.Mode() != before.Mode() || now.Uid != st.Uid || now.Gid != st.Gid {
		t.Errorf("mode %v of %d:%d, was %v of %d:%d", after.Mode(), now.Uid, now.Gid, before.Mode(), st.Uid, st.Gid)
	}
	if hasXattr {
		value := make([]byte, 10)
		if n, err := unix.Getxattr(path, "user.btfgen", value); err != nil || string(value[:n]) != "kept" {
			t.Errorf("extended attribute %q, %v", value[:max(n, 0)], err)
		}
	}
}

func TestLinks(t *testing.T) {
	b := sample(le64).Assemble().Data
	want := editOnce(t, b, Set(".BTF", btfData))
	path := put(t, b)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := patch(link, Options{}, Set(".BTF", btfData)); err != nil {
		t.Fatal(err)
	}
	if fi, _ := stat(t, link); fi.Mode()&fs.ModeSymlink == 0 || !bytes.Equal(readFile(t, path), want) {
		t.Error("the symbolic link is gone, or its target is not edited")
	}

	hard := put(t, b)
	other := filepath.Join(t.TempDir(), "other")
	if err := os.Link(hard, other); err != nil {
		t.Fatal(err)
	}
	if _, err := patch(hard, Options{}, Set(".BTF", btfData)); !errors.Is(err, ErrLinked) {
		t.Errorf("error %v, want %v", err, ErrLinked)
	}
	if !bytes.Equal(readFile(t, hard), b) {
		t.Error("a refused file has changed")
	}
	if _, err := patch(hard, Options{}, Replace(".BTF_ids", []byte("twelve bytes"))); err != nil {
		t.Errorf("edit within a block: %v", err)
	}
	if _, err := patch(hard, Options{WriteThrough: true}, Set(".BTF", btfData)); err != nil {
		t.Errorf("write through: %v", err)
	}
	want = editOnce(t, b, Replace(".BTF_ids", []byte("twelve bytes")), Set(".BTF", btfData))
	if !bytes.Equal(readFile(t, other), want) {
		t.Error("the other name does not show the edits")
	}
}

func TestNotRegular(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                              "not a regular file",
		fifo:                             "not a regular file",
		filepath.Join(dir, "none"):       "no such file",
		filepath.Join(dir, "none", "ko"): "no such file",
	} {
		if _, err := Open(path, Options{}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), dir) {
			t.Errorf("error %v, want %q without the path", err, want)
		}
	}
}

// TestStaleTemp finds what a killed run has left, as a file and as something that cannot
// be removed as one.
func TestStaleTemp(t *testing.T) {
	b := sample(le64).Assemble().Data
	path := put(t, b)
	stale := filepath.Join(filepath.Dir(path), ".x.ko.btfgen")
	if err := os.WriteFile(stale, []byte("half a file"), 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := patch(path, Options{}, Set(".BTF", btfData)); err != nil {
		t.Fatal(err)
	}
	onlyFile(t, path)
	if err := os.Mkdir(stale, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := patch(path, Options{}, StripDebug()); err == nil || !strings.Contains(err.Error(), "temporary file beside it: ") {
		t.Errorf("error %v", err)
	}
}

// TestChanged changes the file while it is edited.
func TestChanged(t *testing.T) {
	b := sample(le64).Assemble().Data
	touch := func(path string) error { return os.Chtimes(path, time.Time{}, time.Unix(2e9, 0)) }
	tests := []struct {
		name, step string
		change     func(path string) error
		want       string
	}{
		{"longer", "locked", func(path string) error { return os.WriteFile(path, append(b, 0), 0o600) }, "bytes, now"},
		{"shorter", "rename", func(path string) error { return os.Truncate(path, 100) }, ""}, // the check is before
		{"touched", "filled", touch, "it was written to"},
		{"replaced", "filled", func(path string) error {
			if err := os.WriteFile(path+"2", b, 0o600); err != nil {
				return err
			}
			return os.Rename(path+"2", path)
		}, "replaced by another file"},
		{"removed", "filled", os.Remove, "no such file"},
		{"cut short while it is copied", "fill", func(path string) error { return os.Truncate(path, 100) }, "it now ends at"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := put(t, b)
			f, err := Open(path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			f.step = func(step string) {
				if step == tt.step {
					if err := tt.change(path); err != nil {
						t.Error(err)
					}
				}
			}
			changed, err := f.Apply(Set(".BTF", btfData))
			if tt.want == "" {
				if err != nil || !changed {
					t.Errorf("changed %v, error %v", changed, err)
				}
				return
			}
			if changed || !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("changed %v, error %v, want %q", changed, err, tt.want)
			}
			if tt.name != "removed" {
				onlyFile(t, path)
			}
		})
	}
	path := put(t, b)
	f, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i, want := range []error{nil, ErrChanged} {
		if _, err := f.Apply(Set(".BTF", btfData)); !errors.Is(err, want) {
			t.Errorf("run %d of one File: %v", i+1, err)
		}
	}
}

// TestTwoRuns has several runs open the same file, then apply. One wins, the
// others find the file changed; none is torn.
func TestTwoRuns(t *testing.T) {
	b := sample(le64).Assemble().Data
	for _, big := range []bool{false, true} {
		path := put(t, b)
		const runs = 4
		var files [runs]*File
		var edits [runs]Edit
		for i := range files {
			f, err := Open(path, Options{NoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			files[i] = f
			edits[i] = Replace(".BTF_ids", bytes.Repeat([]byte{byte(i + 1)}, 12))
			if big {
				edits[i] = Set(".BTF", bytes.Repeat([]byte{byte(i + 1)}, 100_000))
			}
		}
		var wg sync.WaitGroup
		var errs [runs]error
		for i, f := range files {
			wg.Go(func() { _, errs[i] = f.Apply(edits[i]) })
		}
		wg.Wait()
		now := readFile(t, path)
		won := 0
		for i, err := range errs {
			switch {
			case err == nil && bytes.Equal(now, editOnce(t, b, edits[i])):
				won++
			case !errors.Is(err, ErrChanged):
				t.Errorf("run %d: error %v", i, err)
			}
		}
		if won != 1 {
			t.Errorf("%d runs succeeded and have their result in the file: %v", won, errs)
		}
		onlyFile(t, path)
	}
}

// TestLock has another process's lock, as flock sees it, on the file.
func TestLock(t *testing.T) {
	path := put(t, sample(le64).Assemble().Data)
	holder, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(holder.Fd()), unix.LOCK_EX); err != nil {
		t.Skip(err)
	}
	time.AfterFunc(100*time.Millisecond, func() { holder.Close() })
	start := time.Now()
	if _, err := patch(path, Options{}, Set(".BTF", btfData)); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d < 90*time.Millisecond {
		t.Errorf("written after %v under another's lock", d)
	}
}

// TestPermissions: as root nothing of this fails, so a test run as root does it as nobody.
func TestPermissions(t *testing.T) {
	asNobody(t, "permissions", func(dir string) {
		b := sample(le64).Assemble().Data
		path := filepath.Join(dir, "x.ko")
		expect := func(what, want string, edits ...Edit) {
			_, err := patch(path, Options{}, edits...)
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("%s: error %v, want %q", what, err, want)
			}
		}
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		must(os.WriteFile(path, b, 0o400))
		expect("read-only file", "permission denied", Set(".BTF", btfData))
		expect("read-only file, nothing to do", "", Replace(".BTF_ids", make([]byte, 12)))
		must(os.Chmod(path, 0o600))
		must(os.Chmod(dir, 0o500))
		expect("read-only folder", "temporary file beside it: permission denied", Set(".BTF", btfData))
		expect("read-only folder, one block", "", Replace(".BTF_ids", []byte("twelve bytes")))
		must(os.Chmod(dir, 0o700))
		must(os.Chmod(path, 0o200))
		expect("unreadable file", "permission denied")
	})
}

// TestBlocks: within the kernel, whole blocks are copied, or if they do not lie as before everything.
func TestBlocks(t *testing.T) {
	tests := []struct{ from, at, n, start, end uint64 }{
		{0, 0, 3 * block, 0, 3 * block},
		{0, 0, 3*block + 5, 0, 3 * block},
		{100, 100, 3 * block, block, 3 * block},
		{block + 100, 100, 3 * block, block, 3 * block},
		{0, 8, 3 * block, 8, 3*block + 8},
		{100, 100, 50, 100, 150},
		{0, 0, 0, 0, 0},
	}
	for _, tt := range tests {
		c := piece{at: tt.at, n: tt.n, from: tt.from, copied: true}
		if start, end := c.blocks(); start != tt.start || end != tt.end {
			t.Errorf("%+v: %d to %d", tt, start, end)
		}
	}
}

// TestLongPieces: a file that is written anew is the plan, byte for byte, however long its pieces are and wherever they move.
func TestLongPieces(t *testing.T) {
	for _, pad := range []int{0, 1, 4, 100} {
		e := sample(le64)
		for _, i := range []int{0, 1, 11} { // .text, .debug_info, .BTF_ids
			data := make([]byte, 3*longCopy+pad)
			rand.NewChaCha8([32]byte{byte(pad), byte(i)}).Read(data)
			e.Sections[i].Data = data
		}
		image := e.Assemble().Data
		for _, edits := range [][]Edit{
			{Set(".BTF", bytes.Repeat([]byte{1}, 2*block+pad))},
			{Replace(".BTF_ids", bytes.Repeat([]byte{2}, 3*longCopy+pad))},
			{StripDebug(), Set(".BTF", []byte("short"))},
		} {
			path := put(t, image)
			want := edit(t, image, edits...)
			if _, err := patch(path, Options{}, edits...); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(readFile(t, path), want) {
				t.Errorf("%d bytes more, %v: the file is not what was planned", pad, edits[0].op)
			}
		}
	}
}
