// SPDX-License-Identifier: GPL-2.0-only
/*
 * percpu on machines that this one is not: thousands of CPUs, ids with gaps.
 *
 * The layer learns from the thread's rseq area where it runs, so that with an
 * area of its own a test can say what it likes.  The kernel does not read that
 * one, so only one thread at a time may claim to be on a CPU.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "../lib/patience.h"

#include "fake_key.h"
#include "fake_transfer.h"
#include "cache/percpu_int.h"

#define MIB		((size_t)1 << 20)
#define PATIENCE_S	120

/* linux/rseq.h's, with what 6.3 added. */
static __thread struct {
	uint32_t cpu_id_start;
	uint32_t cpu_id;
	uint64_t rseq_cs;
	uint32_t flags;
	uint32_t node_id;
	uint32_t mm_cid;
} area __attribute__((tls_model("initial-exec"), aligned(32)));

static void be_on(unsigned int cpu)
{
	area.cpu_id_start = cpu;
	area.cpu_id = cpu;
	area.node_id = cpu / 64;
}

FIXTURE(many) {
	unsigned int cpus;
};

FIXTURE_SETUP(many)
{
	unsigned int i;

	percpu_boot(true);
	if (!percpu_has_rseq())
		SKIP(return, "no restartable sequences here");
	percpu_hot.rseq_off = (uintptr_t)&area -
			      (uintptr_t)__builtin_thread_pointer();
	for (i = 0; i < PERCPU_MAX_CPUS; i++)
		percpu_hot.slab[i] = &percpu_none;
	percpu.ncpus = PERCPU_MAX_CPUS;
	percpu.limit = PERCPU_MAX_CPUS;
	percpu.mm_cid = false;
	node_known.off = percpu_hot.rseq_off;
	/* no CPU is idle until a test says so, however long it takes */
	percpu.tick = UINT64_MAX;
	percpu_open(true);
}

FIXTURE_TEARDOWN(many)
{
}

static void *take(unsigned int cls)
{
	void *p = percpu_pop(cls);

	return p ? p : percpu_get(cls);
}

static void give(unsigned int cls, void *p)
{
	if (!percpu_push(cls, p))
		percpu_put(cls, p);
}

/* Miss in both directions, so that the stacks of a class grow. */
static void swing(unsigned int cls, unsigned int n)
{
	void *objs[2048];
	unsigned int i;

	for (i = 0; i < n; i++)
		objs[i] = take(cls);
	for (i = 0; i < n; i++)
		give(cls, objs[i]);
}

static struct percpu_slab *slab_of(unsigned int cpu)
{
	return percpu_hot.slab[cpu];
}

TEST_F(many, ids_with_gaps)
{
	static const unsigned int ids[] = { 0, 7, 255, 256, 4095, 8191 };
	const unsigned int n = ARRAY_SIZE(ids);
	struct percpu_stat st;
	unsigned int i, k;

	for (i = 0; i < n; i++) {
		be_on(ids[i]);
		swing(1 + i, 100);
	}
	percpu_get_stat(&st);
	EXPECT_EQ(n, st.attached);
	EXPECT_LT(0, st.bytes);
	for (i = 0; i < n; i++) {
		ASSERT_FALSE(percpu_is_closed(slab_of(ids[i])));
		EXPECT_EQ((int)ids[i], slab_of(ids[i])->cpu);
		/* objects that are cached here are cached nowhere else */
		for (k = 0; k < n; k++)
			EXPECT_EQ(i == k, !!slab_count(slab_of(ids[i]), 1 + k));
	}
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
	EXPECT_EQ(0, fake_transfer.bad);
}

/* Batches that a domain's transfer cache hands out for a first miss here. */
static unsigned long gets(unsigned int dom)
{
	const unsigned long before = fake_transfer.dom_gets[dom];

	swing(3, 40);
	return fake_transfer.dom_gets[dom] - before;
}

/* Two sockets of 8 caches each, in 4 nodes; APIC ids have gaps. */
static uint32_t cache_of_16(void)
{
	return area.cpu_id / 16 + (area.cpu_id >= 128 ? 120 : 0);
}

/* 256 CPUs in 4 nodes, of which 16 at a time share a cache. */
TEST_F(many, a_domain_for_each_cache)
{
	enum { CPUS = 256, SHARE = 16 };
	unsigned long before;
	unsigned int i, round;

	fake_key.of = cache_of_16;
	/* nobody to share with: the node will do, and nothing is asked */
	percpu.limit = 1;
	be_on(CPUS);
	EXPECT_LT(0, gets(CPUS / 64));
	EXPECT_EQ(0, fake_key.asked);
	percpu.limit = PERCPU_MAX_CPUS;
	/* from the last cache to the first, each one's CPUs in a row */
	for (round = 0; round < 2; round++)
		for (i = 0; i < CPUS; i++) {
			be_on(CPUS - 1 - i);
			before = fake_transfer.gets;
			if (!round) {
				EXPECT_EQ(gets(i / SHARE),
					  fake_transfer.gets - before);
				EXPECT_LT(before, fake_transfer.gets);
			}
			EXPECT_EQ(i / SHARE, percpu_domain());
		}
	/* once for each CPU */
	EXPECT_EQ(CPUS, fake_key.asked);
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
	EXPECT_EQ(0, fake_transfer.bad);
}

static uint32_t cache_each(void)
{
	return area.cpu_id;
}

/* More caches than domains: some share one, and each CPU stays in its own. */
TEST_F(many, more_caches_than_domains)
{
	unsigned int i, dom, had;

	fake_key.of = cache_each;
	percpu.several = true;
	for (i = 0; i < 5 * TRANSFER_DOMAINS; i++) {
		be_on(i);
		dom = percpu_domain();
		ASSERT_GT(TRANSFER_DOMAINS, dom);
		if (i < TRANSFER_DOMAINS)
			EXPECT_EQ(i, dom);
		had = percpu_domain();
		EXPECT_EQ(dom, had);
	}
}

static uint32_t moves_away(void)
{
	be_on(area.cpu_id + 1);
	return 7;
}

/* What a thread learned of another CPU than it believed is not kept. */
TEST_F(many, moved_while_it_asks)
{
	percpu.several = true;
	fake_key.of = moves_away;
	be_on(63);
	/* on CPU 64 by then, which is in node 1 */
	EXPECT_EQ(1, percpu_domain());
	EXPECT_EQ(0, percpu_near[63]);
	EXPECT_EQ(0, percpu_near[64]);
	/* a processor that does not say: the node, for good */
	fake_key.of = NULL;
	be_on(130);
	EXPECT_EQ(2, percpu_domain());
	EXPECT_EQ(3, percpu_near[130]);
}

TEST_F(many, every_cpu_of_8192_works_and_is_drained)
{
	struct percpu_stat st;
	unsigned int i;

	for (i = 0; i < PERCPU_MAX_CPUS; i++) {
		be_on(i);
		give(4, take(4));
	}
	percpu_get_stat(&st);
	EXPECT_EQ(PERCPU_MAX_CPUS, st.slabs);
	for (i = 0; i < 10; i++) {
		percpu.tick = 1;	/* as if the time had come */
		percpu_idle();
	}
	percpu_get_stat(&st);
	EXPECT_EQ(0, st.attached);
	EXPECT_EQ(0, percpu.capacity);
	EXPECT_EQ(0, fake_transfer.out);
	/* a slab goes to the next CPU that needs one, and counts again */
	be_on(3);
	give(4, take(4));
	percpu_get_stat(&st);
	EXPECT_EQ(PERCPU_MAX_CPUS, st.slabs);
	EXPECT_LT(0, st.capacity);
	EXPECT_EQ(st.capacity, percpu.capacity);
}

/* Claim that a check for idle CPUs is due, from a CPU that does not exist. */
static void look_around(void)
{
	be_on(4000);
	percpu.tick = 1;
	percpu_idle();
	percpu.tick = UINT64_MAX;
}

/* Two looks without a miss between them, and only two such. */
TEST_F(many, idle_is_who_was_it_twice_in_a_row)
{
	unsigned int i;

	be_on(0);
	swing(1, 100);
	look_around();
	for (i = 0; i < 5; i++) {
		look_around();
		ASSERT_FALSE(percpu_is_closed(slab_of(0)));
		be_on(0);
		swing(2 + i, 100);
		look_around();
		ASSERT_FALSE(percpu_is_closed(slab_of(0)));
	}
	look_around();
	EXPECT_FALSE(percpu_is_closed(slab_of(0)));
	look_around();
	EXPECT_TRUE(percpu_is_closed(slab_of(0)));
	EXPECT_EQ(0, fake_transfer.out);
}

/* A CPU without a slab gets that of the CPU that has not missed for longest. */
TEST_F(many, the_oldest_slab_is_stolen)
{
	unsigned int i;

	percpu.limit = 3;
	for (i = 0; i < 3; i++) {
		be_on(i);
		swing(1, 1);
	}
	/* after 16 misses CPU 0 is not that CPU any more */
	be_on(0);
	swing(2, 1000);
	be_on(9);
	give(1, take(1));
	EXPECT_FALSE(percpu_is_closed(slab_of(0)));
	EXPECT_TRUE(percpu_is_closed(slab_of(1)));
	EXPECT_FALSE(percpu_is_closed(slab_of(2)));
	EXPECT_FALSE(percpu_is_closed(slab_of(9)));
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
}

/*
 * More CPUs than slabs, so that each new one steals.  Where that comes often, one
 * slab more is made, and from then on eight more steals are no reason for another.
 * A busy machine makes them seem rare: then it goes on until they have come fast.
 */
TEST_F(many, many_steals_are_worth_one_slab)
{
	enum { STEALS = 8, SLABS = 6, CPUS = 64, STEPS = 1000000 };
	unsigned int i, limit, slabs = 2;
	size_t steals = 0;

	percpu.limit = slabs;
	for (i = 0; i < STEPS && slabs < SLABS; i++) {
		limit = percpu.limit;
		be_on(i % CPUS);
		give(1, take(1));
		if (percpu.limit == limit)
			continue;
		ASSERT_EQ(limit + 1, percpu.limit);
		EXPECT_LE(steals + STEALS, percpu.steals);
		steals = percpu.steals;
		slabs++;
		EXPECT_EQ(slabs, percpu.nslabs);
	}
	EXPECT_EQ(SLABS, slabs);
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
}

/*
 * With 256 CPUs and a heap of 16 MiB, all caches together stay near half of it,
 * and the last CPU gets no less than the first.
 */
TEST_F(many, caches_have_a_total)
{
	enum { CPUS = 256 };
	unsigned int i, cls, round, least = 0;
	struct percpu_stat st;

	percpu.limit = CPUS;
	fake_transfer.usage = 16 * MIB;
	for (round = 0; round < 3; round++)
		for (i = 0; i < CPUS; i++) {
			be_on(i);
			for (cls = 1; cls <= SIZECLASS_COUNT; cls++)
				swing(cls, 200);
		}
	percpu_get_stat(&st);
	EXPECT_EQ(CPUS, st.attached);
	EXPECT_EQ(st.capacity, percpu.capacity);
	/*
	 * the first ones may take the total, the others get their fair shares
	 */
	EXPECT_GE(16 * MIB, st.capacity);
	EXPECT_LE(4 * MIB, st.capacity);
	EXPECT_GE(st.capacity, st.bytes);
	/*
	 * at least an eighth of the fair share, as stacks grow by half at a
	 * time
	 */
	for (i = 0; i < CPUS; i++)
		least += slab_of(i)->bytes < 8 * MIB / CPUS / 8;
	EXPECT_EQ(0, least);
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
}

/* Fresh objects of 16 bytes, by turns; the fake's begin at a line and 16 bytes. */
TEST_F(many, two_cpus_share_no_line)
{
	uint8_t of[FAKE_OBJS / 4] = { 0 };
	unsigned int i, k, shared = 0;

	for (i = 0; i < 40; i++) {
		be_on(i % 2);
		for (k = 0; k < 25; k++) {
			unsigned int line = (fake_number(take(1)) - 1) / 4;

			shared += of[line] && of[line] != 1 + i % 2;
			of[line] = (uint8_t)(1 + i % 2);
		}
	}
	EXPECT_EQ(0, shared);
}

/* OS pages of a slab that have memory. */
static unsigned int pages_of(const struct percpu_slab *slab)
{
	unsigned char in[PERCPU_SLAB_BYTES / 4096];
	unsigned int i, n = 0;

	if (mincore((void *)slab, PERCPU_SLAB_BYTES, in))
		return 0;
	for (i = 0; i < sizeof(in); i++)
		n += in[i] & 1;
	return n;
}

/* The slab that a deeper one replaced serves another CPU: nothing is left of it. */
TEST_F(many, a_spare_begins_anew)
{
	struct percpu_slab *old;
	struct percpu_own own;
	unsigned int cls;

	be_on(0);
	for (cls = 1; cls <= 20; cls++)
		swing(cls, 60);
	ASSERT_TRUE(own_begin(&own));
	old = own_deepen(&own);
	own_end(&own);
	ASSERT_NE(NULL, old);
	/* only its header is read by who comes late */
	EXPECT_LT(2, pages_of(old));
	own_spare(old);
	EXPECT_LE(1, pages_of(old));
	EXPECT_GE(2, pages_of(old));
	be_on(1);
	for (cls = 1; cls <= 20; cls++)
		swing(cls, cls % 2 ? 10 : 60);
	EXPECT_EQ(old, slab_of(1));
	EXPECT_TRUE(slab_is_valid(old));
	EXPECT_TRUE(slab_is_valid(slab_of(0)));
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
	EXPECT_EQ(0, fake_transfer.bad);
}

/* The first ones may go to threads that run side by side; the others are as they lie. */
TEST_F(many, first_ones_are_a_line_apart)
{
	unsigned int before, now, i, near = 0;

	be_on(0);
	before = fake_number(take(1));
	for (i = 1; i < 16; i++, before = now) {
		now = fake_number(take(1));
		near += (now - 1) / 4 == (before - 1) / 4;
	}
	EXPECT_EQ(0, near);
	for (i = 0; i < 128; i++, before = now) {
		now = fake_number(take(1));
		near += now == before + 1;
	}
	EXPECT_LE(120, near);
}

/* Who frees and allocates by turns has room for the next few of either. */
TEST_F(many, half_full_after_a_turn)
{
	const unsigned int cls = 20;
	unsigned int cap, full, i;
	void *objs[32];

	be_on(0);
	percpu_set_budget(1);
	objs[0] = take(cls);
	cap = slab_of(0)->cap[cls];
	ASSERT_EQ(4, cap);
	/* nothing has been freed yet: as full as a line of the stack below allows */
	full = slab_count(slab_of(0), cls);
	EXPECT_LT(cap / 2, full);
	for (i = 1; i < 32; i++)
		objs[i] = take(cls);
	while (i)
		give(cls, objs[--i]);
	ASSERT_EQ(cap, slab_of(0)->cap[cls]);
	do
		objs[i++] = take(cls);
	while (slab_count(slab_of(0), cls));
	objs[i++] = take(cls);
	EXPECT_EQ(cap / 2, slab_count(slab_of(0), cls));
	do
		objs[i++] = take(cls);
	while (slab_count(slab_of(0), cls));
	objs[i++] = take(cls);
	EXPECT_EQ(full, slab_count(slab_of(0), cls));
	while (i)
		give(cls, objs[--i]);
	percpu_set_budget(0);
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
}

/* What is not scarce is not divided: two CPUs get what they always got. */
TEST_F(many, two_cpus_do_not_feel_it)
{
	unsigned int i, round;

	percpu.limit = 2;
	fake_transfer.usage = 16 * MIB;
	for (round = 0; round < 40; round++)
		for (i = 0; i < 2; i++) {
			be_on(i);
			swing(SIZECLASS_COUNT, 200);
		}
	for (i = 0; i < 2; i++)
		EXPECT_LE(2 * MIB * 2 / 3, slab_of(i)->bytes);
}

/*
 * 256 CPUs on 4 nodes: objects freed on a node go where that node looks first.
 */
TEST_F(many, a_node_has_a_domain)
{
	unsigned int node, i;

	for (node = 0; node < 4; node++) {
		fake_transfer = (struct fake_transfer){ 0 };
		be_on(node * 64 + 5);
		swing(2, 1000);
		be_on(node * 64 + 63);
		swing(2, 1000);
		for (i = 0; i < TRANSFER_DOMAINS; i++) {
			EXPECT_EQ(i == node, !!fake_transfer.dom_gets[i]);
			EXPECT_EQ(i == node, !!fake_transfer.dom_puts[i]);
		}
	}
	/* an older kernel does not tell */
	node_known.off = 0;
	be_on(77);
	fake_transfer = (struct fake_transfer){ 0 };
	swing(3, 1000);
	EXPECT_EQ(fake_transfer.gets, fake_transfer.dom_gets[0]);
	EXPECT_EQ(fake_transfer.puts, fake_transfer.dom_puts[0]);
}

static void *grows(void *data)
{
	be_on(9);
	swing(3, 1000);
	swing(3, 1000);
	return data;
}

/*
 * Whoever holds the percpu lock, a cache on another CPU can grow and be
 * trimmed.  If a thread waited for the lock, it would wait for ever.
 */
TEST_F(many, growth_waits_for_nobody)
{
	struct timespec until;
	pthread_t t;

	be_on(9);
	give(3, take(3));
	be_on(1);
	shim_lock_acquire(&percpu.lock);
	ASSERT_EQ(0, pthread_create(&t, NULL, grows, NULL));
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	ASSERT_EQ(0, pthread_timedjoin_np(t, NULL, &until));
	shim_lock_release(&percpu.lock);
	EXPECT_LT(100, slab_of(9)->cap[3]);
	EXPECT_TRUE(slab_is_valid(slab_of(9)));
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
}

static void *looks(void *data)
{
	unsigned int *wrong = data;
	struct percpu_own own;
	void *p;

	be_on(5);
	*wrong += own_begin(&own);
	*wrong += !!percpu_pop(2);
	p = percpu_get(2);
	*wrong += !p;
	percpu_put(2, p);
	/* nor does anybody take the slab, or replace it */
	shim_lock_acquire(&percpu.lock);
	*wrong += !!own_take(5);
	shim_lock_release(&percpu.lock);
	*wrong += percpu_hot.slab[5] != &percpu_busy;
	return data;
}

/*
 * While a thread owns its CPU's slab, another thread on that CPU goes on
 * without one.
 */
TEST_F(many, a_slab_has_one_owner)
{
	struct percpu_own own;
	unsigned int wrong = 0;
	pthread_t t;

	be_on(5);
	swing(2, 100);
	ASSERT_TRUE(own_begin(&own));
	ASSERT_EQ(0, pthread_create(&t, NULL, looks, &wrong));
	ASSERT_EQ(0, pthread_join(t, NULL));
	EXPECT_EQ(0, wrong);
	own_end(&own);
	EXPECT_EQ(own.slab, slab_of(5));
	EXPECT_NE(NULL, percpu_pop(2));
}

TEST_HARNESS_MAIN
