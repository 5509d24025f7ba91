// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import "github.com/btfgen/btfgen/internal/pages"

// numberMap maps numbers other than 0 to numbers: open addressing, at most half full.
type numberMap struct {
	slots []numberSlot
	used  int
}

type numberSlot struct{ key, value uint32 }

func (m *numberMap) probe(key uint32) *numberSlot {
	mask := uint32(len(m.slots) - 1)
	for at := key * 0x9e3779b1 >> 7 & mask; ; at = (at + 1) & mask {
		if s := &m.slots[at]; s.key == key || s.key == 0 {
			return s
		}
	}
}

// init makes room for n keys.
func (m *numberMap) init(n int) {
	size := 256
	for size < 2*n {
		size *= 2
	}
	m.slots = pages.Touched[numberSlot](size)
}

func (m *numberMap) get(key uint32) (value uint32, ok bool) {
	if len(m.slots) == 0 {
		return 0, false
	}
	s := m.probe(key)
	return s.value, s.key == key
}

// set adds a key that is not there yet.
func (m *numberMap) set(key, value uint32) {
	if 2*m.used >= len(m.slots) {
		old := m.slots
		m.slots = pages.Touched[numberSlot](max(4*len(old), 256))
		for _, s := range old {
			if s.key != 0 {
				*m.probe(s.key) = s
			}
		}
	}
	*m.probe(key) = numberSlot{key, value}
	m.used++
}
