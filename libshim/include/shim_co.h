/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shim_co.h: coroutines in C, each with a guarded, growing stack.
 *
 * The first half needs no scheduler: create, resume, yield, as with Lua's.
 * The second is a queue a thread, on which coroutines sleep, wait for files and
 * for each other, while calls look as if they blocked.
 *
 * A coroutine that was resumed once stays with its thread for life: compilers
 * keep the addresses of thread-local variables (errno for one) across calls,
 * and a stack that moved to another thread would use the first one's.  Before
 * that it may be handed to any thread.
 *
 * Link with -lshim-co.
 */
#ifndef SHIM_CO_H
#define SHIM_CO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct shim_co;

typedef void *(*shim_co_fn)(void *arg);

/* struct shim_co_attr.flags */
/* C++ exceptions may be in flight, or caught, when it yields. */
#define SHIM_CO_EXCEPTIONS	1u

/**
 * struct shim_co_attr - what a coroutine is to be like; zeros are defaults
 * @stack: bytes its stack may grow to; rounded up to a slot less its guard
 * @name: for reports and tools; the first 23 bytes are kept
 * @flags: SHIM_CO_*
 */
struct shim_co_attr {
	size_t stack;
	const char *name;
	unsigned int flags;
};

enum shim_co_state {
	SHIM_CO_NEW,		/* never resumed */
	SHIM_CO_SUSPENDED,	/* has yielded, or waits in a queue */
	SHIM_CO_RUNNING,	/* runs on its thread */
	SHIM_CO_RESUMING,	/* has resumed another, which runs */
	SHIM_CO_DONE,		/* its function has returned, or was cancelled */
};

/**
 * shim_co_new - make a coroutine
 * @fn: what it runs, at its first resume
 * @arg: for @fn
 * @attr: what it is to be like, or NULL
 *
 * Return: the coroutine, the caller's to free, or NULL with errno EINVAL (an
 * attribute), ENOMEM, or ENOTSUP (this process runs with a CET shadow stack).
 */
struct shim_co *shim_co_new(shim_co_fn fn, void *arg,
			    const struct shim_co_attr *attr);

/**
 * shim_co_free - free a coroutine that is new or done
 * @co: the coroutine, or NULL
 *
 * One that is suspended is cancelled first, see shim_co_cancel(); one that runs
 * is reported, and the process aborts.
 */
void shim_co_free(struct shim_co *co);

/**
 * shim_co_resume - run a coroutine until it yields or ends
 * @co: new or suspended, and of this thread unless new
 * @value: what shim_co_yield() in it returns
 *
 * Return: what it gave to shim_co_yield(), or what its function returned if
 * it is done then.  NULL with errno EINVAL if it is not new or suspended, EPERM
 * if it is another thread's, EBUSY if it is a queue's.
 */
void *shim_co_resume(struct shim_co *co, void *value);

/**
 * shim_co_yield - go back to who resumed the running coroutine
 * @value: what shim_co_resume() returns there
 *
 * Does not return if the coroutine is cancelled meanwhile.  A coroutine of a
 * queue goes to the queue's end instead, and @value is lost.
 *
 * Return: what the next shim_co_resume() gave.  NULL with errno EINVAL outside
 * of coroutines.
 */
void *shim_co_yield(void *value);

/**
 * shim_co_self - the running coroutine, NULL outside of any
 */
struct shim_co *shim_co_self(void);

/**
 * shim_co_cancel - end a suspended coroutine where it has yielded
 * @co: new, suspended, or done; of this thread unless new
 *
 * Its frames are unwound: C++ destructors and __attribute__((cleanup)) of code
 * compiled with -fexceptions run, and what shim_co_cleanup_push() registered.
 * They may yield, not wait.  A coroutine that waits in a queue stops waiting
 * and is ended when its turn comes.
 *
 * Return: 0, or -1 with errno EINVAL (it runs), EPERM (another thread's), or
 * EAGAIN (it has yielded from a clean-up: resume it).
 */
int shim_co_cancel(struct shim_co *co);

/**
 * struct shim_co_cleanup - a clean-up of the running coroutine; on its stack
 */
struct shim_co_cleanup {
	void (*fn)(void *arg);
	void *arg;
	struct shim_co_cleanup *next;
};

/**
 * shim_co_cleanup_push - have something done if the coroutine is cancelled
 * @c: storage in the calling function's frame
 * @fn: what to do
 * @arg: with what
 */
void shim_co_cleanup_push(struct shim_co_cleanup *c, void (*fn)(void *arg),
			  void *arg);

/**
 * shim_co_cleanup_pop - take the clean-up pushed last back
 * @execute: do it now
 */
void shim_co_cleanup_pop(bool execute);

enum shim_co_state shim_co_state(const struct shim_co *co);
const char *shim_co_name(const struct shim_co *co);

/**
 * shim_co_set_name - rename a coroutine
 * @co: not done
 * @name: the first 23 bytes are kept
 */
void shim_co_set_name(struct shim_co *co, const char *name);

/* A variable that each coroutine has its own of. */
struct shim_co_key;

/**
 * shim_co_key_new - make such a variable
 * @destroy: called with its value, unless NULL, when a coroutine ends; or NULL
 *
 * Return: the key, or NULL with errno EAGAIN: there are 64 at most.
 */
struct shim_co_key *shim_co_key_new(void (*destroy)(void *value));

/**
 * shim_co_local - the running coroutine's own
 * @key: of which variable
 *
 * Return: where the value is, NULL at first; good until the coroutine ends.
 * NULL with errno EINVAL outside of coroutines, ENOMEM.
 */
void **shim_co_local(struct shim_co_key *key);

/**
 * shim_co_each - call a function for every coroutine of the process
 * @fn: the function; what it returns unless 0 ends the walk
 * @arg: for @fn
 *
 * Takes no lock: coroutines of other threads must not come or go meanwhile.
 *
 * Return: 0, or what @fn returned.
 */
int shim_co_each(int (*fn)(struct shim_co *co, void *arg), void *arg);

/**
 * shim_co_range - the bytes of a suspended coroutine's stack that are in use
 * @co: new or suspended
 * @low: out: the lowest
 * @high: out: behind the highest
 *
 * Callee-saved registers are in it.  A parked one's bytes are where it is parked.
 *
 * Return: 0, or -1 with errno EINVAL: it runs, or is done.
 */
int shim_co_range(const struct shim_co *co, void **low, void **high);

/**
 * shim_co_depth - bytes of memory that a coroutine's stack has
 * @co: the coroutine
 */
size_t shim_co_depth(const struct shim_co *co);

/**
 * shim_co_trim - give memory of a suspended coroutine's stack back
 * @co: the coroutine
 *
 * As shim_stack_trim().
 *
 * Return: bytes given back.
 */
size_t shim_co_trim(struct shim_co *co);

/**
 * shim_co_park - move a suspended coroutine's stack to the heap
 * @co: suspended; nobody but itself uses pointers into its stack
 *
 * The bytes in use go to a malloc(), the stack's memory back to the kernel.  The
 * next resume puts them back at the same address.  One
 * that waits for the kernel to write into its stack cannot be parked.
 *
 * Return: 0, or -1 with errno EINVAL (not suspended), EBUSY (it waits for I/O or
 * on a channel), ENOMEM, or E2BIG (more than half of its pages are in use).
 */
int shim_co_park(struct shim_co *co);

/**
 * struct shim_co_stat - all coroutines of the process in numbers
 * @coroutines: by enum shim_co_state; done means not freed yet
 * @parked: of them, those whose stacks are on the heap
 * @parked_bytes: and how much
 *
 * Like shim_co_each() this is exact only while the other threads rest.
 */
struct shim_co_stat {
	uint64_t coroutines[SHIM_CO_DONE + 1];
	uint64_t parked;
	uint64_t parked_bytes;
};

/**
 * shim_co_get_stat - take the numbers
 * @st: filled in
 */
void shim_co_get_stat(struct shim_co_stat *st);

#ifdef __cplusplus
}
#endif

#include "shim_co_run.h"

#endif /* SHIM_CO_H */
