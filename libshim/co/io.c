// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * io: system calls that look as if they blocked.
 *
 * With io_uring the kernel does the call while the coroutine waits.  With
 * epoll, and where the kernel says EAGAIN because the file is O_NONBLOCK, the
 * coroutine waits until the file is ready and tries again.  Outside of a queue
 * the thread waits in poll().  For poll() a file on a disk is always ready:
 * there the thread waits in the call itself, unless io_uring makes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "run.h"
#include "base/sys.h"

EXPORT void shim_co_sleep(int64_t ns)
{
	struct shim_co *me = run_self();
	struct run_wait w = { 0 };
	struct timespec ts;

	if (ns < 0)
		ns = 0;
	if (me) {
		run_block(me, &w, ns);
		co_cancel_point(me);
		return;
	}
	ts.tv_sec = ns / 1000000000;
	ts.tv_nsec = ns % 1000000000;
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
		;
}

/* Wait as a thread. */
static int wait_thread(int fd, short events, int64_t timeout)
{
	struct pollfd p = { .fd = fd, .events = events };
	uint64_t end = sys_clock(CLOCK_MONOTONIC) + (uint64_t)timeout, now;
	struct timespec ts;
	int n;

	do {
		now = timeout > 0 ? sys_clock(CLOCK_MONOTONIC) : 0;
		if (timeout > 0 && now > end)
			now = end;
		ts.tv_sec = (time_t)((end - now) / 1000000000);
		ts.tv_nsec = (long)((end - now) % 1000000000);
		if (!timeout)
			ts = (struct timespec){ 0, 0 };
		n = ppoll(&p, 1, timeout < 0 ? NULL : &ts, NULL);
	} while (n < 0 && errno == EINTR);
	if (n > 0 && p.revents & POLLNVAL) {
		errno = EBADF;
		return -1;
	}
	return n > 0 ? p.revents : n;
}

EXPORT int shim_co_wait(int fd, short events, int64_t timeout)
{
	struct shim_co *me = run_self();
	struct run_wait w = { .fd = fd, .events = events };
	int err;

	if (!events || events & ~(POLLIN | POLLOUT)) {
		errno = EINVAL;
		return -1;
	}
	if (!me)
		return wait_thread(fd, events, timeout);
	err = me->queue->io->wait(me->queue, me, &w);
	/* a regular file is always ready */
	if (err == -EPERM)
		return events;
	if (err) {
		errno = -err;
		return -1;
	}
	err = run_block(me, &w, timeout);
	co_cancel_point(me);
	if (err == -ETIME)
		return 0;
	if (err >= 0)
		return err;
	errno = -err;
	return -1;
}

/* Have io_uring do the call; *@done is false if it has to be made here. */
static ssize_t by_kernel(struct run_op *op, int64_t timeout, bool *done)
{
	struct shim_co *me = run_self();
	int ret;

	*done = false;
	if (!me || !me->queue->io->op)
		return -1;
	me->queue->io->op(me->queue, me, op);
	me->flags |= CO_PINNED;
	ret = run_block(me, &op->w, timeout);
	me->flags &= (uint8_t)~CO_PINNED;
	co_cancel_point(me);
	/* O_NONBLOCK, or an operation that this kernel does not have */
	if (ret == -EAGAIN || ret == -EOPNOTSUPP)
		return -1;
	*done = true;
	if (ret >= 0)
		return ret;
	errno = ret == -ETIME ? ETIMEDOUT : -ret;
	return -1;
}

/* Is it a file that is always ready, which epoll therefore refuses? */
static bool cannot_wait(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
}

/* Wait before a call is tried again: 0, or -1 with errno. */
static int again(int fd, short events, int64_t timeout)
{
	int ret = shim_co_wait(fd, events, timeout);

	if (!ret)
		errno = ETIMEDOUT;
	return ret > 0 ? 0 : -1;
}

/*
 * Can the call be made without blocking the thread?  For files where O_NONBLOCK
 * is not set.
 */
static bool is_ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, 0) != 0;
}

/*
 * How much can be written without blocking to a pipe that poll() reports as
 * ready.
 */
#define PIECE		4096u		/* PIPE_BUF */

static ssize_t try_rw(const struct run_op *op)
{
	struct iovec v = { op->buf, op->len };
	/* musl has no preadv2(); position -1 is the file's own */
	ssize_t n = syscall(op->call == RUN_READ ? SYS_preadv2 : SYS_pwritev2,
			    op->w.fd, &v, 1, -1L, -1L, RWF_NOWAIT);

	if (n >= 0 || errno != EOPNOTSUPP)
		return n;
	/*
	 * a terminal, or a socket on an old kernel: only as much as cannot
	 * block
	 */
	if (!is_ready(op->w.fd, op->call == RUN_READ ? POLLIN : POLLOUT)) {
		errno = EAGAIN;
		return -1;
	}
	if (op->call == RUN_READ)
		return read(op->w.fd, op->buf, op->len);
	return write(op->w.fd, op->buf, op->len < PIECE ? op->len : PIECE);
}

static ssize_t try_once(const struct run_op *op)
{
	switch (op->call) {
	case RUN_RECV:
		return recv(op->w.fd, op->buf, op->len,
			    op->flags | MSG_DONTWAIT);
	case RUN_SEND:
		return send(op->w.fd, op->buf, op->len,
			    op->flags | MSG_DONTWAIT);
	case RUN_READ:
	case RUN_WRITE:
		return try_rw(op);
	default:
		break;
	}
	if (!is_ready(op->w.fd, POLLIN)) {
		errno = EAGAIN;
		return -1;
	}
	return accept4(op->w.fd, op->buf, op->addrlen, op->flags);
}

static ssize_t do_call(struct run_op *op, int64_t timeout)
{
	short events = op->call == RUN_WRITE || op->call == RUN_SEND ?
		       POLLOUT : POLLIN;
	ssize_t n;
	bool done;

	/* usually there is room to send into */
	if (op->call == RUN_SEND) {
		n = try_once(op);
		if (n >= 0 || (errno != EAGAIN && errno != EINTR))
			return n;
	}
	n = by_kernel(op, timeout, &done);
	/* the thread waits for the disk, since readiness cannot be polled */
	if (!done && (op->call == RUN_READ || op->call == RUN_WRITE) &&
	    cannot_wait(op->w.fd)) {
		do {
			n = op->call == RUN_READ ?
			    read(op->w.fd, op->buf, op->len) :
			    write(op->w.fd, op->buf, op->len);
		} while (n < 0 && errno == EINTR);
		return n;
	}
	while (!done) {
		n = try_once(op);
		if (n >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
		if (errno == EAGAIN && again(op->w.fd, events, timeout))
			break;
	}
	return n;
}

EXPORT ssize_t shim_co_read(int fd, void *buf, size_t len)
{
	struct run_op op = {
		.w.fd = fd, .call = RUN_READ, .buf = buf, .len = len
	};

	return do_call(&op, SHIM_CO_FOREVER);
}

EXPORT ssize_t shim_co_write(int fd, const void *buf, size_t len)
{
	struct run_op op = {
		.w.fd = fd, .call = RUN_WRITE, .buf = (void *)buf, .len = len
	};

	return do_call(&op, SHIM_CO_FOREVER);
}

EXPORT int shim_co_write_all(int fd, const void *buf, size_t len)
{
	const char *at = buf;
	ssize_t n;

	while (len) {
		n = shim_co_write(fd, at, len);
		if (n < 0)
			return -1;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

EXPORT ssize_t shim_co_recv(int fd, void *buf, size_t len, int flags,
			    int64_t timeout)
{
	struct run_op op = {
		.w.fd = fd, .call = RUN_RECV, .buf = buf, .len = len,
		.flags = flags
	};

	return do_call(&op, timeout);
}

EXPORT ssize_t shim_co_send(int fd, const void *buf, size_t len, int flags,
			    int64_t timeout)
{
	struct run_op op = {
		.w.fd = fd, .call = RUN_SEND, .buf = (void *)buf, .len = len,
		.flags = flags
	};

	return do_call(&op, timeout);
}

EXPORT int shim_co_accept(int fd, struct sockaddr *addr, socklen_t *len,
			  int flags)
{
	struct run_op op = {
		.w.fd = fd, .call = RUN_ACCEPT, .buf = addr, .addrlen = len,
		.flags = flags
	};

	return (int)do_call(&op, SHIM_CO_FOREVER);
}

EXPORT int shim_co_connect(int fd, const struct sockaddr *addr, socklen_t len,
			   int64_t timeout)
{
	struct run_op op = {
		.w.fd = fd, .call = RUN_CONNECT, .buf = (void *)addr,
		.len = len
	};
	int ret, err = 0, flags;
	socklen_t size = sizeof(err);
	bool done;

	ret = (int)by_kernel(&op, timeout, &done);
	if (done)
		return ret;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return -1;
	do {
		ret = connect(fd, addr, len);
	} while (ret && errno == EINTR);
	if (ret && (errno == EINPROGRESS || errno == EALREADY)) {
		ret = again(fd, POLLOUT, timeout);
		if (!ret && !getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size)) {
			errno = err;
			ret = err ? -1 : 0;
		}
	}
	if (!(flags & O_NONBLOCK)) {
		err = errno;
		fcntl(fd, F_SETFL, flags);
		errno = err;
	}
	return ret;
}
