// SPDX-License-Identifier: GPL-2.0-only
/* hugearena pool: shows the pool, sets it, knows what it costs. */
#include "harness.h"
#include "tool.h"

FIXTURE(pool) {
};

FIXTURE_SETUP(pool)
{
	TOOL_NEED_MODULE();
	ASSERT_EQ(0, params_reset());
}

FIXTURE_TEARDOWN(pool)
{
	params_reset();
}

TEST_F(pool, set_and_shown)
{
	struct pool_line sum;
	json_t *root;

	root = tool_json("pool --target 16M --floor 4M --wait --json");
	ASSERT_NE(NULL, root);
	EXPECT_EQ(TOOL_OK, tool_status);
	EXPECT_EQ(16, param_read("pool_target_mb"));
	EXPECT_EQ(4, param_read("pool_floor_mb"));
	ASSERT_EQ(0, pool_sum_read(&sum));
	EXPECT_EQ(8, sum.clean);
	EXPECT_EQ(16 * MIB, json_number_at(root, "held_bytes"));
	EXPECT_EQ(16 * MIB, json_number_at(root, "target_bytes"));
	EXPECT_EQ(4 * MIB, json_number_at(root, "floor_bytes"));
	EXPECT_EQ(8, json_number_at(root, "nodes.0.clean"));
	json_decref(root);
	EXPECT_EQ(TOOL_OK, tool("pool"));
	EXPECT_NE(NULL, strstr(tool_out, "16.0 MiB zeroed"));
	EXPECT_EQ(TOOL_OK, tool("pool --target 0 --floor 0 --wait"));
	ASSERT_EQ(0, pool_sum_read(&sum));
	EXPECT_EQ(0, sum.clean + sum.dirty);
}

TEST_F(pool, dry_run_changes_nothing)
{
	json_t *root;

	root = tool_json("pool --target 32M --dry-run --json");
	ASSERT_NE(NULL, root);
	EXPECT_EQ(32 * MIB, json_number_at(root, "cost_bytes"));
	EXPECT_EQ(0, param_read("pool_target_mb"));
	json_decref(root);
	EXPECT_EQ(TOOL_OK, tool("pool --target 32M --dry-run"));
	EXPECT_NE(NULL, strstr(tool_out, "32.0 MiB more of"));
}

TEST_F(pool, more_than_there_is_wants_force)
{
	EXPECT_EQ(TOOL_FAILED, tool("pool --target 64T"));
	EXPECT_NE(NULL, strstr(tool_err, "--force"));
	EXPECT_EQ(0, param_read("pool_target_mb"));
}

static int set_as_nobody(void *arg)
{
	return user_become(65534) ? 99 : tool("pool --target 2M");
}

TEST_F(pool, setting_is_for_root)
{
	tool_dir();
	EXPECT_EQ(TOOL_NO_RIGHT, child_run(set_as_nobody, NULL));
	EXPECT_EQ(0, param_read("pool_target_mb"));
}

TEST(wrong_sizes)
{
	EXPECT_EQ(TOOL_USAGE, tool("pool --target 3M"));
	EXPECT_EQ(TOOL_USAGE, tool("pool --target nonsense"));
	EXPECT_EQ(TOOL_USAGE, tool("pool --target 2X"));
}

TEST(without_the_module)
{
	setenv("HUGEARENA_PROC", "/nonexistent", 1);
	EXPECT_EQ(TOOL_NO_MODULE, tool("pool"));
	unsetenv("HUGEARENA_PROC");
}

TEST_HARNESS_MAIN
