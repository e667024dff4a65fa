// SPDX-License-Identifier: GPL-2.0-only
/*
 * A random program against a model: a graph of objects, and a shadow of it in
 * malloc()ed memory that says which of them are reached.  Whatever is reached is
 * whole after every collection; what is not is gone after the next, but for a
 * few that a stray word on the stack keeps.
 *
 * Seeds are fixed; SCALE=n multiplies the number of programs.
 */
#include "gctest.h"

#define NODES	400
#define ROOTS	12
#define EDGES	4

struct node {
	uint64_t check;
	struct node *edge[EDGES];
	unsigned int id;
	unsigned int size;
	unsigned char tail[];
};

/* The shadow holds no address. */
struct shadow {
	bool exists;
	bool reached;
	int edge[EDGES];
	unsigned int size;
	struct shim_gc_weak *weak;
};

static struct node *root[ROOTS];
static int shadow_root[ROOTS];
static struct shadow *shadow;
static uint64_t seed;
static unsigned long strays, gone;

static uint64_t next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint64_t check_of(const struct node *n, unsigned int id)
{
	return ((uint64_t)n ^ id) * 0x9e3779b97f4a7c15ull;
}

static unsigned int pick_size(void)
{
	uint64_t r = next();

	if (r % 50 == 0)
		return 20000 + (r >> 8) % 100000;
	return (r >> 8) % (r % 5 ? 200 : 3000);
}

static __attribute__((noinline)) void make(unsigned int at)
{
	unsigned int i, id, size = pick_size();
	struct node *n;

	for (id = 0; id < NODES && shadow[id].exists; id++)
		;
	if (id == NODES)
		return;
	n = shim_gc_alloc(sizeof(*n) + size);
	if (!n)
		abort();
	for (i = 0; i < size; i++)
		if (n->tail[i])
			abort();
	n->check = check_of(n, id);
	n->id = id;
	n->size = size;
	memset(n->tail, (int)(id & 0xff), size);
	shadow[id].exists = true;
	shadow[id].size = size;
	shadow[id].weak = shim_gc_weak_new(n, SHIM_GC_SHORT);
	for (i = 0; i < EDGES; i++)
		shadow[id].edge[i] = -1;
	/* the former root is often placed below the new one */
	if (root[at] && next() % 4) {
		n->edge[0] = root[at];
		shadow[id].edge[0] = shadow_root[at];
	}
	root[at] = n;
	shadow_root[at] = (int)id;
}

static __attribute__((noinline)) struct node *walk(unsigned int at, int *id)
{
	struct node *n = root[at];
	unsigned int steps = next() % 6, e;

	*id = shadow_root[at];
	while (n && steps--) {
		e = next() % EDGES;
		if (!n->edge[e])
			break;
		*id = shadow[*id].edge[e];
		n = n->edge[e];
	}
	return n;
}

static __attribute__((noinline)) void step(void)
{
	unsigned int a = next() % ROOTS, b = next() % ROOTS, e;
	struct node *n, *m;
	int i, j;

	switch (next() % 10) {
	case 0 ... 4:
		make(a);
		break;
	case 5:
	case 6:
		n = walk(a, &i);
		m = walk(b, &j);
		e = next() % EDGES;
		if (n) {
			n->edge[e] = m;
			shadow[i].edge[e] = m ? j : -1;
		}
		break;
	case 7:
		n = walk(a, &i);
		e = next() % EDGES;
		if (n) {
			n->edge[e] = NULL;
			shadow[i].edge[e] = -1;
		}
		break;
	case 8:
		root[a] = NULL;
		shadow_root[a] = -1;
		break;
	case 9:
		n = walk(a, &i);
		root[b] = n;
		shadow_root[b] = n ? i : -1;
		break;
	}
}

static void reach(int id)
{
	unsigned int i;

	if (id < 0 || shadow[id].reached)
		return;
	shadow[id].reached = true;
	for (i = 0; i < EDGES; i++)
		reach(shadow[id].edge[i]);
}

/* Does the word hold a pointer to node @id, or nothing if there is none? */
static bool is_edge(const struct node *n, int id)
{
	if (id < 0)
		return !n;
	return n && n->check == check_of(n, (unsigned int)id);
}

static bool whole(const struct node *n, unsigned int id)
{
	unsigned int i;

	if (n->check != check_of(n, id) || n->id != id ||
	    n->size != shadow[id].size)
		return false;
	for (i = 0; i < n->size; i++)
		if (n->tail[i] != (id & 0xff))
			return false;
	for (i = 0; i < EDGES; i++)
		if (!is_edge(n->edge[i], shadow[id].edge[i]))
			return false;
	return true;
}

/* Check after a collection. */
static __attribute__((noinline)) int compare(void)
{
	unsigned int id, i;
	struct node *n;

	for (id = 0; id < NODES; id++)
		shadow[id].reached = false;
	for (i = 0; i < ROOTS; i++)
		reach(shadow_root[i]);
	for (id = 0; id < NODES; id++) {
		if (!shadow[id].exists)
			continue;
		n = shim_gc_weak_get(shadow[id].weak);
		if (shadow[id].reached && (!n || !whole(n, id)))
			return -1;
		if (shadow[id].reached)
			continue;
		if (n)
			strays++;
		else
			gone++;
		shim_gc_weak_free(shadow[id].weak);
		shadow[id].exists = false;
	}
	return 0;
}

static unsigned int scale(void)
{
	const char *s = getenv("SCALE");

	return s && atoi(s) > 0 ? (unsigned int)atoi(s) : 1;
}

TEST(random_programs)
{
	unsigned int program, i, j;

	shadow = calloc(NODES, sizeof(*shadow));
	for (i = 0; i < ROOTS; i++)
		shadow_root[i] = -1;
	for (program = 0; program < 200 * scale(); program++) {
		seed = (program + 1) * 0x9e3779b97f4a7c15ull;
		for (i = 0; i < 10; i++) {
			for (j = 0; j < 200; j++)
				step();
			ASSERT_EQ(0, collect());
			ASSERT_EQ(0, compare()) {
				TH_LOG("program %u, round %u", program, i);
			}
		}
		if (program % 20 == 0)
			ASSERT_EQ(0, shim_gc_verify());
	}
	TH_LOG("%lu gone, %lu kept by chance", gone, strays);
	EXPECT_LT(1000, gone);
	EXPECT_GT(gone / 20 + 50, strays);
}

TEST_HARNESS_MAIN
