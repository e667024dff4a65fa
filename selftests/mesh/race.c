// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writers that know what each of their objects holds, while others mesh the
 * ranges they are in, join them, pin them, drop their mappings, and fork.
 */
#include "objects.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/uio.h>

#define BLOCKS		8
#define SECONDS		5
#define WRITERS		4
#define RANGES		(BLOCK_LEN / RANGE_LEN - 1)
#define ALL		(BLOCKS * RANGES * OBJECTS)

struct shared {
	struct arena a;
	int stop;
	unsigned long meshes, busy;
	/* per thread, hence not atomic */
	unsigned long wrong[WRITERS + 5], rounds[WRITERS + 5];
};

struct thread {
	pthread_t thread;
	struct shared *s;
	unsigned int id;
};

FIXTURE(race) {
	struct shared s;
	struct thread t[WRITERS + 5];
};

FIXTURE_SETUP(race)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->s.a, BLOCKS));
	ASSERT_EQ(0, arena_split(&self->s.a));
}

FIXTURE_TEARDOWN(race)
{
	arena_drop(&self->s.a);
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

/* Block n's ranges have the objects of set n % SETS. */
static char *object(struct shared *s, unsigned int n)
{
	unsigned int range = n / OBJECTS;
	unsigned int block = range / RANGES;

	return object_at(&s->a, block * BLOCK_LEN + range % RANGES * RANGE_LEN,
			 block % SETS, n % OBJECTS);
}

/* Owns every WRITERS-th object: it holds what was last written, all of it. */
static void *writer(void *arg)
{
	struct thread *t = arg;
	struct shared *s = t->s;
	unsigned char *last = calloc(ALL / WRITERS, 1);
	unsigned int seed = t->id;

	while (last && !stopped(s)) {
		unsigned int i = next(&seed) % (ALL / WRITERS);
		char *p = object(s, i * WRITERS + t->id);

		s->wrong[t->id] += byte_read(p) != (char)last[i] ||
				   byte_read(p + OBJECT_LEN - 1) !=
				   (char)last[i];
		last[i] = 1 + next(&seed) % 255;
		byte_write(p, last[i]);
		byte_write(p + OBJECT_LEN - 1, last[i]);
		s->rounds[t->id]++;
	}
	s->wrong[t->id] += !last;
	free(last);
	return NULL;
}

/* A range of one block onto one of another, whose sets differ. */
static void *mesher(void *arg)
{
	struct thread *t = arg;
	struct shared *s = t->s;
	unsigned int seed = t->id;

	while (!stopped(s)) {
		unsigned int src = next(&seed) % BLOCKS;
		unsigned int dst = src / SETS * SETS + next(&seed) % SETS;
		size_t at = next(&seed) % RANGES * RANGE_LEN;
		int ret;

		if (src == dst)
			continue;
		ret = objects_mesh(&s->a, dst * BLOCK_LEN + at,
				   src * BLOCK_LEN + at, src % SETS);
		s->wrong[t->id] += ret > 0;
		s->meshes += !ret;
		s->busy += ret == -EBUSY;
		s->rounds[t->id]++;
	}
	return NULL;
}

/* Join a block, and split it again by the page that nobody uses. */
static void *joiner(void *arg)
{
	struct thread *t = arg;
	struct shared *s = t->s;
	unsigned int seed = t->id;

	while (!stopped(s)) {
		size_t at = next(&seed) % BLOCKS * BLOCK_LEN;

		s->wrong[t->id] += arena_join(&s->a, at, BLOCK_LEN, NULL) != 0;
		s->wrong[t->id] += arena_punch(&s->a, at + BLOCK_LEN - OS_PAGE,
					       OS_PAGE) != 0;
		s->rounds[t->id]++;
		usleep(20000);
	}
	return NULL;
}

static void *pinner(void *arg)
{
	struct thread *t = arg;
	struct shared *s = t->s;
	unsigned int seed = t->id;
	static char buf[4 * OS_PAGE];
	int p[2];

	s->wrong[t->id] += pipe(p) != 0;
	while (!stopped(s)) {
		struct iovec iov = {
			s->a.base + next(&seed) % BLOCKS * BLOCK_LEN +
			next(&seed) % 500 * OS_PAGE, sizeof(buf),
		};
		ssize_t n = vmsplice(p[1], &iov, 1, 0);

		usleep(1000);
		s->wrong[t->id] += n <= 0 || read(p[0], buf, n) != n;
		s->rounds[t->id]++;
	}
	close(p[0]);
	close(p[1]);
	return NULL;
}

static void *dropper(void *arg)
{
	struct thread *t = arg;

	while (!stopped(t->s)) {
		madvise(t->s->a.base, t->s->a.size, MADV_DONTNEED);
		t->s->rounds[t->id]++;
		usleep(10000);
	}
	return NULL;
}

/* Rarely: nothing is meshed before upkeep has ended what a child brings. */
static void *forker(void *arg)
{
	struct thread *t = arg;
	struct arena *a = &t->s->a;

	while (!stopped(t->s)) {
		pid_t pid = child_fork();

		if (!pid) {
			/* spoil the copy in every way */
			arena_punch(a, a->size / 4, a->size / 2);
			memset(a->base, 'c', a->size / 2);
			_exit(0);
		}
		t->s->wrong[t->id] += pid < 0 || child_wait(pid);
		t->s->rounds[t->id]++;
		usleep(2000000);
	}
	return NULL;
}

TEST_F(race, every_object_keeps_its_data)
{
	void *(*const others[])(void *arg) = {
		mesher, joiner, pinner, dropper, forker,
	};
	unsigned int i;

	for (i = 0; i < WRITERS + ARRAY_SIZE(others); i++) {
		self->t[i].s = &self->s;
		self->t[i].id = i;
		ASSERT_EQ(0, pthread_create(&self->t[i].thread, NULL,
					    i < WRITERS ? writer :
					    others[i - WRITERS], &self->t[i]));
	}
	sleep(SECONDS);
	/* on a slow machine: until something was meshed */
	wait_for(__atomic_load_n(&self->s.meshes, __ATOMIC_RELAXED) > 100, 1);
	__atomic_store_n(&self->s.stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < WRITERS + ARRAY_SIZE(others); i++) {
		pthread_join(self->t[i].thread, NULL);
		EXPECT_EQ(0, self->s.wrong[i]) {
			TH_LOG("thread %u of %lu rounds", i,
			       self->s.rounds[i]);
		}
		/* nobody is starved */
		EXPECT_LT(0, self->s.rounds[i]);
	}
	EXPECT_LT(100, self->s.meshes);
	TH_LOG("%lu meshes, %lu busy, %lu writes", self->s.meshes, self->s.busy,
	       self->s.rounds[0] + self->s.rounds[1] + self->s.rounds[2] +
	       self->s.rounds[3]);
}

TEST_HARNESS_MAIN
