// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * co_local: variables with a value for each coroutine.
 *
 * Keys are never freed.  The values of the first few keys are in the
 * coroutine's struct co_top; for the others it allocates an array when it first
 * uses one.
 */
#include <errno.h>
#include <stdlib.h>

#include "co.h"

struct shim_co_key {
	void (*destroy)(void *value);
};

static struct shim_co_key keys[CO_LOCALS];
static unsigned int nr_keys;	/* may exceed CO_LOCALS after refusals */

static unsigned int keys_used(void)
{
	unsigned int nr = __atomic_load_n(&nr_keys, __ATOMIC_ACQUIRE);

	return nr < CO_LOCALS ? nr : CO_LOCALS;
}

EXPORT struct shim_co_key *shim_co_key_new(void (*destroy)(void *value))
{
	unsigned int i = __atomic_load_n(&nr_keys, __ATOMIC_RELAXED);

	do {
		if (i >= CO_LOCALS) {
			errno = EAGAIN;
			return NULL;
		}
	} while (!__atomic_compare_exchange_n(&nr_keys, &i, i + 1, false,
					      __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
	keys[i].destroy = destroy;
	return &keys[i];
}

EXPORT void **shim_co_local(struct shim_co_key *key)
{
	size_t i = (size_t)(key - keys);
	struct shim_co *me = co_self();
	struct co_top *top;

	if (!me || i >= keys_used()) {
		errno = EINVAL;
		return NULL;
	}
	top = co_top(me);
	if (i < CO_LOCALS_NEAR)
		return &top->local[i];
	if (!top->locals) {
		top->locals = calloc(CO_LOCALS, sizeof(void *));
		if (!top->locals)
			return NULL;
	}
	return &top->locals[i];
}

static bool locals_destroy(struct co_top *top)
{
	unsigned int i, nr = keys_used();
	bool any = false;
	void **at, *value;

	for (i = 0; i < nr; i++) {
		if (i < CO_LOCALS_NEAR)
			at = &top->local[i];
		else if (top->locals)
			at = &top->locals[i];
		else
			break;
		value = *at;
		*at = NULL;
		if (value && keys[i].destroy) {
			keys[i].destroy(value);
			any = true;
		}
	}
	return any;
}

void co_locals_end(struct shim_co *co)
{
	struct co_top *top = co_top(co);
	int round;

	/*
	 * a destructor may set values again: as many rounds as POSIX has for
	 * threads
	 */
	for (round = 0; round < 4 && locals_destroy(top); round++)
		;
	if (unlikely(top->locals)) {
		free(top->locals);
		top->locals = NULL;
	}
}
