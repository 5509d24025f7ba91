// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A .BTF_ids section with a kfunc set: header flags bit 0 marks the set, 0x1000 is fastcall. plain
// is in a set without the mark.
//
// build: gcc-x86_64 4,5
// build: gcc-aarch64,gcc-s390x,clang-x86_64 5

__attribute__((used)) int kf_plain(int a) { return a; }
__attribute__((used)) void *kf_fast(void *p) { return p; }
__attribute__((used)) int kf_unmarked(int a) { return a + 1; }

__asm__(".pushsection .BTF_ids,\"a\"\n"
	".balign 4\n"
	".type __BTF_ID__set8__marked, STT_OBJECT\n"
	".globl __BTF_ID__set8__marked\n"
	"__BTF_ID__set8__marked:\n"
	".long 2, 1\n"
	"__BTF_ID__func__kf_plain__1: .long 0, 0\n"
	".size __BTF_ID__func__kf_plain__1, 4\n"
	"__BTF_ID__func__kf_fast__2: .long 0, 0x1000\n"
	".size __BTF_ID__func__kf_fast__2, 4\n"
	".size __BTF_ID__set8__marked, .-__BTF_ID__set8__marked\n"
	"__BTF_ID__set8__unmarked:\n"
	".long 1, 0\n"
	"__BTF_ID__func__kf_unmarked__3: .long 0, 0\n"
	".size __BTF_ID__func__kf_unmarked__3, 4\n"
	".size __BTF_ID__set8__unmarked, .-__BTF_ID__set8__unmarked\n"
	".popsection\n");

// Relocatable too; here, where it moves no line.
// build: gcc-x86_64,gcc-s390x,clang-x86_64 5 as=rel link=no
