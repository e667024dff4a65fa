// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * background: the thread that collects beside the program.
 *
 * The child of a fork does not have this thread, and notices that by the
 * process in which it was made; so it makes its own.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "background.h"
#include "base/lock.h"
#include "base/sys.h"
#include "stop.h"

static struct shim_lock lock = SHIM_LOCK_INIT(SHIM_RANK_NONE);
/* the process in which it was made; under the lock */
static pid_t process;
static void (*to_do)(void);		/* set before the thread is made */
static uint32_t wanted;			/* futex: rises with each kick */
static uint32_t is_ready;		/* it is exempt from stops */
static uint64_t wait_ns;		/* atomic; 0: no limit */

/*
 * Wait for a kick.  Return: true if none came for so long that the work is to
 * be done in any case.
 */
static bool wait_for_kick(uint32_t seen)
{
	uint64_t ns = __atomic_load_n(&wait_ns, __ATOMIC_RELAXED);
	struct timespec ts = {
		(time_t)(ns / 1000000000), (long)(ns % 1000000000)
	};

	return sys_call6(SYS_futex, (long)&wanted,
			 FUTEX_WAIT | FUTEX_PRIVATE_FLAG, seen,
			 ns ? (long)&ts : 0, 0, 0) == -ETIMEDOUT;
}

static void *background_main(void *arg)
{
	void (*work)(void) = *(void (**)(void))arg;
	uint32_t seen = 0, now;

	stop_exempt((pid_t)sys_call3(SYS_gettid, 0, 0, 0), true);
	__atomic_store_n(&is_ready, 1, __ATOMIC_RELEASE);
	for (;;) {
		now = __atomic_load_n(&wanted, __ATOMIC_ACQUIRE);
		if (now == seen) {
			if (!wait_for_kick(seen))
				continue;
		}
		seen = now;
		work();
	}
	return NULL;
}

/* Lock held. */
static int make(pid_t self, void (*work)(void))
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;
	int err;

	is_ready = 0;
	wanted = 0;
	to_do = work;
	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sys_call6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&old, 8,
		  0, 0);
	err = pthread_create(&thread, &attr, background_main, &to_do);
	sys_call6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&old, 0, 8, 0, 0);
	pthread_attr_destroy(&attr);
	if (err)
		return err;
	while (!__atomic_load_n(&is_ready, __ATOMIC_ACQUIRE))
		sched_yield();
	process = self;
	return 0;
}

int background_kick(void (*work)(void))
{
	pid_t self = (pid_t)sys_call3(SYS_getpid, 0, 0, 0);
	int err = 0;

	shim_lock_acquire(&lock);
	if (process != self)
		err = make(self, work);
	shim_lock_release(&lock);
	if (err)
		return err;
	__atomic_add_fetch(&wanted, 1, __ATOMIC_RELEASE);
	sys_call6(SYS_futex, (long)&wanted, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1,
		  0, 0, 0);
	return 0;
}

void background_set_wait(uint64_t ns)
{
	__atomic_store_n(&wait_ns, ns, __ATOMIC_RELAXED);
}

void background_fork_prepare(void)
{
	shim_lock_acquire(&lock);
}

void background_fork_parent(void)
{
	shim_lock_release(&lock);
}

void background_fork_child(void)
{
	shim_lock_reset_child(&lock);
}
