// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pool: objects of one size, made once and used often.
 *
 * Keeps true: a slab is a power of two in size and in alignment, so that an
 * object's slab is known by its address; bit n of @free means that object n is
 * in the slab, free and constructed.  Slabs with free objects are at the front
 * of the pool's list, full ones behind.  A slab's @used counts the objects that
 * are not in it.
 *
 * pool->lock guards slabs and list; each magazine belongs to its thread.  A
 * slot of pools[] is guarded by slots_lock, which is held while a thread that
 * ends gives its objects back, so that the pool is not destroyed at the same
 * time.  slots_lock comes before any pool's.
 *
 * Where a memory checker runs, each object is a malloc() of its own, so that the
 * checker sees it.  Called by the application.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "box.h"
#include "box_fork.h"
#include "pool_magazine.h"
#include "shim_pool.h"

#define SLAB_OBJS	64u	/* bits in a word */
#define SLAB_MAX	((size_t)128 << 10)
#define SLAB_MIN_OBJS	8u	/* up to 16 KiB: rather a larger slab */
#define ALIGN_MAX	4096u
#define BATCH		(MAGAZINE_OBJS / 2)

struct slab {
	struct slab *next;
	struct slab *prev;
	struct shim_pool *pool;
	uint64_t free;
	uint32_t used;
	uint32_t nobjs;
};

struct shim_pool {
	struct box_lock lock;
	struct slab list;	/* the head, of which only next and prev are used */
	size_t size;
	size_t first;		/* offset of a slab's first object */
	size_t slab_size;
	uint32_t nobjs;		/* in a slab */
	uint32_t slot;		/* of pools[], or MAGAZINE_POOLS */
	uint64_t serial;
	size_t live;
	size_t slabs;
	struct shim_pool_ops ops;
	bool watched;
};

static struct box_lock slots_lock;
static struct box_once slots_once = BOX_ONCE_INIT;
static struct shim_pool *pools[MAGAZINE_POOLS];
static uint64_t last_serial;

static struct slab *slab_of(const struct shim_pool *pool, const void *obj)
{
	return (struct slab *)((uintptr_t)obj &
			       ~((uintptr_t)pool->slab_size - 1));
}

static void *obj_at(const struct shim_pool *pool, struct slab *s,
		    unsigned int i)
{
	return (char *)s + pool->first + i * pool->size;
}

static void list_del(struct slab *s)
{
	s->prev->next = s->next;
	s->next->prev = s->prev;
}

static void list_add(struct slab *s, struct slab *prev)
{
	s->prev = prev;
	s->next = prev->next;
	prev->next->prev = s;
	prev->next = s;
}

static void slab_free(struct shim_pool *pool, struct slab *s)
{
	unsigned int i;

	for (i = 0; pool->ops.dtor && i < s->nobjs; i++)
		pool->ops.dtor(obj_at(pool, s, i), pool->ops.arg);
	free(s);
}

/*
 * Make a slab of constructed objects; NULL with errno set on failure.  No lock
 * is held.
 */
static struct slab *slab_make(struct shim_pool *pool)
{
	struct slab *s = aligned_alloc(pool->slab_size, pool->slab_size);

	if (!s)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->pool = pool;
	for (; s->nobjs < pool->nobjs; s->nobjs++) {
		void *obj = obj_at(pool, s, s->nobjs);

		if (pool->ops.ctor && pool->ops.ctor(obj, pool->ops.arg)) {
			int err = errno;

			slab_free(pool, s);
			errno = err;
			return NULL;
		}
	}
	s->free = s->nobjs == SLAB_OBJS ? ~0ull : (1ull << s->nobjs) - 1;
	return s;
}

/* Take up to @n objects. Lock held. */
static unsigned int take(struct shim_pool *pool, void **obj, unsigned int n)
{
	unsigned int got = 0;

	while (got < n && pool->list.next != &pool->list) {
		struct slab *s = pool->list.next;

		if (!s->free)
			break;
		while (got < n && s->free) {
			unsigned int i = (unsigned int)__builtin_ctzll(s->free);

			s->free &= s->free - 1;
			s->used++;
			obj[got++] = obj_at(pool, s, i);
		}
		if (!s->free) {
			list_del(s);
			list_add(s, pool->list.prev);
		}
	}
	pool->live += got;
	return got;
}

/*
 * Put @n objects back into their slabs.  Lock held.  Return: a bad one, or
 * NULL.
 */
static void *give(struct shim_pool *pool, void **obj, unsigned int n)
{
	unsigned int k;

	for (k = 0; k < n; k++) {
		struct slab *s = slab_of(pool, obj[k]);
		size_t at = (size_t)((char *)obj[k] - (char *)s) - pool->first;
		size_t i = at / pool->size;

		if (s->pool != pool || i * pool->size != at || i >= s->nobjs ||
		    s->free & 1ull << i)
			return obj[k];
		if (!s->free) {
			list_del(s);
			list_add(s, &pool->list);
		}
		s->free |= 1ull << i;
		s->used--;
		pool->live--;
	}
	return NULL;
}

static unsigned int refill(struct shim_pool *pool, void **obj, unsigned int n)
{
	unsigned int got;
	struct slab *s;

	shim_lock_acquire(&pool->lock.lock);
	got = take(pool, obj, n);
	shim_lock_release(&pool->lock.lock);
	if (got)
		return got;
	s = slab_make(pool);
	if (!s)
		return 0;
	shim_lock_acquire(&pool->lock.lock);
	list_add(s, &pool->list);
	pool->slabs++;
	got = take(pool, obj, n);
	shim_lock_release(&pool->lock.lock);
	return got;
}

static void drain(struct shim_pool *pool, void **obj, unsigned int n)
{
	void *bad;

	/* a thread that ends holds slots_lock here */
	shim_lock_acquire_nested(&pool->lock.lock);
	bad = give(pool, obj, n);
	shim_lock_release(&pool->lock.lock);
	if (bad)
		box_die("shim_pool_put(): not an object of the pool that is in use",
			bad);
}

/* A magazine belongs to a pool, so slots_init() has made the lock. */
static void thread_ends(unsigned int slot, struct magazine *m)
{
	struct shim_pool *pool;

	shim_lock_acquire(&slots_lock.lock);
	pool = pools[slot];
	if (pool && pool->serial == m->serial)
		drain(pool, m->obj, m->n);
	shim_lock_release(&slots_lock.lock);
}

static void slots_init(void)
{
	box_lock_init(&slots_lock, BOX_LOCK_SLOTS);
	magazine_on_end(thread_ends);
}

static void slots_take(void)
{
	box_once(&slots_once, slots_init);
	shim_lock_acquire(&slots_lock.lock);
}

/* Where a memory checker runs: each object is an allocation of its own. */
static void *watched_get(struct shim_pool *pool)
{
	void *obj = aligned_alloc(pool->first, pool->size);

	if (obj && pool->ops.ctor && pool->ops.ctor(obj, pool->ops.arg)) {
		int err = errno;

		free(obj);
		errno = err;
		return NULL;
	}
	if (obj)
		__atomic_fetch_add(&pool->live, 1, __ATOMIC_RELAXED);
	return obj;
}

static void watched_put(struct shim_pool *pool, void *obj)
{
	if (pool->ops.dtor)
		pool->ops.dtor(obj, pool->ops.arg);
	free(obj);
	__atomic_fetch_sub(&pool->live, 1, __ATOMIC_RELAXED);
}

BOX_EXPORT void *shim_pool_get(struct shim_pool *pool)
{
	struct magazine *m;
	void *obj;

	if (unlikely(pool->watched))
		return watched_get(pool);
	if (unlikely(pool->slot == MAGAZINE_POOLS))
		return refill(pool, &obj, 1) ? obj : NULL;
	m = magazine_here(pool->slot, pool->serial);
	if (unlikely(!m))
		return refill(pool, &obj, 1) ? obj : NULL;
	if (unlikely(!m->n)) {
		/*
		 * a constructor may get here for another pool: m is still valid
		 */
		m->n = refill(pool, m->obj, BATCH);
		if (!m->n)
			return NULL;
	}
	return m->obj[--m->n];
}

BOX_EXPORT void shim_pool_put(struct shim_pool *pool, void *obj)
{
	struct magazine *m;

	if (!obj)
		return;
	if (unlikely(pool->watched)) {
		watched_put(pool, obj);
		return;
	}
	m = pool->slot == MAGAZINE_POOLS ? NULL :
		magazine_here(pool->slot, pool->serial);
	if (unlikely(!m)) {
		drain(pool, &obj, 1);
		return;
	}
	if (unlikely(m->n == MAGAZINE_OBJS)) {
		/* the oldest half: the newest are in the CPU's cache */
		drain(pool, m->obj, BATCH);
		memmove(m->obj, m->obj + BATCH,
			sizeof(m->obj) - BATCH * sizeof(m->obj[0]));
		m->n -= BATCH;
	}
	if (unlikely(m->n && m->obj[m->n - 1] == obj))
		box_die("shim_pool_put(): put twice", obj);
	m->obj[m->n++] = obj;
}

static int layout(struct shim_pool *pool, size_t size, size_t align)
{
	size_t n, first, least;

	if (!align)
		align = 16;
	if (!size || align & (align - 1) || align > ALIGN_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (size > SLAB_MAX << 8) {
		errno = ENOMEM;
		return -1;
	}
	pool->size = (size + align - 1) & ~(align - 1);
	first = (sizeof(struct slab) + align - 1) & ~(align - 1);
	pool->first = first;
	pool->slab_size = 4096;
	least = size < SLAB_MAX / SLAB_MIN_OBJS ? SLAB_MIN_OBJS : 1;
	while ((n = (pool->slab_size - first) / pool->size) < SLAB_OBJS &&
	       (pool->slab_size < SLAB_MAX || n < least))
		pool->slab_size *= 2;
	pool->nobjs = n < SLAB_OBJS ? (uint32_t)n : SLAB_OBJS;
	return 0;
}

BOX_EXPORT struct shim_pool *shim_pool_new(size_t size, size_t align,
					   const struct shim_pool_ops *ops)
{
	struct shim_pool *pool = calloc(1, sizeof(*pool));
	unsigned int i;

	if (!pool)
		return NULL;
	if (layout(pool, size, align)) {
		free(pool);
		return NULL;
	}
	if (ops)
		pool->ops = *ops;
	pool->list.next = &pool->list;
	pool->list.prev = &pool->list;
	pool->watched = box_is_watched();
	if (pool->watched)
		pool->first = align ? align : 16;
	slots_take();
	for (i = 0; i < MAGAZINE_POOLS && pools[i]; i++)
		;
	pool->slot = i;
	pool->serial = ++last_serial;
	if (i < MAGAZINE_POOLS)
		pools[i] = pool;
	shim_lock_release(&slots_lock.lock);
	box_lock_init(&pool->lock, BOX_LOCK_OWN);
	box_count(BOX_POOLS, 1);
	return pool;
}

BOX_EXPORT void shim_pool_free(struct shim_pool *pool)
{
	struct slab *s, *next;

	if (!pool)
		return;
	slots_take();
	if (pool->slot < MAGAZINE_POOLS)
		pools[pool->slot] = NULL;
	shim_lock_release(&slots_lock.lock);
	box_lock_gone(&pool->lock);
	for (s = pool->list.next; s != &pool->list; s = next) {
		next = s->next;
		slab_free(pool, s);
	}
	box_count(BOX_POOLS, -1);
	free(pool);
}

BOX_EXPORT size_t shim_pool_shrink(struct shim_pool *pool)
{
	struct slab *s, *next, *gone = NULL;
	struct magazine *m;
	size_t bytes = 0;

	if (pool->watched)
		return 0;
	if (pool->slot < MAGAZINE_POOLS && magazines) {
		m = magazine_here(pool->slot, pool->serial);
		if (m) {
			drain(pool, m->obj, m->n);
			m->n = 0;
		}
	}
	shim_lock_acquire(&pool->lock.lock);
	for (s = pool->list.next; s != &pool->list; s = next) {
		next = s->next;
		if (s->used)
			continue;
		list_del(s);
		pool->slabs--;
		s->next = gone;
		gone = s;
	}
	shim_lock_release(&pool->lock.lock);
	for (; gone; gone = next) {
		next = gone->next;
		slab_free(pool, gone);
		bytes += pool->slab_size;
	}
	return bytes;
}

BOX_EXPORT void shim_pool_get_stat(struct shim_pool *pool,
				   struct shim_pool_stat *st)
{
	shim_lock_acquire(&pool->lock.lock);
	st->size = pool->size;
	st->live = pool->live;
	st->made = pool->watched ? pool->live : pool->slabs * pool->nobjs;
	st->bytes = pool->watched ? pool->live * pool->size :
				    pool->slabs * pool->slab_size;
	shim_lock_release(&pool->lock.lock);
}

static bool slab_is_valid(const struct shim_pool *pool, const struct slab *s)
{
	unsigned int nfree = (unsigned int)__builtin_popcountll(s->free);

	return s->pool == pool && s->nobjs == pool->nobjs &&
	       s->used + nfree == s->nobjs && s->next->prev == s &&
	       s->prev->next == s;
}

BOX_EXPORT bool shim_pool_is_valid(struct shim_pool *pool)
{
	size_t live = 0, slabs = 0;
	bool good = true, full = false;
	struct slab *s;

	if (pool->watched)
		return true;
	shim_lock_acquire(&pool->lock.lock);
	for (s = pool->list.next; s != &pool->list; s = s->next) {
		good = good && slab_is_valid(pool, s) && !(full && s->free);
		full = full || !s->free;
		live += s->used;
		slabs++;
	}
	good = good && live == pool->live && slabs == pool->slabs;
	shim_lock_release(&pool->lock.lock);
	return good;
}
