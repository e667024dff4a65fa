// SPDX-License-Identifier: GPL-2.0-only
/*
 * Comes last: has anything that ran before lost memory of the kernel?  Asks
 * kmemleak, which has to look more than once, some seconds apart.
 */
#include "harness.h"

#define KMEMLEAK	"/sys/kernel/debug/kmemleak"

static char report[1 << 16];

FIXTURE(leak) { int unused; };
FIXTURE_SETUP(leak) { self->unused = 0; }
FIXTURE_TEARDOWN(leak) { }

TEST_F_TIMEOUT(leak, kmemleak_has_nothing_to_report, 600)
{
	ssize_t len;
	char *line;
	int i;

	if (file_write(KMEMLEAK, "scan"))
		SKIP(return, "no kmemleak in this kernel, or it is off");
	for (i = 0; i < 2; i++) {
		sleep(6);
		ASSERT_EQ(0, file_write(KMEMLEAK, "scan"));
	}
	len = file_read(KMEMLEAK, report, sizeof(report));
	ASSERT_LE(0, len);
	EXPECT_EQ(0, len) {
		for (line = strtok(report, "\n"); line;
		     line = strtok(NULL, "\n"))
			printf("# %s\n", line);
	}
}

TEST_HARNESS_MAIN
