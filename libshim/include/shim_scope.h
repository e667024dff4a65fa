/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shim_scope.h: resources that are freed when the scope of their variable ends.
 *
 *	shim_auto(free) char *line = NULL;		freed on every way out
 *	shim_auto(fclose) FILE *f = fopen(...);
 *	return shim_take(line);				moved out, not freed
 *
 *	SHIM_SCOPE_REGION(r) {				a region for a block
 *		...
 *	}
 *
 * Uses the cleanup attribute of gcc and clang, as the kernel's cleanup.h and
 * systemd do.  Headers only.  See shim_scope(3).
 */
#ifndef SHIM_SCOPE_H
#define SHIM_SCOPE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "shim_mark.h"
#include "shim_region.h"

/**
 * SHIM_AUTO_DEFINE - tell shim_auto() how to free something
 * @name: the name to use with shim_auto()
 * @type: of the variable
 * @free_stmt: a statement that frees it; the variable is shim_it
 *
 * At file scope.  It is not called for a variable that is 0 or NULL.
 */
#define SHIM_AUTO_DEFINE(name, type, free_stmt)				\
static inline __attribute__((unused)) void shim_auto_##name(type *p)	\
{									\
	type shim_it = *p;						\
									\
	if (shim_it)							\
		free_stmt;						\
}									\
struct shim_auto_semicolon_##name

/**
 * shim_auto - free a variable when its scope ends
 * @name: from a SHIM_AUTO_DEFINE(); free, fclose, shim_region_free and vec are
 *	defined here
 *
 * To be written before the declaration.  The variable must be initialised.
 */
#define shim_auto(name)		__attribute__((cleanup(shim_auto_##name)))

/**
 * shim_take - move out of a variable
 * @v: the variable; it is NULL afterwards
 *
 * Return: its former value, which the receiver owns.
 */
#define shim_take(v) (__extension__ ({				\
	__typeof__(v) *shim_from_ = &(v);				\
	__typeof__(v) shim_it_ = *shim_from_;				\
									\
	*shim_from_ = NULL;						\
	shim_it_;							\
}))

/* Any pointer of malloc(): the variable's own type does not matter. */
static inline __attribute__((unused)) void shim_auto_free(void *p)
{
	void *it;

	memcpy(&it, p, sizeof(it));
	free(it);
}

/* Any SHIM_SLICE(). */
static inline __attribute__((unused)) void shim_auto_vec(void *p)
{
	struct { void *p; size_t len; size_t cap; } slice;

	memcpy(&slice, p, sizeof(slice));
	if (slice.cap)
		free(slice.p);
}

SHIM_AUTO_DEFINE(fclose, FILE *, fclose(shim_it));
SHIM_AUTO_DEFINE(shim_region_free, struct shim_region *,
		 shim_region_free(shim_it));

/* A file descriptor; -1 means none. */
static inline __attribute__((unused)) void shim_auto_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* A part of a region that is freed when the scope ends. */
struct shim_scope_mark {
	struct shim_region *r;
	struct shim_region_mark m;
};

static inline __attribute__((unused))
struct shim_scope_mark shim_scope_mark(struct shim_region *r)
{
	struct shim_scope_mark s = { r, shim_region_mark(r) };

	return s;
}

static inline __attribute__((unused))
void shim_auto_mark(struct shim_scope_mark *s)
{
	shim_region_release(s->r, s->m);
}

/**
 * SHIM_SCOPE_REGION - a block with its own region
 * @r: the name of a struct shim_region pointer in it, NULL if there is no memory
 *
 * A block follows.  The region is freed when it is left, including by return,
 * break or goto.
 */
#define SHIM_SCOPE_REGION(r)						\
	for (struct shim_region *r					\
	     __attribute__((cleanup(shim_auto_shim_region_free))) =	\
	     shim_region_new(0, 0), *shim_once_##r = NULL;		\
	     !shim_once_##r;						\
	     shim_once_##r = (struct shim_region *)&shim_once_##r)

/**
 * SHIM_SCOPE_MARK - a block whose objects are freed when it is left
 * @region: the region that the block allocates from
 */
#define SHIM_SCOPE_MARK(region)						\
	for (struct shim_scope_mark shim_mark_				\
	     __attribute__((cleanup(shim_auto_mark))) =			\
	     shim_scope_mark(region), *shim_once_ = NULL;		\
	     !shim_once_; shim_once_ = &shim_mark_)

#endif /* SHIM_SCOPE_H */
