// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"math/bits"

	"github.com/btfgen/btfgen/encode/internal/dwarf"
)

// paramFacts is what the DWARF of one formal parameter says about how it is passed, and what
// the analysis of its function made of it.
type paramFacts struct {
	sizeBytes uint64 // of the type, 0 if not known
	mask1     uint64 // bit n: a piece starts at byte n of the first word (only with locator.pieces)
	mask2     uint64 // the same for the second word
	member    uint32 // the caller's handle of the member candidate, 0 if there is none, see memberOffset
	reg       int16  // DWARF number of the register it arrives in, -1 if not known
	inMemory  bool   // too large for registers
	hasLoc    bool   // DW_AT_location is present
	hasConst  bool   // DW_AT_const_value is present
	locConst  bool   // at first its location is a constant
	locStack  bool   // at first it is on the stack

	optimized  bool // the analysis: not passed as the source says
	unexpected bool // the analysis: in another register than the ABI says
}

// newParamFacts returns the facts of a parameter whose type has size bytes.
func newParamFacts(size uint64, a *abi) paramFacts {
	return paramFacts{sizeBytes: size, reg: -1, inMemory: a.inMemory(size)}
}

// locator decodes the locations of parameters. It is read-only and may be shared.
type locator struct {
	abi    *abi
	format dwarf.ExprFormat
	pieces bool // look for pieces of aggregates, which only true signatures need
}

// addList adds all entries of a location list. It stops early when later entries cannot
// change the facts. Entries may be added again, so that after an error that wraps
// dwarf.ErrWindow the caller can repeat the call with a list over more data.
func (p *paramFacts) addList(list *dwarf.LocList, l *locator) error {
	for n := 0; !p.settled(n, l); n++ {
		expr, ok := list.Next()
		if !ok {
			return list.Err()
		}
		p.addLocation(n, expr, l)
	}
	return nil
}

// settled tells whether entry n and those after it cannot change the facts.
func (p *paramFacts) settled(n int, l *locator) bool {
	return n > 0 && p.reg >= 0 && !(l.pieces && l.largeAggregate(p.sizeBytes))
}

// largeAggregate tells whether a value of size bytes may be described piece by piece.
func (l *locator) largeAggregate(size uint64) bool {
	return size > l.abi.addrSize && l.abi.twoRegs
}

// addLocation adds entry n of a location list, or entry 0 for a plain expression. An
// expression that cannot be decoded says nothing; neither does an empty one.
func (p *paramFacts) addLocation(n int, expr []byte, l *locator) {
	if len(expr) == 1 && isReg(expr[0]) {
		if n == 0 {
			p.setReg(int16(expr[0] - dwarf.OpReg0))
		}
		return
	}
	var first dwarf.Op
	var last uint8
	var count int
	var stackValue bool // behind the first operation
	walk := pieceWalk{addrSize: l.abi.addrSize, reg: -1}
	e := dwarf.NewExpr(expr, l.format)
	for op, ok := e.Next(); ok; op, ok = e.Next() {
		if count == 0 {
			first = op
		} else if op.Code == dwarf.OpStackValue {
			stackValue = true
		}
		walk.add(count, &op)
		last = op.Code
		count++
	}
	switch {
	case count == 0 || e.Err() != nil:
	case count == 1 || count == 2 && last == dwarf.OpStackValue:
		p.addSingle(n, &first, stackValue, l)
	case isConst(first.Code):
		if n == 0 {
			p.locConst = true
		}
	case l.largeAggregate(p.sizeBytes):
		p.setReg(walk.reg)
		if l.pieces {
			p.mask1 |= walk.mask1
			p.mask2 |= walk.mask2
		}
	case n != 0:
	case isReg(first.Code):
		p.setReg(int16(first.Code - dwarf.OpReg0))
	case isBreg(first.Code) && stackValue:
		p.setReg(int16(first.Code - dwarf.OpBreg0))
	}
}

// addSingle adds an expression of one operation, which DW_OP_stack_value may follow.
func (p *paramFacts) addSingle(n int, op *dwarf.Op, stackValue bool, l *locator) {
	if op.Code == dwarf.OpEntryValue || op.Code == dwarf.OpGNUEntryValue {
		// The value that a register had on entry: as good as the register, at any entry.
		if len(op.Inner) == 1 && isReg(op.Inner[0]) {
			p.setReg(int16(op.Inner[0] - dwarf.OpReg0))
		}
		return
	}
	if n != 0 {
		return
	}
	switch {
	case isReg(op.Code):
		p.setReg(int16(op.Code - dwarf.OpReg0))
	case isBreg(op.Code) && stackValue:
		p.setReg(int16(op.Code - dwarf.OpBreg0))
	case op.Code == dwarf.OpFbreg:
		p.locStack = true
	case isConst(op.Code):
		p.locConst = true
	case op.Code == dwarf.OpRegx && op.A <= 0x7fff && l.abi.isFP(int16(op.A)):
		p.setReg(int16(op.A)) // registers above 31 matter only here
	}
}

// setReg sets the register, unless an earlier entry did.
func (p *paramFacts) setReg(reg int16) {
	if p.reg < 0 {
		p.reg = reg
	}
}

// pieceWalk follows the pieces of an aggregate through one expression: operations that
// locate a piece, then DW_OP_piece with its size (DWARF 5, 2.6.1.2). Two pieces in a row say
// that the second has no location; it counts as present all the same, as in pahole.
type pieceWalk struct {
	addrSize     uint64
	off          uint64 // bytes from the start of the aggregate
	mask1, mask2 uint64
	reg          int16
}

func (w *pieceWalk) add(n int, op *dwarf.Op) {
	switch {
	case op.Code == dwarf.OpPiece && n == 0:
		w.off = op.A // a part without location comes first
	case op.Code == dwarf.OpPiece:
		if w.off < w.addrSize {
			w.mask1 |= 1 << w.off
		} else {
			w.mask2 |= 1 << (w.off - w.addrSize) // 0 from bit 64 on
		}
		if w.off+op.A < w.off {
			w.off = ^uint64(0)
		} else {
			w.off += op.A
		}
	case isReg(op.Code) && (w.off < w.addrSize || w.reg < 0):
		w.reg = int16(op.Code - dwarf.OpReg0)
	}
}

// memberOffset returns the byte offset, in the type of an aggregate parameter, of the one
// member that is passed, if that is all the pieces show. The caller looks the member up.
func (p *paramFacts) memberOffset(a *abi) (offBytes uint64, ok bool) {
	mask, off := p.mask1, uint64(0)
	if mask == 0 {
		mask, off = p.mask2, a.addrSize
	} else if p.mask2 != 0 {
		return 0, false
	}
	if bits.OnesCount64(mask) != 1 {
		return 0, false
	}
	return off + uint64(bits.TrailingZeros64(mask)), true
}

func isReg(op uint8) bool  { return op >= dwarf.OpReg0 && op <= dwarf.OpReg31 }
func isBreg(op uint8) bool { return op >= dwarf.OpBreg0 && op <= dwarf.OpBreg31 }

func isConst(op uint8) bool {
	return op >= dwarf.OpLit0 && op <= dwarf.OpLit31 || op == dwarf.OpConstu || op == dwarf.OpConsts
}
