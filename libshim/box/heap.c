// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * heap: separate heaps: locks, limits, statistics, and the choice of the
 * engine.
 *
 * Keeps true: an engine is called with the heap's lock held.  A shared heap's
 * lock is a robust mutex: the thread that gets it after its owner has died
 * repairs the heap before anything else.
 * @held is kept by heap_room, @objects and @used by the engines.
 *
 * Called by the application.
 */
#include <errno.h>
#include <string.h>

#include "box.h"
#include "heap_seg.h"

#define AT_MIN	((size_t)1 << 10)
#define AT_MAX	((size_t)32 << 30)

void __asan_poison_memory_region(const volatile void *p, size_t n)
	__attribute__((weak));
void __asan_unpoison_memory_region(const volatile void *p, size_t n)
	__attribute__((weak));

/* Are freed objects poisoned for AddressSanitizer? Not in shared memory. */
static uint32_t watched(void)
{
	return __asan_poison_memory_region ? HEAP_WATCHED : 0;
}

static bool is_seg(const struct shim_heap *heap)
{
	return (heap->flags & SHIM_HEAP_POLICY) == SHIM_HEAP_SEGREGATED;
}

static __attribute__((noinline)) void shared_acquire(struct shim_heap *heap)
{
	int err = pthread_mutex_lock(&heap->mutex);

	if (err == EOWNERDEAD) {
		fit_recover(heap);
		heap->rollbacks++;
		box_count(BOX_HEAP_ROLLBACKS, 1);
		pthread_mutex_consistent(&heap->mutex);
	} else if (err) {
		box_die("shim_heap: the lock of a shared heap is damaged", heap);
	}
}

static void shared_release(struct shim_heap *heap)
{
	/* from here on the object counts as handed out */
	__atomic_store_n(&heap->fit.pending, 0, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&heap->mutex);
}

static inline void acquire(struct shim_heap *heap)
{
	if (unlikely(heap->flags & SHIM_HEAP_SHARED))
		shared_acquire(heap);
	else
		shim_lock_acquire(&heap->lock.lock);
}

static inline void release(struct shim_heap *heap)
{
	if (unlikely(heap->flags & SHIM_HEAP_SHARED))
		shared_release(heap);
	else
		shim_lock_release(&heap->lock.lock);
}

static void *fail(int err)
{
	errno = err;
	return NULL;
}

BOX_EXPORT struct shim_heap *shim_heap_new(unsigned int flags)
{
	struct shim_heap *heap;

	if (flags & ~SHIM_HEAP_POLICY)
		return fail(EINVAL);
	heap = flags == SHIM_HEAP_SEGREGATED ? seg_new() : fit_new(flags);
	if (!heap)
		return fail(ENOMEM);
	heap->magic = HEAP_MAGIC;
	heap->flags = flags | watched();
	box_lock_init(&heap->lock, BOX_LOCK_OWN);
	box_count(BOX_HEAPS, 1);
	box_count(BOX_HEAP_SPANS, 1);
	box_count(BOX_HEAP_BYTES, heap->held);
	return heap;
}

static uint32_t layout(void)
{
	return HEAP_LAYOUT << 16 | (uint32_t)sizeof(struct shim_heap);
}

static int mutex_make(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;
	int err = pthread_mutexattr_init(&attr);

	if (err)
		return err;
	err = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	if (!err)
		err = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	if (!err)
		err = pthread_mutex_init(mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	return err;
}

BOX_EXPORT struct shim_heap *shim_heap_at(void *mem, size_t len,
					  unsigned int flags)
{
	struct shim_heap *heap = mem;

	if (!mem || (uintptr_t)mem % 16 || len < AT_MIN || len > AT_MAX ||
	    flags & ~(SHIM_HEAP_POLICY | SHIM_HEAP_SHARED) ||
	    (flags & SHIM_HEAP_POLICY) == SHIM_HEAP_SEGREGATED)
		return fail(EINVAL);
	len &= ~(size_t)15;
	memset(heap, 0, sizeof(*heap));
	heap->layout = layout();
	heap->flags = flags | (flags & SHIM_HEAP_SHARED ? 0 : watched());
	heap->foreign = 1;
	heap->held = len;
	heap->spans = 1;
	if (flags & SHIM_HEAP_SHARED) {
		int err = mutex_make(&heap->mutex);

		if (err)
			return fail(err);
	} else {
		box_lock_init(&heap->lock, BOX_LOCK_OWN);
	}
	fit_init(heap, len);
	/* release: a process that sees the magic number sees the rest */
	__atomic_store_n(&heap->magic, HEAP_MAGIC, __ATOMIC_RELEASE);
	box_count(BOX_HEAPS, 1);
	return heap;
}

BOX_EXPORT struct shim_heap *shim_heap_open(void *mem, size_t len)
{
	struct shim_heap *heap = mem;

	if (!mem || (uintptr_t)mem % 16 || len < AT_MIN ||
	    __atomic_load_n(&heap->magic, __ATOMIC_ACQUIRE) != HEAP_MAGIC ||
	    heap->layout != layout() || !(heap->flags & SHIM_HEAP_SHARED) ||
	    heap->held > len)
		return fail(EINVAL);
	box_count(BOX_HEAPS, 1);
	return heap;
}

BOX_EXPORT void shim_heap_destroy(struct shim_heap *heap)
{
	if (!heap)
		return;
	if (heap->magic != HEAP_MAGIC)
		box_die("shim_heap_destroy(): not a heap", heap);
	box_count(BOX_HEAPS, -1);
	if (heap->flags & SHIM_HEAP_SHARED)
		return;
	box_lock_gone(&heap->lock);
	heap->magic = 0;
	if (heap->foreign) {
		if (__asan_unpoison_memory_region)
			__asan_unpoison_memory_region(heap, heap->held);
		return;
	}
	box_count(BOX_HEAP_SPANS, -(uint64_t)heap->spans);
	box_count(BOX_HEAP_BYTES, -(uint64_t)heap->held);
	if (is_seg(heap))
		seg_destroy(heap);
	else
		fit_destroy(heap);
}

static inline void *alloc(struct shim_heap *heap, size_t size, size_t align)
{
	void *p;

	acquire(heap);
	p = is_seg(heap) ? seg_alloc(heap, size, align) :
			   fit_alloc(heap, size, align);
	release(heap);
	if (unlikely(!p))
		return fail(ENOMEM);
	if (unlikely(heap->flags & HEAP_WATCHED))
		__asan_unpoison_memory_region(p, size);
	return p;
}

static __attribute__((noinline)) void *alloc_slow(struct shim_heap *heap,
						  size_t size)
{
	return alloc(heap, size, 16);
}

/* Boundary tags, and no other flag to check. */
static __attribute__((noinline)) void *alloc_fit(struct shim_heap *heap,
						 size_t size)
{
	void *p;

	shim_lock_acquire(&heap->lock.lock);
	p = fit_alloc(heap, size, 16);
	shim_lock_release(&heap->lock.lock);
	return likely(p) ? p : fail(ENOMEM);
}

/* With the lock held. */
static __attribute__((noinline)) void *alloc_refill(struct shim_heap *heap,
						    size_t class)
{
	void *p = seg_refill(heap, class);

	shim_lock_release(&heap->lock.lock);
	return likely(p) ? p : fail(ENOMEM);
}

/* The lock was released while another thread slept on it. */
static __attribute__((noinline)) void *wake_with(struct shim_heap *heap,
						 void *p)
{
	shim_lock_wake(&heap->lock.lock);
	return p;
}

/*
 * The functions that call others come last, so that the usual path needs no
 * stack frame.
 */
BOX_EXPORT void *shim_heap_alloc(struct shim_heap *heap, size_t size)
{
	struct shim_lock *lock = &heap->lock.lock;
	struct seg_run *r;
	size_t class;
	void *p;

	if (unlikely(heap->flags))
		return heap->flags <= SHIM_HEAP_POLICY ?
			alloc_fit(heap, size) : alloc_slow(heap, size);
	if (unlikely(size - 1 >= SEG_MAX || !shim_lock_try(lock)))
		return alloc_slow(heap, size);
	class = seg_class(size);
	r = heap->seg.cur[class];
	if (unlikely(!r))
		return alloc_refill(heap, class);
	p = seg_take_maybe_null(r);
	if (unlikely(!p))
		return alloc_refill(heap, class);
	shim_lock_debug_release(lock);
	/* release order: as shim_lock_release() */
	if (unlikely(__atomic_exchange_n(&lock->state, 0, __ATOMIC_RELEASE) &
		     SHIM_LOCK_WAIT))
		return wake_with(heap, p);
	return p;
}

BOX_EXPORT void *shim_heap_aligned(struct shim_heap *heap, size_t align,
				   size_t size)
{
	if (!align || align & (align - 1) || align > SHIM_HEAP_ALIGN_MAX)
		return fail(EINVAL);
	return alloc(heap, size, align < 16 ? 16 : align);
}

BOX_EXPORT void *shim_heap_calloc(struct shim_heap *heap, size_t n, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(n, size, &bytes))
		return fail(ENOMEM);
	p = alloc(heap, bytes, 16);
	return p ? memset(p, 0, bytes) : NULL;
}

/* Whether it is an object of this heap is for the engine to check. */
static void check_owner(struct shim_heap *heap, const void *p)
{
	if (unlikely(heap->foreign)) {
		if ((uintptr_t)p - (uintptr_t)heap >= heap->held)
			box_die("shim_heap_free(): not of this heap", p);
	} else if (unlikely(heap_span_owner(p) != heap)) {
		box_die("shim_heap_free(): not of this heap", p);
	}
}

BOX_EXPORT void shim_heap_free(struct shim_heap *heap, void *p)
{
	size_t size = 0;

	if (!p)
		return;
	check_owner(heap, p);
	acquire(heap);
	if (unlikely(heap->flags & HEAP_WATCHED))
		size = is_seg(heap) ? seg_usable(heap, p) : fit_usable(heap, p);
	if (is_seg(heap))
		seg_free(heap, p);
	else
		fit_free(heap, p);
	if (unlikely(size) && (heap->foreign || heap_span_owner(p) == heap))
		__asan_poison_memory_region(p, size);
	release(heap);
}

BOX_EXPORT size_t shim_heap_usable(struct shim_heap *heap, const void *p)
{
	size_t size;

	check_owner(heap, p);
	acquire(heap);
	size = is_seg(heap) ? seg_usable(heap, p) : fit_usable(heap, p);
	release(heap);
	return size;
}

BOX_EXPORT void *shim_heap_realloc(struct shim_heap *heap, void *p, size_t size)
{
	size_t have;
	bool done;
	void *q;

	if (!p)
		return alloc(heap, size, 16);
	size += !size;
	check_owner(heap, p);
	acquire(heap);
	have = is_seg(heap) ? seg_usable(heap, p) : fit_usable(heap, p);
	done = is_seg(heap) ? seg_resize(heap, p, size) :
			      fit_resize(heap, p, size);
	release(heap);
	if (done) {
		if (unlikely(heap->flags & HEAP_WATCHED))
			__asan_unpoison_memory_region(p, size);
		return p;
	}
	/*
	 * two steps with the lock dropped in between: a process that dies
	 * there leaves both objects
	 */
	q = alloc(heap, size, 16);
	if (!q)
		return NULL;
	/* the object may use more than was requested: copy that, too */
	if (unlikely(heap->flags & HEAP_WATCHED))
		__asan_unpoison_memory_region(p, have);
	memcpy(q, p, have < size ? have : size);
	shim_heap_free(heap, p);
	return q;
}

BOX_EXPORT struct shim_heap *shim_heap_owner(const void *p)
{
	return heap_span_owner(p);
}

BOX_EXPORT int shim_heap_walk(struct shim_heap *heap,
			      int (*fn)(void *p, size_t size, void *arg),
			      void *arg)
{
	int ret;

	acquire(heap);
	ret = is_seg(heap) ? seg_walk(heap, fn, arg) : fit_walk(heap, fn, arg);
	release(heap);
	return ret;
}

BOX_EXPORT void shim_heap_set_limit(struct shim_heap *heap, size_t bytes)
{
	acquire(heap);
	heap->limit = bytes;
	release(heap);
}

BOX_EXPORT void shim_heap_get_stat(struct shim_heap *heap,
				   struct shim_heap_stat *st)
{
	acquire(heap);
	if (is_seg(heap))
		seg_sums(heap);
	st->used = heap->used;
	st->objects = heap->objects;
	st->held = heap->held;
	st->limit = heap->limit;
	st->spans = heap->spans;
	st->rollbacks = heap->rollbacks;
	st->steps = heap->steps;
	release(heap);
}

BOX_EXPORT void shim_heap_set_root(struct shim_heap *heap, void *p)
{
	acquire(heap);
	heap->userroot = p ? (char *)p - (char *)heap : 0;
	release(heap);
}

BOX_EXPORT void *shim_heap_root(struct shim_heap *heap)
{
	int64_t off;

	acquire(heap);
	off = heap->userroot;
	release(heap);
	return off ? (char *)heap + off : NULL;
}

BOX_EXPORT bool shim_heap_is_valid(struct shim_heap *heap)
{
	bool good;

	acquire(heap);
	good = is_seg(heap) ? seg_is_valid(heap) : fit_is_valid(heap);
	release(heap);
	return good;
}
