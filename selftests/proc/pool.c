// SPDX-License-Identifier: GPL-2.0-only
/* /proc/hugearena/pool: its format. */
#include "harness.h"

TEST(header)
{
	char line[256];
	FILE *f = fopen(PROC_POOL, "re");

	ASSERT_NE(NULL, f);
	ASSERT_NE(NULL, fgets(line, sizeof(line), f));
	EXPECT_STREQ("# node clean dirty target floor out failed lent bad\n", line);
	fclose(f);
}

TEST(every_line_has_nine_numbers)
{
	char line[256], rest[2];
	unsigned long long v[9];
	int lines = 0;
	FILE *f = fopen(PROC_POOL, "re");

	ASSERT_NE(NULL, f);
	ASSERT_NE(NULL, fgets(line, sizeof(line), f));
	while (fgets(line, sizeof(line), f)) {
		EXPECT_EQ(9, sscanf(line, "%llu %llu %llu %llu %llu %llu %llu %llu %llu %1s",
				    &v[0], &v[1], &v[2], &v[3], &v[4], &v[5],
				    &v[6], &v[7], &v[8], rest));
		lines++;
	}
	EXPECT_LT(0, lines);
	fclose(f);
}

TEST_HARNESS_MAIN
