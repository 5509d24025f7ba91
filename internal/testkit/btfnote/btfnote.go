// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package btfnote makes BTF for tests from one-line notes such as
//
//	1 I int 4 s; 2 P 1; 3 S s1 4 f1:1@0
//
// It takes the short notation of the test vectors and the text of btf.Dump, and
// shares no code with internal/btf, so each checks the other. What the notes say is
// written as it is, valid or not.
//
// Types are separated by ";" or newlines; "#" starts a comment. The leading ID is
// optional and checked. Names are plain words or Go-quoted; "-" is the empty one.
//
//	I|INT name size [s|c|b|-|number] [offset:bits]
//	F|FLOAT name size
//	P|PTR, V|VOLATILE, C|CONST, R|RESTRICT type
//	T|TYPEDEF name type
//	TT|TYPE_TAG name type [kf]        DT|DECL_TAG name type [component, else -1] [kf]
//	A|ARRAY elem index nelems
//	S|STRUCT, U|UNION name size [kf] member:type@bits[:bitfield] ...
//	E|ENUM, E64|ENUM64 name size [s|u] value=number ...
//	W|FWD name [s|u]
//	FP|FUNC_PROTO return param:type ...
//	FN|FUNC, VAR name type [s|g|x|number]      global if left out
//	DS|DATASEC name size var:offset:size ...
//
// A bitfield sets kflag of its type, a negative value that of its enum. At the end
// of any note, !name=, !vlen=, !word= (size or type), !int= and !kf set a field by force.
package btfnote

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Blob is BTF under construction. The exported fields may be changed at any time;
// Bytes puts them together.
type Blob struct {
	Big     bool
	Layout  []byte // layout section; with one the header has 32 bytes
	Types   []byte
	Strings []byte
	FirstID uint32
	NextID  uint32

	strBase uint32 // offset of Strings[0]
	base    *Blob
	strs    map[string]uint32
}

// New returns an empty standalone blob.
func New(big bool) *Blob {
	return &Blob{Big: big, Strings: []byte{0}, FirstID: 1, NextID: 1, strs: map[string]uint32{"": 0}}
}

// Split returns an empty blob split against b, which must not change any more.
func (b *Blob) Split() *Blob {
	return &Blob{Big: b.Big, FirstID: b.NextID, NextID: b.NextID, base: b,
		strBase: b.strBase + uint32(len(b.Strings)), strs: map[string]uint32{}}
}

// Parse returns the little-endian standalone blob of a note.
func Parse(note string) ([]byte, error) {
	b := New(false)
	if err := b.Add(note); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Bytes returns the blob.
func (b *Blob) Bytes() []byte {
	o := b.order()
	hdr := 24
	if len(b.Layout) > 0 {
		hdr = 32
	}
	out := o.AppendUint16(nil, 0xeb9f)
	out = append(out, 1, 0)
	types, layout := uint32(len(b.Types)), uint32(len(b.Layout))
	for _, v := range []uint32{uint32(hdr), 0, types, types + layout, uint32(len(b.Strings))} {
		out = o.AppendUint32(out, v)
	}
	if hdr == 32 {
		out = o.AppendUint32(o.AppendUint32(out, types), layout)
	}
	return bytes.Join([][]byte{out, b.Types, b.Layout, b.Strings}, nil)
}

// Add appends the types of a note. After an error the blob is of no use.
func (b *Blob) Add(note string) error {
	for line := range strings.Lines(note) {
		words, err := split(line)
		if err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		for len(words) > 0 {
			n := 0
			for n < len(words) && words[n] != ";" {
				n++
			}
			if n > 0 {
				if err := b.addType(words[:n]); err != nil {
					return fmt.Errorf("%q: %w", strings.Join(words[:n], " "), err)
				}
			}
			words = words[min(n+1, len(words)):]
		}
	}
	return nil
}

func (b *Blob) order() interface {
	binary.AppendByteOrder
	binary.ByteOrder
} {
	if b.Big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// SID returns the offset of a string, which is added if neither b nor a base has it.
func (b *Blob) SID(s string) uint32 {
	for l := b; l != nil; l = l.base {
		if off, ok := l.strs[s]; ok {
			return off
		}
	}
	off := b.strBase + uint32(len(b.Strings))
	b.strs[s] = off
	b.Strings = append(append(b.Strings, s...), 0)
	return off
}

// split cuts a line into words; ";" is one of its own.
func split(line string) (words []string, err error) {
	quoted, start := false, -1
	end := func(i int) {
		if start >= 0 {
			words = append(words, line[start:i])
		}
		start = -1
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
			if start < 0 {
				start = i
			}
		case quoted:
		case c == '#' && start < 0:
			return words, nil
		case c == ';':
			end(i)
			words = append(words, ";")
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			end(i)
		case start < 0:
			start = i
		}
	}
	if quoted {
		return nil, fmt.Errorf("quote is not closed")
	}
	end(len(line))
	return words, nil
}

// name reads a name at the front of a word and returns what follows it.
func name(word string) (s, rest string, err error) {
	if strings.HasPrefix(word, `"`) {
		q, err := strconv.QuotedPrefix(word)
		if err != nil {
			return "", "", err
		}
		s, err = strconv.Unquote(q)
		return s, word[len(q):], err
	}
	n := strings.IndexAny(word, ":=")
	if n < 0 {
		n = len(word)
	}
	if s = word[:n]; s == "-" {
		s = ""
	}
	return s, word[n:], nil
}
