/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shim_region.h: memory that is freed all at once.
 *
 * A region hands out memory by moving a pointer, in eight instructions, and
 * takes all of it back together, for example at the end of a request.  Objects
 * are not freed one by one, but all objects allocated after a mark can be.
 * Works with any malloc() underneath.
 *
 * A region belongs to one thread at a time: no function here takes a lock.  See
 * shim_region(3).  The idea is older than most (obstacks, APR's pools, talloc);
 * what is new here is that a reset gives back memory that the last requests did
 * not need.
 */
#ifndef SHIM_REGION_H
#define SHIM_REGION_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "shim_mark.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SHIM_REGION_ALIGN	16	/* of results of shim_region_alloc() */

struct shim_region_chunk;
struct shim_region_big;
struct shim_region_cleanup;

/**
 * struct shim_region - a region
 * @at: the next free byte, a multiple of SHIM_REGION_ALIGN
 * @end: of the chunk, the same
 *
 * Only the inline functions may touch these; the rest is private.
 */
struct shim_region {
	char *at;
	char *end;
};

/**
 * struct shim_region_mark - a moment in the life of a region
 *
 * From shim_region_mark().  Plain data: may be copied and dropped.
 */
struct shim_region_mark {
	struct shim_region_chunk *chunk;
	char *at;
	struct shim_region_big *big;
	struct shim_region_cleanup *cleanup;
};

/**
 * struct shim_region_stat - a region in numbers
 * @used: bytes handed out since the last reset, including alignment and the
 *	ends of full chunks
 * @held: bytes taken from malloc() or the caller's buffer, including big
 *	objects
 * @high: the highest @used, without big objects, at one of the last eight
 *	resets
 * @chunks: chunks
 * @bigs: objects with an allocation of their own
 * @resets: resets, ever
 */
struct shim_region_stat {
	size_t used;
	size_t held;
	size_t high;
	size_t chunks;
	size_t bigs;
	size_t resets;
};

/* shim_region_new(): each object is a malloc() of its own, see shim_region(3) */
#define SHIM_REGION_DEBUG	(1u << 0)

/**
 * shim_region_free - run the clean-ups and free a region with everything it
 *	handed out
 * @r: the region, or NULL
 */
void shim_region_free(struct shim_region *r shim_takes);

/**
 * shim_region_new - make a region
 * @first: bytes of its first chunk, 0 for 4 KiB
 * @flags: 0 or SHIM_REGION_DEBUG
 *
 * Return: the region, or NULL with errno ENOMEM or EINVAL (unknown flags).
 */
struct shim_region *shim_region_new(size_t first, unsigned int flags)
	shim_gives shim_malloc(shim_region_free, 1);

/**
 * shim_region_at - make a region that begins in the caller's buffer
 * @buf: the buffer, of any alignment; it must outlive the region
 * @len: its length
 *
 * Further memory comes from malloc().  shim_region_free() must still be called;
 * it leaves the buffer alone.
 *
 * Return: the region, which lies in @buf, or NULL with errno EINVAL if @buf is
 * too small for its 256 bytes of records.
 */
struct shim_region *shim_region_at(void *buf, size_t len) shim_gives;

/* The slow halves of the inline functions. */
void *shim_region_more(struct shim_region *r, size_t size);

/**
 * shim_region_alloc - get memory from a region
 * @r: the region
 * @size: bytes; 0 counts as 1
 *
 * Return: memory, aligned to 16 bytes and not initialised, or NULL with errno
 * ENOMEM.
 */
static inline shim_alloc_size(2) shim_must_check
void *shim_region_alloc(struct shim_region *r, size_t size)
{
	char *p = r->at;

	size += !size;
	/* both ends are aligned, so a size that fits also fits rounded up */
	if (__builtin_expect(size > (size_t)(r->end - p), 0))
		return shim_region_more(r, size);
	r->at = p + ((size + SHIM_REGION_ALIGN - 1) &
		     ~(size_t)(SHIM_REGION_ALIGN - 1));
	return p;
}

/**
 * shim_region_calloc - get zeroed memory from a region
 * @r: the region
 * @n: how many
 * @size: bytes each
 *
 * Return: memory, or NULL with errno ENOMEM, also if @n * @size overflows.
 */
static inline shim_alloc_size2(2, 3) shim_must_check
void *shim_region_calloc(struct shim_region *r, size_t n, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(n, size, &bytes))
		bytes = SIZE_MAX;	/* fails, and sets errno */
	p = shim_region_alloc(r, bytes);
	return p ? memset(p, 0, bytes) : NULL;
}

/**
 * shim_region_alloc_aligned - get memory of a stricter alignment
 * @r: the region
 * @size: bytes
 * @align: a power of two
 *
 * Return: memory, or NULL with errno ENOMEM or EINVAL.
 */
void *shim_region_alloc_aligned(struct shim_region *r, size_t size,
				size_t align) shim_alloc_size(2);

/**
 * shim_region_memdup - copy bytes into a region
 * @r: the region
 * @p: the bytes
 * @len: how many
 *
 * Return: the copy, or NULL with errno ENOMEM.
 */
void *shim_region_memdup(struct shim_region *r, const void *p shim_borrows,
			 size_t len)
	shim_alloc_size(3);

/**
 * shim_region_strdup - copy a string into a region
 * @r: the region
 * @s: the string
 *
 * Return: the copy, or NULL with errno ENOMEM.
 */
char *shim_region_strdup(struct shim_region *r, const char *s shim_borrows);

/**
 * shim_region_strndup - copy at most @n bytes of a string
 * @r: the region
 * @s: the string
 * @n: bytes at most, not counting the NUL that is added
 *
 * Return: the copy, or NULL with errno ENOMEM.
 */
char *shim_region_strndup(struct shim_region *r, const char *s shim_borrows,
			  size_t n);

/**
 * shim_region_printf - print into a region
 * @r: the region
 * @fmt: as for printf()
 *
 * Return: the text, or NULL with errno ENOMEM, or that of vsnprintf().
 */
char *shim_region_printf(struct shim_region *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * shim_region_vprintf - print into a region
 * @r: the region
 * @fmt: as for vprintf()
 * @ap: the arguments, which are used up
 *
 * Return: as shim_region_printf().
 */
char *shim_region_vprintf(struct shim_region *r, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

/**
 * shim_region_on_release - register a function that is called when memory is
 *	taken back
 * @r: the region
 * @fn: called by a release to an older mark, a reset or the free, before any
 *	memory is freed; the last registered function is called first.  It must
 *	not use the region
 * @arg: for @fn
 *
 * Return: 0, or -1 with errno ENOMEM and nothing registered.
 */
int shim_region_on_release(struct shim_region *r, void (*fn)(void *arg),
			   void *arg);

/**
 * shim_region_mark - note the current position of a region
 * @r: the region
 *
 * Return: the mark, for shim_region_release().
 */
struct shim_region_mark shim_region_mark(const struct shim_region *r);

/**
 * shim_region_release - take back everything that was handed out since a mark
 * @r: the region
 * @m: of this region, taken since its last reset, and not older than a mark
 *	that was released before.  Marks nest
 *
 * Memory stays with the region.
 */
void shim_region_release(struct shim_region *r shim_borrows,
			 struct shim_region_mark m);

/**
 * shim_region_reset - take back everything
 * @r: the region
 *
 * Runs the clean-ups.  The region keeps as much memory as was in use at most at
 * one of the last eight resets, and up to a quarter more (at least 4 KiB); the
 * rest goes back to malloc().  Earlier marks become invalid.
 */
void shim_region_reset(struct shim_region *r shim_borrows);

/**
 * shim_region_get_stat - a region in numbers
 * @r: the region
 * @st: filled in
 */
void shim_region_get_stat(const struct shim_region *r,
			  struct shim_region_stat *st);

/**
 * shim_region_is_valid - check every invariant of a region, for tests
 * @r: the region
 *
 * Return: false if one does not hold.
 */
bool shim_region_is_valid(const struct shim_region *r);

#ifdef __cplusplus
}
#endif

#endif /* SHIM_REGION_H */
