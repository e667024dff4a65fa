// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * slot: thread caches, free lists, statistics.
 *
 * Free slots of an order are in one of three places: a thread's cache, with
 * whatever memory they have; the warm list, with one page each, at most
 * WARM_MAX of them; the cold list, without memory.  They move from the cache to
 * a list in batches, so that one system call serves many.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "area.h"
#include "base/error.h"
#include "fault.h"
#include "base/lock.h"
#include "base/sys.h"
#include "seam/seam.h"

/*
 * 4 MiB for an order: a burst of 1,024 stacks that is repeated costs no page
 * faults.
 */
#define WARM_MAX	1024

struct slot_list {
	struct shim_lock lock;
	struct slot *warm;
	struct slot *cold;
	size_t nr_warm;
	size_t nr_cold;
};

__thread struct slot_thread slot_thread;
bool slot_debug;
unsigned int slot_forks;

static struct slot_list lists[SLOT_ORDERS];
static struct slot_thread *threads;
static struct shim_lock threads_lock;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_end;
static bool has_key;
static uint64_t released, trims;

static struct slot_list *list_of(unsigned int order)
{
	return &lists[order - SHIM_STACK_ORDER_MIN];
}

/* Depths of stacks, in powers of two pages; SHIM_STACK_DEBUG. */
static uint64_t depths[SLOT_ORDERS][24];

static void debug_note(const struct slot *s)
{
	size_t pages = slot_used(s) / SLOT_PAGE;
	unsigned int log = 0;

	while (pages >> log)
		log++;
	__atomic_add_fetch(&depths[slot_order(s) - SHIM_STACK_ORDER_MIN][log],
			   1, __ATOMIC_RELAXED);
}

static void debug_print(void)
{
	unsigned int o, i;

	for (o = 0; o < SLOT_ORDERS; o++)
		for (i = 0; i < 24; i++)
			if (depths[o][i])
				shim_say("stacks of %zu KiB that went %zu KiB deep or less: %zu",
					 (size_t)1 << (o + SHIM_STACK_ORDER_MIN - 10),
					 i ? (((size_t)1 << i) - 1) * 4 : 0,
					 (size_t)depths[o][i]);
}

static void list_put(unsigned int order, struct slot *s, size_t nr);

/* Move all of a cache to the lists. */
static void cache_flush(struct slot_cache *c, unsigned int order)
{
	struct slot *s = c->head;
	size_t nr = 0;

	c->head = NULL;
	c->nr = 0;
	for (struct slot *i = s; i; i = i->next)
		nr++;
	if (nr)
		list_put(order, s, nr);
}

static void thread_ends(void *arg)
{
	struct slot_thread *t = &slot_thread;
	unsigned int o;

	(void)arg;
	shim_lock_acquire(&threads_lock);
	*t->prev = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->ready = false;
	shim_lock_release(&threads_lock);
	for (o = 0; o < SLOT_ORDERS; o++)
		cache_flush(&t->cache[o], o + SHIM_STACK_ORDER_MIN);
	fault_thread_end(t->signals);
	t->signals = NULL;
}

static void fork_prepare(void)
{
	unsigned int o;

	shim_lock_acquire(&threads_lock);
	for (o = 0; o < SLOT_ORDERS; o++)
		shim_lock_acquire_nested(&lists[o].lock);
}

static void fork_parent(void)
{
	unsigned int o;

	for (o = SLOT_ORDERS; o--; )
		shim_lock_release(&lists[o].lock);
	shim_lock_release(&threads_lock);
}

/*
 * The other threads do not exist here, so what their caches held goes to the
 * lists; a batch that was on its way between the two is lost to the child.
 * Taking and giving keep a list consistent at every step, and the memory of a
 * thread's cache stays until the child creates a thread.
 */
static void fork_child(void)
{
	struct slot_thread *t;
	unsigned int o;

	slot_forks++;
	for (o = SLOT_ORDERS; o--; )
		shim_lock_reset_child(&lists[o].lock);
	shim_lock_reset_child(&threads_lock);
	for (t = threads; t; t = t->next)
		if (t != &slot_thread)
			for (o = 0; o < SLOT_ORDERS; o++)
				cache_flush(&t->cache[o],
					    o + SHIM_STACK_ORDER_MIN);
	threads = NULL;
	if (slot_thread.ready) {
		threads = &slot_thread;
		slot_thread.next = NULL;
		slot_thread.prev = &threads;
	}
}

/* Make the stacks of a warm list cold. Lock held. Return: how many. */
static size_t cool(struct slot_list *l)
{
	struct slot *s = l->warm, *last;
	size_t n = l->nr_warm;

	if (!s)
		return 0;
	__atomic_add_fetch(&released, area_drop(s, 0), __ATOMIC_RELAXED);
	for (last = s; last->next; last = last->next)
		;
	last->next = l->cold;
	l->cold = s;
	l->nr_cold += n;
	l->warm = NULL;
	__atomic_store_n(&l->nr_warm, 0, __ATOMIC_RELAXED);
	return n;
}

/*
 * Called by libshim now and then: near its limit free stacks keep no page.  It
 * may have interrupted this thread anywhere in this file, with any lock held.
 */
static void idle(void)
{
	struct seam_usage u;
	unsigned int o;

	seam_usage(&u);
	for (o = 0; u.pressure && o < SLOT_ORDERS; o++) {
		if (!__atomic_load_n(&lists[o].nr_warm, __ATOMIC_RELAXED) ||
		    !shim_lock_try(&lists[o].lock))
			continue;
		cool(&lists[o]);
		shim_lock_release(&lists[o].lock);
	}
}

static void setup(void)
{
	slot_debug = secure_getenv("SHIM_STACK_DEBUG");
	if (slot_debug)
		atexit(debug_print);
	area_setup();
	has_key = !pthread_key_create(&thread_end, thread_ends);
	pthread_atfork(fork_prepare, fork_parent, fork_child);
	fault_setup();
	if (seam_is_here())
		seam_on_idle(SEAM_CO, idle);
}

int slot_ready(void)
{
	struct slot_thread *t = &slot_thread;
	void *signals;

	if (t->ready)
		return 0;
	pthread_once(&once, setup);
	/*
	 * without a key the end of the thread would not be noticed, so it gets
	 * no cache
	 */
	if (!has_key || pthread_setspecific(thread_end, t))
		return 0;
	signals = fault_thread();
	if (signals == (void *)-1) {
		pthread_setspecific(thread_end, NULL);
		errno = ENOMEM;
		return -1;
	}
	t->signals = signals;
	shim_lock_acquire(&threads_lock);
	t->next = threads;
	t->prev = &threads;
	if (threads)
		threads->prev = &t->next;
	threads = t;
	t->ready = true;
	shim_lock_release(&threads_lock);
	return 0;
}

/* Take up to @nr slots from the lists, or make some; *@got is how many. */
static struct slot *list_get(unsigned int order, size_t nr, size_t *got)
{
	struct slot_list *l = list_of(order);
	struct slot *s = NULL, *one;
	size_t n = 0;

	shim_lock_acquire(&l->lock);
	while (n < nr && (l->nr_warm || l->nr_cold)) {
		struct slot **from = l->nr_warm ? &l->warm : &l->cold;

		one = *from;
		*from = one->next;
		if (from == &l->warm)
			__atomic_store_n(&l->nr_warm, l->nr_warm - 1,
					 __ATOMIC_RELAXED);
		else
			l->nr_cold--;
		one->next = s;
		s = one;
		n++;
	}
	if (!n) {
		s = area_make(order, nr);
		for (one = s; one; one = one->next)
			n++;
	}
	shim_lock_release(&l->lock);
	*got = n;
	return s;
}

/* Put slots on the lists, with a page each if there is room. */
static void list_put(unsigned int order, struct slot *s, size_t nr)
{
	struct slot_list *l = list_of(order);
	struct slot *last = s;
	bool warm;

	while (last->next)
		last = last->next;
	warm = __atomic_load_n(&l->nr_warm, __ATOMIC_RELAXED) + nr <= WARM_MAX &&
	       !slot_debug;
	/* without the lock, since this takes most of the time */
	__atomic_add_fetch(&released, area_drop(s, warm ? SLOT_PAGE : 0),
			   __ATOMIC_RELAXED);
	shim_lock_acquire(&l->lock);
	if (warm) {
		last->next = l->warm;
		l->warm = s;
		__atomic_store_n(&l->nr_warm, l->nr_warm + nr, __ATOMIC_RELAXED);
	} else {
		last->next = l->cold;
		l->cold = s;
		l->nr_cold += nr;
	}
	shim_lock_release(&l->lock);
}

struct slot *slot_get_slow(unsigned int order)
{
	struct slot_cache *c = &slot_thread.cache[order - SHIM_STACK_ORDER_MIN];
	struct slot *s;
	size_t got;

	if (slot_ready())
		return NULL;
	s = list_get(order, slot_thread.ready ? slot_batch(order) : 1, &got);
	if (!s) {
		errno = ENOMEM;
		return NULL;
	}
	c->head = s->next;
	c->nr = got - 1;
	return s;
}

/*
 * A cache is full: the least recently used slots, at the end of its list, leave
 * it.
 */
void slot_put_slow(struct slot *s)
{
	unsigned int order = slot_order(s);
	struct slot_cache *c = &slot_thread.cache[order - SHIM_STACK_ORDER_MIN];
	struct slot *last = c->head;
	size_t keep, nr;

	if (slot_debug)
		debug_note(s);
	s->state = SLOT_FREE;
	s->next = NULL;
	if (slot_debug || slot_ready() || !slot_thread.ready) {
		list_put(order, s, 1);
		return;
	}
	if (c->nr >= 2 * slot_batch(order)) {
		for (keep = c->nr - slot_batch(order); --keep; )
			last = last->next;
		nr = slot_batch(order);
		c->nr -= nr;
		list_put(order, last->next, nr);
		last->next = NULL;
	}
	s->next = c->head;
	c->head = s;
	c->nr++;
}

/* Is page @i of the slot in memory, or swapped out (bits 63 and 62)? */
static bool page_is(const uint64_t *map, size_t i)
{
	return map[i] >> 62;
}

/* By mincore(), which cannot tell a swapped page from none. */
static size_t used_mincore(const struct slot *s)
{
	const char *at, *top = slot_top(s);
	unsigned char in;

	for (at = slot_low(s); at < top; at += SLOT_PAGE)
		if (!sys_call3(SYS_mincore, (long)at, SLOT_PAGE, (long)&in) &&
		    in & 1)
			break;
	return (size_t)(top - at);
}

size_t slot_used(const struct slot *s)
{
	const char *at = slot_low(s), *top = slot_top(s);
	uint64_t map[256];
	size_t n, i;
	long fd, got;

	fd = sys_open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (sys_failed(fd))
		return used_mincore(s);
	for (; at < top; at += n * SLOT_PAGE) {
		n = (size_t)(top - at) / SLOT_PAGE;
		if (n > 256)
			n = 256;
		got = sys_call6(SYS_pread64, fd, (long)map,
				(long)(n * sizeof(map[0])),
				(long)((uintptr_t)at / SLOT_PAGE *
				       sizeof(map[0])), 0, 0);
		if (got != (long)(n * sizeof(map[0]))) {
			sys_call3(SYS_close, fd, 0, 0);
			return used_mincore(s);
		}
		for (i = 0; i < n && !page_is(map, i); i++)
			;
		if (i < n) {
			at += i * SLOT_PAGE;
			break;
		}
	}
	sys_call3(SYS_close, fd, 0, 0);
	return at < top ? (size_t)(top - at) : 0;
}

void slot_drop(struct slot *s, char *low, char *high)
{
	struct area_range r = { low, high };
	struct area *a = area_of(low);

	(void)s;
	if (low >= high)
		return;
	a->kind->drop(a, &r, 1);
	__atomic_add_fetch(&released, (size_t)(high - low), __ATOMIC_RELAXED);
}

size_t slot_trim(struct slot *s, const char *sp)
{
	size_t has = slot_used(s), used = (size_t)(slot_top(s) - sp), keep;
	char *low = slot_top(s) - has, *high;

	/* what the x86-64 ABI lets a leaf use below the stack pointer */
	used += 128;
	if (used >= has / 4)
		return 0;
	keep = used > has / 2 ? used : has / 2;
	keep = (keep + SLOT_PAGE - 1) & -(size_t)SLOT_PAGE;
	high = slot_top(s) - keep;
	if (high <= low)
		return 0;
	slot_drop(s, low, high);
	__atomic_add_fetch(&trims, 1, __ATOMIC_RELAXED);
	return (size_t)(high - low);
}

__attribute__((visibility("default"))) size_t shim_stack_shrink(void)
{
	unsigned int o;
	size_t nr = 0;

	for (o = 0; o < SLOT_ORDERS; o++) {
		/* this thread's cache, then the warm list */
		cache_flush(&slot_thread.cache[o], o + SHIM_STACK_ORDER_MIN);
		shim_lock_acquire(&lists[o].lock);
		nr += cool(&lists[o]);
		shim_lock_release(&lists[o].lock);
	}
	return nr;
}

/* Count the slots that have been made in an area, by guard. */
static void stat_area(struct shim_stack_stat *st, const struct area *a)
{
	size_t i, made = __atomic_load_n(&a->made, __ATOMIC_ACQUIRE);

	st->areas++;
	st->reserved += a->bytes;
	st->stacks += made;
	for (i = 0; i < made; i++)
		st->guarded[slot_guard(&a->records[i])]++;
}

__attribute__((visibility("default"))) void shim_stack_get_stat(struct shim_stack_stat *st)
{
	struct slot_thread *t;
	unsigned int o;
	uint32_t i;

	memset(st, 0, sizeof(*st));
	shim_lock_acquire(&threads_lock);
	for (t = threads; t; t = t->next)
		for (o = 0; o < SLOT_ORDERS; o++)
			st->cached += __atomic_load_n(&t->cache[o].nr,
						      __ATOMIC_RELAXED);
	for (o = 0; o < SLOT_ORDERS; o++) {
		shim_lock_acquire_nested(&lists[o].lock);
		st->warm += lists[o].nr_warm;
		st->cold += lists[o].nr_cold;
		for (i = 0; i < shim_co_areas.nr[o]; i++)
			stat_area(st, &shim_co_areas.area[o][i]);
		shim_lock_release(&lists[o].lock);
	}
	shim_lock_release(&threads_lock);
	st->used = st->stacks - st->cached - st->warm - st->cold;
	st->released = __atomic_load_n(&released, __ATOMIC_RELAXED);
	st->trims = __atomic_load_n(&trims, __ATOMIC_RELAXED);
	st->overflows = fault_count();
}
