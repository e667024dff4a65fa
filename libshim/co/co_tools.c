// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * co_tools: reports every stack and every switch to ASan, TSan and valgrind.
 *
 * A sanitizer is present if the program was built with it; its functions are
 * weak here, so that one library serves all.  Valgrind is asked once.  Where
 * none of them is present, resume and yield only test one flag.
 */
#include <pthread.h>
#include <stddef.h>

#include "co.h"

#if __has_include("valgrind/valgrind.h")
#include <valgrind/valgrind.h>
#define HAS_VALGRIND
#endif

#define WEAK __attribute__((weak))

WEAK void __sanitizer_start_switch_fiber(void **fake, const void *low,
					 size_t bytes);
WEAK void __sanitizer_finish_switch_fiber(void *fake, const void **low,
					  size_t *bytes);
WEAK void __asan_unpoison_memory_region(const volatile void *p, size_t bytes);
WEAK void *__tsan_get_current_fiber(void);
WEAK void *__tsan_create_fiber(unsigned int flags);
WEAK void __tsan_destroy_fiber(void *fiber);
WEAK void __tsan_switch_to_fiber(void *fiber, unsigned int flags);
WEAK void __tsan_set_fiber_name(void *fiber, const char *name);
WEAK void __tsan_acquire(void *p);
WEAK void __tsan_release(void *p);

bool co_tools;
static bool on_valgrind;

bool co_tools_on_valgrind(void)
{
#ifdef HAS_VALGRIND
	return RUNNING_ON_VALGRIND;
#else
	return false;
#endif
}

static void setup(void)
{
	on_valgrind = co_tools_on_valgrind();
	co_tools = on_valgrind || __sanitizer_start_switch_fiber ||
		   __tsan_create_fiber;
}

void co_tools_setup(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, setup);
}

void co_tools_begin(struct co_thread *t)
{
	pthread_attr_t attr;
	void *low;

	if (__tsan_get_current_fiber)
		t->fiber = __tsan_get_current_fiber();
	if (!pthread_getattr_np(pthread_self(), &attr)) {
		pthread_attr_getstack(&attr, &low, &t->size);
		t->low = low;
		pthread_attr_destroy(&attr);
	}
}

void co_tools_new(struct shim_co *co)
{
	struct co_top *top = co_top(co);

	if (__tsan_create_fiber) {
		top->fiber = __tsan_create_fiber(0);
		if (top->name[0])
			__tsan_set_fiber_name(top->fiber, top->name);
	}
#ifdef HAS_VALGRIND
	if (on_valgrind)
		top->valgrind = VALGRIND_STACK_REGISTER(slot_low(co_slot(co)),
							slot_top(co_slot(co)));
#endif
}

void co_tools_free(struct shim_co *co)
{
	struct co_top *top = co_top(co);
	char *low = slot_low(co_slot(co));

	if (__tsan_destroy_fiber)
		__tsan_destroy_fiber(top->fiber);
	/* frames that a cancellation unwound leave red zones behind */
	if (__asan_unpoison_memory_region)
		__asan_unpoison_memory_region(low, slot_bytes(co_slot(co)));
#ifdef HAS_VALGRIND
	if (on_valgrind)
		VALGRIND_STACK_DEREGISTER(top->valgrind);
#endif
}

void co_tools_release(void *p)
{
	if (__tsan_release)
		__tsan_release(p);
}

void co_tools_acquire(void *p)
{
	if (__tsan_acquire)
		__tsan_acquire(p);
}

/*
 * To be called after a switch, on the new stack.  ASan returns the bounds of
 * the old one, which we know.
 */
static void finish(void *fake)
{
	if (__sanitizer_finish_switch_fiber)
		__sanitizer_finish_switch_fiber(fake, NULL, NULL);
}

void co_tools_entered(struct shim_co *co)
{
	(void)co;
	finish(NULL);
}

__attribute__((no_sanitize("address", "thread")))
void *co_tools_switch(struct shim_co *from, struct shim_co *to, void *value,
		      bool last)
{
	bool home = !to->where;
	const void *low = home ? co_thread.low : slot_low(co_slot(to));
	size_t size = home ? co_thread.size : slot_bytes(co_slot(to));
	void *fake = NULL;

	/* NULL: the fake frames of the old stack will not be needed again */
	if (__sanitizer_start_switch_fiber)
		__sanitizer_start_switch_fiber(last ? NULL : &fake, low, size);
	if (__tsan_switch_to_fiber)
		__tsan_switch_to_fiber(home ? co_thread.fiber :
					      co_top(to)->fiber, 0);
	value = co_switch(&from->sp, to->sp, value);
	finish(fake);
	return value;
}
