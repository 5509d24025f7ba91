// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfnote

import (
	"fmt"
	"strconv"
	"strings"
)

var kinds = map[string]uint32{
	"I": 1, "INT": 1, "P": 2, "PTR": 2, "A": 3, "ARRAY": 3, "S": 4, "STRUCT": 4, "U": 5, "UNION": 5,
	"E": 6, "ENUM": 6, "W": 7, "FWD": 7, "T": 8, "TYPEDEF": 8, "V": 9, "VOLATILE": 9, "C": 10, "CONST": 10,
	"R": 11, "RESTRICT": 11, "FN": 12, "FUNC": 12, "FP": 13, "FUNC_PROTO": 13, "VAR": 14,
	"DS": 15, "DATASEC": 15, "F": 16, "FLOAT": 16, "DT": 17, "DECL_TAG": 17, "TT": 18, "TYPE_TAG": 18,
	"E64": 19, "ENUM64": 19,
}

// note is one type being read: the words left, the first error, the record.
type note struct {
	b                      *Blob
	words                  []string
	err                    error
	name, kind, vlen, word uint32
	kflag                  bool
	tail                   []uint32
}

func (b *Blob) addType(words []string) error {
	if id, err := strconv.ParseUint(words[0], 10, 32); err == nil {
		if uint32(id) != b.NextID {
			return fmt.Errorf("this is type %d", b.NextID)
		}
		words = words[1:]
	}
	if len(words) == 0 {
		return fmt.Errorf("no kind")
	}
	kind, ok := kinds[words[0]]
	if !ok {
		return fmt.Errorf("unknown kind %q", words[0])
	}
	n := &note{b: b, kind: kind, words: words[1:]}
	n.fields()
	n.forced()
	if n.err != nil {
		return n.err
	}
	o := b.order()
	info := n.kind<<24 | n.vlen
	if n.kflag {
		info |= 1 << 31
	}
	for _, v := range append([]uint32{n.name, info, n.word}, n.tail...) {
		b.Types = o.AppendUint32(b.Types, v)
	}
	b.NextID++
	return nil
}

// fields reads what the kind calls for.
func (n *note) fields() {
	switch n.kind {
	case 2, 9, 10, 11:
		n.word = n.num()
		return
	case 3:
		n.tail = []uint32{n.num(), n.num(), n.num()}
		return
	case 13:
		n.word = n.num()
		n.elems(n.param)
		return
	}
	n.name = n.sid()
	if n.kind == 7 {
		n.kflag = n.opt("s", "u") == 1
		return
	}
	n.word = n.num()
	switch n.kind {
	case 1:
		n.intWord()
	case 4, 5:
		n.kflag = n.opt("kf") == 0
		n.elems(n.member)
	case 6, 19:
		n.kflag = n.opt("u", "unsigned", "s", "signed") >= 2
		n.elems(n.value)
	case 12:
		n.vlen = n.linkage()
	case 14:
		n.tail = []uint32{n.linkage()}
	case 15:
		n.elems(n.secVar)
	case 17:
		idx := int64(-1)
		if len(n.words) > 0 {
			if v, err := strconv.ParseInt(n.words[0], 10, 32); err == nil {
				idx, n.words = v, n.words[1:]
			}
		}
		n.tail = []uint32{uint32(idx)}
		n.kflag = n.opt("kf") == 0
	case 18:
		n.kflag = n.opt("kf") == 0
	}
}

// forced reads the !field words, after which nothing may be left.
func (n *note) forced() {
	for len(n.words) > 0 && n.err == nil {
		w := n.words[0]
		n.words = n.words[1:]
		key, val, _ := strings.Cut(w, "=")
		if key == "!kf" {
			n.kflag = true
			continue
		}
		if key == "!name" {
			var s string
			s, _, n.err = name(val)
			n.name = n.b.SID(s)
			continue
		}
		v, err := strconv.ParseUint(val, 0, 32)
		switch {
		case err != nil:
			n.err = fmt.Errorf("%q is too much", w)
		case key == "!vlen":
			n.vlen = uint32(v)
		case key == "!word":
			n.word = uint32(v)
		case key == "!int" && n.kind == 1:
			n.tail[0] = uint32(v)
		default:
			n.err = fmt.Errorf("%q is too much", w)
		}
	}
}

func (n *note) intWord() {
	enc, off, bits := uint64(0), uint64(0), uint64(n.word)*8
	switch n.opt("-", "s", "c", "b") {
	case 1:
		enc = 1
	case 2:
		enc = 2
	case 3:
		enc = 4
	case -1:
		if len(n.words) > 0 {
			if v, err := strconv.ParseUint(n.words[0], 10, 4); err == nil {
				enc, n.words = v, n.words[1:]
			}
		}
	}
	if len(n.words) > 0 {
		if o, b, ok := strings.Cut(n.words[0], ":"); ok {
			off, bits = n.parse(o), n.parse(b)
			n.words = n.words[1:]
		}
	}
	n.tail = []uint32{uint32(enc)<<24 | uint32(off&0xff)<<16 | uint32(bits&0xff)}
}

func (n *note) linkage() uint32 {
	switch n.opt("s", "g", "x") {
	case 0:
		return 0
	case 2:
		return 2
	}
	if len(n.words) > 0 && !strings.HasPrefix(n.words[0], "!") {
		return n.num()
	}
	return 1
}

// elems reads all words up to the first !field as elements.
func (n *note) elems(elem func(name uint32, rest []string)) {
	for len(n.words) > 0 && n.err == nil && !strings.HasPrefix(n.words[0], "!") {
		s, rest, err := name(n.words[0])
		if err != nil {
			n.err = err
			return
		}
		fields := strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune(":=@", r) })
		if n.kind == 15 {
			fields = append([]string{s}, fields...)
			s = ""
		}
		before := n.words[0]
		elem(n.b.SID(s), fields)
		if n.err != nil {
			n.err = fmt.Errorf("%q: %w", before, n.err)
		}
		n.words = n.words[1:]
		n.vlen++
	}
}

func (n *note) param(name uint32, f []string) {
	if n.want(f, 1) {
		n.tail = append(n.tail, name, uint32(n.parse(f[0])))
	}
}

func (n *note) member(name uint32, f []string) {
	switch {
	case len(f) == 3:
		n.kflag = true
	case n.want(f, 2):
		f = append(f, "0")
	default:
		return
	}
	n.tail = append(n.tail, name, uint32(n.parse(f[0])), uint32(n.parse(f[1]))|uint32(n.parse(f[2]))<<24)
}

func (n *note) value(name uint32, f []string) {
	if !n.want(f, 1) {
		return
	}
	v, err := strconv.ParseInt(f[0], 0, 64)
	if err != nil {
		v = int64(n.parse(f[0]))
	}
	if v < 0 && strings.HasPrefix(f[0], "-") {
		n.kflag = true
	}
	n.tail = append(n.tail, name, uint32(v))
	if n.kind == 19 {
		n.tail = append(n.tail, uint32(v>>32))
	}
}

func (n *note) secVar(_ uint32, f []string) {
	if n.want(f, 3) {
		n.tail = append(n.tail, uint32(n.parse(f[0])), uint32(n.parse(f[1])), uint32(n.parse(f[2])))
	}
}

func (n *note) want(f []string, count int) bool {
	if len(f) != count && n.err == nil {
		n.err = fmt.Errorf("has %d numbers, not %d", len(f), count)
	}
	return len(f) == count
}

func (n *note) parse(s string) uint64 {
	v, err := strconv.ParseUint(s, 0, 64)
	if err != nil && n.err == nil {
		n.err = fmt.Errorf("%q is not a number", s)
	}
	return v
}

// num reads a number of 32 bits.
func (n *note) num() uint32 {
	if len(n.words) == 0 {
		if n.err == nil {
			n.err = fmt.Errorf("too short")
		}
		return 0
	}
	v := n.parse(n.words[0])
	n.words = n.words[1:]
	return uint32(v)
}

func (n *note) sid() uint32 {
	if len(n.words) == 0 {
		n.err = fmt.Errorf("too short")
		return 0
	}
	s, rest, err := name(n.words[0])
	if err == nil && rest != "" {
		err = fmt.Errorf("%q after the name", rest)
	}
	n.err = err
	n.words = n.words[1:]
	return n.b.SID(s)
}

// opt takes the next word if it is one of the given, and returns which; else -1.
func (n *note) opt(words ...string) int {
	if len(n.words) > 0 {
		for i, w := range words {
			if n.words[0] == w {
				n.words = n.words[1:]
				return i
			}
		}
	}
	return -1
}
