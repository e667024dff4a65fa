/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shim_co.h: coroutines in C, each with a guarded, growing stack.
 *
 * The first half needs no scheduler: create, resume and yield, as in Lua.  The
 * second is a queue for each thread, on which coroutines sleep and wait for
 * files and for each other in calls that look as if they blocked.
 *
 * A coroutine stays with the thread that first resumes it: compilers keep the
 * addresses of thread-local variables (such as errno) across calls, and a stack
 * that moved to another thread would use those of the first one.  Before that
 * it may be handed to any thread.
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
 * struct shim_co_attr - the attributes of a coroutine; zero means the default
 * @stack: bytes to which its stack may grow; rounded up to a slot less its
 *	guard
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
	SHIM_CO_RESUMING,	/* has resumed another one, which runs */
	SHIM_CO_DONE,		/* its function has returned, or was cancelled */
};

/**
 * shim_co_new - make a coroutine
 * @fn: the function that it runs, from its first resume on
 * @arg: for @fn
 * @attr: its attributes, or NULL
 *
 * Return: the coroutine, which the caller must free, or NULL with errno EINVAL
 * (an attribute is invalid), ENOMEM, or ENOTSUP (the process runs with a CET
 * shadow stack).
 */
struct shim_co *shim_co_new(shim_co_fn fn, void *arg,
			    const struct shim_co_attr *attr);

/**
 * shim_co_free - free a coroutine that is new or done
 * @co: the coroutine, or NULL
 *
 * A suspended one is cancelled first, see shim_co_cancel().  If it runs, this
 * is reported and the process aborts.
 */
void shim_co_free(struct shim_co *co);

/**
 * shim_co_resume - run a coroutine until it yields or ends
 * @co: new, or suspended and of this thread
 * @value: the value that shim_co_yield() returns in the coroutine
 *
 * Return: the value that it passed to shim_co_yield(), or that its function
 * returned if it is done.  NULL with errno EINVAL if it is neither new nor
 * suspended, EPERM if it belongs to another thread, EBUSY if it belongs to a
 * queue.
 */
void *shim_co_resume(struct shim_co *co, void *value);

/**
 * shim_co_yield - return to the code that resumed the running coroutine
 * @value: the value that shim_co_resume() returns there
 *
 * Does not return if the coroutine is cancelled in the meantime.  A coroutine
 * of a queue goes to the end of the queue instead, and @value is lost.
 *
 * Return: the value that was passed to the next shim_co_resume().  NULL with
 * errno EINVAL outside of coroutines.
 */
void *shim_co_yield(void *value);

/**
 * shim_co_self - the running coroutine, or NULL outside of coroutines
 */
struct shim_co *shim_co_self(void);

/**
 * shim_co_cancel - end a suspended coroutine where it has yielded
 * @co: new, suspended, or done; of this thread unless new
 *
 * Its frames are unwound: C++ destructors, __attribute__((cleanup)) in code
 * compiled with -fexceptions, and functions registered with
 * shim_co_cleanup_push() run.  These may yield, but not wait.  A coroutine that
 * waits in a queue stops waiting, and ends when its turn comes.
 *
 * Return: 0, or -1 with errno EINVAL (it runs), EPERM (it belongs to another
 * thread), or EAGAIN (it has yielded from a clean-up: resume it).
 */
int shim_co_cancel(struct shim_co *co);

/**
 * struct shim_co_cleanup - a clean-up of the running coroutine; lies on its
 * stack
 */
struct shim_co_cleanup {
	void (*fn)(void *arg);
	void *arg;
	struct shim_co_cleanup *next;
};

/**
 * shim_co_cleanup_push - register a function to be called if the coroutine is
 *	cancelled
 * @c: storage in the calling function's frame
 * @fn: the function
 * @arg: for @fn
 */
void shim_co_cleanup_push(struct shim_co_cleanup *c, void (*fn)(void *arg),
			  void *arg);

/**
 * shim_co_cleanup_pop - remove the clean-up that was pushed last
 * @execute: call its function now
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

/* A variable of which each coroutine has its own value. */
struct shim_co_key;

/**
 * shim_co_key_new - make such a variable
 * @destroy: called with its value, unless NULL, when a coroutine ends; or NULL
 *
 * Return: the key, or NULL with errno EAGAIN: there are 64 at most.
 */
struct shim_co_key *shim_co_key_new(void (*destroy)(void *value));

/**
 * shim_co_local - the running coroutine's value of a variable
 * @key: the variable
 *
 * Return: the address of the value, which is NULL at first; valid until the
 * coroutine ends.  NULL with errno EINVAL outside of coroutines, or ENOMEM.
 */
void **shim_co_local(struct shim_co_key *key);

/**
 * shim_co_each - call a function for every coroutine of the process
 * @fn: the function; a result other than 0 ends the walk
 * @arg: for @fn
 *
 * Takes no lock: no thread may create or free coroutines meanwhile.
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
 * Callee-saved registers are included.  If it is parked, the range is that of
 * the saved bytes.
 *
 * Return: 0, or -1 with errno EINVAL: it runs, or is done.
 */
int shim_co_range(const struct shim_co *co, void **low, void **high);

/**
 * shim_co_depth - how many bytes of memory a coroutine's stack has
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
 * @co: suspended; nothing but itself uses pointers into its stack
 *
 * The bytes in use are copied to memory of malloc(), and the stack's memory
 * goes back to the kernel.  The next resume restores them at the same address.
 * A coroutine that waits for the kernel to write into its stack cannot be
 * parked.
 *
 * Return: 0, or -1 with errno EINVAL (not suspended), EBUSY (it waits for I/O or
 * on a channel), ENOMEM, or E2BIG (more than half of its pages are in use).
 */
int shim_co_park(struct shim_co *co);

/**
 * struct shim_co_stat - all coroutines of the process in numbers
 * @coroutines: by enum shim_co_state; done means not freed yet
 * @parked: how many of them are parked
 * @parked_bytes: bytes that those take on the heap
 *
 * As with shim_co_each(), the numbers are exact only while no other thread
 * creates or frees coroutines.
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
