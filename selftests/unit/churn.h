/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * churn: threads that take objects of a layer and give them back, at random.
 */
#ifndef UNIT_CHURN_H
#define UNIT_CHURN_H

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#define CHURN_THREADS	4
#define CHURN_MAX	256	/* objects that a thread has at most */

/**
 * struct churn - what the threads do
 * @get: take up to @n objects
 * @put: give @n objects back
 * @rest: called by each thread now and then, or NULL
 * @cls: size class
 * @batch: objects of a call at most
 * @rounds: calls of each thread
 */
struct churn {
	unsigned int (*get)(unsigned int cls, void **objs, unsigned int n);
	void (*put)(unsigned int cls, void **objs, unsigned int n);
	void (*rest)(void);
	unsigned int cls;
	unsigned int batch;
	unsigned int rounds;
};

static const struct churn *churn_now;

static void *churn_thread(void *data)
{
	unsigned int seed = (unsigned int)(uintptr_t)data, have = 0, i, n;
	const struct churn *c = churn_now;
	void *objs[CHURN_MAX];

	for (i = 0; i < c->rounds; i++) {
		n = rand_r(&seed) % c->batch + 1;
		if (have + n <= CHURN_MAX && rand_r(&seed) % 2) {
			have += c->get(c->cls, objs + have, n);
		} else if (have >= n) {
			have -= n;
			c->put(c->cls, objs + have, n);
		}
		if (c->rest && i % 1000 == 0)
			c->rest();
	}
	c->put(c->cls, objs, have);
	return NULL;
}

/* Let the threads run to their end; 0, or an error number. */
static int churn(const struct churn *c)
{
	pthread_t t[CHURN_THREADS];
	unsigned int i, n;
	int err = 0;

	churn_now = c;
	for (n = 0; n < CHURN_THREADS && !err; n += !err)
		err = pthread_create(&t[n], NULL, churn_thread,
				     (void *)(uintptr_t)(n + 1));
	for (i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	return err;
}

#endif
