/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fail: the n-th allocation fails.  Linked with --wrap, see the Makefile.
 */
#ifndef SELFTESTS_BOX_FAIL_H
#define SELFTESTS_BOX_FAIL_H

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/*
 * How many allocations succeed before one fails; counts down.  Negative: none
 * fails.
 */
static long fail_after = -1;
/* Allocations and frees that went through. */
static long fail_allocs, fail_frees;
/* The most that malloc() was asked for at once. */
static size_t fail_largest;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void __wrap_free(void *p);

static bool fail_now(void)
{
	if (fail_after < 0 || fail_after--)
		return false;
	errno = ENOMEM;
	return true;
}

static void *fail_count(void *p)
{
	if (p)
		__atomic_fetch_add(&fail_allocs, 1, __ATOMIC_RELAXED);
	return p;
}

void *__wrap_malloc(size_t size)
{
	if (size > fail_largest)
		fail_largest = size;
	return fail_now() ? NULL : fail_count(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fail_now() ? NULL : fail_count(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t size)
{
	void *q = fail_now() ? NULL : __real_realloc(p, size);

	return p ? q : fail_count(q);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
	return fail_now() ? NULL : fail_count(__real_aligned_alloc(align, size));
}

/* What is freed is overwritten, so that whoever uses it after notices. */
void __wrap_free(void *p)
{
	if (p) {
		__atomic_fetch_add(&fail_frees, 1, __ATOMIC_RELAXED);
		memset(p, 0xdd, malloc_usable_size(p));
	}
	__real_free(p);
}

/* Allocations that were not freed. */
static inline long fail_live(void)
{
	return fail_allocs - fail_frees;
}

#endif
