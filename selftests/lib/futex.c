// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that sleep on a shared futex.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include "futex.h"
#include "report.h"

static void *waits(void *arg)
{
	struct futex_waiter *w = arg;

	/* read by the thread that checks whether this one sleeps */
	__atomic_store_n(&w->tid, gettid(), __ATOMIC_RELEASE);
	w->error = syscall(SYS_futex, w->word, FUTEX_WAIT, w->value, NULL, NULL,
			   0) ? errno : 0;
	return NULL;
}

/*
 * For a sleeping thread the kernel shows which system call it is in, and its
 * arguments.
 */
int futex_asleep(const pid_t *tid, const void *word)
{
	unsigned long long at;
	char path[64], text[256];
	long nr;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall",
		 __atomic_load_n(tid, __ATOMIC_ACQUIRE));
	return file_read(path, text, sizeof(text)) > 0 &&
	       sscanf(text, "%ld %llx", &nr, &at) == 2 &&
	       nr == SYS_futex && at == (unsigned long)word;
}

int futex_waiter_start(struct futex_waiter *w)
{
	w->tid = 0;
	if (pthread_create(&w->thread, NULL, waits, w))
		return -1;
	return wait_for(futex_asleep(&w->tid, w->word), 1) == 1 ? 0 : -1;
}

long futex_wake(__u32 *word)
{
	return syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}
