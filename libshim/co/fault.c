// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * fault: a stack that ran into its guard is reported.
 *
 * Runs on the thread's signal stack, and does nothing that a signal handler
 * must not: areas are looked up without a lock, the report is written by
 * write(2).  Then the program's own handler decides; if there is none, the
 * instruction is repeated with the default action, so that a core dump shows
 * the overflow.
 */
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "area.h"
#include "base/error.h"
#include "fault.h"
#include "base/sys.h"
#include "base/unwind.h"

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ	51
#endif

/*
 * Room for the unwinder's frames.  The kernel's frame takes 3 KiB more with
 * AVX-512.
 */
#define SIGNALS_MIN	((size_t)64 << 10)

const char *(*fault_co_name)(const struct slot *s);

static struct sigaction before;
static uint64_t overflows;

/* The name that its user gave the slot, or NULL. */
static const char *name_of(const struct slot *s)
{
	if (s->state == SLOT_CO)
		return fault_co_name ? fault_co_name(s) : NULL;
	return s->state == SLOT_STACK ? (const char *)s->own[0] : NULL;
}

static void report(const struct slot *s, const void *at)
{
	size_t limit = slot_bytes(s);
	const char *name = name_of(s);

	__atomic_add_fetch(&overflows, 1, __ATOMIC_RELAXED);
	shim_say("stack overflow: %s%s%s: all %zu bytes are used; "
		 "touched %p, the guard of %p to %p",
		 s->state == SLOT_CO ? "coroutine" : "stack",
		 name ? " " : "", name ? name : "", limit, at,
		 slot_low(s), slot_top(s));
	shim_backtrace(2);
}

static void pass_on(int sig, siginfo_t *info, void *context)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };

	if (before.sa_flags & SA_SIGINFO) {
		before.sa_sigaction(sig, info, context);
	} else if (before.sa_handler != SIG_DFL &&
		   before.sa_handler != SIG_IGN) {
		before.sa_handler(sig);
	} else {
		/*
		 * it was sent by kill(): repeating the instruction would not
		 * raise it again
		 */
		sigaction(sig, &dfl, NULL);
		if (info->si_code <= 0)
			raise(sig);
	}
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	char *at = info->si_addr;
	struct slot *s;

	/* si_code > 0: from the kernel, with an address */
	s = info->si_code > 0 ? area_slot(at) : NULL;
	if (s && slot_guard(s) != SHIM_STACK_GUARD_NONE && at < slot_low(s))
		report(s, at);
	pass_on(sig, info, context);
}

void fault_setup(void)
{
	struct sigaction sa = { 0 };
	void *frame[1];

	/*
	 * the first call loads the unwinder, which allocates: not in the
	 * handler
	 */
	backtrace(frame, 1);
	sigaction(SIGSEGV, NULL, &before);
	sa.sa_sigaction = on_fault;
	sa.sa_flags = SA_SIGINFO | SA_ONSTACK | (before.sa_flags & SA_NODEFER);
	sa.sa_mask = before.sa_mask;
	sigaction(SIGSEGV, &sa, NULL);
}

static size_t signals_size(void)
{
	size_t min = getauxval(AT_MINSIGSTKSZ) + SIGNALS_MIN / 2;

	return min <= SIGNALS_MIN ? SIGNALS_MIN :
				    (min + SLOT_PAGE - 1) & -(size_t)SLOT_PAGE;
}

void *fault_thread(void)
{
	size_t size = signals_size();
	stack_t ss;
	long at;

	if (sigaltstack(NULL, &ss) || !(ss.ss_flags & SS_DISABLE))
		return NULL;
	at = sys_mmap(0, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (sys_failed(at))
		return (void *)-1;
	ss = (stack_t){ .ss_sp = (void *)at, .ss_size = size };
	sigaltstack(&ss, NULL);
	return (void *)at;
}

void fault_thread_end(void *signals)
{
	stack_t ss;

	if (!signals)
		return;
	/* the program may have replaced it by its own */
	if (!sigaltstack(NULL, &ss) && ss.ss_sp == signals) {
		ss = (stack_t){ .ss_flags = SS_DISABLE };
		sigaltstack(&ss, NULL);
	}
	sys_munmap((uintptr_t)signals, signals_size());
}

uint64_t fault_count(void)
{
	return __atomic_load_n(&overflows, __ATOMIC_RELAXED);
}
