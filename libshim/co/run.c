// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * run: the loop, posts, cancellation.
 *
 * One turn of the loop runs every coroutine that was ready when it began, then
 * handles posts, timers and files, so that none of these waits for more than
 * one turn, however busy the coroutines are.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "run.h"
#include "base/sys.h"

_Static_assert(offsetof(struct shim_co, next) == 0, "a tail is its last one");

EXPORT void shim_co_queue_free(struct shim_co_queue *q)
{
	if (!q)
		return;
	if (q->running || __atomic_load_n(&q->live, __ATOMIC_ACQUIRE))
		shim_bug("a queue is freed that still has coroutines", q);
	q->io->end(q);
	close(q->kick);
	free(q->timers);
	free(q);
}

EXPORT const char *shim_co_queue_kind(const struct shim_co_queue *q)
{
	return q->io->name;
}

static void kick(struct shim_co_queue *q)
{
	uint64_t one = 1;

	/*
	 * Full barrier between the change that the thread is to see and the
	 * load of @sleeping; pairs with that in sleep_until().
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&q->sleeping, __ATOMIC_RELAXED))
		sys_call3(SYS_write, q->kick, (long)&one, sizeof(one));
}

void run_ready(struct shim_co *co)
{
	struct shim_co_queue *q = co->queue;

	if (co->flags & CO_READY)
		return;
	co->flags |= CO_READY;
	co->next = NULL;
	*q->tail = co;
	q->tail = &co->next;
}

static void post(struct shim_co *co)
{
	struct cds_wfcq_node *node = (struct cds_wfcq_node *)&co->next;
	struct shim_co_queue *q = co->queue;

	cds_wfcq_node_init(node);
	if (unlikely(co_tools))
		co_tools_release(co);
	cds_wfcq_enqueue(&q->post_head, &q->post_tail, node);
	kick(q);
}

void run_wake(struct shim_co *co)
{
	if (co->queue == co_thread.queue)
		run_ready(co);
	else
		post(co);
}

EXPORT void shim_co_hold(struct shim_co_queue *q)
{
	__atomic_add_fetch(&q->live, 1, __ATOMIC_RELAXED);
}

EXPORT void shim_co_unhold(struct shim_co_queue *q)
{
	if (!__atomic_sub_fetch(&q->live, 1, __ATOMIC_RELEASE))
		kick(q);
}

EXPORT int shim_co_post(struct shim_co_queue *q, struct shim_co *co)
{
	if (!q || co->slot_state != SLOT_CO || co_state(co) != SHIM_CO_NEW ||
	    co->queue) {
		errno = EINVAL;
		return -1;
	}
	shim_co_hold(q);
	co->queue = q;
	co->flags |= CO_QUEUE;
	co->timer = TIMER_NONE;
	run_wake(co);
	return 0;
}

EXPORT int shim_co_go(struct shim_co_queue *q, shim_co_fn fn, void *arg,
		      const struct shim_co_attr *attr)
{
	struct shim_co *co;

	if (!q)
		q = co_thread.queue;
	if (!q) {
		errno = EINVAL;
		return -1;
	}
	co = shim_co_new(fn, arg, attr);
	if (!co)
		return -1;
	co->flags |= CO_AUTO;
	return shim_co_post(q, co);
}

EXPORT void shim_co_stop(struct shim_co_queue *q)
{
	__atomic_store_n(&q->stop, 1, __ATOMIC_RELEASE);
	kick(q);
}

/* Move everything that other threads have posted to the list. */
static void posts_take(struct shim_co_queue *q)
{
	struct cds_wfcq_node *node;

	while ((node = __cds_wfcq_dequeue_blocking(&q->post_head,
						   &q->post_tail))) {
		if (unlikely(co_tools))
			co_tools_acquire(node);
		run_ready((struct shim_co *)node);
	}
}

/* Run one coroutine until it waits or ends. */
static void turn(struct shim_co_queue *q, struct shim_co *co, uint32_t tid)
{
	co->flags &= (uint8_t)~CO_READY;
	if (co_state(co) == SHIM_CO_NEW) {
		co->tid = tid;
		if (co->flags & CO_CANCEL)
			co_set_state(co, SHIM_CO_DONE);
	}
	if (co_state(co) != SHIM_CO_DONE) {
		timer_remove(q, co);
		if (unlikely(co->flags & CO_PARKED))
			co_unpark(co);
		/* before co_enter() puts the caller in its place */
		if (co->wait)
			co->wait->result = co->result;
		co_enter(co, NULL);
	}
	if (co_state(co) != SHIM_CO_DONE)
		return;
	co->queue = NULL;
	if (!co_tools)
		co->flags &= (uint8_t)~CO_QUEUE;
	if (co->flags & CO_AUTO)
		shim_co_free(co);
	__atomic_sub_fetch(&q->live, 1, __ATOMIC_RELEASE);
}

/* Wake those whose deadline has passed.  Return: ns to the next one, or -1. */
static int64_t timers_run(struct shim_co_queue *q)
{
	struct run_wait *w;
	struct shim_co *co;
	uint64_t now;

	if (!q->nr_timers)
		return -1;
	now = run_clock();
	while ((co = timer_take_maybe_null(q, now))) {
		co->result = -ETIME;
		/* its wait is on its stack */
		if (co->flags & CO_PARKED)
			co_unpark(co);
		w = co->wait;
		if (w && w->cancel)
			w->cancel(co, w);
		else
			run_ready(co);
	}
	return q->nr_timers ? (int64_t)(q->timers[0].at - now) : -1;
}

static void sleep_until(struct shim_co_queue *q, int64_t next)
{
	__atomic_store_n(&q->sleeping, 1, __ATOMIC_RELAXED);
	/* full barrier, pairs with that in kick() */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!cds_wfcq_empty(&q->post_head, &q->post_tail) ||
	    __atomic_load_n(&q->stop, __ATOMIC_RELAXED) ||
	    !__atomic_load_n(&q->live, __ATOMIC_RELAXED))
		next = 0;
	q->io->poll(q, next);
	__atomic_store_n(&q->sleeping, 0, __ATOMIC_RELAXED);
}

EXPORT int shim_co_run(struct shim_co_queue *q)
{
	struct co_thread *t = &co_thread;
	struct shim_co *co, *last;
	int64_t next;
	int err;

	if (t->queue || __atomic_exchange_n(&q->running, 1, __ATOMIC_ACQUIRE)) {
		errno = EBUSY;
		return -1;
	}
	if (!t->self)
		co_thread_begin(t);
	slot_ready();
	err = q->forks != slot_forks ? EBUSY : q->io->begin(q);
	if (err) {
		__atomic_store_n(&q->running, 0, __ATOMIC_RELEASE);
		errno = err;
		return -1;
	}
	t->queue = q;
	while (__atomic_load_n(&q->live, __ATOMIC_ACQUIRE) &&
	       !__atomic_load_n(&q->stop, __ATOMIC_ACQUIRE)) {
		posts_take(q);
		if (q->head) {
			/*
			 * only those that are ready now; those that they make
			 * ready run in the next turn
			 */
			last = (struct shim_co *)q->tail;
			do {
				co = q->head;
				q->head = co->next;
				if (!q->head)
					q->tail = &q->head;
				turn(q, co, t->root.tid);
			} while (co != last && q->head);
		}
		next = timers_run(q);
		if (q->head)
			q->io->poll(q, 0);
		else
			sleep_until(q, next);
	}
	t->queue = NULL;
	__atomic_store_n(&q->running, 0, __ATOMIC_RELEASE);
	return __atomic_exchange_n(&q->stop, 0, __ATOMIC_ACQ_REL);
}

int run_block(struct shim_co *me, struct run_wait *w, int64_t timeout)
{
	struct shim_co_queue *q = me->queue;
	struct shim_co *caller = me->caller;

	me->result = 0;
	me->timer = TIMER_NONE;
	/* no memory for a deadline: act as if it had passed */
	if (timeout >= 0 && !timer_add(q, me, run_deadline((uint64_t)timeout))) {
		me->result = -ETIME;
		if (w->cancel)
			w->cancel(me, w);
		else
			run_ready(me);
	}
	me->wait = w;
	co_set_state(me, SHIM_CO_SUSPENDED);
	/*
	 * saved, as @result takes the place of @caller: always the thread
	 * itself
	 */
	co_thread.self = caller;
	if (unlikely(co_tools))
		co_tools_switch(me, caller, NULL, false);
	else
		co_switch(&me->sp, caller->sp, NULL);
	me->wait = NULL;
	return w->result;
}

static void *yield(struct shim_co *me)
{
	struct run_wait w = { 0 };

	run_ready(me);
	run_block(me, &w, -1);
	co_cancel_point(me);
	return NULL;
}

static int cancel(struct shim_co *co)
{
	struct run_wait *w;

	if (co->queue != co_thread.queue) {
		errno = EPERM;
		return -1;
	}
	co->flags |= CO_CANCEL;
	if (co->flags & CO_READY)
		return 0;
	if (co->flags & CO_PARKED)
		co_unpark(co);
	w = co->wait;
	if (w && w->cancel)
		w->cancel(co, w);
	else
		run_ready(co);
	return 0;
}

static const struct co_queue_ops queue_ops = {
	.yield = yield,
	.cancel = cancel,
};

EXPORT struct shim_co_queue *shim_co_queue_new(unsigned int flags)
{
	struct shim_co_queue *q;
	int err;

	if (flags & ~SHIM_CO_EPOLL) {
		errno = EINVAL;
		return NULL;
	}
	q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	__atomic_store_n(&co_queue_ops, &queue_ops, __ATOMIC_RELAXED);
	q->tail = &q->head;
	__cds_wfcq_init(&q->post_head, &q->post_tail);
	q->forks = slot_forks;
	q->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->kick < 0)
		goto err_free;
	q->io = &io_ring;
	err = flags & SHIM_CO_EPOLL || co_tools_on_valgrind() ? EOPNOTSUPP :
							q->io->setup(q);
	if (err) {
		/* an old kernel, a sandbox, io_uring_disabled, locked memory, ... */
		q->io = &io_epoll;
		err = q->io->setup(q);
	}
	if (!err)
		return q;
	errno = err;
	close(q->kick);
err_free:
	free(q);
	return NULL;
}
