// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Types inside functions and blocks, and inside parameter lists, are types of the file too.
//
// build: gcc-x86_64 4,5
// build: gcc-s390x,clang-x86_64 5

int outer(int n)
{
	enum phase { START = 1, STOP } ph = n ? START : STOP;
	struct frame {
		int depth;
		enum phase ph;
	} f = {n, ph};
	volatile struct frame keep = f;
	typedef struct frame frame_t;

	for (int i = 0; i < n; i++) {
		struct frame {
			long shadowed;
		} inner = {i};
		volatile struct frame keep2 = inner;

		n -= keep2.shadowed;
	}
	frame_t g = {keep.depth, STOP};
	volatile frame_t keep3 = g;
	return keep3.depth;
}

int returns(union in_params {
	int i;
	char c[4];
} u)
{
	return u.i;
}
