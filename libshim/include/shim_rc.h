/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shim_rc.h: counted references.
 *
 * An object that several owners share goes with its last one.  Counts are plain
 * numbers, for objects of one thread, or atomic, as the type says.  Weak
 * references do not keep an object.  Objects of types that may refer to each other
 * in circles can be collected: trial deletion, after Bacon and Rajan.
 *
 * Works with any malloc() underneath.  See shim_rc(3).
 */
#ifndef SHIM_RC_H
#define SHIM_RC_H

#include <stddef.h>
#include <stdint.h>

#include "shim_mark.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SHIM_RC_ATOMIC	(1u << 0)	/* any thread gets and puts */
#define SHIM_RC_CYCLIC	(1u << 1)	/* may be part of a circle: needs trace */

/**
 * struct shim_rc_type - what is common to objects
 * @name: for reports
 * @size: bytes in an object
 * @flags: SHIM_RC_ATOMIC or SHIM_RC_CYCLIC, not both: the objects of a circle
 *	belong to the thread that made them
 * @trace: calls @visit with each counted reference that the object owns, NULL ones
 *	may be left out; the same ones each time.  They are put when the object
 *	goes.  NULL if there are none
 * @fini: called before the object goes, its references being there still; it may
 *	not get a reference to the object, nor keep one to what goes along with
 *	it.  May be NULL
 *
 * Constant.
 */
struct shim_rc_type {
	const char *name;
	size_t size;
	unsigned int flags;
	void (*trace)(void *obj, void (*visit)(void *child, void *arg),
		      void *arg);
	void (*fini)(void *obj);
};

/* Before each object: 16 bytes.  Private. */
struct shim_rc {
	uint32_t count;
	uint32_t bits;		/* not 0: put must look closer */
	uintptr_t type;
};

struct shim_weak;

/* What the inline functions cannot do. */
void shim_rc_last(void *p);
void shim_rc_put_cyclic(void *p);
void shim_rc_overflow(void *p) __attribute__((noreturn, cold));

static inline struct shim_rc *shim_rc_head(void *p)
{
	return (struct shim_rc *)p - 1;
}

/**
 * shim_rc_put_plain - let go of an object of a type without flags
 * @p: the object
 */
static inline void shim_rc_put_plain(void *p shim_takes)
{
	if (__builtin_expect(!--shim_rc_head(p)->count, 0))
		shim_rc_last(p);
}

/**
 * shim_rc_put_atomic - let go of an object of an atomic type
 * @p: the object
 */
static inline void shim_rc_put_atomic(void *p shim_takes)
{
	/* acquire: the last one sees what all others did with the object */
	if (__builtin_expect(__atomic_sub_fetch(&shim_rc_head(p)->count, 1,
						__ATOMIC_ACQ_REL) == 0, 0))
		shim_rc_last(p);
}

#define SHIM_RC_BIT_ATOMIC	1u
#define SHIM_RC_BIT_CYCLIC	2u

/**
 * shim_rc_put - let go of an object
 * @p: the object, or NULL
 *
 * The last to do so frees it, and puts what it refers to.
 */
static inline void shim_rc_put(void *p shim_takes)
{
	if (!p)
		return;
	if (shim_rc_head(p)->bits & SHIM_RC_BIT_ATOMIC)
		shim_rc_put_atomic(p);
	else if (shim_rc_head(p)->bits)
		shim_rc_put_cyclic(p);
	else
		shim_rc_put_plain(p);
}

/**
 * shim_rc_new - make an object
 * @type: its type
 *
 * Return: the object, zeroed, with one reference, or NULL with errno ENOMEM, or
 * EINVAL for a type that cannot be.
 */
void *shim_rc_new(const struct shim_rc_type *type)
	shim_gives __attribute__((malloc)) shim_must_check;

/**
 * shim_rc_get_plain - another reference to an object of a type without flags
 * @p: the object
 *
 * Return: @p.
 */
static inline shim_gives void *shim_rc_get_plain(void *p shim_borrows)
{
	struct shim_rc *h = shim_rc_head(p);

	h->count++;
	if (__builtin_expect((int32_t)h->count < 0, 0))
		shim_rc_overflow(p);
	return p;
}

/**
 * shim_rc_get_atomic - another reference to an object of an atomic type
 * @p: the object
 *
 * Return: @p.
 */
static inline shim_gives void *shim_rc_get_atomic(void *p shim_borrows)
{
	uint32_t n = __atomic_add_fetch(&shim_rc_head(p)->count, 1,
					__ATOMIC_RELAXED);

	if (__builtin_expect((int32_t)n < 0, 0))
		shim_rc_overflow(p);
	return p;
}

/**
 * shim_rc_get - another reference to an object
 * @p: the object, or NULL
 *
 * More than 2 thousand million references are reported and the process aborted.
 *
 * Return: @p.
 */
static inline shim_gives void *shim_rc_get(void *p shim_borrows)
{
	if (!p)
		return p;
	return shim_rc_head(p)->bits & SHIM_RC_BIT_ATOMIC ?
		shim_rc_get_atomic(p) : shim_rc_get_plain(p);
}

/**
 * shim_rc_set - change a reference that is kept somewhere
 * @slot: pointer to the reference
 * @p: what it is to be, a new reference is taken; or NULL
 *
 * What it was is put.  The slot itself is the caller's to guard.
 */
#define shim_rc_set(slot, p) (__extension__ ({				\
	__typeof__(slot) shim_slot_ = (slot);				\
	void *shim_old_ = *shim_slot_;					\
									\
	*shim_slot_ = (__typeof__(*shim_slot_))shim_rc_get(p);		\
	shim_rc_put(shim_old_);						\
}))

/**
 * shim_rc_count - how many references an object has
 * @p: the object
 *
 * For tests and reports.
 */
static inline uint32_t shim_rc_count(void *p shim_borrows)
{
	return __atomic_load_n(&shim_rc_head(p)->count, __ATOMIC_RELAXED);
}

/**
 * shim_weak_free - let go of a weak reference
 * @w: from shim_weak_new(), or NULL
 */
void shim_weak_free(struct shim_weak *w shim_takes);

/**
 * shim_weak_new - a reference that does not keep an object
 * @p: the object, of which the caller has a reference
 *
 * All weak references to an object share 24 bytes, made with the first.
 *
 * Return: the weak reference, or NULL with errno ENOMEM.
 */
struct shim_weak *shim_weak_new(void *p shim_borrows)
	shim_gives shim_malloc(shim_weak_free, 1);

/**
 * shim_weak_get - get a reference, if the object still exists
 * @w: the weak reference
 *
 * Return: the object, with one more reference, or NULL.
 */
void *shim_weak_get(struct shim_weak *w shim_borrows)
	shim_gives shim_must_check;

/**
 * shim_rc_collect - free cycles to which there is no reference from outside
 *
 * For this thread's objects of cyclic types.  Also runs automatically, when an
 * eighth of these objects, but at least 64 and at most 4096, may be part of
 * such cycles.
 *
 * Return: objects freed, or -1 with errno ENOMEM and nothing done.
 */
long shim_rc_collect(void);

#ifdef __cplusplus
}
#endif

#endif /* SHIM_RC_H */
