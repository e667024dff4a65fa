// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * gcinspect: what tools read of the collector from outside of the process.
 */
#include "base/lock.h"
#include "base/probe.h"
#include "gcinspect.h"

struct gc_inspect shim_gc_inspect = {
	.magic = GC_INSPECT_MAGIC,
	.layout = GC_INSPECT_LAYOUT,
	.bytes = sizeof(struct gc_inspect),
};

static struct shim_lock lock = SHIM_LOCK_INIT(SHIM_RANK_NONE);

void gcinspect_phase(enum gc_phase phase)
{
	uint64_t number = shim_gc_inspect.collections + 1;

	__atomic_store_n(&shim_gc_inspect.phase, phase, __ATOMIC_RELAXED);
	PROBE(gc_phase, phase, number);
}

/* Release and acquire: what is in between is not seen with an even number. */
void gcinspect_begin(void)
{
	shim_lock_acquire(&lock);
	__atomic_store_n(&shim_gc_inspect.seq, shim_gc_inspect.seq + 1,
			 __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

void gcinspect_end(void)
{
	__atomic_store_n(&shim_gc_inspect.seq, shim_gc_inspect.seq + 1,
			 __ATOMIC_RELEASE);
	shim_lock_release(&lock);
}

void gcinspect_fork_child(void)
{
	shim_lock_reset_child(&lock);
	shim_gc_inspect.seq &= ~1u;
	shim_gc_inspect.phase = GC_PHASE_IDLE;
}
