// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * io_ring: waiting by io_uring.
 *
 * Keeps true: a request's user_data is its coroutine's record, so that the
 * kernel refers to no stack, except to buffers on that of a CO_PINNED
 * coroutine.  Every request completes once, even if it is cancelled, and only
 * then does its coroutine continue.  Requests are submitted when the queue
 * would sleep, many in one call.
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>

#include "run.h"
#include "base/sys.h"

/* Entries of the ring: what one turn can submit in one call. */
#define ENTRIES		256

#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER	(1U << 12)	/* Linux 6.0 */
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN	(1U << 13)	/* Linux 6.1 */
#endif

/*
 * user_data of requests that belong to no coroutine: records are aligned to 64
 * bytes.
 */
#define DATA_KICK	1
#define DATA_CANCEL	2

struct ring {
	struct io_uring ring;
	size_t flying;		/* requests under way, not counting that for the kick */
	/* Linux 6.1: a single thread, completions processed when it asks */
	bool modern;
	bool enabled;
	bool kick_armed;
};

static int ring_setup(struct shim_co_queue *q)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED |
			 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_CLAMP,
	};
	struct ring *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return ENOMEM;
	r->modern = true;
	err = io_uring_queue_init_params(ENTRIES, &r->ring, &p);
	if (err == -EINVAL) {
		r->modern = false;
		p = (struct io_uring_params){
			.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_CLAMP
		};
		err = io_uring_queue_init_params(ENTRIES, &r->ring, &p);
	}
	/* Linux 5.11, for timeouts of a wait; implies 5.7, for fast poll */
	if (!err && (~p.features & (IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP))) {
		io_uring_queue_exit(&r->ring);
		err = -EOPNOTSUPP;
	}
	if (err) {
		free(r);
		return -err;
	}
	q->state = r;
	return 0;
}

static void ring_end(struct shim_co_queue *q)
{
	struct ring *r = q->state;

	/* the rings are not mapped in the child of a fork */
	if (q->forks == slot_forks)
		io_uring_queue_exit(&r->ring);
	free(r);
}

static int ring_begin(struct shim_co_queue *q)
{
	struct ring *r = q->state;
	long err;

	if (r->enabled)
		return 0;
	/* liburing 2.3 declares a function for this, but does not export it */
	err = sys_call6(SYS_io_uring_register, r->ring.ring_fd,
			IORING_REGISTER_ENABLE_RINGS, 0, 0, 0, 0);
	r->enabled = !err;
	/*
	 * saves the kernel looking the file up each time, where it supports
	 * that
	 */
	if (!err)
		io_uring_register_ring_fd(&r->ring);
	return (int)-err;
}

static struct io_uring_sqe *sqe_get(struct ring *r, uint64_t data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->ring);

	while (!sqe) {
		io_uring_submit(&r->ring);
		sqe = io_uring_get_sqe(&r->ring);
	}
	sqe->user_data = data;
	return sqe;
}

static void ring_cancel(struct shim_co *co, struct run_wait *w)
{
	struct ring *r = co->queue->state;
	struct io_uring_sqe *sqe = sqe_get(r, DATA_CANCEL);

	(void)w;
	io_uring_prep_cancel(sqe, co, 0);
	sqe->user_data = DATA_CANCEL;
}

static int ring_wait(struct shim_co_queue *q, struct shim_co *co,
		     struct run_wait *w)
{
	struct ring *r = q->state;
	struct io_uring_sqe *sqe = sqe_get(r, 0);

	io_uring_prep_poll_add(sqe, w->fd, (unsigned short)w->events);
	sqe->user_data = (uintptr_t)co;
	w->cancel = ring_cancel;
	r->flying++;
	return 0;
}

static void ring_op(struct shim_co_queue *q, struct shim_co *co,
		    struct run_op *op)
{
	struct ring *r = q->state;
	struct io_uring_sqe *sqe = sqe_get(r, 0);
	unsigned int len = op->len < INT32_MAX ? (unsigned int)op->len :
						 INT32_MAX;

	switch (op->call) {
	case RUN_READ:
		io_uring_prep_read(sqe, op->w.fd, op->buf, len, (uint64_t)-1);
		break;
	case RUN_WRITE:
		io_uring_prep_write(sqe, op->w.fd, op->buf, len, (uint64_t)-1);
		break;
	case RUN_RECV:
		io_uring_prep_recv(sqe, op->w.fd, op->buf, len, op->flags);
		/*
		 * a coroutine that waits for its peer usually has nothing to
		 * read yet
		 */
		if (r->modern)
			sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
		break;
	case RUN_SEND:
		io_uring_prep_send(sqe, op->w.fd, op->buf, len, op->flags);
		break;
	case RUN_ACCEPT:
		io_uring_prep_accept(sqe, op->w.fd, op->buf, op->addrlen,
				     op->flags);
		break;
	case RUN_CONNECT:
		io_uring_prep_connect(sqe, op->w.fd, op->buf,
				      (socklen_t)op->len);
		break;
	}
	sqe->user_data = (uintptr_t)co;
	op->w.cancel = ring_cancel;
	r->flying++;
}

static void complete(struct shim_co_queue *q, struct ring *r,
		     struct io_uring_cqe *cqe)
{
	struct shim_co *co = (struct shim_co *)(uintptr_t)cqe->user_data;
	uint64_t count;

	switch (cqe->user_data) {
	case DATA_KICK:
		r->kick_armed = false;
		sys_call3(SYS_read, q->kick, (long)&count, sizeof(count));
		return;
	case DATA_CANCEL:
		return;
	}
	r->flying--;
	/* cancelled by a deadline, which has set the result */
	if (cqe->res != -ECANCELED || co->result != -ETIME)
		co->result = cqe->res;
	run_ready(co);
}

static void ring_poll(struct shim_co_queue *q, int64_t timeout)
{
	struct ring *r = q->state;
	struct __kernel_timespec ts;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;

	if (timeout && !r->kick_armed) {
		sqe = sqe_get(r, 0);
		io_uring_prep_poll_add(sqe, q->kick, POLLIN);
		sqe->user_data = DATA_KICK;
		r->kick_armed = true;
	}
	if (!timeout) {
		if (io_uring_sq_ready(&r->ring) || !r->modern ||
		    IO_URING_READ_ONCE(*r->ring.sq.kflags) &
		    (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW))
			io_uring_submit_and_get_events(&r->ring);
	} else if (timeout < 0) {
		io_uring_submit_and_wait(&r->ring, 1);
	} else {
		ts.tv_sec = timeout / 1000000000;
		ts.tv_nsec = timeout % 1000000000;
		io_uring_submit_and_wait_timeout(&r->ring, &cqe, 1, &ts, NULL);
	}
	io_uring_for_each_cqe(&r->ring, head, cqe) {
		complete(q, r, cqe);
		n++;
	}
	io_uring_cq_advance(&r->ring, n);
}

const struct run_io io_ring = {
	.name = "io_uring",
	.setup = ring_setup,
	.end = ring_end,
	.poll = ring_poll,
	.wait = ring_wait,
	.op = ring_op,
	.begin = ring_begin,
};
