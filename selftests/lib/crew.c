// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads at work on one arena.  A member's numbers are its own until
 * crew_end(); only the word to stop is shared.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "crew.h"
#include "process.h"

int crew_add(struct crew *c, void *(*body)(void *member), unsigned int pause,
	     unsigned long share)
{
	struct member *m = &c->member[c->n];
	int err;

	if (c->n == CREW_MAX)
		return ENOSPC;
	memset(m, 0, sizeof(*m));
	m->crew = c;
	m->id = c->n;
	m->seed = c->n;
	m->pause = pause;
	m->share = share;
	err = pthread_create(&m->thread, NULL, body, m);
	if (!err)
		c->n++;
	return err;
}

bool crew_goes_on(struct member *m)
{
	__atomic_store_n(&m->rounds, m->rounds + 1, __ATOMIC_RELAXED);
	if (m->pause)
		usleep(m->pause);
	return !__atomic_load_n(&m->crew->stop, __ATOMIC_RELAXED);
}

unsigned int crew_random(struct member *m)
{
	m->seed = m->seed * 1103515245 + 12345;
	return m->seed >> 8;
}

void crew_wait(const struct crew *c)
{
	unsigned int i;

	for (i = 0; i < c->n; i++)
		while (__atomic_load_n(&c->member[i].rounds, __ATOMIC_RELAXED) <
		       c->member[i].share)
			usleep(1000);
}

void crew_end(struct crew *c)
{
	unsigned int i;

	__atomic_store_n(&c->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < c->n; i++)
		pthread_join(c->member[i].thread, NULL);
}

void *crew_drop(void *member)
{
	struct member *m = member;
	struct arena *a = &m->crew->a;

	do
		m->wrong += madvise(a->base, a->size, MADV_DONTNEED) != 0;
	while (crew_goes_on(m));
	return NULL;
}

void *crew_fork(void *member)
{
	struct member *m = member;
	struct arena *a = &m->crew->a;

	do {
		pid_t pid = child_fork();

		if (!pid) {
			memset(a->base, 'c', a->size / 2);
			arena_punch(a, a->size / 4, a->size / 2);
			memset(a->base, 'd', a->size);
			_exit(0);
		}
		m->wrong += pid < 0 || child_wait(pid);
	} while (crew_goes_on(m));
	return NULL;
}
