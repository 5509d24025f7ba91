// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"math/rand/v2"

	"github.com/btfgen/btfgen/internal/pages"
)

// stringCanon makes offsets in a .debug_str that no linker has merged identities
// of strings: it maps each to the offset of the first equal string it was asked
// for. In a kernel module every unit brings its own copies, 936 k strings for
// 42 k in xfs.ko of Linux 7.2.
//
// What it answers depends on the order of the questions, and on nothing else. It
// is not safe for concurrent use. Reset comes before the first question.
//
// The cost is waiting for memory: the string, the slot, the string behind the
// slot. A wrong guess of the processor at a string's length costs as long as the
// string takes to come. So a batch is looked up in steps, each of which first
// touches what the next one needs, and strings below 16 bytes are hashed and
// compared without a branch (BenchmarkStringCanonFile, xfs.ko: 26 ns for each
// string, 42 one by one; on a busy machine 37 and 54).
type stringCanon struct {
	str    []byte // of the section, and canonSlack more
	end    uint64 // behind the last NUL of the section
	seed   uint64 // chosen strings cannot collide; no result depends on it
	used   uint64 // slots that are not 0
	slots  []uint64
	spare  []uint64 // memory for slots, kept
	copied []byte   // memory for str, kept
	batch  [canonBatch]canonRef
	sum    byte // of the bytes touched, so that touching has a purpose
}

// A slot is 0, or the hash of a string above its offset plus 1. The hash is what
// growing needs, and lets most strings of others go by without a look at their
// bytes. A slot of eight bytes keeps the table of xfs.ko at 1 MiB. The number of slots
// is a power of two.
const slotOffset = math.MaxUint32

const (
	// canonSlack is how many bytes, of any value, Reset wants to be readable behind
	// a section, so as not to copy it.
	canonSlack = 16

	canonBatch    = 64
	minCanonSlots = 1 << 8

	// maxCanon bounds the length of a string in bytes. A longer one stands for
	// itself: no name of C is as long, and a file that refers to every byte of one huge
	// string would take quadratic time.
	maxCanon = 4 << 10
)

// canonRef is a string on its way through a batch.
type canonRef struct {
	off    uint64
	hash   uint64    // 32 bits, or notHashed
	words  [2]uint64 // the first 16 bytes, 0 behind the NUL
	masks  [2]uint64 // ones for the bytes up to the NUL
	longer bool      // the NUL is not among them
}

// notHashed marks a string that stands for itself.
const notHashed = math.MaxUint64

// Reset forgets all strings and takes the contents of another section, which it
// refers to from then on, or copies if canonSlack bytes are not there to be read
// behind them.
func (c *stringCanon) Reset(str []byte) {
	if cap(str)-len(str) >= canonSlack {
		c.str = str[:len(str)+canonSlack]
	} else {
		c.copied = append(append(c.copied[:0], str...), make([]byte, canonSlack)...)
		c.str = c.copied
	}
	c.end = min(uint64(bytes.LastIndexByte(str, 0)+1), slotOffset)
	if c.seed == 0 {
		c.seed = rand.Uint64() | 1
	}
	// A large section has few strings for its size, a small one is mostly strings
	// of its own; both grow at most a few times from here.
	n := minCanonSlots
	for n < 1<<15 && n < len(str)/32 {
		n *= 2
	}
	c.resize(n)
}

// resize gives the table n free slots.
func (c *stringCanon) resize(n int) {
	if cap(c.slots) < n {
		c.slots = pages.Touched[uint64](n)
	} else {
		c.slots = c.slots[:n]
		clear(c.slots)
	}
	c.used = 0
}

// Canon replaces each offset by that of the first string it was asked for that
// equals the one there. An offset outside the section, or in a string that does
// not end, stays.
func (c *stringCanon) Canon(offs []uint64) {
	for len(offs) > 0 {
		n := min(len(offs), canonBatch)
		c.canon(offs[:n])
		offs = offs[n:]
	}
}

// Find returns the offset that stands for a string, if Canon was asked for one equal to it. Unlike Canon it is
// safe for concurrent use.
func (c *stringCanon) Find(str string) (off uint64, ok bool) {
	if len(c.slots) == 0 {
		return 0, false
	}
	alone := stringCanon{str: append([]byte(str), make([]byte, 1+canonSlack)...), end: uint64(len(str)) + 1, seed: c.seed}
	var r canonRef
	if alone.hash(&r, 0); r.hash == notHashed {
		return 0, false
	}
	mask := uint64(len(c.slots) - 1)
	for i := r.hash & mask; c.slots[i] != 0; i = (i + 1) & mask {
		if first := c.slots[i]&slotOffset - 1; c.slots[i]>>32 == r.hash && string(cString(c.str, first)) == str {
			return first, true
		}
	}
	return 0, false
}

// canon does one batch.
func (c *stringCanon) canon(offs []uint64) {
	sum := byte(0)
	for _, off := range offs {
		if off < c.end {
			sum += c.str[off]
		}
	}
	refs := c.batch[:len(offs)]
	for i, off := range offs {
		c.hash(&refs[i], off)
	}
	mask := uint64(len(c.slots) - 1)
	for i := range refs {
		sum += c.str[c.slots[refs[i].hash&mask]&slotOffset]
	}
	c.sum = sum
	for i := range refs {
		if refs[i].hash != notHashed {
			offs[i] = c.find(&refs[i])
		}
	}
}

// hash fills r for the string at off. Zeros from the NUL on make strings of
// different lengths differ.
func (c *stringCanon) hash(r *canonRef, off uint64) {
	r.off, r.hash = off, notHashed
	if off >= c.end {
		return
	}
	p := c.str[off:][:canonSlack]
	w0, w1 := binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(p[8:])
	nul0, nul1 := zeroByte(w0), zeroByte(w1)
	m0, m1 := nul0<<1-1, nul1<<1-1 // all ones if there is no NUL
	m1 &= (nul0|-nul0)>>63 - 1     // none if it is in the first word
	w0 &= m0
	w1 &= m1
	h := mix(w0^c.seed, 0x9e3779b97f4a7c15) ^ mix(w1^c.seed, 0xd6e8feb86659fd93)
	if r.longer = nul0|nul1 == 0; r.longer {
		ok := false
		if h, ok = c.hashTail(off+canonSlack, h); !ok {
			return
		}
	}
	r.hash = h & math.MaxUint32
	r.words, r.masks = [2]uint64{w0, w1}, [2]uint64{m0, m1}
}

// hashTail goes on with the hash of a string from off. It is false if the string
// is longer than maxCanon.
func (c *stringCanon) hashTail(off, h uint64) (hash uint64, ok bool) {
	p := c.str[off:]
	for p = p[:min(len(p), maxCanon)]; len(p) >= 8; p = p[8:] {
		w := binary.LittleEndian.Uint64(p)
		nul := zeroByte(w)
		h = mix(h^w&(nul<<1-1), 0x9e3779b97f4a7c15)
		if nul != 0 {
			return h, true
		}
	}
	return 0, false
}

// zeroByte has bit 7 of the first zero byte of w set and no other, in little-endian
// order, or is 0 if there is no such byte.
func zeroByte(w uint64) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	z := (w - ones) &^ w & tops
	return z & -z
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// find returns the offset of the first string like r, which is r's own if there
// was none.
func (c *stringCanon) find(r *canonRef) uint64 {
	slots, mask := c.slots, uint64(len(c.slots)-1)
	for i := r.hash & mask; ; i = (i + 1) & mask {
		slot := slots[i]
		if slot == 0 {
			c.insert(i, r.hash<<32|r.off+1)
			return r.off
		}
		if slot>>32 == r.hash {
			if first := slot&slotOffset - 1; c.equal(r, first) {
				return first
			}
		}
	}
}

// equal compares r with the string at another offset before end.
func (c *stringCanon) equal(r *canonRef, off uint64) bool {
	p := c.str[off:][:canonSlack]
	w0, w1 := binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(p[8:])
	if w0&r.masks[0]^r.words[0]|w1&r.masks[1]^r.words[1] != 0 {
		return false
	}
	return !r.longer || off == r.off || c.equalTail(off+canonSlack, r.off+canonSlack)
}

// equalTail compares what remains of two strings that are the same so far, both
// before end.
func (c *stringCanon) equalTail(a, b uint64) bool {
	p, q := c.str[a:], c.str[b:]
	for len(p) >= 8 && len(q) >= 8 {
		v, w := binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(q)
		if nul := zeroByte(w); nul != 0 {
			return (v^w)&(nul<<1-1) == 0
		}
		if v != w {
			return false
		}
		p, q = p[8:], q[8:]
	}
	return false
}

// insert fills free slot i, and keeps at least half of the table free.
func (c *stringCanon) insert(i, slot uint64) {
	c.slots[i] = slot
	if c.used++; 2*c.used <= uint64(len(c.slots)) {
		return
	}
	old, used := c.slots, c.used
	c.slots = c.spare
	c.resize(4 * len(old))
	mask := uint64(len(c.slots) - 1)
	for _, slot := range old {
		if slot == 0 {
			continue
		}
		i := slot >> 32 & mask
		for c.slots[i] != 0 {
			i = (i + 1) & mask
		}
		c.slots[i] = slot
	}
	c.used, c.spare = used, old
}
