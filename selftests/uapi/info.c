// SPDX-License-Identifier: GPL-2.0-only
/* HUGEARENA_IOC_INFO tells what the module offers, and it is true. */
#include "harness.h"
#include <sys/ioctl.h>

FIXTURE(info) {
	int dev;
	struct hugearena_info info;
};

FIXTURE_SETUP(info)
{
	ASSERT_EQ(0, params_reset());
	self->dev = device_open();
	ASSERT_LE(0, self->dev);
	memset(&self->info, 0xff, sizeof(self->info));
	ASSERT_EQ(0, ioctl(self->dev, HUGEARENA_IOC_INFO, &self->info));
}

FIXTURE_TEARDOWN(info)
{
	params_reset();
	close(self->dev);
}

TEST_F(info, names_only_known_features)
{
	EXPECT_EQ(0, self->info.features &
		  ~(HUGEARENA_FEAT_RELEASE | HUGEARENA_FEAT_JOIN |
		    HUGEARENA_FEAT_BLOCKS | HUGEARENA_FEAT_ACCESSED |
		    HUGEARENA_FEAT_RESERVE | HUGEARENA_FEAT_VIEW |
		    HUGEARENA_FEAT_DIRTY | HUGEARENA_FEAT_MESH |
		    HUGEARENA_FEAT_SHARED | HUGEARENA_FEAT_MOVE |
		    HUGEARENA_FEAT_SPLIT));
}

TEST_F(info, offers_what_has_an_ioctl)
{
	__u64 want = HUGEARENA_FEAT_RELEASE | HUGEARENA_FEAT_JOIN |
		     HUGEARENA_FEAT_BLOCKS | HUGEARENA_FEAT_VIEW |
		     HUGEARENA_FEAT_MESH | HUGEARENA_FEAT_SHARED |
		     HUGEARENA_FEAT_MOVE | HUGEARENA_FEAT_SPLIT;

	EXPECT_EQ(want, self->info.features & want);
}

TEST_F(info, block_size_is_2_mib)
{
	EXPECT_EQ(BLOCK_LEN, self->info.block_size);
}

TEST_F(info, max_size_is_whole_blocks)
{
	EXPECT_LT(0, self->info.max_size);
	EXPECT_EQ(0, self->info.max_size % BLOCK_LEN);
}

TEST_F(info, kinds)
{
	EXPECT_EQ(1ULL << HUGEARENA_KIND_BLOCKS |
		  1ULL << HUGEARENA_KIND_PAGES, self->info.kinds);
}

TEST_F(info, reserved_is_zero)
{
	EXPECT_EQ(0, bytes_other(self->info.reserved,
				 sizeof(self->info.reserved), 0));
}

TEST_F(info, no_limit_by_default)
{
	EXPECT_EQ(0, self->info.global_limit);
	EXPECT_EQ(0, self->info.user_limit);
	EXPECT_EQ(0, self->info.cgroup_limit);
}

TEST_F(info, limits_follow_the_parameters)
{
	ASSERT_EQ(0, param_write("max_mb", 1000));
	ASSERT_EQ(0, param_write("user_mb", 500));
	ASSERT_EQ(0, param_write("cgroup_mb", 250));
	ASSERT_EQ(0, ioctl(self->dev, HUGEARENA_IOC_INFO, &self->info));
	EXPECT_EQ(1000 * MIB, self->info.global_limit);
	EXPECT_EQ(500 * MIB, self->info.user_limit);
	EXPECT_EQ(250 * MIB, self->info.cgroup_limit);
}

TEST_F(info, user_bytes_follow_the_arenas)
{
	__u64 before = self->info.user_bytes;
	struct arena a;

	ASSERT_EQ(0, arena_make(&a, 8));
	pages_fill(a.base, 3 * BLOCK_LEN, 1);
	ASSERT_EQ(0, ioctl(self->dev, HUGEARENA_IOC_INFO, &self->info));
	EXPECT_EQ(before + 3 * BLOCK_LEN, self->info.user_bytes);
	arena_drop(&a);
	ASSERT_EQ(0, ioctl(self->dev, HUGEARENA_IOC_INFO, &self->info));
	EXPECT_EQ(before, self->info.user_bytes);
}

TEST_F(info, bad_address_is_efault)
{
	EXPECT_ERRNO(EFAULT, ioctl(self->dev, HUGEARENA_IOC_INFO, 16));
}

TEST_HARNESS_MAIN
