/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * co: coroutines on slots.
 *
 *   co.c          create, free, resume, yield
 *   co_enter.c    entering and leaving a coroutine, the general case
 *   co_cancel.c   cancellation and clean-ups
 *   co_local.c    variables of each coroutine
 *   co_look.c     walking, naming, trimming
 *   co_park.c     stacks on the heap
 *   co_tools.c    stacks and switches reported to ASan, TSan and valgrind
 *   co_switch.S   the switch from one stack to another
 *
 * Keeps true: a coroutine is its slot's record, 64 bytes beside the stacks, so
 * that handles stay valid while the stack is parked; the rest is struct co_top,
 * in the highest bytes of the stack's first page.  From the first resume on,
 * only the thread that did it touches the coroutine; there is no lock here.
 */
#ifndef SHIM_CO_CO_H
#define SHIM_CO_CO_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unwind.h>

#include "shim_co.h"
#include "slot.h"

#define EXPORT __attribute__((visibility("default")))
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

#define CO_NAME_LEN	24

/*
 * shim_co_yield() does not check for cancellation: co_redirect() makes a
 * suspended coroutine continue elsewhere.
 */
#if defined(__x86_64__)
#define CO_REDIRECT
#endif

/* struct shim_co.flags: all clear while resume and yield take the fast path */
#define CO_CANCEL	0x01u	/* unwind when the current yield returns */
#define CO_UNWINDING	0x02u	/* clean-ups are running: do not start them again */
#define CO_EXCEPTIONS	0x04u	/* SHIM_CO_EXCEPTIONS */
#define CO_PARKED	0x08u
#define CO_PINNED	0x10u	/* others have pointers into its stack */
#define CO_AUTO		0x20u	/* freed by its queue */
#define CO_READY	0x40u	/* in a queue's list */
#define CO_QUEUE	0x80u	/* it belongs to a queue, or co_tools is set */
#define CO_SLOW		(CO_EXCEPTIONS | CO_PARKED)

/**
 * struct shim_co - a slot's record as a coroutine
 * @next: in a list of its queue
 * @where: the slot
 * @slot_state: SLOT_CO
 * @state: enum shim_co_state; SHIM_CO_RUNNING also while a coroutine runs that
 *	it resumed
 * @flags: CO_*
 * @pad: 0
 * @tid: of its thread, 0 until the first resume
 * @word: the five above at once
 * @sp: stack pointer while it does not run
 * @caller: the one that resumed it
 * @result: in place of @caller, while it waits in a queue: the result of the
 *	wait
 * @timer: and its place among the queue's timers, or TIMER_NONE
 * @queue: the queue that it belongs to, or NULL
 * @wait: what it waits for, on its stack, or NULL
 * @park: while it is parked: the bytes of its stack, see co_park.c
 */
struct shim_co {
	struct shim_co *next;
	uintptr_t where;
	union {
		struct {
			uint8_t slot_state;
			uint8_t state;
			uint8_t flags;
			uint8_t pad;
			uint32_t tid;
		};
		uint64_t word;
	};
	void *sp;
	union {
		struct shim_co *caller;
		struct {
			int32_t result;
			uint32_t timer;
		};
	};
	struct shim_co_queue *queue;
	struct run_wait *wait;
	void *park;
};

_Static_assert(sizeof(struct shim_co) == sizeof(struct slot) &&
	       offsetof(struct shim_co, slot_state) ==
	       offsetof(struct slot, state) &&
	       offsetof(struct shim_co, sp) == offsetof(struct slot, own),
	       "one record");

#define CO_LOCALS	64	/* keys in a process */
#define CO_LOCALS_NEAR	4	/* of them, in struct co_top */

/**
 * struct co_top - the rest of a coroutine, in its stack's highest bytes
 * @unwind: the exception of a cancellation, which cannot be in any frame: those
 *	below the one whose clean-ups run are dead
 * @fn: the function that it runs
 * @arg: for @fn
 * @cleanups: pushed last first
 * @exceptions: __cxa_get_globals() of it, CO_EXCEPTIONS
 * @fiber: TSan's
 * @valgrind: the stack's number in valgrind
 * @local: values of the first keys
 * @locals: array of CO_LOCALS values, allocated when a further key is used
 * @name: for reports
 */
struct co_top {
	struct _Unwind_Exception unwind;
	shim_co_fn fn;
	void *arg;
	struct shim_co_cleanup *cleanups;
	void *exceptions[2];
	void *fiber;
	unsigned long valgrind;
	void *local[CO_LOCALS_NEAR];
	void **locals;
	char name[CO_NAME_LEN];
} __attribute__((aligned(16)));

_Static_assert(sizeof(struct co_top) - offsetof(struct co_top, name) == 32,
	       "tools/gdb/hugearena-co.py reads the name");

/**
 * struct co_park - a parked stack, followed by its bytes
 * @bytes: of the allocation
 * @live: of the stack, up to its top
 */
struct co_park {
	size_t bytes;
	size_t live;
	char stack[];
};

/**
 * struct co_thread - a thread's state
 * @self: the running coroutine, &@root outside of coroutines; NULL before the
 *	first resume
 * @queue: the queue that shim_co_run() runs here, or NULL
 * @resumable: struct shim_co.word of a coroutine that the fast path can resume
 * @running: and of such a coroutine while it runs
 * @root: stands for the thread itself
 * @low: of the thread's own stack, for ASan
 * @size: and its size
 * @fiber: TSan's of the thread
 */
struct co_thread {
	struct shim_co *self;
	struct shim_co_queue *queue;
	uint64_t resumable;
	uint64_t running;
	struct shim_co root;
	const void *low;
	size_t size;
	void *fiber;
};

extern __thread struct co_thread co_thread
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/*
 * ASan, TSan or valgrind is present: every coroutine has CO_QUEUE, and so takes
 * the slow path.
 */
extern bool co_tools __attribute__((visibility("hidden")));

void *co_switch(void **from, void *to, void *value);
void co_start(void);

/**
 * struct co_queue_ops - what a queue does for its coroutines
 * @yield: shim_co_yield() of the running one
 * @cancel: shim_co_cancel() of one that does not run
 */
struct co_queue_ops {
	void *(*yield)(struct shim_co *me);
	int (*cancel)(struct shim_co *co);
};

/* Set by the layer above before a coroutine has a queue. */
extern const struct co_queue_ops *co_queue_ops
	__attribute__((visibility("hidden")));

/* The running coroutine, NULL outside of all. */
static inline struct shim_co *co_self(void)
{
	struct shim_co *me = co_thread.self;

	return me && me->where ? me : NULL;
}

static inline struct slot *co_slot(const struct shim_co *co)
{
	return (struct slot *)co;
}

static inline enum shim_co_state co_state(const struct shim_co *co)
{
	return co->state;
}

static inline void co_set_state(struct shim_co *co, enum shim_co_state state)
{
	co->state = state;
}

/* Where its struct co_top would be if it were not parked. */
static inline struct co_top *co_top(const struct shim_co *co)
{
	return (struct co_top *)slot_top(co_slot(co)) - 1;
}

/**
 * co_top_now - where a coroutine's struct co_top is
 * @co: any
 */
struct co_top *co_top_now(const struct shim_co *co);

/**
 * co_unpark - put a parked coroutine's bytes back
 * @co: CO_PARKED
 */
void co_unpark(struct shim_co *co);

/**
 * co_park_drop - free a parked coroutine's bytes
 * @co: CO_PARKED
 */
void co_park_drop(struct shim_co *co);

/**
 * co_enter - switch to a coroutine until it yields
 * @co: new or suspended, of this thread
 * @value: for its shim_co_yield()
 */
void *co_enter(struct shim_co *co, void *value);

/**
 * co_leave - switch to the one that resumed the running coroutine
 * @me: the running coroutine, whose state the caller has set
 * @value: for shim_co_resume()
 *
 * Return: the value that the next resume passes.
 */
void *co_leave(struct shim_co *me, void *value);

/**
 * co_end - the running coroutine is over
 * @me: it
 * @value: for shim_co_resume()
 */
void co_end(struct shim_co *me, void *value) __attribute__((noreturn));

/**
 * co_unwind - run all clean-ups of the running coroutine and end it
 * @me: it
 */
void co_unwind(struct shim_co *me) __attribute__((noreturn));

/* To be called after co_leave(), once nothing else points into @me's stack. */
static inline void co_cancel_point(struct shim_co *me)
{
	if (unlikely((me->flags & (CO_CANCEL | CO_UNWINDING)) == CO_CANCEL))
		co_unwind(me);
}

/**
 * co_locals_end - destroy the values of a coroutine's variables
 * @co: the coroutine, which is ending
 */
void co_locals_end(struct shim_co *co);

/*
 * Set up a thread at its first use: its tid, and its names for ASan and TSan.
 */
void co_thread_begin(struct co_thread *t);

/* Reports to the tools, in co_tools.c; to be called only if co_tools is set. */
void co_tools_setup(void);
void co_tools_begin(struct co_thread *t);
void co_tools_new(struct shim_co *co);
void co_tools_free(struct shim_co *co);
void *co_tools_switch(struct shim_co *from, struct shim_co *to, void *value,
		      bool last);
void co_tools_entered(struct shim_co *co);

/*
 * The two ends of an order that ThreadSanitizer does not see, since liburcu's
 * atomics are assembly: what a thread did before it released @p happened before
 * what follows the acquire of @p.
 */
void co_tools_release(void *p);
void co_tools_acquire(void *p);

/*
 * Valgrind does not know what io_uring does: what the kernel has read counts as
 * uninitialised, and no signal comes through while a thread waits for it.
 */
bool co_tools_on_valgrind(void);

#endif /* SHIM_CO_CO_H */
