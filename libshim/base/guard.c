// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guard: one allocation in many on a page of its own, between pages that fault.
 *
 * The range is cut into slots of two OS pages.  The first is a guard, never
 * readable; the second holds an object, placed so that it ends where the next
 * guard begins:
 *
 *   | guard |  object| guard |  object| guard | ...
 *
 * The object page of a free slot is not readable either.  Slots are reused
 * oldest first, so that a use after free faults for as long as possible.  The
 * bytes that alignment leaves between an object and its guard are filled with a
 * pattern, which is checked when the object is freed.
 *
 * Keeps true: a slot is on the free list or live, never both.  The guard lock
 * protects everything but the countdown.  Called by entry and the signal
 * handler.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "conf.h"
#include "error.h"
#include "guard.h"
#include "lock.h"
#include "meta.h"
#include "sys.h"
#include "unwind.h"

#define OS_PAGE		4096u
#define NR_SLOTS	512u	/* 4 MiB of address space, 2 MiB of memory */
#define FRAMES		24
#define SKIP_FRAMES	2	/* of ours */
#define FILL		0xa7

enum slot_state { SLOT_UNUSED, SLOT_LIVE, SLOT_FREED };

struct slot {
	uint32_t next;		/* free list: index + 1 */
	uint8_t state;
	uint8_t nalloc, nfree;	/* frames */
	uintptr_t object;
	size_t size;
	void *alloc_stack[FRAMES];
	void *free_stack[FRAMES];
};

uintptr_t guard_start, guard_end;

static struct {
	struct shim_lock lock;
	uint32_t first, last;	/* free list: index + 1 */
	struct slot *slots;
	struct guard_stat stat;
	struct sigaction old;
} guard = { .lock = SHIM_LOCK_INIT(SHIM_RANK_ENTRY) };

/* Allocations until the next sample, and whether this thread is in here. */
static __thread uint64_t countdown __attribute__((tls_model("initial-exec")));
static __thread uint64_t seed __attribute__((tls_model("initial-exec")));
static __thread bool inside __attribute__((tls_model("initial-exec")));

static uintptr_t slot_page(unsigned int i)
{
	return guard_start + OS_PAGE + (uintptr_t)i * 2 * OS_PAGE;
}

/*
 * The slot whose object page, or the guard page behind it, contains the
 * address.
 */
static unsigned int slot_of(uintptr_t p)
{
	uintptr_t off = p - guard_start;

	return off < OS_PAGE ? 0 : (unsigned int)((off - OS_PAGE) /
						  (2 * OS_PAGE));
}

static uint64_t next_random(void)
{
	/* xorshift64*: any non-zero seed has a period of 2^64 - 1 */
	if (!seed)
		seed = (uintptr_t)&seed ^ clock_coarse();
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545f4914f6cdd1du;
}

/* Uniform on 1 to 2N - 1, so that the mean is N. */
static uint64_t next_interval(void)
{
	return next_random() % (2 * shim_conf.guard - 1) + 1;
}

static void say_stack(const char *what, void *const *stack, unsigned int n)
{
	shim_say("%s", what);
	if (n > SKIP_FRAMES)
		backtrace_symbols_fd(stack + SKIP_FRAMES,
				     (int)(n - SKIP_FRAMES), STDERR_FILENO);
}

static void slot_report(const struct slot *s)
{
	shim_say("the object is at %p, %zu bytes", (void *)s->object, s->size);
	say_stack("allocated by:", s->alloc_stack, s->nalloc);
	if (s->state == SLOT_FREED)
		say_stack("freed by:", s->free_stack, s->nfree);
}

static void slot_die(const char *what, const void *p, const struct slot *s)
{
	shim_say("guard: %s at %p", what, p);
	slot_report(s);
	shim_bug("guarded object misused", p);
}

static void fault_report(uintptr_t p)
{
	unsigned int i = slot_of(p);
	struct slot *s;

	/*
	 * An address in the first half of a guard page belongs to the object
	 * before it.
	 */
	if ((p - guard_start) % (2 * OS_PAGE) < OS_PAGE &&
	    (p - guard_start) % OS_PAGE >= OS_PAGE / 2 && p >= slot_page(0))
		i = i + 1 < NR_SLOTS ? i + 1 : i;
	s = &guard.slots[i];
	if (s->state == SLOT_UNUSED && i)
		s--;
	if (p >= s->object && p < s->object + s->size)
		shim_say("guard: use after free at %p", (void *)p);
	else if (p < s->object)
		shim_say("guard: access before an object at %p", (void *)p);
	else
		shim_say("guard: access past an object at %p", (void *)p);
	slot_report(s);
	shim_say("accessed by:");
	shim_backtrace(SKIP_FRAMES);
}

static void fault_default(int sig)
{
	struct sigaction act = { .sa_handler = SIG_DFL };

	sigaction(sig, &act, NULL);
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	if (guard_owns(info->si_addr)) {
		fault_report((uintptr_t)info->si_addr);
		/*
		 * Return to the access, which is repeated and now kills the
		 * process.
		 */
		fault_default(sig);
		return;
	}
	if (guard.old.sa_flags & SA_SIGINFO) {
		guard.old.sa_sigaction(sig, info, context);
	} else if (guard.old.sa_handler == SIG_DFL ||
		   guard.old.sa_handler == SIG_IGN) {
		fault_default(sig);
	} else {
		guard.old.sa_handler(sig);
	}
}

void guard_boot(void)
{
	size_t len = (size_t)NR_SLOTS * 2 * OS_PAGE + OS_PAGE;
	struct sigaction act = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
	};
	unsigned int i;
	long p;

	if (!shim_conf.guard)
		return;
	p = sys_mmap(0, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
		     MAP_NORESERVE, -1, 0);
	guard.slots = meta_alloc(NR_SLOTS * sizeof(*guard.slots), 16);
	if (sys_failed(p) || !guard.slots) {
		shim_say("guard: no memory, switched off");
		shim_conf.guard = 0;
		return;
	}
	for (i = 0; i < NR_SLOTS; i++)
		guard.slots[i].next = i + 2 <= NR_SLOTS ? i + 2 : 0;
	guard.first = 1;
	guard.last = NR_SLOTS;
	guard_start = (uintptr_t)p;
	guard_end = guard_start + len;
	sigaction(SIGSEGV, &act, &guard.old);
}

/* Take the slot that has been free the longest. Return: its index or -1. */
static int slot_take(void)
{
	uint32_t i;

	shim_lock_acquire(&guard.lock);
	i = guard.first;
	if (i) {
		guard.first = guard.slots[i - 1].next;
		if (!guard.first)
			guard.last = 0;
		guard.stat.sampled++;
		guard.stat.live++;
	} else {
		guard.stat.full++;
	}
	shim_lock_release(&guard.lock);
	return (int)i - 1;
}

static void slot_give(struct slot *s)
{
	uint32_t i = (uint32_t)(s - guard.slots) + 1;

	shim_lock_acquire(&guard.lock);
	s->next = 0;
	if (guard.last)
		guard.slots[guard.last - 1].next = i;
	else
		guard.first = i;
	guard.last = i;
	guard.stat.live--;
	shim_lock_release(&guard.lock);
}

static void *slot_fill(struct slot *s, uintptr_t page, size_t size,
		       size_t align)
{
	long ret;

	ret = sys_call3(SYS_mprotect, (long)page, OS_PAGE,
			PROT_READ | PROT_WRITE);
	if (sys_failed(ret)) {
		slot_give(s);
		return NULL;
	}
	s->object = (page + OS_PAGE - size) & ~(align - 1);
	s->size = size;
	memset((void *)page, FILL, OS_PAGE);
	s->nalloc = (uint8_t)backtrace(s->alloc_stack, FRAMES);
	s->nfree = 0;
	s->state = SLOT_LIVE;
	return (void *)s->object;
}

void *guard_alloc(size_t size, size_t align)
{
	void *p = NULL;
	int i;

	if (!shim_armed || inside || size > OS_PAGE || align > OS_PAGE)
		return NULL;
	if (!countdown)
		countdown = next_interval();
	if (--countdown)
		return NULL;
	inside = true;		/* the unwinder allocates when it is loaded */
	i = slot_take();
	if (i >= 0)
		p = slot_fill(&guard.slots[i], slot_page((unsigned int)i), size,
			      align > 16 ? align : 16);
	inside = false;
	return p;
}

static struct slot *slot_get(const void *p)
{
	struct slot *s = &guard.slots[slot_of((uintptr_t)p)];

	if (s->state == SLOT_FREED && s->object == (uintptr_t)p)
		slot_die("double free", p, s);
	if (s->state != SLOT_LIVE || s->object != (uintptr_t)p)
		slot_die("free of a pointer into an object", p, s);
	return s;
}

static void slot_check(const struct slot *s, uintptr_t page)
{
	uintptr_t p;

	for (p = page; p < s->object; p++)
		if (*(unsigned char *)p != FILL)
			slot_die("bytes written before an object", (void *)p,
				 s);
	for (p = s->object + s->size; p < page + OS_PAGE; p++)
		if (*(unsigned char *)p != FILL)
			slot_die("bytes written past an object", (void *)p, s);
}

void guard_free(void *p)
{
	struct slot *s = slot_get(p);
	/* not from @p: an object of no bytes begins where its page ends */
	uintptr_t page = slot_page((unsigned int)(s - guard.slots));

	slot_check(s, page);
	inside = true;
	s->nfree = (uint8_t)backtrace(s->free_stack, FRAMES);
	inside = false;
	s->state = SLOT_FREED;
	sys_call3(SYS_mprotect, (long)page, OS_PAGE, PROT_NONE);
	sys_madvise(page, OS_PAGE, MADV_DONTNEED);
	slot_give(s);
}

size_t guard_size(const void *p)
{
	return slot_get(p)->size;
}

void guard_get_stat(struct guard_stat *st)
{
	shim_lock_acquire(&guard.lock);
	*st = guard.stat;
	shim_lock_release(&guard.lock);
}

void guard_fork_prepare(void)
{
	shim_lock_fork_prepare(&guard.lock);
}

void guard_fork_parent(void)
{
	shim_lock_fork_parent(&guard.lock);
}

void guard_fork_child(void)
{
	shim_lock_fork_child(&guard.lock);
}
