// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writers that know what each of their objects holds, while others mesh the
 * ranges they are in, join them, pin them, drop their mappings, and fork.
 */
#include "objects.h"
#include "crew.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/uio.h>

#define BLOCKS		8
#define ROUNDS		20	/* of each thread at least */
#define WRITTEN		5000	/* and of each writer */
#define WRITERS		4
#define RANGES		(BLOCK_LEN / RANGE_LEN - 1)
#define ALL		(BLOCKS * RANGES * OBJECTS)

FIXTURE(race) {
	struct crew crew;
};

/* Atomic: the mesher counts, and the test waits for it. */
static unsigned long meshes, busy;

FIXTURE_SETUP(race)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->crew.a, BLOCKS));
	ASSERT_EQ(0, arena_split(&self->crew.a));
}

FIXTURE_TEARDOWN(race)
{
	arena_drop(&self->crew.a);
}

/* The ranges of block n have the objects of set n % SETS. */
static char *object(struct arena *a, unsigned int n)
{
	unsigned int range = n / OBJECTS;
	unsigned int block = range / RANGES;

	return object_at(a, block * BLOCK_LEN + range % RANGES * RANGE_LEN,
			 block % SETS, n % OBJECTS);
}

/*
 * Owns every WRITERS-th object, which holds what was last written, in all its
 * bytes.
 */
static void *writer(void *arg)
{
	struct member *m = arg;
	unsigned char *last = calloc(ALL / WRITERS, 1);

	while (last && crew_goes_on(m)) {
		unsigned int i = crew_random(m) % (ALL / WRITERS);
		char *p = object(&m->crew->a, i * WRITERS + m->id);

		m->wrong += byte_read(p) != (char)last[i] ||
			    byte_read(p + OBJECT_LEN - 1) != (char)last[i];
		last[i] = 1 + crew_random(m) % 255;
		byte_write(p, last[i]);
		byte_write(p + OBJECT_LEN - 1, last[i]);
	}
	m->wrong += !last;
	free(last);
	return NULL;
}

/* Mesh a range of one block onto one of another; their sets differ. */
static void *mesher(void *arg)
{
	struct member *m = arg;

	do {
		unsigned int src = crew_random(m) % BLOCKS;
		unsigned int dst = src / SETS * SETS + crew_random(m) % SETS;
		size_t at = crew_random(m) % RANGES * RANGE_LEN;
		int ret;

		if (src == dst)
			continue;
		ret = objects_mesh(&m->crew->a, dst * BLOCK_LEN + at,
				   src * BLOCK_LEN + at, src % SETS);
		m->wrong += ret > 0;
		__atomic_fetch_add(ret == -EBUSY ? &busy : &meshes, ret <= 0,
				   __ATOMIC_RELAXED);
	} while (crew_goes_on(m));
	return NULL;
}

/* Join a block, and split it again at the page that nobody uses. */
static void *joiner(void *arg)
{
	struct member *m = arg;
	struct arena *a = &m->crew->a;

	do {
		size_t at = crew_random(m) % BLOCKS * BLOCK_LEN;

		m->wrong += arena_join(a, at, BLOCK_LEN, NULL) != 0;
		m->wrong += arena_punch(a, at + BLOCK_LEN - OS_PAGE,
					OS_PAGE) != 0;
	} while (crew_goes_on(m));
	return NULL;
}

static void *pinner(void *arg)
{
	struct member *m = arg;
	static char buf[4 * OS_PAGE];
	int p[2];

	m->wrong += pipe(p) != 0;
	do {
		struct iovec iov = {
			m->crew->a.base + crew_random(m) % BLOCKS * BLOCK_LEN +
			crew_random(m) % 500 * OS_PAGE, sizeof(buf),
		};
		ssize_t n = vmsplice(p[1], &iov, 1, 0);

		usleep(1000);
		m->wrong += n <= 0 || read(p[0], buf, n) != n;
	} while (crew_goes_on(m));
	close(p[0]);
	close(p[1]);
	return NULL;
}

TEST_F(race, every_object_keeps_its_data)
{
	unsigned long writes = 0;
	unsigned int i;

	for (i = 0; i < WRITERS; i++)
		ASSERT_EQ(0, crew_add(&self->crew, writer, 0, WRITTEN));
	ASSERT_EQ(0, crew_add(&self->crew, mesher, 0, ROUNDS));
	ASSERT_EQ(0, crew_add(&self->crew, joiner, 20000, ROUNDS));
	ASSERT_EQ(0, crew_add(&self->crew, pinner, 0, ROUNDS));
	ASSERT_EQ(0, crew_add(&self->crew, crew_drop, 10000, ROUNDS));
	/*
	 * rarely: nothing is meshed until upkeep has ended the sharing with a
	 * child
	 */
	ASSERT_EQ(0, crew_add(&self->crew, crew_fork, 2000000, 2));
	crew_wait(&self->crew);
	wait_for(__atomic_load_n(&meshes, __ATOMIC_RELAXED) > 100, 1);
	crew_end(&self->crew);
	EXPECT_CREW(&self->crew);
	EXPECT_LT(100, meshes);
	for (i = 0; i < WRITERS; i++)
		writes += self->crew.member[i].rounds;
	TH_LOG("%lu meshes, %lu busy, %lu writes", meshes, busy, writes);
}

/*
 * One range at a time, and a thread that does nothing but write to it, so that
 * a copy made too early is out of date.  A fixture of its own, with few
 * objects, so that each is written often.
 */
struct hot {
	struct arena a;
	int stop;
	unsigned int range;		/* what the writer writes to */
	unsigned long rounds[RANGES];	/* of all objects of the range */
	unsigned long wrong;
};

FIXTURE(hot) {
	struct hot h;
	pthread_t writer;
};

FIXTURE_SETUP(hot)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->h.a, 2));
	ASSERT_EQ(0, arena_split(&self->h.a));
}

FIXTURE_TEARDOWN(hot)
{
	arena_drop(&self->h.a);
}

static void *hot_writer(void *arg)
{
	static unsigned int last[RANGES][OBJECTS];
	struct hot *h = arg;
	unsigned int n = 0, k;

	while (!__atomic_load_n(&h->stop, __ATOMIC_RELAXED)) {
		unsigned int r = __atomic_load_n(&h->range, __ATOMIC_RELAXED);
		unsigned long done = h->rounds[r] + 1;

		n++;
		for (k = 0; k < OBJECTS; k++) {
			unsigned int *p = (void *)object_at(&h->a,
					r * RANGE_LEN, 1, k);

			h->wrong += __atomic_load_n(p, __ATOMIC_RELAXED) !=
				    last[r][k];
			last[r][k] = n;
			__atomic_store_n(p, n, __ATOMIC_RELAXED);
		}
		__atomic_store_n(&h->rounds[r], done, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Wait until the writer has been through the range @more times. */
static void hot_wait(struct hot *h, unsigned int r, unsigned long more)
{
	unsigned long *rounds = &h->rounds[r];
	unsigned long until = __atomic_load_n(rounds, __ATOMIC_RELAXED) + more;

	while (__atomic_load_n(rounds, __ATOMIC_RELAXED) < until)
		sched_yield();
}

TEST_F(hot, a_write_in_the_midst_of_it_is_not_lost)
{
	struct hot *h = &self->h;
	unsigned int r, meshed = 0;

	ASSERT_EQ(0, pthread_create(&self->writer, NULL, hot_writer, h));
	for (r = 0; r < RANGES; r++) {
		__atomic_store_n(&h->range, r, __ATOMIC_RELAXED);
		hot_wait(h, r, 10);
		meshed += !objects_mesh(&h->a, BLOCK_LEN + r * RANGE_LEN,
					r * RANGE_LEN, 1);
		/* and checks what it wrote last */
		hot_wait(h, r, 2);
	}
	__atomic_store_n(&h->stop, 1, __ATOMIC_RELAXED);
	pthread_join(self->writer, NULL);
	EXPECT_EQ(0, h->wrong);
	/* a page may be held for a moment, for example by memory compaction */
	EXPECT_LT(RANGES / 2, meshed);
}

TEST_HARNESS_MAIN
