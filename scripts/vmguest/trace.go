// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
)

// traced is what the program at the entry of btfgen_test_traced saw. It is the value of a map.
type traced struct {
	Sum   uint64    // the third argument
	Plain uint64    // read by the verifier's leave, through the type of the first argument
	High  uint64    // the same, inside an anonymous struct of a union
	Bits  [16]uint8 // the memory of the first argument
}

// checkTrace attaches an fentry program to a function of the module, calls the function, and
// compares what the program saw with what testdata/modules/btfgen_test passes. Bit-fields are
// extracted at the offsets of the BTF, so wrong offsets give wrong values.
func (s *session) checkTrace() error {
	var bits *btf.Struct
	if err := s.module.TypeByName("btfgen_test_bits", &bits); err != nil {
		return err
	}
	seen, err := s.trace(bits)
	if err != nil {
		return err
	}
	if seen.Sum != sumA+sumB || seen.Plain != 0xa5 || seen.High != 0x5678 {
		return fmt.Errorf("the program saw sum %d, plain %#x, high %#x", seen.Sum, seen.Plain, seen.High)
	}
	want := map[string]int64{"low": 5, "middle": 99999, "negative": -7, "wide": sumA, "plain": 0xa5}
	var wrong []error
	for _, m := range bits.Members {
		got, err := readMember(native(), seen.Bits, m)
		if err != nil {
			wrong = append(wrong, err)
		} else if got != want[m.Name] {
			wrong = append(wrong, fmt.Errorf("%s at bit %d is %d, want %d", m.Name, m.Offset, got, want[m.Name]))
		}
	}
	return errors.Join(wrong...)
}

// trace returns what an fentry program saw of one call.
func (s *session) trace(bits *btf.Struct) (seen traced, err error) {
	plain := int16(-1)
	for _, m := range bits.Members {
		if m.Name == "plain" {
			plain = int16(m.Offset.Bytes())
		}
	}
	if plain < 0 || bits.Size != uint32(len(seen.Bits)) {
		return seen, fmt.Errorf("btfgen_test_bits is %s", describe(bits))
	}
	result, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: uint32(binary.Size(seen)), MaxEntries: 1})
	if err != nil {
		return seen, err
	}
	defer result.Close()

	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type:       ebpf.Tracing,
		AttachType: ebpf.AttachTraceFEntry,
		AttachTo:   "btfgen_test_traced",
		License:    "GPL",
		Instructions: asm.Instructions{
			asm.LoadMapValue(asm.R6, result.FD(), 0),
			asm.LoadMem(asm.R7, asm.R1, 0, asm.DWord), // bits
			asm.LoadMem(asm.R8, asm.R1, 8, asm.DWord), // halves
			asm.LoadMem(asm.R0, asm.R1, 16, asm.DWord),
			asm.StoreMem(asm.R6, 0, asm.R0, asm.DWord),
			asm.LoadMem(asm.R0, asm.R7, plain, asm.Byte),
			asm.StoreMem(asm.R6, 8, asm.R0, asm.DWord),
			asm.LoadMem(asm.R0, asm.R8, 2, asm.Half),
			asm.StoreMem(asm.R6, 16, asm.R0, asm.DWord),
			asm.Mov.Reg(asm.R1, asm.R6),
			asm.Add.Imm(asm.R1, 24),
			asm.Mov.Imm(asm.R2, int32(bits.Size)),
			asm.Mov.Reg(asm.R3, asm.R7),
			asm.FnProbeReadKernel.Call(),
			asm.Mov.Imm(asm.R0, 0),
			asm.Return(),
		},
	})
	if err != nil {
		return seen, fmt.Errorf("%+v", err)
	}
	defer prog.Close()
	attached, err := link.AttachTracing(link.TracingOptions{Program: prog})
	if err != nil {
		return seen, err
	}
	defer attached.Close()
	if err := s.checkSum(); err != nil {
		return seen, err
	}
	err = result.Lookup(uint32(0), &seen)
	return seen, err
}

// readMember extracts an integer from a struct of a byte order. Offsets of bits count from the least significant bit
// of little-endian words, and from the most significant one of big-endian ones.
func readMember(order binary.ByteOrder, data [16]uint8, m btf.Member) (int64, error) {
	integer, ok := btf.As[*btf.Int](m.Type)
	if !ok {
		return 0, fmt.Errorf("%s is a %T", m.Name, m.Type)
	}
	size := m.BitfieldSize
	if size == 0 {
		size = btf.Bits(integer.Size) * 8
	}
	word, shift := m.Offset/64*8, m.Offset%64
	if m.Offset >= 128 || size == 0 || size > 64-shift {
		return 0, fmt.Errorf("%s is at bit %d with %d bits", m.Name, m.Offset, size)
	}
	value := order.Uint64(data[word:])
	if order == binary.BigEndian {
		value <<= shift
	} else {
		value <<= 64 - shift - size
	}
	if integer.Encoding&btf.Signed != 0 {
		return int64(value) >> (64 - size), nil
	}
	return int64(value >> (64 - size)), nil
}
