// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// btf_type_tag on pointers and btf_decl_tag on everything that takes one: struct, member,
// typedef, variable, function, parameter (encode.md 3.11, 3.12).
//
// build: clang-x86_64 4,5
// build: clang-aarch64,clang-s390x 5

#define TYPE_TAG(x) __attribute__((btf_type_tag(#x)))
#define DECL_TAG(x) __attribute__((btf_decl_tag(#x)))

struct rcu {
	int a;
	int TYPE_TAG(user) *u DECL_TAG(member_u);
	int b DECL_TAG(b_one) DECL_TAG(b_two);
} DECL_TAG(on_struct);

union choice {
	int a DECL_TAG(in_union);
	long b;
} DECL_TAG(on_union);

typedef struct rcu rcu_t DECL_TAG(on_typedef);

struct rcu TYPE_TAG(outer) TYPE_TAG(inner) * tagged;
void TYPE_TAG(percpu) * tagged_void;
const int TYPE_TAG(user) *const *chain;
union choice choice = {1};
rcu_t typed;
int variable DECL_TAG(on_variable) = 1;

int function(struct rcu TYPE_TAG(rcu) * p DECL_TAG(param_zero), int n DECL_TAG(param_one)) DECL_TAG(on_function);
int function(struct rcu TYPE_TAG(rcu) * p, int n) { return p->b + n + variable; }

DECL_TAG(inlined_too) int inlined(int n) { return n * 3; }
int user(int n) { return inlined(n) + (chain && **chain) + (tagged == tagged_void); }
