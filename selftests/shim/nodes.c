// SPDX-License-Identifier: GPL-2.0-only
/*
 * nodes: on a machine with several NUMA nodes, a thread's objects lie on the node
 * that it runs on.
 *
 * Each thread stays on one CPU.  Where its objects are is the kernel's answer
 * (move_pages(2), which without nodes to move to only tells), so memory counts
 * wherever libshim has it from.  Nothing here is timed.
 *
 * Until a heap has outgrown 16 MiB it is one for all nodes.  That much is taken
 * first, on node 0.
 */
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "load.h"
#include "patience.h"
#include "shim.h"

#define NODES		2
#define PER_NODE	4	/* threads of a node, at most */
#define CPUS		64
#define SLOTS		16384
#define WARM		((size_t)24 << 20)
#define WARM_PIECE	4096
#define ROUNDS		300000u

/* Linux 6.3; not in <elf.h> of glibc 2.36.  The node ends at byte 24. */
#define AUXV_RSEQ_FEATURE_SIZE	27
#define RSEQ_NODE_ID_END	24

/**
 * struct place - a thread, and what became of its objects
 * @cpu: where it stays
 * @node: of that CPU
 * @seed: of its random numbers
 * @slot: its objects
 * @live: how many it has
 * @away: of these, on another node; -1 if the kernel does not say
 * @gone: without memory, as far as the kernel knows
 */
struct place {
	int cpu, node;
	uint64_t seed;
	void **slot;
	long live, away, gone;
};

static int cpus[NODES][CPUS], ncpus[NODES];

static void nodes_read(void)
{
	char path[64];
	int node, cpu;

	for (node = 0; node < NODES; node++)
		for (cpu = 0; cpu < CPUS; cpu++) {
			snprintf(path, sizeof(path),
				 "/sys/devices/system/node/node%d/cpu%d", node,
				 cpu);
			if (!access(path, F_OK))
				cpus[node][ncpus[node]++] = cpu;
		}
}

static int stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/* Sizes of all classes up to 8 KiB, small ones more often. */
static size_t size_of(uint64_t r)
{
	return 16 + r % ((size_t)16 << (r >> 32) % 10);
}

static void *object(size_t size)
{
	void *p = malloc(size);

	if (p)
		memset(p, 1, size);
	return p;
}

/* Where the first page of each of its objects is. */
static void place_look(struct place *t)
{
	void *page[256];
	int status[256], n, i, k;

	t->live = 0;
	t->away = 0;
	t->gone = 0;
	for (i = 0; i < SLOTS; i += n) {
		for (n = 0, k = i; k < SLOTS && n < 256; k++, n++)
			page[n] = (void *)((uintptr_t)t->slot[k] & ~4095UL);
		if (syscall(SYS_move_pages, 0, n, page, NULL, status, 0)) {
			t->away = -1;
			return;
		}
		for (k = 0; k < n; k++) {
			if (!t->slot[i + k])
				continue;
			t->live++;
			t->gone += status[k] < 0;
			t->away += status[k] >= 0 && status[k] != t->node;
		}
	}
}

static void place_fill(struct place *t)
{
	int i;

	for (i = 0; i < SLOTS; i++)
		if (!t->slot[i])
			t->slot[i] = object(size_of(load_random(&t->seed)));
}

static void place_empty(struct place *t)
{
	int i;

	for (i = 0; i < SLOTS; i++) {
		free(t->slot[i]);
		t->slot[i] = NULL;
	}
}

static void *fill(void *arg)
{
	struct place *t = arg;

	if (!stay_on(t->cpu))
		place_fill(t);
	return NULL;
}

static void *empty(void *arg)
{
	struct place *t = arg;

	if (!stay_on(t->cpu))
		place_empty(t);
	return NULL;
}

/* Fill, and replace objects over and over. */
static void *churn(void *arg)
{
	struct place *t = arg;
	unsigned int i;

	if (stay_on(t->cpu))
		return NULL;
	place_fill(t);
	for (i = 0; i < ROUNDS; i++) {
		uint64_t r = load_random(&t->seed);
		void **p = &t->slot[r % SLOTS];

		free(*p);
		*p = object(size_of(load_random(&t->seed)));
	}
	return NULL;
}

FIXTURE(nodes) {
	struct place t[NODES * PER_NODE];
	int n;
	void **warm;
	const char *why;
};

FIXTURE_SETUP(nodes)
{
	int node, i;
	size_t k;

	memset(ncpus, 0, sizeof(ncpus));
	nodes_read();
	self->why = !ncpus[1] ? "one NUMA node only" :
		    getauxval(AUXV_RSEQ_FEATURE_SIZE) < RSEQ_NODE_ID_END ?
		    "this kernel tells no thread its node" : NULL;
	if (self->why)
		return;
	ASSERT_EQ(0, stay_on(cpus[0][0]));
	for (i = 0; i < PER_NODE; i++)
		for (node = 0; node < NODES; node++) {
			struct place *t = &self->t[self->n];

			if (i >= ncpus[node])
				continue;
			t->cpu = cpus[node][i];
			t->node = node;
			t->seed = 1 + self->n++;
			t->slot = calloc(SLOTS, sizeof(*t->slot));
			ASSERT_NE(NULL, t->slot);
			memset(t->slot, 0, SLOTS * sizeof(*t->slot));
		}
	self->warm = calloc(WARM / WARM_PIECE, sizeof(*self->warm));
	ASSERT_NE(NULL, self->warm);
	for (k = 0; k < WARM / WARM_PIECE; k++) {
		self->warm[k] = object(WARM_PIECE);
		ASSERT_NE(NULL, self->warm[k]);
	}
}

FIXTURE_TEARDOWN(nodes)
{
}

static int run(struct place *t, int n, void *(*fn)(void *arg))
{
	pthread_t thread[NODES * PER_NODE];
	int i;

	for (i = 0; i < n; i++)
		if (pthread_create(&thread[i], NULL, fn, &t[i]))
			return -1;
	for (i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	return 0;
}

static uint64_t number(const char *name)
{
	size_t len = sizeof(uint64_t);
	uint64_t n = 0;

	return shim_ctl(name, &n, &len, NULL, 0) ? UINT64_MAX : n;
}

/*
 * What threads allocate, and free where they allocated it, is on their node, but for
 * what was at hand when there was only one.  How often they met at what all nodes
 * share is told.
 */
TEST_F(nodes, own_objects_are_near)
{
	uint64_t hits = number("transfer.hits");
	uint64_t far = number("transfer.misses") + number("transfer.spills");
	long live = 0, away = 0;
	int i;

	if (self->why)
		SKIP(return, "%s", self->why);
	ASSERT_EQ(0, run(self->t, self->n, churn));
	hits = number("transfer.hits") - hits;
	far = number("transfer.misses") + number("transfer.spills") - far;
	for (i = 0; i < self->n; i++) {
		place_look(&self->t[i]);
		ASSERT_LE(0, self->t[i].away);
		EXPECT_EQ(0, self->t[i].gone);
		live += self->t[i].live;
		away += self->t[i].away;
	}
	TH_LOG("%d threads, %ld objects, %ld on another node", self->n, live,
	       away);
	TH_LOG("%llu batches in a domain, %llu by the lists of all",
	       (unsigned long long)hits, (unsigned long long)far);
	EXPECT_EQ(self->n * (long)SLOTS, live);
	EXPECT_GT(live / 8, away);
}

/*
 * What was allocated on node 0 and freed on node 1 goes back to node 0, but for
 * what a CPU keeps at hand.
 */
TEST_F(nodes, freed_elsewhere_goes_home)
{
	struct place *here = NULL, *there = NULL, gone, next;
	int i;

	if (self->why)
		SKIP(return, "%s", self->why);
	for (i = 0; i < self->n; i++)
		if (self->t[i].node)
			there = &self->t[i];
		else
			here = &self->t[i];
	ASSERT_EQ(0, run(here, 1, fill));
	/* its objects, freed on the other node */
	gone = *here;
	gone.cpu = cpus[1][0];
	ASSERT_EQ(0, run(&gone, 1, empty));
	ASSERT_EQ(0, run(there, 1, fill));
	place_look(there);
	TH_LOG("%ld objects, %ld on another node", there->live, there->away);
	ASSERT_LE(0, there->away);
	EXPECT_EQ(SLOTS, there->live);
	EXPECT_GT(SLOTS / 2, there->away);

	/*
	 * and is there for who is on node 0, but for blocks that were made whole
	 * again meanwhile, by a thread of node 1
	 */
	next = *here;
	ASSERT_EQ(0, run(&next, 1, fill));
	place_look(&next);
	TH_LOG("%ld objects, %ld on another node", next.live, next.away);
	EXPECT_GT(SLOTS / 2, next.away);
}

TEST_HARNESS_MAIN
