// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * gcalloc: objects out of spans, and spans into lists.
 *
 *	gcalloc        cur + size <= end: the object      no lock, no atomic
 *	  next_hole    the next run of bits in free[]      no lock
 *	    refill     all free objects of a span          the class's lock
 *	      sweep    of an unswept span, else a new one  the same
 */
#include <errno.h>
#include <string.h>

#include "gcalloc.h"
#include "gcmeta.h"
#include "sweep.h"

#define FULL_MAX	64

struct gcclass gcclass[GC_KINDS][GC_CLASSES];

static uint64_t since;		/* atomic */
static uint64_t total;		/* atomic */
static bool black;		/* changed with the world stopped */
static const struct gcalloc_policy *policy;

void gcalloc_set_policy(const struct gcalloc_policy *p)
{
	policy = p;
}

/*
 * The compiler must not move anything across this: a signal handler of this
 * thread reads it.
 */
static inline void in_order(void)
{
	__asm__ volatile("" ::: "memory");
}

size_t gcalloc_since(void)
{
	return __atomic_load_n(&since, __ATOMIC_RELAXED);
}

void gcalloc_reset_since(void)
{
	__atomic_store_n(&since, 0, __ATOMIC_RELAXED);
}

uint64_t gcalloc_total(void)
{
	return __atomic_load_n(&total, __ATOMIC_RELAXED);
}

void gcalloc_where(const uint64_t **at_since, const uint64_t **at_total)
{
	*at_since = &since;
	*at_total = &total;
}

void gcalloc_set_black(bool is)
{
	__atomic_store_n(&black, is, __ATOMIC_RELAXED);
}

static void count(size_t bytes)
{
	__atomic_add_fetch(&since, bytes, __ATOMIC_RELAXED);
	__atomic_add_fetch(&total, bytes, __ATOMIC_RELAXED);
}

/* The bits of a word that stand for objects of the span. */
static uint64_t valid_bits(const struct gcspan *s, unsigned int word)
{
	unsigned int left;

	if (s->nobjs <= word * 64)
		return 0;
	left = s->nobjs - word * 64;
	return left >= 64 ? ~0ull : (1ull << left) - 1;
}

/*
 * Take the next run of free objects out of free[].  At every instruction the
 * run is in free[], in hole[], or in cur and end, so that a collector that
 * stops this thread finds it.
 */
static bool next_hole(struct gccache *c, bool clear)
{
	uint64_t bits = 0;
	unsigned int i, n;

	while (c->word < GC_WORDS && !(bits = c->free[c->word]))
		c->word++;
	if (!bits)
		return false;
	i = (unsigned int)__builtin_ctzll(bits);
	n = ~(bits >> i) ? (unsigned int)__builtin_ctzll(~(bits >> i)) : 64;
	if (n > 64 - i)
		n = 64 - i;
	c->hole[0] = c->base + (size_t)(c->word * 64 + i) * c->size;
	c->hole[1] = c->hole[0] + (size_t)n * c->size;
	in_order();
	c->free[c->word] = bits & ~((n == 64 ? ~0ull : (1ull << n) - 1) << i);
	in_order();
	/* keep it empty until end is set, whatever the old values were */
	c->end = 0;
	in_order();
	c->cur = c->hole[0];
	in_order();
	c->end = c->hole[1];
	in_order();
	if (clear && !c->is_zero)
		memset((void *)c->hole[0], 0, c->hole[1] - c->hole[0]);
	in_order();
	c->hole[1] = 0;
	return true;
}

/* Give all free objects of a span to the thread. Lock held. */
static void claim(struct gcclass *class, struct gccache *c, struct gcspan *s)
{
	unsigned int w, n = 0;

	c->base = s->start;
	c->size = s->size ? s->size : (uint32_t)s->bytes;
	c->is_zero = s->is_zero;
	s->is_zero = false;
	for (w = 0; w < GC_WORDS; w++) {
		uint64_t bits = ~s->alloc[w] & valid_bits(s, w);

		n += (unsigned int)__builtin_popcountll(bits);
		if (bits) {
			s->alloc[w] |= bits;
			if (black)
				__atomic_or_fetch(&s->mark[w], bits,
						  __ATOMIC_RELAXED);
		}
		c->free[w] = bits;
	}
	c->word = 0;
	s->nfree = 0;
	gcspan_list_add(&class->full, s);
	count(n * s->bytes);
}

/*
 * Find an existing span with free objects. Lock held.
 *
 * Where most objects live, the next span with a free one may be behind ten
 * thousand full ones, which would be milliseconds for one allocation, and for
 * all that want the lock.  After FULL_MAX of them a new span is cheaper, and
 * the heap grows by no more than one part in FULL_MAX.
 */
static struct gcspan *find_span(struct gcclass *class)
{
	struct gcspan *s = gcspan_list_pop(&class->partial);
	unsigned int i;

	for (i = 0; !s && class->unswept.head && i < FULL_MAX; i++) {
		s = gcspan_list_pop(&class->unswept);
		sweep_span(s);
		if (!s->nfree) {
			gcspan_list_add(&class->full, s);
			s = NULL;
		}
	}
	return s;
}

static bool is_filled(const struct gccache *c)
{
	uint64_t left = c->cur < c->end;
	unsigned int w;

	for (w = 0; w < GC_WORDS; w++)
		left |= c->free[w];
	return left;
}

static bool refill(struct gccache *c, enum gc_kind kind, unsigned int cls)
{
	const struct sizeclass *info = &sizeclass_info[cls];
	struct gcclass *class = &gcclass[kind][cls];
	struct gcspan *s;
	bool again;

	policy->before((size_t)info->nobjs * info->size);
	do {
		/* finalizers that ran in the meantime may have refilled it */
		if (is_filled(c))
			return true;
		shim_lock_acquire(&class->lock);
		s = find_span(class);
		if (s)
			claim(class, c, s);
		shim_lock_release(&class->lock);
		if (s)
			return true;
		s = gcspan_get(info->npages, info->size, info->nobjs, kind,
			       cls);
		again = !s && policy->no_memory();
	} while (again);
	if (!s)
		return false;
	shim_lock_acquire(&class->lock);
	s->sweepgen = sweep_generation();
	s->born = s->sweepgen;
	if (gcspan_publish(s))
		claim(class, c, s);
	else
		s = NULL;
	shim_lock_release(&class->lock);
	return s;
}

static __attribute__((noinline)) void *alloc_slow(enum gc_kind kind,
						  unsigned int cls)
{
	struct gcthread *t = gcthread_self();
	struct gccache *c;
	uintptr_t p;

	if (!t)
		return NULL;
	c = &t->cache[kind][cls];
	for (;;) {
		p = c->cur;
		if (p < c->end)
			break;
		if (!next_hole(c, kind != GC_DATA && kind != GC_TINY) &&
		    !refill(c, kind, cls))
			return NULL;
	}
	c->cur = p + c->size;
	return (void *)p;
}

static __attribute__((noinline)) void *alloc_large(size_t size,
						   enum gc_kind kind)
{
	struct gcclass *class = &gcclass[kind][0];
	size_t npages = (size + GC_PAGE - 1) / GC_PAGE;
	struct gcspan *s;
	/*
	 * keep it on the stack, where a collector finds it, before other
	 * threads can
	 */
	volatile uintptr_t p;

	if (size > (size_t)1 << 46 || !gcthread_self())
		return NULL;
	policy->before(npages * GC_PAGE);
	do {
		s = gcspan_get(npages, npages * GC_PAGE, 1, kind, 0);
	} while (!s && policy->no_memory());
	if (!s)
		return NULL;
	if (kind != GC_DATA && !s->is_zero)
		memset((void *)s->start, 0, npages * GC_PAGE);
	s->is_zero = false;
	s->asked = size;
	p = s->start;
	shim_lock_acquire(&class->lock);
	s->sweepgen = sweep_generation();
	s->born = s->sweepgen;
	s->alloc[0] = 1;
	s->nfree = 0;
	if (black)
		s->mark[0] = 1;
	if (gcspan_publish(s))
		gcspan_list_add(&class->full, s);
	else
		s = NULL;
	shim_lock_release(&class->lock);
	if (!s)
		return NULL;
	count(npages * GC_PAGE);
	return (void *)p;
}

void *gcalloc(size_t size, enum gc_kind kind)
{
	void *p = gcalloc_quick(size, kind);

	if (__builtin_expect(!!p, 1))
		return p;
	if (size > SIZECLASS_MAX)
		return alloc_large(size, kind);
	return alloc_slow(kind, sizeclass_of(size + !size));
}

void *gcalloc_typed(size_t size, const struct shim_gc_type *type)
{
	struct gcspan *s;
	void *p;

	if (__builtin_add_overflow(size, sizeof(type), &size))
		return NULL;
	p = gcalloc(size, GC_TYPED);
	if (!p)
		return NULL;
	/* the last word of its memory, whose place depends on rounding */
	s = gcspan_of((uintptr_t)p);
	__atomic_store_n((uintptr_t *)((uintptr_t)p + s->bytes - sizeof(type)),
			 (uintptr_t)type, __ATOMIC_RELEASE);
	return p;
}

void *gcalloc_tiny(size_t size)
{
	struct gcthread *t = gcthread_self();
	size_t align = size & -size;
	uintptr_t p;

	if (!t)
		return NULL;
	if (align > 8)
		align = 8;
	p = (t->tiny + align - 1) & ~(uintptr_t)(align - 1);
	if (!t->tiny_end || p + size > t->tiny_end) {
		p = (uintptr_t)gcalloc(16, GC_TINY);
		if (!p)
			return NULL;
		t->tiny_end = 0;
		in_order();
		t->tiny = p;
		in_order();
		t->tiny_end = p + 16;
	}
	t->tiny = p + size;
	return (void *)p;
}

uintptr_t gcalloc_base(uintptr_t p, struct gcspan **out)
{
	struct gcspan *s = gcmap_root ? gcspan_of(p) : NULL;
	unsigned int i;
	uint32_t gen;
	bool live;

	if (out)
		*out = s;
	if (!s)
		return 0;
	i = gcspan_index(s, p);
	if (i >= s->nobjs)
		return 0;
	/*
	 * Not swept yet: objects that were not reached are already garbage.  Ask
	 * again if it was swept in between, which clears the marks.
	 */
	do {
		gen = __atomic_load_n(&s->sweepgen, __ATOMIC_ACQUIRE);
		live = gcspan_bit(s->alloc, i) &&
		       (gen == sweep_generation() || gcspan_bit(s->mark, i));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (__atomic_load_n(&s->sweepgen, __ATOMIC_RELAXED) != gen);
	return live ? gcspan_object(s, i) : 0;
}

/* Free a large object, unless it is already garbage. Lock held. */
static int free_large(struct gcspan *s, struct gcclass *class)
{
	bool swept = s->sweepgen == sweep_generation();

	if (!gcspan_bit(swept ? s->alloc : s->mark, 0))
		return EINVAL;
	gcspan_list_del(swept ? &class->full : &class->unswept, s);
	if (!swept)
		sweep_forget(s);
	gcspan_put(s);
	return 0;
}

int gcalloc_free(void *p)
{
	struct gcspan *s = gcmap_root ? gcspan_of((uintptr_t)p) : NULL;
	struct gcclass *class;
	unsigned int i;
	int ret = EINVAL;

	if (!s)
		return EINVAL;
	if (s->kind == GC_TINY)
		return 0;
	class = &gcclass[s->kind][s->cls];
	shim_lock_acquire(&class->lock);
	i = gcspan_index(s, (uintptr_t)p);
	if (gcspan_of((uintptr_t)p) != s || i >= s->nobjs ||
	    gcspan_object(s, i) != (uintptr_t)p)
		goto out;
	if (!s->cls) {
		/*
		 * a marker may be about to scan it: leave it to the next sweep
		 */
		ret = sweep_is_marking() ? 0 : free_large(s, class);
		goto out;
	}
	if (s->sweepgen != sweep_generation()) {
		gcspan_list_del(&class->unswept, s);
		sweep_span(s);
		gcspan_list_add(s->nfree ? &class->partial : &class->full, s);
	}
	if (!gcspan_bit(s->alloc, i))
		goto out;
	ret = 0;
	if (sweep_is_marking())
		goto out;
	s->alloc[i / 64] &= ~(1ull << (i % 64));
	s->mark[i / 64] &= ~(1ull << (i % 64));
	if (!s->nfree++) {
		gcspan_list_del(&class->full, s);
		gcspan_list_add(&class->partial, s);
	}
out:
	shim_lock_release(&class->lock);
	return ret;
}

/* Visit the runs of one cache, in its span. */
static void each_run(struct gccache *c, struct gcspan *s,
		     void (*fn)(struct gcspan *s, unsigned int first,
				unsigned int n))
{
	unsigned int w, i;
	uint64_t bits;

	if (c->hole[1])
		fn(s, gcspan_index(s, c->hole[0]),
		   (unsigned int)((c->hole[1] - c->hole[0]) / c->size));
	if (c->cur < c->end)
		fn(s, gcspan_index(s, c->cur),
		   (unsigned int)((c->end - c->cur) / c->size));
	for (w = 0; w < GC_WORDS; w++) {
		for (bits = c->free[w]; bits; bits &= bits - 1) {
			i = (unsigned int)__builtin_ctzll(bits);
			fn(s, w * 64 + i, 1);
		}
	}
}

void gcalloc_each_cached(struct gcthread *t,
			 void (*fn)(struct gcspan *s, unsigned int first,
				    unsigned int n))
{
	struct gcspan *s;
	struct gccache *c;
	unsigned int kind, cls;

	if (t->tiny_end) {
		s = gcspan_of(t->tiny_end - 1);
		fn(s, gcspan_index(s, t->tiny_end - 1), 1);
	}
	for (kind = 0; kind < GC_KINDS; kind++) {
		for (cls = 1; cls < GC_CLASSES; cls++) {
			c = &t->cache[kind][cls];
			s = c->base ? gcspan_of(c->base) : NULL;
			if (s)
				each_run(c, s, fn);
		}
	}
}

static void unclaim(struct gcspan *s, unsigned int first, unsigned int n)
{
	for (; n; n--, first++) {
		s->alloc[first / 64] &= ~(1ull << (first % 64));
		s->mark[first / 64] &= ~(1ull << (first % 64));
		s->nfree++;
	}
}

/*
 * Marking is under way: the objects stay marked until the next collection.
 * Checks scan them, so they must not keep their old contents.
 */
static void clear_rest(struct gcspan *s, struct gccache *c)
{
	uint64_t bits;
	unsigned int w;

	if (s->kind == GC_DATA || s->kind == GC_TINY)
		return;
	for (w = 0; w < GC_WORDS; w++)
		for (bits = c->free[w]; bits; bits &= bits - 1)
			memset((void *)(c->base + (w * 64 +
				       (size_t)__builtin_ctzll(bits)) *
				       c->size), 0, c->size);
}

/*
 * The span may have been claimed, swept and handed to others since, so clear
 * only our own bits.  The rest of a tiny block stays with the block.
 */
static void flush_cache(struct gcclass *class, struct gccache *c)
{
	struct gcspan *s = gcspan_of(c->base);
	unsigned int had, w, i;

	shim_lock_acquire(&class->lock);
	/*
	 * if it has lost all its objects, the span may belong to another class
	 * by now
	 */
	if (!is_filled(c))
		goto out;
	if (sweep_is_marking()) {
		clear_rest(s, c);
		goto out;
	}
	had = s->nfree;
	if (s->sweepgen != sweep_generation()) {
		gcspan_list_del(&class->unswept, s);
		sweep_span(s);
		had = s->nfree;
		gcspan_list_add(had ? &class->partial : &class->full, s);
	}
	if (c->cur < c->end)
		unclaim(s, gcspan_index(s, c->cur),
			(c->end - c->cur) / c->size);
	for (w = 0; w < GC_WORDS; w++)
		for (i = 0; i < 64; i++)
			if (c->free[w] >> i & 1)
				unclaim(s, w * 64 + i, 1);
	if (!had && s->nfree) {
		gcspan_list_del(&class->full, s);
		gcspan_list_add(&class->partial, s);
	}
out:
	memset(c, 0, sizeof(*c));
	shim_lock_release(&class->lock);
}

void gcalloc_flush(struct gcthread *t)
{
	unsigned int kind, cls;

	for (kind = 0; kind < GC_KINDS; kind++)
		for (cls = 1; cls < GC_CLASSES; cls++)
			if (t->cache[kind][cls].base)
				flush_cache(&gcclass[kind][cls],
					    &t->cache[kind][cls]);
	t->tiny = 0;
	t->tiny_end = 0;
}

void gcalloc_lock_all(void)
{
	unsigned int i;

	for (i = 0; i < GCCLASS_NR; i++)
		shim_lock_acquire_nested(&gcclass_nth(i)->lock);
}

void gcalloc_unlock_all(void)
{
	unsigned int i = GCCLASS_NR;

	while (i--)
		shim_lock_release(&gcclass_nth(i)->lock);
}

void gcalloc_reset_child(void)
{
	unsigned int i = GCCLASS_NR;

	while (i--)
		shim_lock_reset_child(&gcclass_nth(i)->lock);
}

static void each_on(struct gcspan_list *list,
		    void (*fn)(struct gcspan *s, void *arg), void *arg)
{
	struct gcspan *s, *next;

	for (s = list->head; s; s = next) {
		next = s->next;
		fn(s, arg);
	}
}

void gcalloc_each_span(void (*fn)(struct gcspan *s, void *arg), void *arg)
{
	unsigned int i;

	for (i = 0; i < GCCLASS_NR; i++) {
		each_on(&gcclass_nth(i)->partial, fn, arg);
		each_on(&gcclass_nth(i)->full, fn, arg);
		each_on(&gcclass_nth(i)->unswept, fn, arg);
	}
}
