// SPDX-License-Identifier: GPL-2.0-only
/* Who may open the device, and what others may know. */
#include "harness.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define SOMEBODY	54321

TEST(device_is_a_character_device_0660)
{
	struct stat st;

	ASSERT_EQ(0, stat(HUGEARENA_DEVICE, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(0660, st.st_mode & 07777);
	EXPECT_EQ(0, st.st_uid);
}

static int open_as_somebody(void *arg)
{
	int flags = *(int *)arg;
	struct stat st;

	if (user_become(SOMEBODY))
		return 1;
	/* the path can be searched: it is the device that refuses */
	if (stat(HUGEARENA_DEVICE, &st))
		return 2;
	if (open(HUGEARENA_DEVICE, flags) != -1)
		return 3;
	return errno == EACCES ? 0 : 4;
}

TEST(others_cannot_open_it)
{
	int flags[] = { O_RDWR, O_RDONLY, O_WRONLY };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flags); i++)
		EXPECT_EQ(0, child_run(open_as_somebody, &flags[i]));
}

/*
 * A device opened by its owner can be passed on: the permission is checked at
 * open().
 */
static int use_as_somebody(void *arg)
{
	int dev = *(int *)arg;
	struct arena a;

	if (user_become(SOMEBODY))
		return 1;
	if (arena_make_on(&a, dev, 2, HUGEARENA_NODE_LOCAL))
		return 2;
	pages_fill(a.base, a.size, 1);
	return pages_wrong(a.base, a.size, 1) ? 3 : 0;
}

TEST(an_open_device_can_be_passed_on)
{
	int dev = device_open();

	ASSERT_LE(0, dev);
	ASSERT_EQ(0, params_reset());
	EXPECT_EQ(0, child_run(use_as_somebody, &dev));
	close(dev);
}

static int pfn_as_somebody(void *arg)
{
	struct hugearena_block block;
	struct arena *a = arg;

	if (user_become(SOMEBODY))
		return 1;
	/* the copy that fork made */
	if (arena_block(a, 0, &block))
		return 2;
	if (block.state != HUGEARENA_BLOCK_WHOLE)
		return 3;
	return block.pfn ? 4 : 0;
}

TEST(page_frame_numbers_are_for_the_administrator)
{
	struct hugearena_block block;
	struct arena a;

	ASSERT_EQ(0, arena_make(&a, 1));
	byte_write(a.base, 1);
	ASSERT_EQ(0, arena_block(&a, 0, &block));
	EXPECT_NE(0, block.pfn);
	EXPECT_EQ(0, block.pfn % BLOCK_PAGES);
	EXPECT_EQ(0, child_run(pfn_as_somebody, &a));
	arena_drop(&a);
}

static int param_write_as_somebody(void *arg)
{
	if (user_become(SOMEBODY))
		return 1;
	if (param_read(arg) < 0)
		return 2;
	if (param_write(arg, 1) != -1)
		return 3;
	return errno == EACCES ? 0 : 4;
}

TEST(parameters_are_the_administrators)
{
	static const char *const names[] = {
		"pool_target_mb", "pool_floor_mb", "max_mb", "user_mb",
		"cgroup_mb", "cgroup_level", "reserve_max",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		EXPECT_EQ(0, child_run(param_write_as_somebody,
				       (void *)names[i]));
}

TEST(parameters_refuse_nonsense)
{
	static const char *const names[] = {
		"pool_target_mb", "pool_floor_mb", "max_mb", "user_mb",
		"cgroup_mb", "cgroup_level", "reserve_max",
	};
	char path[128];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path),
			 "/sys/module/hugearena/parameters/%s", names[i]);
		EXPECT_ERRNO(EINVAL, file_write(path, "nonsense"));
		EXPECT_ERRNO(EINVAL, file_write(path, "-1"));
	}
}

TEST_HARNESS_MAIN
