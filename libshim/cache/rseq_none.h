/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rseq_none: what percpu uses on processors for which no sequences are written.
 *
 * Every function misses and no thread is registered, so percpu_lock.c serves
 * every request.  The contracts are in rseq_x86_64.h.
 */
#ifndef SHIM_RSEQ_NONE_H
#define SHIM_RSEQ_NONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RSEQ_HAVE	0

static inline void *rseq_pop_small(uintptr_t off, void *tbl, size_t idx)
{
	(void)off, (void)tbl, (void)idx;
	return NULL;
}

static inline void *rseq_pop(uintptr_t off, void *tbl, size_t cls)
{
	(void)off, (void)tbl, (void)cls;
	return NULL;
}

static inline bool rseq_push(uintptr_t off, void *tbl, size_t cls, void *obj)
{
	(void)off, (void)tbl, (void)cls, (void)obj;
	return false;
}

static inline bool rseq_take(uintptr_t off, void *tbl, size_t cls, void **obj,
			     uint8_t **at)
{
	(void)off, (void)tbl, (void)cls, (void)obj, (void)at;
	return false;
}

static inline bool rseq_keep(uintptr_t off, void *tbl, size_t cls, void *obj,
			     uint8_t *at)
{
	(void)off, (void)tbl, (void)cls, (void)obj, (void)at;
	return false;
}

static inline unsigned int rseq_pop_batch(uintptr_t off, void *tbl, size_t cls,
					  void **objs, unsigned int n)
{
	(void)off, (void)tbl, (void)cls, (void)objs, (void)n;
	return 0;
}

static inline unsigned int rseq_push_batch(uintptr_t off, void *tbl, size_t cls,
					   void **objs, unsigned int n)
{
	(void)off, (void)tbl, (void)cls, (void)objs, (void)n;
	return 0;
}

static inline void *rseq_detach(uintptr_t off, void *tbl, void *none,
				void *busy, long *cpu)
{
	(void)off, (void)tbl, (void)none, (void)busy, (void)cpu;
	return NULL;
}

static inline int rseq_cpu(uintptr_t off)
{
	(void)off;
	return -1;
}

static inline unsigned int rseq_mm_cid(uintptr_t off)
{
	(void)off;
	return 0;
}

#endif /* SHIM_RSEQ_NONE_H */
