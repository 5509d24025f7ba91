// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"math/bits"
	"sync"
	"sync/atomic"
)

// stringIndex finds the strings of a section that is complete. A hash table of a kernel's 105,000 strings is made one cache miss
// at a time, and a process that encodes one small module spends a sixth of its time there. Here the strings are only sorted into
// buckets by some bits of their hash, in two sequential passes; a lookup reads one bucket from its start.
type stringIndex struct {
	names   *nameFilter // of those that are in the index
	shift   uint
	starts  []uint32 // by bucket, the top bits of the hash: where its entries begin, and at the end their number
	entries []stringSlot
	others  *otherStrings // nil without a filter
}

// otherStrings looks for strings that are not in an index: one by one, and when it goes on with an index of their own.
type otherStrings struct {
	asked atomic.Int32
	once  sync.Once
	index stringIndex
}

// maxScans is how many strings are looked for without an index. Few modules ask for more than ten; an index of all takes as long as
// fifty. Variables in sections of their own can be 65,000.
const maxScans = 50

// bucketStrings is about how many strings share a bucket, two cache lines.
const bucketStrings = 16

// newStringIndex makes an index of the strings in buf that pass a filter; each ends with a NUL. Those of a bucket stay in
// order, so that of equal ones the first is found.
func newStringIndex(buf []byte, names *nameFilter) stringIndex {
	guess := 0
	var others *otherStrings
	if names != nil {
		guess, others = 2*len(names.sums), new(otherStrings)
	} else {
		guess = bytes.Count(buf, []byte{0})
	}
	all := make([]stringSlot, 0, guess)
	for pos := 0; pos < len(buf); {
		n := bytes.IndexByte(buf[pos:], 0)
		if str := buf[pos : pos+n]; n > 0 && (names == nil || names.has(nameSum(str))) {
			all = append(all, stringSlot{hashString(str), uint32(pos) + 1})
		}
		pos += n + 1
	}
	logBuckets := uint(bits.Len(uint(len(all) / bucketStrings)))
	x := stringIndex{names: names, others: others, shift: 32 - logBuckets, starts: make([]uint32, 1<<logBuckets+1)}
	for _, s := range all {
		x.starts[s.hash>>x.shift]++
	}
	end := uint32(0)
	for i, count := range x.starts {
		x.starts[i] = end
		end += count
	}
	x.entries = make([]stringSlot, len(all))
	for _, s := range all {
		at := &x.starts[s.hash>>x.shift]
		x.entries[*at] = s
		*at++
	}
	// Each start is now the next one's.
	copy(x.starts[1:], x.starts)
	x.starts[0] = 0
	return x
}

// find returns the first position of a string in buf.
func (x *stringIndex) find(buf, str []byte, h uint32) (pos uint32, ok bool) {
	if x.names != nil && !x.names.has(nameSum(str)) {
		return x.others.find(buf, str, h)
	}
	if len(x.entries) == 0 {
		return 0, false
	}
	bucket := h >> x.shift
	for _, s := range x.entries[x.starts[bucket]:x.starts[bucket+1]] {
		if s.hash == h && isString(buf[s.pos-1:], str) {
			return s.pos - 1, true
		}
	}
	return 0, false
}

func (x *otherStrings) find(buf, str []byte, h uint32) (pos uint32, ok bool) {
	if x.asked.Add(1) <= maxScans {
		return findString(buf, str)
	}
	x.once.Do(func() { x.index = newStringIndex(buf, nil) })
	return x.index.find(buf, str, h)
}

// findString looks for a string without an index.
func findString(buf, str []byte) (pos uint32, ok bool) {
	if bytes.IndexByte(str, 0) >= 0 {
		return 0, false
	}
	str = append(str[:len(str):len(str)], 0)
	for at := 0; ; at++ {
		i := bytes.Index(buf[at:], str)
		if i < 0 {
			return 0, false
		}
		if at += i; at == 0 || buf[at-1] == 0 {
			return uint32(at), true
		}
	}
}
