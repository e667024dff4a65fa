// SPDX-License-Identifier: GPL-2.0-only
/* The page heap of a machine with several NUMA nodes. */
#include "../lib/patience.h"

#include "fake_backend.h"
#include "heap_now.h"
#include "on_node.h"
#include "pageheap/pageheap_int.h"

#define SPANS	64
#define PAGES	16	/* each: SPANS of them are four blocks */

static unsigned int node_of(const struct span *s)
{
	return block_at(s->start)->node;
}

/* Spans by turns on two nodes: no block has spans of both. */
TEST(a_block_is_of_one_node)
{
	struct span *s[2][SPANS];
	unsigned int i, k, node;

	outgrow();
	for (i = 0; i < SPANS; i++)
		for (node = 0; node < 2; node++) {
			on_node(node);
			s[node][i] = pageheap_alloc(PAGES, 1);
			ASSERT_NE(NULL, s[node][i]);
			EXPECT_EQ(node, span_node(s[node][i]));
			EXPECT_EQ(node, node_of(s[node][i]));
		}
	EXPECT_TRUE(node_several());
	for (i = 0; i < SPANS; i++)
		for (k = 0; k < SPANS; k++)
			ASSERT_NE(block_of(s[0][i]), block_of(s[1][k]));
	EXPECT_TRUE(pageheap_is_valid());

	/* what one has freed serves it again, and not the other one */
	for (i = 0; i < SPANS; i += 2)
		pageheap_free(s[0][i]);
	on_node(1);
	s[1][0] = pageheap_alloc(PAGES, 1);
	EXPECT_EQ(1, node_of(s[1][0]));
	on_node(0);
	for (i = 0; i < SPANS; i += 2) {
		size_t mapped = stat_now().inuse + stat_now().free;

		s[0][i] = pageheap_alloc(PAGES, 1);
		EXPECT_EQ(0, node_of(s[0][i]));
		EXPECT_EQ(mapped, stat_now().inuse + stat_now().free);
	}
	EXPECT_TRUE(pageheap_is_valid());
}

/* Whole free blocks, too: new memory is taken instead. */
TEST(free_blocks_are_of_one_node)
{
	struct span *s[2];
	unsigned int node, i;
	uintptr_t was, was_0;

	outgrow();
	on_node(1);
	s[1] = pageheap_alloc(2 * BLOCK_PAGES, 1);
	on_node(0);
	s[0] = pageheap_alloc(2 * BLOCK_PAGES, 1);
	for (node = 0; node < 2; node++)
		EXPECT_EQ(node, node_of(s[node]));
	was = s[1]->start;
	was_0 = s[0]->start;
	/* neighbours of one kind, which do not become one run */
	pageheap_free(s[0]);
	pageheap_free(s[1]);
	EXPECT_TRUE(pageheap_is_valid());
	for (i = 0; i < 2; i++) {
		s[i] = pageheap_alloc(2 * BLOCK_PAGES, 1);
		EXPECT_NE(was, s[i]->start);
		if (!i)
			EXPECT_EQ(was_0, s[i]->start);
		EXPECT_EQ(0, node_of(s[i]));
	}
	on_node(1);
	s[0] = pageheap_alloc(2 * BLOCK_PAGES, 1);
	EXPECT_EQ(was, s[0]->start);
	EXPECT_EQ(1, node_of(s[0]));
	/* a part of it is still of that node */
	ASSERT_TRUE(pageheap_resize(s[0], BLOCK_PAGES + 7));
	on_node(0);
	pageheap_free(s[0]);
	EXPECT_TRUE(pageheap_is_valid());
	s[0] = pageheap_alloc(1, 1);
	EXPECT_NE(was, block_of(s[0]));
	EXPECT_NE(was + BLOCK_SIZE, block_of(s[0]));
	EXPECT_TRUE(pageheap_is_valid());
}

/* And they are no reason to leave a hole alone that would have to be faulted in. */
TEST(a_hole_before_another_nodes_block)
{
	struct span *s = pageheap_alloc(100, 1), *t = pageheap_alloc(100, 1);

	outgrow();
	pageheap_free(t);
	pageheap_trim(0);
	on_node(1);
	pageheap_free(pageheap_alloc(BLOCK_PAGES, 1));
	on_node(0);
	t = pageheap_alloc(40, 1);
	EXPECT_EQ(block_of(s), block_of(t));
	EXPECT_TRUE(pageheap_is_valid());
}

/* What goes back is on no node, and belongs to who touches it next. */
TEST(what_was_given_back_is_new)
{
	struct span *s;
	uintptr_t was;

	outgrow();
	on_node(1);
	s = pageheap_alloc(BLOCK_PAGES, 1);
	was = s->start;
	EXPECT_EQ(1, node_of(s));
	pageheap_free(s);
	pageheap_trim(0);
	on_node(2);
	s = pageheap_alloc(BLOCK_PAGES, 1);
	EXPECT_EQ(was, s->start);
	EXPECT_EQ(2, node_of(s));
	EXPECT_TRUE(pageheap_is_valid());
}

/* Another node's memory is better than none. */
TEST(far_memory_before_none)
{
	struct span *part, *whole, *s;

	outgrow();
	on_node(1);
	/* a block with room, and a free one that has memory */
	part = pageheap_alloc(10, 1);
	whole = pageheap_alloc(BLOCK_PAGES, 1);
	pageheap_free(whole);
	on_node(0);
	fake.fail_after = 0;
	fake.room = 0;
	s = pageheap_alloc(BLOCK_PAGES, 1);
	ASSERT_NE(NULL, s);
	EXPECT_EQ(1, node_of(s));
	s = pageheap_alloc(10, 1);
	ASSERT_NE(NULL, s);
	EXPECT_EQ(block_of(part), block_of(s));
	EXPECT_EQ(1, span_node(s));
	EXPECT_TRUE(pageheap_is_valid());
}

/* A small heap has no use for that. */
TEST(small_heap_is_one)
{
	struct span *s[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		on_node(i);
		s[i] = pageheap_alloc(1, 1);
	}
	EXPECT_EQ(block_of(s[0]), block_of(s[1]));
	EXPECT_EQ(0, node_of(s[0]));
	EXPECT_FALSE(node_several());
}

/* Nor a heap whose threads are all on one, which has nobody to be kept apart from. */
TEST(one_node_asks_nothing)
{
	struct span *s;

	on_node(0);
	outgrow();
	s = pageheap_alloc(1, 1);
	EXPECT_FALSE(node_several());
	EXPECT_EQ(0, span_node(s));
}

TEST_HARNESS_MAIN
