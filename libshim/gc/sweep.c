// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * sweep: frees objects that were not reached.
 */
#include <string.h>
#include <sys/types.h>
#include <time.h>

#include "gcalloc.h"
#include "sweep.h"

/* Spans, of 10 to 500 ns each, after which the lock may change hands. */
#define GIVE_WAY	16

uint32_t sweep_gen = 1;
void (*sweep_on_leak)(const void *p, size_t size);

static bool marking;		/* changes with all locks held */
static size_t pages_begun;	/* atomic */
/*
 * Atomic, and below 0 for a moment when one thread finds nothing left while
 * another is at the last span.
 */
static ssize_t pages_left;
static unsigned int next_class;	/* where sweep_some() continues, a hint */

bool sweep_is_marking(void)
{
	return __atomic_load_n(&marking, __ATOMIC_RELAXED);
}

void sweep_set_marking(bool is)
{
	__atomic_store_n(&marking, is, __ATOMIC_RELAXED);
}

void sweep_begin(void)
{
	size_t pages = gcspan_pages();
	unsigned int i;

	__atomic_store_n(&sweep_gen, sweep_gen + 1, __ATOMIC_RELAXED);
	for (i = 0; i < GCCLASS_NR; i++) {
		gcspan_list_join(&gcclass_nth(i)->unswept, &gcclass_nth(i)->full);
		gcspan_list_join(&gcclass_nth(i)->unswept,
				 &gcclass_nth(i)->partial);
	}
	__atomic_store_n(&pages_begun, pages, __ATOMIC_RELAXED);
	__atomic_store_n(&pages_left, (ssize_t)pages, __ATOMIC_RELAXED);
}

static void report_leaks(struct gcspan *s)
{
	unsigned int i;

	if (s->kind == GC_TINY)
		return;
	for (i = 0; i < s->nobjs; i++)
		if (gcspan_bit(s->alloc, i) && !gcspan_bit(s->mark, i))
			sweep_on_leak((void *)gcspan_object(s, i),
				      s->cls ? s->bytes : s->asked);
}

void sweep_span(struct gcspan *s)
{
	unsigned int w, n = 0;

	if (__builtin_expect(!!sweep_on_leak, 0))
		report_leaks(s);
	for (w = 0; w < GC_WORDS; w++) {
		s->alloc[w] = s->mark[w];
		n += (unsigned int)__builtin_popcountll(s->alloc[w]);
	}
	s->nfree = (uint16_t)(s->nobjs - n);
	/* in this order: gcalloc_base() reads them without the lock */
	__atomic_store_n(&s->sweepgen, sweep_generation(), __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (w = 0; w < GC_WORDS; w++)
		s->mark[w] = 0;
	__atomic_sub_fetch(&pages_left, s->npages, __ATOMIC_RELAXED);
}

/*
 * A sweep of all spans takes as long as several ten thousand allocations.  A
 * thread that waits for the lock meanwhile gets it after a few spans; whoever
 * sweeps sleeps that long, since the lock goes to whom asks first.
 */
static void give_way(struct gcclass *class)
{
	const struct timespec ts = { 0, 50000 };

	if (!shim_lock_is_wanted(&class->lock))
		return;
	shim_lock_release(&class->lock);
	nanosleep(&ts, NULL);
	shim_lock_acquire(&class->lock);
}

static size_t sweep_class(struct gcclass *class, size_t pages)
{
	size_t done = 0, n = 0;
	struct gcspan *s;

	if (!__atomic_load_n(&class->unswept.head, __ATOMIC_RELAXED))
		return 0;
	shim_lock_acquire(&class->lock);
	while (done < pages) {
		s = gcspan_list_pop(&class->unswept);
		if (!s)
			break;
		done += s->npages;
		sweep_span(s);
		if (!s->nfree)
			gcspan_list_add(&class->full, s);
		else if (s->nfree < s->nobjs)
			gcspan_list_add(&class->partial, s);
		else
			gcspan_put(s);
		if (++n % GIVE_WAY == 0)
			give_way(class);
	}
	shim_lock_release(&class->lock);
	return done;
}

size_t sweep_some(size_t pages)
{
	unsigned int i, at = __atomic_load_n(&next_class, __ATOMIC_RELAXED);
	unsigned int n = GCCLASS_NR;
	size_t done = 0;

	for (i = 0; i < n && done < pages; i++)
		done += sweep_class(gcclass_nth((at + i) % n), pages - done);
	__atomic_store_n(&next_class, (at + i + n - 1) % n, __ATOMIC_RELAXED);
	/* do not count spans that were on no list when sweeping began */
	if (done < pages)
		__atomic_store_n(&pages_left, 0, __ATOMIC_RELAXED);
	return done;
}

void sweep_forget(const struct gcspan *s)
{
	__atomic_sub_fetch(&pages_left, s->npages, __ATOMIC_RELAXED);
}

size_t sweep_pages_begun(void)
{
	return __atomic_load_n(&pages_begun, __ATOMIC_RELAXED);
}

size_t sweep_pages_left(void)
{
	ssize_t left = __atomic_load_n(&pages_left, __ATOMIC_RELAXED);

	return left > 0 ? (size_t)left : 0;
}
