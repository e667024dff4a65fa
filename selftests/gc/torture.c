// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that build, link, pass on and drop objects while collections and
 * forks go on.  Every object carries what it must hold; one that was freed
 * while it was reachable, or handed out twice, is noticed when it is next
 * visited.
 *
 * SHIM_GC_MODE, SHIM_GC_VERIFY and SHIM_GC_PERCENT vary it.
 *
 * Usage: torture [-s SECONDS | -n ROUNDS] [-t THREADS] [-f FORKS] [-c COLLECTS]
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shim_gc.h"

#define KIDS	3
#define SHARED	512
#define OWN	64
#define DEPTH	12
#define MAGIC	0x5bd1e995a1b2c3d4ull

struct node {
	uint64_t magic;		/* MAGIC ^ address ^ serial */
	uint64_t serial;
	struct node *kid[KIDS];
	unsigned char *data;	/* an object without pointers */
	uint32_t len;
	uint32_t fill;
};

static const unsigned int offsets[] = {
	offsetof(struct node, kid[0]), offsetof(struct node, kid[1]),
	offsetof(struct node, kid[2]), offsetof(struct node, data),
};

static const struct shim_gc_type node_type = {
	.size = sizeof(struct node),
	.nr = 4,
	.offset = offsets,
};

static struct node *_Atomic shared[SHARED];
static _Atomic uint64_t lost, visited, made;
static _Atomic bool end;
static unsigned int rounds = 2000;

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static uint64_t magic_of(const struct node *n)
{
	uintptr_t at = (uintptr_t)n;

	return MAGIC ^ at ^ n->serial;
}

static void store(struct node **slot, struct node *v)
{
	shim_gc_store(slot, v);
}

static struct node *make(uint64_t *seed)
{
	struct node *n;
	uint64_t r = next(seed);
	unsigned int i;

	switch (r % 8) {
	case 0:
		n = shim_gc_alloc_typed(&node_type, 1);
		break;
	case 1:			/* now and then larger than a class */
		n = shim_gc_alloc(r & 0x1f00 ? sizeof(*n) + 500 : 40000);
		break;
	default:
		n = shim_gc_alloc(sizeof(*n));
	}
	if (!n)
		abort();
	for (i = 0; i < KIDS; i++)
		if (n->kid[i])
			atomic_fetch_add(&lost, 1);	/* stale memory */
	n->serial = r | 1;
	n->magic = magic_of(n);
	if (r % 5 == 0) {
		n->len = 1 + (r >> 20) % 300;
		n->fill = (r >> 40) & 0xff;
		n->data = shim_gc_alloc_data(n->len);
		if (!n->data)
			abort();
		memset(n->data, (int)n->fill, n->len);
	}
	atomic_fetch_add_explicit(&made, 1, memory_order_relaxed);
	return n;
}

static bool is_good(struct node *n)
{
	uint32_t i;

	if (n->magic != magic_of(n))
		return false;
	for (i = 0; n->data && i < n->len; i++)
		if (n->data[i] != n->fill)
			return false;
	return true;
}

/* Walk at random, at most this deep. */
static void visit(struct node *n, uint64_t *seed, int depth)
{
	while (n && depth--) {
		atomic_fetch_add_explicit(&visited, 1, memory_order_relaxed);
		if (!is_good(n)) {
			atomic_fetch_add(&lost, 1);
			fprintf(stderr, "lost %p magic %lx serial %lx\n",
				(void *)n, n->magic, n->serial);
			return;
		}
		n = n->kid[next(seed) % KIDS];
	}
}

static void step(struct node **own, uint64_t *seed)
{
	uint64_t r = next(seed);
	unsigned int a = (r >> 8) % OWN, b = (r >> 24) % OWN;
	unsigned int at = (r >> 40) % SHARED;
	struct node *n;

	switch (r % 16) {
	case 0 ... 8:
		n = make(seed);
		store(&n->kid[(r >> 50) % KIDS], own[a]);
		own[b] = n;
		break;
	case 9:			/* move an edge: see gc/colours */
		if (own[a] && own[b]) {
			n = own[b]->kid[0];
			store(&own[a]->kid[1], n);
			store(&own[b]->kid[0], NULL);
		}
		break;
	case 10:
		own[a] = NULL;
		break;
	case 11:
		own[b] = atomic_exchange(&shared[at], own[a]);
		own[a] = NULL;
		break;
	case 12:
	case 13:
		visit(own[a], seed, 50);
		visit(atomic_load(&shared[at]), seed, 50);
		break;
	default:		/* chains must not grow without end */
		if (own[a] && (r >> 56) % 32 == 0)
			store(&own[a]->kid[(r >> 50) % KIDS], NULL);
		break;
	}
}

/* Something that lives longer: a tree of 2^depth - 1 objects. */
static struct node *plant(int depth, uint64_t *seed)
{
	struct node *n = make(seed);

	if (--depth) {
		store(&n->kid[0], plant(depth, seed));
		store(&n->kid[2], plant(depth, seed));
	}
	return n;
}

static unsigned int count(struct node *n)
{
	if (!n)
		return 0;
	if (!is_good(n))
		return 0;
	return 1 + count(n->kid[0]) + count(n->kid[2]);
}

static void *thread_main(void *arg)
{
	struct node *own[OWN] = { NULL }, *tree = NULL;
	uint64_t seed = (uint64_t)(uintptr_t)arg * 0x9e3779b97f4a7c15ull + 1;
	unsigned int i, r;

	for (r = 0; !atomic_load(&end) && (!rounds || r < rounds); r++) {
		if (r % 64 == 0)
			tree = plant(DEPTH, &seed);
		for (i = 0; i < 1000; i++)
			step(own, &seed);
		if (r % 16 == 0 && count(tree) != (1u << DEPTH) - 1) {
			atomic_fetch_add(&lost, 1);
			fprintf(stderr, "lost: tree has %u\n", count(tree));
		}
	}
	for (i = 0; i < OWN; i++)
		visit(own[i], &seed, 1000);
	return NULL;
}

/* Threads come and go: each does a few rounds and hands on what it has. */
static void *short_main(void *arg)
{
	struct node *own[OWN] = { NULL };
	uint64_t seed = (uint64_t)(uintptr_t)arg * 0x9e3779b97f4a7c15ull + 77;
	unsigned int i;

	for (i = 0; i < 20000; i++)
		step(own, &seed);
	return NULL;
}

static int in_child(void)
{
	struct node *own[OWN] = { NULL };
	uint64_t seed = (uint64_t)getpid() * 0x9e3779b97f4a7c15ull + 3;
	unsigned int i;

	for (i = 0; i < SHARED; i++)
		visit(atomic_load(&shared[i]), &seed, 200);
	for (i = 0; i < 3000; i++)
		step(own, &seed);
	if (shim_gc_collect() || shim_gc_verify())
		return 2;
	for (i = 0; i < 3000; i++)
		step(own, &seed);
	for (i = 0; i < SHARED; i++)
		visit(atomic_load(&shared[i]), &seed, 200);
	return atomic_load(&lost) != 0;
}

int main(int argc, char **argv)
{
	unsigned int nthreads = 8, forks = 20, collects = 100, i, bad = 0;
	unsigned int seconds = 0;
	struct timespec pause = { 0, 1000000 };
	struct shim_gc_stat st;
	pthread_t thread[256], brief;
	time_t until;
	int c, status;
	pid_t pid;

	while ((c = getopt(argc, argv, "s:n:t:f:c:")) != -1) {
		switch (c) {
		case 's':
			seconds = (unsigned int)atoi(optarg);
			break;
		case 'n':
			rounds = (unsigned int)atoi(optarg);
			break;
		case 't':
			nthreads = (unsigned int)atoi(optarg);
			break;
		case 'f':
			forks = (unsigned int)atoi(optarg);
			break;
		case 'c':
			collects = (unsigned int)atoi(optarg);
			break;
		default:
			return 2;
		}
	}
	if (seconds)
		rounds = 0;
	until = time(NULL) + seconds;
	for (i = 0; i < nthreads; i++)
		if (pthread_create(&thread[i], NULL, thread_main,
				   (void *)(uintptr_t)(i + 1)))
			return 2;
	for (i = 0; seconds ? time(NULL) < until : i < forks + collects; i++) {
		if (i % 5 == 0 && (seconds ? true : i / 5 < forks)) {
			pid = fork();
			if (!pid)
				_exit(in_child());
			if (pid < 0 || waitpid(pid, &status, 0) != pid ||
			    status) {
				bad++;
				fprintf(stderr, "child: status %x\n", status);
			}
		} else if (i % 5 == 1) {
			if (shim_gc_verify())
				bad++;
		} else if (i % 5 == 2) {
			if (!pthread_create(&brief, NULL, short_main,
					    (void *)(uintptr_t)(i + 999)))
				pthread_join(brief, NULL);
		} else {
			if (shim_gc_collect())
				bad++;
		}
		nanosleep(&pause, NULL);
	}
	shim_gc_get_stat(&st, sizeof(st));
	printf("while running: heap %lu MiB live %lu MiB\n", st.heap >> 20,
	       st.live >> 20);
	if (seconds)
		atomic_store(&end, true);
	for (i = 0; i < nthreads; i++)
		pthread_join(thread[i], NULL);
	if (shim_gc_verify())
		bad++;
	shim_gc_get_stat(&st, sizeof(st));
	if (st.missed) {
		fprintf(stderr, "%lu objects were not marked\n", st.missed);
		bad++;
	}
	printf("made %lu visited %lu lost %lu bad %u\n"
	       "collections %lu, %lu of them beside, failed %lu\n"
	       "heap %lu live %lu MiB, longest stop %lu us, mode %lu\n",
	       atomic_load(&made), atomic_load(&visited), atomic_load(&lost),
	       bad, st.collections, st.concurrent, st.failed, st.heap >> 20,
	       st.live >> 20, st.pause_max_ns / 1000, st.mode);
	bad += atomic_load(&lost) != 0;
	printf("TAP version 13\n1..1\n%sok 1 nothing is lost, nothing stale\n",
	       bad ? "not " : "");
	return bad != 0;
}
