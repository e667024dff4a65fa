// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * entry: malloc, free and calloc.
 *
 * Each fast path is a table look-up and a restartable sequence; entry_alloc()
 * and entry_free() do whatever the fast paths cannot.  The features that must
 * see every request (guard, check, profile) keep the fast paths closed.
 *
 * No lock of its own.  Called by the application, at any time from any thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compound.h"
#include "base/conf.h"
#include "entry.h"
#include "base/error.h"
#include "base/guard.h"
#include "span/large.h"
#include "base/pagemap.h"
#include "base/probe.h"
#include "base/prof.h"
#include "base/sys.h"
#include "base/usage.h"

/*
 * For a thread that reports an error: memory for the unwinder, which is never
 * freed.
 */
#define LAST_WORDS	((size_t)64 << 10)

/* Objects that are not aligned and that one request takes out of the caches. */
#define ALIGN_TRIES	256u

bool entry_ready;

static char last_buf[LAST_WORDS] __attribute__((aligned(16))) SHIM_BSS_LARGE;

static bool is_last_word(const void *p)
{
	return (uintptr_t)p - (uintptr_t)last_buf < LAST_WORDS;
}

static void *last_words(size_t size)
{
	static size_t used;
	size_t need = (size + 15) & ~(size_t)15;
	size_t at;

	if (need < size || need > LAST_WORDS)
		return NULL;
	at = __atomic_fetch_add(&used, need, __ATOMIC_RELAXED);
	return at <= LAST_WORDS - need ? last_buf + at : NULL;
}

static void *alloc_class(unsigned int cls)
{
	return shim_conf.check ? percpu_get_uncached(cls) : percpu_get(cls);
}

/* A sample of the profile has a span of its own, which points to its record. */
static __attribute__((noinline)) void *alloc_sampled(size_t size, size_t align,
						     bool *zero)
{
	struct prof_stack *stack = prof_take(size);
	void *p;

	if (!stack)
		return NULL;
	p = large_alloc(size, align, zero);
	if (p)
		large_sampled(p, stack);
	else
		prof_drop(stack, size);
	return p;
}

void entry_reclaim(void)
{
	percpu_flush();
	large_reclaim(0);
}

/*
 * The same near a limit, before more memory is taken; here free pages between
 * objects go back as well.
 */
static __attribute__((cold, noinline)) void give_back(void)
{
	percpu_squeeze();
	large_reclaim(0);
}

/*
 * Near a limit no large object is kept that is freed; but a CPU whose place of its
 * length is open does not ask.  So all are closed once when it comes near.
 */
void entry_look_now(size_t more)
{
	static bool was_near;
	bool over = pageheap_look(more), near = pageheap_pressure();

	if (over)
		give_back();
	else if (near && !__atomic_load_n(&was_near, __ATOMIC_RELAXED))
		percpu_flush();
	__atomic_store_n(&was_near, near, __ATOMIC_RELAXED);
}

void entry_look(size_t more)
{
	if (unlikely(pageheap_is_due(more)))
		entry_look_now(more);
}

/* Everything but the fast path. The caller sets errno. */
static void *alloc_any(size_t size, size_t align, bool *zero)
{
	unsigned int cls = 0;
	void *p;

	*zero = false;
	if (unlikely(size > ENTRY_MAX))
		return NULL;
	if (unlikely(!__atomic_load_n(&entry_ready, __ATOMIC_ACQUIRE)))
		entry_first();
	if (unlikely(shim_is_dying()) && align <= 16)
		return last_words(size);
	if (unlikely(percpu_asks()))
		percpu_ask();
	if (unlikely(scavenger_idle_due()))
		entry_idle();
	entry_look(size);
	if (unlikely(shim_conf.profile) && prof_tick(size)) {
		p = alloc_sampled(size, align, zero);
		if (p)
			return p;
	}
	if (unlikely(shim_conf.guard)) {
		p = guard_alloc(size, align);
		if (p)
			return p;
	}
	size += !size;
	if (size <= SIZECLASS_MAX && align <= PAGE_SIZE)
		cls = align <= 16 ? sizeclass_of(size) :
				    sizeclass_of_aligned(size, align);
	if (!cls && percpu_is_deep() && large_is_dry(size))
		percpu_shed();
	p = cls ? alloc_class(cls) : large_alloc(size, align, zero);
	if (likely(p))
		return p;
	/* Give back all free memory of every layer, then try once more. */
	entry_reclaim();
	return cls ? alloc_class(cls) : large_alloc(size, align, zero);
}

/* The length of a span for an object; of a small one a huge number. */
static inline size_t kept_length(size_t size)
{
	return (size - 1 - SIZECLASS_MAX) / PAGE_SIZE;
}

_Static_assert(SIZECLASS_MAX / PAGE_SIZE + 1 == PERCPU_KEPT_MIN, "lengths");

/* An object that this CPU keeps, for a request of its length: not slow, either. */
static inline __attribute__((always_inline)) bool take_kept(size_t size, void **p)
{
	if (unlikely(!percpu_take_kept(kept_length(size), p)))
		return false;
	PROBE(large_alloc, size, *p);
	return true;
}

/* The same of any length that a CPU keeps. */
static void *take_long(size_t size)
{
	size_t k = kept_length(size);
	struct span *s;
	void *p;

	if (k < PERCPU_KEPT_EXACT)
		return take_kept(size, &p) ? p : NULL;
	s = percpu_take_long(k);
	return likely(s) ? large_retake(s, size) : NULL;
}

static __attribute__((noinline)) void *alloc_slow(size_t size)
{
	bool zero;
	void *p = NULL;

	if (kept_length(size) < percpu_hot.long_max &&
	    kept_length(size) >= PERCPU_KEPT_EXACT)
		p = take_long(size);
	if (!p)
		p = alloc_any(size, 0, &zero);
	if (unlikely(!p))
		errno = ENOMEM;
	return p;
}

/*
 * Serve a request that has been counted: as a sample if one is due, else as
 * usual.
 */
static __attribute__((noinline)) void *alloc_counted(size_t size)
{
	void *p = NULL;
	bool zero;

	if (prof_left < 0 && prof_due())
		p = alloc_sampled(size, 0, &zero);
	if (!p)
		p = percpu_get(sizeclass_of(size));
	return likely(p) ? p : alloc_slow(size);
}

__attribute__((noinline)) void *entry_alloc(size_t size)
{
	size_t last = size - 1;
	void *p;

	/*
	 * a small request, which has been tried before, wraps to a huge number
	 */
	if (last - SIZECLASS_SMALL_MAX < percpu_hot.mid_max) {
		p = percpu_pop(sizeclass_mid[last / SIZECLASS_MID_STEP]);
		if (likely(p))
			return p;
	} else if (kept_length(size) < percpu_hot.kept_max) {
		if (likely(take_kept(size, &p)))
			return p;
	} else if (!size && percpu_hot.small_max) {
		/* as one byte; the first test of every path stays one compare */
		p = percpu_pop_small(0);
		if (likely(p))
			return p;
	} else if (last < shim_prof.counted_max) {
		/* where the fast path goes while there is a profile */
		prof_left -= (int64_t)size;
		if (unlikely(prof_left < 0))
			return alloc_counted(size);
		p = last < SIZECLASS_SMALL_MAX ?
			percpu_pop_small(last / SIZECLASS_SMALL_STEP) :
			percpu_pop(sizeclass_of(size));
		return likely(p) ? p : alloc_counted(size);
	}
	return alloc_slow(size);
}

/*
 * An object that does not begin where all of its class did until now: it was made in
 * holes.  New ones will be aligned, but those of smaller slots come to this class when
 * they are freed.  So what the caches have of them goes to its spans: where it stayed,
 * the next request would meet it again.  Where others free more of them all the time,
 * the request gets pages of its own.
 */
static __attribute__((cold, noinline)) void *align_anew(void *p, size_t size,
							size_t align)
{
	unsigned int cls = sizeclass_of_aligned(size + !size, align), i;
	bool zero;

	compound_set_aligned(cls);
	for (i = 0; p && i < ALIGN_TRIES; i++) {
		percpu_put_uncached(cls, p);
		p = alloc_class(cls);
		if (p && !((uintptr_t)p & (align - 1)))
			return p;
	}
	if (p)
		percpu_put_uncached(cls, p);
	p = large_alloc(size, align, &zero);
	if (!p)
		errno = ENOMEM;
	return p;
}

static __attribute__((noinline)) void *alloc_aligned(size_t size, size_t align)
{
	void *p = NULL;
	bool zero;

	if (kept_length(size) < percpu_hot.long_max && align <= PAGE_SIZE)
		p = take_long(size);
	if (!p)
		p = alloc_any(size, align, &zero);
	if (unlikely(!p))
		errno = ENOMEM;
	else if (unlikely((uintptr_t)p & (align - 1)))
		p = align_anew(p, size, align);
	return p;
}

void *entry_alloc_aligned(size_t size, size_t align)
{
	void *p;

	if (percpu_hot.mid_max && size - 1 < SIZECLASS_MAX && align <= PAGE_SIZE) {
		/* class 0, for a request that no class serves, always misses */
		p = percpu_pop(sizeclass_of_aligned(size, align));
		if (likely(p && !((uintptr_t)p & (align - 1))))
			return p;
		if (p)
			return align_anew(p, size, align);
	}
	return alloc_aligned(size, align);
}

void entry_unknown(const void *p)
{
	struct span *s = pagemap_owner(p);

	if (s && s->flags & SPAN_OWNED) {
		/* begins with its owner's name, see seam.h */
		const char *const *owner;

		memcpy(&owner, s->bitmap, sizeof(owner));
		shim_say("free(): %p is memory of a %s", p, *owner);
		shim_die(SHIM_DIE_OWNED, p, 0);
	}
	/* what a CPU keeps is hidden, and no more than that */
	if (s && s->sizeclass == PAGEMAP_LARGE && s->start == (uintptr_t)p)
		shim_die(SHIM_DIE_DOUBLE, p, 0);
	if (s && s->state == SPAN_INUSE && s->sizeclass == PAGEMAP_LARGE)
		shim_die(SHIM_DIE_INTERIOR, p, 0);
	shim_die(pagemap_area((uintptr_t)p) ? SHIM_DIE_FREE :
					      SHIM_DIE_FOREIGN, p, 0);
}

/* The rest, of a span that this CPU has no open place for, or of none. */
static __attribute__((noinline)) void free_span(struct span *s)
{
	if (s && percpu_keep_new(s))
		return;
	if (s)
		large_keep(s);
	if (unlikely(scavenger_idle_due()))
		entry_idle();
}

static __attribute__((noinline)) void free_large(void *p)
{
	free_span(large_leave(p));
}

__attribute__((noinline)) void entry_free(void *p)
{
	unsigned int cls;

	if (!p)
		return;
	cls = pagemap_class(p);
	if (cls == PAGEMAP_LARGE) {
		free_large(p);
		return;
	}
	if (unlikely(scavenger_idle_due()))
		entry_idle();
	if (cls == PAGEMAP_COMPOUND) {
		if (percpu_put_mixed(p))
			return;
		cls = compound_class(p);
	}
	if (cls == PAGEMAP_NONE && guard_owns(p))
		guard_free(p);
	else if (cls == PAGEMAP_NONE && is_last_word(p))
		return;
	else if (cls == PAGEMAP_NONE)
		entry_unknown(p);
	else if (unlikely((uintptr_t)p % 16))
		shim_die(SHIM_DIE_INTERIOR, p, cls);
	else if (shim_conf.check)
		percpu_put_uncached(cls, p);
	else
		percpu_put(cls, p);
}

SHIM_EXPORT void *malloc(size_t size)
{
	void *p = entry_alloc_fast(size);

	if (likely(p))
		return p;
	return entry_alloc(size);
}

/*
 * A large object, whose class is at @at: to the place of its length without a look at
 * its span.  It is hidden first, as it is another thread's from the push on; what was
 * freed before is hidden, and does not come here.
 */
static inline __attribute__((always_inline)) void free_at(void *p, size_t cls,
							  uint8_t *at)
{
	if (likely(!((uintptr_t)p & (PAGE_SIZE - 1)))) {
		__atomic_store_n(at, PAGEMAP_NONE, __ATOMIC_RELAXED);
		if (likely(percpu_keep(cls, p, at))) {
			PROBE(large_free, 0, p);
			return;
		}
	}
	free_large(p);
}

static __attribute__((noinline)) void free_far_large(void *p, size_t cls, uint8_t *at)
{
	free_at(p, cls, at);
}

/* free() of what is in no near area: the rest of a large heap, and what is no object. */
static __attribute__((noinline)) void free_far(void *p)
{
	uintptr_t entry = pagemap_entry_aligned((uintptr_t)p);
	uint8_t *at;
	size_t cls;

	if (unlikely(!entry))
		goto slow;
	at = (uint8_t *)(entry + ((uintptr_t)p >> PAGE_SHIFT));
	cls = __atomic_load_n(at, __ATOMIC_RELAXED);
	if (likely(percpu_push(cls, p)))
		return;
	if (cls >= PAGEMAP_LARGE) {
		free_far_large(p, cls, at);
		return;
	}
slow:
	entry_free(p);
}

SHIM_EXPORT void free(void *p)
{
	size_t cls;

	if (unlikely(!pagemap_is_near((uintptr_t)p))) {
		free_far(p);
		return;
	}
	cls = pagemap_class_near((uintptr_t)p);
	if (likely(percpu_push(cls, p)))
		return;
	if (likely(cls >= PAGEMAP_LARGE))
		free_at(p, cls, pagemap_near_at((uintptr_t)p));
	else
		entry_free(p);
}

/* A longer one may come with zeroes from the page heap. */
static __attribute__((noinline)) void *calloc_large(size_t bytes)
{
	bool zero = false;
	void *p;

	if (kept_length(bytes) >= percpu_hot.kept_max || !take_kept(bytes, &p))
		p = alloc_any(bytes, 0, &zero);
	if (unlikely(!p)) {
		errno = ENOMEM;
		return NULL;
	}
	return zero ? p : memset(p, 0, bytes);
}

SHIM_EXPORT void *calloc(size_t n, size_t size)
{
	size_t bytes;
	void *p;

	if (unlikely(__builtin_mul_overflow(n, size, &bytes))) {
		errno = ENOMEM;
		return NULL;
	}
	p = entry_alloc_fast(bytes);
	if (unlikely(!p)) {
		if (bytes > SIZECLASS_MAX)
			return calloc_large(bytes);
		p = entry_alloc(bytes);
		if (unlikely(!p))
			return NULL;
	}
	return memset(p, 0, bytes);
}

extern __typeof__(malloc) __libc_malloc ENTRY_ALIAS(malloc);
extern __typeof__(free) __libc_free ENTRY_ALIAS(free);
extern __typeof__(calloc) __libc_calloc ENTRY_ALIAS(calloc);

/*
 * Every form of C++'s operator delete is free(): a jump there would cost one
 * instruction.  The size and the alignment that some forms have as well are
 * ignored.  A size leads to the class with fewer loads than the page map, but
 * it is wrong where a program deletes an object by a base class without a virtual
 * destructor, and it says nothing about an object that is not from here: what is
 * reported now would be handed out again, too small.
 */
extern __typeof__(free) delete_plain
	__asm__("_ZdlPv") ENTRY_ALIAS(free);
extern __typeof__(free) delete_array
	__asm__("_ZdaPv") ENTRY_ALIAS(free);
extern __typeof__(free) delete_nothrow
	__asm__("_ZdlPvRKSt9nothrow_t") ENTRY_ALIAS(free);
extern __typeof__(free) delete_array_nothrow
	__asm__("_ZdaPvRKSt9nothrow_t") ENTRY_ALIAS(free);
extern __typeof__(free) delete_sized
	__asm__("_ZdlPvm") ENTRY_ALIAS(free);
extern __typeof__(free) delete_array_sized
	__asm__("_ZdaPvm") ENTRY_ALIAS(free);
extern __typeof__(free) delete_aligned
	__asm__("_ZdlPvSt11align_val_t") ENTRY_ALIAS(free);
extern __typeof__(free) delete_array_aligned
	__asm__("_ZdaPvSt11align_val_t") ENTRY_ALIAS(free);
extern __typeof__(free) delete_sized_aligned
	__asm__("_ZdlPvmSt11align_val_t") ENTRY_ALIAS(free);
extern __typeof__(free) delete_array_sized_aligned
	__asm__("_ZdaPvmSt11align_val_t") ENTRY_ALIAS(free);
extern __typeof__(free) delete_aligned_nothrow
	__asm__("_ZdlPvSt11align_val_tRKSt9nothrow_t") ENTRY_ALIAS(free);
extern __typeof__(free) delete_array_aligned_nothrow
	__asm__("_ZdaPvSt11align_val_tRKSt9nothrow_t") ENTRY_ALIAS(free);
