// SPDX-License-Identifier: GPL-2.0-only
/* Parameter empty_node takes a node that can be emptied, and no other. */
#include "harness.h"

TEST(what_it_takes)
{
	ASSERT_EQ(0, params_reset());
	EXPECT_EQ(-1, param_read("empty_node"));
	EXPECT_ERRNO(ENODEV, param_write("empty_node", 1000));
	EXPECT_ERRNO(ENODEV, param_write("empty_node", -2));
	if (access("/sys/devices/system/node/node1", F_OK))
		EXPECT_ERRNO(EBUSY, param_write("empty_node", 0));
	EXPECT_EQ(-1, param_read("empty_node"));
}

TEST_HARNESS_MAIN
