// SPDX-License-Identifier: GPL-2.0-only
/*
 * adapters: the headers of Documentation/examples in C, used as their libraries
 * would use them.
 */
#include <errno.h>
#include <string.h>
#include <ucontext.h>

#include "stack_libaco.h"
#include "stack_minicoro.h"
#include "stack_pthread.h"
#include "watched.h"

#include "patience.h"

static uint64_t in_use(void)
{
	struct shim_stack_stat st;

	shim_stack_get_stat(&st);
	return st.used;
}

static void *where(void *arg)
{
	char deep[40 << 10];

	memset(deep, (int)(intptr_t)arg, sizeof(deep));
	return deep[100] == 7 ? __builtin_frame_address(0) : NULL;
}

TEST(pthread)
{
	pthread_t t[20];
	void *stack[20], *ret;
	int i;

	for (i = 0; i < 20; i++) {
		stack[i] = stack_pthread_create(&t[i], THREAD_STACK(200 << 10),
						where, (void *)7);
		ASSERT_NE(NULL, stack[i]);
	}
	for (i = 0; i < 20; i++) {
		pthread_join(t[i], &ret);
		/* it ran on the other stack */
		EXPECT_GT(shim_stack_size(stack[i]),
			  (size_t)((char *)ret - (char *)stack[i]));
		shim_stack_put(stack[i]);
	}
	EXPECT_EQ(0, in_use());
	EXPECT_EQ(NULL, stack_pthread_create(&t[0], (size_t)4 << 30, where,
					     NULL));
	EXPECT_EQ(EINVAL, errno);
}

static ucontext_t inside, outside;
static int steps;

static void stepper(void)
{
	char buf[1000];

	memset(buf, 1, sizeof(buf));
	steps += buf[999];
	swapcontext(&inside, &outside);
	steps += buf[0];
}

static void run_on(void *low, size_t size)
{
	getcontext(&inside);
	inside.uc_stack.ss_sp = low;
	inside.uc_stack.ss_size = size;
	inside.uc_link = &outside;
	makecontext(&inside, stepper, 0);
	swapcontext(&outside, &inside);
	swapcontext(&outside, &inside);
}

/* A record of the library's at the low end, the stack above it. */
TEST(minicoro)
{
	size_t size = 56 << 10, record = 512;
	char *p = stack_alloc_cb(size, NULL);

	ASSERT_NE(NULL, p);
	memset(p, 3, record);
	run_on(p + record, size - record);
	EXPECT_EQ(2, steps);
	EXPECT_EQ(3, p[record - 1]);
	stack_dealloc_cb(p, size, NULL);
	EXPECT_EQ(0, in_use());
	EXPECT_EQ(NULL, stack_alloc_cb((size_t)4 << 30, NULL));
}

TEST(libaco)
{
	struct stack_aco s;

	ASSERT_EQ(0, stack_aco_get(&s, 100 << 10));
	EXPECT_LE((size_t)100 << 10, s.sz);
	EXPECT_EQ(0, (uintptr_t)s.align_highptr % 16);
	EXPECT_EQ((char *)s.ptr + s.sz, s.align_highptr);
	run_on(s.ptr, s.sz);
	EXPECT_EQ(2, steps);
	stack_aco_put(&s);
	EXPECT_EQ(0, in_use());
	EXPECT_EQ(-1, stack_aco_get(&s, (size_t)4 << 30));
}

TEST_HARNESS_MAIN
