// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pool_magazine: the free objects that each thread keeps of each pool.
 *
 * Keeps true: only its thread reads or writes a magazine.  A magazine whose
 * serial is not that of the pool in its slot holds nothing: its pool was
 * destroyed with all its objects.  When a thread ends, the magazines go back to
 * the pools.
 *
 * No lock.  Called by pool.
 */
#include <pthread.h>
#include <stdlib.h>

#include "pool_magazine.h"

__thread struct magazines *magazines;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int key_error = -1;
static void (*on_end)(unsigned int slot, struct magazine *m);

void magazine_on_end(void (*fn)(unsigned int slot, struct magazine *m))
{
	on_end = fn;
}

static void thread_ends(void *arg)
{
	struct magazines *m = arg;
	unsigned int i;

	magazines = NULL;
	for (i = 0; i < MAGAZINE_POOLS; i++) {
		if (!m->of[i])
			continue;
		on_end(i, m->of[i]);
		free(m->of[i]);
	}
	free(m);
}

static void key_make(void)
{
	key_error = pthread_key_create(&key, thread_ends);
}

struct magazine *magazine_get_maybe_null(unsigned int slot, uint64_t serial)
{
	struct magazines *m = magazines;

	if (!m) {
		pthread_once(&once, key_make);
		if (key_error)
			return NULL;
		m = calloc(1, sizeof(*m));
		if (!m)
			return NULL;
		if (pthread_setspecific(key, m)) {
			free(m);
			return NULL;
		}
		magazines = m;
	}
	if (!m->of[slot]) {
		m->of[slot] = calloc(1, sizeof(*m->of[slot]));
		if (!m->of[slot])
			return NULL;
	}
	if (m->of[slot]->serial != serial) {
		m->of[slot]->serial = serial;
		m->of[slot]->n = 0;
	}
	return m->of[slot];
}
