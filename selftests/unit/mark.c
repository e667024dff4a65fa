// SPDX-License-Identifier: GPL-2.0-only
/*
 * mark: a marker that has work lets others have some of it, however little it
 * has queued.
 */
#include <stdlib.h>
#include <string.h>

#include "../lib/patience.h"

#include "gc/gcspan.h"
#include "gc/mark_int.h"

#define LEVELS	14u
#define NODES	((1u << LEVELS) - 1)
#define BYTES	32u
#define OF_A_SPAN	256u		/* in a page of 8 KiB */

struct node {
	struct node *left, *right;
	uint64_t unused[2];
};

static struct node *node[NODES];
static struct gcspan *span[NODES / OF_A_SPAN + 1];

/* A binary tree whose objects lie in spans as those of a program do. */
static bool make_tree(void)
{
	struct gcspan *s = NULL;
	unsigned int i;

	_Static_assert(OF_A_SPAN * BYTES == GC_PAGE, "all of it");
	if (!gcspan_init())
		return false;
	for (i = 0; i < NODES; i++) {
		if (!(i % OF_A_SPAN)) {
			s = gcspan_get(1, BYTES, OF_A_SPAN, GC_SCAN, 1);
			if (!s || !gcspan_publish(s))
				return false;
			span[i / OF_A_SPAN] = s;
		}
		s->alloc[i % OF_A_SPAN / 64] |= 1ull << (i % 64);
		node[i] = (void *)gcspan_object(s, i % OF_A_SPAN);
	}
	for (i = 0; 2 * i + 2 < NODES; i++) {
		node[i]->left = node[2 * i + 1];
		node[i]->right = node[2 * i + 2];
	}
	return true;
}

static unsigned int count_marked(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < NODES; i++)
		n += mark_is_marked((uintptr_t)node[i]);
	return n;
}

/*
 * Two markers by turns, of which one begins alone: with two entries a level its
 * queue is never longer than 28, and half of the tree lies behind the oldest.
 */
TEST(a_short_queue_is_shared)
{
	struct marker m = { 0 }, other = { 0 };
	size_t most = 0;

	ASSERT_TRUE(make_tree());
	EXPECT_EQ(0, count_marked());
	mark_pointer(&m, (uintptr_t)node[0]);
	EXPECT_EQ(0, mark_drain(&other, SIZE_MAX));
	while (mark_drain(&m, 64 * BYTES)) {
		most = m.top > most ? m.top : most;
		mark_drain(&other, 64 * BYTES);
	}
	EXPECT_GT(MARK_CHUNK, most);
	EXPECT_EQ(NODES * BYTES, m.scanned + other.scanned);
	EXPECT_EQ(NODES, count_marked());
	EXPECT_LE(NODES / 4 * BYTES, other.scanned);
	EXPECT_TRUE(mark_is_done());
	EXPECT_EQ(0, m.top + other.top);
}

TEST_HARNESS_MAIN
