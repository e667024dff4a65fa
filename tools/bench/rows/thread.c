// SPDX-License-Identifier: GPL-2.0-only
/*
 * thread: threads that each mind their own objects.
 *
 * What many threads cost an allocator that keeps something per thread: their
 * start, their caches while they sleep, and their inheritance at the end.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "work.h"

struct thread_arg {
	uint64_t count;
	uint64_t seed;
	uint64_t sum;
};

static uint64_t thread_sum(const struct thread_arg *args, unsigned int n)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		sum += args[i].sum;
	return sum;
}

static struct thread_arg *thread_args(unsigned int n, uint64_t count)
{
	struct thread_arg *args = calloc(n, sizeof(*args));
	unsigned int i;

	work_check(!!args, "no memory");
	for (i = 0; i < n; i++) {
		args[i].count = count;
		args[i].seed = 20 + i;
	}
	return args;
}

#define THREAD_LIVE	256

static void *thread_pairs_run(void *p)
{
	struct thread_arg *arg = p;
	void *live[THREAD_LIVE] = { NULL };
	uint64_t i, sum = 0;
	struct work_rand r;
	void **slot;

	work_rand_init(&r, arg->seed);
	for (i = 0; i < arg->count; i++) {
		slot = &live[work_rand_below(&r, THREAD_LIVE)];
		if (*slot)
			sum += work_tag(*slot);
		free(*slot);
		*slot = work_alloc(work_rand_size(&r, 4, 9), i);
	}
	for (i = 0; i < THREAD_LIVE; i++)
		free(live[i]);
	arg->sum = sum;
	return NULL;
}

/* Every CPU busy, nothing shared: does it scale? */
static uint64_t thread_pairs(const struct work_env *env)
{
	unsigned int n = env->threads;
	struct thread_arg *args = thread_args(n, work_count(env, 6000000));
	uint64_t sum;

	work_threads_run(n, thread_pairs_run, args, sizeof(*args));
	sum = thread_sum(args, n);
	free(args);
	return sum;
}

/* Eight threads for each CPU, all busy: caches must follow the CPUs. */
static uint64_t thread_many(const struct work_env *env)
{
	unsigned int n = 8 * env->threads;
	struct thread_arg *args = thread_args(n, work_count(env, 750000));
	uint64_t sum;

	work_threads_run(n, thread_pairs_run, args, sizeof(*args));
	sum = thread_sum(args, n);
	free(args);
	return sum;
}

#define THREAD_IDLE	200
#define THREAD_BURST	400	/* objects of a burst, 16 B to 8 KiB */

static pthread_barrier_t thread_idle_barrier;

/* A burst, then a long sleep with nothing but one object alive. */
static void *thread_idle_run(void *p)
{
	struct thread_arg *arg = p;
	void *live[THREAD_BURST];
	uint64_t i, k, sum = 0;
	struct work_rand r;
	void *kept = NULL;

	work_rand_init(&r, arg->seed);
	for (i = 0; i < arg->count; i++) {
		for (k = 0; k < THREAD_BURST; k++)
			live[k] = work_alloc(work_rand_size(&r, 4, 13), k);
		for (k = 0; k < THREAD_BURST; k++) {
			sum += work_tag(live[k]);
			free(live[k]);
		}
		free(kept);
		kept = work_alloc(64, i);
		/* all have had their burst; all are idle together */
		pthread_barrier_wait(&thread_idle_barrier);
		if (i + 1 == arg->count)
			usleep(300000);
	}
	free(kept);
	arg->sum = sum;
	return NULL;
}

static uint64_t thread_idle(const struct work_env *env)
{
	struct thread_arg *args;
	uint64_t sum;

	args = thread_args(THREAD_IDLE, work_count(env, 12));
	pthread_barrier_init(&thread_idle_barrier, NULL, THREAD_IDLE);
	work_threads_run(THREAD_IDLE, thread_idle_run, args, sizeof(*args));
	pthread_barrier_destroy(&thread_idle_barrier);
	sum = thread_sum(args, THREAD_IDLE);
	free(args);
	return sum;
}

#define THREAD_TASK	50

/* A thread a task: what a thread's first and last malloc() cost. */
static void *thread_task_run(void *p)
{
	struct thread_arg *arg = p;
	void *live[THREAD_TASK];
	struct work_rand r;
	int i;

	work_rand_init(&r, arg->seed);
	for (i = 0; i < THREAD_TASK; i++)
		live[i] = work_alloc(work_rand_size(&r, 4, 11), arg->seed);
	for (i = 0; i < THREAD_TASK; i++) {
		arg->sum += work_tag(live[i]);
		free(live[i]);
	}
	return NULL;
}

static uint64_t thread_spawn(const struct work_env *env)
{
	uint64_t rounds = work_count(env, 3000), sum = 0, i;
	struct thread_arg *args = thread_args(env->threads, 1);

	for (i = 0; i < rounds; i++)
		work_threads_run(env->threads, thread_task_run, args,
				 sizeof(*args));
	sum = thread_sum(args, env->threads);
	free(args);
	return sum;
}

#define LARSON_SLOTS	2000	/* objects a thread leaves to its successor */

struct larson_arg {
	uint64_t count;
	uint64_t seed;
	uint64_t sum;
	void *slot[LARSON_SLOTS];
};

static void *larson_run(void *p)
{
	struct larson_arg *arg = p;
	struct work_rand r;
	void **slot;
	uint64_t i;

	work_rand_init(&r, arg->seed++);
	for (i = 0; i < arg->count; i++) {
		slot = &arg->slot[work_rand_below(&r, LARSON_SLOTS)];
		if (*slot)
			arg->sum += work_tag(*slot);
		free(*slot);
		*slot = work_alloc(work_rand_size(&r, 4, 10), i);
	}
	return NULL;
}

/*
 * After Larson and Krishnan: threads come and go, and each goes on with the
 * objects of the one before it.
 */
static uint64_t thread_larson(const struct work_env *env)
{
	struct larson_arg *args = calloc(env->threads, sizeof(*args));
	uint64_t rounds = work_count(env, 80), sum = 0, i;
	unsigned int t;

	work_check(!!args, "no memory");
	for (t = 0; t < env->threads; t++) {
		args[t].count = 60000;
		args[t].seed = 1000 * t;
	}
	for (i = 0; i < rounds; i++)
		work_threads_run(env->threads, larson_run, args, sizeof(*args));
	for (t = 0; t < env->threads; t++) {
		sum += args[t].sum;
		for (i = 0; i < LARSON_SLOTS; i++)
			free(args[t].slot[i]);
	}
	free(args);
	return sum;
}

const struct work work_thread[] = {
	{ "threads", "a busy thread per CPU, nothing shared", thread_pairs },
	{ "threads-8x", "eight busy threads per CPU", thread_many },
	{ "threads-idle", "200 threads, a burst each, then asleep",
	  thread_idle },
	{ "thread-spawn", "a new thread for every 50 objects", thread_spawn },
	{ "larson", "threads that inherit objects and die", thread_larson },
	{ NULL, NULL, NULL }
};
