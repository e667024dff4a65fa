// SPDX-License-Identifier: GPL-2.0-only
/*
 * share: objects that die on another CPU than the one that made them.
 *
 * The rings below are single-producer, single-consumer, with one index each
 * side.  Who finds the ring full or empty sleeps rather than spins, and an index
 * is published once in 64 objects, so that what is measured is the allocator and
 * not the ring.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "work.h"

#define SHARE_RING	4096	/* a power of two */
#define SHARE_LINE	128	/* a cache line and its neighbour */
#define SHARE_PUBLISH	64	/* divides SHARE_RING */
#define SHARE_TURN	2048	/* half a ring: never full */
#define SHARE_NAP_US	50	/* a ring lasts for about 200 */

/**
 * struct share_ring - objects on their way
 * @head: written by the producer, release; read by the consumer, acquire
 * @put: the producer's own: objects put so far, @head is its published part
 * @tail: written by the consumer, release; read by the producer, acquire
 * @got: the consumer's own: objects taken so far
 * @seen: the consumer's own: the last @head it read
 * @slot: slot[i] belongs to the consumer while tail <= i < head
 */
struct share_ring {
	uint64_t head;
	uint64_t put;
	char pad0[SHARE_LINE - 2 * sizeof(uint64_t)];
	uint64_t tail;
	uint64_t got;
	uint64_t seen;
	char pad1[SHARE_LINE - 3 * sizeof(uint64_t)];
	void *slot[SHARE_RING];
};

/* let the consumer see what was put */
static void share_ring_flush(struct share_ring *ring)
{
	__atomic_store_n(&ring->head, ring->put, __ATOMIC_RELEASE);
}

static void share_ring_put(struct share_ring *ring, void *p)
{
	uint64_t put = ring->put;

	if (put % SHARE_PUBLISH == 0) {
		share_ring_flush(ring);
		/* pairs with the release in share_ring_get() */
		while (put + SHARE_PUBLISH -
		       __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) >
		       SHARE_RING)
			usleep(SHARE_NAP_US);
	}
	ring->slot[put % SHARE_RING] = p;
	ring->put = put + 1;
}

static void *share_ring_get(struct share_ring *ring)
{
	void *p;

	if (ring->got == ring->seen) {
		__atomic_store_n(&ring->tail, ring->got, __ATOMIC_RELEASE);
		/* pairs with the release in share_ring_flush() */
		while ((ring->seen = __atomic_load_n(&ring->head,
						     __ATOMIC_ACQUIRE)) ==
		       ring->got)
			usleep(SHARE_NAP_US);
	}
	p = ring->slot[ring->got % SHARE_RING];
	if (++ring->got % SHARE_PUBLISH == 0)
		__atomic_store_n(&ring->tail, ring->got, __ATOMIC_RELEASE);
	return p;
}

struct share_arg {
	struct share_ring *in, *out;
	uint64_t count;
	uint64_t seed;
	uint64_t sum;
};

static void *share_produce(void *p)
{
	struct share_arg *arg = p;
	struct work_rand r;
	uint64_t i;

	work_rand_init(&r, arg->seed);
	for (i = 0; i < arg->count; i++)
		share_ring_put(arg->out,
			       work_alloc(work_rand_size(&r, 4, 10), i));
	share_ring_flush(arg->out);
	return NULL;
}

static void *share_consume(void *p)
{
	struct share_arg *arg = p;
	uint64_t i;
	void *object;

	for (i = 0; i < arg->count; i++) {
		object = share_ring_get(arg->in);
		arg->sum += work_tag(object);
		free(object);
	}
	return NULL;
}

/*
 * What a thread gets it frees, what it makes it passes on, SHARE_TURN of each in
 * turn: all wait for each other, none for ever.
 */
static void *share_relay(void *p)
{
	struct share_arg *arg = p;
	struct work_rand r;
	void *object;
	uint64_t i, k;

	work_rand_init(&r, arg->seed);
	for (i = 0; i < arg->count; i++) {
		for (k = 0; k < SHARE_TURN; k++)
			share_ring_put(arg->out,
				       work_alloc(work_rand_size(&r, 4, 10),
						  k));
		share_ring_flush(arg->out);
		for (k = 0; k < SHARE_TURN; k++) {
			object = share_ring_get(arg->in);
			arg->sum += work_tag(object);
			free(object);
		}
	}
	return NULL;
}

struct share_thread {
	void *(*run)(void *arg);
	struct share_arg arg;
};

static void *share_thread_run(void *p)
{
	struct share_thread *thread = p;

	return thread->run(&thread->arg);
}

static uint64_t share_rings_run(struct share_thread *threads, unsigned int n,
				struct share_ring *rings)
{
	uint64_t sum = 0;
	unsigned int i;

	work_threads_run(n, share_thread_run, threads, sizeof(*threads));
	for (i = 0; i < n; i++)
		sum += threads[i].arg.sum;
	free(threads);
	free(rings);
	return sum;
}

/* n zeroed rings; they are freed by share_rings_run() */
static struct share_ring *share_rings(unsigned int n)
{
	struct share_ring *rings;
	unsigned int i;

	rings = aligned_alloc(SHARE_LINE, n * sizeof(*rings));
	work_check(!!rings, "no memory");
	for (i = 0; i < n; i++)
		memset(&rings[i], 0, offsetof(struct share_ring, slot));
	return rings;
}

static uint64_t share_pipeline(const struct work_env *env)
{
	unsigned int pairs = env->threads / 2 ? env->threads / 2 : 1, i;
	struct share_thread *threads = calloc(2 * pairs, sizeof(*threads));
	struct share_ring *rings = share_rings(pairs);
	uint64_t count = work_count(env, 4000000);

	work_check(!!threads, "no memory");
	for (i = 0; i < pairs; i++) {
		threads[2 * i] = (struct share_thread){
			share_produce,
			{ .out = &rings[i], .count = count, .seed = 30 + i }
		};
		threads[2 * i + 1] = (struct share_thread){
			share_consume, { .in = &rings[i], .count = count }
		};
	}
	return share_rings_run(threads, 2 * pairs, rings);
}

static uint64_t share_circle(const struct work_env *env)
{
	unsigned int n = env->threads, i;
	struct share_thread *threads = calloc(n, sizeof(*threads));
	struct share_ring *rings = share_rings(n);
	uint64_t count = work_count(env, 2500);

	work_check(!!threads, "no memory");
	for (i = 0; i < n; i++)
		threads[i] = (struct share_thread){
			share_relay,
			{ .in = &rings[i], .out = &rings[(i + 1) % n],
			  .count = count, .seed = 40 + i }
		};
	return share_rings_run(threads, n, rings);
}

#define SHARE_BATCH	1000

struct share_batch {
	uint64_t n;
	void *object[SHARE_BATCH];
};

struct share_batch_arg {
	struct share_ring *in, *out;
	uint64_t rounds;
	uint64_t sum;
};

/*
 * A thread fills batches and frees the batches of its neighbour: objects cross
 * a thousand at a time, as between the stages of a query.
 */
static void *share_batch_run(void *p)
{
	struct share_batch_arg *arg = p;
	struct share_batch *batch;
	uint64_t i, k;

	for (i = 0; i < arg->rounds; i++) {
		batch = work_alloc(sizeof(*batch), 0);
		for (k = 0; k < SHARE_BATCH; k++)
			batch->object[k] = work_alloc(64 + (k & 7) * 32, k);
		batch->n = SHARE_BATCH;
		share_ring_put(arg->out, batch);
		share_ring_flush(arg->out);
		batch = share_ring_get(arg->in);
		for (k = 0; k < batch->n; k++) {
			arg->sum += work_tag(batch->object[k]);
			free(batch->object[k]);
		}
		free(batch);
	}
	return NULL;
}

static uint64_t share_batches(const struct work_env *env)
{
	struct share_ring *rings = share_rings(env->threads);
	struct share_batch_arg *args = calloc(env->threads, sizeof(*args));
	unsigned int n = env->threads, i;
	uint64_t sum = 0;

	work_check(!!args, "no memory");
	for (i = 0; i < n; i++) {
		args[i].in = &rings[i];
		args[i].out = &rings[(i + 1) % n];
		args[i].rounds = work_count(env, 4000);
	}
	work_threads_run(n, share_batch_run, args, sizeof(*args));
	for (i = 0; i < n; i++)
		sum += args[i].sum;
	free(args);
	free(rings);
	return sum;
}

#define SHARE_WRITES	200

struct share_scratch_arg {
	char *given;	/* freed first: the allocator may put ours there */
	uint64_t rounds;
	uint64_t sum;
};

/*
 * Each thread writes a small object of its own again and again; if two of them
 * share a cache line, the line travels.
 */
static void *share_scratch_run(void *p)
{
	struct share_scratch_arg *arg = p;
	volatile char *object;
	uint64_t i, k;

	free(arg->given);
	for (i = 0; i < arg->rounds; i++) {
		object = malloc(8);
		work_check(!!object, "no memory");
		*object = 0;
		for (k = 0; k < SHARE_WRITES; k++)
			*object = (char)(*object + 1);
		arg->sum += (unsigned char)*object;
		free((char *)object);
	}
	return NULL;
}

/* @given: threads start by freeing neighbours in one line of the main thread */
static uint64_t share_scratch_with(const struct work_env *env, int given)
{
	struct share_scratch_arg *args = calloc(env->threads, sizeof(*args));
	unsigned int i;
	uint64_t sum = 0;

	work_check(!!args, "no memory");
	for (i = 0; i < env->threads; i++) {
		args[i].rounds = work_count(env, 400000);
		if (given)
			args[i].given = work_alloc(8, i);
	}
	work_threads_run(env->threads, share_scratch_run, args, sizeof(*args));
	for (i = 0; i < env->threads; i++)
		sum += args[i].sum;
	free(args);
	return sum;
}

static uint64_t share_thrash(const struct work_env *env)
{
	return share_scratch_with(env, 0);
}

static uint64_t share_scratch(const struct work_env *env)
{
	return share_scratch_with(env, 1);
}

const struct work work_share[] = {
	{ "pipeline", "one thread allocates, another frees", share_pipeline },
	{ "circle", "each frees what its neighbour made", share_circle },
	{ "batches", "a thousand objects handed over at once",
	  share_batches },
	{ "cache-thrash", "small objects written by their own thread",
	  share_thrash },
	{ "cache-scratch", "the same after freeing one line's neighbours",
	  share_scratch },
	{ NULL, NULL, NULL }
};
