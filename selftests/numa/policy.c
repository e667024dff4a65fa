// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task's cpuset and memory policy decide where blocks come from, whatever the
 * source, and NUMA balancing leaves arenas alone.
 */
#include "harness.h"
#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include "memcg.h"

#define BLOCKS	8

FIXTURE(policy) {
	struct memcg cg;
	int dev;
};

FIXTURE_VARIANT(policy) {
	int pool_mb;
	int reserve;
};

FIXTURE_VARIANT_ADD(policy, demand) { 0, 0 };
FIXTURE_VARIANT_ADD(policy, pool) { 64, 0 };
FIXTURE_VARIANT_ADD(policy, reserve) { 0, 4 };

FIXTURE_SETUP(policy)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, param_write("reserve_max", variant->reserve));
	ASSERT_EQ(0, pool_fill(variant->pool_mb));
	ASSERT_EQ(0, memcg_make(&self->cg, "cpuset"));
	self->dev = device_open();
	ASSERT_LE(0, self->dev);
}

FIXTURE_TEARDOWN(policy)
{
	EXPECT_EQ(0, memcg_drop(&self->cg));
	params_reset();
	close(self->dev);
}

struct where {
	const struct memcg *cg;
	int dev, node, ask, reserve;
};

/*
 * Touch all blocks, wherever this runs; how many are not on the node.  With a
 * reserve, some of them come from there.
 */
static int elsewhere(const struct where *w, int ask)
{
	struct hugearena_block b;
	struct hugearena_stat st;
	struct arena a;
	int i, n = 0;

	if (arena_make_on(&a, w->dev, BLOCKS, ask))
		return 100;
	if (w->reserve &&
	    (!reserve_grow(&a, 0, 2) || arena_punch(&a, 0, a.size)))
		return 103;
	for (i = 0; i < BLOCKS; i++) {
		byte_write(a.base + i * BLOCK_LEN, 1);
		if (arena_block(&a, i, &b))
			return 101;
		n += b.node != w->node;
	}
	if (w->reserve && (arena_stat(&a, &st) || !st.fault_reserve))
		return 104;
	return n;
}

static int in_cpuset(void *arg)
{
	struct where *w = arg;

	if (memcg_enter(w->cg))
		return 102;
	return elsewhere(w, w->ask);
}

TEST_F(policy, cpuset)
{
	struct where w = {
		.cg = &self->cg,
		.dev = self->dev,
		.reserve = variant->reserve,
	};
	char path[256], root[256];

	/* the controller is enabled in the parent */
	snprintf(root, sizeof(root), "%s/../cgroup.subtree_control",
		 self->cg.path);
	ASSERT_EQ(0, file_write(root, "+cpuset"));
	snprintf(path, sizeof(path), "%s/cpuset.mems", self->cg.path);
	for (w.node = 0; w.node < 2; w.node++) {
		ASSERT_EQ(0, file_write(path, w.node ? "1" : "0"));
		w.ask = HUGEARENA_NODE_LOCAL;
		EXPECT_EQ(0, child_run(in_cpuset, &w));
		/* not even if the arena asks for another node */
		w.ask = !w.node;
		EXPECT_EQ(0, child_run(in_cpuset, &w));
	}
}

static int bound(void *arg)
{
	struct where *w = arg;
	unsigned long mask = 1UL << w->node;

	if (syscall(SYS_set_mempolicy, MPOL_BIND, &mask, 8 * sizeof(mask)))
		return 102;
	return elsewhere(w, HUGEARENA_NODE_LOCAL);
}

TEST_F(policy, bind)
{
	struct where w = {
		.dev = self->dev,
		.reserve = variant->reserve,
	};

	for (w.node = 0; w.node < 2; w.node++)
		EXPECT_EQ(0, child_run(bound, &w));
}

/* The VMA's policy asks for no NUMA hints: see ha_get_policy(). */
TEST_F(policy, balancing_is_told_to_leave_it)
{
	char line[512], how[32];
	unsigned long addr;
	struct arena a;
	int found = 0;
	FILE *f;

	ASSERT_EQ(0, arena_make_on(&a, self->dev, 1, HUGEARENA_NODE_LOCAL));
	f = fopen("/proc/self/numa_maps", "re");
	ASSERT_NE(NULL, f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx %31s", &addr, how) != 2 ||
		    addr != (unsigned long)a.base)
			continue;
		found = 1;
		EXPECT_STREQ("local", how);
	}
	fclose(f);
	EXPECT_TRUE(found);
	arena_drop(&a);
}

static const char *why_not(void)
{
	return access("/sys/devices/system/node/node1", F_OK) ?
	       "one NUMA node only" : NULL;
}

TEST_HARNESS_MAIN_UNLESS(why_not)
