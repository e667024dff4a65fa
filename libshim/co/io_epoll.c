// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * io_epoll: waiting by epoll, where there is no io_uring.
 *
 * Keeps true: a table by file has the coroutine that waits for input and the
 * one that waits for output.  A file is armed for one event at a time, so that
 * a file that is closed while nothing waits for it leaves nothing behind; the
 * rest of a file that was closed while a coroutine waited is found when its
 * number is used again.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "run.h"
#include "base/sys.h"

#define EVENTS		64	/* taken at once; the rest next turn */

struct file {
	struct shim_co *in;
	struct shim_co *out;
};

struct epoll {
	int fd;
	int max;		/* room in @files */
	struct file *files;
};

static int epoll_setup(struct shim_co_queue *q)
{
	struct epoll *e = calloc(1, sizeof(*e));
	struct epoll_event ev = { .events = EPOLLIN, .data = { .fd = -1 } };
	int err;

	if (!e)
		return ENOMEM;
	e->fd = epoll_create1(EPOLL_CLOEXEC);
	if (e->fd < 0 || epoll_ctl(e->fd, EPOLL_CTL_ADD, q->kick, &ev)) {
		err = errno;
		if (e->fd >= 0)
			close(e->fd);
		free(e);
		return err;
	}
	q->state = e;
	return 0;
}

static void epoll_end(struct shim_co_queue *q)
{
	struct epoll *e = q->state;

	close(e->fd);
	free(e->files);
	free(e);
}

static int epoll_begin(struct shim_co_queue *q)
{
	(void)q;
	return 0;
}

static int arm(struct epoll *e, int fd)
{
	struct file *f = &e->files[fd];
	struct epoll_event ev = { .data = { .fd = fd } };

	ev.events = (f->in ? EPOLLIN | EPOLLRDHUP : 0u) |
		    (f->out ? EPOLLOUT : 0u) | EPOLLONESHOT;
	if (!epoll_ctl(e->fd, EPOLL_CTL_MOD, fd, &ev))
		return 0;
	if (errno == ENOENT && !epoll_ctl(e->fd, EPOLL_CTL_ADD, fd, &ev))
		return 0;
	return -errno;
}

static void wake(struct shim_co **who, int result)
{
	struct shim_co *co = *who;

	*who = NULL;
	co->result = result;
	run_ready(co);
}

static void epoll_cancel(struct shim_co *co, struct run_wait *w)
{
	struct epoll *e = co->queue->state;
	struct file *f = &e->files[w->fd];

	if (f->in == co)
		f->in = NULL;
	if (f->out == co)
		f->out = NULL;
	if (f->in || f->out)
		arm(e, w->fd);
	else
		epoll_ctl(e->fd, EPOLL_CTL_DEL, w->fd, NULL);
	if (co->result != -ETIME)
		co->result = -ECANCELED;
	run_ready(co);
}

static int epoll_wait_for(struct shim_co_queue *q, struct shim_co *co,
			  struct run_wait *w)
{
	struct epoll *e = q->state;
	struct file *f, *more;
	int max, err;

	if (w->fd < 0)
		return -EBADF;
	if (w->fd >= e->max) {
		max = (w->fd | 63) + 1 > 2 * e->max ? (w->fd | 63) + 1 :
						      2 * e->max;
		more = reallocarray(e->files, (size_t)max, sizeof(*more));
		if (!more)
			return -ENOMEM;
		for (f = more + e->max; f < more + max; f++)
			*f = (struct file){ 0 };
		e->files = more;
		e->max = max;
	}
	f = &e->files[w->fd];
	if ((w->events & POLLIN && f->in) || (w->events & POLLOUT && f->out))
		return -EBUSY;
	if (w->events & POLLIN)
		f->in = co;
	if (w->events & POLLOUT)
		f->out = co;
	w->cancel = epoll_cancel;
	err = arm(e, w->fd);
	if (!err)
		return 0;
	if (f->in == co)
		f->in = NULL;
	if (f->out == co)
		f->out = NULL;
	return err;
}

static void event(struct shim_co_queue *q, struct epoll *e,
		  const struct epoll_event *ev)
{
	uint32_t failed = ev->events & (EPOLLERR | EPOLLHUP);
	struct file *f;
	uint64_t count;

	if (ev->data.fd < 0) {
		sys_call3(SYS_read, q->kick, (long)&count, sizeof(count));
		return;
	}
	f = &e->files[ev->data.fd];
	/*
	 * wait for either; EPOLLIN and the others have the values of POLLIN and
	 * so on
	 */
	if (f->in && f->in == f->out) {
		f->out = NULL;
		wake(&f->in, (int)ev->events);
		return;
	}
	if (f->in && ev->events & (EPOLLIN | EPOLLRDHUP | failed))
		wake(&f->in, (int)(ev->events & (EPOLLIN | failed)) ?:
			     POLLIN);
	if (f->out && ev->events & (EPOLLOUT | failed))
		wake(&f->out, (int)(ev->events & (EPOLLOUT | failed)));
	if (f->in || f->out)
		arm(e, ev->data.fd);
}

static void epoll_poll(struct shim_co_queue *q, int64_t timeout)
{
	struct epoll_event ev[EVENTS];
	struct epoll *e = q->state;
	int64_t ms = timeout;
	int i, n;

	/*
	 * rounded up, otherwise the last millisecond would be spent in a loop
	 */
	if (timeout > 0)
		ms = timeout / 1000000 + 1;
	if (ms > INT32_MAX)
		ms = INT32_MAX;
	n = epoll_wait(e->fd, ev, EVENTS, ms < 0 ? -1 : (int)ms);
	for (i = 0; i < n; i++)
		event(q, e, &ev[i]);
}

const struct run_io io_epoll = {
	.name = "epoll",
	.setup = epoll_setup,
	.end = epoll_end,
	.poll = epoll_poll,
	.wait = epoll_wait_for,
	.begin = epoll_begin,
};
