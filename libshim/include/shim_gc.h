/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shim_gc.h: memory that is freed automatically, see shim_gc(3).
 *
 * Objects stay where they are.  One is kept as long as a chain of pointers
 * leads to it from a root: the data of the program and its shared objects,
 * registered ranges, and every thread's stack, registers and thread-local
 * storage.  Any bit pattern there that is the address of an object, or of a
 * byte inside one, counts as a pointer; the same goes for objects, unless they
 * are data or typed.
 *
 * Memory of malloc() is not a root.  Passing a collected object to free() or
 * realloc() is reported and ends the process, unless another malloc() than
 * libshim is preloaded.  Functions may be called by any
 * thread, without registration, but not by a signal handler.
 */
#ifndef SHIM_GC_H
#define SHIM_GC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum shim_gc_mode - how a collection runs concurrently with the program
 * @SHIM_GC_DEFAULT: the mode in the environment variable SHIM_GC_MODE, else
 *	STOP
 * @SHIM_GC_STOP: it does not: all threads are stopped
 * @SHIM_GC_HYBRID: threads are stopped while their stacks are scanned, run
 *	while the heap is marked, and are stopped again for the end;
 *	shim_gc_store() shades the old and the new value
 * @SHIM_GC_DELETION: the same; shim_gc_store() shades the old value.  Objects
 *	that become unreachable during marking stay until the next collection
 * @SHIM_GC_INSERTION: the same; shim_gc_store() shades the new value, and roots
 *	are scanned again at the end
 * @SHIM_GC_DIRTY: the same without shim_gc_store(): the kernel reports which
 *	pages were written to.  Where it cannot, the mode is STOP, as struct
 *	shim_gc_stat.mode shows
 */
enum shim_gc_mode {
	SHIM_GC_DEFAULT,
	SHIM_GC_STOP,
	SHIM_GC_HYBRID,
	SHIM_GC_DELETION,
	SHIM_GC_INSERTION,
	SHIM_GC_DIRTY,
};

/**
 * struct shim_gc_opts - settings that can be made once; zero is the default
 * @mode: enum shim_gc_mode
 * @percent: collect when this percentage of the live bytes has been allocated;
 *	100
 * @limit: bytes of heap that collecting more often should not exceed
 * @workers: threads that mark, including the caller's; one for each processor,
 *	up to 16
 * @signal: the signal that stops threads; SIGRTMAX - 5
 * @patience_ms: how long to wait for a thread before a collection is given up;
 *	10 s: on a machine with a hundred times as many threads as processors
 *	each has had its turn by then
 */
struct shim_gc_opts {
	unsigned int mode;
	unsigned int percent;
	size_t limit;
	unsigned int workers;
	int signal;
	unsigned int patience_ms;
};

/**
 * shim_gc_init - start the collector with other settings than the default
 * @opts: the settings, or NULL
 *
 * Not needed otherwise: the first allocation starts it.  Settings in the
 * environment (SHIM_GC_PERCENT, SHIM_GC_LIMIT, SHIM_GC_WORKERS) take
 * precedence.
 *
 * Return: 0, or -1 with errno EBUSY if it was started before, EINVAL or ENOMEM.
 */
int shim_gc_init(const struct shim_gc_opts *opts);

/**
 * shim_gc_alloc - get an object
 * @size: bytes
 *
 * Return: zeroed memory, aligned to 16 bytes, or NULL with errno ENOMEM.
 */
void *shim_gc_alloc(size_t size)
	__attribute__((malloc, alloc_size(1), assume_aligned(16)));

/**
 * shim_gc_alloc_data - get an object that never holds a pointer
 * @size: bytes
 *
 * The collector does not scan it.  Objects of less than 16 bytes share a block,
 * which is freed when none of them is reached; these cannot have a finalizer.
 *
 * Return: memory that is not zeroed, or NULL with errno ENOMEM.  It is aligned
 * to 16 bytes; below 16 bytes, to the largest of 8, 4 and 2 that divides @size.
 */
void *shim_gc_alloc_data(size_t size) __attribute__((malloc, alloc_size(1)));

/**
 * struct shim_gc_type - where the pointers in objects are
 * @size: bytes of an element
 * @nr: pointers in it
 * @repeat: an object is an array of elements, as many as fit
 * @offset: of each pointer, multiples of 8
 *
 * Must exist as long as objects of this type do.
 */
struct shim_gc_type {
	size_t size;
	unsigned int nr;
	bool repeat;
	const unsigned int *offset;
};

/**
 * shim_gc_alloc_typed - get an object whose pointers are known
 * @type: where they are
 * @n: elements
 *
 * Return: zeroed memory, aligned to 16 bytes, or NULL with errno ENOMEM or
 * EINVAL.
 */
void *shim_gc_alloc_typed(const struct shim_gc_type *type, size_t n)
	__attribute__((malloc));

/**
 * shim_gc_realloc - change an object's size
 * @p: first byte of an object, or NULL
 * @size: bytes; 0 frees
 *
 * Return: the object, perhaps another, of the same kind, with what was added
 * zeroed unless it is data; or NULL with @p unchanged.
 */
void *shim_gc_realloc(void *p, size_t size) __attribute__((alloc_size(2)));

/**
 * shim_gc_free - free an object that nobody reaches any more
 * @p: first byte of an object, or NULL
 *
 * Never needed.  What is no object is reported and ends the process.
 */
void shim_gc_free(void *p);

/**
 * shim_gc_base - the object around an address
 * @p: any value
 *
 * Return: its first byte, or NULL if @p is in no object in use.
 */
void *shim_gc_base(const void *p);

/**
 * shim_gc_size - how large an object is
 * @p: any value
 *
 * Return: bytes that may be used, at least what was asked for; 0 for no object.
 */
size_t shim_gc_size(const void *p);

/**
 * shim_gc_collect - collect now, and free everything that is not reached
 *
 * Return: 0, or -1 with errno EDEADLK if a thread could not be stopped (it
 * blocks the signal); nothing was freed then.
 */
int shim_gc_collect(void);

/**
 * shim_gc_begin - have a collection begin beside the program
 *
 * In mode STOP the same as shim_gc_collect().
 *
 * Return: 0, or -1 with errno as for shim_gc_collect() or pthread_create().
 */
int shim_gc_begin(void);

/* What shim_gc_on_event() tells. */
enum shim_gc_event {
	SHIM_GC_EVENT_MARK,	/* roots are known, nothing is marked yet */
	SHIM_GC_EVENT_MARKED,	/* nothing is grey; the world stops next */
	SHIM_GC_EVENT_END,	/* all threads run, sweeping begins */
};

/**
 * shim_gc_on_event - follow a concurrent collection
 * @fn: called by the collector's thread, which holds no lock that others need;
 *	NULL for none
 */
void shim_gc_on_event(void (*fn)(enum shim_gc_event event));

/**
 * shim_gc_disable - collect on request only; calls are counted
 * shim_gc_enable - see shim_gc_disable()
 */
void shim_gc_disable(void);
void shim_gc_enable(void);

/**
 * shim_gc_set_percent - change struct shim_gc_opts.percent
 * @percent: 1 to 10000
 *
 * Return: the former, or -1 with errno EINVAL.
 */
int shim_gc_set_percent(unsigned int percent);

/**
 * shim_gc_set_limit - change struct shim_gc_opts.limit
 * @bytes: 0 for none
 *
 * Return: the former.
 */
size_t shim_gc_set_limit(size_t bytes);

/**
 * shim_gc_root_add - make a range a root
 * @p: first byte
 * @len: bytes
 *
 * If the range is unmapped before it is removed, collections leave it out and
 * say so once.
 *
 * Return: 0, or -1 with errno EINVAL or ENOMEM.
 */
int shim_gc_root_add(const void *p, size_t len);

/**
 * shim_gc_root_remove - make a range a root no more
 * @p: first byte
 * @len: bytes; parts of registered ranges outside of it stay
 *
 * Return: 0, or -1 with errno ENOMEM.
 */
int shim_gc_root_remove(const void *p, size_t len);

/**
 * shim_gc_on_stacks - have stacks scanned that do not belong to threads
 * @each: called with all threads stopped; calls its argument with the used part
 *	of each stack.  It may not allocate, or take a lock
 *
 * For libraries of coroutines; libshim-co does it.  One function.
 */
void shim_gc_on_stacks(void (*each)(void (*fn)(const void *low,
					       const void *high)));

/*
 * Stores.  While a collection marks beside the program (modes HYBRID, DELETION
 * and INSERTION), a pointer in a collected object must be changed by one of
 * these; otherwise the object it pointed to, or points to, may be freed while
 * it is still reached.  Local variables and other roots do not need them.
 */
struct shim_gc_tls {
	unsigned int storing;
	unsigned int pending;
};

extern unsigned int shim_gc_barrier;
extern __thread struct shim_gc_tls shim_gc_tls
	__attribute__((tls_model("initial-exec")));
void shim_gc_shade(void *slot, void *value);
void shim_gc_point(void);

/**
 * shim_gc_store - change a pointer in a collected object
 * @slot: where it is
 * @value: the new pointer
 */
static inline void shim_gc_store(void *slot, void *value)
{
	shim_gc_tls.storing++;
	__asm__ volatile("" ::: "memory");
	if (__builtin_expect(__atomic_load_n(&shim_gc_barrier,
					     __ATOMIC_RELAXED), 0))
		shim_gc_shade(slot, value);
	__atomic_store_n((void **)slot, value, __ATOMIC_RELEASE);
	__asm__ volatile("" ::: "memory");
	if (__builtin_expect(!--shim_gc_tls.storing && shim_gc_tls.pending, 0))
		shim_gc_point();
}

/**
 * shim_gc_copy - memmove() for memory with pointers
 * @to: in a collected object
 * @from: anywhere
 * @n: bytes; a multiple of 8, like both addresses
 */
void shim_gc_copy(void *to, const void *from, size_t n);

/**
 * shim_gc_blocked - call a function during which the caller need not be stopped
 * @fn: must not use the collector, and may only touch objects that are reached
 *	from elsewhere or from the caller's frames
 * @arg: for it
 *
 * For system calls that wait long: no signal interrupts them.
 *
 * Return: what @fn returned.
 */
void *shim_gc_blocked(void *(*fn)(void *arg), void *arg);

/**
 * shim_gc_pin - keep an object even if it is not reached
 * @p: first byte of an object
 *
 * Return: 0, or -1 with errno EINVAL or ENOMEM.
 */
int shim_gc_pin(void *p);

/**
 * shim_gc_unpin - undo one shim_gc_pin()
 * @p: first byte of an object
 *
 * Return: 0, or -1 with errno EINVAL.
 */
int shim_gc_unpin(void *p);

/* What a finalizer waits for. */
#define SHIM_GC_ORDERED		0	/* objects that reach this one */
#define SHIM_GC_UNORDERED	1	/* nothing */
#define SHIM_GC_IGNORE_SELF	2	/* as ORDERED; it may point to itself */

/**
 * shim_gc_finalizer - have a function called once an object is no longer
 *	reached
 * @p: first byte of an object, not a tiny one
 * @fn: called once, by a thread of the collector; NULL removes the finalizer.
 *	It may use @p, which is kept for the call, and afterwards as long as it
 *	is reached
 * @arg: for @fn; kept until then
 * @order: SHIM_GC_*
 *
 * Not called at exit.  The child of a fork makes a thread of its own for them.
 *
 * Return: 0, or -1 with errno EINVAL or ENOMEM.
 */
int shim_gc_finalizer(void *p, void (*fn)(void *p, void *arg), void *arg,
		      unsigned int order);

/**
 * shim_gc_set_finalizer_thread - choose who calls finalizers
 * @on: true: a thread of the collector (the default); false: shim_gc_finalize()
 */
void shim_gc_set_finalizer_thread(bool on);

/**
 * shim_gc_finalize - call finalizers that wait, in this thread
 *
 * Return: how many.
 */
size_t shim_gc_finalize(void);

/* When a weak reference is cleared. */
#define SHIM_GC_SHORT	0	/* before the object's finalizer */
#define SHIM_GC_LONG	1	/* once it is really freed */

struct shim_gc_weak;

/**
 * shim_gc_weak_new - refer to an object without keeping it
 * @p: any address in an object
 * @when: SHIM_GC_SHORT or SHIM_GC_LONG
 *
 * Return: the reference, to be freed by shim_gc_weak_free(), or NULL with errno
 * EINVAL or ENOMEM.
 */
struct shim_gc_weak *shim_gc_weak_new(const void *p, unsigned int when);

/**
 * shim_gc_weak_get - the target of a weak reference
 * @w: the reference
 *
 * Return: the address, whose object is kept while the caller holds it, or NULL
 * if it is gone.
 */
void *shim_gc_weak_get(struct shim_gc_weak *w);

/**
 * shim_gc_weak_free - give a weak reference back
 * @w: the reference, or NULL
 */
void shim_gc_weak_free(struct shim_gc_weak *w);

struct shim_gc_ephemeron;

/**
 * shim_gc_ephemeron_new - a value that lives as long as its key
 * @key: any address in an object
 * @value: any; kept while both the ephemeron and @key are reached; it may
 *	itself refer to @key
 *
 * Return: an object that is collected like any other, or NULL with errno EINVAL
 * or ENOMEM.
 */
struct shim_gc_ephemeron *shim_gc_ephemeron_new(const void *key, void *value);

/**
 * shim_gc_ephemeron_get - its value
 * @e: the ephemeron
 * @key: out, may be NULL: the key, NULL if it is gone
 *
 * Return: the value, NULL if the key is gone.
 */
void *shim_gc_ephemeron_get(struct shim_gc_ephemeron *e, void **key);

/**
 * enum shim_gc_dirty - who reports the pages that were written to
 * @SHIM_GC_DIRTY_NOBODY: mode DIRTY was not asked for, or is not to be had
 * @SHIM_GC_DIRTY_MODULE: hugearena.ko, for an arena of the collector's; needs
 *	libshim
 * @SHIM_GC_DIRTY_SOFT: soft-dirty bits of the kernel
 * @SHIM_GC_DIRTY_UFFD: userfaultfd (Linux 6.7), without libshim only
 *
 * The first of them that works is taken.
 */
enum shim_gc_dirty {
	SHIM_GC_DIRTY_NOBODY,
	SHIM_GC_DIRTY_MODULE,
	SHIM_GC_DIRTY_SOFT,
	SHIM_GC_DIRTY_UFFD,
};

/**
 * struct shim_gc_stat - numbers
 * @heap: bytes of spans
 * @live: bytes that the last collection reached
 * @since: bytes allocated since
 * @goal: value of @since at which the next one begins
 * @total: bytes allocated, ever
 * @meta: bytes of the collector's records
 * @roots: bytes of roots that were scanned last
 * @collections: how many there were
 * @failed: how many were given up because a thread did not stop
 * @pause_ns: the last pause, the longest one and the sum of all, while threads
 *	were stopped
 * @pause_max_ns: see above
 * @pause_sum_ns: see above
 * @threads: stopped last time
 * @workers: that mark
 * @mode: enum shim_gc_mode that is in force
 * @missed: objects that shim_gc_set_verify() found unmarked
 * @assisted: bytes that allocating threads have marked
 * @concurrent: how many of @collections ran concurrently
 * @roots_lost: registered ranges that could not be read
 * @finalized: finalizers called
 * @finalizers: finalizers that are set
 * @ready: finalizers that wait to be called
 * @links: weak references
 * @links_cleared: weak references that were cleared
 * @ephemerons: ephemerons that exist
 * @pins: objects pinned
 * @periodic: collections because the last was long ago
 * @limited: times that collecting for a limit took more than half of the time,
 *	so that the limit was exceeded
 * @dirty: enum shim_gc_dirty: who reports written pages in mode DIRTY
 * @pause_scanned_max: most bytes that were scanned in one pause: the size of a
 *	pause on a machine that has nothing else to do
 */
struct shim_gc_stat {
	uint64_t heap;
	uint64_t live;
	uint64_t since;
	uint64_t goal;
	uint64_t total;
	uint64_t meta;
	uint64_t roots;
	uint64_t collections;
	uint64_t failed;
	uint64_t pause_ns;
	uint64_t pause_max_ns;
	uint64_t pause_sum_ns;
	uint64_t threads;
	uint64_t workers;
	uint64_t mode;
	uint64_t missed;
	uint64_t assisted;
	uint64_t concurrent;
	uint64_t roots_lost;
	uint64_t finalized;
	uint64_t finalizers;
	uint64_t ready;
	uint64_t links;
	uint64_t links_cleared;
	uint64_t ephemerons;
	uint64_t pins;
	uint64_t periodic;
	uint64_t limited;
	uint64_t dirty;
	uint64_t pause_scanned_max;
};

/**
 * shim_gc_get_stat - take the numbers
 * @st: filled in
 * @size: sizeof(*st)
 */
void shim_gc_get_stat(struct shim_gc_stat *st, size_t size);

/**
 * shim_gc_verify - check the collector's invariants
 *
 * Stops all threads, marks, and compares.  Violations are written to standard
 * error.
 *
 * Return: the number of violations; -1 with errno EDEADLK as for
 * shim_gc_collect().
 */
int shim_gc_verify(void);

/**
 * shim_gc_set_verify - check the result of each concurrent mark
 * @on: yes; as SHIM_GC_VERIFY=1 in the environment
 *
 * All marked objects are scanned again while threads are stopped.  A pointer
 * from one of them to an unmarked object was stored without shim_gc_store(): it
 * is reported on standard error, with its place, and the object is kept.
 */
void shim_gc_set_verify(bool on);

/**
 * shim_gc_find_leaks - report unreached objects that were not freed by hand
 * @fn: called by collections for each such object, or NULL to stop reporting.
 *	It must not use the collector
 *
 * For programs that free everything with shim_gc_free().
 */
void shim_gc_find_leaks(void (*fn)(const void *p, size_t size));

#ifdef __cplusplus
}
#endif

#endif /* SHIM_GC_H */
