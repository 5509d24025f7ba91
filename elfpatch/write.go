// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// How a result gets to where the file is:
//
//	nothing differs                      nothing is written, the file keeps its time
//	all that differs is in one block     one pwrite into the file
//	else                                 a new file beside it, then rename
//	else, with Options.WriteThrough      pwrites into the file
//
// Rename is atomic. A pwrite is not: Linux copies page by page, and looks between
// two pages whether the process was killed (mm/filemap.c: generic_perform_write,
// fs/iomap/buffered-io.c: iomap_write_iter). So a kill can part a write where a page
// ends, and nowhere else. Blocks are of 4 KiB, the smallest page there is; page caches
// use that or multiples. A reader sees either state of a block as well, in practice.
//
// For a vmlinux of 410 MB whose .BTF_ids span two blocks, the copy takes 0.4 s on ext4, and
// 0.01 s where files can share blocks (XFS, btrfs): it is made with copy_file_range, of whole
// blocks. WriteThrough takes 0.6 ms.
const block = 4096

// Apply makes edits and puts the result into the place of the file. It returns whether
// the file differs from before, which it does not if all edits had been made. On an error
// the file is as it was, but for a WriteThrough that fails in the middle.
//
// A new file has the mode, the owner and the extended attributes of the old one,
// and the time of now. A symbolic link stays, and what it leads to is edited. Of a
// file with several hard links, those would be left with the old contents, so only an edit
// within one block is made; others wrap ErrLinked.
//
// Two runs cannot write one file at once: for the time of writing it is locked with
// flock, where the file system has that. Whoever comes second finds the file changed,
// which is an error that wraps ErrChanged. A second Apply is one too.
func (f *File) Apply(edits ...Edit) (bool, error) {
	if f.applied {
		return false, fmt.Errorf("%w: by this run", ErrChanged)
	}
	plan, err := NewPlan(f, f.Size(), edits...)
	if err != nil {
		return false, err
	}
	if f.packing != Unpacked {
		if plan, err = f.repack(plan); plan == nil || err != nil {
			return false, err
		}
	}
	var changes []change
	inPlace := plan.Size() == f.info.Size() && !plan.moves()
	if inPlace {
		if changes, err = f.changes(plan); len(changes) == 0 || err != nil {
			return false, withoutPath(err)
		}
		inPlace = changes[0].off/block == (changes[len(changes)-1].end()-1)/block
	}
	if err := f.write(plan, changes, inPlace); err != nil {
		return false, withoutPath(err)
	}
	f.applied = true
	return true, nil
}

// repack returns the plan of the packed file, nil if its contents do not change.
func (f *File) repack(plan *Plan) (*Plan, error) {
	if plan.Size() == f.Size() {
		now, err := plan.Bytes()
		if err != nil {
			return nil, err
		}
		old := make([]byte, f.Size())
		if err := readFull(f, old, 0); err != nil {
			return nil, err
		}
		if bytes.Equal(now, old) {
			return nil, nil
		}
	}
	if !f.opt.Recompress {
		return nil, fmt.Errorf("%w with %v, it must be packed again to be edited", ErrPacked, f.packing)
	}
	packed, err := pack(f.packing, plan)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", f.packing, err)
	}
	return join(f.fd, []piece{{n: uint64(len(packed)), data: packed}}), nil
}

// change is a range of the file that gets other bytes.
type change struct {
	off  uint64
	data []byte
}

func (c *change) end() uint64 { return c.off + uint64(len(c.data)) }

// changes returns what differs in a plan that has the length of the file and moves
// nothing, trimmed to the bytes that do.
func (f *File) changes(plan *Plan) ([]change, error) {
	var out []change
	for i := range plan.pieces {
		c := &plan.pieces[i]
		if c.copied {
			continue
		}
		old, now := make([]byte, c.n), make([]byte, c.n)
		if err := readFull(f.fd, old, c.at); err != nil {
			return nil, err
		}
		if err := plan.readPiece(now, c, 0); err != nil {
			return nil, err
		}
		lo, hi := 0, len(now)
		for lo < hi && old[lo] == now[lo] {
			lo++
		}
		for lo < hi && old[hi-1] == now[hi-1] {
			hi--
		}
		if lo < hi {
			out = append(out, change{c.at + uint64(lo), now[lo:hi]})
		}
	}
	return out, nil
}

// moves reports whether bytes of the source are at another place in the result.
func (p *Plan) moves() bool {
	for i := range p.pieces {
		if c := &p.pieces[i]; c.copied && c.from != c.at {
			return true
		}
	}
	return false
}

// write puts a plan in place: inPlace says that the changes, which are all, are in one block.
func (f *File) write(plan *Plan, changes []change, inPlace bool) error {
	w, err := os.OpenFile(f.target, os.O_RDWR, 0) // a file that may not be written is not replaced either
	if err != nil {
		return err
	}
	defer w.Close()
	locked, err := lock(w)
	if err != nil {
		return err
	}
	f.at("locked")
	if err := f.unchanged(); err != nil {
		return err
	}
	if inPlace {
		return f.writeBlock(w, plan, changes)
	}
	if f.opt.WriteThrough {
		return f.writeThrough(w, plan)
	}
	if st, ok := f.info.Sys().(*syscall.Stat_t); ok && st.Nlink > 1 {
		return fmt.Errorf("%w, %d: a new file would leave the others behind", ErrLinked, st.Nlink)
	}
	return f.replace(plan, locked)
}

// at is where tests stop or kill the run.
func (f *File) at(step string) {
	if f.step != nil {
		f.step(step)
	}
}

// lockWait is how long a run waits for another one, which holds the lock while it
// writes a file, not while it computes.
const lockWait = 10 * time.Second

// lock locks the file, and returns false where files cannot be locked.
func lock(w *os.File) (bool, error) {
	for end := time.Now().Add(lockWait); ; time.Sleep(10 * time.Millisecond) {
		switch err := unix.Flock(int(w.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EINTR):
		case !errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case time.Now().After(end):
			return false, fmt.Errorf("%w for %v", ErrBusy, lockWait)
		}
	}
}

// writeBlock writes changes that are all in one block with one call.
func (f *File) writeBlock(w *os.File, plan *Plan, changes []change) error {
	lo, hi := changes[0].off, changes[len(changes)-1].end()
	b := make([]byte, hi-lo)
	if _, err := plan.ReadAt(b, int64(lo)); err != nil && err != io.EOF {
		return err
	}
	f.at("block")
	if _, err := w.WriteAt(b, int64(lo)); err != nil {
		return err
	}
	f.at("written")
	return f.sync(w)
}

// writeThrough writes what differs or moves into the file. Everything that moves is
// read before anything is written.
func (f *File) writeThrough(w *os.File, plan *Plan) error {
	var out []change
	for i := range plan.pieces {
		c := &plan.pieces[i]
		if c.copied && c.from == c.at {
			continue
		}
		b := make([]byte, c.n)
		if err := plan.readPiece(b, c, 0); err != nil {
			return err
		}
		out = append(out, change{c.at, b})
	}
	if n := plan.Size() - f.info.Size(); n > 0 {
		// The one error that is likely must come before the first byte is written.
		err := unix.Fallocate(int(w.Fd()), unix.FALLOC_FL_KEEP_SIZE, f.info.Size(), n)
		if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
			return err
		}
	}
	for _, c := range out {
		f.at("piece")
		if _, err := w.WriteAt(c.data, int64(c.off)); err != nil {
			return err
		}
	}
	f.at("written")
	if err := w.Truncate(plan.Size()); err != nil {
		return err
	}
	return f.sync(w)
}

// replace writes a new file and renames it.
func (f *File) replace(plan *Plan, locked bool) error {
	t, err := f.createTemp(locked)
	if err != nil {
		return fmt.Errorf("temporary file beside it: %w", withoutPath(err))
	}
	err = f.fill(t, plan)
	if cerr := t.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = f.unchanged() // writing took its time
	}
	if err == nil {
		f.at("rename")
		err = os.Rename(t.Name(), f.target)
	}
	if err != nil {
		_ = os.Remove(t.Name()) // the first error counts
		return err
	}
	f.at("renamed")
	if !f.opt.NoSync {
		f.syncDir()
	}
	return nil
}

// createTemp creates the new file. Under the lock nobody else has one of the same
// name, so what is there was left by a run that was killed.
func (f *File) createTemp(locked bool) (*os.File, error) {
	dir, base := filepath.Split(f.target)
	name := "." + base[:min(len(base), 200)] + ".btfgen" // names have up to 255 bytes
	if !locked {
		return os.CreateTemp(filepath.Clean(dir), name+"-*")
	}
	name = filepath.Join(dir, name)
	if err := unix.Unlink(name); err != nil && !errors.Is(err, unix.ENOENT) {
		return nil, err
	}
	f.at("create")
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// fill writes contents and attributes of the new file.
func (f *File) fill(t *os.File, plan *Plan) error {
	f.at("fill")
	if err := f.copyTo(t, plan); err != nil {
		return err
	}
	f.at("filled")
	if err := f.copyAttributes(t); err != nil {
		return err
	}
	return f.sync(t)
}

// longCopy is the length from which a piece is copied within the kernel.
const longCopy = 64 << 10

// copyTo writes the contents.
func (f *File) copyTo(t *os.File, plan *Plan) error {
	b := bufio.NewWriterSize(t, 256<<10)
	short := struct{ io.Writer }{b} // without ReadFrom, with which each piece would go around the buffer
	scratch := make([]byte, 32<<10)
	write := func(start, end uint64) error {
		_, err := io.CopyBuffer(short, io.NewSectionReader(plan, int64(start), int64(end-start)), scratch)
		return err
	}
	for i := range plan.pieces {
		c := &plan.pieces[i]
		start, end := c.blocks()
		if !c.copied || end-start < longCopy || f.packing != Unpacked {
			if err := write(c.at, c.at+c.n); err != nil {
				return err
			}
			continue
		}
		if err := write(c.at, start); err != nil {
			return err
		}
		if err := b.Flush(); err != nil {
			return err
		}
		f.at("copy")
		from := start - c.at + c.from
		if _, err := f.fd.Seek(int64(from), io.SeekStart); err != nil {
			return err
		}
		if n, err := io.CopyN(t, f.fd, int64(end-start)); err == io.EOF {
			return fmt.Errorf("%w: it now ends at %d bytes", ErrChanged, from+uint64(n))
		} else if err != nil {
			return err
		}
		if err := write(end, c.at+c.n); err != nil {
			return err
		}
	}
	return b.Flush()
}

// blocks returns the part of a piece that is copied in whole blocks, which is all that files can share: where a piece
// comes to lie otherwise in its blocks than it did, the whole of it.
func (c *piece) blocks() (start, end uint64) {
	start, end = c.at, c.at+c.n
	if c.from%block != c.at%block {
		return start, end
	}
	first, last := (start+block-1)/block*block, end/block*block
	if first > last {
		return start, end
	}
	return first, last
}

// copyAttributes gives the new file the owner, the mode and the extended attributes of the
// old one.
func (f *File) copyAttributes(t *os.File) error {
	copyXattrs(t, f.fd)
	old, ok := f.info.Sys().(*syscall.Stat_t)
	info, err := t.Stat()
	if err != nil {
		return err
	}
	if now, has := info.Sys().(*syscall.Stat_t); ok && has && (now.Uid != old.Uid || now.Gid != old.Gid) {
		if err := t.Chown(int(old.Uid), int(old.Gid)); err != nil {
			return fmt.Errorf("owner %d:%d of the new file: %w", old.Uid, old.Gid, withoutPath(err))
		}
	}
	return t.Chmod(f.info.Mode()) // after chown, which clears bits
}

// copyXattrs copies extended attributes such as access lists and labels, as far as
// the process may. What vouches for the old contents is left out.
func copyXattrs(t, from *os.File) {
	names := make([]byte, 64<<10) // the most a list can have
	n, err := unix.Flistxattr(int(from.Fd()), names)
	if err != nil {
		return
	}
	value := make([]byte, 64<<10)
	for _, name := range bytes.Split(names[:n], []byte{0}) {
		switch string(name) {
		case "", "security.ima", "security.evm", "security.capability":
			continue
		}
		if n, err := unix.Fgetxattr(int(from.Fd()), string(name), value); err == nil {
			_ = unix.Fsetxattr(int(t.Fd()), string(name), value[:n], 0)
		}
	}
}

func (f *File) sync(w *os.File) error {
	if f.opt.NoSync {
		return nil
	}
	f.at("sync")
	return w.Sync()
}

// syncDir makes the rename last. The new file is in place whether or not the system
// can do that.
func (f *File) syncDir() {
	d, err := os.Open(filepath.Dir(f.target))
	if err != nil {
		return
	}
	_ = d.Sync()
	d.Close()
}
