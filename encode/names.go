// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"sync"

	"github.com/btfgen/btfgen/internal/btf"
)

// names turns strings of the debug sections into btf.NameIDs. A linker merges .debug_str, so that
// the offset is the identity of a string, and looking at its bytes is not needed. Where
// that turns out not to hold, which writing the string section reveals, the run is repeated by
// content: each string is then hashed once per worker and offset. In a relocatable file, strings are not merged, but the
// offsets that refer to them have been made to agree when they were relocated.
type names struct {
	str     []byte       // .debug_str
	lineStr []byte       // .debug_line_str
	canon   *stringCanon // what made offsets agree, nil for a linked image
	content bool         // identity is the content, not the offset

	mu    sync.RWMutex
	ids   map[string]btf.NameID // strings that are neither inline nor identified by offset
	list  []string
	bytes int // of list
}

// maxInterned bounds the bytes of strings by content: names that are tails of each other share theirs in the file, but
// not here. A kernel has 4 MB.
const maxInterned = 64 << 20

// full tells whether names were left out, so that the result means nothing.
func (n *names) full() bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.bytes > maxInterned
}

func newNames(str, lineStr []byte) *names {
	return &names{str: str, lineStr: lineStr, ids: map[string]btf.NameID{}, content: len(str) >= btf.MaxNameRef/2}
}

// byContent switches to identity by content. Earlier IDs are void.
func (n *names) byContent() {
	n.content = true
	n.ids, n.list, n.bytes = map[string]btf.NameID{}, nil, 0
}

// Name returns the bytes behind an ID.
func (n *names) Name(id btf.NameID) []byte {
	if b, ok := id.Inline(nil); ok {
		return b
	}
	if i := int(id) - 1; !n.content && i < len(n.str) {
		return cString(n.str, uint64(i))
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	return []byte(n.list[int(id)-1-n.firstListed()])
}

func (n *names) firstListed() int {
	if n.content {
		return 0
	}
	return len(n.str)
}

// intern returns the ID of a string by its content.
func (n *names) intern(b []byte) btf.NameID {
	if len(b) == 0 {
		return 0
	}
	if len(b) <= 3 {
		return btf.InlineName(b)
	}
	n.mu.RLock()
	id, ok := n.ids[string(b)]
	n.mu.RUnlock()
	if ok {
		return id
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if id, ok = n.ids[string(b)]; ok {
		return id
	}
	if n.bytes += len(b); n.bytes > maxInterned {
		return 0
	}
	s := string(b)
	n.list = append(n.list, s)
	id = btf.NameID(n.firstListed() + len(n.list))
	n.ids[s] = id
	return id
}

// same returns the ID of a string of our own making, the one that the file uses if it has the string.
func (n *names) same(s string) btf.NameID {
	if !n.content && len(s) > 3 {
		if off, ok := n.offset(s); ok {
			return btf.NameID(off + 1)
		}
	}
	return n.intern([]byte(s))
}

// offset returns where a string stands in .debug_str; in a relocatable file only if something refers to it.
func (n *names) offset(s string) (off uint64, ok bool) {
	if n.canon != nil {
		return n.canon.Find(s)
	}
	i := bytes.Index(n.str, []byte("\x00"+s+"\x00"))
	return uint64(i + 1), i >= 0
}

// nameCache remembers, by offset, what a worker has interned.
type nameCache [1 << 14]struct {
	off uint32
	id  btf.NameID
}

// cString returns the bytes of section from off to the next NUL, or to the end.
func cString(section []byte, off uint64) []byte {
	if off >= uint64(len(section)) {
		return nil
	}
	b := section[off:]
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}
