// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * entry_size: changing the size of an object, and reporting it.
 *
 * Called by the application.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/compound.h"
#include "base/conf.h"
#include "entry.h"
#include "base/error.h"
#include "base/guard.h"
#include "span/large.h"
#include "base/pagemap.h"
#include "base/prof.h"

/* glibc 2.36's headers do not have these of C23. */
void free_sized(void *p, size_t size);
void free_aligned_sized(void *p, size_t align, size_t size);

size_t entry_size(const void *p)
{
	unsigned int cls = pagemap_class(p);

	if (likely(cls - 1 < SIZECLASS_COUNT))
		return sizeclass_info[cls].size;
	if (cls == PAGEMAP_COMPOUND)
		return compound_size(p);
	if (cls == PAGEMAP_LARGE)
		return large_size(p);
	if (guard_owns(p))
		return guard_size(p);
	entry_unknown(p);
}

/*
 * Does the new size fit the small object without wasting more than half of it?
 */
static bool fits(size_t have, size_t size)
{
	return size <= have && (have <= SIZECLASS_MAX ? size >= have / 2 :
						       false);
}

/* An object that was asked for with room behind it. */
static __attribute__((noinline)) void use_part(void *p, size_t size)
{
	if (pagemap_class(p) == PAGEMAP_LARGE)
		large_used(p, size);
}

static void *move(void *p, size_t have, size_t size)
{
	size_t room = have > SIZECLASS_MAX ? large_room(have, size) : size;
	void *q = malloc(room);

	if (!q && room > size)
		q = malloc(size);
	if (!q)
		return NULL;
	if (room > size)
		use_part(q, size);
	memcpy(q, p, have < size ? have : size);
	free(p);
	return q;
}

/* Make a large object longer or shorter in place. Return: NULL if it is to be copied. */
static __attribute__((noinline)) void *in_place(void *p, size_t have, size_t size)
{
	if (pagemap_class(p) != PAGEMAP_LARGE)
		return NULL;
	if (size > have) {
		entry_look(size - have);
		if (percpu_is_deep() && large_is_dry(size - have))
			percpu_shed();
	}
	return large_resize(p, size);
}

/* A sample that has to be copied stays a sample in its new place. */
static void *move_sample(void *p, size_t have, size_t size)
{
	bool zero;
	void *q = large_alloc(size, 0, &zero);

	if (q)
		memcpy(q, p, have < size ? have : size);
	return q;
}

/*
 * realloc() while there is a profile.  An object that is no sample is counted
 * by the size of its class, because the requested size is not recorded.
 */
static __attribute__((noinline)) void *realloc_counted(void *p, size_t have,
						       size_t size)
{
	bool large = pagemap_class(p) == PAGEMAP_LARGE;
	struct prof_stack *stack = large ? large_sample_end(p) : NULL;
	size_t was = large ? large_asked(p) : have, to = size, more, room;
	void *q = NULL;

	if (stack && size < was && !prof_keeps(was, size)) {
		prof_drop(stack, was);
		stack = NULL;
	}
	if (stack) {
		q = in_place(p, have, size);
		if (!q) {
			q = move_sample(p, have, size);
			if (q)
				large_free(p);
		}
		if (q)
			stack = prof_resize(stack, was, size);
		large_sampled(q ? q : p, stack);
		return q;
	}
	if (!large && fits(have, size) && !shim_conf.guard)
		return p;
	if (size <= SIZECLASS_MAX)
		to = sizeclass_info[sizeclass_of(size)].size;
	more = to > was ? to - was : 0;
	if (large && size > SIZECLASS_MAX)
		q = in_place(p, have, size);
	if (q) {
		if (more && prof_tick(more))
			stack = prof_take(size);
		if (stack)
			large_sampled(q, stack);
		return q;
	}
	/* malloc() counts the whole request */
	room = have > SIZECLASS_MAX ? large_room(have, size) : size;
	prof_left += (int64_t)(room - (more < room ? more : room));
	return move(p, have, size);
}

/*
 * Copy an object into another one.  Both are multiples of 16 bytes, to which they
 * are aligned as well, so a few of them need no call.
 */
static inline void copy_small(void *to, const void *from, size_t n)
{
	typedef uint64_t chunk __attribute__((vector_size(16), may_alias));
	const chunk *s = from;
	chunk *d = to;

	switch ((n + 15) / 16) {
	case 4:
		d[3] = s[3];
		__attribute__((fallthrough));
	case 3:
		d[2] = s[2];
		__attribute__((fallthrough));
	case 2:
		d[1] = s[1];
		__attribute__((fallthrough));
	case 1:
		d[0] = s[0];
		return;
	}
	memcpy(to, from, n);
}

static void *realloc_any(void *p, size_t size);

/*
 * What realloc() below leaves: an object of a class stays or moves to one of up to
 * 32 KiB, and a large one stays if no page comes or goes.
 */
static __attribute__((noinline)) void *realloc_class(void *p, size_t size,
						     size_t cls)
{
	size_t last = size - 1;
	void *q;

	/* 0 while every request must be seen; size 0 is above ENTRY_MAX here */
	if (unlikely(!percpu_hot.mid_max || last >= ENTRY_MAX))
		return realloc_any(p, size);
	if (cls >= PAGEMAP_LARGE && size > SIZECLASS_MAX / 2 &&
	    large_stays(p, size))
		return p;
	if (unlikely(cls - 1 >= SIZECLASS_COUNT ||
		     last - SIZECLASS_SMALL_MAX >= percpu_hot.mid_max))
		return realloc_any(p, size);
	if (fits(sizeclass_info[cls].size, size))
		return p;
	q = percpu_pop(sizeclass_mid[last / SIZECLASS_MID_STEP]);
	if (unlikely(!q))
		return realloc_any(p, size);
	memcpy(q, p, sizeclass_info[cls].size < size ?
			     sizeclass_info[cls].size : size);
	if (unlikely(!percpu_push(cls, p)))
		entry_free(p);
	return q;
}

/*
 * Move an object of a class to one of up to 1 KiB.  Apart from realloc(), which
 * would save registers for it on all of its ways.
 */
static __attribute__((noinline)) void *realloc_small(void *p, size_t size,
						     size_t cls)
{
	size_t have = sizeclass_info[cls].size;
	void *q = percpu_pop_small((size - 1) / SIZECLASS_SMALL_STEP);

	if (unlikely(!q))
		return realloc_any(p, size);
	copy_small(q, p, have < size ? have : size);
	if (unlikely(!percpu_push(cls, p)))
		entry_free(p);
	return q;
}

/*
 * The fast path: an object of a class stays or moves to one of up to 1 KiB, by
 * the sequences of malloc() and free().  What takes more is left to
 * realloc_class() and realloc_any(), with nothing done.
 */
SHIM_EXPORT void *realloc(void *p, size_t size)
{
	uintptr_t entry;
	size_t cls;

	if (likely(pagemap_is_near((uintptr_t)p))) {
		cls = pagemap_class_near((uintptr_t)p);
	} else {
		/* NULL is not a multiple of 16 in the heap, either */
		entry = pagemap_entry_aligned((uintptr_t)p);
		if (unlikely(!entry))
			return realloc_any(p, size);
		cls = __atomic_load_n((uint8_t *)(entry +
						  ((uintptr_t)p >> PAGE_SHIFT)),
				      __ATOMIC_RELAXED);
	}
	if (unlikely(size - 1 >= percpu_hot.small_max ||
		     cls - 1 >= SIZECLASS_COUNT))
		return realloc_class(p, size, cls);
	if (fits(sizeclass_info[cls].size, size))
		return p;
	return realloc_small(p, size, cls);
}

static __attribute__((noinline)) void *realloc_any(void *p, size_t size)
{
	size_t have;
	int saved;
	void *q;

	if (!p)
		return malloc(size);
	if (!size) {
		free(p);
		return NULL;
	}
	if (unlikely(size > ENTRY_MAX)) {
		errno = ENOMEM;
		return NULL;
	}
	have = entry_size(p);
	saved = size > have ? 0 : errno;	/* restored at the end */
	if (unlikely(shim_conf.profile)) {
		q = realloc_counted(p, have, size);
	} else {
		/*
		 * an array whose size varies around the largest class is not
		 * copied back and forth
		 */
		if (size > SIZECLASS_MAX / 2) {
			q = in_place(p, have, size);
			if (q)
				return q;
		}
		if (fits(have, size) && !shim_conf.guard)
			return p;
		q = move(p, have, size);
	}
	if (q || size > have)
		return q;
	/* shrinking never fails: the object is large enough as it is */
	errno = saved;
	return p;
}

SHIM_EXPORT void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (unlikely(__builtin_mul_overflow(n, size, &bytes))) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(p, bytes);
}

/*
 * Programs that account for their memory, as redis, call it with each object, so
 * that it is the last regular call of one that has become idle.  It has no fast path
 * that could be closed, and looks at the clock in every sixteenth call of a thread; in
 * one that makes many in a moment, in fewer.  A tick may be due once the clock, the
 * coarse one, has moved.  It waits for no lock, and leaves the work of the layers above
 * to requests.
 */
#define SIZE_CALLS	16
#define SIZE_CALLS_MOST	128

/**
 * struct size_look - when a thread looks for a tick
 * @calls: that are left until it does
 * @every: how many calls there are between two looks
 * @ns: the time of the last one
 */
struct size_look {
	int calls;
	int every;
	uint64_t ns;
};

static __thread struct size_look size_look __attribute__((tls_model("initial-exec")));

static __attribute__((noinline, cold)) void look_for_tick(void)
{
	uint64_t now = clock_coarse();

	if (now != size_look.ns) {
		size_look.ns = now;
		size_look.every = SIZE_CALLS;
		percpu_ask();
	} else if (size_look.every < SIZE_CALLS_MOST) {
		size_look.every *= 2;
	}
	size_look.calls = size_look.every;
}

SHIM_EXPORT size_t malloc_usable_size(void *p)
{
	unsigned int cls;

	if (unlikely(--size_look.calls < 0))
		look_for_tick();
	if (likely(pagemap_is_near((uintptr_t)p))) {
		cls = pagemap_class_near((uintptr_t)p);
		if (likely(cls - 1 < SIZECLASS_COUNT))
			return sizeclass_info[cls].size;
	}
	return p ? entry_size(p) : 0;
}

/* The caller states the size; the page map has the real one. */
SHIM_EXPORT void free_sized(void *p, size_t size)
{
	if (unlikely(shim_conf.check) && p && size > entry_size(p))
		shim_die(SHIM_DIE_SIZE, p, pagemap_class(p));
	free(p);
}

SHIM_EXPORT void free_aligned_sized(void *p, size_t align, size_t size)
{
	if (unlikely(shim_conf.check) && align && ((uintptr_t)p & (align - 1)))
		shim_die(SHIM_DIE_SIZE, p, pagemap_class(p));
	free_sized(p, size);
}

extern __typeof__(realloc) __libc_realloc ENTRY_ALIAS(realloc);
