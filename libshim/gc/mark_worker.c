// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * mark_worker: additional threads that mark.
 *
 * They sleep between collections, are never stopped, block every signal and
 * only touch mark bits, queues and the heap.  A marker that finds the pool
 * empty counts itself as idle.  When all are idle there is no grey object left,
 * since only a busy one makes objects grey.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "gcmeta.h"
#include "mark_int.h"
#include "stop.h"
#include "base/sys.h"

/* Bytes that one marker scans in some 100 us. */
#define ALONE	((size_t)256 << 10)

static struct marker *worker;		/* mapped, so that their queues are not roots */
static unsigned int wanted;		/* the setting; 0: not set yet */
static bool alone;			/* nobody helps; under the cycle's lock */
static unsigned int started;		/* threads that exist, under the cycle's lock */
static uint32_t ready;			/* threads that wait or work */
static uint32_t round_no;		/* futex: rises when there is work */
static uint32_t active;			/* markers in this round */
static uint32_t left;			/* futex: workers still in this round */

void mark_set_workers(unsigned int n)
{
	wanted = n < 1 || alone ? 1 :
		 n > MARK_WORKERS_MAX ? MARK_WORKERS_MAX : n;
}

void mark_set_alone(void)
{
	alone = true;
	mark_set_workers(1);
}

unsigned int mark_processors(void)
{
	cpu_set_t set;
	long n;

	/* the kernel fills in as much as it has */
	CPU_ZERO(&set);
	n = sys_call3(SYS_sched_getaffinity, 0, sizeof(set), (long)&set);
	return n > 0 ? (unsigned int)CPU_COUNT(&set) : 1;
}

unsigned int mark_get_workers(void)
{
	unsigned int n;

	if (!wanted) {
		n = mark_processors();
		/* more than 16 would mostly wait for each other's mark bits */
		mark_set_workers(n > 16 ? 16 : n);
	}
	return wanted;
}

/* Mark until all markers are idle. */
static void work(struct marker *m)
{
	for (;;) {
		mark_drain(m, SIZE_MAX);
		/*
		 * acq_rel: a marker that reads that all are idle sees their
		 * work
		 */
		__atomic_add_fetch(&mark_idle, 1, __ATOMIC_ACQ_REL);
		for (;;) {
			if (!mark_is_done())
				break;
			if (__atomic_load_n(&mark_idle, __ATOMIC_ACQUIRE) ==
			    active)
				return;
			sched_yield();
		}
		__atomic_sub_fetch(&mark_idle, 1, __ATOMIC_ACQ_REL);
	}
}

static void *worker_main(void *arg)
{
	struct marker *m = arg;
	uint32_t seen = 0, now;

	stop_exempt((pid_t)sys_call3(SYS_gettid, 0, 0, 0), true);
	seen = __atomic_load_n(&round_no, __ATOMIC_ACQUIRE);
	__atomic_add_fetch(&ready, 1, __ATOMIC_RELEASE);
	for (;;) {
		while ((now = __atomic_load_n(&round_no, __ATOMIC_ACQUIRE)) ==
		       seen)
			sys_call6(SYS_futex, (long)&round_no,
				  FUTEX_WAIT | FUTEX_PRIVATE_FLAG, seen, 0, 0,
				  0);
		seen = now;
		work(m);
		if (!__atomic_sub_fetch(&left, 1, __ATOMIC_ACQ_REL))
			sys_call6(SYS_futex, (long)&left,
				  FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, 0, 0);
	}
	return NULL;
}

void mark_start_workers(void)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;

	if (started + 1 >= mark_get_workers())
		return;
	if (!worker)
		worker = gcmeta_map(MARK_WORKERS_MAX * sizeof(*worker));
	if (!worker)
		return;
	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 256 << 10);
	/*
	 * the system call itself: our sigprocmask() would leave the signal of
	 * stop out of the set
	 */
	sys_call6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&old, 8,
		  0, 0);
	while (started + 1 < wanted) {
		if (pthread_create(&thread, &attr, worker_main,
				   &worker[started]))
			break;
		started++;
	}
	sys_call6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&old, 0, 8, 0, 0);
	pthread_attr_destroy(&attr);
	/* a thread that is not exempt yet would be stopped */
	while (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) < started)
		sched_yield();
}

void mark_run(struct marker *m)
{
	unsigned int i;
	uint32_t n;

	/* waking the others takes longer than little work does */
	if (mark_drain(m, alone ? SIZE_MAX : ALONE) < ALONE || alone)
		return;
	active = started + 1;
	mark_idle = 0;
	__atomic_store_n(&left, started, __ATOMIC_RELAXED);
	__atomic_add_fetch(&round_no, 1, __ATOMIC_RELEASE);
	if (started)
		sys_call6(SYS_futex, (long)&round_no,
			  FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT32_MAX, 0, 0, 0);
	work(m);
	while ((n = __atomic_load_n(&left, __ATOMIC_ACQUIRE)))
		sys_call6(SYS_futex, (long)&left,
			  FUTEX_WAIT | FUTEX_PRIVATE_FLAG, n, 0, 0, 0);
	mark_idle = 0;
	for (i = 0; i < started; i++) {
		m->bytes += worker[i].bytes;
		m->objects += worker[i].objects;
		m->scanned += worker[i].scanned;
		worker[i].bytes = 0;
		worker[i].objects = 0;
		worker[i].scanned = 0;
	}
}

void mark_fork_child(void)
{
	started = 0;
	ready = 0;
}
