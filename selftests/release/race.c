// SPDX-License-Identifier: GPL-2.0-only
/*
 * 16 threads fault, check and release at once, while others join, fork and
 * drop mappings over everything.  Each owns some pages and knows what must be
 * in them.
 */
#include "harness.h"
#include <pthread.h>

#define BLOCKS		8
#define OWNERS		13
#define SECONDS		5

struct shared {
	struct arena a;
	int stop;
	/* per thread, hence not atomic */
	unsigned long wrong[OWNERS + 3], rounds[OWNERS + 3];
};

struct thread {
	pthread_t thread;
	struct shared *s;
	unsigned int id;
};

FIXTURE(race) {
	struct shared s;
	struct thread t[OWNERS + 3];
};

FIXTURE_SETUP(race)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, param_write("pool_target_mb", 16));
	ASSERT_EQ(0, param_write("reserve_max", 4));
	ASSERT_EQ(0, arena_make(&self->s.a, BLOCKS));
}

FIXTURE_TEARDOWN(race)
{
	arena_drop(&self->s.a);
	params_reset();
}

static int stopped(struct shared *s)
{
	return __atomic_load_n(&s->stop, __ATOMIC_RELAXED);
}

static unsigned int next(unsigned int *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 8;
}

/* Owns every OWNERS-th page: each is either zero or what it wrote last. */
static void *owner(void *arg)
{
	struct thread *t = arg;
	struct shared *s = t->s;
	size_t pages = s->a.size / OS_PAGE / OWNERS;
	unsigned char *last = calloc(pages, 1);
	unsigned int seed = t->id;

	while (last && !stopped(s)) {
		size_t i = next(&seed) % pages;
		size_t offset = (i * OWNERS + t->id) * OS_PAGE;
		char *p = s->a.base + offset;

		s->wrong[t->id] += byte_read(p) != (char)last[i] ||
				   byte_read(p + OS_PAGE - 1) != (char)last[i];
		if (next(&seed) % 4) {
			last[i] = 1 + next(&seed) % 255;
			byte_write(p, last[i]);
			byte_write(p + OS_PAGE - 1, last[i]);
		} else {
			last[i] = 0;
			s->wrong[t->id] += arena_punch(&s->a, offset,
						       OS_PAGE) != 0;
		}
		s->rounds[t->id]++;
	}
	s->wrong[t->id] += !last;
	free(last);
	return NULL;
}

static void *joiner(void *arg)
{
	struct thread *t = arg;

	while (!stopped(t->s)) {
		t->s->wrong[t->id] += arena_join(&t->s->a, 0, t->s->a.size,
						 NULL) != 0;
		t->s->rounds[t->id]++;
		usleep(5000);
	}
	return NULL;
}

static void *dropper(void *arg)
{
	struct thread *t = arg;

	while (!stopped(t->s)) {
		madvise(t->s->a.base, t->s->a.size, MADV_DONTNEED);
		t->s->rounds[t->id]++;
		usleep(5000);
	}
	return NULL;
}

static void *forker(void *arg)
{
	struct thread *t = arg;
	struct arena *a = &t->s->a;

	while (!stopped(t->s)) {
		pid_t pid = child_fork();

		if (!pid) {
			/* spoil the copy in every way */
			memset(a->base, 'c', a->size / 2);
			arena_punch(a, a->size / 4, a->size / 2);
			_exit(0);
		}
		t->s->wrong[t->id] += pid < 0 || child_wait(pid);
		t->s->rounds[t->id]++;
		usleep(20000);
	}
	return NULL;
}

TEST_F(race, every_thread_keeps_its_data)
{
	void *(*body)(void *arg);
	unsigned int i;

	for (i = 0; i < OWNERS + 3; i++) {
		body = i < OWNERS ? owner : i == OWNERS ? joiner :
		       i == OWNERS + 1 ? dropper : forker;
		self->t[i].s = &self->s;
		self->t[i].id = i;
		ASSERT_EQ(0, pthread_create(&self->t[i].thread, NULL, body,
					    &self->t[i]));
	}
	sleep(SECONDS);
	__atomic_store_n(&self->s.stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < OWNERS + 3; i++) {
		pthread_join(self->t[i].thread, NULL);
		EXPECT_EQ(0, self->s.wrong[i]) {
			TH_LOG("thread %u of %lu rounds", i,
			       self->s.rounds[i]);
		}
		/* nobody is starved */
		EXPECT_LT(0, self->s.rounds[i]);
	}
}

TEST_HARNESS_MAIN
