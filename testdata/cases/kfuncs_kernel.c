// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the module of kfuncs_module.c takes from its kernel. Its BTF is pahole's, so that there is a base in the
// repository that is not of our making.
//
// build: gcc-x86_64,gcc-s390x,gcc-i686 5 post=pahole

typedef unsigned int u32;
typedef unsigned long long u64;

struct list_head {
	struct list_head *next, *prev;
};

struct task {
	int pid;
	char comm[16];
	u64 start;
	struct list_head tasks;
	struct task *parent;
	u32 exiting : 1;
	u32 traced : 1;
};

struct device {
	const char *name;
	struct device *parent;
	int (*probe)(struct device *device, unsigned long flags);
};

struct task init_task;
struct device root;

int device_attach(struct device *device, unsigned long flags) { return device->probe ? device->probe(device, flags) : -1; }
struct task *find_task(int pid) { return init_task.pid == pid ? &init_task : 0; }
