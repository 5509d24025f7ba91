// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Four units that share types, with the hard cases: cycles, anonymous types in typedefs, equal
// names with other contents, a difference deep below equal names.
//
// units: 4
// build: gcc-x86_64 4,5
// build: gcc-aarch64,gcc-s390x,gcc-i686,gcc-powerpc,clang-x86_64 5
// build: gcc-x86_64 4,5 as=types -fdebug-types-section
// build: gcc-x86_64 5 as=dwarf64 -gdwarf64

#define GLUE2(a, b) a##b
#define GLUE(a, b) GLUE2(a, b)

struct task;
enum reason { WAKE, SLEEP };
struct mm {
	struct task *owner;
	struct {
		int users;
		union {
			long l;
			void *p;
		};
	} count;
};
struct task {
	struct task *parent;
	struct mm *mm;
	int (*run)(struct task *, enum reason why);
	char comm[16];
	struct varies *v;
};
struct varies {
#if UNIT == 3
	long other;
#else
	int same;
#endif
	struct task *back;
};
typedef struct {
	int counter;
} atomic_t;
typedef struct {
	atomic_t a;
#if UNIT == 4
	char debug;
#endif
} lock_t;
enum { UNNAMED_A, UNNAMED_B };
enum config { CONF_A = UNIT > 2, CONF_B };

struct mm GLUE(mm, UNIT);
struct task GLUE(task, UNIT);
struct varies GLUE(varies, UNIT);
lock_t GLUE(lock, UNIT);
enum config GLUE(config, UNIT) = CONF_B;
int GLUE(anonymous, UNIT) = UNNAMED_B;

int GLUE(run, UNIT)(struct task *t, enum reason why) { return t->mm && why == WAKE; }
lock_t *GLUE(locker, UNIT)(struct task *t, lock_t *l) { return t ? l : 0; }

// Relocatable too; here, where it moves no line.
// build: gcc-x86_64,gcc-s390x,gcc-riscv64,clang-x86_64 5 as=rel link=r
