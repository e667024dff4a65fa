// SPDX-License-Identifier: GPL-2.0-only
/*
 * cancel: what runs when a coroutine ends: clean-ups, and the destructors of its
 * variables.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <shim_co.h>

#include "child.h"
#include "patience.h"

static int order[8], ordered;

static void note(void *arg)
{
	order[ordered++] = (int)(intptr_t)arg;
}

static void note_int(int *i)
{
	note((void *)(intptr_t)*i);
}

static __attribute__((noinline)) void with_cleanups(void)
{
	int three __attribute__((cleanup(note_int))) = 3;
	struct shim_co_cleanup c2, c4;

	shim_co_cleanup_push(&c2, note, (void *)2);
	shim_co_cleanup_push(&c4, note, (void *)4);
	shim_co_cleanup_pop(true);
	shim_co_yield(NULL);
	shim_co_cleanup_pop(false);
	note((void *)99);
	(void)three;
}

static void *cancelled(void *arg)
{
	struct shim_co_cleanup c1;

	shim_co_cleanup_push(&c1, note, (void *)1);
	with_cleanups();
	shim_co_cleanup_pop(false);
	return arg;
}

TEST(cancel)
{
	struct shim_co *co = shim_co_new(cancelled, NULL, NULL);

	ordered = 0;
	shim_co_resume(co, NULL);
	EXPECT_EQ(0, shim_co_cancel(co));
	EXPECT_EQ(SHIM_CO_DONE, shim_co_state(co));
	EXPECT_EQ(0, shim_co_cancel(co));
	EXPECT_EQ(4, ordered);
	EXPECT_EQ(4, order[0]);
	/*
	 * first the clean-up and the variable of its own frame, then the
	 * caller's
	 */
	EXPECT_EQ(5, order[1] + order[2]);
	EXPECT_EQ(1, order[3]);
	shim_co_free(co);

	/* shim_co_free() does the same, also for one that never ran */
	co = shim_co_new(cancelled, NULL, NULL);
	ordered = 0;
	shim_co_resume(co, NULL);
	shim_co_free(co);
	EXPECT_EQ(4, ordered);
	ordered = 0;
	co = shim_co_new(cancelled, NULL, NULL);
	EXPECT_EQ(0, shim_co_cancel(co));
	EXPECT_EQ(0, ordered);
	shim_co_free(co);
	/* not cancelled: the function ends normally */
	co = shim_co_new(cancelled, (void *)7, NULL);
	shim_co_resume(co, NULL);
	EXPECT_EQ((void *)7, shim_co_resume(co, NULL));
	shim_co_free(co);
}

TEST(cancel_while_parked)
{
	struct shim_co *co = shim_co_new(cancelled, NULL, NULL);

	ordered = 0;
	shim_co_resume(co, NULL);
	EXPECT_EQ(0, shim_co_park(co));
	shim_co_free(co);
	EXPECT_EQ(4, ordered);
}

static void yield_again(void *arg)
{
	(void)arg;
	shim_co_yield((void *)55);
	note((void *)5);
}

static void *cancelled_slowly(void *arg)
{
	struct shim_co_cleanup c;

	shim_co_cleanup_push(&c, yield_again, NULL);
	shim_co_yield(NULL);
	shim_co_cleanup_pop(false);
	return arg;
}

TEST(cleanup_yields)
{
	struct shim_co *co = shim_co_new(cancelled_slowly, NULL, NULL);

	ordered = 0;
	shim_co_resume(co, NULL);
	errno = 0;
	EXPECT_EQ(-1, shim_co_cancel(co));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(0, ordered);
	shim_co_resume(co, NULL);
	EXPECT_EQ(SHIM_CO_DONE, shim_co_state(co));
	EXPECT_EQ(1, ordered);
	shim_co_free(co);
}

static int destroyed;

static void destroy(void *value)
{
	destroyed += (int)(intptr_t)value;
}

static struct shim_co_key *keys[64];

static void *locals(void *arg)
{
	intptr_t i, me = (intptr_t)arg;

	for (i = 0; i < 64; i++) {
		if (*shim_co_local(keys[i]))
			return (void *)1;
		*shim_co_local(keys[i]) = (void *)(me + i);
	}
	shim_co_yield(NULL);
	for (i = 0; i < 64; i++)
		if (*shim_co_local(keys[i]) != (void *)(me + i))
			return (void *)2;
	return NULL;
}

TEST(local)
{
	struct shim_co *a, *b;
	int i, sum = 0;

	for (i = 0; i < 64; i++) {
		keys[i] = shim_co_key_new(i % 2 ? destroy : NULL);
		ASSERT_NE(NULL, keys[i]);
		if (i % 2)
			sum += 1000 + i;
	}
	errno = 0;
	EXPECT_EQ(NULL, shim_co_key_new(NULL));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(NULL, shim_co_local(keys[0]));
	a = shim_co_new(locals, (void *)1000, NULL);
	b = shim_co_new(locals, (void *)2000, NULL);
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(NULL, shim_co_resume(a, NULL));
		EXPECT_EQ(NULL, shim_co_resume(b, NULL));
	}
	EXPECT_EQ(2 * sum + 32 * 1000, destroyed);
	shim_co_free(a);
	shim_co_free(b);
}

static struct shim_co_key *again;
static int rounds;

/* As many rounds as POSIX has for threads are made of it. */
static void sets_again(void *value)
{
	rounds++;
	*shim_co_local(again) = value;
}

static void *sets_one(void *arg)
{
	*shim_co_local(again) = arg;
	return NULL;
}

TEST(a_destructor_may_set_a_value_again)
{
	struct shim_co *co;

	again = shim_co_key_new(sets_again);
	ASSERT_NE(NULL, again);
	co = shim_co_new(sets_one, &rounds, NULL);
	shim_co_resume(co, NULL);
	EXPECT_EQ(SHIM_CO_DONE, shim_co_state(co));
	EXPECT_EQ(4, rounds);
	shim_co_free(co);
}

TEST_HARNESS_MAIN
