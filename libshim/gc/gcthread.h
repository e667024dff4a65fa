/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gcthread: what the collector knows of each thread.
 *
 * A thread that allocates makes its record itself.  For the others, which may
 * be older than the library and never call it, stop makes one when it first
 * finds them.  Records are reused, never unmapped, because a signal may be on
 * its way to a thread that has ended.
 *
 * The list and all records that are not the caller's own are guarded by the
 * registry's lock.  Everything in a record that its thread changes without the
 * lock is read by others only while that thread is stopped, with the exceptions
 * named below.
 */
#ifndef SHIM_GCTHREAD_H
#define SHIM_GCTHREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "gcspan.h"
#include "base/sizeclass.h"

#define GC_CLASSES	(SIZECLASS_COUNT + 1)

/**
 * struct gccache - the objects of one class and kind that a thread may hand out
 * @cur: the next object of the hole
 * @end: behind its last
 * @size: bytes of an object
 * @word: where to continue in @free
 * @base: first byte of the span
 * @hole: while a hole is being taken out of @free: its bounds, so that a
 *	collector that stops the thread in between finds it in one place at least
 * @free: bit set: an object of the span that the thread has not handed out
 * @is_zero: the span reads as zero: no need to clear a hole
 */
struct gccache {
	uintptr_t cur;
	uintptr_t end;
	uint32_t size;
	uint32_t word;
	uintptr_t base;
	uintptr_t hole[2];
	bool is_zero;
	uint64_t free[GC_WORDS];
};

struct marker;

/*
 * struct gcthread.state: changed by the thread, and read by stop, with atomic
 * operations
 */
enum gcthread_state {
	GCTHREAD_RUNNING,
	GCTHREAD_BLOCKED,	/* in shim_gc_blocked(): its stack does not change */
};

/**
 * struct gcthread - a thread
 * @next: list of all records
 * @tid: its kernel id, 0 if the record is not in use
 * @is_own: made by the thread itself
 * @seen: stop: pass in which it was last found alive
 * @state: enum gcthread_state
 * @asked: stop: epoch of the last signal sent
 * @stopped: epoch in which it is stopped, atomic
 * @sp: where its stack ends for now
 * @tp: its thread pointer
 * @low: lowest byte of its stack, 0 if not known
 * @high: behind the highest
 * @depth: nested shim_gc_blocked()
 * @tiny: rest of the current block of tiny objects
 * @tiny_end: its end
 * @marker: barrier: what it has shaded and not shared; stays with the record
 * @cache: of every kind and class
 */
struct gcthread {
	struct gcthread *next;
	pid_t tid;
	bool is_own;
	uint32_t seen;
	uint32_t state;
	uint32_t asked;
	uint32_t stopped;
	uintptr_t sp;
	uintptr_t tp;
	uintptr_t low;
	uintptr_t high;
	unsigned int depth;
	uintptr_t tiny;
	uintptr_t tiny_end;
	struct marker *marker;
	struct gccache cache[GC_KINDS][GC_CLASSES];
};

extern __thread struct gcthread *gcthread_me
	__attribute__((visibility("hidden"), tls_model("initial-exec")));

struct gcthread *gcthread_enter(void);

/**
 * gcthread_self - the caller's record, made if there is none
 *
 * Return: the record, or NULL if there is no memory for it.
 */
static inline struct gcthread *gcthread_self(void)
{
	return gcthread_me ? gcthread_me : gcthread_enter();
}

/**
 * gcthread_leave - give the caller's record up
 *
 * Happens automatically when a thread ends.
 */
void gcthread_leave(void);

/**
 * gcthread_init - register for the ends of threads
 * @leave: called by a thread that gives up its record, before it does
 *
 * Return: 0 or an errno.
 */
int gcthread_init(void (*leave)(struct gcthread *t));

/* The registry's lock, and what may be done with it held. */
void gcthread_lock(void);
void gcthread_unlock(void);

extern struct gcthread *gcthread_all __attribute__((visibility("hidden")));

/**
 * gcthread_next - go through the records in use
 * @t: the one before, or NULL
 *
 * Return: the next, or NULL.
 */
static inline struct gcthread *gcthread_next(struct gcthread *t)
{
	for (t = t ? t->next : gcthread_all; t && !t->tid; t = t->next)
		;
	return t;
}

/**
 * gcthread_find - the record of a thread, made if there is none
 * @tid: the thread
 *
 * Lock held.
 *
 * Return: the record, or NULL if there is no memory for it.
 */
struct gcthread *gcthread_find(pid_t tid);

/**
 * gcthread_forget - free the record of a thread that has ended
 * @t: the record
 *
 * Lock held.  The objects in its caches become free in the next collection.
 */
void gcthread_forget(struct gcthread *t);

/* Around fork(); the child has one thread. */
void gcthread_fork_child(void);

#endif /* SHIM_GCTHREAD_H */
