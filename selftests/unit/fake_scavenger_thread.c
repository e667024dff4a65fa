// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread of the C library's in the place of scavenger_thread's own: the thread
 * sanitizer must see a thread begin, and its code needs that thread's local
 * storage.
 */
#include <pthread.h>

#include "pageheap/scavenger_thread.h"

static bool alive;

static void *run(void *arg)
{
	void (*fn)(void);

	*(void **)&fn = arg;
	fn();
	__atomic_store_n(&alive, false, __ATOMIC_RELEASE);
	return NULL;
}

bool scavenger_thread_start(void (*fn)(void))
{
	pthread_t thread;

	if (__atomic_load_n(&alive, __ATOMIC_ACQUIRE))
		return false;
	__atomic_store_n(&alive, true, __ATOMIC_RELAXED);
	if (pthread_create(&thread, NULL, run, *(void **)&fn)) {
		__atomic_store_n(&alive, false, __ATOMIC_RELAXED);
		return false;
	}
	pthread_detach(thread);
	return true;
}

void scavenger_thread_forget(void)
{
	__atomic_store_n(&alive, false, __ATOMIC_RELAXED);
}
