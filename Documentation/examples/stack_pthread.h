/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stack_pthread.h: threads on libshim-co's stacks.
 *
 *	void *stack = stack_pthread_create(&thread, 1 << 20, fn, arg);
 *	...
 *	pthread_join(thread, NULL);
 *	shim_stack_put(stack);
 *
 * glibc maps and protects a stack for each thread, and keeps 40 MiB of them;
 * these are guarded without a mapping, and shared with coroutines.  A thread that
 * shall report its overflow calls shim_stack_thread() when it begins.
 */
#ifndef STACK_PTHREAD_H
#define STACK_PTHREAD_H

#include <errno.h>
#include <pthread.h>
#include <shim_stack.h>

/* The stack, the caller's to put after pthread_join(); NULL with errno. */
static inline void *stack_pthread_create(pthread_t *thread, size_t size,
					 void *(*fn)(void *arg), void *arg)
{
	unsigned int order = shim_stack_order(size);
	void *stack = order ? shim_stack_get(order) : NULL;
	pthread_attr_t attr;
	int err;

	if (!stack)
		return NULL;
	pthread_attr_init(&attr);
	err = pthread_attr_setstack(&attr, stack, shim_stack_size(stack));
	if (!err)
		err = pthread_create(thread, &attr, fn, arg);
	pthread_attr_destroy(&attr);
	if (!err)
		return stack;
	shim_stack_put(stack);
	errno = err;
	return NULL;
}

#endif
