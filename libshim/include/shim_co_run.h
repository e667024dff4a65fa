/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shim_co_run.h: queues of coroutines, waiting, channels.  Included by shim_co.h.
 *
 * A queue belongs to the thread that calls shim_co_run() on it.  Its coroutines
 * run one after the other, each until it waits or yields.  When called outside
 * of a queue's coroutines, functions that wait block the thread instead.
 *
 * Waiting is a cancellation point, see shim_co_cancel().
 */
#ifndef SHIM_CO_RUN_H
#define SHIM_CO_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "shim_co.h"

#ifdef __cplusplus
extern "C" {
#endif

struct shim_co_queue;

/* shim_co_queue_new(): wait by epoll even where io_uring is available. */
#define SHIM_CO_EPOLL		1u

/**
 * shim_co_queue_new - make a queue
 * @flags: SHIM_CO_EPOLL or 0
 *
 * Return: the queue, or NULL with errno EINVAL, ENOMEM, EMFILE, ENFILE.
 */
struct shim_co_queue *shim_co_queue_new(unsigned int flags);

/**
 * shim_co_queue_free - free a queue
 * @q: the queue, which must not be running, and have no coroutine left; or NULL
 */
void shim_co_queue_free(struct shim_co_queue *q);

/**
 * shim_co_go - make a coroutine and put it into a queue
 * @q: the queue; NULL for that of the running coroutine
 * @fn: the function that it runs
 * @arg: for @fn
 * @attr: its attributes, or NULL
 *
 * The coroutine is freed when it ends, and its value is lost.  May be called by
 * any thread.
 *
 * Return: 0, or -1 with the errno of shim_co_new(), or with EINVAL if there is
 * no queue.
 */
int shim_co_go(struct shim_co_queue *q, shim_co_fn fn, void *arg,
	       const struct shim_co_attr *attr);

/**
 * shim_co_post - hand a new coroutine to a queue, from any thread
 * @q: the queue
 * @co: never resumed, and in no queue; the caller must free it when it is done
 *
 * Return: 0, or -1 with errno EINVAL.
 */
int shim_co_post(struct shim_co_queue *q, struct shim_co *co);

/**
 * shim_co_run - run a queue in this thread
 * @q: the queue
 *
 * Return: 0 when no coroutine is left and the queue is not held, 1 after
 * shim_co_stop(), -1 with errno EBUSY (it is running, or this thread runs
 * another).
 */
int shim_co_run(struct shim_co_queue *q);

/**
 * shim_co_stop - make shim_co_run() return, from any thread
 * @q: the queue; its coroutines stay as they are, and shim_co_run() may
 *	continue them
 */
void shim_co_stop(struct shim_co_queue *q);

/**
 * shim_co_hold - keep shim_co_run() waiting for posts even when no coroutine is
 *	left
 * @q: the queue
 *
 * Calls are counted; shim_co_unhold() undoes one.  Both may be called by any
 * thread.
 */
void shim_co_hold(struct shim_co_queue *q);
void shim_co_unhold(struct shim_co_queue *q);

/* How the queue waits: "io_uring" or "epoll". */
const char *shim_co_queue_kind(const struct shim_co_queue *q);

#define SHIM_CO_FOREVER	(-1)	/* a timeout in nanoseconds */

/**
 * shim_co_sleep - wait for some time
 * @ns: nanoseconds
 */
void shim_co_sleep(int64_t ns);

/**
 * shim_co_wait - wait for a file to become ready
 * @fd: the file
 * @events: POLLIN, POLLOUT
 * @timeout: nanoseconds, or SHIM_CO_FOREVER
 *
 * A coroutine that waits in this way may be parked.
 *
 * Return: poll()'s revents, 0 after @timeout, or -1 with errno; EBUSY if
 * another coroutine waits for the same event of the same file by epoll.
 */
int shim_co_wait(int fd, short events, int64_t timeout);

/*
 * The system calls of these names.  They wait as long as needed, even if the
 * file is O_NONBLOCK, and are not interrupted by signals.  The timeout of the
 * last ones is that of shim_co_wait(); when it expires, errno is ETIMEDOUT.
 */
ssize_t shim_co_read(int fd, void *buf, size_t len);
ssize_t shim_co_write(int fd, const void *buf, size_t len);
int shim_co_accept(int fd, struct sockaddr *addr, socklen_t *len, int flags);
int shim_co_connect(int fd, const struct sockaddr *addr, socklen_t len,
		    int64_t timeout);
ssize_t shim_co_recv(int fd, void *buf, size_t len, int flags, int64_t timeout);
ssize_t shim_co_send(int fd, const void *buf, size_t len, int flags,
		     int64_t timeout);

/* As shim_co_write(), but writes everything. Return: 0, or -1 with errno. */
int shim_co_write_all(int fd, const void *buf, size_t len);

/*
 * Channels pass elements of one size between coroutines of any threads, and
 * between threads.
 */
struct shim_chan;

/**
 * shim_chan_new - make a channel
 * @size: bytes of an element; 0 for a mere signal
 * @room: elements it holds; 0 makes each sender wait for its receiver
 *
 * Return: the channel, or NULL with errno ENOMEM or EINVAL.
 */
struct shim_chan *shim_chan_new(size_t size, size_t room);

/**
 * shim_chan_free - free a channel
 * @c: the channel, on which nothing may be waiting; or NULL
 */
void shim_chan_free(struct shim_chan *c);

/**
 * shim_chan_send - send an element
 * @c: the channel
 * @elem: copied
 *
 * Return: 0, or -1 with errno EPIPE: the channel is closed.
 */
int shim_chan_send(struct shim_chan *c, const void *elem);

/**
 * shim_chan_recv - receive an element
 * @c: the channel
 * @elem: filled in
 *
 * Return: 1, or 0 if the channel is closed and nothing is left in it.
 */
int shim_chan_recv(struct shim_chan *c, void *elem);

/**
 * shim_chan_close - declare that no more elements will be sent
 * @c: the channel
 *
 * Elements in it can still be received; waiting senders fail with EPIPE.
 */
void shim_chan_close(struct shim_chan *c);

/**
 * struct shim_chan_case - one of several operations
 * @chan: the channel; with NULL, the case never becomes possible
 * @elem: the element to send, or room for the one received
 * @send: true to send, false to receive
 * @ok: out: the result of shim_chan_recv(); false for a send to a closed
 *	channel
 */
struct shim_chan_case {
	struct shim_chan *chan;
	void *elem;
	bool send;
	bool ok;
};

/* a timeout: shim_chan_select() does not wait. */
#define SHIM_CHAN_NOW	0

/**
 * shim_chan_select - perform the first of several operations that becomes
 *	possible
 * @cases: the operations
 * @nr: how many, up to 64
 * @timeout: nanoseconds, SHIM_CHAN_NOW or SHIM_CO_FOREVER
 *
 * If several are possible, one of them is chosen, each equally often in the
 * long run.
 *
 * Return: the index of the case that was performed, or -1 with errno ETIMEDOUT
 * or EINVAL.
 */
int shim_chan_select(struct shim_chan_case *cases, unsigned int nr,
		     int64_t timeout);

/**
 * struct shim_group - a number of things to wait for; all zero is an empty
 * group
 * @lock: guards the group
 * @count: how many are not done
 * @waiters: those that wait
 */
struct shim_group {
	uint32_t lock[2];
	long count;
	void *waiters;
};

/**
 * shim_group_add - add to the number of things to wait for
 * @g: the group
 * @n: how many more
 */
void shim_group_add(struct shim_group *g, long n);

/**
 * shim_group_done - say that one is done; the last one wakes all that wait
 * @g: the group
 */
void shim_group_done(struct shim_group *g);

/**
 * shim_group_wait - wait until all are done
 * @g: the group
 */
void shim_group_wait(struct shim_group *g);

#ifdef __cplusplus
}
#endif

#endif /* SHIM_CO_RUN_H */
