/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gc/gc_inline.h: many objects at once, for programs that keep lists of their
 * own.  libgc's macros for such lists are not there.
 */
#ifndef SHIM_COMPAT_GC_INLINE_H
#define SHIM_COMPAT_GC_INLINE_H

#include "gc.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GC_GRANULE_BYTES	16
#define GC_I_PTRFREE		0
#define GC_I_NORMAL		1

/*
 * @list: out: linked by their first words.  Pointers in objects of GC_I_PTRFREE,
 * and those that no descriptor names, do not keep the next one.
 */
GC_API void GC_generic_malloc_many(size_t size, int kind, void **list);

#ifdef __cplusplus
}
#endif

#endif /* SHIM_COMPAT_GC_INLINE_H */
