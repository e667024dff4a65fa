/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lock: the mutex of every layer, and the one list of lock ranks.
 *
 * The state is four bytes, and zero means free.  The mutex works before main()
 * and inside malloc(), because it calls nothing but futex(2).  A thread may
 * take a lock only if its rank is higher than that of every lock it holds; a
 * debug build (SHIM_DEBUG) checks this, and aborts on a violation.  The ranks
 * are the order of the layers, of the includes and of fork.
 */
#ifndef SHIM_LOCK_H
#define SHIM_LOCK_H

#include <stdbool.h>
#include <stdint.h>

/**
 * enum shim_rank - who may take which lock after which
 *
 * Rising.  Locks of one rank are taken together only by fork, in a fixed order,
 * with shim_lock_fork_prepare().
 */
enum shim_rank {
	SHIM_RANK_NONE,		/* not checked */
	SHIM_RANK_FORK,		/* one fork at a time: above all others */
	SHIM_RANK_BOX,		/* the library of that name, above the seam */
	SHIM_RANK_ENTRY,	/* guard, profile, boot: above every layer */
	SHIM_RANK_PERCPU,
	SHIM_RANK_TRANSFER,
	SHIM_RANK_MESH,		/* central's: one mesher at a time */
	SHIM_RANK_CENTRAL,
	SHIM_RANK_SPAN,
	SHIM_RANK_PAGEHEAP,
	SHIM_RANK_BACKEND,
	SHIM_RANK_META,
	SHIM_RANK_MAX
};

/*
 * The state of a lock: 0 while it is free, otherwise the id of the thread that
 * holds it and two flags.  The id is made from bits 6 to 35 of the thread
 * pointer, which differ between any two threads whose stacks lie within 64 GiB;
 * only fork() looks at it.
 */
#define SHIM_LOCK_ID	0x3fffffffu	/* never 0: bit 0 is set in each */
#define SHIM_LOCK_KEPT	0x40000000u	/* fork() found its own thread to hold it */
#define SHIM_LOCK_WAIT	0x80000000u	/* a thread may sleep on it */

/**
 * struct shim_lock - a mutex that needs no libpthread
 * @state: 0 free, else SHIM_LOCK_ID and flags
 * @rank: enum shim_rank, debug builds only
 */
struct shim_lock {
	uint32_t state;
#ifdef SHIM_DEBUG
	uint32_t rank;
#endif
};

#ifdef SHIM_DEBUG
#define SHIM_LOCK_INIT(r) { .state = 0, .rank = (r) }
#else
#define SHIM_LOCK_INIT(r) { .state = 0 }
#endif

void shim_lock_slow(struct shim_lock *lock);
void shim_lock_wake(struct shim_lock *lock);

/**
 * shim_lock_watch - have somebody told that a thread has waited long for a lock
 * @fn: called when it has slept for a second in a row, and again if it is woken or
 *	interrupted and then sleeps as long; not for a lock that the thread holds itself
 */
void shim_lock_watch(void (*fn)(void));

#ifdef SHIM_DEBUG
void shim_lock_debug_acquire(struct shim_lock *lock, bool nested);
void shim_lock_debug_fork(struct shim_lock *lock);
void shim_lock_debug_release(struct shim_lock *lock);
void shim_lock_debug_assert(const struct shim_lock *lock);
#else
static inline void shim_lock_debug_acquire(struct shim_lock *lock, bool nested)
{
	(void)lock;
	(void)nested;
}

static inline void shim_lock_debug_fork(struct shim_lock *lock)
{
	(void)lock;
}

static inline void shim_lock_debug_release(struct shim_lock *lock)
{
	(void)lock;
}

static inline void shim_lock_debug_assert(const struct shim_lock *lock)
{
	(void)lock;
}
#endif

/**
 * shim_lock_init - make a lock in memory that was not initialised statically
 * @lock: the lock, held by nobody
 * @rank: its rank
 */
static inline void shim_lock_init(struct shim_lock *lock, enum shim_rank rank)
{
	lock->state = 0;
#ifdef SHIM_DEBUG
	lock->rank = rank;
#else
	(void)rank;
#endif
}

/* The id under which the caller holds a lock. */
static inline uint32_t shim_lock_self(void)
{
	return ((uint32_t)((uintptr_t)__builtin_thread_pointer() >> 6) &
		SHIM_LOCK_ID) | 1;
}

/* The fast half of acquire: acquire order, pairs with the release. */
static inline bool shim_lock_try_fast(struct shim_lock *lock)
{
	uint32_t free = 0;

	return __atomic_compare_exchange_n(&lock->state, &free,
					   shim_lock_self(), false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/**
 * shim_lock_acquire - take a lock, sleeping until it is free
 * @lock: the lock; the caller holds none of its rank or a higher one
 */
static inline void shim_lock_acquire(struct shim_lock *lock)
{
	shim_lock_debug_acquire(lock, false);
	if (__builtin_expect(!shim_lock_try_fast(lock), 0))
		shim_lock_slow(lock);
}

/**
 * shim_lock_acquire_nested - take one of several locks of one rank
 * @lock: the lock; the caller may hold others of the same rank, all taken in
 *	one fixed order, as fork does
 */
static inline void shim_lock_acquire_nested(struct shim_lock *lock)
{
	shim_lock_debug_acquire(lock, true);
	if (__builtin_expect(!shim_lock_try_fast(lock), 0))
		shim_lock_slow(lock);
}

/**
 * shim_lock_try - take a lock if it is free
 * @lock: the lock
 *
 * Return: true with the lock held, false without.
 */
static inline bool shim_lock_try(struct shim_lock *lock)
{
	if (!shim_lock_try_fast(lock))
		return false;
	shim_lock_debug_acquire(lock, true);
	return true;
}

/**
 * shim_lock_release - let a lock go and wake one sleeper
 * @lock: the lock, held by the caller
 */
static inline void shim_lock_release(struct shim_lock *lock)
{
	shim_lock_debug_release(lock);
	/* release order: pairs with the acquire in shim_lock_try_fast() */
	if (__builtin_expect(__atomic_exchange_n(&lock->state, 0,
						 __ATOMIC_RELEASE) &
			     SHIM_LOCK_WAIT, 0))
		shim_lock_wake(lock);
}

/**
 * shim_lock_is_wanted - may another thread sleep on a lock
 * @lock: the lock, held by the caller
 *
 * True also once in vain, after the caller had to sleep for it.
 */
static inline bool shim_lock_is_wanted(const struct shim_lock *lock)
{
	return __atomic_load_n(&lock->state, __ATOMIC_RELAXED) &
	       SHIM_LOCK_WAIT;
}

/**
 * shim_lock_reset_child - free a lock in the child of a fork
 * @lock: a lock that the forking thread acquired before fork(); the threads
 *	that slept on it do not exist in the child
 */
static inline void shim_lock_reset_child(struct shim_lock *lock)
{
	shim_lock_debug_release(lock);
	lock->state = 0;
}

/**
 * shim_lock_is_mine - does the calling thread hold a lock
 * @lock: the lock
 *
 * Exact, since no other thread can change the answer.
 */
static inline bool shim_lock_is_mine(const struct shim_lock *lock)
{
	return (__atomic_load_n(&lock->state, __ATOMIC_RELAXED) &
		SHIM_LOCK_ID) == shim_lock_self();
}

/**
 * shim_lock_assert - state that the caller of a function must hold a lock
 * @lock: the lock
 *
 * Debug builds abort if the calling thread does not hold it; other builds do
 * nothing.
 */
static inline void shim_lock_assert(const struct shim_lock *lock)
{
	shim_lock_debug_assert(lock);
}

/**
 * shim_lock_fork_prepare - hold a lock across fork()
 * @lock: the lock
 *
 * A fork() in a signal handler may have interrupted this very thread while it
 * held the lock.  The lock is then left as it is, to the code that continues
 * when the handler returns, in the parent and in the child.
 */
void shim_lock_fork_prepare(struct shim_lock *lock);

/**
 * shim_lock_fork_parent - undo shim_lock_fork_prepare() in the parent
 * @lock: the lock
 */
void shim_lock_fork_parent(struct shim_lock *lock);

/**
 * shim_lock_fork_child - undo shim_lock_fork_prepare() in the child
 * @lock: the lock; the threads that slept on it do not exist in the child
 */
void shim_lock_fork_child(struct shim_lock *lock);

/**
 * shim_lock_is_held - is the lock held by any thread
 * @lock: the lock
 *
 * For assertions only: the answer is stale unless the caller holds it.
 */
static inline bool shim_lock_is_held(const struct shim_lock *lock)
{
	return __atomic_load_n(&lock->state, __ATOMIC_RELAXED) != 0;
}

#endif /* SHIM_LOCK_H */
