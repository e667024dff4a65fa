// SPDX-License-Identifier: GPL-2.0-only
/*
 * percpu: objects in and out by many threads, with sequences and with locks,
 * and which CPU has which slab.
 *
 * See percpu_time for what time does.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "../lib/patience.h"

#include "dies.h"
#include "percpu_mode.h"

#define CLASSES	6

static volatile bool stop;

TEST_F(mode, what_is_put_is_got_again)
{
	void *p = take(3);
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		void *q;

		give(3, p);
		q = take(3);
		ASSERT_EQ(p, q);
	}
	EXPECT_GE(3, fake_transfer.gets);
	give(3, p);
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
	EXPECT_EQ(0, cached());
}

/*
 * Where no stack may grow, each object comes from the layer below and goes back
 * there.
 */
TEST_F(mode, no_room_is_no_failure)
{
	unsigned int cls, i;
	void *p[3];

	percpu.limit = PERCPU_MAX_CPUS;
	percpu.capacity = SIZE_MAX / 2;		/* others have it all */
	for (cls = 1; cls <= SIZECLASS_COUNT; cls++) {
		for (i = 0; i < 3; i++) {
			p[i] = take(cls);
			ASSERT_NE(NULL, p[i]);
		}
		while (i--)
			give(cls, p[i]);
	}
	/* 1 KiB is always granted to a class */
	EXPECT_GE(SIZECLASS_COUNT * 1024, cached());
	EXPECT_EQ(0, twice);
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
}

TEST_F(mode, many_of_every_class)
{
	static void *objs[SIZECLASS_COUNT + 1][KEEP];
	unsigned int cls, i, round;

	for (round = 0; round < 20; round++) {
		for (cls = 1; cls <= SIZECLASS_COUNT; cls++)
			for (i = 0; i < KEEP; i++)
				objs[cls][i] = take(cls);
		for (cls = 1; cls <= SIZECLASS_COUNT; cls++)
			for (i = 0; i < KEEP; i++)
				give(cls, objs[cls][i]);
	}
	EXPECT_EQ(0, twice);
	EXPECT_LT(0, cached());
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
	EXPECT_EQ(0, fake_transfer.bad);
}

static void *churn(void *data)
{
	unsigned int seed = (unsigned int)(uintptr_t)data, n = 0, i;
	struct { void *p; unsigned int cls; } have[KEEP];
	cpu_set_t set;

	for (i = 0; !stop && i < 150000; i++) {
		unsigned int cls = rand_r(&seed) % CLASSES + 1;
		unsigned int r = rand_r(&seed);

		if (i % 128 == 0 && seed % 2) {
			CPU_ZERO(&set);
			CPU_SET(r % (unsigned int)sysconf(_SC_NPROCESSORS_ONLN),
				&set);
			sched_setaffinity(0, sizeof(set), &set);
		}
		if (n < KEEP && r / 8 % 2) {
			have[n].cls = cls;
			have[n].p = take(cls);
			n += !!have[n].p;
		} else if (n) {
			unsigned int k = r / 16 % n;

			give(have[k].cls, have[k].p);
			have[k] = have[--n];
		}
	}
	while (n--)
		give(have[n].cls, have[n].p);
	return NULL;
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* Preempted, migrated and signalled while another thread empties the caches. */
TEST_F(mode, threads_never_share_an_object)
{
	struct itimerval every = { { 0, 1000 }, { 0, 1000 } };
	struct sigaction act = { .sa_handler = on_alarm };
	pthread_t t[8];
	uintptr_t i;

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, churn,
					    (void *)(i + 1)));
	for (i = 0; i < 200; i++) {
		percpu_flush();
		percpu_idle();
		usleep(1000);
	}
	for (i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	EXPECT_EQ(0, twice);
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
	EXPECT_EQ(0, fake_transfer.bad);
}

TEST_F(mode, no_memory)
{
	fake_transfer.fail = 1;
	EXPECT_EQ(NULL, take(5));
	fake_transfer.fail = 0;
	EXPECT_NE(NULL, take(5));
}

TEST_F(mode, fork_functions_pair)
{
	void *p;

	give(2, take(2));
	percpu_fork_prepare();
	percpu_fork_parent();
	p = take(2);
	percpu_fork_prepare();
	percpu_fork_child();
	give(2, p);
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
}

TEST_F(mode, uncached_leaves_nothing_behind)
{
	void *p = percpu_get_uncached(7);

	EXPECT_EQ(1, fake_transfer.out);
	percpu_put_uncached(7, p);
	EXPECT_EQ(0, fake_transfer.out);
	EXPECT_EQ(0, cached());
}

/* An object of a mixed span stays in no cache, and what is wanted then goes as well. */
TEST_F(mode, mixed_leaves_nothing_behind)
{
	void *p[2] = { take(2), take(2) };
	long out = fake_transfer.out;

	give(2, take(2));
	fake_transfer.busy = true;
	EXPECT_FALSE(percpu_put_mixed(p[0]));
	EXPECT_EQ(out, fake_transfer.out);
	fake_transfer.busy = false;
	EXPECT_TRUE(percpu_put_mixed(p[0]));
	EXPECT_EQ(out - 1, fake_transfer.out);
	EXPECT_LT(0, percpu_class_bytes(2));
	fake_transfer.wants = true;
	EXPECT_TRUE(percpu_put_mixed(p[1]));
	EXPECT_EQ(!percpu_has_rseq(), fake_transfer.wants);
	if (percpu_has_rseq())
		EXPECT_EQ(0, cached());
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
}

/* When a class is wanted, its stack is emptied, and no other. */
TEST_F(mode, what_is_wanted_is_recalled)
{
	void *p[600], *q;
	unsigned int i;

	q = take(3);
	give(3, q);
	for (i = 0; i < 600; i++)
		p[i] = take(2);
	fake_transfer.wants = true;
	for (i = 0; i < 600 && fake_transfer.wants; i++)
		give(2, p[i]);
	EXPECT_FALSE(fake_transfer.wants);
	EXPECT_GE(sizeclass_info[2].size, percpu_class_bytes(2));
	EXPECT_LT(0, percpu_class_bytes(3));
	for (; i < 600; i++)
		give(2, p[i]);
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
	EXPECT_EQ(0, fake_transfer.bad);
}

/* One thread that visits every CPU uses one slab, which follows it. */
TEST(a_lone_thread_has_one_slab)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct percpu_stat st;
	cpu_set_t set;
	int i;

	percpu_boot(true);
	percpu_open(true);
	if (!percpu_has_rseq())
		SKIP(return, "no restartable sequences here");
	if (cpus < 2)
		SKIP(return, "one CPU only");
	for (i = 0; i < 6; i++) {
		CPU_ZERO(&set);
		CPU_SET(i % cpus, &set);
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
		give(1, take(1));
		/*
		 * slabs are rarely taken from a CPU unless it happens quickly
		 */
		usleep(20000);
	}
	percpu_get_stat(&st);
	EXPECT_EQ(1, st.slabs);
	EXPECT_EQ(1, st.attached);
	EXPECT_LE(5, st.steals);
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
}

static void *pair(void *data)
{
	void *p[4];
	unsigned int i;

	pin((int)(uintptr_t)data);
	while (!stop) {
		for (i = 0; i < 4; i++)
			p[i] = take(1);
		for (i = 0; i < 4; i++)
			give(1, p[i]);
	}
	return NULL;
}

/*
 * The tops of a slab's stacks as one number.  Not slab_shape(), which includes
 * the misses: a thread notes a miss in the slab that its CPU had at the time,
 * whichever CPU has it by then.
 */
static uint64_t tops(const struct percpu_slab *slab)
{
	uint64_t hash = 0;
	unsigned int i;

	for (i = 1; i <= SIZECLASS_COUNT; i++)
		hash = hash * 31 + (uintptr_t)__atomic_load_n(&slab->cur[i],
						   __ATOMIC_RELAXED);
	return hash;
}

/*
 * One CPU is in a sequence nearly all the time, and another keeps taking its
 * slab: what the sequence loaded before that must not be written afterwards.
 */
TEST(a_slab_is_taken_from_a_busy_cpu)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct percpu_slab *slab;
	unsigned int i, bad = 0;
	pthread_t t;

	percpu_boot(true);
	percpu_open(true);
	if (!percpu_has_rseq() || cpus < 2)
		SKIP(return, "no sequences, or one CPU only");
	ASSERT_EQ(0, pthread_create(&t, NULL, pair, (void *)1));
	pin(0);
	for (i = 0; i < 300000; i++) {
		uint64_t was;
		int spin;

		shim_lock_acquire(&percpu.lock);
		slab = own_take(1);
		if (slab) {
			was = tops(slab);
			for (spin = 0; spin < 20; spin++)
				bad += was != tops(slab);
			bad += !slab_is_valid(slab);
			own_give(slab, 1);
		}
		shim_lock_release(&percpu.lock);
	}
	stop = true;
	pthread_join(t, NULL);
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, twice);
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
}

static int slab_owner;	/* how many have the slab of CPU 1 */
static unsigned long owned_twice;

static void own_and_look(void)
{
	if (__atomic_exchange_n(&slab_owner, 1, __ATOMIC_ACQ_REL))
		__atomic_fetch_add(&owned_twice, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&slab_owner, 0, __ATOMIC_RELEASE);
}

static void *owner(void *data)
{
	struct percpu_own own;

	pin(1);
	while (!stop) {
		if (!own_begin(&own))
			continue;
		own_and_look();
		own_end(&own);
	}
	return data;
}

/*
 * A slab is either taken by another CPU or owned by a thread: never both, and
 * in the end it is back.
 */
TEST(a_slab_is_taken_or_owned)
{
	unsigned int i, bad = 0, taken = 0;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct percpu_slab *slab, *first;
	pthread_t t;

	percpu_boot(true);
	percpu_open(true);
	if (!percpu_has_rseq() || cpus < 2)
		SKIP(return, "no sequences, or one CPU only");
	pin(1);
	give(1, take(1));
	first = percpu_hot.slab[1];
	ASSERT_FALSE(percpu_is_closed(first));
	pin(0);
	ASSERT_EQ(0, pthread_create(&t, NULL, owner, NULL));
	for (i = 0; i < 300000; i++) {
		shim_lock_acquire(&percpu.lock);
		slab = own_take(1);
		if (slab) {
			taken++;
			own_and_look();
			bad += slab != first;
			own_give(slab, 1);
		}
		shim_lock_release(&percpu.lock);
	}
	stop = true;
	pthread_join(t, NULL);
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, owned_twice);
	EXPECT_LT(0, taken);
	EXPECT_EQ(first, percpu_hot.slab[1]);
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
}

/* The second time on top of a stack that has room, where no slow path looks. */
static void free_twice(void)
{
	void *p[3];
	unsigned int i;

	for (i = 0; i < 3; i++)
		p[i] = take(4);
	for (i = 0; i < 3; i++)
		give(4, p[i]);
	for (i = 0; i < 2; i++)
		p[i] = take(4);
	give(4, p[1]);
	give(4, p[1]);
}

static void look_after_free_twice(void)
{
	void *p = take(4), *q = take(4), *r = take(4);

	give(4, p);
	give(4, q);
	give(4, r);
	give(4, p);
	percpu.tick = 1;	/* as if the time had come */
	percpu_idle();
}

/* A heap that would grow gets what the caches have too much. */
TEST(a_surplus_goes_before_the_heap_grows)
{
	static void *p[16 * KEEP];
	struct percpu_slab *slab;
	struct percpu_stat st;
	unsigned int i, round;
	size_t before;

	percpu_boot(true);
	percpu_open(true);
	if (!percpu_has_rseq())
		SKIP(return, "no restartable sequences here");
	pin(sched_getcpu());
	/* nothing is idle, however long this takes */
	percpu.tick = UINT64_MAX;
	EXPECT_FALSE(percpu_is_deep());
	/* more than the budget of 256 KiB, in bulk */
	for (round = 0; round < 40; round++) {
		for (i = 0; i < 16 * KEEP; i++)
			p[i] = take(8);
		for (i = 0; i < 16 * KEEP; i++)
			give(8, p[i]);
	}
	EXPECT_TRUE(percpu_is_deep());
	before = cached();
	EXPECT_LT((size_t)384 << 10, before);
	/* one miss of some hundred looks for room elsewhere: not the next one */
	slab = percpu_hot.slab[sched_getcpu()];
	slab->underflows = 0;
	slab->overflows = 0;
	/* for another class, but not while there is memory */
	take(3);
	EXPECT_LE(before, cached());
	fake_transfer.dry = true;
	take(5);
	EXPECT_GT((size_t)160 << 10, cached());
	percpu_get_stat(&st);
	EXPECT_EQ(1, st.sheds);
	/* now there is no surplus */
	percpu_shed();
	take(9);
	percpu_get_stat(&st);
	EXPECT_EQ(1, st.sheds);
	EXPECT_EQ(0, fake_transfer.bad);
}

/* More objects than a slab has slots for: it is replaced by a deeper one. */
TEST(a_slab_is_replaced_by_a_deeper_one)
{
	static void *p[48 << 10];
	struct percpu_slab *first;
	unsigned int i, round;

	percpu_boot(true);
	percpu_open(true);
	if (!percpu_has_rseq())
		SKIP(return, "no restartable sequences here");
	pin(sched_getcpu());
	percpu.tick = UINT64_MAX;
	give(2, take(2));
	first = own_here();
	ASSERT_NE(NULL, first);
	EXPECT_EQ(PERCPU_SLAB_SLOTS, first->slots);
	for (round = 0; round < 60; round++) {
		for (i = 0; i < 48 << 10; i++)
			p[i] = take(2);
		for (i = 0; i < 48 << 10; i++)
			give(2, p[i]);
		ASSERT_EQ(0, twice);
	}
	EXPECT_NE(first, own_here());
	EXPECT_EQ(PERCPU_DEEP_BYTES / 8, own_here()->slots);
	EXPECT_LT(PERCPU_SLAB_SLOTS, slab_count(own_here(), 2));
	EXPECT_TRUE(slab_is_valid(own_here()));
	EXPECT_EQ(first, percpu.spare);
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
	EXPECT_EQ(0, fake_transfer.bad);
}

TEST_F(mode, double_free_aborts)
{
	EXPECT_TRUE(dies(free_twice));
}

/* With others in between it is found when somebody looks, however busy the CPU is. */
TEST(double_free_is_found_in_a_look)
{
	percpu_boot(true);
	percpu_open(true);
	if (!percpu_has_rseq())
		SKIP(return, "no restartable sequences here");
	pin(sched_getcpu());
	EXPECT_TRUE(dies(look_after_free_twice));
}

/*
 * The stacks of class 0, and of what the page map has for large objects, get no room
 * on any CPU; nor does the one for those without a length.
 */
TEST(no_object_is_of_class_0_or_large)
{
	unsigned int cls;

	percpu_boot(true);
	percpu_open(true);
	give(1, take(1));
	EXPECT_FALSE(percpu_push(0, (void *)16));
	for (cls = PAGEMAP_LARGE; cls <= 255; cls++)
		EXPECT_FALSE(percpu_push(cls, (void *)16));
	EXPECT_FALSE(percpu_keep(PAGEMAP_LARGE, (void *)PAGE_SIZE, NULL));
	EXPECT_EQ(NULL, percpu_pop(0));
}

TEST_HARNESS_MAIN
