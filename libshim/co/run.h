/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run: queues of coroutines.
 *
 *   run.c         the loop, posts, cancellation
 *   run_timer.c   deadlines, in a heap
 *   io.c          system calls that look as if they blocked
 *   io_ring.c     waiting by io_uring
 *   io_epoll.c    waiting by epoll
 *   chan.c        channels and select
 *   group.c       wait groups
 *
 * Keeps true: only its thread uses a queue's lists, timers and files; other
 * threads only add to its post list (liburcu's wait-free queue) and wake it
 * from its sleep.  The kernel and other threads refer to a waiting coroutine by
 * its record, never by an address in its stack, unless the coroutine is
 * CO_PINNED, so that all others can be parked while they wait.
 */
#ifndef SHIM_CO_RUN_H_
#define SHIM_CO_RUN_H_

#ifndef _LGPL_SOURCE
#define _LGPL_SOURCE		/* inline: no library of liburcu is needed */
#endif
#include <time.h>
#include <urcu/wfcqueue.h>

#include "co.h"

#define TIMER_NONE	UINT32_MAX

/**
 * struct run_wait - what a coroutine of a queue waits for; lies on its stack
 * @cancel: stop the wait: make @co ready, now or when the kernel has completed
 *	the request; NULL if it only waits for a timer, or is in the list
 * @fd: of the file that it waits for
 * @events: events of poll() that it waits for
 * @result: the result
 */
struct run_wait {
	void (*cancel)(struct shim_co *co, struct run_wait *w);
	int fd;
	short events;
	int result;
};

/* What io_uring does for a waiting coroutine. */
enum run_call { RUN_READ, RUN_WRITE, RUN_RECV, RUN_SEND, RUN_ACCEPT, RUN_CONNECT };

/**
 * struct run_op - a system call that the kernel does while the coroutine waits
 * @w: the wait
 * @call: which
 * @buf: what it reads or writes; an address for accept and connect
 * @len: of @buf
 * @addrlen: of accept()
 * @flags: of recv(), send(), accept4()
 */
struct run_op {
	struct run_wait w;
	enum run_call call;
	void *buf;
	size_t len;
	socklen_t *addrlen;
	int flags;
};

struct run_timer {
	uint64_t at;
	struct shim_co *co;
};

/**
 * struct run_io - a way of waiting for files
 * @name: for reports
 * @setup: set up q->state; returns an errno
 * @end: undo that
 * @poll: collect completions; if there are none, wait for @timeout ns, without
 *	limit if negative, or until kicked
 * @wait: have @co made ready when @w's file is; returns -errno if that is
 *	impossible
 * @op: the same when the kernel has done the call; NULL if this way cannot do
 *	that
 * @begin: the running thread becomes the one that waits; returns an errno
 */
struct run_io {
	const char *name;
	int (*setup)(struct shim_co_queue *q);
	void (*end)(struct shim_co_queue *q);
	void (*poll)(struct shim_co_queue *q, int64_t timeout);
	int (*wait)(struct shim_co_queue *q, struct shim_co *co,
		    struct run_wait *w);
	void (*op)(struct shim_co_queue *q, struct shim_co *co,
		   struct run_op *op);
	int (*begin)(struct shim_co_queue *q);
};

extern const struct run_io io_ring __attribute__((visibility("hidden")));
extern const struct run_io io_epoll __attribute__((visibility("hidden")));

/**
 * struct shim_co_queue - a queue
 * @head: coroutines that can run, in the order of their turns
 * @tail: where the next one goes
 * @post_head: coroutines that other threads made ready
 * @post_tail: the same
 * @live: coroutines and holds; from any thread
 * @sleeping: its thread waits, or is about to: a post has to kick it
 * @stop: shim_co_stop() was called
 * @running: some thread runs it
 * @forks: slot_forks when it was made: the child of a fork cannot use the queue
 * @kick: an eventfd
 * @io: its way of waiting for files
 * @state: private to @io
 * @timers: a heap, the next deadline first
 * @nr_timers: how many
 * @max_timers: room
 */
struct shim_co_queue {
	struct shim_co *head;
	struct shim_co **tail;
	struct __cds_wfcq_head post_head;
	struct cds_wfcq_tail post_tail;
	long live;
	int sleeping;
	int stop;
	int running;
	unsigned int forks;
	int kick;
	const struct run_io *io;
	void *state;
	struct run_timer *timers;
	uint32_t nr_timers;
	uint32_t max_timers;
};

/* Nanoseconds of CLOCK_MONOTONIC, by the vDSO. */
static inline uint64_t run_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The longest tick there is (CONFIG_HZ=100), and 100 times that. */
#define TICK_NS		10000000
#define LONG_NS		(100 * TICK_NS)

/*
 * When a wait for @timeout ns from now ends.  A long one is measured from the last
 * tick, which takes 3 ns to ask for instead of 20, and ends up to a hundredth later.
 */
static inline uint64_t run_deadline(uint64_t timeout)
{
	struct timespec ts;

	if (timeout < LONG_NS)
		return run_clock() + timeout;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec +
	       timeout + TICK_NS;
}

/**
 * run_self - the running coroutine if a queue runs it, else NULL
 */
static inline struct shim_co *run_self(void)
{
	struct shim_co *me = co_thread.self;

	return me && me->queue ? me : NULL;
}

/**
 * run_ready - append a coroutine to its queue; in the queue's thread
 * @co: suspended, not in the list
 */
void run_ready(struct shim_co *co);

/**
 * run_wake - the same, from any thread
 * @co: a waiting coroutine that nothing else wakes
 */
void run_wake(struct shim_co *co);

/**
 * run_block - suspend the running coroutine until it is woken
 * @me: it
 * @w: what it waits for, already registered
 * @timeout: ns, or negative
 *
 * After the timeout @w->cancel() is called.  The caller calls co_cancel_point()
 * when nothing refers to its stack any more.
 *
 * Return: the result that its waker has set, 0 by default; -ETIME if it timed
 * out and no other result was set.
 */
int run_block(struct shim_co *me, struct run_wait *w, int64_t timeout);

/* Set a deadline for @co. Return: false if there is no memory. */
bool timer_add(struct shim_co_queue *q, struct shim_co *co, uint64_t at);
void timer_remove(struct shim_co_queue *q, struct shim_co *co);

/**
 * timer_take_maybe_null - take out a coroutine whose deadline has passed
 * @q: its queue
 * @now: run_clock()
 *
 * Return: the one with the earliest deadline, or NULL if none has passed.
 */
struct shim_co *timer_take_maybe_null(struct shim_co_queue *q, uint64_t now);

#endif /* SHIM_CO_RUN_H_ */
