// SPDX-License-Identifier: GPL-2.0-only
/*
 * load: threads that allocate, check, free and exchange objects.
 *
 * An object's first word is its size, and every byte behind it is made of its
 * address and size: two objects that overlap cannot both be right.
 */
#include <malloc.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

struct arg {
	struct load *l;
	uint64_t seed;
};

uint64_t load_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static unsigned char mark(const void *p, size_t size)
{
	return (unsigned char)(((uintptr_t)p >> 4) * 31 + size);
}

static void object_fill(unsigned char *p, size_t size)
{
	memcpy(p, &size, sizeof(size));
	memset(p + sizeof(size), mark(p, size), size - sizeof(size));
}

/* Are all of @n bytes the same? */
static bool is_all(const unsigned char *p, unsigned char value, size_t n)
{
	return !n || (*p == value && !memcmp(p, p + 1, n - 1));
}

static void *object_make(size_t size, uint64_t r)
{
	size_t align = 16;
	unsigned char *p;

	if (size < sizeof(size_t))
		size = sizeof(size_t);
	switch (r % 8) {
	case 0:
		p = calloc(1, size);
		if (p && !is_all(p, 0, size))
			return NULL;
		break;
	case 1:
		align <<= r / 8 % 7;
		p = aligned_alloc(align, size);
		break;
	default:
		p = malloc(size);
	}
	if (!p || (uintptr_t)p % align)
		return NULL;
	object_fill(p, size);
	return p;
}

static bool object_is_good(const unsigned char *p)
{
	size_t size;

	memcpy(&size, p, sizeof(size));
	if (size < sizeof(size) || malloc_usable_size((void *)p) < size)
		return false;
	return is_all(p + sizeof(size), mark(p, size), size - sizeof(size));
}

static void object_drop(struct load *l, void *p)
{
	if (!p)
		return;
	if (!object_is_good(p))
		__atomic_fetch_add(&l->bad, 1, __ATOMIC_RELAXED);
	free(p);
}

/* Grow or shrink; the contents that remain must not change. */
static void *object_resize(struct load *l, void *p, size_t size)
{
	size_t old, less;
	unsigned char was, *q;

	memcpy(&old, p, sizeof(old));
	was = mark(p, old);
	if (!object_is_good(p))
		__atomic_fetch_add(&l->bad, 1, __ATOMIC_RELAXED);
	if (size < sizeof(size))
		size = sizeof(size);
	q = realloc(p, size);
	if (!q)
		return p;
	less = size < old ? size : old;
	if (memcmp(q, &old, sizeof(old)) ||
	    !is_all(q + sizeof(old), was, less - sizeof(old)))
		__atomic_fetch_add(&l->bad, 1, __ATOMIC_RELAXED);
	object_fill(q, size);
	return q;
}

static void move_cpu(uint64_t r)
{
	static long n;
	cpu_set_t set;

	if (!n)
		n = sysconf(_SC_NPROCESSORS_ONLN);
	CPU_ZERO(&set);
	CPU_SET(r % (uint64_t)n, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/*
 * Small sizes are as frequent as in programs: each doubling half as likely,
 * from the smallest class on.
 */
static size_t size_pick(size_t max, uint64_t r)
{
	unsigned int shift = __builtin_ctzll(r | (uint64_t)1 << 20);
	size_t size = ((size_t)8 << shift) + r % ((size_t)8 << shift);

	return size % max + 1;
}

void load_run(struct load *l, uint64_t rounds, uint64_t seed)
{
	void *slot[LOAD_SLOTS] = { NULL };
	uint64_t state = seed | 1;
	uint64_t i, n;

	for (i = 0; (!rounds || i < rounds) && !l->stop; i++) {
		uint64_t r = load_random(&state);
		void **s = &slot[r % LOAD_SLOTS];
		size_t size = size_pick(l->max, r >> 16);

		if (!*s) {
			*s = object_make(size, r >> 40);
			if (!*s)
				__atomic_fetch_add(&l->bad, 1,
						   __ATOMIC_RELAXED);
		} else if (r >> 60 == 0) {
			*s = object_resize(l, *s, size);
		} else if (r >> 60 < 4) {
			*s = __atomic_exchange_n(&l->shared[(r >> 20) %
							    LOAD_SHARED], *s,
						 __ATOMIC_ACQ_REL);
		} else {
			object_drop(l, *s);
			*s = NULL;
		}
		if (l->migrate && i % 512 == 0)
			move_cpu(r >> 30);
	}
	for (n = 0; n < LOAD_SLOTS; n++)
		object_drop(l, slot[n]);
	__atomic_fetch_add(&l->rounds, i, __ATOMIC_RELAXED);
}

static void *thread_main(void *data)
{
	struct arg arg = *(struct arg *)data;

	free(data);
	load_run(arg.l, arg.l->target, arg.seed);
	return NULL;
}

void load_start(struct load *l, unsigned int nthreads)
{
	unsigned int i;

	l->nthreads = nthreads;
	for (i = 0; i < nthreads; i++) {
		struct arg *arg = malloc(sizeof(*arg));

		arg->l = l;
		arg->seed = 0x9e3779b97f4a7c15u * (i + 1);
		if (pthread_create(&l->thread[i], NULL, thread_main, arg))
			abort();
	}
}

void load_join(struct load *l)
{
	unsigned int i;

	for (i = 0; i < l->nthreads; i++)
		pthread_join(l->thread[i], NULL);
}

void load_drain(struct load *l)
{
	unsigned int i;

	for (i = 0; i < LOAD_SHARED; i++) {
		object_drop(l, l->shared[i]);
		l->shared[i] = NULL;
	}
}
