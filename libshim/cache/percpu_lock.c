// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * percpu_lock: the cache of threads that have no restartable sequences.
 *
 * Where glibc did not register rseq (GLIBC_TUNABLES=glibc.pthread.rseq=0), or
 * where the kernel or a filter refuses rseq or membarrier, that is every
 * thread; elsewhere it is only a thread made by a bare clone().  The slabs are
 * of the same form, as many as there are CPUs, each with a lock and never
 * attached to a CPU.  A thread stays with one of them and moves on to the next
 * when it finds the lock held.
 *
 * Keeps true: a slab changes only with its lock held.  These locks have the
 * percpu rank; only fork takes several of them, in order of index.  The table
 * changes with the percpu lock held; an entry, once set, never changes.  Called
 * by percpu.c.
 */
#include "base/error.h"
#include "base/meta.h"
#include "percpu_int.h"
#include "transfer.h"

/* Misses between two checks of the clock. */
#define LOCKED_IDLE_CHECK	256u

struct percpu_slab *percpu_locked[PERCPU_MAX_LOCKED];
static uint32_t locked_turn;	/* atomic: which slab the next thread gets */

/* This thread's slab, as index + 1. */
static __thread uint32_t mine __attribute__((tls_model("initial-exec")));

static unsigned int locked_max(void)
{
	if (!percpu.nallowed)
		return 1;
	return percpu.nallowed < PERCPU_MAX_LOCKED ? percpu.nallowed :
						     PERCPU_MAX_LOCKED;
}

static struct percpu_slab *locked_make(unsigned int i)
{
	struct percpu_slab *slab;

	shim_lock_acquire(&percpu.lock);
	slab = percpu_locked[i];
	if (!slab) {
		slab = meta_alloc(PERCPU_SLAB_BYTES, 4096);
		if (slab) {
			slab_init(slab, PERCPU_SLAB_BYTES);
			/* release order: pairs with the load in acquire */
			__atomic_store_n(&percpu_locked[i], slab, __ATOMIC_RELEASE);
		}
	}
	shim_lock_release(&percpu.lock);
	return slab;
}

/* Return the thread's slab with its lock held, or NULL without memory. */
static struct percpu_slab *locked_acquire(void)
{
	struct percpu_slab *slab;
	unsigned int i;

	if (!mine)
		mine = __atomic_fetch_add(&locked_turn, 1, __ATOMIC_RELAXED) %
		       locked_max() + 1;
	i = mine - 1;
	slab = __atomic_load_n(&percpu_locked[i], __ATOMIC_ACQUIRE);
	if (!slab) {
		slab = locked_make(i);
		if (!slab)
			return NULL;
	}
	if (shim_lock_try(&slab->lock))
		return slab;
	i = (i + 1) % locked_max();
	mine = i + 1;
	slab = __atomic_load_n(&percpu_locked[i], __ATOMIC_ACQUIRE);
	if (!slab) {
		slab = locked_make(i);
		if (!slab)
			return NULL;
	}
	shim_lock_acquire(&slab->lock);
	return slab;
}

void *locked_get(unsigned int cls, bool *due)
{
	void *objs[SIZECLASS_BATCH_MAX];
	struct percpu_slab *slab = locked_acquire();
	unsigned int n, cap, pushed;

	if (!slab)
		return transfer_get(cls, objs, 1) ? objs[0] : NULL;
	if (slab_pop(slab, cls, objs, 1)) {
		shim_lock_release(&slab->lock);
		return objs[0];
	}
	cap = stack_missed(slab, cls, PERCPU_UNDERFLOW);
	stack_grow(slab, cls, cap);
	cap = slab->cap[cls];
	n = sizeclass_info[cls].batch;
	if (n > cap + 1)
		n = cap + 1;
	n = transfer_get(cls, objs, n);
	if (!n) {
		shim_lock_release(&slab->lock);
		return NULL;
	}
	pushed = slab_push(slab, cls, objs + 1, n - 1);
	*due = slab_misses(slab) % LOCKED_IDLE_CHECK == 0;
	shim_lock_release(&slab->lock);
	if (pushed < n - 1)
		transfer_put(cls, objs + 1 + pushed, n - 1 - pushed);
	return objs[0];
}

void locked_put(unsigned int cls, void *p)
{
	struct percpu_slab *slab = locked_acquire();
	unsigned int cap;

	if (!slab) {
		transfer_put(cls, &p, 1);
		return;
	}
	if ((slab_count(slab, cls) && *slab->cur[cls] == p) ||
	    (slab_count(slab, cls) > 1 && slab->cur[cls][-1] == p)) {
		shim_lock_release(&slab->lock);
		shim_die(SHIM_DIE_DOUBLE, p, cls);
	}
	if (!slab_push(slab, cls, &p, 1)) {
		cap = stack_missed(slab, cls, PERCPU_OVERFLOW);
		stack_grow(slab, cls, cap);
		cap = slab->cap[cls];
		if (slab_count(slab, cls) == cap && cap) {
			unsigned int n = sizeclass_info[cls].batch;

			stack_drain(slab, cls, cap > n ? cap - n : cap / 2);
		}
		if (transfer_wants(cls)) {
			stack_drain(slab, cls, 0);
			transfer_recall(cls);
		}
		if (!slab_push(slab, cls, &p, 1)) {
			shim_lock_release(&slab->lock);
			transfer_put(cls, &p, 1);
			return;
		}
	}
	shim_lock_release(&slab->lock);
}

void locked_flush(void)
{
	unsigned int i, cls;

	for (i = 0; i < PERCPU_MAX_LOCKED; i++) {
		struct percpu_slab *slab = locked_slab(i);

		if (!slab)
			continue;
		shim_lock_acquire(&slab->lock);
		for (cls = 1; cls <= SIZECLASS_COUNT; cls++)
			stack_drain(slab, cls, 0);
		shim_lock_release(&slab->lock);
	}
}

struct percpu_slab *locked_slab(unsigned int i)
{
	return __atomic_load_n(&percpu_locked[i], __ATOMIC_ACQUIRE);
}

void locked_fork_prepare(void)
{
	unsigned int i;

	for (i = 0; i < PERCPU_MAX_LOCKED; i++)
		if (percpu_locked[i])
			shim_lock_fork_prepare(&percpu_locked[i]->lock);
}

void locked_fork_parent(void)
{
	unsigned int i;

	for (i = PERCPU_MAX_LOCKED; i--;)
		if (percpu_locked[i])
			shim_lock_fork_parent(&percpu_locked[i]->lock);
}

void locked_fork_child(void)
{
	unsigned int i;

	for (i = PERCPU_MAX_LOCKED; i--;)
		if (percpu_locked[i])
			shim_lock_fork_child(&percpu_locked[i]->lock);
}
