/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads that sleep on a shared futex for as long as it takes, so that a test
 * knows that they are asleep and need not guess it from the time.
 */
#ifndef SELFTESTS_LIB_FUTEX_H
#define SELFTESTS_LIB_FUTEX_H

#include <pthread.h>
#include <sys/types.h>
#include <linux/types.h>

/**
 * struct futex_waiter - a thread in futex(FUTEX_WAIT), without a timeout
 * @word: what it waits on
 * @value: while the word has it
 * @error: 0 after somebody woke it, or futex()'s errno; set when it ends
 * @tid: of the thread
 * @thread: to be joined
 */
struct futex_waiter {
	__u32 *word;
	__u32 value;
	int error;
	pid_t tid;
	pthread_t thread;
};

/*
 * Start @w, whose word and value are set, and wait until it sleeps in the
 * kernel, at that word; 0, or -1 if it never does (a minute).
 */
int futex_waiter_start(struct futex_waiter *w);

/* Is thread *@tid of this process in futex(), at @word?  1 or 0. */
int futex_asleep(const pid_t *tid, const void *word);

/* Wake one sleeper at @word: how many woke, or -1 and errno. */
long futex_wake(__u32 *word);

#endif
