// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * lock: the slow half of the mutex, and the rank checker of debug builds.
 *
 * Called by every layer through lock.h.  SHIM_LOCK_WAIT means that a thread may
 * be sleeping.  Whoever takes the lock on the slow path sets it, because other
 * threads may still be sleeping on the same lock; the release that finds it set
 * wakes one of them.
 */
#include <errno.h>
#include <linux/futex.h>
#include <time.h>

#include "lock.h"
#include "sys.h"

/*
 * The longest critical section takes some hundred instructions, a sleep and a
 * wake-up some thousand: spin for about as long as the former before sleeping.
 */
#define SPINS	100

static inline void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/*
 * So many sleeps of half a second in a row, without a wake-up: the holder may not
 * exist.  More than one, because a process that was stopped finds that one is over.
 */
#define LONG_SLEEPS	2

/* Written by boot, before there is a second thread. */
static void (*waits_long)(void);

void shim_lock_watch(void (*fn)(void))
{
	waits_long = fn;
}

/**
 * shim_lock_slow - wait for a lock that is held
 * @lock: the lock
 */
void shim_lock_slow(struct shim_lock *lock)
{
	const struct timespec sleep = { 0, 500000000 };
	unsigned int slept = 0;
	uint32_t seen;
	int i;

	for (i = 0; i < SPINS; i++) {
		relax();
		if (__atomic_load_n(&lock->state, __ATOMIC_RELAXED) == 0 &&
		    shim_lock_try_fast(lock))
			return;
	}
	for (;;) {
		seen = __atomic_load_n(&lock->state, __ATOMIC_RELAXED);
		/* acquire order: pairs with the release in shim_lock_release() */
		if (__atomic_compare_exchange_n(&lock->state, &seen, seen ?
						seen | SHIM_LOCK_WAIT :
						shim_lock_self() |
						SHIM_LOCK_WAIT, false,
						__ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED)) {
			if (!seen)
				return;
			if (sys_call6(SYS_futex, (long)&lock->state,
				      FUTEX_WAIT | FUTEX_PRIVATE_FLAG,
				      seen | SHIM_LOCK_WAIT, (long)&sleep, 0,
				      0) != -ETIMEDOUT)
				slept = 0;
			else if (++slept == LONG_SLEEPS && waits_long &&
				 !shim_lock_is_mine(lock))
				waits_long();
		}
	}
}

/**
 * shim_lock_wake - wake one thread that sleeps on a lock
 * @lock: the lock, already released
 */
void shim_lock_wake(struct shim_lock *lock)
{
	sys_call6(SYS_futex, (long)&lock->state,
		  FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, 0, 0);
}

void shim_lock_fork_prepare(struct shim_lock *lock)
{
	if (shim_lock_is_mine(lock)) {
		__atomic_fetch_or(&lock->state, SHIM_LOCK_KEPT,
				  __ATOMIC_RELAXED);
		return;
	}
	if (!shim_lock_try_fast(lock))
		shim_lock_slow(lock);
	shim_lock_debug_fork(lock);
}

void shim_lock_fork_parent(struct shim_lock *lock)
{
	if (__atomic_load_n(&lock->state, __ATOMIC_RELAXED) & SHIM_LOCK_KEPT)
		__atomic_fetch_and(&lock->state, ~SHIM_LOCK_KEPT,
				   __ATOMIC_RELAXED);
	else
		shim_lock_release(lock);
}

void shim_lock_fork_child(struct shim_lock *lock)
{
	if (lock->state & SHIM_LOCK_KEPT) {
		lock->state &= SHIM_LOCK_ID;
	} else {
		shim_lock_debug_release(lock);
		lock->state = 0;
	}
}

#ifdef SHIM_DEBUG
#include <stdlib.h>
#include <unistd.h>

static __thread uint8_t held[SHIM_RANK_MAX]
	__attribute__((tls_model("initial-exec")));

static void complain(const char *what, size_t len)
{
	sys_call3(SYS_write, STDERR_FILENO, (long)what, (long)len);
	abort();
}

#define COMPLAIN(s) complain("libshim: lock: " s "\n", sizeof(s) + 15)

void shim_lock_debug_acquire(struct shim_lock *lock, bool nested)
{
	uint32_t r;

	if (lock->rank == SHIM_RANK_NONE)
		return;
	if (lock->rank >= SHIM_RANK_MAX)
		COMPLAIN("lock without a rank");
	for (r = lock->rank + (nested ? 1 : 0); r < SHIM_RANK_MAX; r++)
		if (held[r])
			COMPLAIN("taken against the rank order");
	held[lock->rank]++;
}

/* The locks that the interrupted thread held may be of any rank. */
void shim_lock_debug_fork(struct shim_lock *lock)
{
	if (lock->rank != SHIM_RANK_NONE)
		held[lock->rank]++;
}

void shim_lock_debug_release(struct shim_lock *lock)
{
	if (lock->rank == SHIM_RANK_NONE)
		return;
	if (!held[lock->rank] || !shim_lock_is_held(lock))
		COMPLAIN("released but not held");
	held[lock->rank]--;
}

void shim_lock_debug_assert(const struct shim_lock *lock)
{
	if (!shim_lock_is_mine(lock))
		COMPLAIN("not held by whom must hold it");
}
#endif
