// SPDX-License-Identifier: GPL-2.0-only
/*
 * 16 threads fault, check and release at once, while others join, fork and
 * drop mappings over everything.  Each owns some pages and knows what must be
 * in them.
 */
#include "harness.h"
#include "crew.h"

#define BLOCKS		8
#define OWNERS		13
#define ROUNDS		20	/* of each thread at least */
#define OWNED		1000	/* and of each owner */

FIXTURE(race) {
	struct crew crew;
};

FIXTURE_SETUP(race)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, param_write("pool_target_mb", 16));
	ASSERT_EQ(0, param_write("reserve_max", 4));
	ASSERT_EQ(0, arena_make(&self->crew.a, BLOCKS));
}

FIXTURE_TEARDOWN(race)
{
	arena_drop(&self->crew.a);
	params_reset();
}

/* Owns every OWNERS-th page: each holds zeroes or what it wrote last. */
static void *owner(void *arg)
{
	struct member *m = arg;
	struct arena *a = &m->crew->a;
	size_t pages = a->size / OS_PAGE / OWNERS;
	unsigned char *last = calloc(pages, 1);

	while (last && crew_goes_on(m)) {
		size_t i = crew_random(m) % pages;
		size_t offset = (i * OWNERS + m->id) * OS_PAGE;
		char *p = a->base + offset;

		m->wrong += byte_read(p) != (char)last[i] ||
			    byte_read(p + OS_PAGE - 1) != (char)last[i];
		if (crew_random(m) % 4) {
			last[i] = 1 + crew_random(m) % 255;
			byte_write(p, last[i]);
			byte_write(p + OS_PAGE - 1, last[i]);
		} else {
			last[i] = 0;
			m->wrong += arena_punch(a, offset, OS_PAGE) != 0;
		}
	}
	m->wrong += !last;
	free(last);
	return NULL;
}

static void *joiner(void *arg)
{
	struct member *m = arg;
	struct arena *a = &m->crew->a;

	do
		m->wrong += arena_join(a, 0, a->size, NULL) != 0;
	while (crew_goes_on(m));
	return NULL;
}

TEST_F(race, every_thread_keeps_its_data)
{
	unsigned int i;

	for (i = 0; i < OWNERS; i++)
		ASSERT_EQ(0, crew_add(&self->crew, owner, 0, OWNED));
	ASSERT_EQ(0, crew_add(&self->crew, joiner, 5000, ROUNDS));
	ASSERT_EQ(0, crew_add(&self->crew, crew_drop, 5000, ROUNDS));
	ASSERT_EQ(0, crew_add(&self->crew, crew_fork, 20000, ROUNDS));
	crew_wait(&self->crew);
	crew_end(&self->crew);
	EXPECT_CREW(&self->crew);
}

TEST_HARNESS_MAIN
