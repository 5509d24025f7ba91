// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfview

import (
	"fmt"
	"os"
	"runtime/debug"
)

// MapFile returns size bytes of a regular file from off on. They are mapped, and stay so until the process ends, or
// where that is not possible ok is false. Reading 5 MB that are in the page cache into fresh memory takes 3 ms, a
// third of what a small module takes; mapped they are there in 0.1.
//
// Mapped bytes are not to be written, and change if somebody writes into the file. If it is cut short, to look at them is a
// fault, which only a function within CatchFaults survives.
func MapFile(file *os.File, off, size int64) (b []byte, ok bool) {
	page := int64(os.Getpagesize())
	start := off &^ (page - 1)
	b, err := mapFile(file, start, size+off-start)
	if err != nil {
		return nil, false
	}
	return b[off-start : size+off-start : size+off-start], true
}

// Map is like Data, but the contents are mapped if the file can be, as that of New is if it is an *os.File. See MapFile.
func (f *File) Map(s *Section) (b []byte, mapped bool, err error) {
	file := f.file
	if file == nil {
		file, _ = f.r.(*os.File)
	}
	if file != nil && !f.Compressed(s) && s.FileSize != 0 && f.checkExtent(s) == nil {
		if b, ok := MapFile(file, int64(s.Off), int64(s.FileSize)); ok {
			return b, true, nil
		}
	}
	b, err = f.Data(s)
	return b, false, err
}

// CatchFaults calls f. If that looks at a byte of a mapped file that is not there any more, the error says so. It does
// not hold for goroutines that f starts.
func CatchFaults(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if x := recover(); x != nil {
			if err = FaultError(x); err == nil {
				panic(x)
			}
		}
	}()
	return f()
}

// FaultError returns the error for a value that a function within CatchFaults has recovered, nil if it is no fault.
func FaultError(recovered any) error {
	if _, ok := recovered.(interface{ Addr() uintptr }); !ok { // runtime/debug.SetPanicOnFault
		return nil
	}
	return fmt.Errorf("the base or another file %w: it has become shorter", ErrChanged)
}
