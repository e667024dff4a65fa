/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * co: coroutines on slots.
 *
 *   co.c          create, free, resume, yield
 *   co_enter.c    into a coroutine and out of it, with all that may be to do
 *   co_cancel.c   cancellation and clean-ups
 *   co_local.c    variables of each coroutine
 *   co_look.c     walking, naming, trimming
 *   co_park.c     stacks on the heap
 *   co_tools.c    ASan, TSan and valgrind are told
 *   co_switch.S   from one stack to another
 *
 * Keeps true: a coroutine is its slot's record, 64 bytes beside the stacks, so
 * that handles stay valid while the stack is parked; the rest is struct
 * co_top, in the highest bytes of the stack's first page.  Only the thread
 * that resumed a coroutine first touches it from then on; there is no lock
 * here.
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
 * shim_co_yield() does not look whether it was cancelled: co_redirect() makes a
 * suspended coroutine go on elsewhere.
 */
#if defined(__x86_64__)
#define CO_REDIRECT
#endif

/* struct shim_co.flags: none of them where resume and yield are fast */
#define CO_CANCEL	0x01u	/* unwind at the end of the next yield */
#define CO_UNWINDING	0x02u	/* clean-ups run: not a second time */
#define CO_EXCEPTIONS	0x04u	/* SHIM_CO_EXCEPTIONS */
#define CO_PARKED	0x08u
#define CO_PINNED	0x10u	/* others use pointers into its stack */
#define CO_AUTO		0x20u	/* freed by its queue */
#define CO_READY	0x40u	/* in a queue's list */
#define CO_QUEUE	0x80u	/* belongs to a queue, or co_tools is set */
#define CO_SLOW		(CO_EXCEPTIONS | CO_PARKED)

/**
 * struct shim_co - a slot's record as a coroutine
 * @next: in a list of its queue
 * @where: the slot
 * @slot_state: SLOT_CO
 * @state: enum shim_co_state; SHIM_CO_RUNNING also while one runs that it resumed
 * @flags: CO_*
 * @pad: 0
 * @tid: of its thread, 0 until the first resume
 * @word: the five above at once
 * @sp: stack pointer while it does not run
 * @caller: who resumed it
 * @result: in place of it, while it waits in a queue: what the wait came to
 * @timer: and where it is among the queue's timers, or TIMER_NONE
 * @queue: that it belongs to, or NULL
 * @wait: what it waits for, on its stack, or NULL
 * @park: its bytes while it is parked, see co_park.c; their size before
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
 * @unwind: the exception of a cancellation: frames below the one whose clean-ups
 *	run are dead, so it cannot be in any
 * @fn: what it runs
 * @arg: for @fn
 * @cleanups: pushed last first
 * @exceptions: __cxa_get_globals() of it, CO_EXCEPTIONS
 * @fiber: TSan's
 * @valgrind: its number there
 * @local: values of the first keys
 * @locals: CO_LOCALS of them by malloc(), once a further one is used
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
 * struct co_park - where a parked stack is; the bytes follow
 * @bytes: of the allocation
 * @live: of the stack, up to its top
 */
struct co_park {
	size_t bytes;
	size_t live;
	char stack[];
};

/**
 * struct co_thread - a thread's share
 * @self: who runs, &@root outside of coroutines; NULL before the first resume
 * @queue: whose shim_co_run() runs here, or NULL
 * @resumable: struct shim_co.word of what shim_co_resume() need not look at twice
 * @running: and that of such a one while it runs
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

/* Some of ASan, TSan, valgrind is there: every coroutine is CO_QUEUE, so slow. */
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
 * co_top_now - where its struct co_top is
 * @co: any
 */
struct co_top *co_top_now(const struct shim_co *co);

/**
 * co_unpark - put a parked coroutine's bytes back
 * @co: CO_PARKED
 */
void co_unpark(struct shim_co *co);

/**
 * co_park_drop - forget a parked coroutine's bytes
 * @co: CO_PARKED
 */
void co_park_drop(struct shim_co *co);

/**
 * co_enter - switch to a coroutine, and come back
 * @co: new or suspended, of this thread
 * @value: for its shim_co_yield()
 */
void *co_enter(struct shim_co *co, void *value);

/**
 * co_leave - switch to who resumed the running coroutine
 * @me: that runs; its state is what the caller has set
 * @value: for shim_co_resume()
 *
 * Returns what the next resume gives.
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

/* After co_leave(), once nobody else has pointers into @me's stack. */
static inline void co_cancel_point(struct shim_co *me)
{
	if (unlikely((me->flags & (CO_CANCEL | CO_UNWINDING)) == CO_CANCEL))
		co_unwind(me);
}

/**
 * co_locals_end - destroy the values of a coroutine's variables
 * @co: which ends
 */
void co_locals_end(struct shim_co *co);

/* For a thread's first use: note its tid, and what ASan and TSan call it. */
void co_thread_begin(struct co_thread *t);

/* What co_tools.c tells whom; all of them only if co_tools. */
void co_tools_setup(void);
void co_tools_begin(struct co_thread *t);
void co_tools_new(struct shim_co *co);
void co_tools_free(struct shim_co *co);
void *co_tools_switch(struct shim_co *from, struct shim_co *to, void *value,
		      bool last);
void co_tools_entered(struct shim_co *co);

/*
 * Valgrind does not know what io_uring does: what the kernel has read counts as
 * uninitialised, and no signal comes through while a thread waits for it.
 */
bool co_tools_on_valgrind(void);

#endif /* SHIM_CO_CO_H */
