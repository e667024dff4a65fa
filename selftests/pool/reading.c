// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel reclaims page cache all the time.  That takes nothing from the
 * pool; what a real shortage took comes back when the shortage is over.
 */
#include "harness.h"
#include <fcntl.h>
#include <signal.h>
#include "disk.h"

FIXTURE(reading) {
	struct pool_line sum;
	long long blocks;
};

/* A quarter of the free memory goes to the pool. */
FIXTURE_SETUP(reading)
{
	long long mb = meminfo_read("MemFree") / 1024 / 4 & ~1LL;

	ASSERT_EQ(0, params_reset());
	if (mb > 1024)
		SKIP(_exit(255), "too much memory to read a disk of that size");
	ASSERT_EQ(0, param_write("pool_target_mb", mb));
	self->blocks = mb / 2;
	ASSERT_EQ(self->blocks, wait_for((pool_sum_read(&self->sum),
					  self->sum.clean), self->blocks));
}

FIXTURE_TEARDOWN(reading)
{
	params_reset();
}

/* Read more of a disk than there is memory. */
static int read_disk(void)
{
	long long left = meminfo_read("MemTotal") / 1024 * 5 / 4, n;
	int fd = disk_open_cached();
	char *buf = malloc(MIB);

	if (fd < 0 || !buf)
		return -1;
	for (; left > 0; left--) {
		n = read(fd, buf, MIB);
		if (n != (long long)MIB)
			break;
	}
	free(buf);
	close(fd);
	return left > 0 ? -1 : 0;
}

TEST_F(reading, a_disk_takes_nothing)
{
	long long shrunk = stat_read("Shrunk");

	if (access("/dev/ram0", R_OK))
		SKIP(return, "no /dev/ram0 to read");
	ASSERT_EQ(0, read_disk());
	ASSERT_EQ(0, pool_sum_read(&self->sum));
	EXPECT_EQ(self->blocks, (long long)self->sum.clean);
	EXPECT_EQ(self->blocks, (long long)self->sum.target);
	EXPECT_EQ(0, self->sum.lent);
	EXPECT_EQ(shrunk, stat_read("Shrunk"));
}

TEST_F(reading, a_shortage_borrows)
{
	long long need = meminfo_read("MemAvailable") / 1024 + self->blocks;

	EXPECT_EQ(0, child_run(memory_eat, &need));
	ASSERT_EQ(0, pool_sum_read(&self->sum));
	/* the target that the administrator set is unchanged */
	EXPECT_EQ(self->blocks, (long long)self->sum.target);
	EXPECT_EQ(self->blocks, wait_for((pool_sum_read(&self->sum),
					  self->sum.clean), self->blocks));
	EXPECT_EQ(0, self->sum.lent);
}

TEST_F(reading, a_new_target_ends_the_loan)
{
	long long need = meminfo_read("MemAvailable") / 1024 + self->blocks;

	EXPECT_EQ(0, child_run(memory_eat, &need));
	ASSERT_EQ(0, param_write("pool_target_mb", 32));
	ASSERT_EQ(0, pool_sum_read(&self->sum));
	EXPECT_EQ(0, self->sum.lent);
	EXPECT_EQ(16, wait_for((pool_sum_read(&self->sum), self->sum.clean),
			       16));
}

TEST_HARNESS_MAIN
