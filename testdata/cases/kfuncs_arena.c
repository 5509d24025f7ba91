// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The kfunc flags that put an arena address space on the return type (0x2000) and on the first
// (0x4000) and second (0x8000) parameter, with the feature "attributes".
//
// build: gcc-x86_64,gcc-s390x 5

__attribute__((used)) void *kf_ret(void *p, int n) { return p; }
__attribute__((used)) int kf_args(void *p, long *q) { return p == q; }

__asm__(".pushsection .BTF_ids,\"a\"\n"
	".balign 4\n"
	"__BTF_ID__set8__arena:\n"
	".long 2, 1\n"
	"__BTF_ID__func__kf_ret__1: .long 0, 0x6000\n"
	"__BTF_ID__func__kf_args__2: .long 0, 0xc000\n"
	".size __BTF_ID__set8__arena, .-__BTF_ID__set8__arena\n"
	".popsection\n");
