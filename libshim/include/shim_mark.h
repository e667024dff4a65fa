/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shim_mark.h: ownership, stated for the compiler and the reader.
 *
 * The first group is understood by gcc (-fanalyzer finds a leak, a double free
 * and a use after free of what shim_malloc() marks) and by clang where it has
 * the attribute.  The second marks transfers of ownership in calls: shimcc(1)
 * checks them; for other compilers they are annotations or nothing.
 */
#ifndef SHIM_MARK_H
#define SHIM_MARK_H

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
/* The result may be freed only by @fn, as its argument number @nr. */
#define shim_malloc(fn, nr)	__attribute__((malloc, malloc(fn, nr)))
#else
#define shim_malloc(fn, nr)	__attribute__((malloc))
#endif

/* The result is an object of as many bytes as argument number @nr says. */
#define shim_alloc_size(nr)	__attribute__((alloc_size(nr)))
/* The same for a product of two arguments. */
#define shim_alloc_size2(n, m)	__attribute__((alloc_size(n, m)))
#define shim_returns_nonnull	__attribute__((returns_nonnull))
#define shim_nonnull		__attribute__((nonnull))
#define shim_must_check		__attribute__((warn_unused_result))

/*
 * Ownership of a parameter or a result:
 *	shim_takes	the callee owns it from now on, the caller does not
 *	shim_gives	the caller owns it from now on
 *	shim_borrows	it stays whose it was, and is not kept beyond the call
 * Of a field or variable:
 *	shim_strong	it has a counted reference of its own
 */
#if defined(__SHIM_ESCAPE__)
#define shim_takes		__attribute__((shim_takes))
#define shim_gives		__attribute__((shim_gives))
#define shim_borrows		__attribute__((shim_borrows))
#define shim_strong		__attribute__((shim_strong))
#elif defined(__clang__)
#define shim_takes		__attribute__((annotate("shim_takes")))
#define shim_gives		__attribute__((annotate("shim_gives")))
#define shim_borrows		__attribute__((annotate("shim_borrows")))
#define shim_strong		__attribute__((annotate("shim_strong")))
#else
#define shim_takes
#define shim_gives
#define shim_borrows
#define shim_strong
#endif

#endif /* SHIM_MARK_H */
