// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The unit that conflicts.c is in conflict with.

struct list_head {
	struct list_head *next, *prev;
};

struct session {
	struct list_head list;
	long users;
};
typedef long handle;

struct session session_other;
handle handle_other;

static inline int differs(long x) { return (int)x * 3; }
int entry_other(int n) { return differs(n); }
