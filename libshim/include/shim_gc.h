/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shim_gc.h: memory that is freed by itself, see shim_gc(3).
 *
 * Objects stay where they are.  One is kept as long as a chain of pointers
 * leads to it from a root: the data of the program and its shared objects,
 * registered ranges, and every thread's stack, registers and thread-local
 * storage.  Any bit pattern there that is the address of an object, or of a
 * byte inside one, is such a pointer; in objects, too, unless they are data or
 * typed.
 *
 * Memory of malloc() is no root.  To free() a collected object is reported by
 * libshim and ends the process.  Functions may be called by any thread, without
 * registration, but not by a signal handler.
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
 * enum shim_gc_mode - how a collection goes on beside the program
 * @SHIM_GC_DEFAULT: what SHIM_GC_MODE in the environment says, else STOP
 * @SHIM_GC_STOP: it does not: every thread stands still
 * @SHIM_GC_HYBRID: threads stand still to have their stacks looked at, go on
 *	while the heap is marked, and stand still for the end; shim_gc_store()
 *	shades the old and the new value
 * @SHIM_GC_DELETION: the same; shim_gc_store() shades the old value.  What is
 *	dropped while marking goes on stays until the next collection
 * @SHIM_GC_INSERTION: the same; shim_gc_store() shades the new value, and roots
 *	are looked at again at the end
 * @SHIM_GC_DIRTY: the same without shim_gc_store(): the kernel says which pages
 *	were written to.  Where it cannot, as STOP; struct shim_gc_stat.mode
 *	says so
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
 * struct shim_gc_opts - settings that are made once; zero is the default
 * @mode: enum shim_gc_mode
 * @percent: collect when so much was allocated of what was left before; 100
 * @limit: bytes of heap to stay below by collecting more often
 * @workers: threads that mark, the caller's included; one a processor, up to 16
 * @signal: with which threads are stopped; SIGRTMAX - 5
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
 * Not needed otherwise: the first allocation does it.  Settings in the
 * environment (SHIM_GC_PERCENT, SHIM_GC_LIMIT, SHIM_GC_WORKERS) come first.
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
 * The collector does not look into it.  Of less than 16 bytes, several share a
 * block that is freed when none of them is reached; these have no finalizer.
 *
 * Return: memory that is not zeroed, aligned to 16 bytes, or as far as @size is
 * a multiple of 8, 4 or 2 if that is less than 16; or NULL with errno ENOMEM.
 */
void *shim_gc_alloc_data(size_t size) __attribute__((malloc, alloc_size(1)));

/**
 * struct shim_gc_type - where objects have pointers
 * @size: bytes of an element
 * @nr: pointers in it
 * @repeat: an object is an array of elements, as many as fit
 * @offset: of each pointer, multiples of 8
 *
 * There as long as objects of it are.
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
	SHIM_GC_EVENT_END,	/* the world runs, sweeping begins */
};

/**
 * shim_gc_on_event - follow a collection beside the program
 * @fn: called by the collector's thread, which holds nothing that the others
 *	need; NULL for nobody
 */
void shim_gc_on_event(void (*fn)(enum shim_gc_event event));

/**
 * shim_gc_disable - collect on request only; counts
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
 * shim_gc_root_remove - make it none
 * @p: first byte
 * @len: bytes; parts of registered ranges outside stay
 *
 * Return: 0, or -1 with errno ENOMEM.
 */
int shim_gc_root_remove(const void *p, size_t len);

/**
 * shim_gc_on_stacks - have stacks looked at that are not those of threads
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
 * these, or the object it pointed to, or points to, may be freed although it is
 * reached.  Local variables and other roots need none.
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
 * @n: bytes, a multiple of 8 as both addresses are
 */
void shim_gc_copy(void *to, const void *from, size_t n);

/**
 * shim_gc_blocked - call a function during which the caller need not be stopped
 * @fn: does not use the collector, and reaches objects that others reach, or
 *	the caller's frames
 * @arg: for it
 *
 * For system calls that wait long: no signal disturbs them.
 *
 * Return: what @fn returned.
 */
void *shim_gc_blocked(void *(*fn)(void *arg), void *arg);

/**
 * shim_gc_pin - keep an object although nobody reaches it
 * @p: first byte of an object
 *
 * Return: 0, or -1 with errno EINVAL or ENOMEM.
 */
int shim_gc_pin(void *p);

/**
 * shim_gc_unpin - as often as pinned
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
 * shim_gc_finalizer - have a function called once an object is not reached
 * @p: first byte of an object, not a tiny one
 * @fn: called once, by a thread of the collector's; NULL takes it back.  It may
 *	use @p, which is kept for the call and as long as it is reached then
 * @arg: for @fn; kept until then
 * @order: SHIM_GC_*
 *
 * Not called at exit.  In the child of a fork a thread is made for those of the
 * child's.
 *
 * Return: 0, or -1 with errno EINVAL or ENOMEM.
 */
int shim_gc_finalizer(void *p, void (*fn)(void *p, void *arg), void *arg,
		      unsigned int order);

/**
 * shim_gc_set_finalizer_thread - who calls finalizers
 * @on: a thread of the collector's (the default); false: shim_gc_finalize()
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
#define SHIM_GC_LONG	1	/* once it is really gone */

struct shim_gc_weak;

/**
 * shim_gc_weak_new - refer to an object without keeping it
 * @p: any address in an object
 * @when: SHIM_GC_SHORT or SHIM_GC_LONG
 *
 * Return: the reference, to go with shim_gc_weak_free(), or NULL with errno
 * EINVAL or ENOMEM.
 */
struct shim_gc_weak *shim_gc_weak_new(const void *p, unsigned int when);

/**
 * shim_gc_weak_get - what a weak reference refers to
 * @w: the reference
 *
 * Return: the address, kept while the caller has it, or NULL if it is gone.
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
 * @value: any; kept while both the ephemeron and @key are reached, even if it
 *	reaches @key itself
 *
 * Return: an object that is collected as all are, or NULL with errno EINVAL or
 * ENOMEM.
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
 * struct shim_gc_stat - numbers
 * @heap: bytes of spans
 * @live: bytes that the last collection reached
 * @since: bytes allocated since
 * @goal: bytes allocated since at which the next begins
 * @total: bytes allocated, ever
 * @meta: bytes of the collector's records
 * @roots: bytes of roots looked at last
 * @collections: how many there were
 * @failed: how many were given up: a thread did not stop
 * @pause_ns: the last, the longest and the sum of times the world was stopped
 * @pause_max_ns: see above
 * @pause_sum_ns: see above
 * @threads: stopped last
 * @workers: that mark
 * @mode: enum shim_gc_mode that is in force
 * @missed: objects that shim_gc_set_verify() found not marked
 * @assisted: bytes that allocating threads have marked
 * @concurrent: collections beside the program, of all
 * @roots_lost: registered ranges that could not be read
 * @finalized: finalizers called
 * @finalizers: that objects have
 * @ready: that wait to be called
 * @links: weak references
 * @links_cleared: that were cleared
 * @ephemerons: there are
 * @pins: objects pinned
 * @periodic: collections because the last was long ago
 * @limited: times that collecting for a limit took more than half of the time,
 *	so that the limit was exceeded
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
};

/**
 * shim_gc_get_stat - take the numbers
 * @st: filled in
 * @size: sizeof(*st)
 */
void shim_gc_get_stat(struct shim_gc_stat *st, size_t size);

/**
 * shim_gc_verify - check everything that the collector relies on
 *
 * Stops the world, marks, and compares.  What does not hold is written to the
 * standard error.
 *
 * Return: how much does not hold; 0 is right; -1 with errno EDEADLK as for
 * shim_gc_collect().
 */
int shim_gc_verify(void);

/**
 * shim_gc_set_verify - check each mark that went on beside the program
 * @on: yes; as SHIM_GC_VERIFY=1 in the environment
 *
 * With the world stopped all marked objects are looked at again.  A pointer from
 * one of them to what is not marked was stored without shim_gc_store(): it is
 * written to the standard error, with the place, and what it points to is kept.
 */
void shim_gc_set_verify(bool on);

/**
 * shim_gc_find_leaks - report what nobody reaches instead of only freeing it
 * @fn: called by collections for each object that was not freed by hand, or
 *	NULL for no more.  It may not use the collector
 *
 * For programs that free everything with shim_gc_free().
 */
void shim_gc_find_leaks(void (*fn)(const void *p, size_t size));

#ifdef __cplusplus
}
#endif

#endif /* SHIM_GC_H */
