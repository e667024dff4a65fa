// SPDX-License-Identifier: GPL-2.0-only
/*
 * lives: a heap in a shared arena outlives its maker, also one that was killed
 * while using it; a forked child has the same heap; and it is gone with its
 * last user.
 */
#include <signal.h>
#include <string.h>

#include "../shared/peer.h"
#include "shim_heap.h"

#define TEXT	"left by who made it"

FIXTURE(lives) {
	long long arenas, resident;
	struct peer peer;
};

FIXTURE_SETUP(lives)
{
	ASSERT_EQ(0, params_reset());
	self->arenas = stat_read("Arenas");
	self->resident = stat_read("Resident");
}

/* Only what was there before is left. */
FIXTURE_TEARDOWN(lives)
{
	EXPECT_EQ(self->arenas, wait_for(stat_read("Arenas"), self->arenas));
	EXPECT_EQ(self->resident,
		  wait_for(stat_read("Resident"), self->resident));
}

/* Does not return: the walker holds the heap's lock. */
static int waits_to_be_killed(void *p, size_t size, void *arg)
{
	(void)p;
	(void)size;
	if (say(*(int *)arg, 'w'))
		return 4;
	while (pause())	/* -1, unless it was killed */
		;
	return 5;
}

/*
 * The peer makes the arena and the heap, passes the file on, and dies in the
 * lock.
 */
static int makes_and_dies(struct arena *none, int sock)
{
	struct shim_heap *heap;
	struct arena a;
	char *p;

	(void)none;
	if (shared_make(&a, 1))
		return 1;
	heap = shim_heap_at(a.base, a.size, SHIM_HEAP_BEST | SHIM_HEAP_SHARED);
	p = heap ? shim_heap_alloc(heap, sizeof(TEXT)) : NULL;
	if (!p)
		return 2;
	strcpy(p, TEXT);
	shim_heap_set_root(heap, p);
	if (fd_send(sock, a.fd))
		return 3;
	return shim_heap_walk(heap, waits_to_be_killed, &sock);
}

/* Send a useless file: the peer waits for one before it begins. */
static int nudge(struct peer *p)
{
	return fd_send(p->sock, p->sock);
}

TEST_F(lives, longer_than_its_maker)
{
	struct shim_heap_stat st;
	struct shim_heap *heap;
	struct arena a = {};
	void *p;

	ASSERT_EQ(0, peer_start(&self->peer, makes_and_dies));
	ASSERT_EQ(0, nudge(&self->peer));
	a.fd = fd_receive(self->peer.sock);
	ASSERT_LE(0, a.fd);
	ASSERT_EQ('w', hear(self->peer.sock));
	ASSERT_EQ(0, peer_map(&a, PROT_READ | PROT_WRITE));
	ASSERT_EQ(BLOCK_LEN, a.size);
	ASSERT_EQ(0, kill(self->peer.pid, SIGKILL));
	ASSERT_EQ(256 + SIGKILL, child_wait(self->peer.pid));
	heap = shim_heap_open(a.base, a.size);
	ASSERT_NE(NULL, heap);
	ASSERT_NE(NULL, shim_heap_root(heap));
	EXPECT_STREQ(TEXT, shim_heap_root(heap));
	EXPECT_TRUE(shim_heap_is_valid(heap));
	shim_heap_get_stat(heap, &st);
	EXPECT_EQ(1, st.rollbacks);
	EXPECT_EQ(1, st.objects);
	/* all that is left can be allocated: 2 MiB less the heap's records */
	p = shim_heap_alloc(heap, BLOCK_LEN - 4096);
	ASSERT_NE(NULL, p);
	memset(p, 1, BLOCK_LEN - 4096);
	EXPECT_EQ(NULL, shim_heap_alloc(heap, 4096));
	shim_heap_free(heap, p);
	shim_heap_destroy(heap);
	arena_drop(&a);
	close(self->peer.sock);
}

static int adds_one(void *arg)
{
	struct shim_heap *heap = arg;
	char *p = shim_heap_alloc(heap, sizeof(TEXT));

	if (!p)
		return 1;
	strcpy(p, TEXT);
	shim_heap_set_root(heap, p);
	return 0;
}

TEST_F(lives, in_a_child_too)
{
	struct shim_heap *heap;
	struct arena a;

	ASSERT_EQ(0, shared_make(&a, 1));
	heap = shim_heap_at(a.base, a.size, SHIM_HEAP_FIRST | SHIM_HEAP_SHARED);
	ASSERT_NE(NULL, heap);
	ASSERT_EQ(0, child_run(adds_one, heap));
	ASSERT_NE(NULL, shim_heap_root(heap));
	EXPECT_STREQ(TEXT, shim_heap_root(heap));
	shim_heap_free(heap, shim_heap_root(heap));
	EXPECT_TRUE(shim_heap_is_valid(heap));
	shim_heap_destroy(heap);
	arena_drop(&a);
}

TEST_HARNESS_MAIN
