// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"bytes"
	"debug/elf"
	"encoding/binary"

	"github.com/btfgen/btfgen/internal/elfview"
)

const (
	noteHeader  = 12 // bytes of namesz, descsz, type
	noteGNU     = "GNU\x00"
	noteBuildID = 3       // NT_GNU_BUILD_ID
	maxBuildID  = 64      // bytes; SHA-1, the usual one, has 20
	maxNotes    = 1 << 20 // bytes of a section of notes; vmlinux has a few hundred
)

// buildIDOf returns the build ID in the sections of notes of f, or nil.
func buildIDOf(f *elfview.File) []byte {
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.Type != elf.SHT_NOTE || s.FileSize > maxNotes {
			continue
		}
		if b, err := f.Data(s); err == nil {
			if id := buildIDIn(b, f.Big); id != nil {
				return id
			}
		}
	}
	return nil
}

// buildIDIn walks notes (gABI, "Note Section") to the build ID. It returns nil if
// there is none, or if the notes before it are damaged. The result aliases b.
func buildIDIn(b []byte, big bool) []byte {
	order := byteOrder(big)
	for len(b) >= noteHeader {
		name, desc, kind := order.Uint32(b), order.Uint32(b[4:]), order.Uint32(b[8:])
		b = b[noteHeader:]
		// Both are padded to 4 bytes, the last one perhaps not.
		nameEnd, descEnd := (uint64(name)+3)&^3, (uint64(desc)+3)&^3
		if nameEnd+uint64(desc) > uint64(len(b)) {
			return nil
		}
		if kind == noteBuildID && string(b[:name]) == noteGNU && desc > 0 && desc <= maxBuildID {
			return b[nameEnd : nameEnd+uint64(desc)]
		}
		b = b[min(nameEnd+descEnd, uint64(len(b))):]
	}
	return nil
}

// searchBuildID finds the note of a build ID of 20 bytes in an image without
// sections. The result aliases b.
func searchBuildID(b []byte) []byte {
	for _, big := range []bool{false, true} {
		order := byteOrder(big)
		var head []byte
		for _, v := range []uint32{uint32(len(noteGNU)), 20, noteBuildID} {
			head = order.AppendUint32(head, v)
		}
		head = append(head, noteGNU...)
		if i := bytes.Index(b, head); i >= 0 && len(b)-i-len(head) >= 20 {
			return b[i+len(head):][:20]
		}
	}
	return nil
}

type order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

func byteOrder(big bool) order {
	if big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}
