/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shim_vec.h: slices: a pointer, a length and a capacity.
 *
 * A slice of T is the 24 bytes that SHIM_SLICE(T) declares, all zero when
 * empty.  It owns its array, or it is a window onto another array and has
 * capacity 0: appending to a window copies it, and freeing it frees nothing.
 * Capacities grow by Go's rule (doubled below 256 elements, then by a factor
 * that falls to 1.25) and are rounded up to the size that malloc() allocates
 * anyway.
 *
 * Works with any malloc() underneath.  A slice is used by one thread at a time.
 * See shim_vec(3).
 */
#ifndef SHIM_VEC_H
#define SHIM_VEC_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "shim_mark.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * SHIM_SLICE - the type of a slice of T
 * @T: the element type
 *
 * Each use is a distinct type: give it a name with typedef or struct.
 */
#define SHIM_SLICE(T)	struct { T *p; size_t len; size_t cap; }

/**
 * shim_good_size - the size that malloc() rounds a size up to
 * @size: bytes
 *
 * Asks libshim, mimalloc or jemalloc if one of them is the process's malloc(),
 * and otherwise uses glibc's rule.
 *
 * Return: the largest size that costs no more memory than @size does.
 */
size_t shim_good_size(size_t size);

/*
 * The functions behind the macros: @slice points to a slice of elements of
 * @elem bytes.
 */
int shim_vec_grow(void *slice, size_t elem, size_t need);
int shim_vec_reserve_exactly(void *slice, size_t elem, size_t need);
int shim_vec_fit(void *slice, size_t elem);
int shim_vec_extend(void *slice, size_t elem, const void *from, size_t n);

/**
 * shim_vec_append - add an element at the end
 * @v: pointer to the slice
 * @x: the element
 *
 * Return: 0, or -1 with errno ENOMEM and the slice as it was.
 */
#define shim_vec_append(v, x) (__extension__ ({			\
	__typeof__(v) shim_v_ = (v);					\
	int shim_ret_ = 0;						\
									\
	if (__builtin_expect(shim_v_->len >= shim_v_->cap, 0))		\
		shim_ret_ = shim_vec_grow(shim_v_, sizeof(*shim_v_->p),	\
					  shim_v_->len + 1);		\
	if (!shim_ret_)							\
		shim_v_->p[shim_v_->len++] = (x);			\
	shim_ret_;							\
}))

/**
 * shim_vec_append_n - add elements at the end
 * @v: pointer to the slice
 * @from: pointer to the elements, which may be the slice's own
 * @n: how many
 *
 * Return: 0, or -1 with errno ENOMEM and the slice as it was.
 */
#define shim_vec_append_n(v, from, n) (__extension__ ({		\
	__typeof__(v) shim_v_ = (v);					\
	const __typeof__(*shim_v_->p) *shim_from_ = (from);		\
									\
	shim_vec_extend(shim_v_, sizeof(*shim_v_->p), shim_from_, (n));	\
}))

/**
 * shim_vec_reserve - make room for a total number of elements
 * @v: pointer to the slice
 * @n: how many; only malloc()'s rounding adds to that
 *
 * Return: 0, or -1 with errno ENOMEM and the slice as it was.
 */
#define shim_vec_reserve(v, n) (__extension__ ({			\
	__typeof__(v) shim_v_ = (v);					\
									\
	shim_vec_reserve_exactly(shim_v_, sizeof(*shim_v_->p), (n));	\
}))

/**
 * shim_vec_clip - give back unused room
 * @v: pointer to the slice
 *
 * Return: 0, or -1 with errno ENOMEM and the slice as it was.
 */
#define shim_vec_clip(v) (__extension__ ({			\
	__typeof__(v) shim_v_ = (v);					\
									\
	shim_vec_fit(shim_v_, sizeof(*shim_v_->p));			\
}))

/**
 * shim_vec_slice - a window onto a slice
 * @v: pointer to the slice, whose array must stay as long as the window
 * @lo: first element
 * @hi: the one behind the last; both are cut to the slice's length
 *
 * Return: the window, of the slice's type.
 */
#define shim_vec_slice(v, lo, hi) (__extension__ ({		\
	__typeof__(*(v)) shim_w_ = *(v);				\
	size_t shim_hi_ = (hi), shim_lo_ = (lo);			\
									\
	if (shim_hi_ > shim_w_.len)					\
		shim_hi_ = shim_w_.len;					\
	if (shim_lo_ > shim_hi_)					\
		shim_lo_ = shim_hi_;					\
	if (shim_w_.p)							\
		shim_w_.p += shim_lo_;					\
	shim_w_.len = shim_hi_ - shim_lo_;				\
	shim_w_.cap = 0;						\
	shim_w_;							\
}))

/**
 * shim_vec_copy - copy elements from one slice into another
 * @to: pointer to the slice to write to, which does not grow
 * @from: pointer to a slice of the same elements; may overlap
 *
 * Return: elements copied, the lesser of both lengths.
 */
#define shim_vec_copy(to, from) (__extension__ ({		\
	__typeof__(to) shim_to_ = (to);					\
	__typeof__(from) shim_from_ = (from);				\
	size_t shim_n_ = shim_to_->len < shim_from_->len ?		\
			 shim_to_->len : shim_from_->len;		\
	const __typeof__(*shim_to_->p) *shim_p_ = shim_from_->p;	\
									\
	if (shim_n_)							\
		memmove(shim_to_->p, shim_p_,				\
			shim_n_ * sizeof(*shim_to_->p));		\
	shim_n_;							\
}))

/**
 * shim_vec_free - free a slice's array, if it is its own, and empty it
 * @v: pointer to the slice
 */
#define shim_vec_free(v) (__extension__ ({			\
	__typeof__(v) shim_v_ = (v);					\
									\
	if (shim_v_->cap)						\
		free(shim_v_->p);					\
	shim_v_->p = NULL;						\
	shim_v_->len = 0;						\
	shim_v_->cap = 0;						\
}))

/**
 * shim_vec_for_each - a loop over all elements
 * @it: name of the loop's variable, a pointer to the element
 * @v: pointer to the slice, evaluated more than once
 */
#define shim_vec_for_each(it, v)					\
	for ((it) = (v)->p; (it) < (v)->p + (v)->len; (it)++)

#ifdef __cplusplus
}
#endif

#endif /* SHIM_VEC_H */
