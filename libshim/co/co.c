// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * co: create, free, resume and yield.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "base/sys.h"
#include "co.h"
#include "fault.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool refused;

/* The outermost C function of a coroutine, which co_start calls. */
static void co_main(struct shim_co *co, void *value)
{
	struct co_top *top = co_top(co);

	(void)value;
	if (unlikely(co_tools))
		co_tools_entered(co);
	co_end(co, top->fn(top->arg));
}

#if defined(__x86_64__)
#ifndef SYS_arch_prctl
#define SYS_arch_prctl		158
#endif
#define SHSTK_STATUS		0x5005	/* ARCH_SHSTK_STATUS, Linux 6.6 */

/* Our jmp would leave the return address on a shadow stack. */
static bool has_shadow_stack(void)
{
	uint64_t features = 0;

	return !sys_call3(SYS_arch_prctl, SHSTK_STATUS, (long)&features, 0) &&
	       features & 1;
}

static void *frame_new(struct shim_co *co, void *top)
{
	void **sp = (void **)top - 9;
	uint32_t mxcsr;
	uint16_t x87;

	/* co_start must find the stack 16-byte aligned: 7 words popped */
	memset(sp - 1, 0, 10 * sizeof(sp[0]));
	sp[3] = co;			/* r12 */
	sp[4] = (void *)co_main;	/* rbx */
	sp[6] = (void *)co_start;
	__asm__("stmxcsr %0" : "=m"(mxcsr));
	__asm__("fnstcw %0" : "=m"(x87));
	memcpy((char *)sp - 8, &mxcsr, sizeof(mxcsr));
	memcpy((char *)sp - 4, &x87, sizeof(x87));
	return sp;
}
#elif defined(__aarch64__)
static bool has_shadow_stack(void)
{
	return false;
}

static void *frame_new(struct shim_co *co, void *top)
{
	void **sp = (void **)top - 22;
	uint64_t fpcr;

	memset(sp, 0, 22 * sizeof(sp[0]));
	sp[0] = co;			/* x19 */
	sp[1] = (void *)co_main;	/* x20 */
	sp[11] = (void *)co_start;	/* x30 */
	__asm__("mrs %0, fpcr" : "=r"(fpcr));
	memcpy(&sp[20], &fpcr, sizeof(fpcr));
	return sp;
}
#endif

static const char *name_of(const struct slot *s)
{
	const char *name = co_top_now((const struct shim_co *)s)->name;

	return name[0] ? name : NULL;
}

static void setup(void)
{
	refused = has_shadow_stack();
	fault_co_name = name_of;
	co_tools_setup();
}

EXPORT struct shim_co *shim_co_new(shim_co_fn fn, void *arg,
				   const struct shim_co_attr *attr)
{
	unsigned int order = SHIM_STACK_ORDER, flags = 0;
	struct shim_co *co;
	struct co_top *top;

	pthread_once(&once, setup);
	if (refused) {
		errno = ENOTSUP;
		return NULL;
	}
	if (!fn)
		goto invalid;
	if (attr) {
		if (attr->flags & ~SHIM_CO_EXCEPTIONS)
			goto invalid;
		if (attr->flags & SHIM_CO_EXCEPTIONS)
			flags = CO_EXCEPTIONS;
		if (attr->stack)
			order = shim_stack_order(attr->stack);
		if (!order)
			return NULL;
	}
	co = (struct shim_co *)slot_get(order, SLOT_CO);
	if (!co)
		return NULL;
	top = co_top(co);
	*top = (struct co_top){ .fn = fn, .arg = arg };
	if (attr && attr->name)
		strncpy(top->name, attr->name, CO_NAME_LEN - 1);
	co->sp = frame_new(co, top);
	co->state = SHIM_CO_NEW;
	co->flags = (uint8_t)(flags | (co_tools ? CO_QUEUE : 0));
	co->pad = 0;
	co->tid = 0;
	co->queue = NULL;
	co->wait = NULL;
	co->park = NULL;
	if (unlikely(co_tools))
		co_tools_new(co);
	return co;
invalid:
	errno = EINVAL;
	return NULL;
}

EXPORT void shim_co_free(struct shim_co *co)
{
	if (!co)
		return;
	if (co->slot_state != SLOT_CO)
		shim_bug("not a coroutine", co);
	while (!co->queue && co_state(co) == SHIM_CO_SUSPENDED)
		if (shim_co_cancel(co) && errno != EAGAIN)
			break;
	if (co_state(co) != SHIM_CO_DONE &&
	    (co_state(co) != SHIM_CO_NEW || co->queue))
		shim_bug("a coroutine is freed that has not ended", co);
	if (unlikely(co->flags & CO_PARKED))
		co_park_drop(co);
	if (unlikely(co_tools))
		co_tools_free(co);
	slot_put(co_slot(co));
}

static __attribute__((noinline)) int resume_slow(struct co_thread *t,
						 struct shim_co *co)
{
	if (!t->self)
		co_thread_begin(t);
	if (co->slot_state != SLOT_CO ||
	    (co_state(co) != SHIM_CO_NEW && co_state(co) != SHIM_CO_SUSPENDED))
		return EINVAL;
	if (co_state(co) == SHIM_CO_NEW && !co->tid) {
		/*
		 * this also makes the thread's signal stack, for reports of
		 * overflows
		 */
		if (slot_ready())
			return ENOMEM;
		co->tid = t->root.tid;
	}
	if (co->tid != t->root.tid)
		return EPERM;
	return co->queue ? EBUSY : 0;
}

static __attribute__((noinline)) void *resume_other(struct shim_co *co,
						    void *value)
{
	int err = resume_slow(&co_thread, co);

	if (err) {
		errno = err;
		return NULL;
	}
	return co_enter(co, value);
}

/*
 * One comparison shows that a coroutine is suspended, belongs to this thread
 * (which is set up), and has no flag that needs attention.  The switch is a
 * tail call here and in shim_co_yield(): it continues right in the caller of
 * the other function, without a ret that would be mispredicted.
 */
EXPORT void *shim_co_resume(struct shim_co *co, void *value)
{
	struct co_thread *t = &co_thread;
	struct shim_co *me = t->self;

	if (unlikely(co->word != t->resumable))
		return resume_other(co, value);
	co->word = t->running;
	co->caller = me;
	t->self = co;
	return co_switch(&me->sp, co->sp, value);
}

static __attribute__((noinline)) void *yield_slow(struct shim_co *me, void *value)
{
	if (!me || !me->where) {
		errno = EINVAL;
		return NULL;
	}
	if (me->queue)
		return co_queue_ops->yield(me);
	co_set_state(me, SHIM_CO_SUSPENDED);
	value = co_leave(me, value);
	co_cancel_point(me);
	return value;
}

EXPORT void *shim_co_yield(void *value)
{
	struct co_thread *t = &co_thread;
	struct shim_co *me = t->self, *to;

	if (unlikely(!me || me->word != t->running))
		return yield_slow(me, value);
	to = me->caller;
	me->word = t->resumable;
	t->self = to;
#ifdef CO_REDIRECT
	return co_switch(&me->sp, to->sp, value);
#else
	value = co_switch(&me->sp, to->sp, value);
	co_cancel_point(me);
	return value;
#endif
}

EXPORT enum shim_co_state shim_co_state(const struct shim_co *co)
{
	if (co_state(co) == SHIM_CO_RUNNING && co != co_thread.self &&
	    co->tid == co_thread.root.tid)
		return SHIM_CO_RESUMING;
	return co_state(co);
}
