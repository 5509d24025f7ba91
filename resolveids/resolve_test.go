// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package resolveids

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/btfgen/btfgen/internal/btf"
)

// resolveCase is an input of Resolve and what comes of it. TestOracle gives the same to the kernel's tool.
type resolveCase struct {
	name    string
	base    string // note of the base; "" for none
	btf     string // note
	parts   []part // .BTF_ids
	distill bool
	kernel  Kernel

	wantBTF  string // note; "" for the types of btf in their order
	wantBase string // note of the distilled base
	words    []uint32
	warnings []string
	err      string
	differs  string // why resolve_btfids of 7.3 does something else
}

// many is a list with the same ID n times.
func many(id string, n int) part {
	var p part
	for range n {
		p.ids = append(p.ids, id)
	}
	return p
}

func repeat(v uint32, n int) (words []uint32) {
	for range n {
		words = append(words, v)
	}
	return words
}

var resolveCases = []resolveCase{
	{
		name: "lists keep their order, sets are sorted",
		btf:  "1 FP 0; 2 FN fb 1; 3 I int 4 s; 4 S s 4 x:3@0; 5 U u 4 x:3@0; 6 T t 3; 7 FN fa 1; 8 FN fc 1",
		parts: []part{
			list("func fc", "-", "struct s", "union u", "typedef t"),
			idSet("one", "func fc", "func fa", "func fb"),
			kfuncs("k1", "func fb 0x1000", "func fa 0x5"),
			kfuncs("k2", "func fa 0x5", "func fb 0x1000"),
			list("func fa"),
		},
		wantBTF: "1 FP 0; 2 DT bpf_fastcall 6; 3 DT bpf_kfunc 6; 4 DT bpf_kfunc 5; 5 FN fa 1; 6 FN fb 1; 7 FN fc 1; 8 I int 4 s; 9 S s 4 x:8@0; 10 T t 8; 11 U u 4 x:8@0",
		words:   []uint32{7, 0, 9, 11, 10, 3, 5, 6, 7, 2, 1, 5, 5, 6, 0x1000, 2, 1, 5, 5, 6, 0x1000, 5},
	},
	{
		name:     "unresolved names",
		btf:      "1 I int 4 s; 2 S b 4 x:1@0; 3 W a s; 4 T u 1",
		parts:    []part{list("struct a", "struct b", "struct u"), idSet("s", "func z", "func y")},
		wantBTF:  "1 W a s; 2 S b 4 x:3@0; 3 I int 4 s; 4 T u 3",
		words:    []uint32{0, 2, 0, 2, 0, 0},
		warnings: []string{"WARN: resolve_btfids: unresolved symbol u: the name is that of a TYPEDEF", "WARN: resolve_btfids: unresolved symbol a: it is declared and not defined", "WARN: resolve_btfids: unresolved symbol z", "WARN: resolve_btfids: unresolved symbol y"},
	},
	{
		name:    "150 lists",
		btf:     "1 I int 4 s; 2 S s 4 x:1@0",
		parts:   []part{many("struct s", 150)},
		words:   repeat(2, 150),
		differs: "it has room for 100",
	},
	{
		name:    "several of one name",
		btf:     "1 FP 0; 2 I int 4 s; 3 FP 0 a:2; 4 FN f 1 s; 5 FN f 3 s; 6 S s 4 x:2@0; 7 S s 8 x:2@0 y:2@32; 8 S t 4 x:2@0",
		parts:   []part{list("func f", "struct s", "struct s")},
		wantBTF: "1 FP 0; 2 FP 0 a:5; 3 FN f 1 s; 4 FN f 2 s; 5 I int 4 s; 6 S s 4 x:5@0; 7 S s 8 x:5@0 y:5@32; 8 S t 4 x:5@0",
		words:   []uint32{3, 6, 6},
		// Functions: one symbol and one found, so that nobody looks at the other one.
		warnings: []string{"WARN: multiple IDs found for 's': 6, 7 - using 6: 1 and 2 members"},
	},
	{
		name:  "empty sets",
		btf:   "1 I int 4 s",
		parts: []part{idSet("a"), kfuncs("b"), set8("c", 0)},
		words: []uint32{0, 0, 1, 0, 0},
	},
	{
		name:    "kfunc twice in a set, and in another that is none of kfuncs",
		btf:     "1 FP 0; 2 FN f 1",
		parts:   []part{kfuncs("k", "func f 0x4", "func f 0x4"), set8("x", 0, "func f 0x8")},
		wantBTF: "1 FP 0; 2 DT bpf_kfunc 3; 3 FN f 1",
		words:   []uint32{2, 1, 3, 4, 3, 4, 1, 0, 3, 8},
	},
	{
		name:  "different flags",
		btf:   "1 FP 0; 2 FN f 1",
		parts: []part{kfuncs("a", "func f 0x4"), kfuncs("b", "func f 0x1004")},
		err:   "kfunc f has inconsistent flags across BTF ID sets: 0x1004 != 0x4",
	},
	{
		name:    "different flags before 7.3",
		kernel:  Kernel{7, 2},
		btf:     "1 FP 0; 2 FN f 1",
		parts:   []part{kfuncs("a", "func f 0x4"), kfuncs("b", "func f 0x1004")},
		wantBTF: "1 FP 0; 2 DT bpf_fastcall 4; 3 DT bpf_kfunc 4; 4 FN f 1",
		words:   []uint32{1, 1, 4, 4, 1, 1, 4, 0x1004},
	},
	{
		name:     "kfuncs without symbol or function",
		btf:      "1 FP 0; 2 FN f 1",
		parts:    []part{kfuncs("k", "-", "func g", "func f")},
		wantBTF:  "1 FP 0; 2 DT bpf_kfunc 3; 3 FN f 1",
		words:    []uint32{3, 1, 0, 0, 0, 0, 3, 0},
		warnings: []string{"WARN: resolve_btfids: no BTF ID symbol for k entry 0", "WARN: resolve_btfids: no BTF func for kfunc g in k", "WARN: resolve_btfids: unresolved symbol g"},
	},
	{
		name: "implicit arguments of a shared prototype",
		btf: "1 I int 4 s; 2 S bpf_prog_aux 4 x:1@0; 3 C 2; 4 P 3; 5 C 4; 6 FP 1 a:1 aux:5 b:1; 7 FN f 6; 8 FN g 6; " +
			"9 DT hint 7 0; 10 DT whole 7; 11 DT bpf_kfunc 7",
		parts: []part{kfuncs("k", "func f 0x11000")},
		wantBTF: "1 C 9; 2 P 1; 3 C 2; 4 FP 15 a:15 aux:3 b:15; 5 FP 15 a:15; 6 DT bpf_fastcall 10; 7 DT bpf_fastcall 11; 8 DT bpf_kfunc 10; " +
			"9 S bpf_prog_aux 4 x:15@0; 10 FN f 5; 11 FN f_impl 4; 12 FN g 4; 13 DT hint 10 0; 14 DT hint 11 0; 15 I int 4 s; 16 DT whole 10; 17 DT whole 11",
		words: []uint32{1, 1, 10, 0x11000},
	},
	{
		name:    "a source that has f_impl",
		btf:     "1 I int 4 s; 2 S btf_struct_meta 4 x:1@0; 3 P 2; 4 FP 1 meta:3; 5 FN f 4; 6 FP 1 a:1; 7 FN f_impl 6; 8 DT tag 5",
		parts:   []part{kfuncs("k", "func f 0x10000")},
		wantBTF: "1 P 6; 2 FP 9 meta:1; 3 FP 9 a:9; 4 FP 9; 5 DT bpf_kfunc 7; 6 S btf_struct_meta 4 x:9@0; 7 FN f 4; 8 FN f_impl 3; 9 I int 4 s; 10 DT tag 7",
		words:   []uint32{1, 1, 7, 0x10000},
	},
	{
		name:    "a typedef of the pointer hides it",
		btf:     "1 I int 4 s; 2 S bpf_prog_aux 4 x:1@0; 3 P 2; 4 T aux_t 3; 5 FP 1 a:4; 6 FN f 5",
		parts:   []part{kfuncs("k", "func f 0x10000")},
		wantBTF: "1 P 5; 2 FP 8 a:3; 3 T aux_t 1; 4 DT bpf_kfunc 6; 5 S bpf_prog_aux 4 x:8@0; 6 FN f 2; 7 FN f_impl 2; 8 I int 4 s",
		words:   []uint32{1, 1, 6, 0x10000},
	},
	{
		name:    "implicit arguments before 7.0",
		kernel:  Kernel{6, 12},
		btf:     "1 I int 4 s; 2 S bpf_prog_aux 4 x:1@0; 3 P 2; 4 FP 1 p__arena:3; 5 FN f 4",
		parts:   []part{kfuncs("k", "func f 0x11000")},
		wantBTF: "1 I int 4 s; 2 S bpf_prog_aux 4 x:1@0; 3 P 2; 4 FP 1 p__arena:3; 5 FN f 4; 6 DT bpf_kfunc 5; 7 DT bpf_fastcall 5",
		words:   []uint32{1, 1, 5, 0x11000},
	},
	{
		name:   "no tags before 6.10",
		kernel: Kernel{6, 9},
		btf:    "1 I int 4 s; 2 FP 1; 3 FN f 2; 4 FN a 2",
		parts:  []part{kfuncs("k", "func f 0x1000", "func a 4")},
		words:  []uint32{2, 1, 3, 0x1000, 4, 4},
	},
	{
		name: "arena pointers",
		btf: "1 I int 4 s; 2 P 1; 3 P 0; 4 FP 3 p:2 q:3; 5 FN f 4; 6 FP 0 n:1 a__arena:2 b:2 c__arena__nullable:3; 7 FN g 6; " +
			"8 FP 0 a:1; 9 FN h 8",
		parts: []part{kfuncs("k", "func f 0xe000", "func g", "func h")},
		wantBTF: "1 P 18; 2 P 0; 3 FP 2 p:1 q:2; 4 FP 0 n:18 a__arena:1 b:1 c__arena__nullable:2; 5 FP 0 a:18; 6 P 10; 7 FP 6 p:8 q:6; 8 P 11; " +
			"9 FP 0 n:18 a__arena:8 b:1 c__arena__nullable:6; 10 TT address_space(1) 0 kf; 11 TT address_space(1) 18 kf; " +
			"12 DT bpf_kfunc 15; 13 DT bpf_kfunc 16; 14 DT bpf_kfunc 17; 15 FN f 7; 16 FN g 9; 17 FN h 5; 18 I int 4 s",
		words: []uint32{3, 1, 15, 0xe000, 16, 0, 17, 0},
	},
	{
		name:   "arena pointers before 6.15",
		kernel: Kernel{6, 14},
		btf:    "1 I int 4 s; 2 P 1; 3 FP 2 p:2; 4 FN f 3; 5 DT bpf_kfunc 4",
		parts:  []part{kfuncs("k", "func f 0x6000")},
		words:  []uint32{1, 1, 4, 0x6000},
	},
	{
		name:    "arena pointers that pahole has marked",
		btf:     "1 I int 4 s; 2 TT address_space(1) 1 kf; 3 P 2; 4 FP 3 a__arena:3; 5 FN f 4",
		parts:   []part{kfuncs("k", "func f 0x2000")},
		wantBTF: "1 P 3; 2 FP 1 a__arena:1; 3 TT address_space(1) 6 kf; 4 DT bpf_kfunc 5; 5 FN f 2; 6 I int 4 s",
		words:   []uint32{1, 1, 5, 0x2000},
		differs: "it marks them again",
	},
	{
		name:  "arena pointer that is none",
		btf:   "1 I int 4 s; 2 P 1; 3 T ptr 2; 4 FP 0 a:3; 5 FN f 4",
		parts: []part{kfuncs("k", "func f 0x4000")},
		err:   `kfunc "f": argument 1: type 3 (TYPEDEF) is to point into an arena and is no PTR`,
	},
	{
		name:  "arena return value that is none",
		btf:   "1 FP 0; 2 FN f 1",
		parts: []part{kfuncs("k", "func f 0x2000")},
		err:   `kfunc "f": return value: type 0 (VOID) is to point into an arena and is no PTR`,
	},
	{
		name:    "module: base first, kfuncs of its own only",
		base:    "1 I int 4 s; 2 S s 4 x:1@0; 3 FP 0; 4 FN vm 3; 5 FN both 3",
		btf:     "6 S s 8 y:1@0; 7 FP 1; 8 FN f 7; 9 FN both 7; 10 FN a 3",
		parts:   []part{list("struct s", "func vm"), kfuncs("k", "func f", "func vm", "func both")},
		wantBTF: "6 FP 1; 7 FN a 3; 8 FN both 6; 9 DT bpf_kfunc 11; 10 DT bpf_kfunc 8; 11 FN f 6; 12 S s 8 y:1@0",
		words:   []uint32{2, 4, 3, 1, 4, 0, 5, 0, 11, 0},
		warnings: []string{
			"WARN: resolve_btfids: no BTF func for kfunc vm in k",
			"WARN: multiple IDs found for 'both': 5, 8 - using 5: return value: void and int; 5 is of the base",
		},
	},
	{
		name:     "distilled module",
		distill:  true,
		base:     "1 I int 4 s; 2 S s 4 x:1@0; 3 FP 0; 4 FN vm 3; 5 S far 8 x:2@0; 6 S t 4 x:1@0; 7 P 6",
		btf:      "8 S own 12 x:2@0 p:7@64; 9 FP 1; 10 FN f 9",
		parts:    []part{list("struct s", "func vm", "struct far", "struct own", "struct t", "func none"), kfuncs("k", "func f 0x1000")},
		wantBase: "1 I int 4 s; 2 S s 4; 3 S t 4",
		wantBTF:  "4 FP 1; 5 P 3; 6 DT bpf_fastcall 8; 7 DT bpf_kfunc 8; 8 FN f 4; 9 S own 12 x:2@0 p:5@64",
		words:    []uint32{2, 0, 0, 9, 3, 0, 1, 1, 8, 0x1000},
		warnings: []string{
			"WARN: resolve_btfids: unresolved symbol far: it is a type of the base that the distilled one does not have",
			"WARN: resolve_btfids: unresolved symbol vm: it is a type of the base that the distilled one does not have",
			"WARN: resolve_btfids: unresolved symbol none",
		},
	},
	{
		name:     "distilled module without references to the base",
		distill:  true,
		base:     "1 F double 8; 2 I int 4 s",
		btf:      "3 E e 4 a=1; 4 S b 4 e:3@0",
		parts:    []part{list("struct b")},
		wantBase: "1 I int 4 s",
		wantBTF:  "2 S b 4 e:3@0; 3 E e 4 a=1",
		words:    []uint32{2},
	},
	{
		name:     "distilled module with references to the base only",
		distill:  true,
		base:     "1 I int 4 s; 2 S s 4 x:1@0",
		btf:      "3 FP 1; 4 FN f 3",
		parts:    []part{list("struct s", "func f")},
		wantBase: "1 I int 4 s",
		wantBTF:  "2 FP 1; 3 FN f 2",
		words:    []uint32{0, 3},
		warnings: []string{"WARN: resolve_btfids: unresolved symbol s: it is a type of the base that the distilled one does not have"},
	},
	{
		name:    "distilled before 6.11",
		kernel:  Kernel{6, 10},
		distill: true,
		base:    "1 I int 4 s",
		btf:     "2 P 1",
		err:     "kernel 6.10 knows no distilled base, which came with 6.11",
	},
	{
		name:    "types that are merged, before and after",
		btf:     "1 I int 4 s; 2 P 5; 3 P 1; 4 S s 16 a:2@0 b:3@64; 5 I int 4 s; 6 P 1; 7 T t 6",
		parts:   []part{list("struct s", "typedef t")},
		wantBTF: "1 P 2; 2 I int 4 s; 3 S s 16 a:1@0 b:1@64; 4 T t 1",
		words:   []uint32{3, 4},
	},
}

func TestResolve(t *testing.T) {
	for _, tt := range resolveCases {
		for _, big := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, big %v", tt.name, big), func(t *testing.T) { tt.check(t, big) })
		}
	}
}

func (tt *resolveCase) run(t *testing.T, big bool) (*Result, error) {
	blob, baseBlob := blobs(t, tt.btf, tt.base, big)
	in := Input{BTF: blob}
	if baseBlob != nil {
		in.Base = btf.NewBase(mustRead(t, baseBlob, nil))
	}
	return Resolve(mustReadIDs(t, tt.parts, big), in, Options{Kernel: tt.kernel, Distill: tt.distill})
}

func (tt *resolveCase) check(t *testing.T, big bool) {
	res, err := tt.run(t, big)
	if tt.err != "" {
		if err == nil || err.Error() != tt.err {
			t.Errorf("error %v, want %s", err, tt.err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	base := tt.base
	var baseTable *btf.Table
	if tt.distill {
		base = tt.wantBase
		baseTable = mustRead(t, res.Base, nil)
		if d := cmp.Diff(dumpNote(t, tt.wantBase, "", big), dump(t, baseTable)); d != "" {
			t.Errorf("distilled base, -want +got\n%s", d)
		}
	} else if base != "" {
		_, b := blobs(t, tt.btf, base, big)
		baseTable = mustRead(t, b, nil)
	}
	want := tt.wantBTF
	if want == "" {
		want = tt.btf
	}
	if d := cmp.Diff(strings.Split(dumpNote(t, want, base, big), "\n"), strings.Split(dump(t, mustRead(t, res.BTF, baseTable)), "\n")); d != "" {
		t.Errorf("BTF, -want +got\n%s", d)
	}
	if d := cmp.Diff(tt.words, wordsOf(res.IDs, big)); d != "" {
		t.Errorf(".BTF_ids, -want +got\n%s", d)
	}
	if d := cmp.Diff(tt.warnings, texts(res.Warnings)); d != "" {
		t.Errorf("warnings, -want +got\n%s", d)
	}
}

func wordsOf(b []byte, big bool) (words []uint32) {
	order := binary.ByteOrder(binary.LittleEndian)
	if big {
		order = binary.BigEndian
	}
	for ; len(b) >= 4; b = b[4:] {
		words = append(words, order.Uint32(b))
	}
	return words
}
