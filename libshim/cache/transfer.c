// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * transfer: free objects in passing between CPUs.
 *
 * A stack of pointers for each class and domain.  The objects that one CPU's
 * cache spills refill another's, without the objects or their spans being
 * touched.
 *
 * Keeps true: 0 <= low <= objs <= room, where low is the lowest value of objs
 * since the last plunder; slot[] has space for room pointers and is doubled on
 * demand, up to the class's limit.  The limit falls when there are more
 * domains; a cache that is above it then does not grow.  One lock for each
 * class and domain protects all of it; it is not held while the central list is
 * called.  Where the heap is kept apart by NUMA nodes, a domain's caches take
 * objects of its own node only.  Called by percpu.
 */
#include <string.h>

#include "span/central.h"
#include "base/lock.h"
#include "base/meta.h"
#include "base/node.h"
#include "base/sizeclass.h"
#include "transfer_int.h"

/*
 * How much may wait here, in all domains together: 64 batches or 128 KiB,
 * whichever is less, but at least two batches in each domain, so that a
 * producer can hand a batch to a consumer.
 */
#define MAX_BATCHES	64u
#define MIN_BATCHES	2u
#define LIMIT_BYTES	((size_t)128 << 10)

static struct transfer first[SIZECLASS_COUNT + 1] = {
	[0 ... SIZECLASS_COUNT] = {
		.lock = SHIM_LOCK_INIT(SHIM_RANK_TRANSFER)
	}
};

/* Written once, with the lock of first[0] held; class 0 has no objects. */
struct transfer *transfer_dom[TRANSFER_DOMAINS] = { first };
static unsigned int domains = 1;

/*
 * Set once at start, or by a test.  Stored as a difference from the default, so
 * that it lies in zero-filled memory.
 */
static size_t limit_less;

static unsigned int transfer_max(unsigned int cls)
{
	const struct sizeclass *info = &sizeclass_info[cls];
	size_t limit = LIMIT_BYTES - limit_less;
	unsigned int doms = __atomic_load_n(&domains, __ATOMIC_RELAXED);
	size_t max = limit / doms / info->size;

	if (!limit)
		return 0;
	if (max > MAX_BATCHES * info->batch / doms)
		max = MAX_BATCHES * info->batch / doms;
	if (max < MIN_BATCHES * info->batch)
		max = MIN_BATCHES * info->batch;
	return max;
}

void transfer_set_limit(size_t bytes)
{
	if (bytes > LIMIT_BYTES)
		bytes = LIMIT_BYTES;
	limit_less = LIMIT_BYTES - bytes;
}

static struct transfer *domain_make(unsigned int dom)
{
	struct transfer *t;
	unsigned int i;

	shim_lock_acquire(&first[0].lock);
	t = transfer_dom[dom];
	if (!t) {
		t = meta_alloc(sizeof(first), 64);
		for (i = 0; t && i <= SIZECLASS_COUNT; i++)
			shim_lock_init(&t[i].lock, SHIM_RANK_TRANSFER);
		if (t) {
			domains++;
			/* release order: pairs with the load in transfer_of() */
			__atomic_store_n(&transfer_dom[dom], t,
					 __ATOMIC_RELEASE);
		}
	}
	shim_lock_release(&first[0].lock);
	return t;
}

/*
 * The cache of a class in a domain; the first domain's if there is no memory
 * for one.
 */
static struct transfer *transfer_of(unsigned int dom, unsigned int cls)
{
	struct transfer *t = __atomic_load_n(&transfer_dom[dom],
					     __ATOMIC_ACQUIRE);

	if (__builtin_expect(!t, 0))
		t = domain_make(dom);
	return (t ? t : first) + cls;
}

/* The next domain after @dom that has a cache, or TRANSFER_DOMAINS. */
static unsigned int domain_next(unsigned int dom)
{
	while (++dom < TRANSFER_DOMAINS)
		if (__atomic_load_n(&transfer_dom[dom], __ATOMIC_ACQUIRE))
			break;
	return dom;
}

unsigned int transfer_get_at(unsigned int dom, unsigned int cls, void **objs,
			     unsigned int n)
{
	struct transfer *t = transfer_of(dom, cls);

	shim_lock_acquire(&t->lock);
	if (t->objs) {
		if (n > t->objs)
			n = t->objs;
		t->objs -= n;
		memcpy(objs, t->slot + t->objs, n * sizeof(*objs));
		if (t->low > t->objs)
			t->low = t->objs;
		t->hits++;
		shim_lock_release(&t->lock);
		return n;
	}
	t->misses++;
	shim_lock_release(&t->lock);
	return central_get(cls, objs, n);
}

bool transfer_is_dry(unsigned int dom, unsigned int cls)
{
	const struct transfer *t = transfer_of(dom, cls);

	return !__atomic_load_n(&t->objs, __ATOMIC_RELAXED) &&
	       central_is_dry(cls);
}

/* Make room for @n more. Lock held. */
static bool transfer_grow(struct transfer *t, unsigned int cls, unsigned int n)
{
	unsigned int max = transfer_max(cls);
	unsigned int room = t->room ? t->room * 2 : 2u * n;
	void **slot;

	shim_lock_assert(&t->lock);
	if (t->objs + n <= t->room && t->objs + n <= max)
		return true;
	if (t->objs + n > max)
		return false;
	while (room < t->objs + n)
		room *= 2;
	if (room > max)
		room = max;
	slot = meta_alloc(room * sizeof(*slot), sizeof(*slot));
	if (!slot)
		return false;
	if (t->slot) {
		memcpy(slot, t->slot, t->objs * sizeof(*slot));
		meta_free(t->slot, t->room * sizeof(*slot));
	}
	t->slot = slot;
	t->room = room;
	return true;
}

/*
 * What is of other nodes goes home, to its span: somebody there may get it.
 * Return: how many are left of @objs.
 */
static unsigned int put_far(unsigned int cls, void **objs, unsigned int n)
{
	unsigned int here = node_here(), near = 0, far = 0, i;
	void *away[SIZECLASS_BATCH_MAX];

	for (i = 0; i < n; i++) {
		if (central_node(objs[i]) == here) {
			objs[near++] = objs[i];
			continue;
		}
		away[far++] = objs[i];
		if (far == SIZECLASS_BATCH_MAX) {
			central_put(cls, away, far);
			far = 0;
		}
	}
	if (far)
		central_put(cls, away, far);
	return near;
}

void transfer_put_at(unsigned int dom, unsigned int cls, void **objs,
		     unsigned int n)
{
	struct transfer *t = transfer_of(dom, cls);

	if (__builtin_expect(node_several(), 0)) {
		n = put_far(cls, objs, n);
		if (!n)
			return;
	}
	shim_lock_acquire(&t->lock);
	if (transfer_grow(t, cls, n)) {
		memcpy(t->slot + t->objs, objs, n * sizeof(*objs));
		t->objs += n;
		shim_lock_release(&t->lock);
		return;
	}
	t->spills++;
	shim_lock_release(&t->lock);
	central_put(cls, objs, n);
}

int transfer_check(unsigned int cls, const void *p)
{
	return central_check(cls, p);
}

void transfer_judge(unsigned int cls, const void *p)
{
	central_judge(cls, p);
}

/*
 * Among the oldest objects, bring those whose spans are the emptiest to the
 * front: a span that gets its last object back is free, and objects come from the
 * fullest ones first.  Two batches are looked at for each that goes, 2 us.
 */
#define LOOK_OBJS	(2 * SIZECLASS_BATCH_MAX)

static void emptiest_first(void **objs, unsigned int n)
{
	unsigned int key[LOOK_OBJS], i, k, empty;
	void *p;

	for (i = 0; i < n; i++) {
		p = objs[i];
		empty = central_free_beside(p);
		for (k = i; k && key[k - 1] < empty; k--) {
			key[k] = key[k - 1];
			objs[k] = objs[k - 1];
		}
		key[k] = empty;
		objs[k] = p;
	}
}

/*
 * Move up to @n of the oldest objects down.  Where all go, it does not matter which
 * is first: the last ones leave the others where they are.
 */
static void transfer_drain(unsigned int dom, unsigned int cls, unsigned int n)
{
	struct transfer *t = transfer_of(dom, cls);
	void *objs[SIZECLASS_BATCH_MAX];
	unsigned int some;

	while (n) {
		some = n < SIZECLASS_BATCH_MAX ? n : SIZECLASS_BATCH_MAX;
		shim_lock_acquire(&t->lock);
		if (some > t->objs)
			some = t->objs;
		if (some && n < t->objs) {
			emptiest_first(t->slot, t->objs < LOOK_OBJS ?
						t->objs : LOOK_OBJS);
			memcpy(objs, t->slot, some * sizeof(*objs));
			memmove(t->slot, t->slot + some,
				(t->objs - some) * sizeof(*objs));
		} else if (some) {
			memcpy(objs, t->slot + t->objs - some,
			       some * sizeof(*objs));
		}
		t->objs -= some;
		if (t->low > t->objs)
			t->low = t->objs;
		shim_lock_release(&t->lock);
		if (!some)
			return;
		central_put(cls, objs, some);
		n -= some;
	}
}

static void plunder(unsigned int dom, unsigned int cls)
{
	struct transfer *t = transfer_of(dom, cls);
	unsigned int low;

	shim_lock_acquire(&t->lock);
	low = t->low;
	shim_lock_release(&t->lock);
	if (low)
		transfer_drain(dom, cls, low);
	shim_lock_acquire(&t->lock);
	t->low = t->objs;
	shim_lock_release(&t->lock);
}

void transfer_plunder(void)
{
	unsigned int dom, cls;

	for (dom = 0; dom < TRANSFER_DOMAINS; dom = domain_next(dom))
		for (cls = 1; cls <= SIZECLASS_COUNT; cls++)
			plunder(dom, cls);
}

void transfer_flush(void)
{
	unsigned int dom, cls;

	for (dom = 0; dom < TRANSFER_DOMAINS; dom = domain_next(dom))
		for (cls = 1; cls <= SIZECLASS_COUNT; cls++)
			transfer_drain(dom, cls, UINT32_MAX);
}

bool transfer_wants(unsigned int cls)
{
	return central_wants(cls);
}

void transfer_recall(unsigned int cls)
{
	unsigned int dom;

	if (!central_called(cls))
		return;
	for (dom = 0; dom < TRANSFER_DOMAINS; dom = domain_next(dom))
		transfer_drain(dom, cls, UINT32_MAX);
}

void transfer_squeeze(void)
{
	transfer_flush();
	central_squeeze();
}

void transfer_get_stat(unsigned int cls, struct transfer_stat *st)
{
	unsigned int dom;

	*st = (struct transfer_stat){ 0 };
	for (dom = 0; dom < TRANSFER_DOMAINS; dom = domain_next(dom)) {
		struct transfer *t = transfer_of(dom, cls);

		shim_lock_acquire(&t->lock);
		st->objs += t->objs;
		st->max += transfer_max(cls);
		st->hits += t->hits;
		st->misses += t->misses;
		st->spills += t->spills;
		shim_lock_release(&t->lock);
	}
}

bool transfer_is_valid(unsigned int cls)
{
	unsigned int dom;
	bool ok = true;

	for (dom = 0; dom < TRANSFER_DOMAINS; dom = domain_next(dom)) {
		struct transfer *t = transfer_of(dom, cls);

		shim_lock_acquire(&t->lock);
		ok = ok && t->low <= t->objs && t->objs <= t->room &&
		     !t->slot == !t->room;
		shim_lock_release(&t->lock);
	}
	return ok;
}

/* The lock of first[0] comes first: no domain is made while it is held. */
void transfer_fork_prepare(void)
{
	unsigned int dom, i;

	shim_lock_fork_prepare(&first[0].lock);
	for (dom = 0; dom < TRANSFER_DOMAINS; dom = domain_next(dom))
		for (i = 1; i <= SIZECLASS_COUNT; i++)
			shim_lock_fork_prepare(&transfer_dom[dom][i].lock);
}

static void transfer_fork_end(void (*end)(struct shim_lock *lock))
{
	unsigned int dom, i;

	for (dom = TRANSFER_DOMAINS; dom--;)
		for (i = SIZECLASS_COUNT; transfer_dom[dom] && i; i--)
			end(&transfer_dom[dom][i].lock);
	end(&first[0].lock);
}

void transfer_fork_parent(void)
{
	transfer_fork_end(shim_lock_fork_parent);
}

void transfer_fork_child(void)
{
	transfer_fork_end(shim_lock_fork_child);
}
