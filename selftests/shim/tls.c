// SPDX-License-Identifier: GPL-2.0-only
/*
 * tls: allocation by threads that are ending, in thread-specific destructors and
 * after them, and threads beyond glibc's preallocated keys.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "patience.h"
#include "load.h"
#include "shim.h"

#define KEYS	100	/* glibc callocs room for more than 32 */

static pthread_key_t keys[KEYS];
static unsigned int destroyed;

/* Frees its value and, for some rounds, leaves a new one. */
static void destroy(void *value)
{
	uint64_t left;

	memcpy(&left, value, sizeof(left));
	free(value);
	__atomic_fetch_add(&destroyed, 1, __ATOMIC_RELAXED);
	if (left--) {
		value = malloc(200);
		memcpy(value, &left, sizeof(left));
		pthread_setspecific(keys[left % KEYS], value);
	}
}

static void *thread_with_keys(void *data)
{
	uint64_t left = 2;
	unsigned int i;

	for (i = 0; i < KEYS; i++) {
		void *p = malloc(64);

		memcpy(p, &left, sizeof(left));
		pthread_setspecific(keys[i], p);
	}
	return data;
}

TEST(destructors_allocate_and_free)
{
	pthread_t t;
	unsigned int i;

	for (i = 0; i < KEYS; i++)
		ASSERT_EQ(0, pthread_key_create(&keys[i], destroy));
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, pthread_create(&t, NULL, thread_with_keys, NULL));
		ASSERT_EQ(0, pthread_join(t, NULL));
	}
	EXPECT_LE(50 * KEYS, destroyed);
}

static void *thread_idle(void *data)
{
	pthread_barrier_t *b = data;
	unsigned int i;

	for (i = 1; i < 2000; i += 7)
		free(malloc(i));
	pthread_barrier_wait(b);
	pthread_barrier_wait(b);
	return NULL;
}

static uint64_t number(const char *name)
{
	size_t len = sizeof(uint64_t);
	uint64_t n = 0;

	return shim_ctl(name, &n, &len, NULL, 0) ? UINT64_MAX : n;
}

/* 200 threads that have allocated leave no more caches than there are CPUs. */
TEST(idle_threads_keep_nothing)
{
	uint64_t cpus = (uint64_t)sysconf(_SC_NPROCESSORS_CONF);
	pthread_barrier_t b;
	pthread_attr_t attr;
	pthread_t t[200];
	unsigned int i;

	pthread_barrier_init(&b, NULL, 201);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (i = 0; i < 200; i++)
		ASSERT_EQ(0, pthread_create(&t[i], &attr, thread_idle, &b));
	pthread_barrier_wait(&b);
	if (number("cache.rseq")) {
		EXPECT_LT(0, number("cache.attached"));
		EXPECT_GE(cpus, number("cache.attached"));
	}
	EXPECT_GE(cpus << 20, number("cache.bytes"));
	pthread_barrier_wait(&b);
	for (i = 0; i < 200; i++)
		pthread_join(t[i], NULL);
}

TEST_HARNESS_MAIN
