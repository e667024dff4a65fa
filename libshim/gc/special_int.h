/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * special_int: what special and its finalizers share.  The lock is held.
 */
#ifndef SHIM_GC_SPECIAL_INT_H
#define SHIM_GC_SPECIAL_INT_H

#include "base/lock.h"
#include "special.h"
#include "table.h"

extern struct special_stat special_stat __attribute__((visibility("hidden")));

bool special_is_object(const void *p);

/* Arguments of finalizers, and objects whose finalizer is ready, are roots. */
void finalizer_mark_roots(struct marker *m);

/* Make the finalizers of objects that are not reached ready, in their order. */
void finalizer_after_mark(struct marker *m);

/* The object was freed: its finalizer will not be called. */
void finalizer_forget(uintptr_t p);

size_t finalizer_count(void);

#endif /* SHIM_GC_SPECIAL_INT_H */
