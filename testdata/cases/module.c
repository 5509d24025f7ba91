// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What makes a file a kernel module, and what modules have: functions at the start of several sections, percpu
// variables, the same strings in two units.
//
// units: 2
// build: gcc-x86_64,gcc-s390x,gcc-riscv64,clang-x86_64 5 link=r

struct device {
	const char *name;
	struct device *parent;
	int (*probe)(struct device *device, unsigned long flags);
};
int device_attach(struct device *device, unsigned long flags);
#if UNIT == 1
struct module {
	char name[56];
	int (*init)(void);
	void (*exit)(void);
};
__attribute__((section(".data..percpu"))) static struct device *current_device;
__attribute__((section(".data..percpu"))) int device_count;
__attribute__((section(".init.text"))) int init_module(void) { return device_attach(current_device, device_count); }
__attribute__((section(".exit.text"))) void cleanup_module(void) { current_device = 0; }
__attribute__((section(".gnu.linkonce.this_module"))) struct module __this_module = {"module", init_module, cleanup_module};
#else
__attribute__((noinline)) static int enabled(const struct device *device) { return device->parent != 0; }
int device_attach(struct device *device, unsigned long flags) { return enabled(device) ? device->probe(device, flags) : -1; }
#endif
