// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * percpu_own: which CPU has which slab.
 *
 * Keeps true: a slab is attached to at most one CPU; percpu_hot.slab[cpu] is
 * that slab, percpu_none or percpu_busy.  An attached slab is changed only by
 * sequences on its CPU.  Called by the other files of the cache.
 *
 *	slab -> none	own_take(), and back own_give(): with the percpu lock
 *	none -> slab	held, which also protects the slab meanwhile
 *	slab -> busy	own_begin(): in a sequence of this CPU, no lock that
 *	busy -> slab	others wait for; own_end(): by who began
 *
 * Both may want a slab at once.  The sequence stores without comparing, so
 * own_take() looks again when no sequence can be under way any more: if it
 * finds anything but percpu_none then, the CPU's own thread was faster.
 *
 * The process gets no more slabs than it has had threads running at the same
 * time.  Where the kernel maintains concurrency ids (mm_cid), the highest one
 * seen gives that number; elsewhere the number of threads does.  A thread on a
 * CPU without a slab takes over the slab that has been idle longest on another
 * CPU.  So a process of one thread has one slab whichever CPUs it visits.
 * There are as few caches as if mm_cid were the index, yet the index stays the
 * CPU number, because the kernel sets that to -1 or -2 where a thread has no
 * sequences.
 */
#include <linux/membarrier.h>
#include <string.h>

#include "base/clock.h"
#include "base/meta.h"
#include "base/node.h"
#include "base/sys.h"
#include "percpu_int.h"

/*
 * A steal costs some microseconds.  More than 8 in 10 ms mean that threads move
 * between CPUs so often that one more slab is cheaper.
 */
#define STEAL_WINDOW_NS	10000000u
#define STEAL_MAX	8u

/* The pages of a slab that its header is on. */
#define SLAB_HEAD	((sizeof(struct percpu_slab) + 4095) & ~(size_t)4095)

_Static_assert(SLAB_HEAD < PERCPU_SLAB_BYTES, "the rest is some pages");

struct percpu_hot percpu_hot SHIM_BSS_HEAD __attribute__((aligned(64)));
struct percpu_slab percpu_none SHIM_BSS_ALL __attribute__((aligned(64)));
struct percpu_slab percpu_busy SHIM_BSS_ALL __attribute__((aligned(64)));
struct percpu percpu = { .lock = SHIM_LOCK_INIT(SHIM_RANK_PERCPU) };

/*
 * Held by the owner of a slab, so that fork() copies no slab that is half
 * changed.
 */
static struct {
	struct shim_lock lock;
} __attribute__((aligned(64))) owners[PERCPU_OWNERS] SHIM_BSS_LAST = {
	[0 ... PERCPU_OWNERS - 1] = {
		.lock = SHIM_LOCK_INIT(SHIM_RANK_PERCPU)
	}
};

/* glibc 2.32 and later. */
extern char __libc_single_threaded __attribute__((weak));

/* Has this thread been counted in percpu.threads? */
static __thread bool thread_counted
	__attribute__((tls_model("initial-exec")));

/**
 * own_stamp - note that a slab has missed just now
 * @slab: any slab; racy if it is attached, and only a hint
 *
 * Only the order matters, so this is a count: a process may be forbidden to
 * read the clock.
 */
void own_stamp(struct percpu_slab *slab)
{
	static uint64_t stamps;

	slab->stamp = __atomic_add_fetch(&stamps, 1, __ATOMIC_RELAXED);
}

/**
 * own_is_single - is this the only thread, as far as glibc tells
 */
bool own_is_single(void)
{
	const char *single = &__libc_single_threaded;

	return single && *single;
}

/*
 * Wait until no sequence that began before is under way on a CPU.  The kernel
 * restarts the one it finds there; pairs with the load of the slab pointer at
 * the start of each sequence.
 */
static bool fence(unsigned int cpu)
{
	long ret;

	/*
	 * with one thread, which is here, no fence is needed, and a sandbox may
	 * forbid it
	 */
	if (own_is_single())
		return true;
	ret = sys_call3(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ,
			MEMBARRIER_CMD_FLAG_CPU, (long)cpu);
	if (ret)	/* before Linux 5.10: all CPUs */
		ret = sys_call3(SYS_membarrier,
				MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0);
	return !ret;
}

/**
 * own_take - take a CPU's slab for exclusive use
 * @cpu: any CPU; the lock is held
 *
 * Return: the slab, which no sequence uses any more, or NULL.  It is NULL if
 * the CPU has none, if a thread on that CPU is changing it, or if the kernel
 * refuses the fence for which it let us register at boot, as in a sandbox that
 * was entered later.  Then each CPU keeps the slab that it has.
 */
struct percpu_slab *own_take(unsigned int cpu)
{
	void **at = &percpu_hot.slab[cpu];
	struct percpu_slab *slab = __atomic_load_n(at, __ATOMIC_RELAXED);
	void *was = slab, *none = &percpu_none;

	shim_lock_assert(&percpu.lock);
	if (percpu_is_closed(slab) || percpu.no_fence)
		return NULL;
	if (!__atomic_compare_exchange_n(at, &was, none, false,
					 __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		return NULL;
	if (!fence(cpu)) {
		/* a sequence may have taken it, and will give it back */
		percpu.no_fence = true;
		__atomic_compare_exchange_n(at, &none, (void *)slab, false,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED);
		return NULL;
	}
	if (__atomic_load_n(at, __ATOMIC_ACQUIRE) != &percpu_none)
		return NULL;
	slab->cpu = -1;
	return slab;
}

/**
 * own_give - let a CPU use a slab
 * @slab: a slab that the caller owns exclusively; the lock is held
 * @cpu: a CPU that has none
 */
void own_give(struct percpu_slab *slab, unsigned int cpu)
{
	shim_lock_assert(&percpu.lock);
	slab->cpu = (int)cpu;
	/* release order: pairs with the load at the start of each sequence */
	__atomic_store_n(&percpu_hot.slab[cpu], (void *)slab, __ATOMIC_RELEASE);
}

/**
 * own_begin - take this CPU's slab for exclusive use
 * @own: filled in, for own_end()
 *
 * Takes no lock that other threads wait for: in the meantime threads on the CPU
 * go to the layer below.
 *
 * Return: false if the CPU has none, or if another thread has its slab or one
 * with the same lock, or is forking.
 */
bool own_begin(struct percpu_own *own)
{
	unsigned int cpu = (unsigned int)rseq_cpu(percpu_hot.rseq_off);

	/* from the last on, which lies beside what every process touches */
	own->stripe = PERCPU_OWNERS - 1 - cpu % PERCPU_OWNERS;
	if (!shim_lock_try(&owners[own->stripe].lock))
		return false;
	own->slab = rseq_detach(percpu_hot.rseq_off, percpu_hot.slab,
				&percpu_none, &percpu_busy, &own->cpu);
	if (own->slab)
		return true;
	shim_lock_release(&owners[own->stripe].lock);
	return false;
}

/**
 * own_end - give it back
 * @own: what own_begin() filled in
 */
void own_end(const struct percpu_own *own)
{
	/* release order: pairs with the load at the start of each sequence */
	__atomic_store_n(&percpu_hot.slab[own->cpu], (void *)own->slab,
			 __ATOMIC_RELEASE);
	shim_lock_release(&owners[own->stripe].lock);
}

/**
 * own_deepen - put what a slab holds into one with more slots
 * @own: what own_begin() filled in; names the new slab afterwards
 *
 * A process begins with a small one, because all of it is memory that mlockall()
 * locks.
 *
 * Return: the old slab, for own_spare(), or NULL if there is no memory.
 */
struct percpu_slab *own_deepen(struct percpu_own *own)
{
	struct percpu_slab *old = own->slab;
	struct percpu_slab *slab = meta_alloc(PERCPU_DEEP_BYTES, 4096);

	if (!slab)
		return NULL;
	slab_copy(slab, old, PERCPU_DEEP_BYTES);
	own->slab = slab;
	return old;
}

/**
 * own_spare - keep a slab that own_deepen() has emptied, for the next CPU
 * @slab: the slab; it is not freed, as other threads may still read its header for
 *	a hint
 *
 * What was in its stacks goes back to the kernel: few such processes ever run on a
 * second CPU.  Called after own_end().
 */
void own_spare(struct percpu_slab *slab)
{
	/* refused where memory is locked: then it has all of it anyway */
	sys_madvise((uintptr_t)slab + SLAB_HEAD, PERCPU_SLAB_BYTES - SLAB_HEAD,
		    MADV_DONTNEED);
	shim_lock_acquire(&percpu.lock);
	percpu.spare = slab;
	shim_lock_release(&percpu.lock);
}

void own_fork_prepare(void)
{
	unsigned int i;

	for (i = 0; i < PERCPU_OWNERS; i++)
		shim_lock_fork_prepare(&owners[i].lock);
}

void own_fork_parent(void)
{
	unsigned int i;

	for (i = PERCPU_OWNERS; i--;)
		shim_lock_fork_parent(&owners[i].lock);
}

void own_fork_child(void)
{
	unsigned int i;

	for (i = PERCPU_OWNERS; i--;)
		shim_lock_fork_child(&owners[i].lock);
}

/* How many slabs the process may have. Lock held. */
static void own_limit_update(void)
{
	unsigned int want;

	if (percpu.mm_cid) {
		want = rseq_mm_cid(percpu_hot.rseq_off) + 1;
	} else {
		if (!thread_counted) {
			thread_counted = true;
			percpu.threads++;
		}
		want = percpu.threads;
	}
	if (want > percpu.ncpus)
		want = percpu.ncpus;
	if (percpu.limit < want)
		percpu.limit = want;
}

/*
 * Did the steals that were counted take less than 10 ms?  The first ones need no
 * clock: a small process, or one that was just forked, would touch five pages
 * to read it.  Lock held.
 */
static bool own_is_restless(void)
{
	uint64_t now = clock_coarse(), then = percpu.steal_window;

	percpu.steal_window = now;
	percpu.steal_count = 0;
	return now - then <= STEAL_WINDOW_NS && percpu.limit < percpu.ncpus;
}

/* Take the slab whose last miss is the longest ago, of CPU *@from. Lock held. */
static struct percpu_slab *own_steal(unsigned int *from)
{
	struct percpu_slab *oldest = NULL;
	unsigned int cpu;

	for (cpu = 0; cpu < percpu.ncpus; cpu++) {
		struct percpu_slab *slab = percpu_hot.slab[cpu];

		if (percpu_is_closed(slab))
			continue;
		if (!oldest || slab->stamp < oldest->stamp)
			oldest = slab;
	}
	if (!oldest)
		return NULL;
	if (percpu.no_fence) {
		percpu.limit = percpu.ncpus;	/* none can be taken: make one */
		return NULL;
	}
	if (++percpu.steal_count > STEAL_MAX && own_is_restless()) {
		percpu.limit++;
		return NULL;
	}
	percpu.steals++;
	*from = (unsigned int)oldest->cpu;
	return own_take(*from);
}

static struct percpu_slab *own_new(void)
{
	struct percpu_slab *slab = percpu.spare;

	if (percpu.nslabs >= percpu.limit)
		return NULL;
	percpu.spare = NULL;
	/* new memory is zero, and that is what slab_init() takes for granted */
	if (slab)
		memset(slab, 0, sizeof(*slab));
	else
		slab = meta_alloc(PERCPU_SLAB_BYTES, 4096);
	if (!slab)
		return NULL;
	slab_init(slab, PERCPU_SLAB_BYTES);
	percpu.nslabs++;
	if (percpu.nslabs > 1)
		__atomic_store_n(&percpu.several, true, __ATOMIC_RELAXED);
	return slab;
}

/* May the objects of a slab of CPU @from be far from @cpu?  Lock held. */
static bool own_is_far(unsigned int from, unsigned int cpu)
{
	uint8_t near = __atomic_load_n(&percpu_near[from], __ATOMIC_RELAXED);

	return node_several() &&
	       (!near || near != __atomic_load_n(&percpu_near[cpu],
						 __ATOMIC_RELAXED));
}

/* Give this CPU a slab. Lock held. */
static void own_attach(unsigned int cpu)
{
	unsigned int cls, from = cpu;
	struct percpu_slab *slab = percpu.free;

	if (slab) {
		percpu.free = slab->next;
		slab->next = NULL;
		__atomic_fetch_add(&percpu.capacity, slab->bytes,
				   __ATOMIC_RELAXED);
	} else {
		slab = own_new();
		if (!slab)
			slab = own_steal(&from);
		/* objects of another node go home */
		if (slab && from != cpu && own_is_far(from, cpu))
			for (cls = 1; cls <= SIZECLASS_COUNT; cls++)
				stack_drain(slab, cls, 0);
		if (!slab)
			slab = own_new();
		if (!slab)
			return;
	}
	own_stamp(slab);
	slab->quiet = 0;
	own_give(slab, cpu);
}

/**
 * own_here - this CPU's slab, attached if it had none
 *
 * The thread may run on another CPU by the time this returns, so the result is
 * a hint.
 *
 * Return: the slab, or NULL if there is no memory for one, or another thread is
 * changing it.
 */
struct percpu_slab *own_here(void)
{
	unsigned int cpu = (unsigned int)rseq_cpu(percpu_hot.rseq_off);
	struct percpu_slab *slab;

	if (cpu >= percpu.ncpus)
		return NULL;
	slab = __atomic_load_n(&percpu_hot.slab[cpu], __ATOMIC_RELAXED);
	if (__builtin_expect(slab == &percpu_none, 0)) {
		shim_lock_acquire(&percpu.lock);
		own_limit_update();
		if (percpu_hot.slab[cpu] == &percpu_none)
			own_attach(cpu);
		slab = percpu_hot.slab[cpu];
		shim_lock_release(&percpu.lock);
	}
	return percpu_is_closed(slab) ? NULL : slab;
}
