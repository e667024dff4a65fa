// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * co_cancel: cancellation and clean-ups.
 *
 * A cancelled coroutine's frames are unwound from the yield outwards by
 * _Unwind_ForcedUnwind(), as pthread_cancel() does it.  Clean-ups that were
 * pushed run when the unwinder passes the frame that holds them, so that they
 * and destructors run in the order in which they were begun, backwards.
 */
#include <errno.h>
#include <string.h>

#include "co.h"

#ifdef CO_REDIRECT
static void __attribute__((noreturn)) cancelled(void)
{
	co_unwind(co_thread.self);
}

/*
 * Make it look as if the code behind its shim_co_yield() called cancelled():
 * the frame that co_switch() restores moves down by one word, the function's
 * address is put behind it, and the former address to continue at becomes the
 * return address.
 */
static void co_redirect(struct shim_co *co)
{
	uint64_t *sp = co->sp;

	/* control words, six registers */
	memmove(sp - 2, sp - 1, 7 * sizeof(*sp));
	sp[5] = (uintptr_t)cancelled;
	co->sp = sp - 1;
}
#endif

/*
 * Make it notice the cancellation, which the fast half of shim_co_yield() does
 * not check for.
 */
static void cancel_point_make(struct shim_co *co)
{
#ifdef CO_REDIRECT
	if (!(co->flags & (CO_QUEUE | CO_EXCEPTIONS | CO_CANCEL))) {
		if (co->flags & CO_PARKED)
			co_unpark(co);
		co_redirect(co);
	}
#endif
	co->flags |= CO_CANCEL;
}

static void cleanups_run(struct shim_co *me, const void *below)
{
	struct co_top *top = co_top(me);
	struct shim_co_cleanup *c;

	while ((c = top->cleanups) && (!below || (void *)c < below)) {
		top->cleanups = c->next;
		c->fn(c->arg);
	}
}

static _Unwind_Reason_Code unwind_stop(int version, _Unwind_Action actions,
				       _Unwind_Exception_Class cls,
				       struct _Unwind_Exception *e,
				       struct _Unwind_Context *context,
				       void *arg)
{
	struct shim_co *me = arg;

	(void)version;
	(void)cls;
	(void)e;
	if (actions & _UA_END_OF_STACK) {
		cleanups_run(me, NULL);
		co_end(me, NULL);
	}
	cleanups_run(me, (void *)_Unwind_GetCFA(context));
	return _URC_NO_REASON;
}

void co_unwind(struct shim_co *me)
{
	me->flags |= CO_UNWINDING;
	_Unwind_ForcedUnwind(&co_top(me)->unwind, unwind_stop, me);
	/* a frame had no unwind table: run the rest of what was pushed */
	cleanups_run(me, NULL);
	co_end(me, NULL);
}

EXPORT void shim_co_cleanup_push(struct shim_co_cleanup *c,
				 void (*fn)(void *arg), void *arg)
{
	struct shim_co *me = co_self();

	c->fn = fn;
	c->arg = arg;
	if (me) {
		c->next = co_top(me)->cleanups;
		co_top(me)->cleanups = c;
	}
}

EXPORT void shim_co_cleanup_pop(bool execute)
{
	struct shim_co *me = co_self();
	struct shim_co_cleanup *c = me ? co_top(me)->cleanups : NULL;

	if (!c)
		return;
	co_top(me)->cleanups = c->next;
	if (execute)
		c->fn(c->arg);
}

EXPORT int shim_co_cancel(struct shim_co *co)
{
	struct co_thread *t = &co_thread;

	switch (co_state(co)) {
	case SHIM_CO_DONE:
		return 0;
	case SHIM_CO_NEW:
		if (co->queue)
			return co_queue_ops->cancel(co);
		co_set_state(co, SHIM_CO_DONE);
		return 0;
	case SHIM_CO_SUSPENDED:
		break;
	default:
		errno = EINVAL;
		return -1;
	}
	if (co->tid && co->tid != t->root.tid) {
		errno = EPERM;
		return -1;
	}
	if (co->queue)
		return co_queue_ops->cancel(co);
	cancel_point_make(co);
	co_enter(co, NULL);
	if (co_state(co) == SHIM_CO_DONE)
		return 0;
	errno = EAGAIN;
	return -1;
}
