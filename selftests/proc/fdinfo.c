// SPDX-License-Identifier: GPL-2.0-only
/* /proc/PID/fdinfo of an arena: the hugearena- keys hold the right values. */
#include "harness.h"

FIXTURE(fdinfo) {
	struct arena a;
	char path[64];
};

FIXTURE_SETUP(fdinfo)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, 4));
	snprintf(self->path, sizeof(self->path), "/proc/self/fdinfo/%d",
		 self->a.fd);
}

FIXTURE_TEARDOWN(fdinfo)
{
	arena_drop(&self->a);
}

TEST_F(fdinfo, has_the_arenas_numbers)
{
	struct hugearena_stat st;

	pages_fill(self->a.base, 3 * BLOCK_LEN, 1);
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ((long long)st.id, file_key(self->path, "hugearena-id"));
	EXPECT_EQ((long long)st.size / 1024,
		  file_key(self->path, "hugearena-size"));
	EXPECT_EQ(1, file_key(self->path, "hugearena-copies"));
	EXPECT_EQ((long long)st.resident / 1024,
		  file_key(self->path, "hugearena-resident"));
	EXPECT_EQ(3, file_key(self->path, "hugearena-blocks"));
	EXPECT_EQ(0, file_key(self->path, "hugearena-split"));
}

TEST_F(fdinfo, sums_the_copies_of_a_family)
{
	int go = gate_open();
	pid_t pid;

	pages_fill(self->a.base, 3 * BLOCK_LEN, 1);
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		gate_wait(go);
		_exit(0);
	}
	EXPECT_EQ(2, file_key(self->path, "hugearena-copies"));
	EXPECT_EQ(2 * 3 * 2048, file_key(self->path, "hugearena-resident"));
	EXPECT_EQ(6, file_key(self->path, "hugearena-blocks"));
	gate_post(go);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(1, wait_for(file_key(self->path, "hugearena-copies"), 1));
}

TEST_F(fdinfo, every_other_line_is_the_kernels)
{
	static const char *const known[] = {
		"pos:", "flags:", "mnt_id:", "ino:", "lock:",
	};
	char line[256];
	size_t i;
	FILE *f = fopen(self->path, "re");

	ASSERT_NE(NULL, f);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "hugearena-", 10))
			continue;
		for (i = 0; i < ARRAY_SIZE(known); i++)
			if (!strncmp(line, known[i], strlen(known[i])))
				break;
		EXPECT_LT(i, ARRAY_SIZE(known)) {
			TH_LOG("%s", line);
		}
	}
	fclose(f);
}

TEST_HARNESS_MAIN
