// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * transfer: free objects in passing between CPUs.
 *
 * A stack of pointers for each class and domain.  The objects that one CPU's
 * cache spills refill another's, without the objects or their spans being
 * touched.
 *
 * Keeps true: 0 <= low <= objs <= room, where low is the lowest value of objs
 * since the last plunder; slot[] has space for room pointers, those from base to
 * base + objs in use, and is doubled on demand, up to the class's limit.  The
 * limit falls when there are more domains; a cache that is above it then does
 * not grow.  One lock for each class and domain protects all of it; it is not
 * held while the central list is called.  Where the heap is kept apart by NUMA
 * nodes, a domain's caches take objects of its own node only.  Called by percpu.
 */
#include <string.h>

#include "span/central.h"
#include "base/lock.h"
#include "base/meta.h"
#include "base/node.h"
#include "base/sizeclass.h"
#include "base/sys.h"
#include "transfer_int.h"

/*
 * How much may wait here, in all domains together: 64 batches or 128 KiB,
 * whichever is less, but at least two batches in each domain, so that a
 * producer can hand a batch to a consumer.
 */
#define MAX_BATCHES	64u
#define MIN_BATCHES	2u
#define LIMIT_BYTES	((size_t)128 << 10)

static struct transfer first[SIZECLASS_COUNT + 1] SHIM_BSS_NEXT = {
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

/* The first domain's if there is no memory for one. */
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
	return t ? t : first;
}

/* The cache of a class in a domain. */
static inline struct transfer *transfer_of(unsigned int dom, unsigned int cls)
{
	struct transfer *t = __atomic_load_n(&transfer_dom[dom],
					     __ATOMIC_ACQUIRE);

	if (__builtin_expect(!t, 0))
		t = domain_make(dom);
	return t + cls;
}

/* The next domain after @dom that has a cache, or TRANSFER_DOMAINS. */
static unsigned int domain_next(unsigned int dom)
{
	while (++dom < TRANSFER_DOMAINS)
		if (__atomic_load_n(&transfer_dom[dom], __ATOMIC_ACQUIRE))
			break;
	return dom;
}

static void **oldest(const struct transfer *t)
{
	return t->slot + t->base;
}

unsigned int transfer_get_at(unsigned int dom, unsigned int cls, void **objs,
			     unsigned int n)
{
	struct transfer *t = transfer_of(dom, cls);
	unsigned int got;

	shim_lock_acquire(&t->lock);
	got = n < t->objs ? n : t->objs;
	if (got) {
		t->objs -= got;
		memcpy(objs, oldest(t) + t->objs, got * sizeof(*objs));
		if (t->low > t->objs)
			t->low = t->objs;
		t->hits++;
	} else {
		t->misses++;
	}
	shim_lock_release(&t->lock);
	return got ? got : central_get(cls, objs, n);
}

bool transfer_is_dry(unsigned int dom, unsigned int cls)
{
	const struct transfer *t = transfer_of(dom, cls);

	return !__atomic_load_n(&t->objs, __ATOMIC_RELAXED) &&
	       central_is_dry(cls);
}

/*
 * Make room for @n more.  Lock held.  What a drain left free below is used when
 * there is none above: the others move once for each drain at most, not for each
 * batch that goes.
 */
static bool transfer_grow(struct transfer *t, unsigned int cls, unsigned int n)
{
	unsigned int max = transfer_max(cls);
	unsigned int room = t->room ? t->room * 2 : 2u * n;
	void **slot;

	shim_lock_assert(&t->lock);
	if (t->objs + n > max)
		return false;
	if (t->base + t->objs + n <= t->room)
		return true;
	if (t->objs + n <= t->room) {
		memmove(t->slot, oldest(t), t->objs * sizeof(*slot));
		t->base = 0;
		return true;
	}
	while (room < t->objs + n)
		room *= 2;
	if (room > max)
		room = max;
	slot = meta_alloc(room * sizeof(*slot), sizeof(*slot));
	if (!slot)
		return false;
	if (t->slot) {
		memcpy(slot, oldest(t), t->objs * sizeof(*slot));
		meta_free(t->slot, t->room * sizeof(*slot));
	}
	t->slot = slot;
	t->base = 0;
	t->room = room;
	return true;
}

/*
 * What is of other nodes goes home, to its span: somebody there may get it.
 * Return: how many are left of @objs.
 */
static __attribute__((noinline))
unsigned int put_far(unsigned int cls, void **objs, unsigned int n)
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
		memcpy(oldest(t) + t->objs, objs, n * sizeof(*objs));
		t->objs += n;
		shim_lock_release(&t->lock);
		return;
	}
	t->spills++;
	shim_lock_release(&t->lock);
	central_put(cls, objs, n);
}

void transfer_put_home(unsigned int cls, void **objs, unsigned int n)
{
	central_put(cls, objs, n);
}

unsigned int transfer_put_mixed(void *p)
{
	return central_put_mixed(p);
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
 * fullest ones first.  Two batches are looked at for each that goes, and neither
 * is sorted: how empty the spans are is counted, which says where to divide them.
 */
#define LOOK_OBJS	(2 * SIZECLASS_BATCH_MAX)
#define LOOK_KEYS	128	/* spans of fewer objects are told apart by one */

_Static_assert(LOOK_OBJS <= UINT8_MAX, "a count fits its byte");

/*
 * The key with which the @some largest of @n keys end; *@last is how many of those
 * with this very key are among them.
 */
static unsigned int largest(const uint16_t *key, unsigned int n,
			    unsigned int some, unsigned int *last)
{
	uint8_t count[LOOK_KEYS] = { 0 };
	unsigned int i, at = LOOK_KEYS, sum = 0;

	for (i = 0; i < n; i++)
		count[key[i]]++;
	while (sum < some)
		sum += count[--at];
	*last = count[at] - (sum - some);
	return at;
}

static void emptiest_first(unsigned int cls, void **objs, unsigned int n,
			   unsigned int some)
{
	unsigned int i, end, last, front = 0, rest = 0, shift = 0;
	unsigned int least = LOOK_KEYS, most = 0;
	void *other[LOOK_OBJS];
	uint16_t key[LOOK_OBJS];

	while ((unsigned int)sizeclass_info[cls].nobjs >> shift >= LOOK_KEYS)
		shift++;
	central_free_beside(objs, n, key);
	for (i = 0; i < n; i++) {
		unsigned int k = key[i] >> shift;

		/* the span's record may be another's by now */
		if (k >= LOOK_KEYS)
			k = LOOK_KEYS - 1;
		key[i] = (uint16_t)k;
		if (i < some)
			least = k < least ? k : least;
		else
			most = k > most ? k : most;
	}
	/* what was freed in the order of its addresses is in order already */
	if (least >= most)
		return;
	end = largest(key, n, some, &last);
	for (i = 0; i < n; i++) {
		if (key[i] < end || (key[i] == end && !last)) {
			other[rest++] = objs[i];
			continue;
		}
		last -= key[i] == end;
		objs[front++] = objs[i];
	}
	memcpy(objs + front, other, rest * sizeof(*objs));
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
			emptiest_first(cls, oldest(t), t->objs < LOOK_OBJS ?
				       t->objs : LOOK_OBJS, some);
			memcpy(objs, oldest(t), some * sizeof(*objs));
			t->base += some;
		} else if (some) {
			memcpy(objs, oldest(t) + t->objs - some,
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

	/* most have nothing; what comes while this looks waits for the next one */
	if (!__atomic_load_n(&t->objs, __ATOMIC_RELAXED))
		return;
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
		ok = ok && t->low <= t->objs &&
		     t->base + t->objs <= t->room &&
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
