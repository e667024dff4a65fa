// SPDX-License-Identifier: GPL-2.0-only
/* /proc/hugearena/arenas: its format, and a line for every arena. */
#include <sys/prctl.h>
#include <sys/stat.h>

#include "harness.h"

#define HEADER	"# id pid name size_kb resident_kb blocks split shared lost " \
		"f_reserve f_pool f_demand f_small f_map cow_pages " \
		"cow_blocks released_kb joined reserve forks inode kind " \
		"meshed_kb mode\n"

FIXTURE(arenas) {
	struct arena a;
	struct hugearena_stat st;
	struct arena_line line;
};

FIXTURE_SETUP(arenas)
{
	struct hugearena_create c = {
		.size = 8 * BLOCK_LEN,
		.node = HUGEARENA_NODE_LOCAL,
		.name = "a-test/name:1",
	};
	int dev = device_open();

	ASSERT_EQ(0, params_reset());
	ASSERT_LE(0, dev);
	self->a.fd = arena_create_on(dev, &c);
	ASSERT_LE(0, self->a.fd);
	self->a.size = c.size;
	self->a.base = mmap(NULL, c.size, PROT_READ | PROT_WRITE, MAP_SHARED,
			    self->a.fd, 0);
	ASSERT_NE(MAP_FAILED, self->a.base);
	close(dev);
}

FIXTURE_TEARDOWN(arenas)
{
	arena_drop(&self->a);
}

TEST_F(arenas, header)
{
	char line[512];
	FILE *f = fopen(PROC_ARENAS, "re");

	ASSERT_NE(NULL, f);
	ASSERT_NE(NULL, fgets(line, sizeof(line), f));
	EXPECT_STREQ(HEADER, line);
	fclose(f);
}

TEST_F(arenas, every_line_has_all_fields)
{
	char line[512], *rest, *word;
	FILE *f = fopen(PROC_ARENAS, "re");
	int n, lines = 0;

	ASSERT_NE(NULL, f);
	ASSERT_NE(NULL, fgets(line, sizeof(line), f));
	while (fgets(line, sizeof(line), f)) {
		n = 0;
		for (word = strtok_r(line, " \n", &rest); word;
		     word = strtok_r(NULL, " \n", &rest))
			n++;
		EXPECT_EQ(24, n);
		lines++;
	}
	fclose(f);
	EXPECT_EQ(stat_read("Arenas"), lines);
}

TEST_F(arenas, says_what_the_ioctl_says)
{
	struct stat file;

	pages_fill(self->a.base, 5 * BLOCK_LEN, 1);
	ASSERT_EQ(0, arena_punch(&self->a, OS_PAGE, BLOCK_LEN));
	byte_write(self->a.base + OS_PAGE, 1);
	ASSERT_EQ(0, madvise(self->a.base, self->a.size, MADV_DONTNEED));
	byte_write(self->a.base + 4 * BLOCK_LEN, 1);
	ASSERT_EQ(0, arena_join(&self->a, 0, BLOCK_LEN, NULL));
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	ASSERT_EQ(0, arena_line_read(self->st.id, &self->line));
	EXPECT_EQ(getpid(), self->line.pid);
	EXPECT_STREQ("a-test/name:1", self->line.name);
	EXPECT_EQ(self->st.size / 1024, self->line.size_kb);
	EXPECT_EQ(self->st.resident / 1024, self->line.resident_kb);
	EXPECT_EQ(self->st.blocks, self->line.blocks);
	EXPECT_EQ(self->st.split, self->line.split);
	EXPECT_EQ(self->st.shared, self->line.shared);
	EXPECT_EQ(self->st.lost, self->line.lost);
	EXPECT_EQ(self->st.fault_reserve, self->line.f_reserve);
	EXPECT_EQ(self->st.fault_pool, self->line.f_pool);
	EXPECT_EQ(self->st.fault_demand, self->line.f_demand);
	EXPECT_EQ(self->st.fault_small, self->line.f_small);
	EXPECT_EQ(self->st.fault_map, self->line.f_map);
	EXPECT_EQ(self->st.cow_pages, self->line.cow_pages);
	EXPECT_EQ(self->st.cow_blocks, self->line.cow_blocks);
	EXPECT_EQ(self->st.released / 1024, self->line.released_kb);
	EXPECT_EQ(self->st.joined, self->line.joined);
	EXPECT_EQ(self->st.reserve, self->line.reserve);
	EXPECT_EQ(self->st.forks, self->line.forks);
	ASSERT_EQ(0, fstat(self->a.fd, &file));
	EXPECT_EQ(file.st_ino, self->line.inode);
	/* the calls above left numbers to compare */
	EXPECT_EQ(5, self->line.f_demand);
	EXPECT_EQ(1, self->line.joined);
	EXPECT_EQ(2048, self->line.released_kb);
}

TEST_F(arenas, without_a_name_it_is_the_commands)
{
	char comm[32];
	struct arena b;

	ASSERT_LT(0, file_read("/proc/self/comm", comm, sizeof(comm)));
	comm[strcspn(comm, "\n")] = '\0';
	ASSERT_EQ(0, arena_make(&b, 1));
	ASSERT_EQ(0, arena_stat(&b, &self->st));
	ASSERT_EQ(0, arena_line_read(self->st.id, &self->line));
	EXPECT_STREQ(comm, self->line.name);
	arena_drop(&b);
	EXPECT_EQ(-1, arena_line_read(self->st.id, &self->line));
}

TEST_F(arenas, a_childs_line_has_its_pid)
{
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		if (arena_stat(&self->a, &self->st) ||
		    arena_line_read(self->st.id, &self->line))
			_exit(1);
		_exit(self->line.pid == getpid() ? 0 : 2);
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(arenas, hundred_arenas_are_hundred_lines)
{
	static struct arena b[100];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(b); i++) {
		ASSERT_EQ(0, arena_make(&b[i], 1));
		byte_write(b[i].base, 1);
	}
	for (i = 0; i < ARRAY_SIZE(b); i++) {
		ASSERT_EQ(0, arena_stat(&b[i], &self->st));
		ASSERT_EQ(0, arena_line_read(self->st.id, &self->line));
		EXPECT_EQ(1, self->line.blocks);
	}
	for (i = 0; i < ARRAY_SIZE(b); i++)
		arena_drop(&b[i]);
}

static int finds_no_line(void *arg)
{
	struct arena_line line;
	char buf[64];

	if (user_become(54321))
		return 1;
	if (!arena_line_read(*(__u64 *)arg, &line))
		return 2;
	/* how long other users' faults took is private, too */
	if (file_read(PROC_LATENCY, buf, sizeof(buf)) > 0)
		return 3;
	return stat_read("Arenas") < 1 ? 4 : 0;
}

TEST_F(arenas, others_names_are_not_shown)
{
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(0, child_run(finds_no_line, &self->st.id));
}

static int finds_its_own(void *arg)
{
	struct hugearena_stat st;
	struct arena_line line;
	struct arena a;

	if (user_become(54321))
		return 1;
	/* after a change of user the new user cannot trace it, until an exec */
	if (prctl(PR_SET_DUMPABLE, 1))
		return 2;
	if (arena_make_on(&a, *(int *)arg, 1, HUGEARENA_NODE_LOCAL) ||
	    arena_stat(&a, &st))
		return 3;
	if (arena_line_read(st.id, &line) || line.pid != getpid())
		return 4;
	if (prctl(PR_SET_DUMPABLE, 0))
		return 5;
	return arena_line_read(st.id, &line) ? 0 : 6;
}

TEST_F(arenas, ones_own_are)
{
	int dev = device_open();

	ASSERT_LE(0, dev);
	EXPECT_EQ(0, child_run(finds_its_own, &dev));
	close(dev);
}

TEST_HARNESS_MAIN
