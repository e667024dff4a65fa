/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shim_pool.h: objects of one size, made once and used often.
 *
 * A pool hands out objects that its constructor has initialised, and takes them
 * back as they are: an object stays constructed between two users, as in the
 * kernel's slab allocator (Bonwick), from which the idea comes.  Each thread
 * keeps up to 16 objects of a pool, and takes a lock only for every eighth.
 *
 * Works with any malloc() underneath; any thread may get and put.  See
 * shim_pool(3).
 */
#ifndef SHIM_POOL_H
#define SHIM_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "shim_mark.h"

#ifdef __cplusplus
extern "C" {
#endif

struct shim_pool;

/**
 * struct shim_pool_ops - what a pool does with its objects; all may be NULL
 * @ctor: initialises an object in new memory; if it returns nonzero,
 *	shim_pool_get() fails
 * @dtor: undoes @ctor before the memory is freed
 * @arg: for both
 *
 * Called with no lock of the pool held; they must not use the same pool.
 */
struct shim_pool_ops {
	int (*ctor)(void *obj, void *arg);
	void (*dtor)(void *obj, void *arg);
	void *arg;
};

/**
 * struct shim_pool_stat - a pool in numbers
 * @size: bytes in an object, rounded up
 * @live: objects handed out, including those that threads keep
 * @made: objects that exist
 * @bytes: memory that they take
 */
struct shim_pool_stat {
	size_t size;
	size_t live;
	size_t made;
	size_t bytes;
};

/**
 * shim_pool_free - free a pool with all its objects
 * @pool: the pool, or NULL; none of its objects may be in use
 *
 * Runs the destructor on every object, including those that threads keep and
 * those that were not put back.
 */
void shim_pool_free(struct shim_pool *pool shim_takes);

/**
 * shim_pool_new - make a pool
 * @size: bytes in an object, not 0
 * @align: of an object, a power of two up to 4096; 0 for malloc()'s 16
 * @ops: copied; NULL for none
 *
 * Return: the pool, or NULL with errno EINVAL or ENOMEM.
 */
struct shim_pool *shim_pool_new(size_t size, size_t align,
				const struct shim_pool_ops *ops)
	shim_gives shim_malloc(shim_pool_free, 1);

/**
 * shim_pool_get - get an object
 * @pool: the pool
 *
 * Return: the object, as its last user or the constructor left it, or NULL with
 * errno ENOMEM or the errno of the constructor.
 */
void *shim_pool_get(struct shim_pool *pool shim_borrows)
	shim_gives shim_must_check;

/**
 * shim_pool_put - give an object back
 * @pool: the pool
 * @obj: from shim_pool_get() of the same pool, by any thread, or NULL
 *
 * An object that is not out is reported and the process aborted, now or when
 * the thread's objects go back to the pool.
 */
void shim_pool_put(struct shim_pool *pool shim_borrows, void *obj shim_takes);

/**
 * shim_pool_shrink - give memory back of which no object is in use
 * @pool: the pool
 *
 * What other threads have at hand counts as in use.
 *
 * Return: bytes given back.
 */
size_t shim_pool_shrink(struct shim_pool *pool shim_borrows);

/**
 * shim_pool_get_stat - a pool in numbers
 * @pool: the pool
 * @st: filled in
 */
void shim_pool_get_stat(struct shim_pool *pool shim_borrows,
			struct shim_pool_stat *st shim_borrows);

/**
 * shim_pool_is_valid - check every invariant of a pool, for tests
 * @pool: the pool
 *
 * Return: false if one does not hold.
 */
bool shim_pool_is_valid(struct shim_pool *pool shim_borrows);

#ifdef __cplusplus
}
#endif

#endif /* SHIM_POOL_H */
