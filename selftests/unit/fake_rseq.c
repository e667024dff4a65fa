// SPDX-License-Identifier: GPL-2.0-only
#include "fake_rseq.h"

#include "cache/percpu_slab.h"

struct fake_rseq fake_rseq;

static struct percpu_slab *begin(void *tbl)
{
	static bool inside;

	if (fake_rseq.between && !inside) {
		inside = true;
		fake_rseq.between();
		inside = false;
	}
	return ((struct percpu_slab **)tbl)[fake_rseq.cpu];
}

/* Of any class that a sequence may be called for, whatever the page map has. */
static void ***cur_of(struct percpu_slab *slab, size_t cls)
{
	return (void ***)((char *)slab + offsetof(struct percpu_slab, cur)) +
	       cls;
}

static void **end_of(struct percpu_slab *slab, size_t cls)
{
	return ((void ***)((char *)slab + offsetof(struct percpu_slab, end)))[cls];
}

void *rseq_pop_small(uintptr_t off, void *tbl, size_t idx)
{
	struct percpu_slab *slab = begin(tbl);
	unsigned int cls = slab->size_class[idx];
	void *obj = *slab->cur[cls];

	(void)off;
	if (obj)
		slab->cur[cls]--;
	return obj;
}

void *rseq_pop(uintptr_t off, void *tbl, size_t cls)
{
	void ***cur = cur_of(begin(tbl), cls);
	void *obj = **cur;

	(void)off;
	if (obj)
		(*cur)--;
	return obj;
}

bool rseq_push(uintptr_t off, void *tbl, size_t cls, void *obj)
{
	struct percpu_slab *slab = begin(tbl);
	void ***cur = cur_of(slab, cls);

	(void)off;
	if (*cur >= end_of(slab, cls) || **cur == obj)
		return false;
	*++*cur = obj;
	return true;
}

bool rseq_take(uintptr_t off, void *tbl, size_t cls, void **obj, uint8_t **at)
{
	struct percpu_slab *slab = begin(tbl);
	size_t k = cls - PERCPU_KEPT_CLASS;

	(void)off;
	if (!slab_keeps(slab, (unsigned int)k))
		return false;
	*obj = (void *)slab->kept[k];
	*at = slab->kept_at[k];
	slab->kept[k] = SLAB_KEPT_NONE;
	return true;
}

bool rseq_keep(uintptr_t off, void *tbl, size_t cls, void *obj, uint8_t *at)
{
	struct percpu_slab *slab = begin(tbl);
	size_t k = cls - PERCPU_KEPT_CLASS;

	(void)off;
	if (cls < PERCPU_KEPT_CLASS || slab->kept[k] != SLAB_KEPT_NONE)
		return false;
	slab->kept_at[k] = at;
	slab->kept[k] = (uintptr_t)obj;
	return true;
}

unsigned int rseq_pop_batch(uintptr_t off, void *tbl, size_t cls, void **objs,
			    unsigned int n)
{
	struct percpu_slab *slab = begin(tbl);
	unsigned int i;

	(void)off;
	for (i = 0; i < n && *slab->cur[cls]; i++)
		objs[i] = *slab->cur[cls]--;
	return i;
}

unsigned int rseq_push_batch(uintptr_t off, void *tbl, size_t cls, void **objs,
			     unsigned int n)
{
	struct percpu_slab *slab = begin(tbl);
	unsigned int i;

	(void)off;
	for (i = 0; i < n && slab->cur[cls] < slab->end[cls]; i++)
		*++slab->cur[cls] = objs[i];
	return i;
}

void *rseq_detach(uintptr_t off, void *tbl, void *none, void *busy, long *cpu)
{
	struct percpu_slab *slab;

	(void)off;
	fake_rseq.detaching = true;
	slab = begin(tbl);
	fake_rseq.detaching = false;
	if (slab == none || slab == busy)
		return NULL;
	((void **)tbl)[fake_rseq.cpu] = busy;
	*cpu = fake_rseq.cpu;
	return slab;
}

int rseq_cpu(uintptr_t off)
{
	(void)off;
	return fake_rseq.cpu;
}

unsigned int rseq_mm_cid(uintptr_t off)
{
	(void)off;
	return fake_rseq.mm_cid;
}
