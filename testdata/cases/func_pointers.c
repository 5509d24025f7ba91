// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Function types: variadic, without a prototype, returning functions, taking structs and callbacks.
//
// build: gcc-x86_64 3,4,5
// build: gcc-aarch64,gcc-s390x,gcc-i686,gcc-powerpc,clang-x86_64 5

struct ops {
	int (*open)(struct ops *, const char *name);
	void (*close)(struct ops *);
	long (*ioctl)(struct ops *, unsigned cmd, ...);
	int (*old)();
	void (*(*chain)(int depth))(void);
	void (*walk)(struct ops *, int (*each)(void *item, void *arg), void *arg);
};

typedef void handler_t(int);

static int opened(struct ops *o, const char *name) { return o != 0 && *name; }
static void handle(int n) { (void)n; }

struct ops ops = {.open = opened};
handler_t *handler = handle;
handler_t *table[2] = {handle};
int (*volatile hook)(void);
