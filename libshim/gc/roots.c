// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * roots: where pointers into the collected heap come from.
 *
 * The lock guards the registered ranges.  roots_stop() is called without it and
 * takes it, so that no stopped thread holds it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "gclog.h"
#include "gcmeta.h"
#include "gcthread.h"
#include "base/lock.h"
#include "include/shim_co.h"
#include "maps.h"
#include "roots.h"
#include "stop.h"
#include "base/sys.h"

/* Defined if libshim-co is in the process. */
#pragma weak shim_co_each
#pragma weak shim_co_range

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22	/* Linux 5.14 */
#endif

/*
 * The size of glibc's struct pthread, which begins at the thread pointer and
 * contains values of pthread_setspecific(): 2,304 bytes in 2.36.
 */
#define TCB_BYTES	2304

struct range {
	uintptr_t low;
	uintptr_t high;
};

/* A list in a mapping. */
struct ranges {
	struct range *r;
	size_t n;
	size_t max;
};

/* The thread-local storage of one object. */
struct module {
	size_t id;
	size_t size;
};

static struct ranges added, skipped;	/* under the lock */
static struct ranges segments;		/* as of the last stop */
static struct module *modules;
static size_t nmodules, max_modules;
static struct shim_lock lock = SHIM_LOCK_INIT(SHIM_RANK_NONE);
static bool with_segments = true;
static void (*each_stack)(void (*fn)(const void *low, const void *high));
static size_t bytes;
static uint64_t lost;

static bool push(struct ranges *list, uintptr_t low, uintptr_t high)
{
	struct range *r;
	size_t max;

	if (list->n == list->max) {
		max = list->max ? 2 * list->max : 4096 / sizeof(*r);
		r = gcmeta_grow(list->r, list->max * sizeof(*r),
				max * sizeof(*r));
		if (!r)
			return false;
		list->r = r;
		list->max = max;
	}
	list->r[list->n++] = (struct range){ low, high };
	return true;
}

int roots_add(uintptr_t low, uintptr_t high)
{
	bool ok;

	low = (low + 7) & ~(uintptr_t)7;
	high &= ~(uintptr_t)7;
	if (low >= high)
		return EINVAL;
	shim_lock_acquire(&lock);
	ok = push(&added, low, high);
	shim_lock_release(&lock);
	return ok ? 0 : ENOMEM;
}

/* Remove the part of a list between two addresses. Lock held. */
static bool cut(struct ranges *list, uintptr_t low, uintptr_t high)
{
	size_t i = 0;

	while (i < list->n) {
		struct range r = list->r[i];

		if (r.high <= low || r.low >= high) {
			i++;
			continue;
		}
		if (r.low < low && r.high > high) {
			if (!push(list, high, r.high))
				return false;
			list->r[i].high = low;
		} else if (r.low < low) {
			list->r[i].high = low;
		} else if (r.high > high) {
			list->r[i].low = high;
		} else {
			list->r[i] = list->r[--list->n];
			continue;
		}
		i++;
	}
	return true;
}

int roots_remove(uintptr_t low, uintptr_t high)
{
	bool ok;

	shim_lock_acquire(&lock);
	ok = cut(&added, low, high);
	shim_lock_release(&lock);
	return ok ? 0 : ENOMEM;
}

int roots_skip(uintptr_t low, uintptr_t high)
{
	bool ok;

	if (low >= high)
		return EINVAL;
	shim_lock_acquire(&lock);
	ok = push(&skipped, low, high);
	shim_lock_release(&lock);
	return ok ? 0 : ENOMEM;
}

void roots_on_stacks(void (*each)(void (*fn)(const void *low, const void *high)))
{
	__atomic_store_n(&each_stack, each, __ATOMIC_RELEASE);
}

void roots_set_segments(bool on)
{
	__atomic_store_n(&with_segments, on, __ATOMIC_RELAXED);
}

static bool add_module(size_t id, size_t size)
{
	struct module *m;
	size_t max;

	if (nmodules == max_modules) {
		max = max_modules ? 2 * max_modules : 4096 / sizeof(*m);
		m = gcmeta_grow(modules, max_modules * sizeof(*m),
				max * sizeof(*m));
		if (!m)
			return false;
		modules = m;
		max_modules = max;
	}
	modules[nmodules++] = (struct module){ id, size };
	return true;
}

/*
 * The writable part of an object, without what is read-only after relocation
 * and so cannot point to anything made at run time.
 */
static int add_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	bool *ok = arg;
	uintptr_t ro_low = 0, ro_high = 0, low, high;
	const Elf64_Phdr *ph;
	int i;

	for (i = 0; i < info->dlpi_phnum; i++) {
		ph = &info->dlpi_phdr[i];
		if (ph->p_type == PT_GNU_RELRO) {
			ro_low = info->dlpi_addr + ph->p_vaddr;
			ro_high = (ro_low + ph->p_memsz) & ~(uintptr_t)4095;
		}
		if (ph->p_type == PT_TLS && ph->p_memsz &&
		    size >= sizeof(*info))
			*ok &= add_module(info->dlpi_tls_modid, ph->p_memsz);
	}
	for (i = 0; i < info->dlpi_phnum; i++) {
		ph = &info->dlpi_phdr[i];
		if (ph->p_type != PT_LOAD || !(ph->p_flags & PF_W) ||
		    !with_segments)
			continue;
		low = info->dlpi_addr + ph->p_vaddr;
		high = low + ph->p_memsz;
		if (ro_low <= low && ro_high > low)
			low = ro_high < high ? ro_high : high;
		low = (low + 7) & ~(uintptr_t)7;
		high &= ~(uintptr_t)7;
		if (low < high)
			*ok &= push(&segments, low, high);
	}
	return 0;
}

struct stopping {
	bool stopped;
};

/*
 * Called for the first object: the linker's lock, which is recursive, is held
 * until we return, so no stopped thread holds it.
 */
static int stop_inside(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct stopping *st = arg;
	bool ok = true;
	size_t i;

	(void)info;
	(void)size;
	segments.n = 0;
	nmodules = 0;
	dl_iterate_phdr(add_object, &ok);
	for (i = 0; ok && i < skipped.n; i++)
		ok = cut(&segments, skipped.r[i].low, skipped.r[i].high);
	st->stopped = ok && stop_world();
	return 1;
}

bool roots_stop(void)
{
	struct stopping st = { false };

	shim_lock_acquire(&lock);
	dl_iterate_phdr(stop_inside, &st);
	shim_lock_release(&lock);
	return st.stopped;
}

static void report(roots_fn fn, uintptr_t low, uintptr_t high,
		   enum roots_kind kind)
{
	low = (low + 7) & ~(uintptr_t)7;
	high &= ~(uintptr_t)7;
	if (low >= high)
		return;
	bytes += high - low;
	fn(low, high, kind);
}

/*
 * A registered range may have been unmapped since.  Populating it has no effect
 * that scanning it would not have, but returns an error instead of raising a
 * signal.
 */
static bool can_read(struct range r)
{
	uintptr_t low = r.low & ~(uintptr_t)4095;
	long err = sys_madvise(low, ((r.high + 4095) & ~(uintptr_t)4095) - low,
			       MADV_POPULATE_READ);

	/* EINVAL: a kernel before 5.14 cannot tell */
	return !err || err == -EINVAL;
}

static roots_fn stack_fn;

static void add_stack(const void *low, const void *high)
{
	report(stack_fn, (uintptr_t)low, (uintptr_t)high, ROOTS_STACK);
}

/*
 * Scan from @p to where it cannot be read, or @end, by copies that the kernel
 * makes (process_vm_readv()), which stop without a signal.  Where a stack ends is
 * not known here, and what is mapped behind it may be unmapped while it is
 * scanned: the collector's own mark queue, for one, which moves when it grows.
 */
static void report_copies(roots_fn fn, uintptr_t p, uintptr_t end,
			  enum roots_kind kind)
{
	static char buf[65536];	/* under the cycle's lock */
	struct iovec to = { buf, sizeof(buf) }, from;
	pid_t self = (pid_t)sys_call3(SYS_getpid, 0, 0, 0);
	long n;

	p = (p + 7) & ~(uintptr_t)7;
	do {
		from.iov_base = (void *)p;
		from.iov_len = end - p < sizeof(buf) ? end - p : sizeof(buf);
		n = sys_call6(SYS_process_vm_readv, self, (long)&to, 1,
			      (long)&from, 1, 0);
		if (n > 0) {
			report(fn, (uintptr_t)buf, (uintptr_t)buf + (size_t)n,
			       kind);
			p += (size_t)n;
		} else if (n < 0 && n != -EFAULT) {
			/* the call is not allowed: assume all of it */
			report(fn, p, end, kind);
		}
	} while (n == sizeof(buf) && p < end);
	/* the copy is not a root */
	memset(buf, 0, sizeof(buf));
}

/*
 * Thread-local storage by the thread's own table, as the debugger's library
 * reads it: each entry is a block and what to free, entry -1 has their number.
 */
#ifdef __GLIBC__
static void add_tls(roots_fn fn, uintptr_t tp)
{
	struct dtv {
		uintptr_t block;
		uintptr_t to_free;
	} *dtv;
	size_t i, max;

	if (!tp)
		return;
#if defined(__x86_64__)
	dtv = ((struct dtv **)tp)[1];
	report(fn, tp, tp + TCB_BYTES, ROOTS_TLS);
#else
	dtv = ((struct dtv **)tp)[0];
#endif
	if (!dtv)
		return;
	max = dtv[-1].block;
	for (i = 0; i < nmodules; i++) {
		size_t id = modules[i].id;

		if (id && id <= max && dtv[id].block &&
		    dtv[id].block != (uintptr_t)-1)
			report(fn, dtv[id].block,
			       dtv[id].block + modules[i].size, ROOTS_TLS);
	}
}
#else
/*
 * musl's table has a word for each block, word 0 their number.  The values of
 * pthread_setspecific() follow its struct pthread in a thread's own mapping; the
 * first thread's are in the C library's data.
 */
#define MUSL_TCB_BYTES	(256 + PTHREAD_KEYS_MAX * sizeof(void *))

static void add_tls(roots_fn fn, uintptr_t tp)
{
	uintptr_t *dtv;
	size_t i;

	if (!tp)
		return;
	report_copies(fn, tp, tp + MUSL_TCB_BYTES, ROOTS_TLS);
	dtv = ((uintptr_t **)tp)[1];
	for (i = 0; dtv && i < nmodules; i++) {
		size_t id = modules[i].id;

		if (id && id <= dtv[0] && dtv[id])
			report(fn, dtv[id], dtv[id] + modules[i].size,
			       ROOTS_TLS);
	}
}
#endif /* __GLIBC__ */

/*
 * Suspended coroutines.  The stack of a running one is scanned with its thread.
 */
static int add_coroutine(struct shim_co *co, void *arg)
{
	void *low, *high;

	(void)arg;
	if (!shim_co_range(co, &low, &high))
		add_stack(low, high);
	return 0;
}

/*
 * Scan the stack from its current top to its base.  A thread that never called us
 * has its C library's record, which @tp points to, right above its stack.  One
 * that is not on its original stack, or was not made by the C library, is on some
 * mapping: that is scanned as far as it can be read, and then all of the original
 * stack.
 */
static void add_thread(roots_fn fn, uintptr_t sp, uintptr_t low,
		       uintptr_t high, uintptr_t tp)
{
	uintptr_t end, start;

	if (low && sp >= low && sp < high) {
		report(fn, sp, high, ROOTS_STACK);
	} else {
		if (maps_find(sp, &start, &end)) {
			if (!low && tp > sp && tp < end)
				end = tp;
			report_copies(fn, sp, end, ROOTS_STACK);
		}
		if (low && maps_find(high - 1, &start, &end))
			report(fn, start > low ? start : low, high,
			       ROOTS_STACK);
	}
	add_tls(fn, tp);
}

void roots_each(roots_fn fn, bool stacks, uintptr_t sp)
{
	void (*each)(void (*fn)(const void *low, const void *high));
	struct gcthread *t;
	size_t i;

	each = __atomic_load_n(&each_stack, __ATOMIC_ACQUIRE);
	bytes = 0;
	for (i = 0; i < segments.n; i++)
		report(fn, segments.r[i].low, segments.r[i].high, ROOTS_DATA);
	for (i = 0; i < added.n; i++) {
		if (can_read(added.r[i])) {
			report(fn, added.r[i].low, added.r[i].high, ROOTS_DATA);
		} else if (!lost++) {
			gclog("root %p-%p cannot be read: left out",
			      (void *)added.r[i].low, (void *)added.r[i].high);
		}
	}
	if (!stacks)
		return;
	maps_forget();
	for (t = gcthread_next(NULL); t; t = gcthread_next(t)) {
		if (t == gcthread_me)
			add_thread(fn, sp, t->low, t->high,
				   (uintptr_t)__builtin_thread_pointer());
		else
			add_thread(fn, t->sp, t->low, t->high, t->tp);
	}
	stack_fn = fn;
	if (each)
		each(add_stack);
	if (shim_co_each)
		shim_co_each(add_coroutine, NULL);
}

size_t roots_bytes(void)
{
	return bytes;
}

void roots_count(size_t n)
{
	bytes += n;
}

uint64_t roots_lost(void)
{
	return lost;
}

void roots_fork_prepare(void)
{
	shim_lock_acquire(&lock);
}

void roots_fork_done(void)
{
	shim_lock_release(&lock);
}
