// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * vec: how slices grow.
 *
 * No state but that of the slice.  Called through the macros of shim_vec.h.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "box.h"
#include "seam/seam.h"
#include "shim_vec.h"

/* How other allocators say what size they would allocate. */
size_t mi_good_size(size_t size) __attribute__((weak));
size_t nallocx(size_t size, int flags) __attribute__((weak));
/* AddressSanitizer allocates exactly what is requested, and guards the rest. */
void __asan_init(void) __attribute__((weak));

/* The layout of every SHIM_SLICE(), whatever its @p points to. */
struct slice {
	void *p;
	size_t len;
	size_t cap;
} __attribute__((may_alias));

_Static_assert(sizeof(struct slice) == 24, "as the header says");

BOX_EXPORT size_t shim_good_size(size_t size)
{
	const size_t word = sizeof(size_t);

	if (size > PTRDIFF_MAX)
		return size;
	size += !size;
	if (box_has_seam())
		return seam_good_size(size);
	if (__asan_init)
		return size;
	if (mi_good_size)
		return mi_good_size(size);
	if (nallocx)
		return nallocx(size, 0);
	/* glibc: a word before the object, chunks of two words, four at least */
	size = (size + word + 2 * word - 1) & ~(2 * word - 1);
	if (size < 4 * word)
		size = 4 * word;
	return size - word;
}

/*
 * Go's rule since 1.18: double small slices; from 256 elements on, the factor
 * falls smoothly to 1.25.
 */
static size_t next_cap(size_t cap, size_t need)
{
	const size_t small = 256;

	if (need > cap + cap || cap + cap < cap)
		return need;
	if (cap < small)
		return cap + cap;
	while (cap < need)
		cap += (cap + 3 * small) / 4;
	return cap;
}

/* In GNU C a type may have size 0; any number of its elements fits. */
static size_t elems_in(size_t bytes, size_t elem)
{
	return elem ? bytes / elem : SIZE_MAX;
}

static int set_cap(struct slice *s, size_t elem, size_t cap)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(cap, elem, &bytes) || bytes > PTRDIFF_MAX) {
		errno = ENOMEM;
		return -1;
	}
	bytes = shim_good_size(bytes);
	p = realloc(s->cap ? s->p : NULL, bytes);
	if (!p)
		return -1;
	/* the elements of a window belong to another slice */
	if (!s->cap && s->len)
		memcpy(p, s->p, s->len * elem);
	s->p = p;
	s->cap = elems_in(bytes, elem);
	return 0;
}

BOX_EXPORT int shim_vec_grow(void *slice, size_t elem, size_t need)
{
	struct slice *s = slice;
	size_t cap = s->cap ? s->cap : s->len;

	if (need <= s->cap)
		return 0;
	return set_cap(s, elem, need > cap ? next_cap(cap, need) : need);
}

BOX_EXPORT int shim_vec_reserve_exactly(void *slice, size_t elem, size_t need)
{
	struct slice *s = slice;

	if (need < s->len)
		need = s->len;
	return need <= s->cap ? 0 : set_cap(s, elem, need);
}

BOX_EXPORT int shim_vec_extend(void *slice, size_t elem, const void *from,
			       size_t n)
{
	struct slice *s = slice;
	size_t at = (uintptr_t)from - (uintptr_t)s->p;
	bool own = s->p && at < s->len * elem;
	size_t need;

	if (__builtin_add_overflow(s->len, n, &need)) {
		errno = ENOMEM;
		return -1;
	}
	if (!n)
		return 0;
	if (shim_vec_grow(slice, elem, need))
		return -1;
	memmove((char *)s->p + s->len * elem,
		own ? (const char *)s->p + at : from, n * elem);
	s->len = need;
	return 0;
}

BOX_EXPORT int shim_vec_fit(void *slice, size_t elem)
{
	struct slice *s = slice;
	size_t bytes = shim_good_size(s->len * elem);
	void *p;

	if (!s->cap || (s->len && elems_in(bytes, elem) >= s->cap))
		return 0;
	if (!s->len) {
		free(s->p);
		s->p = NULL;
		s->cap = 0;
		return 0;
	}
	p = realloc(s->p, bytes);
	if (!p)
		return -1;
	s->p = p;
	s->cap = elems_in(bytes, elem);
	return 0;
}
