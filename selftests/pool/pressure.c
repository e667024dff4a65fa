// SPDX-License-Identifier: GPL-2.0-only
/* Under memory pressure the pool is given back, down to its floor. */
#include "harness.h"
#include <signal.h>

#define FLOOR_MB	32

FIXTURE(pressure) {
	struct pool_line sum;
	long long target_mb;
};

/* Half of what is free goes to the pool. */
FIXTURE_SETUP(pressure)
{
	ASSERT_EQ(0, params_reset());
	self->target_mb = meminfo_read("MemFree") / 1024 / 2 & ~1LL;
	if (self->target_mb > 4096)
		SKIP(_exit(255), "too much memory to fill");
	ASSERT_EQ(0, param_write("pool_floor_mb", FLOOR_MB));
	ASSERT_EQ(0, param_write("pool_target_mb", self->target_mb));
	/* zeroing takes its time: no progress for a second is the end */
	for (long long seen = -1; seen != (long long)self->sum.clean; ) {
		seen = self->sum.clean;
		sleep(1);
		ASSERT_EQ(0, pool_sum_read(&self->sum));
	}
	ASSERT_EQ(self->target_mb / 2, (long long)self->sum.clean);
}

FIXTURE_TEARDOWN(pressure)
{
	params_reset();
}

/* Take more anonymous memory than is free without the pool. */
static int eat(void *arg)
{
	size_t len = *(long long *)arg * MIB;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 1;
	/* if anybody is killed for want of memory, let it be this one */
	file_write("/proc/self/oom_score_adj", "1000");
	/* most of it at once: page by page, a debug kernel takes minutes */
	(void)!madvise(p, len, MADV_HUGEPAGE);
	for (size_t i = 0; i < len; i += OS_PAGE)
		byte_write(p + i, 1);
	return 0;
}

TEST_F(pressure, gives_memory_to_those_who_need_it)
{
	long long shrunk = stat_read("Shrunk"), need;

	need = meminfo_read("MemAvailable") / 1024 + self->target_mb / 2;
	EXPECT_EQ(0, child_run(eat, &need));
	EXPECT_LT(shrunk, stat_read("Shrunk"));
}

/* More is needed than the pool may give: who needs it does not live. */
TEST_F(pressure, keeps_the_floor)
{
	long long floor_mb = self->target_mb * 3 / 4 & ~1LL, need;
	struct pool_line low = self->sum;
	pid_t pid;
	int status;

	ASSERT_EQ(0, param_write("pool_floor_mb", floor_mb));
	need = meminfo_read("MemAvailable") / 1024 + self->target_mb / 2;
	pid = child_start(eat, &need);
	ASSERT_LT(0, pid);
	while (!waitpid(pid, &status, WNOHANG)) {
		/* without memory, now and then there is no report either */
		if (!pool_sum_read(&self->sum) && self->sum.clean < low.clean)
			low = self->sum;
		usleep(10000);
	}
	EXPECT_LE(floor_mb / 2, (long long)low.clean);
	EXPECT_GT(self->target_mb / 2, (long long)low.clean);
}

TEST_HARNESS_MAIN
