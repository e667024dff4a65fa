/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * span: the objects of one run of pages.
 *
 * A span of small objects has a bitmap with one bit for each object, set while
 * the object is free, that is, in no cache and not allocated.  The central list
 * of the span's class owns the span and protects it with its lock; a new span
 * belongs to the thread that made it until that thread hands it to the central
 * list.
 */
#ifndef SHIM_SPAN_H
#define SHIM_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pagemap.h"
#include "base/sizeclass.h"

/* What is wrong with a pointer that came back. */
enum span_error {
	SPAN_OK,
	SPAN_INTERIOR,		/* not the first byte of an object */
	SPAN_DOUBLE,		/* the object is already free */
	SPAN_FOREIGN,		/* no span of this class is there */
};

/**
 * span_info - what the objects of a span are
 * @s: any span; one that has no objects, or is not in use, has the first entry
 */
static inline const struct sizeclass *span_info(const struct span *s)
{
	return &sizeclass_info[s->nobjs ? s->sizeclass : 0];
}

/* Bytes of an object of a span that has some. */
static inline uint32_t span_size(const struct span *s)
{
	return sizeclass_info[s->sizeclass].size;
}

/**
 * span_make - get a span of free objects of one class
 * @cls: size class, 1 to SIZECLASS_COUNT
 *
 * The caller owns the span, which is in the page map.  It may be shorter than the
 * spans of its class are, and have fewer objects.
 *
 * Return: the span, every object free, or NULL if there is no memory.
 */
struct span *span_make(unsigned int cls);

/**
 * span_destroy - give a span back to the page heap
 * @s: a span all of whose objects are free, on no list
 */
void span_destroy(struct span *s);

/**
 * span_destroy_purged - the same for one without memory
 * @s: what span_unmesh() has put on the list of those that are gone
 */
void span_destroy_purged(struct span *s);

/**
 * span_set_random - in spans made from now on, begin with any object
 * @size: for objects of up to that many bytes; 0 for none
 *
 * Otherwise all spans would begin with their first object, and the objects that
 * live longest would lie at the same places in all of them.
 */
void span_set_random(size_t size);

/**
 * span_take - take free objects out, by rising address from @rot on
 * @s: the span, no alias
 * @objs: filled in
 * @n: how many at most
 *
 * Return: how many.
 */
unsigned int span_take(struct span *s, void **objs, unsigned int n);

/**
 * span_put - put objects back
 * @s: the span that pagemap_span() names for all of them
 * @objs: the objects
 * @n: how many
 * @err: out: what is wrong with the first object that was not put back, or
 *	SPAN_OK
 *
 * Return: how many were put back, up to the first that is wrong.
 */
unsigned int span_put(struct span *s, void *const *objs, unsigned int n,
		      enum span_error *err);

/**
 * span_put_one - put one object back, if that is as usual
 * @s: the span that pagemap_span() names for it, not NULL
 * @cls: the class that it should be of
 * @p: the object
 *
 * Return: false if nothing was done, as this is for span_put(), or wrong.
 */
static inline bool span_put_one(struct span *s, unsigned int cls, const void *p)
{
	const struct sizeclass *info = &sizeclass_info[cls];
	uint64_t off = (uintptr_t)p - s->start;
	uint64_t idx = off * info->recip >> 32;
	uint64_t bit = (uint64_t)1 << (idx % 64);
	uint64_t *word = s->bitmap + idx / 64;

	if (__builtin_expect(s->sizeclass != cls || s->state != SPAN_INUSE ||
			     idx >= s->nobjs || idx * info->size != off, 0))
		return false;
	if (__builtin_expect((*word & bit) || (s->flags & SPAN_ALIAS), 0))
		return false;
	*word |= bit;
	s->nfree++;
	return true;
}

/**
 * span_put_few - the same for a few, one by one
 * @s: the span that pagemap_span() names for them, not NULL
 * @cls: the class that it should be of
 * @objs: the objects
 * @n: how many
 *
 * Return: how many were put back; the next one is for span_put(), or wrong.
 */
unsigned int span_put_few(struct span *s, unsigned int cls, void *const *objs,
			  unsigned int n);

/**
 * span_is_row - do two objects lie side by side
 * @objs: the first one; it and the next one are of one span
 * @size: their size
 */
static inline bool span_is_row(void *const *objs, uintptr_t size)
{
	uintptr_t step = (uintptr_t)objs[1] - (uintptr_t)objs[0];

	return step == size || step == -size;
}

/**
 * span_check - is a pointer an object that is allocated
 * @s: the span that pagemap_span() names for @p
 * @p: the pointer
 *
 * Return: SPAN_OK, or what is wrong.
 */
enum span_error span_check(const struct span *s, const void *p);

/**
 * span_purge - give the memory of free objects back, page by page
 * @s: the span
 * @refused: out: there would be some, but the page heap does not find it
 *	worthwhile now
 *
 * Return: bytes given back.
 */
size_t span_purge(struct span *s, bool *refused);

/**
 * span_is_valid - check a span's invariants
 * @s: the span
 *
 * The count agrees with the bitmap, no bit is set past the last object, the
 * pagemap names the span for its first and last page.
 *
 * Return: false if one does not hold.
 */
bool span_is_valid(const struct span *s);

#endif /* SHIM_SPAN_H */
