/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pool_magazine: the free objects that each thread keeps of each pool.
 */
#ifndef SHIM_POOL_MAGAZINE_H
#define SHIM_POOL_MAGAZINE_H

#include <stdint.h>

#define MAGAZINE_OBJS	16
#define MAGAZINE_POOLS	64	/* pools with magazines; the others take their lock */

/**
 * struct magazine - free objects of one pool, a thread's
 * @serial: of the pool; if it differs, the objects no longer exist
 * @n: how many
 * @obj: the objects
 */
struct magazine {
	uint64_t serial;
	uint32_t n;
	void *obj[MAGAZINE_OBJS];
};

/* A thread's magazines, made when it first needs one. */
struct magazines {
	struct magazine *of[MAGAZINE_POOLS];
};

extern __thread struct magazines *magazines
	__attribute__((visibility("hidden"), tls_model("initial-exec")));

/**
 * magazine_get_maybe_null - this thread's magazine of a pool, made if there is
 *	none
 * @slot: of the pool, below MAGAZINE_POOLS
 * @serial: the pool's
 *
 * Return: the magazine, or NULL if there is no memory for it.
 */
struct magazine *magazine_get_maybe_null(unsigned int slot, uint64_t serial);

/* The fast half. */
static inline struct magazine *magazine_here(unsigned int slot, uint64_t serial)
{
	struct magazines *m = magazines;

	if (__builtin_expect(m && m->of[slot] &&
			     m->of[slot]->serial == serial, 1))
		return m->of[slot];
	return magazine_get_maybe_null(slot, serial);
}

/**
 * magazine_on_end - set the function that takes back the objects of a thread
 *	that ends
 * @fn: called with a pool's slot and the thread's magazine of it
 *
 * Called before the first magazine is made.
 */
void magazine_on_end(void (*fn)(unsigned int slot, struct magazine *m));

#endif /* SHIM_POOL_MAGAZINE_H */
