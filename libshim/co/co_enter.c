// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * co_enter: entering and leaving a coroutine, the general case.
 *
 * shim_co_resume() and shim_co_yield() have a fast path, in co.c.
 *
 * Called by co, co_cancel and run.
 */
#include <string.h>
#include <sys/syscall.h>

#include "base/sys.h"
#include "co.h"

__thread struct co_thread co_thread;
const struct co_queue_ops *co_queue_ops;

void co_thread_begin(struct co_thread *t)
{
	struct shim_co want = { .slot_state = SLOT_CO };

	/* before the first coroutine, if others make those of its queue */
	co_tools_setup();
	/*
	 * still valid in the child of a fork, whose one thread keeps its
	 * coroutines
	 */
	t->root.tid = (uint32_t)sys_call3(SYS_gettid, 0, 0, 0);
	t->self = &t->root;
	want.tid = t->root.tid;
	want.state = SHIM_CO_SUSPENDED;
	t->resumable = want.word;
	want.state = SHIM_CO_RUNNING;
	t->running = want.word;
	if (co_tools)
		co_tools_begin(t);
}

/*
 * libstdc++'s list of caught exceptions and a count, of which each coroutine
 * needs its own.
 */
void *__cxa_get_globals(void) __attribute__((weak));

static void exceptions_swap(void **theirs)
{
	void **mine, *t[2];

	if (!__cxa_get_globals)
		return;
	mine = __cxa_get_globals();
	memcpy(t, mine, sizeof(t));
	memcpy(mine, theirs, sizeof(t));
	memcpy(theirs, t, sizeof(t));
}

static __attribute__((noinline)) void *enter_slow(struct shim_co *me,
						  struct shim_co *co,
						  void *value)
{
	bool exceptions = co->flags & CO_EXCEPTIONS;

	if (co->flags & CO_PARKED)
		co_unpark(co);
	if (exceptions)
		exceptions_swap(co_top(co)->exceptions);
	value = co_tools ? co_tools_switch(me, co, value, false) :
			   co_switch(&me->sp, co->sp, value);
	if (exceptions)
		exceptions_swap(co_top(co)->exceptions);
	return value;
}

void *co_enter(struct shim_co *co, void *value)
{
	struct co_thread *t = &co_thread;
	struct shim_co *me = t->self;

	co_set_state(co, SHIM_CO_RUNNING);
	co->caller = me;
	t->self = co;
	if (unlikely(co->flags & CO_SLOW || co_tools))
		return enter_slow(me, co, value);
	return co_switch(&me->sp, co->sp, value);
}

void *co_leave(struct shim_co *me, void *value)
{
	struct shim_co *to = me->caller;

	co_thread.self = to;
	if (unlikely(co_tools))
		return co_tools_switch(me, to, value, false);
	return co_switch(&me->sp, to->sp, value);
}

void co_end(struct shim_co *me, void *value)
{
	struct shim_co *to = me->caller;

	co_locals_end(me);
	co_set_state(me, SHIM_CO_DONE);
	co_thread.self = to;
	if (unlikely(co_tools))
		co_tools_switch(me, to, value, true);
	else
		co_switch(&me->sp, to->sp, value);
	__builtin_unreachable();
}

EXPORT struct shim_co *shim_co_self(void)
{
	return co_self();
}
