/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gc/leak_detector.h: a program's malloc() and free() by the collector, which
 * reports what was not freed and is not reached.
 *
 * Include it after everything else, and call GC_set_find_leak(1) first.
 */
#ifndef SHIM_COMPAT_LEAK_DETECTOR_H
#define SHIM_COMPAT_LEAK_DETECTOR_H

#include "gc.h"

#undef malloc
#undef calloc
#undef realloc
#undef free
#undef strdup
#undef strndup
#define malloc(n)	GC_MALLOC(n)
#define calloc(n, m)	GC_MALLOC((size_t)(n) * (m))
#define realloc(p, n)	GC_REALLOC(p, n)
#define free(p)		GC_FREE(p)
#define strdup(s)	GC_STRDUP(s)
#define strndup(s, n)	GC_STRNDUP(s, n)
#define CHECK_LEAKS()	GC_gcollect()

#endif /* SHIM_COMPAT_LEAK_DETECTOR_H */
