// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

// Operations of DWARF expressions that callers name (DWARF 5, table 7.9).
const (
	OpAddr          = 0x03
	OpConst1u       = 0x08
	OpConstu        = 0x10
	OpConsts        = 0x11
	OpPlusUconst    = 0x23
	OpLit0          = 0x30
	OpLit31         = 0x4f
	OpReg0          = 0x50
	OpReg31         = 0x6f
	OpBreg0         = 0x70
	OpBreg31        = 0x8f
	OpRegx          = 0x90
	OpFbreg         = 0x91
	OpBregx         = 0x92
	OpPiece         = 0x93
	OpBitPiece      = 0x9d
	OpImplicitValue = 0x9e
	OpStackValue    = 0x9f
	OpAddrx         = 0xa1
	OpConstx        = 0xa2
	OpEntryValue    = 0xa3
	OpGNUEntryValue = 0xf3
	OpGNUAddrIndex  = 0xfb
)

// ExprFormat says how wide the operands of a unit's expressions are.
type ExprFormat struct {
	AddrSize uint8 // bytes of an address
	RefSize  uint8 // bytes of a reference into .debug_info
	Big      bool  // big-endian
}

// ExprFormat returns the format of the expressions of the unit behind h. References had the
// size of an address before DWARF 3 (DWARF 3, 7.4).
func (h *Header) ExprFormat(big bool) ExprFormat {
	f := ExprFormat{AddrSize: h.AddrSize, RefSize: uint8(h.OffsetSize()), Big: big}
	if h.Version < 3 {
		f.RefSize = h.AddrSize
	}
	return f
}

// Op is one operation of an expression. Signed operands are sign-extended to 64 bits.
type Op struct {
	Code  uint8
	A, B  uint64
	Inner []byte // entry_value: an expression; implicit_value, const_type: a value; aliases the input
}

// Expr is an expression being read from front to back (DWARF 5, 2.5 and 7.7.1): DWARF 2 to
// 5 and the GNU extensions. It allocates nothing unless there is an error.
type Expr struct {
	c Cursor
	f ExprFormat
}

// NewExpr returns an Expr over data, which is not copied. Offsets in errors count from its start.
func NewExpr(data []byte, f ExprFormat) Expr {
	return Expr{c: Cursor{Section: "expression", Data: data, Big: f.Big}, f: f}
}

// Err returns what ended the expression before its last byte: an unknown operation, whose
// length cannot be known either, or an operand that is cut off.
func (e *Expr) Err() error { return e.c.Err() }

// Next returns the next operation; ok is false at the end and after an error.
func (e *Expr) Next() (op Op, ok bool) {
	if e.c.Len() == 0 {
		return Op{}, false
	}
	at := e.c.Off()
	op.Code = e.c.U8()
	kinds := opOperands[op.Code]
	if kinds == unknownOp {
		e.c.FailAt(at, "operation %#x is unknown", op.Code)
		return Op{}, false
	}
	if kinds == 0 {
		return op, e.c.Err() == nil
	}
	op.A = e.operand(kinds&0xf, &op)
	op.B = e.operand(kinds>>4, &op)
	if e.c.Err() != nil {
		return Op{}, false
	}
	return op, true
}

// operand reads one operand; a block goes to op.Inner.
func (e *Expr) operand(kind uint16, op *Op) uint64 {
	switch kind {
	case opU8:
		return uint64(e.c.U8())
	case opS8:
		return uint64(int64(int8(e.c.U8())))
	case opU16:
		return uint64(e.c.U16())
	case opS16:
		return uint64(int64(int16(e.c.U16())))
	case opU32:
		return uint64(e.c.U32())
	case opS32:
		return uint64(int64(int32(e.c.U32())))
	case opU64:
		return e.c.U64()
	case opUleb:
		return e.c.Uleb()
	case opSleb:
		return uint64(e.c.Sleb())
	case opAddrSized:
		return e.c.Uint(uint64(e.f.AddrSize))
	case opRef:
		return e.c.Uint(uint64(e.f.RefSize))
	case opBlock:
		op.Inner = e.c.Bytes(e.c.Uleb())
	case opBlock1:
		op.Inner = e.c.Bytes(uint64(e.c.U8()))
	}
	return 0
}

// Kinds of operands: four bits each, the first operand lowest.
const (
	opNone uint16 = iota
	opU8
	opS8
	opU16
	opS16
	opU32
	opS32
	opU64
	opUleb
	opSleb
	opAddrSized
	opRef
	opBlock  // ULEB128 length, bytes
	opBlock1 // one byte length, bytes

	unknownOp uint16 = 0xffff
)

// opOperands gives the operands of each operation, or unknownOp.
var opOperands = func() (t [256]uint16) {
	for i := range t {
		t[i] = unknownOp
	}
	set := func(kinds uint16, ops ...int) {
		for _, op := range ops {
			t[op] = kinds
		}
	}
	span := func(kinds uint16, first, last int) {
		for op := first; op <= last; op++ {
			t[op] = kinds
		}
	}
	two := func(a, b uint16) uint16 { return a | b<<4 }

	set(opAddrSized, OpAddr)
	set(opNone, 0x06) // deref
	for i, kind := range []uint16{opU8, opS8, opU16, opS16, opU32, opS32, opU64, opU64, opUleb, opSleb} {
		set(kind, OpConst1u+i) // const1u to consts
	}
	span(opNone, 0x12, 0x22) // dup to plus
	set(opU8, 0x15)          // pick
	set(opUleb, OpPlusUconst)
	span(opNone, 0x24, 0x2e)        // shl to ne
	set(opS16, 0x28, 0x2f)          // bra, skip
	span(opNone, OpLit0, OpReg31)   // lit0 to reg31
	span(opSleb, OpBreg0, OpBreg31) // breg0 to breg31
	set(opUleb, OpRegx, OpPiece)
	set(opSleb, OpFbreg)
	set(two(opUleb, opSleb), OpBregx)
	set(opU8, 0x94, 0x95)               // deref_size, xderef_size
	set(opNone, 0x96, 0x97, 0x9b, 0x9c) // nop, push_object_address, form_tls_address, call_frame_cfa
	set(opU16, 0x98)                    // call2
	set(opU32, 0x99)                    // call4
	set(opRef, 0x9a)                    // call_ref
	set(two(opUleb, opUleb), OpBitPiece)
	set(opBlock, OpImplicitValue, OpEntryValue, OpGNUEntryValue)
	set(opNone, OpStackValue)
	set(two(opRef, opSleb), 0xa0, 0xf2) // implicit_pointer
	set(opUleb, OpAddrx, OpConstx, OpGNUAddrIndex, 0xfc)
	set(two(opUleb, opBlock1), 0xa4, 0xf4)   // const_type
	set(two(opUleb, opUleb), 0xa5, 0xf5)     // regval_type
	set(two(opU8, opUleb), 0xa6, 0xa7, 0xf6) // deref_type, xderef_type
	set(opUleb, 0xa8, 0xa9, 0xf7, 0xf9)      // convert, reinterpret
	set(opNone, 0xe0, 0xf0)                  // GNU_push_tls_address, GNU_uninit
	set(opU32, 0xfa)                         // GNU_parameter_ref
	set(opRef, 0xfd)                         // GNU_variable_value
	return t
}()
