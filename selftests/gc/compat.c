// SPDX-License-Identifier: GPL-2.0-only
/*
 * libgc's calls, for programs that were written for it: links, finalizers,
 * explicit layouts, alignments, and what they say.
 */
#define GC_THREADS
#include <dlfcn.h>
#include <semaphore.h>

#include "gctest.h"
#include "gc/gc.h"

#define MARK	((void *)0x5a5a5a)

/* Links lie where the collector looks for no pointers. */
static void **from, **to;

static __attribute__((noinline)) void make_linked(bool is_long)
{
	void *p;
	int i;

	from = GC_malloc_atomic(SOME * sizeof(*from));
	to = GC_malloc_atomic(SOME * sizeof(*to));
	for (i = 0; i < SOME; i++) {
		p = GC_malloc(40);
		from[i] = p;
		to[i] = MARK;
		if (is_long)
			GC_register_long_link(&from[i], p);
		else
			GC_general_register_disappearing_link(&from[i], p);
	}
}

/* The first half, to a place of which nothing is known yet. */
static __attribute__((noinline)) int move_half(bool is_long)
{
	int i, moved = 0;

	for (i = 0; i < SOME / 2; i++) {
		to[i] = from[i];
		moved += (is_long ? GC_move_long_link(&from[i], &to[i]) :
			  GC_move_disappearing_link(&from[i], &to[i])) ==
			 GC_SUCCESS;
		from[i] = MARK;
	}
	return moved;
}

static int count(void *const *at, int n, const void *value)
{
	int i, nr = 0;

	for (i = 0; i < n; i++)
		nr += at[i] == value;
	return nr;
}

FIXTURE(links) {
};

FIXTURE_VARIANT(links) {
	bool is_long;
};

FIXTURE_VARIANT_ADD(links, of_objects) { .is_long = false };
FIXTURE_VARIANT_ADD(links, long_ones) { .is_long = true };

FIXTURE_SETUP(links)
{
	GC_init();
	make_linked(variant->is_long);
}

FIXTURE_TEARDOWN(links)
{
}

TEST_F(links, follow_a_move)
{
	const int half = SOME / 2;

	EXPECT_EQ(half, move_half(variant->is_long));
	collect();
	/* each is cleared where it is, and nowhere else */
	EXPECT_LE(half - STRAY, count(to, half, NULL));
	EXPECT_EQ(half, count(from, half, MARK));
	EXPECT_LE(half - STRAY, count(from + half, half, NULL));
	EXPECT_EQ(half, count(to + half, half, MARK));
}

TEST_F(links, say_what_they_did)
{
	void *p = GC_malloc(40), *q = GC_malloc(40);
	void **at = GC_malloc_atomic(4 * sizeof(*at));
	bool is_long = variant->is_long;

	at[0] = p;
	at[1] = q;
	if (is_long) {
		EXPECT_EQ(GC_SUCCESS, GC_register_long_link(&at[0], p));
		EXPECT_EQ(GC_DUPLICATE, GC_register_long_link(&at[0], p));
		EXPECT_EQ(GC_SUCCESS, GC_register_long_link(&at[1], q));
		EXPECT_EQ(GC_NOT_FOUND, GC_move_long_link(&at[2], &at[3]));
		EXPECT_EQ(GC_DUPLICATE, GC_move_long_link(&at[0], &at[1]));
		EXPECT_EQ(GC_SUCCESS, GC_move_long_link(&at[0], &at[0]));
		EXPECT_EQ(GC_SUCCESS, GC_move_long_link(&at[0], &at[2]));
		EXPECT_EQ(0, GC_unregister_long_link(&at[0]));
		EXPECT_EQ(1, GC_unregister_long_link(&at[2]));
		EXPECT_EQ(0, GC_unregister_long_link(&at[2]));
		EXPECT_EQ(1, GC_unregister_long_link(&at[1]));
		return;
	}
	EXPECT_EQ(GC_SUCCESS, GC_general_register_disappearing_link(&at[0], p));
	EXPECT_EQ(GC_DUPLICATE,
		  GC_general_register_disappearing_link(&at[0], p));
	EXPECT_EQ(GC_SUCCESS, GC_general_register_disappearing_link(&at[1], q));
	EXPECT_EQ(GC_NOT_FOUND, GC_move_disappearing_link(&at[2], &at[3]));
	EXPECT_EQ(GC_DUPLICATE, GC_move_disappearing_link(&at[0], &at[1]));
	EXPECT_EQ(GC_SUCCESS, GC_move_disappearing_link(&at[0], &at[0]));
	EXPECT_EQ(GC_SUCCESS, GC_move_disappearing_link(&at[0], &at[2]));
	EXPECT_EQ(0, GC_unregister_disappearing_link(&at[0]));
	EXPECT_EQ(1, GC_unregister_disappearing_link(&at[2]));
	EXPECT_EQ(0, GC_unregister_disappearing_link(&at[2]));
	EXPECT_EQ(1, GC_unregister_disappearing_link(&at[1]));
}

static int called;
static void *last_data;

static void on_final(void *obj, void *data)
{
	(void)obj;
	called++;
	last_data = data;
}

static void other_final(void *obj, void *data)
{
	(void)obj;
	(void)data;
}

static __attribute__((noinline)) void make_final(int n)
{
	int i;

	for (i = 0; i < n; i++)
		GC_register_finalizer(GC_malloc(40), on_final, MARK, NULL,
				      NULL);
}

TEST(finalizers_are_called_with_their_data)
{
	GC_finalization_proc old;
	void *p, *data;

	GC_init();
	GC_set_finalize_on_demand(1);
	p = GC_malloc(40);
	GC_register_finalizer(p, on_final, &called, NULL, NULL);
	GC_register_finalizer(p, other_final, NULL, &old, &data);
	EXPECT_TRUE(on_final == old);
	EXPECT_EQ(&called, data);
	GC_register_finalizer(p, NULL, NULL, &old, &data);
	EXPECT_TRUE(other_final == old);
	EXPECT_EQ(NULL, data);
	/* of what is no object, nobody asks again */
	GC_register_finalizer(&old, on_final, NULL, NULL, NULL);
	make_final(SOME);
	collect();
	EXPECT_EQ(0, called);
	EXPECT_TRUE(GC_should_invoke_finalizers());
	EXPECT_LE(SOME - STRAY, GC_invoke_finalizers());
	EXPECT_LE(SOME - STRAY, called);
	EXPECT_EQ(MARK, last_data);
	EXPECT_FALSE(GC_should_invoke_finalizers());
	/* the rest, too, whoever still points to them */
	GC_finalize_all();
	EXPECT_EQ(SOME, called);
}

TEST(alignments)
{
	size_t align, size;
	void *p, *none = MARK;

	GC_init();
	for (align = 8; align <= 65536; align *= 2)
		for (size = 1; size < 100000; size = size * 3 + 1) {
			p = GC_memalign(align, size);
			ASSERT_NE(NULL, p);
			EXPECT_EQ(0, (uintptr_t)p % align);
			ASSERT_NE(NULL, GC_base(p));
			EXPECT_LE((char *)p + size,
				  (char *)GC_base(p) + GC_size(GC_base(p)));
			memset(p, 1, size);
		}
	EXPECT_EQ(EINVAL, GC_posix_memalign(&none, 4, 8));
	EXPECT_EQ(EINVAL, GC_posix_memalign(&none, 24, 8));
	/* more than there can be */
	EXPECT_EQ(ENOMEM, GC_posix_memalign(&none, 32, SIZE_MAX));
	EXPECT_EQ(ENOMEM, GC_posix_memalign(&none, 32, SIZE_MAX / 2 + 100));
	EXPECT_EQ(ENOMEM, GC_posix_memalign(&none, (size_t)1 << 63, 8));
	EXPECT_EQ(MARK, none);
}

static __attribute__((noinline)) void **make_typed(GC_descr d)
{
	void **p = GC_malloc_explicitly_typed(4 * sizeof(*p), d);
	int i;

	for (i = 0; i < 4; i++) {
		p[i] = GC_malloc(40);
		GC_register_finalizer(p[i], on_final, (void *)(intptr_t)i,
				      NULL, NULL);
	}
	return p;
}

static int gone[4];

static void on_gone(void *obj, void *data)
{
	(void)obj;
	gone[(intptr_t)data]++;
}

static __attribute__((noinline)) void make_many_typed(void ***keep, GC_descr d)
{
	int i, k;

	for (i = 0; i < SOME; i++) {
		keep[i] = make_typed(d);
		for (k = 0; k < 4; k++)
			GC_register_finalizer(keep[i][k], on_gone,
					      (void *)(intptr_t)k, NULL, NULL);
	}
}

/* Words 1 and 2 of four are pointers, and the others keep nothing. */
TEST(a_layout_says_what_keeps)
{
	static void **keep[SOME];
	GC_word bitmap[1] = { 0 };

	GC_init();
	GC_set_finalize_on_demand(1);
	GC_set_bit(bitmap, 1);
	GC_set_bit(bitmap, 2);
	make_many_typed(keep, GC_make_descriptor(bitmap, 4));
	collect();
	GC_invoke_finalizers();
	EXPECT_LE(SOME - STRAY, gone[0]);
	EXPECT_EQ(0, gone[1]);
	EXPECT_EQ(0, gone[2]);
	EXPECT_LE(SOME - STRAY, gone[3]);
}

static sem_t made, checked;

static void *has_one(void *arg)
{
	sigset_t all, now;
	char *p = GC_malloc(100);

	(void)arg;
	memset(p, 77, 100);
	sigfillset(&all);
	GC_pthread_sigmask(SIG_SETMASK, &all, NULL);
	GC_pthread_sigmask(SIG_SETMASK, NULL, &now);
	sem_post(&made);
	while (sem_wait(&checked))
		;
	/* blocked like this it could not be stopped, and nothing be collected */
	GC_pthread_exit((void *)(intptr_t)(p[99] == 77 &&
					   sigismember(&now, SIGUSR1)));
}

/* What a program that was compiled with libgc's header calls. */
TEST(threads_by_their_other_names)
{
	void *result, *self;
	pthread_t thread;

	GC_init();
	sem_init(&made, 0, 0);
	sem_init(&checked, 0, 0);
	ASSERT_EQ(0, GC_pthread_create(&thread, NULL, has_one, NULL));
	while (sem_wait(&made))
		;
	EXPECT_EQ(0, collect());
	sem_post(&checked);
	ASSERT_EQ(0, GC_pthread_join(thread, &result));
	EXPECT_EQ(1, (intptr_t)result);
	self = GC_dlopen(NULL, RTLD_NOW);
	ASSERT_NE(NULL, self);
	EXPECT_EQ(0, dlclose(self));
}

TEST_HARNESS_MAIN
