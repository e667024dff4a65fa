// SPDX-License-Identifier: GPL-2.0-only
/* limit: SHIM_LIMIT and control groups, from files that the test makes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/patience.h"

#include "base/conf.h"
#include "pageheap/limit.h"

#define MIB	((size_t)1 << 20)

FIXTURE(limit)
{
	char root[64];
};

static void put(const char *root, const char *path, const char *text)
{
	char full[2048], *slash;
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (slash = strchr(full + strlen(root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	f = fopen(full, "w");
	if (!f) {
		perror(full);
		exit(1);
	}
	fputs(text, f);
	fclose(f);
}

FIXTURE_SETUP(limit)
{
	strcpy(self->root, "/tmp/limit-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->root));
	limit_root = self->root;
	shim_conf.limit = 0;
	shim_conf.limit_hard = false;
}

FIXTURE_TEARDOWN(limit)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", self->root);
	EXPECT_EQ(0, system(cmd));
}

TEST_F(limit, none)
{
	limit_update(100 * MIB);
	EXPECT_EQ(LIMIT_FAR, limit_pressure());
	EXPECT_EQ(0, limit_bytes());
	EXPECT_TRUE(limit_allows(100 * MIB, 100 * MIB));
}

TEST_F(limit, of_the_heap)
{
	shim_conf.limit = 320 * MIB;
	limit_update(280 * MIB);
	EXPECT_EQ(LIMIT_FAR, limit_pressure());
	EXPECT_EQ(320 * MIB, limit_bytes());
	limit_update(281 * MIB);
	EXPECT_EQ(LIMIT_NEAR, limit_pressure());
	limit_update(311 * MIB);
	EXPECT_EQ(LIMIT_OVER, limit_pressure());
	limit_update(1 * MIB);
	EXPECT_EQ(LIMIT_FAR, limit_pressure());
	/* soft: nothing is refused */
	EXPECT_TRUE(limit_allows(320 * MIB, 1));
	shim_conf.limit_hard = true;
	EXPECT_TRUE(limit_allows(319 * MIB, MIB));
	EXPECT_FALSE(limit_allows(320 * MIB, 1));
	EXPECT_FALSE(limit_allows(400 * MIB, 0));
	EXPECT_FALSE(limit_allows(0, SIZE_MAX));
}

TEST_F(limit, version_2)
{
	put(self->root, "/proc/self/cgroup", "0::/a/b\n");
	put(self->root, "/sys/fs/cgroup/a/b/memory.high", "max\n");
	put(self->root, "/sys/fs/cgroup/a/b/memory.max", "1073741824\n");
	put(self->root, "/sys/fs/cgroup/a/b/memory.current", "1000000000\n");
	limit_update(MIB);
	EXPECT_EQ(LIMIT_NEAR, limit_pressure());
	EXPECT_EQ(1024 * MIB, limit_bytes());
	put(self->root, "/sys/fs/cgroup/a/b/memory.high", "536870912\n");
	limit_update(MIB);
	EXPECT_EQ(LIMIT_OVER, limit_pressure());
	EXPECT_EQ(512 * MIB, limit_bytes());
}

TEST_F(limit, of_an_outer_group)
{
	put(self->root, "/proc/self/cgroup", "0::/a/b/c\n");
	put(self->root, "/sys/fs/cgroup/a/b/c/memory.max", "max\n");
	put(self->root, "/sys/fs/cgroup/a/memory.max", "104857600\n");
	put(self->root, "/sys/fs/cgroup/a/memory.current", "104000000\n");
	limit_update(MIB);
	EXPECT_EQ(LIMIT_OVER, limit_pressure());
	EXPECT_EQ(100 * MIB, limit_bytes());
}

TEST_F(limit, hybrid_hierarchy)
{
	put(self->root, "/proc/self/cgroup", "1:cpu:/\n0::/u\n");
	put(self->root, "/sys/fs/cgroup/unified/u/memory.max", "104857600\n");
	put(self->root, "/sys/fs/cgroup/unified/u/memory.current", "1\n");
	limit_update(MIB);
	EXPECT_EQ(LIMIT_FAR, limit_pressure());
	EXPECT_EQ(100 * MIB, limit_bytes());
}

TEST_F(limit, version_1)
{
	put(self->root, "/proc/self/cgroup",
	    "5:devices:/x\n4:memory:/y/z\n3:cpuset:/\n");
	put(self->root, "/sys/fs/cgroup/memory/y/z/memory.limit_in_bytes",
	    "209715200\n");
	put(self->root, "/sys/fs/cgroup/memory/y/z/memory.usage_in_bytes",
	    "209000000\n");
	/* none: the largest number of pages */
	put(self->root, "/sys/fs/cgroup/memory/y/z/memory.soft_limit_in_bytes",
	    "9223372036854771712\n");
	limit_update(MIB);
	EXPECT_EQ(LIMIT_OVER, limit_pressure());
	EXPECT_EQ(200 * MIB, limit_bytes());
}

/* Memory that the kernel drops before it kills is not pressure. */
TEST_F(limit, file_pages)
{
	put(self->root, "/proc/self/cgroup", "0::/a\n");
	put(self->root, "/sys/fs/cgroup/a/memory.max", "1073741824\n");
	put(self->root, "/sys/fs/cgroup/a/memory.current", "1073000000\n");
	put(self->root, "/sys/fs/cgroup/a/memory.stat",
	    "anon 273000000\nfile 800000000\ninactive_anon 5\n"
	    "inactive_file 500000000\nactive_file 300000000\n");
	limit_update(MIB);
	EXPECT_EQ(LIMIT_FAR, limit_pressure());
	EXPECT_EQ(1024 * MIB - 573000000, limit_room());
	/* active pages are in use */
	put(self->root, "/sys/fs/cgroup/a/memory.stat",
	    "anon 973000000\ninactive_file 1000000\nactive_file 99000000\n");
	limit_update(MIB);
	EXPECT_EQ(LIMIT_OVER, limit_pressure());
	EXPECT_EQ(1024 * MIB - 1072000000, limit_room());
}

TEST_F(limit, file_pages_version_1)
{
	put(self->root, "/proc/self/cgroup", "4:memory:/y\n");
	put(self->root, "/sys/fs/cgroup/memory/y/memory.limit_in_bytes",
	    "209715200\n");
	put(self->root, "/sys/fs/cgroup/memory/y/memory.usage_in_bytes",
	    "209000000\n");
	/* the group's own, then including the groups below it */
	put(self->root, "/sys/fs/cgroup/memory/y/memory.stat",
	    "cache 1\ninactive_file 7\ntotal_cache 1\n"
	    "total_inactive_file 150000000\n");
	limit_update(MIB);
	EXPECT_EQ(LIMIT_FAR, limit_pressure());
	EXPECT_EQ(209715200 - 59000000, limit_room());
}

TEST_F(limit, room_is_of_the_nearest)
{
	EXPECT_EQ(SIZE_MAX, limit_room());
	shim_conf.limit = 100 * MIB;
	limit_update(70 * MIB);
	EXPECT_EQ(30 * MIB, limit_room());
	limit_update(170 * MIB);
	EXPECT_EQ(0, limit_room());
	EXPECT_EQ(70 * MIB, limit_over());
	put(self->root, "/proc/self/cgroup", "0::/a\n");
	put(self->root, "/sys/fs/cgroup/a/memory.max", "1073741824\n");
	put(self->root, "/sys/fs/cgroup/a/memory.current", "1073741000\n");
	limit_update(70 * MIB);
	EXPECT_EQ(824, limit_room());
	EXPECT_EQ(0, limit_over());
}

/* Inside a container the path is the host's, but the files are at the root. */
TEST_F(limit, path_of_the_host)
{
	put(self->root, "/proc/self/cgroup", "4:memory:/docker/1234\n");
	put(self->root, "/sys/fs/cgroup/memory/memory.limit_in_bytes",
	    "209715200\n");
	put(self->root, "/sys/fs/cgroup/memory/memory.usage_in_bytes", "5\n");
	limit_update(MIB);
	EXPECT_EQ(200 * MIB, limit_bytes());
}

/* Paths have room for 1024 bytes with their terminator; longer ones are ignored. */
static void put_long(const char *root, size_t len)
{
	size_t n = len - strlen(root) - strlen("/sys/fs/cgroup/memory.max"), i;
	char dir[1024], text[1200], path[1200];

	for (i = 0; i < n; i++)
		dir[i] = i % 200 ? 'd' : '/';
	dir[n] = '\0';
	snprintf(text, sizeof(text), "0::%s\n", dir);
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", dir);
	put(root, "/proc/self/cgroup", text);
	put(root, path, "104857600\n");
}

TEST_F(limit, path_that_just_fits)
{
	put_long(self->root, 1023);
	limit_update(MIB);
	EXPECT_EQ(100 * MIB, limit_bytes());
}

TEST_F(limit, path_that_does_not)
{
	put_long(self->root, 1024);
	limit_update(MIB);
	EXPECT_EQ(0, limit_bytes());
}

TEST_F(limit, nonsense)
{
	char big[4096];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	put(self->root, "/proc/self/cgroup", big);
	limit_update(MIB);
	EXPECT_EQ(LIMIT_FAR, limit_pressure());
	EXPECT_EQ(0, limit_bytes());
	memcpy(big, "0::/", 4);
	big[1500] = '\n';
	big[1501] = '\0';
	put(self->root, "/proc/self/cgroup", big);
	limit_update(MIB);
	EXPECT_EQ(LIMIT_FAR, limit_pressure());
	EXPECT_EQ(0, limit_bytes());
	/*
	 * a number too large to be true is ignored; the lines before it count
	 */
	put(self->root, "/proc/self/cgroup",
	    "\n:\n::\n0:/\n:memory:\n0::/q\n");
	put(self->root, "/sys/fs/cgroup/q/memory.max",
	    "99999999999999999999999999\n");
	limit_update(MIB);
	EXPECT_EQ(LIMIT_FAR, limit_pressure());
	EXPECT_EQ(0, limit_bytes());
	put(self->root, "/sys/fs/cgroup/q/memory.max",
	    "4611686018427387904\n");
	limit_update(MIB);
	EXPECT_EQ(0, limit_bytes());
	put(self->root, "/sys/fs/cgroup/q/memory.max", "-1\n");
	limit_update(MIB);
	EXPECT_EQ(0, limit_bytes());
	put(self->root, "/sys/fs/cgroup/q/memory.max", "209715200\n");
	limit_update(MIB);
	EXPECT_EQ(200 * MIB, limit_bytes());
	/*
	 * the root's own limit would apply to everybody, if there were such a
	 * file
	 */
	put(self->root, "/sys/fs/cgroup/memory.max", "104857600\n");
	limit_update(MIB);
	EXPECT_EQ(100 * MIB, limit_bytes());
}

/* A last line without a newline was cut off: it names no group. */
TEST_F(limit, a_line_cut_off)
{
	put(self->root, "/proc/self/cgroup", "1:cpu:/\n0::/quarter");
	put(self->root, "/sys/fs/cgroup/quarter/memory.max", "104857600\n");
	limit_update(MIB);
	EXPECT_EQ(0, limit_bytes());
	put(self->root, "/proc/self/cgroup", "1:cpu:/\n0::/quarter\n");
	limit_update(MIB);
	EXPECT_EQ(100 * MIB, limit_bytes());
}

/*
 * A value that cannot be a number of bytes is no limit, and does not wrap
 * around.
 */
TEST_F(limit, numbers_that_are_too_large)
{
	static const char *const large[] = {
		"18446744073709551616", "18446744073709551617",
		"18446744073814409216", "36893488147523960832",
		"99999999999999999999999999", "4611686018427387904",
		"18446744073709551615", "1844674407370955161600001",
	};
	unsigned int i;
	char text[64];

	put(self->root, "/proc/self/cgroup", "0::/q\n");
	put(self->root, "/sys/fs/cgroup/q/memory.current", "1000\n");
	for (i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
		snprintf(text, sizeof(text), "%s\n", large[i]);
		put(self->root, "/sys/fs/cgroup/q/memory.max", text);
		limit_update(MIB);
		EXPECT_EQ(0, limit_bytes()) {
			TH_LOG("%s", large[i]);
		}
		EXPECT_EQ(LIMIT_FAR, limit_pressure());
	}
	put(self->root, "/sys/fs/cgroup/q/memory.max", "4611686018427387903\n");
	limit_update(MIB);
	EXPECT_EQ(((size_t)1 << 62) - 1, limit_bytes());
}

/* A process without a limit is moved to a group that has one. */
TEST_F(limit, a_move_is_noticed)
{
	put(self->root, "/proc/self/cgroup", "0::/a\n");
	limit_update(0);
	EXPECT_FALSE(limit_wanted());
	EXPECT_FALSE(limit_moved());
	put(self->root, "/sys/fs/cgroup/b/memory.max", "104857600\n");
	put(self->root, "/sys/fs/cgroup/b/memory.current", "1048576\n");
	EXPECT_FALSE(limit_moved());
	put(self->root, "/proc/self/cgroup", "0::/b\n");
	EXPECT_TRUE(limit_moved());
	limit_update(0);
	EXPECT_EQ(100 * MIB, limit_bytes());
	EXPECT_FALSE(limit_moved());
	/*
	 * a forked child may be moved to any group, and reads the limits again
	 */
	limit_fork_child();
	EXPECT_TRUE(limit_wanted());
	limit_update(0);
	put(self->root, "/proc/self/cgroup", "0::/c\n");
	limit_update(0);
	EXPECT_FALSE(limit_wanted());
	limit_fork_plain();
	EXPECT_TRUE(limit_wanted());
}

/*
 * In a sandbox the known limits stay, and of the use only the heap's is known.
 */
TEST_F(limit, in_a_sandbox)
{
	put(self->root, "/proc/self/cgroup", "0::/a\n");
	put(self->root, "/sys/fs/cgroup/a/memory.max", "104857600\n");
	put(self->root, "/sys/fs/cgroup/a/memory.current", "1048576\n");
	limit_update(0);
	limit_blind(0);
	put(self->root, "/sys/fs/cgroup/a/memory.max", "1048576\n");
	put(self->root, "/proc/self/cgroup", "0::/b\n");
	EXPECT_FALSE(limit_moved());
	limit_update(99 * MIB);
	EXPECT_EQ(100 * MIB, limit_bytes());
	EXPECT_EQ(LIMIT_OVER, limit_pressure());
}

/* Nothing is read at start; a fork makes nothing stale that was not read. */
TEST_F(limit, read_when_asked_first)
{
	EXPECT_FALSE(limit_wanted());
	limit_fork_plain();
	EXPECT_FALSE(limit_wanted());
	put(self->root, "/proc/self/cgroup", "0::/a\n");
	EXPECT_TRUE(limit_moved());
	limit_update(0);
	EXPECT_FALSE(limit_moved());
	limit_fork_plain();
	EXPECT_TRUE(limit_wanted());
}

/* A process that has not looked by then does so before it enters a sandbox. */
TEST_F(limit, last_look_before_a_sandbox)
{
	put(self->root, "/proc/self/cgroup", "0::/a\n");
	put(self->root, "/sys/fs/cgroup/a/memory.max", "104857600\n");
	put(self->root, "/sys/fs/cgroup/a/memory.current", "1048576\n");
	EXPECT_EQ(0, limit_bytes());
	limit_blind(MIB);
	EXPECT_EQ(100 * MIB, limit_bytes());
	EXPECT_EQ(99 * MIB, limit_room());
	/* once */
	put(self->root, "/sys/fs/cgroup/a/memory.max", "1048576\n");
	limit_blind(MIB);
	EXPECT_EQ(100 * MIB, limit_bytes());
}

TEST_HARNESS_MAIN
