// SPDX-License-Identifier: GPL-2.0-only
/*
 * transit: a fork while memory is on its way to or from the backend.
 *
 * One thread is inside of a call, with the heap's lock dropped, and stays there
 * until the child that another thread forked was examined: what was on its way
 * is back in its place, in every sum, and can be used.  Also a fork by that
 * very thread, as in a signal handler: it continues in the child, too.
 */
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/patience.h"

#include "base/conf.h"
#include "fake_backend.h"
#include "pageheap/pageheap_int.h"

#define MIB	((size_t)1 << 20)

enum what {
	TAKE,			/* whole blocks get their memory */
	TAKE_MORE,		/* as many as a free run has too few */
	GIVE,			/* and lose it */
	GIVE_PAGES,		/* the idle pages of a block */
	PURGE,			/* pages inside of a span */
	JOIN,
};

FIXTURE(transit) {
	size_t inuse, mapped;
};

FIXTURE_VARIANT(transit) {
	enum what what;
};

FIXTURE_VARIANT_ADD(transit, take) {
	.what = TAKE
};

FIXTURE_VARIANT_ADD(transit, take_more) {
	.what = TAKE_MORE
};

FIXTURE_VARIANT_ADD(transit, give) {
	.what = GIVE
};

FIXTURE_VARIANT_ADD(transit, give_pages) {
	.what = GIVE_PAGES
};

FIXTURE_VARIANT_ADD(transit, purge) {
	.what = PURGE
};

FIXTURE_VARIANT_ADD(transit, join) {
	.what = JOIN
};

static enum what what;
static struct span *part[4], *taken;
static size_t purged;
static pthread_barrier_t inside, done;

static struct pageheap_stat stat_now(void)
{
	struct pageheap_stat st;

	pageheap_get_stat(&st);
	return st;
}

static void no_hooks(void)
{
	fake.on_whole = NULL;
	fake.on_release = NULL;
	fake.on_join = NULL;
}

static void work(void)
{
	switch (what) {
	case TAKE:
	case TAKE_MORE:
		taken = pageheap_alloc(4 * BLOCK_PAGES, 1);
		break;
	case GIVE:
	case GIVE_PAGES:
		pageheap_trim(0);
		break;
	case PURGE:
		purged = pageheap_purge(part[0], 0xf0);
		break;
	case JOIN:
		shim_lock_acquire(&ph.lock);
		pageheap_join_one();
		shim_lock_release(&ph.lock);
		break;
	}
}

/*
 * A block of four parts, some of whose pages are idle, and a free run if
 * wanted.
 */
FIXTURE_SETUP(transit)
{
	struct span *run;
	int i;

	what = variant->what;
	shim_conf.scavenger = false;
	pageheap_free(pageheap_alloc(32 * MIB / PAGE_SIZE, 1));
	pageheap_trim(0);
	for (i = 0; i < 4; i++) {
		part[i] = pageheap_alloc(i ? 80 : 16, 1);
		ASSERT_NE(NULL, part[i]);
		memset((void *)part[i]->start, i + 1, part[i]->npages * PAGE_SIZE);
	}
	ASSERT_EQ(block_at(part[0]->start), block_at(part[3]->start));
	switch (what) {
	case TAKE:
		fake.on_whole = NULL;
		break;
	case TAKE_MORE:
		run = pageheap_alloc(3 * BLOCK_PAGES, 1);
		memset((void *)run->start, 1, run->npages * PAGE_SIZE);
		pageheap_free(run);
		break;
	case GIVE:
		run = pageheap_alloc(8 * BLOCK_PAGES, 1);
		memset((void *)run->start, 1, run->npages * PAGE_SIZE);
		pageheap_free(run);
		break;
	case GIVE_PAGES:
		pageheap_free(part[1]);
		break;
	case PURGE:
		/* 4 KiB memory from here on */
		pageheap_free(part[1]);
		pageheap_trim(0);
		part[1] = pageheap_alloc(80, 1);
		break;
	case JOIN:
		pageheap_free(part[0]);
		pageheap_trim(0);
		part[0] = pageheap_alloc(16, 1);
		break;
	}
	for (i = 0; i < 4; i++)
		if (what != GIVE_PAGES || i != 1)
			*(char *)part[i]->start = (char)(i + 1);
	self->inuse = stat_now().inuse;
	self->mapped = stat_now().mapped;
}

FIXTURE_TEARDOWN(transit)
{
	EXPECT_TRUE(pageheap_is_valid());
	EXPECT_EQ(0, fake.bad);
}

/* In the child every page is in use, free or unmapped, and can be allocated. */
static int child_is_well(size_t inuse, size_t mapped)
{
	struct pageheap_stat st = stat_now();
	struct span *run;
	int i;

	if (st.inuse != inuse)
		return 1;
	if (st.mapped != st.inuse + st.free + st.returned)
		return 2;
	if (ph.moving || !pageheap_is_valid())
		return 3;
	/* memory that was about to go may still be there */
	if (what == GIVE && st.free != 8 * BLOCK_SIZE)
		return 4;
	if (what == TAKE_MORE && st.free < 3 * BLOCK_SIZE)
		return 13;
	if (what == GIVE_PAGES && st.free != 80 * PAGE_SIZE)
		return 5;
	for (i = 0; i < 4; i++)
		if ((what != GIVE_PAGES || i != 1) &&
		    *(char *)part[i]->start != i + 1)
			return 6;
	if (what == GIVE) {
		run = pageheap_alloc(8 * BLOCK_PAGES, 1);
		/* nobody knows whether it reads as zero */
		if (!run || run->flags & SPAN_ZERO || stat_now().mapped != mapped)
			return 7;
		pageheap_free(run);
	}
	if (what == GIVE_PAGES) {
		run = pageheap_alloc(80, 1);
		if (!run || run->flags & SPAN_ZERO)
			return 8;
		pageheap_free(run);
	}
	if (block_at(part[0]->start)->joining ||
	    block_at(part[0]->start)->releasing)
		return 9;
	for (i = 0; i < 4; i++)
		if (what != GIVE_PAGES || i != 1)
			pageheap_free(part[i]);
	pageheap_trim(0);
	st = stat_now();
	if (st.inuse || st.free || !pageheap_is_valid())
		return 10;
	/* everything that is mapped can be allocated */
	for (i = 0; i < 16; i++)
		if (!pageheap_alloc(2 * BLOCK_PAGES, 1))
			return 11;
	return pageheap_is_valid() && !fake.bad ? 0 : 12;
}

static void stay(void)
{
	no_hooks();
	pthread_barrier_wait(&inside);
	pthread_barrier_wait(&done);
}

static void *thread(void *data)
{
	(void)data;
	work();
	return NULL;
}

static void hook(void (*fn)(void))
{
	if (what == TAKE || what == TAKE_MORE)
		fake.on_whole = fn;
	else if (what == JOIN)
		fake.on_join = fn;
	else
		fake.on_release = fn;
}

TEST_F(transit, of_another_thread)
{
	int status;
	pthread_t t;
	pid_t pid;

	pthread_barrier_init(&inside, NULL, 2);
	pthread_barrier_init(&done, NULL, 2);
	hook(stay);
	ASSERT_EQ(0, pthread_create(&t, NULL, thread, NULL));
	pthread_barrier_wait(&inside);
	pageheap_fork_prepare();
	pid = fork();
	if (!pid) {
		alarm(60);	/* memory that never comes back */
		pageheap_fork_child();
		_exit(child_is_well(self->inuse, self->mapped));
	}
	pageheap_fork_parent();
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	pthread_barrier_wait(&done);
	pthread_join(t, NULL);
	/* the parent's call ended as if nobody had forked */
	EXPECT_EQ(0, ph.moving);
	EXPECT_EQ(self->inuse + (taken ? 4 * BLOCK_SIZE : 0), stat_now().inuse);
	EXPECT_EQ(what == TAKE || what == TAKE_MORE, !!taken);
}

static bool in_child;
static pid_t forked;

static void fork_here(void)
{
	no_hooks();
	pageheap_fork_prepare();
	forked = fork();
	if (!forked) {
		alarm(60);
		pageheap_fork_child();
		in_child = true;
		return;
	}
	pageheap_fork_parent();
}

TEST_F(transit, of_who_forks)
{
	int status;

	hook(fork_here);
	work();
	if (in_child) {
		bool ok = !ph.moving && pageheap_is_valid() && !fake.bad;

		if (what == TAKE || what == TAKE_MORE)
			ok = ok && taken && stat_now().inuse ==
			     self->inuse + 4 * BLOCK_SIZE;
		if (what == GIVE || what == GIVE_PAGES)
			ok = ok && !stat_now().free;
		if (what == PURGE)
			ok = ok && purged == 4 * 4096;
		if (what == JOIN)
			ok = ok && stat_now().nr_join == 1;
		pageheap_trim(0);
		_exit(ok && pageheap_is_valid() ? 0 : 1);
	}
	ASSERT_LT(0, forked);
	ASSERT_EQ(forked, waitpid(forked, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
