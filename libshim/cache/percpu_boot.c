// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * percpu_boot: the choice between sequences and locks, and fork.
 *
 * Keeps true: percpu_hot.rseq_off leads to an area that exists in every thread,
 * so that the fast path need not ask.  Called by boot and fork.
 */
#include <linux/membarrier.h>
#include <sys/auxv.h>

#include "base/node.h"
#include "base/sys.h"
#include "percpu_int.h"
#include "span/large.h"

/* Linux 6.3; not in <elf.h> of glibc 2.36. */
#define AUXV_RSEQ_FEATURE_SIZE	27
#define RSEQ_NODE_ID_END	24
#define RSEQ_MM_CID_END		28

/* glibc 2.35 and later; an older one registers no area. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

/* The area that the fast path sees in threads without glibc's: cpu_id is -1. */
static __thread struct {
	uint32_t words[8];
} no_rseq __attribute__((tls_model("initial-exec"), aligned(32))) = {
	{ 0, UINT32_MAX }
};

static uintptr_t thread_pointer(void)
{
	return (uintptr_t)__builtin_thread_pointer();
}

static bool fence_register(void)
{
	return sys_call3(SYS_membarrier,
			 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ,
			 0, 0) == 0;
}

/*
 * The kernel copies as many bytes as its CPU mask has, which bounds every
 * possible CPU number.  The bits in it are the CPUs on which we may run now.
 */
static void cpus_count(void)
{
	unsigned long mask[PERCPU_MAX_CPUS / (8 * sizeof(unsigned long))];
	long ret = sys_call3(SYS_sched_getaffinity, 0, sizeof(mask),
			     (long)mask);
	unsigned int i;

	if (sys_failed(ret)) {
		percpu.ncpus = PERCPU_MAX_CPUS;	/* no CPU can have a higher number */
		return;
	}
	percpu.ncpus = (unsigned int)ret * 8;
	for (i = 0; i < (unsigned int)ret / sizeof(mask[0]); i++)
		percpu.nallowed += __builtin_popcountl(mask[i]);
}

void percpu_boot(bool use_rseq)
{
	unsigned int i;

	cpus_count();
	large_ask(kept_take_here);
	percpu.limit = 1;
	percpu_hot.rseq_off = (uintptr_t)&no_rseq - thread_pointer();
	if (&__rseq_offset && &__rseq_size) {
		uintptr_t off = (uintptr_t)__rseq_offset;

		percpu.rseq = RSEQ_HAVE && use_rseq && rseq_cpu(off) >= 0 &&
			      fence_register();
		if (percpu.rseq)
			percpu_hot.rseq_off = off;
		percpu.mm_cid = percpu.rseq &&
				getauxval(AUXV_RSEQ_FEATURE_SIZE) >=
				RSEQ_MM_CID_END;
		if (percpu.rseq && getauxval(AUXV_RSEQ_FEATURE_SIZE) >=
				   RSEQ_NODE_ID_END)
			node_known.off = off;
	}
	slab_close(&percpu_none);
	slab_close(&percpu_busy);
	percpu_hot.none[0] = &percpu_none;
	percpu_hot.none[1] = &percpu_none;
	for (i = 0; i < percpu.ncpus; i++)
		percpu_hot.slab[i] = &percpu_none;
}

bool percpu_has_rseq(void)
{
	return percpu.rseq;
}

void percpu_fork_prepare(void)
{
	shim_lock_fork_prepare(&percpu.lock);
	own_fork_prepare();
	locked_fork_prepare();
}

void percpu_fork_parent(void)
{
	locked_fork_parent();
	own_fork_parent();
	shim_lock_fork_parent(&percpu.lock);
}

/*
 * Sequences that other threads had under way at the fork do not exist here:
 * what they had not committed was written above cur.  The registration for the
 * fence is not inherited, so register again.
 */
void percpu_fork_child(void)
{
	locked_fork_child();
	own_fork_child();
	shim_lock_fork_child(&percpu.lock);
	if (percpu.rseq)
		fence_register();
}
