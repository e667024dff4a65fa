// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * sigmask: the C library's functions that block signals or wait for them, so
 * that every thread can be stopped.
 *
 * Called by the application.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "base/sys.h"
#include "stop.h"

/*
 * A thread that blocks all signals, as those of many servers do, could not be
 * stopped.  These functions replace the C library's; a program reads back its
 * mask without that one signal.
 */
#define KERNEL_SIGSET	8

static sigset_t without_ours(const sigset_t *set)
{
	sigset_t ours = *set;

	sigdelset(&ours, stop_signal());
	/* the C library's own two, which it never lets be blocked */
	((unsigned long *)&ours)[0] &= ~(3ul << 31);
	return ours;
}

static int set_mask(int how, const sigset_t *set, sigset_t *old)
{
	sigset_t ours;
	long ret;

	if (set && how != SIG_UNBLOCK) {
		ours = without_ours(set);
		set = &ours;
	}
	if (old)
		sigemptyset(old);
	ret = sys_call6(SYS_rt_sigprocmask, how, (long)set, (long)old,
			KERNEL_SIGSET, 0, 0);
	return (int)-ret;
}

int __attribute__((visibility("default")))
pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	return set_mask(how, set, old);
}

int __attribute__((visibility("default")))
sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	int err = set_mask(how, set, old);

	if (!err)
		return 0;
	errno = err;
	return -1;
}

/*
 * A thread that waits for all signals would receive that one as well, and not
 * stop.  As in the C library, a thread can be cancelled here.
 */
static int wait_for_signal(const sigset_t *set, siginfo_t *info,
			   const struct timespec *timeout)
{
	sigset_t ours = without_ours(set);
	siginfo_t local;
	int type;
	long ret;

	info = info ? info : &local;
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type);
	ret = sys_call6(SYS_rt_sigtimedwait, (long)&ours, (long)info,
			(long)timeout, KERNEL_SIGSET, 0, 0);
	pthread_setcanceltype(type, NULL);
	/* as the C library does */
	if (ret >= 0 && info->si_code == SI_TKILL)
		info->si_code = SI_USER;
	return (int)ret;
}

int __attribute__((visibility("default")))
sigtimedwait(const sigset_t *set, siginfo_t *info,
	     const struct timespec *timeout)
{
	int ret = wait_for_signal(set, info, timeout);

	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

int __attribute__((visibility("default")))
sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
	return sigtimedwait(set, info, NULL);
}

int __attribute__((visibility("default")))
sigwait(const sigset_t *set, int *sig)
{
	int ret;

	do {
		ret = wait_for_signal(set, NULL, NULL);
	} while (ret == -EINTR);
	if (ret < 0)
		return -ret;
	*sig = ret;
	return 0;
}

/* Reading from the descriptor consumes signals in the same way. */
int __attribute__((visibility("default")))
signalfd(int fd, const sigset_t *set, int flags)
{
	sigset_t ours = without_ours(set);
	long ret = sys_call6(SYS_signalfd4, fd, (long)&ours, KERNEL_SIGSET,
			     flags, 0, 0);

	if (ret >= 0)
		return (int)ret;
	errno = (int)-ret;
	return -1;
}
