// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * boot: the first allocation of the process, or the first constructor.
 *
 * Everything the library needs is set up here and nowhere else, by whichever of
 * the two comes first: the dynamic linker may allocate before it runs
 * constructors.  The environment may not be set yet at that time; it is found
 * above argv.
 *
 * Keeps true: entry_ready is set last; nothing before it allocates.  The boot
 * lock is taken once in the life of the process.  Called by entry and seam.
 */
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "backend/backend.h"
#include "boot.h"
#include "span/central.h"
#include "span/central_compound.h"
#include "span/central_mesh.h"
#include "base/conf.h"
#include "entry.h"
#include "base/error.h"
#include "fork.h"
#include "base/guard.h"
#include "span/large.h"
#include "base/lock.h"
#include "pageheap/pageheap.h"
#include "cache/percpu.h"
#include "base/prof.h"
#include "stat.h"
#include "cache/transfer.h"

/* An array, because every process reads it: literals are apart, see apart.ld. */
static const char conf_path[] = "/etc/hugearena.conf";
#define OS_PAGE		4096u	/* what every layer below gives memory back by */

static struct shim_lock boot_lock = SHIM_LOCK_INIT(SHIM_RANK_ENTRY);

/*
 * Exported by glibc's dynamic linker.  On the stack there lie argc, argv, NULL,
 * envp.
 */
extern void *__libc_stack_end __attribute__((weak));

static char *const *environment(void)
{
	char *const *argv;
	long argc;

	if (getauxval(AT_SECURE))
		return NULL;
	if (environ)
		return environ;
	if (!&__libc_stack_end || !__libc_stack_end)
		return NULL;
	argc = *(long *)__libc_stack_end;
	argv = (char *const *)__libc_stack_end + 1;
	return argv + argc + 1;
}

static void (*idle_above[BOOT_LAYERS])(void);

void boot_on_idle(unsigned int slot, void (*fn)(void))
{
	void (*none)(void) = NULL;

	/*
	 * release: what @fn reads is complete; pairs with the acquire in
	 * entry_idle()
	 */
	__atomic_compare_exchange_n(&idle_above[slot], &none, fn, false,
				    __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

void entry_idle(void)
{
	void (*fn)(void);
	unsigned int i;

	for (i = BOOT_LAYERS; i-- > 0;) {
		fn = __atomic_load_n(&idle_above[i], __ATOMIC_ACQUIRE);
		if (fn)
			fn();
	}
	percpu_idle();
	large_idle();
	central_purge();
	central_mesh_tick();
}

/*
 * A kernel with larger pages refuses to give back or to protect less than one
 * of them, so memory that is expected to read as zero afterwards would not.  No
 * heap is better than one that hands out old data as zeroes.
 */
static void page_check(void)
{
	unsigned int page = (unsigned int)getauxval(AT_PAGESZ);

	if (page == OS_PAGE)
		return;
	shim_say("this kernel has pages of %u bytes, but libshim needs pages of %u",
		 page, OS_PAGE);
	abort();
}

/* Says what was chosen if asked to, and what was asked for in vain. */
static __attribute__((noinline)) void say_ready(const char *no_mesh)
{
	/* by pageheap_boot(), for good */
	enum backend_id backend = backend_first();

	if (shim_conf.backend == SHIM_BACKEND_KMOD && backend != BACKEND_KMOD)
		shim_say("backend=kmod: /dev/hugearena does not open: see 'hugearena doctor'");
	if (no_mesh)
		shim_say("mesh=1: spans are not meshed: %s", no_mesh);
	if (shim_conf.verbose)
		shim_say("ready: caches use %s, blocks from backend %s",
			 percpu_has_rseq() ? "restartable sequences" : "locks",
			 backend_ops(backend)->name);
}

void entry_first(void)
{
	const char *no_mesh = NULL;
	bool alone;

	shim_lock_acquire(&boot_lock);
	if (entry_ready) {
		shim_lock_release(&boot_lock);
		return;
	}
	conf_load(conf_path, environment());
	page_check();
	pageheap_boot();
	fork_watch();
	percpu_set_budget(shim_conf.cache);
	percpu_boot(shim_conf.rseq && !shim_conf.check);
	if (shim_conf.check)
		transfer_set_limit(0);
	if (shim_conf.guard)
		guard_boot();
	central_compound_enable(shim_conf.compound && !shim_conf.check);
	if (shim_conf.mesh == SHIM_MESH_ON)
		no_mesh = central_mesh_enable(CENTRAL_MESH_PAID);
	else if (shim_conf.mesh == SHIM_MESH_AUTO)
		central_mesh_enable(CENTRAL_MESH_LATER);
	alone = !shim_conf.guard && !shim_conf.check;
	percpu_open(alone && !shim_conf.profile);
	if (alone && shim_conf.profile)
		shim_prof.counted_max = SIZECLASS_MAX;
	/* release order: pairs with the acquire in alloc_any() */
	__atomic_store_n(&entry_ready, true, __ATOMIC_RELEASE);
	shim_lock_release(&boot_lock);
	/* This may allocate; there is no other thread yet. */
	fork_register();
	prof_dump_boot();
	/* most have nothing to say, and then its code is not mapped */
	if (shim_conf.verbose || no_mesh ||
	    shim_conf.backend == SHIM_BACKEND_KMOD)
		say_ready(no_mesh);
}

/*
 * This runs early for two reasons.  By the time that a program enters a sandbox
 * in main(), our files have been read and the device has been opened, if it can
 * be.  And handlers registered with pthread_atfork() run before a fork in the
 * reverse order of their registration: ours are the first, so they take their
 * locks last, and all others may allocate.  The shared library is linked with
 * -z initfirst, which makes this the first constructor of the process; in a
 * program with the archive it is one of the first.
 */
__attribute__((constructor(101))) static void first(void)
{
	fork_register();
	if (!__atomic_load_n(&entry_ready, __ATOMIC_ACQUIRE))
		entry_first();
}

__attribute__((destructor)) static void last(void)
{
	if (shim_conf.stats)
		stat_print();
	if (shim_conf.profile_exit)
		prof_dump(PROF_AT_EXIT);
	percpu_last_look();
}
