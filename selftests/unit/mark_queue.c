// SPDX-License-Identifier: GPL-2.0-only
/*
 * mark_queue: grey objects change hands, and where there is no memory for them
 * that is noted, so that they are found again.
 */
#include <stdlib.h>
#include <string.h>

#include "../lib/patience.h"

#include "gc/gcmeta.h"
#include "gc/mark_int.h"

#define NR	10000u
#define FIRST	4096u		/* entries of a marker's first queue */

/* The layer below: memory, unless the test says that there is none. */
static bool no_memory;

void *gcmeta_map(size_t len)
{
	return no_memory ? NULL : calloc(1, len);
}

void *gcmeta_grow(void *p, size_t len, size_t newlen)
{
	(void)len;
	return no_memory ? NULL : realloc(p, newlen);
}

FIXTURE(queue) {
	struct marker m, other;
};

FIXTURE_SETUP(queue)
{
	no_memory = false;
}

FIXTURE_TEARDOWN(queue)
{
	free(self->m.stack);
	free(self->other.stack);
}

static void fill(struct marker *m, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		mark_push(m, 16 * (m->top + 1), 1);
}

TEST_F(queue, all_that_is_shared_is_taken_once)
{
	static bool seen[NR];
	unsigned int i, nr = 0;

	EXPECT_TRUE(mark_is_done());
	EXPECT_FALSE(mark_take(&self->other));
	fill(&self->m, NR);
	ASSERT_EQ(NR, self->m.top);
	/* the oldest go first */
	mark_share(&self->m);
	ASSERT_EQ(NR - MARK_CHUNK, self->m.top);
	EXPECT_EQ(16 * (MARK_CHUNK + 1), self->m.stack[0].p);
	EXPECT_FALSE(mark_is_done());
	EXPECT_TRUE(mark_flush(&self->m));
	EXPECT_EQ(0, self->m.top);
	while (mark_take(&self->other)) {
		ASSERT_LT(0, self->other.top);
		for (i = 0; i < self->other.top; i++) {
			nr = self->other.stack[i].p / 16 - 1;
			ASSERT_GT(NR, nr);
			ASSERT_FALSE(seen[nr]);
			seen[nr] = true;
		}
		self->other.top = 0;
	}
	for (i = 0; i < NR; i++)
		ASSERT_TRUE(seen[i]);
	EXPECT_TRUE(mark_is_done());
	EXPECT_FALSE(mark_overflowed());
}

/* The oldest, which fill() has pushed first. */
TEST_F(queue, half_of_a_short_one)
{
	fill(&self->m, 10);
	mark_share_half(&self->m);
	EXPECT_EQ(5, self->m.top);
	EXPECT_EQ(6 * 16, self->m.stack[0].p);
	ASSERT_TRUE(mark_take(&self->other));
	EXPECT_EQ(5, self->other.top);
	EXPECT_EQ(16, self->other.stack[0].p);
	EXPECT_TRUE(mark_is_done());
}

TEST_F(queue, what_has_no_room_is_noted)
{
	fill(&self->m, FIRST);
	ASSERT_EQ(FIRST, self->m.max);
	EXPECT_FALSE(mark_overflowed());
	no_memory = true;
	mark_push(&self->m, 16, 1);
	EXPECT_EQ(FIRST, self->m.top);
	EXPECT_TRUE(mark_overflowed());
	/* it is said once */
	EXPECT_FALSE(mark_overflowed());
	no_memory = false;
	mark_push(&self->m, 16, 1);
	EXPECT_EQ(FIRST + 1, self->m.top);
	EXPECT_FALSE(mark_overflowed());
}

TEST_F(queue, what_cannot_be_shared_stays)
{
	fill(&self->m, 10);
	no_memory = true;
	mark_share(&self->m);
	mark_share_half(&self->m);
	EXPECT_FALSE(mark_flush(&self->m));
	EXPECT_EQ(10, self->m.top);
	EXPECT_TRUE(mark_is_done());
	EXPECT_FALSE(mark_overflowed());
	no_memory = false;
	EXPECT_TRUE(mark_flush(&self->m));
	EXPECT_FALSE(mark_is_done());
	/* nor can it be taken where there is no room: then it is noted, too */
	no_memory = true;
	EXPECT_TRUE(mark_take(&self->other));
	EXPECT_EQ(0, self->other.top);
	EXPECT_TRUE(mark_overflowed());
	EXPECT_TRUE(mark_is_done());
}

TEST_HARNESS_MAIN
