// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"sort"
)

// Plan is an edited image: checked, complete, and not written anywhere. It reads
// the unedited parts from the source of NewPlan, which must stay open and
// unchanged. A Plan is read-only and safe for concurrent use; it can be the source
// of a further plan.
type Plan struct {
	src    io.ReaderAt
	size   uint64
	pieces []piece // ascending, without overlap or room between them
}

// piece is a part of the result: bytes of the source, or data, or else zeros.
type piece struct {
	at, n  uint64 // file offset and bytes, in the result
	from   uint64 // file offset in the source, if copied
	copied bool
	data   []byte
}

// NewPlan applies edits, in the order given, to the image in the first size bytes
// of src. An error says which section or which field is at fault; it does not name
// the file. It wraps ErrSigned if the image is signed, and elfview.ErrNotELF if it
// is none.
func NewPlan(src io.ReaderAt, size int64, edits ...Edit) (*Plan, error) {
	drop := slices.ContainsFunc(edits, func(e Edit) bool { return e.op == opDropSignature })
	size, err := unsigned(src, size, drop)
	if err != nil {
		return nil, err
	}
	im, err := readImage(src, size)
	if err != nil {
		return nil, err
	}
	for i := range edits {
		if err := im.apply(&edits[i]); err != nil {
			return nil, err
		}
	}
	pieces, err := im.arrange()
	if err != nil {
		return nil, err
	}
	return join(src, pieces), nil
}

// join returns the plan of ascending pieces, with zeros in the room between them.
func join(src io.ReaderAt, pieces []piece) *Plan {
	p := &Plan{src: src}
	for _, c := range pieces {
		if c.at > p.size {
			p.pieces = append(p.pieces, piece{at: p.size, n: c.at - p.size})
		}
		p.pieces = append(p.pieces, c)
		p.size = c.at + c.n
	}
	return p
}

// Size returns the length of the result in bytes.
func (p *Plan) Size() int64 { return int64(p.size) }

// ReadAt reads the result, as io.ReaderAt.
func (p *Plan) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	want := len(b)
	if uint64(off) >= p.size {
		return 0, io.EOF
	}
	b = b[:min(uint64(len(b)), p.size-uint64(off))]
	pos := uint64(off)
	i := sort.Search(len(p.pieces), func(i int) bool { return p.pieces[i].at+p.pieces[i].n > pos })
	n := 0
	for n < len(b) {
		c := &p.pieces[i] // there is one: the last ends at p.size
		rest := b[n:][:min(uint64(len(b)-n), c.at+c.n-pos)]
		if err := p.readPiece(rest, c, pos-c.at); err != nil {
			return n, err
		}
		n, pos = n+len(rest), pos+uint64(len(rest))
		i++
	}
	if n < want {
		return n, io.EOF
	}
	return n, nil
}

// readPiece fills b from offset off of a piece.
func (p *Plan) readPiece(b []byte, c *piece, off uint64) error {
	switch {
	case c.copied:
		return readFull(p.src, b, c.from+off)
	case c.data != nil:
		copy(b, c.data[off:])
	default:
		clear(b)
	}
	return nil
}

// WriteTo writes the result, as io.WriterTo.
func (p *Plan) WriteTo(w io.Writer) (int64, error) {
	b := bufio.NewWriterSize(w, 256<<10)
	n, err := io.Copy(b, io.NewSectionReader(p, 0, p.Size()))
	if err != nil {
		return n, err
	}
	return n, b.Flush()
}

// Bytes returns the result in memory of its own.
func (p *Plan) Bytes() ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(p.size))
	_, err := p.WriteTo(&b)
	return b.Bytes(), err
}
