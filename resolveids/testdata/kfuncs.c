// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Two sets of kfuncs with the same functions in opposite order, and a set8 of something else. Flags: 0x1000 fastcall, 0x2000 the
// return value, 0x4000 and 0x8000 an argument points into an arena, 0x10000 arguments that the verifier supplies.

#include "ids.h"

struct bpf_prog_aux { int id; };
struct other { int id; };

int quick(int a) { return a; }
void *arena(void *p, void *q, int n) { return n ? p : q; }
void by_name(struct other *o, void *mem__arena, void *end__arena__nullable) { o->id = mem__arena == end__arena__nullable; }
int supplied(int a, struct bpf_prog_aux *aux) { return a + aux->id; }
int shares_its_type(int a, struct bpf_prog_aux *aux) { return a - aux->id; }
int both(void *mem__arena, const struct bpf_prog_aux *const aux, int b) { return mem__arena != 0 && aux->id == b; }
int legacy_impl(int a, struct bpf_prog_aux *aux) { return a * aux->id; }
int legacy(int a) { return a; }
int plain(int a) { return -a; }

SET8(one, 1);
ID_FLAGS(func, plain, 0x4);
ID_FLAGS(func, quick, 0x1000);
ID_FLAGS(func, arena, 0xe000);
ID_FLAGS(func, by_name, 0);
ID_FLAGS(func, supplied, 0x10005);
ID_FLAGS(func, both, 0x11000);
ID_FLAGS(func, legacy, 0x10000);
ID_FLAGS(func, nowhere, 0x20);
SET8_END(one);

SET8(two, 1);
ID_FLAGS(func, legacy, 0x10000);
ID_FLAGS(func, both, 0x11000);
ID_FLAGS(func, supplied, 0x10005);
ID_FLAGS(func, by_name, 0);
ID_FLAGS(func, arena, 0xe000);
ID_FLAGS(func, quick, 0x1000);
ID_FLAGS(func, plain, 0x4);
SET8_END(two);

SET8(hooks, 0);
ID_FLAGS(func, shares_its_type, 0x10000);
ID_FLAGS(struct, other, 0x3);
SET8_END(hooks);

SET8(nothing, 1);
SET8_END(nothing);
