// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * compound: which slots of a span are the tails of an object.
 *
 * Keeps true: the bit of a slot is set exactly while the slot is not the first one
 * of an object that is in use or in a cache.  A map is zeroed before it is
 * published, and is never removed; where no tail was ever near, it has no memory.
 * For the lock see compound.h.  Called by span, span_compound, central_compound and
 * entry.
 */
#include "compound.h"
#include "error.h"
#include "sizeclass.h"
#include "sys.h"

static bool aligned[SIZECLASS_COUNT + 1];	/* atomic */

void compound_set_aligned(unsigned int cls)
{
	__atomic_store_n(&aligned[cls], true, __ATOMIC_RELAXED);
}

size_t compound_align(unsigned int cls)
{
	size_t size = sizeclass_info[cls].size;

	return __atomic_load_n(&aligned[cls], __ATOMIC_RELAXED) ? size & -size :
								  COMPOUND_GRAIN;
}

static bool area_prepare(uintptr_t p)
{
	struct area_map *area = pagemap_area(p);
	uint64_t *none = NULL;
	long map;

	if (__atomic_load_n(&area->tail, __ATOMIC_RELAXED))
		return true;
	map = sys_mmap(0, COMPOUND_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (sys_failed(map))
		return false;
	/* where the kernel gives huge pages unasked, it would be all there */
	sys_madvise((uintptr_t)map, COMPOUND_BYTES, MADV_NOHUGEPAGE);
	/* two classes' locks may be held by two threads that come here */
	if (!__atomic_compare_exchange_n(&area->tail, &none, (uint64_t *)map,
					 false, __ATOMIC_RELEASE,
					 __ATOMIC_RELAXED))
		sys_munmap((uintptr_t)map, COMPOUND_BYTES);
	return true;
}

bool compound_prepare(const struct span *s)
{
	uintptr_t last = s->start + (uintptr_t)s->npages * PAGE_SIZE - 1;

	/* small spans lie in a block, and blocks in an area */
	return !((s->start ^ last) >> AREA_SHIFT) && area_prepare(s->start);
}

/* The words of a span: one for 1 KiB. */
static uint64_t *tails_of(const struct span *s)
{
	return pagemap_area(s->start)->tail +
	       s->start % AREA_SIZE / COMPOUND_GRAIN / 64;
}

/* Others read the word, but only the holder of the class's lock writes. */
static void tails_store(const struct span *s, unsigned int i, unsigned int n,
			bool set)
{
	unsigned int step = sizeclass_info[s->sizeclass].size / COMPOUND_GRAIN;
	uint64_t *word, *tails = tails_of(s), bit, was;
	unsigned int at = i * step;

	while (--n) {
		at += step;
		word = tails + at / 64;
		bit = (uint64_t)1 << at % 64;
		was = __atomic_load_n(word, __ATOMIC_RELAXED);
		__atomic_store_n(word, set ? was | bit : was & ~bit,
				 __ATOMIC_RELAXED);
	}
}

void compound_join(const struct span *s, unsigned int i, unsigned int n)
{
	tails_store(s, i, n, true);
}

void compound_part(const struct span *s, unsigned int i, unsigned int n)
{
	tails_store(s, i, n, false);
}

static bool tail_has(const uint64_t *tails, unsigned int at)
{
	return __atomic_load_n(tails + at / 64, __ATOMIC_RELAXED) >> at % 64 & 1;
}

bool compound_is_tail(const struct span *s, unsigned int i)
{
	unsigned int step = sizeclass_info[s->sizeclass].size / COMPOUND_GRAIN;

	return tail_has(tails_of(s), i * step);
}

unsigned int compound_slots(const struct span *s, unsigned int i)
{
	unsigned int step = sizeclass_info[s->sizeclass].size / COMPOUND_GRAIN;
	const uint64_t *tails = tails_of(s);
	unsigned int n = 1;

	while (i + n < s->nobjs && tail_has(tails, (i + n) * step))
		n++;
	return n;
}

/*
 * The slots of an object, of which @*s is the span; not without one.  In a large heap
 * neither the span nor the word of tails is in the processor's cache, and where the
 * word is does not follow from the span: so it is on its way while that is.
 */
static unsigned int slots_of(const void *p, const struct span **s)
{
	const struct area_map *area = pagemap_area((uintptr_t)p);
	uintptr_t at = (uintptr_t)p % AREA_SIZE;
	const struct sizeclass *info;
	unsigned int i, off;

	pagemap_see_mix(p);
	__builtin_prefetch(__atomic_load_n(&area->tail, __ATOMIC_RELAXED) +
			   at / COMPOUND_GRAIN / 64);
	*s = __atomic_load_n(&area->span[at >> PAGE_SHIFT], __ATOMIC_RELAXED);
	info = &sizeclass_info[(*s)->sizeclass];
	off = (unsigned int)((uintptr_t)p - (*s)->start);
	i = (uint64_t)off * info->recip >> 32;
	if (i >= (*s)->nobjs || i * info->size != off ||
	    compound_is_tail(*s, i))
		shim_die(SHIM_DIE_INTERIOR, p, (*s)->sizeclass);
	return compound_slots(*s, i);
}

size_t compound_size(const void *p)
{
	const struct span *s;
	unsigned int n = slots_of(p, &s);

	return (size_t)n * sizeclass_info[s->sizeclass].size;
}

unsigned int compound_class(const void *p)
{
	const struct span *s;
	unsigned int n = slots_of(p, &s), cls, bytes;

	if (n == 1)
		return s->sizeclass;
	bytes = n * sizeclass_info[s->sizeclass].size;
	cls = sizeclass_of(bytes);
	return sizeclass_info[cls].size > bytes ? cls - 1 : cls;
}
