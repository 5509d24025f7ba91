// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfpatch

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/btfgen/btfgen/internal/testkit"
	"github.com/google/go-cmp/cmp"
)

// linked assembles an executable whose program headers follow the ELF header. The
// first section must be aligned to 4096 bytes, to leave room for them.
func linked(v variant, segs []elf.Prog64, secs ...testkit.Section) []byte {
	m := (&testkit.ELF{Class: v.class, Big: v.big, Type: elf.ET_EXEC, Sections: secs}).Assemble()
	c := newCodec(v.class, v.big, elf.EM_X86_64)
	at := c.ehdr
	m.SetHeader(testkit.EPhOff, uint64(at))
	m.SetHeader(testkit.EPhNum, uint64(len(segs)))
	c.order.PutUint16(m.Data[c.shnum-6:], uint16(c.phdr))
	for _, s := range segs {
		b := m.Data[at : at+c.phdr]
		at += c.phdr
		c.order.PutUint32(b, s.Type)
		if v.class == elf.ELFCLASS32 {
			c.order.PutUint32(b[4:], uint32(s.Off))
			c.order.PutUint32(b[16:], uint32(s.Filesz))
		} else {
			c.order.PutUint64(b[8:], s.Off)
			c.order.PutUint64(b[32:], s.Filesz)
		}
	}
	return m.Data
}

func load(off, size uint64) elf.Prog64 {
	return elf.Prog64{Type: uint32(elf.PT_LOAD), Off: off, Filesz: size}
}

func TestSegments(t *testing.T) {
	text := testkit.Section{Name: ".text", Flags: elf.SHF_ALLOC, Data: bytes.Repeat([]byte{0x90}, 300), Align: 4096}
	debug := testkit.Section{Name: ".debug_info", Data: bytes.Repeat([]byte("info"), 100)}
	comment := testkit.Section{Name: ".comment", Data: []byte("made by hand")}
	nobits := testkit.Section{Name: ".text", Type: elf.SHT_NOBITS, Flags: elf.SHF_ALLOC, MemSize: 9000, Align: 4096}
	strip := []Edit{StripDebug(), Set(".BTF", btfData)}
	variants(t, func(t *testing.T, v variant) {
		b := linked(v, []elf.Prog64{load(0, 4396), {Type: uint32(elf.PT_GNU_STACK)}}, text, debug, comment)
		out := edit(t, b, strip...)
		if !bytes.Equal(out[64:4396], b[64:4396]) {
			t.Error("a loaded byte has changed")
		}
		p := parse(t, out)
		if d := cmp.Diff([]string{"", ".text", ".comment", ".shstrtab", ".BTF"}, p.names); d != "" {
			t.Error(d)
		}
		if p.offs[2] != 4396 || p.one(t, ".comment").data != "made by hand" || p.one(t, ".BTF").data != string(btfData) {
			t.Errorf("sections %+v at %#x", p.sections, p.offs)
		}

		// An empty section that would be loaded, as lld leaves it, is like none.
		empty := testkit.Section{Name: ".BTF", Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC}
		p = parse(t, edit(t, linked(v, []elf.Prog64{load(0, 4396)}, text, empty, debug), Set(".BTF", btfData)))
		if got := p.one(t, ".BTF"); got.data != string(btfData) {
			t.Errorf("empty .BTF has become %+v", got)
		}

		// A segment behind all sections: what is added comes after it.
		end := uint64(len(linked(v, []elf.Prog64{load(0, 1)}, text)))
		b = linked(v, []elf.Prog64{load(end, 300)}, text)
		b = append(b, bytes.Repeat([]byte{0xcc}, 300)...)
		out = edit(t, b, Set(".BTF", btfData))
		p = parse(t, out)
		if off := p.offs[3]; off < end+300 || !bytes.Equal(out[end:end+300], b[end:]) {
			t.Errorf(".BTF is at %d, the segment ends at %d", off, end+300)
		}

		// The debug data of another file, whose segments are not in this one.
		b = linked(v, []elf.Prog64{load(0, 1<<20)}, nobits, debug)
		p = parse(t, edit(t, b, Set(".BTF", btfData)))
		if p.one(t, ".BTF").data != string(btfData) {
			t.Error("other contents")
		}
	})

	zeros := text
	zeros.Data = make([]byte, 300)
	within := linked(le64, []elf.Prog64{load(0, 4396)}, zeros, debug)
	within[33] = 0x10 // e_phoff
	good := linked(le64, []elf.Prog64{load(0, 4396)}, text, debug)
	poked := func(off int, v byte) []byte {
		b := bytes.Clone(good)
		b[off] = v
		return b
	}
	tests := []struct {
		name  string
		in    []byte
		edits []Edit
		want  string
	}{
		{"outside", linked(le64, []elf.Prog64{load(0, 1<<20)}, text), strip, "PT_LOAD segment at file offset 0x0: 1048576 bytes do not fit the file"},
		{"wrapping", linked(le64, []elf.Prog64{load(1<<63, 1<<63)}, text), strip, "do not fit the file"},
		{"set within", linked(le64, []elf.Prog64{load(0, 4500)}, text, debug), []Edit{Set(".debug_info", btfData)}, ".debug_info+0x0: has 400 bytes and is part of a segment"},
		{"remove within", linked(le64, []elf.Prog64{load(0, 4500)}, text, debug), []Edit{Remove(".debug_info")}, "is loaded, it cannot be removed"},
		{"names within", linked(le64, []elf.Prog64{load(0, 4810)}, text, debug), []Edit{Set(".BTF", btfData)}, ".shstrtab+0x0: is part of a segment"},
		{"header size", poked(54, 55), strip, "ELF header+0x36: e_phentsize is 55, want 56"},
		{"headers outside", poked(37, 1), strip, "1 program headers at e_phoff 0x10000000040 do not fit the file"},
		{"headers in a section", within, strip, "overlaps .text"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := NewPlan(bytes.NewReader(tt.in), int64(len(tt.in)), tt.edits...); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// TestOwnProgram edits this test binary, which must still run.
func TestOwnProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "self")
	if err := os.WriteFile(path, readFile(t, os.Args[0]), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := patch(path, Options{NoSync: true}, StripDebug(), Set(".BTF", btfData)); err != nil {
		t.Fatal(err)
	}
	p := parse(t, readFile(t, path))
	if p.one(t, ".BTF").data != string(btfData) {
		t.Error("other contents")
	}
	if out, err := exec.Command(path, "-test.run=^$").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
