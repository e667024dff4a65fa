// SPDX-License-Identifier: GPL-2.0-only
/*
 * pagemap_readers: readers without a lock see what is there, whatever the page
 * heap does beside them.
 *
 * free() asks the pagemap about its pointer without a lock, while other threads
 * make spans, take them apart and add maps.  What it may rely on: a span whose
 * object it holds is found, by every page.  Here a span is "held" from the
 * moment at which it is published in known[] until all readers have left their
 * read-side sections after it was withdrawn: an RCU grace period, by liburcu's
 * membarrier flavour, as one cannot be had from the pagemap itself.
 */
#include <pthread.h>
#include <stdlib.h>
#include <urcu/urcu-memb.h>

#include "../lib/patience.h"

#include "base/pagemap.h"

#define BASE	((uintptr_t)0x456 << 32)
#define SLOTS	64u			/* an area each */
#define READERS	3u
#define BATCH	16u			/* spans that share a grace period */
#define ROUNDS	200u			/* of the writer, at least */
#define LOOKS	20000ul			/* of each reader, at least */

struct known {
	struct span *span;
	uintptr_t start;
	size_t npages;
	unsigned int cls;
};

struct reader {
	pthread_t thread;
	unsigned int seed;
	unsigned long looks;		/* atomic: the writer waits for them */
	unsigned long found, wrong;	/* its own until it has ended */
};

static struct known *known[SLOTS];	/* RCU */
static bool stop;			/* atomic */

static bool is_right(const struct known *k, const void *p)
{
	if (pagemap_owner(p) != k->span)
		return false;
	if (k->cls == PAGEMAP_LARGE && (uintptr_t)p - k->start >= PAGE_SIZE)
		return pagemap_class(p) == PAGEMAP_NONE;
	return pagemap_class(p) == k->cls && pagemap_span(p) == k->span &&
	       k->span->sizeclass == k->cls;
}

static void *reader(void *arg)
{
	struct reader *r = arg;

	urcu_memb_register_thread();
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		const struct known *k;
		size_t at;

		urcu_memb_read_lock();
		k = rcu_dereference(known[rand_r(&r->seed) % SLOTS]);
		if (k) {
			at = (size_t)rand_r(&r->seed) % (k->npages * PAGE_SIZE);
			r->wrong += !is_right(k, (void *)(k->start + at));
			r->found++;
		}
		urcu_memb_read_unlock();
		__atomic_store_n(&r->looks, r->looks + 1, __ATOMIC_RELAXED);
	}
	urcu_memb_unregister_thread();
	return NULL;
}

/*
 * Make a span somewhere in the slot's area; the area's map is made with the
 * first.
 */
static struct known *span_make(unsigned int slot, unsigned int *seed)
{
	static struct span spans[SLOTS];	/* descriptors are used again */
	struct known *k = calloc(1, sizeof(*k));
	struct span *s = &spans[slot];

	if (!k)
		abort();
	k->npages = 1 + rand_r(seed) % 32;
	k->start = BASE + slot * AREA_SIZE +
		   rand_r(seed) % (AREA_PAGES - 32) * PAGE_SIZE;
	k->cls = rand_r(seed) % 4 ? 1 + rand_r(seed) % 80 : PAGEMAP_LARGE;
	k->span = s;
	if (!pagemap_add(k->start, k->npages * PAGE_SIZE))
		abort();
	s->start = k->start;
	s->npages = (uint32_t)k->npages;
	s->state = SPAN_INUSE;
	pagemap_set(s, k->cls);
	return k;
}

static unsigned long least_looks(const struct reader *r)
{
	unsigned long least = ~0ul;
	unsigned int i;

	for (i = 0; i < READERS; i++) {
		unsigned long n = __atomic_load_n(&r[i].looks, __ATOMIC_RELAXED);

		if (n < least)
			least = n;
	}
	return least;
}

TEST(a_span_that_is_held_is_found)
{
	static struct reader readers[READERS];
	unsigned int seed = 1, i, n;
	unsigned long found = 0;

	for (i = 0; i < READERS; i++) {
		readers[i].seed = i + 2;
		ASSERT_EQ(0, pthread_create(&readers[i].thread, NULL, reader,
					    &readers[i]));
	}
	for (n = 0; n < ROUNDS || least_looks(readers) < LOOKS; n++) {
		unsigned int first = rand_r(&seed) % SLOTS;
		struct known *old[BATCH];

		for (i = 0; i < BATCH; i++) {
			old[i] = known[(first + i) % SLOTS];
			rcu_assign_pointer(known[(first + i) % SLOTS], NULL);
		}
		urcu_memb_synchronize_rcu();
		for (i = 0; i < BATCH; i++) {
			unsigned int slot = (first + i) % SLOTS;

			if (old[i]) {
				pagemap_clear(old[i]->span);
				ASSERT_EQ(NULL, pagemap_span((void *)
							     old[i]->start));
				ASSERT_EQ(PAGEMAP_NONE, pagemap_class((void *)
							     old[i]->start));
				free(old[i]);
			}
			rcu_assign_pointer(known[slot], span_make(slot, &seed));
		}
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		EXPECT_EQ(0, readers[i].wrong);
		found += readers[i].found;
	}
	EXPECT_LT(0, found);
	for (i = 0; i < SLOTS; i++)
		free(known[i]);
}

TEST_HARNESS_MAIN
