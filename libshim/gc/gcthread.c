// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * gcthread: what the collector knows of each thread.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "gcmeta.h"
#include "gcthread.h"
#include "base/lock.h"
#include "base/sys.h"

__thread struct gcthread *gcthread_me;
struct gcthread *gcthread_all;

static struct shim_lock registry = SHIM_LOCK_INIT(SHIM_RANK_NONE);
static pthread_key_t key;
static void (*on_leave)(struct gcthread *t);

/*
 * Where a record with a given tid is looked for first.  Only a hint, for
 * processes of very many threads; under the registry's lock.
 */
#define HINTS	1024
static struct gcthread *hint[HINTS];

void gcthread_lock(void)
{
	shim_lock_acquire(&registry);
}

void gcthread_unlock(void)
{
	shim_lock_release(&registry);
}

static void ended(void *arg)
{
	(void)arg;
	gcthread_leave();
}

int gcthread_init(void (*leave)(struct gcthread *t))
{
	on_leave = leave;
	return pthread_key_create(&key, ended);
}

static struct gcthread *make(pid_t tid)
{
	struct gcthread *t;

	for (t = gcthread_all; t && t->tid; t = t->next)
		;
	if (!t) {
		t = gcmeta_map(sizeof(*t));
		if (!t)
			return NULL;
		t->next = gcthread_all;
		gcthread_all = t;
	}
	t->tid = tid;
	hint[tid % HINTS] = t;
	return t;
}

struct gcthread *gcthread_find(pid_t tid)
{
	struct gcthread *t = hint[tid % HINTS];

	if (t && t->tid == tid)
		return t;
	for (t = gcthread_next(NULL); t; t = gcthread_next(t)) {
		if (t->tid == tid) {
			hint[tid % HINTS] = t;
			return t;
		}
	}
	return make(tid);
}

/* Everything but the link and the queue, which stay with the record. */
void gcthread_forget(struct gcthread *t)
{
	struct gcthread *next = t->next;
	struct marker *marker = t->marker;

	memset(t, 0, sizeof(*t));
	t->next = next;
	t->marker = marker;
}

/* Where the stack is, as far as the C library knows. */
static void find_bounds(uintptr_t *low, uintptr_t *high)
{
	pthread_attr_t attr;
	void *addr;
	size_t size;

	*low = 0;
	*high = 0;
	if (pthread_getattr_np(pthread_self(), &attr))
		return;
	if (!pthread_attr_getstack(&attr, &addr, &size)) {
		*low = (uintptr_t)addr;
		*high = (uintptr_t)addr + size;
	}
	pthread_attr_destroy(&attr);
}

struct gcthread *gcthread_enter(void)
{
	struct gcthread *t;
	uintptr_t low, high;
	int saved = errno;

	find_bounds(&low, &high);
	gcthread_lock();
	t = gcthread_find((pid_t)sys_call3(SYS_gettid, 0, 0, 0));
	if (t) {
		t->is_own = true;
		t->low = low;
		t->high = high;
		gcthread_me = t;
	}
	gcthread_unlock();
	if (t)
		pthread_setspecific(key, t);
	errno = saved;
	return t;
}

void gcthread_leave(void)
{
	struct gcthread *t = gcthread_me;

	if (!t)
		return;
	on_leave(t);
	gcthread_lock();
	gcthread_me = NULL;
	gcthread_forget(t);
	gcthread_unlock();
	pthread_setspecific(key, NULL);
}

void gcthread_fork_child(void)
{
	struct gcthread *t;

	for (t = gcthread_next(NULL); t; t = gcthread_next(t)) {
		if (t != gcthread_me)
			gcthread_forget(t);
	}
	memset(hint, 0, sizeof(hint));
	if (gcthread_me)
		gcthread_me->tid = (pid_t)sys_call3(SYS_gettid, 0, 0, 0);
	shim_lock_reset_child(&registry);
}
