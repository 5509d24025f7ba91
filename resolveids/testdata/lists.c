// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Every kind in lists of both scopes, with a word that is not in use, and in a set; a name that nothing has; an empty set.

#include "ids.h"

struct inner { int x; };
union either { int i; long l; };
typedef struct inner named;
struct outer { struct inner in; union either e; named *n; struct declared *d; };

int second(struct outer *o) { return o->in.x; }
int first(named *n) { return n->x + 1; }

LIST(local_list);
ID(func, second);
UNUSED;
ID(struct, outer);
ID(union, either);
ID(typedef, named);
ID(struct, declared);
ID(func, missing__with__underscores);

GLOBAL_LIST(global_list);
ID(struct, inner);
ID(func, first);
ID(func, second);

SET(sorted);
ID(func, second);
ID(func, first);
ID(func, missing__with__underscores);
SET_END(sorted);

SET(empty);
SET_END(empty);
