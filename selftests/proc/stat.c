// SPDX-License-Identifier: GPL-2.0-only
/* /proc/hugearena/stat: its format, and that its numbers are right. */
#include "harness.h"

#define BLOCKS	8

/* One number a line; a '+' stands for " kB" after it. */
static const char *const keys[] = {
	"Arenas", "Size+", "Resident+", "Blocks", "Split", "Pages", "Shared",
	"Reserve", "FaultReserve", "FaultPool", "FaultDemand", "FaultSmall",
	"FaultMap", "CowPages", "CowBlocks", "CowReused", "Forks",
	"ForkFailed", "ForkCopied", "Lost", "Released+", "Splits", "Joined",
	"JoinBusy", "JoinFailed", "Pinned", "Recycled", "QuotaDenied",
	"HugeFailed", "Shrunk",
};

/* "Key:", tab, digits, " kB" if so; -1 if @line is anything else. */
static int line_parse(const char *line, const char *key)
{
	size_t n = strcspn(key, "+");
	int kb = key[n] == '+';

	if (strncmp(line, key, n) || line[n] != ':')
		return -1;
	line += n + 1;
	if (*line++ != '\t')
		return -1;
	n = strspn(line, "0123456789");
	if (!n)
		return -1;
	return strcmp(line + n, kb ? " kB\n" : "\n") ? -1 : 0;
}

TEST(has_these_lines_in_this_order)
{
	char line[256];
	size_t i = 0;
	FILE *f = fopen(PROC_STAT, "re");

	ASSERT_NE(NULL, f);
	while (fgets(line, sizeof(line), f)) {
		/* more lines may follow */
		if (i == ARRAY_SIZE(keys))
			break;
		EXPECT_EQ(0, line_parse(line, keys[i])) {
			TH_LOG("line %zu: %s", i + 1, line);
		}
		i++;
	}
	EXPECT_EQ(ARRAY_SIZE(keys), i);
	fclose(f);
}

TEST(is_readable_by_all_and_writable_by_none)
{
	EXPECT_EQ(0, access(PROC_STAT, R_OK));
	EXPECT_EQ(-1, file_write(PROC_STAT, "0"));
}

ARENA_FIXTURE(stat, BLOCKS)

TEST_F(stat, size_counts_address_space)
{
	long long arenas = stat_read("Arenas"), size = stat_read("Size");
	struct arena b;

	ASSERT_EQ(0, arena_make(&b, 4));
	EXPECT_EQ(arenas + 1, stat_read("Arenas"));
	EXPECT_EQ(size + 4 * 2048, stat_read("Size"));
	arena_drop(&b);
	EXPECT_EQ(arenas, stat_read("Arenas"));
	EXPECT_EQ(size, stat_read("Size"));
}

TEST_F(stat, blocks_and_pages_add_up_to_resident)
{
	long long blocks, pages;

	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, arena_punch(&self->a, 100 * OS_PAGE, 600 * OS_PAGE));
	blocks = stat_read("Blocks");
	pages = stat_read("Pages");
	EXPECT_EQ(blocks * 2048 + pages * 4, stat_read("Resident"));
}

static int touch_all(void *arg)
{
	struct arena *a = arg;

	pages_fill(a->base, a->size, 2);
	return 0;
}

TEST_F(stat, shared_memory_counts_once)
{
	long long before;
	int go = gate_open();
	pid_t pid;

	pages_fill(self->a.base, self->a.size, 1);
	before = stat_read("Resident");
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		gate_wait(go);
		_exit(0);
	}
	EXPECT_EQ(before, stat_read("Resident"));
	gate_post(go);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(before, stat_read("Resident"));
}

TEST_F(stat, everything_is_back_after_a_busy_child)
{
	static const char *const back[] = {
		"Arenas", "Size", "Resident", "Blocks", "Split", "Pages",
		"Shared", "Lost",
	};
	long long before[ARRAY_SIZE(back)];
	size_t i;

	pages_fill(self->a.base, self->a.size, 1);
	for (i = 0; i < ARRAY_SIZE(back); i++)
		before[i] = stat_read(back[i]);
	EXPECT_EQ(0, child_run(touch_all, &self->a));
	for (i = 0; i < ARRAY_SIZE(back); i++)
		EXPECT_EQ(before[i], wait_for(stat_read(back[i]),
					      before[i])) {
			TH_LOG("key %zu", i);
		}
}

TEST_HARNESS_MAIN
