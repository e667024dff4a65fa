// SPDX-License-Identifier: GPL-2.0-only
/* Under memory pressure the pool is given back, down to its floor. */
#include "harness.h"
#include <signal.h>

#define FLOOR_MB	32

FIXTURE(pressure) {
	struct pool_line sum;
	long long target_mb;
};

/* Half of the free memory goes to the pool. */
FIXTURE_SETUP(pressure)
{
	ASSERT_EQ(0, params_reset());
	self->target_mb = meminfo_read("MemFree") / 1024 / 2 & ~1LL;
	if (self->target_mb > 4096)
		SKIP(_exit(255), "too much memory to fill");
	ASSERT_EQ(0, param_write("pool_floor_mb", FLOOR_MB));
	ASSERT_EQ(0, param_write("pool_target_mb", self->target_mb));
	/* zeroing is slow: give up after half a minute without progress */
	for (int stalled = 0; stalled < 30; stalled++) {
		long long seen = self->sum.clean;

		sleep(1);
		ASSERT_EQ(0, pool_sum_read(&self->sum));
		if ((long long)self->sum.clean == self->target_mb / 2)
			break;
		if (seen != (long long)self->sum.clean)
			stalled = 0;
	}
	ASSERT_EQ(self->target_mb / 2, (long long)self->sum.clean);
}

FIXTURE_TEARDOWN(pressure)
{
	params_reset();
}

TEST_F(pressure, gives_memory_to_those_who_need_it)
{
	long long shrunk = stat_read("Shrunk"), need;

	need = meminfo_read("MemAvailable") / 1024 + self->target_mb / 2;
	EXPECT_EQ(0, child_run(memory_eat, &need));
	EXPECT_LT(shrunk, stat_read("Shrunk"));
}

/* More memory is needed than the pool may give: the process is killed. */
TEST_F(pressure, keeps_the_floor)
{
	long long floor_mb = self->target_mb * 3 / 4 & ~1LL, need;
	struct pool_line low = self->sum;
	pid_t pid, spares[MEMORY_SPARES];
	int status;

	ASSERT_EQ(0, param_write("pool_floor_mb", floor_mb));
	EXPECT_EQ(0, memory_spares_start(spares));
	need = meminfo_read("MemAvailable") / 1024 + self->target_mb / 2;
	pid = child_start(memory_eat, &need);
	ASSERT_LT(0, pid);
	while (!waitpid(pid, &status, WNOHANG)) {
		/* without memory, a report cannot always be read either */
		if (!pool_sum_read(&self->sum) && self->sum.clean < low.clean)
			low = self->sum;
		usleep(10000);
	}
	memory_spares_end(spares);
	EXPECT_LE(floor_mb / 2, (long long)low.clean);
	EXPECT_GT(self->target_mb / 2, (long long)low.clean);
}

TEST_HARNESS_MAIN
